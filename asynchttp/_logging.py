"""Where the records of the package go: what the command line sets up, and programs may.

The package itself only logs, by :mod:`logging`; nothing here happens by itself.
"""

import io
import json
import logging
import logging.config
import pathlib
import sys
import time
import tomllib
from typing import Any, Final

from asynchttp._loghandlers import AccessFileHandler, AccessStreamHandler

__all__ = ["JSONFormatter", "configure", "load_config"]

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

#: What every record has: the rest is what somebody added to it.
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


#: Marks the handlers that configure() made.
_OURS: Final = "_asynchttp"


class JSONFormatter(logging.Formatter):
    """One JSON object in a line: ``timestamp``, ``level``, ``logger``, ``message``, ``exception``, added attributes."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def configure(
    level: int | str = logging.INFO,
    config: str | None = None,
    *,
    access_file: str | None = None,
    as_json: bool = False,
) -> None:
    """Let the package's loggers write somewhere.

    Args:
        level: of ``asynchttp.general`` and ``asynchttp.application``, which go to standard error.
        config: a file that says instead where everything goes: see :func:`load_config`. The other arguments don't
            count then.
        access_file: where ``asynchttp.access`` goes: ``"-"`` is standard output; ``None``: nowhere. Which lines
            there are, ``HTTPServer(access_log=…)`` says.
        as_json: write what goes to standard error as JSON, too.

    Called again, it replaces what it did. Records of the first two still reach the handlers of the root logger, if
    there are any; those of the third don't.
    Raises: :exc:`OSError` and :exc:`ValueError` as :func:`load_config`, or for a level that doesn't exist.
    """
    if config is not None:
        load_config(config)
        return
    formatter = JSONFormatter() if as_json else logging.Formatter(_FORMAT)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    if isinstance(level, str):
        level = level.upper()
    for name in ("asynchttp.general", "asynchttp.application"):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        _replace_handlers(logger, handler)
    access = logging.getLogger("asynchttp.access")
    access.setLevel(logging.WARNING if access_file is None else logging.INFO)
    access.propagate = False
    if access_file is None:
        _replace_handlers(access)
    elif access_file == "-":
        _replace_handlers(access, AccessStreamHandler())
    else:
        _replace_handlers(access, AccessFileHandler(access_file))


def _replace_handlers(logger: logging.Logger, *handlers: logging.Handler) -> None:
    for former in [*logger.handlers]:
        if getattr(former, _OURS, False):
            logger.removeHandler(former)
            former.close()
    for handler in handlers:
        setattr(handler, _OURS, True)
        logger.addHandler(handler)


def load_config(path: str) -> None:
    """Configure :mod:`logging` from a file.

    ``.json`` and ``.toml`` hold what :func:`logging.config.dictConfig` takes, anything else is for
    :func:`logging.config.fileConfig`. Loggers that the file doesn't name go on as they are, unless it says
    ``disable_existing_loggers``.

    Raises:
        OSError: it can't be read.
        ValueError: what it says makes no sense; the message names the file.
    """
    file = pathlib.Path(path)
    text = file.read_text(encoding="utf-8")
    try:
        if file.suffix == ".json":
            settings = json.loads(text)
        elif file.suffix == ".toml":
            settings = tomllib.loads(text)
        else:
            logging.config.fileConfig(io.StringIO(text), disable_existing_loggers=False)
            return
        if not isinstance(settings, dict):
            raise ValueError("not a table of settings")
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **settings})
    except Exception as error:  # these parsers raise whatever comes to their mind
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
