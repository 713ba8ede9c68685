"""Where the command line's log goes."""

import json
import logging
import logging.config
import os
import tomllib
from typing import Any

from asynchttp._config import Settings
from asynchttp._failure import FAILED, USAGE, Failure

__all__ = ["configure", "load_config", "reset"]

#: Of the handler that is made here.
_NAME = "asynchttp command line"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def load_config(settings: Settings) -> dict[str, Any] | None:
    """Read ``--log-config``, if its format is one that becomes a dict; otherwise only look whether it is there."""
    path = settings.log_config
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            if path.endswith(".toml"):
                return tomllib.load(file)
            if path.endswith(".json"):
                content = json.load(file)
                if not isinstance(content, dict):
                    raise ValueError("not a JSON object")
                return content
    except OSError as error:
        settings.refuse("log_config", f"cannot read {path}: {error.strerror}")
    except ValueError as error:
        settings.refuse("log_config", f"{path}: {error}")
    return None


def configure(settings: Settings) -> None:
    """Set up :mod:`logging`.

    Raises: :exc:`Failure` for a configuration that :mod:`logging` refuses, or a file that can't be opened.
    """
    content = load_config(settings)
    level = settings.log_level.upper()
    if settings.log_config is not None:
        try:
            if content is not None:
                logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **content})
            else:
                logging.config.fileConfig(settings.log_config, disable_existing_loggers=False)
        except Exception as error:  # whatever its factories raise
            cause = error.__cause__ or error
            raise Failure(f"{settings.origin('log_config')}: {settings.log_config}: {error}: {cause}", USAGE) from error
        if settings.is_given("log_level"):
            logging.getLogger("asynchttp").setLevel(level)
        return
    handler: logging.Handler
    if settings.log_file is not None:
        try:
            handler = logging.FileHandler(os.path.abspath(settings.log_file))
        except OSError as error:
            message = f"cannot write {settings.log_file}: {error.strerror}"
            raise Failure(f"{settings.origin('log_file')}: {message}", FAILED) from error
    else:
        handler = logging.StreamHandler()
    # No effect where the application has configured logging itself.
    handler.set_name(_NAME)
    logging.basicConfig(format=_FORMAT, handlers=[handler], level=level)
    if settings.is_given("log_level"):
        logging.getLogger("asynchttp").setLevel(level)


def reset() -> None:
    """Take away what :func:`configure` has set up without ``--log-config``: the application of a worker comes first."""
    for handler in logging.root.handlers[:]:
        if handler.get_name() == _NAME:
            logging.root.removeHandler(handler)
            handler.close()
