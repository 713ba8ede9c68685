"""Where the command line's log goes."""

import logging
import os
from collections.abc import Callable

from asynchttp import _logging
from asynchttp._config import Settings
from asynchttp._failure import FAILED, Failure
from asynchttp._loghandlers import AccessFileHandler, AccessStreamHandler
from asynchttp.log import access_log

__all__ = ["check", "configure", "reset"]

#: Of the handlers that are made here.
_NAME = "asynchttp command line"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def check(settings: Settings) -> None:
    """Raise :exc:`Failure` if ``--log-config`` can't be read."""
    path = settings.log_config
    if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
        settings.refuse("log_config", f"cannot read {path}")


def configure(settings: Settings) -> None:
    """Set up :mod:`logging`.

    Raises: :exc:`Failure` for a configuration that :mod:`logging` refuses, or a file that can't be opened.
    """
    check(settings)
    if settings.log_config is not None:
        try:
            _logging.load_config(settings.log_config)
        except (OSError, ValueError) as error:
            settings.refuse("log_config", str(error))
    else:
        handler = _file_handler(settings, "log_file", logging.FileHandler) or logging.StreamHandler()
        handler.set_name(_NAME)
        # No effect where the application has configured logging itself.
        logging.basicConfig(format=_FORMAT, handlers=[handler], level=settings.log_level.upper())
        if settings.access_log:
            access = _file_handler(settings, "access_log_file", AccessFileHandler) or AccessStreamHandler()
            access.set_name(_NAME)
            access_log.addHandler(access)
            access_log.setLevel(logging.INFO)
            access_log.propagate = False
    if settings.is_given("log_level"):
        logging.getLogger("asynchttp").setLevel(settings.log_level.upper())


def _file_handler(settings: Settings, key: str, kind: Callable[[str], logging.Handler]) -> logging.Handler | None:
    path = getattr(settings, key)
    if path is None:
        return None
    try:
        # Now: some open their file with the first record.
        with open(path, "a", encoding="utf-8"):
            return kind(os.path.abspath(path))
    except OSError as error:
        raise Failure(f"{settings.origin(key)}: cannot write {path}: {error.strerror}", FAILED) from error


def reset() -> None:
    """Take away what :func:`configure` has set up without ``--log-config``: the application of a worker comes first."""
    for logger in (logging.root, access_log):
        for handler in logger.handlers[:]:
            if handler.get_name() == _NAME:
                logger.removeHandler(handler)
                handler.close()
