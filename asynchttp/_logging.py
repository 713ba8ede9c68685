"""Where the records of the package go: what the command line sets up, and programs may.

The package itself only logs, by :mod:`logging`; nothing here happens by itself.
"""

import io
import json
import logging
import logging.config
import os
import pathlib
import sys
import time
import tomllib
from typing import Any, Final

from asynchttp._loghandlers import AccessFileHandler, AccessStreamHandler
from asynchttp.log import access_log

__all__ = ["JSONFormatter", "configure", "load_config", "reset", "set_level"]

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

#: What every record has: the rest is what somebody added to it.
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

#: Of the handlers that configure() made.
_NAME: Final = "asynchttp command line"


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
    *,
    file: str | None = None,
    access_file: str | None = None,
    as_json: bool = False,
    force_level: bool = True,
) -> None:
    """Let the log go somewhere: that of the whole program, but where it has been set up before; and the access log.

    Args:
        level: of all loggers that have none of their own.
        file: a path; default: standard error.
        access_file: where ``asynchttp.access`` goes: ``"-"`` is standard output; ``None``: where the rest goes. Which
            lines there are, ``HTTPServer(access_log=…)`` says.
        as_json: write JSON, but for the access log, which has formats of its own.
        force_level: ``level`` is that of the package's loggers in any case.

    Called again, it replaces what it did.
    Raises: :exc:`OSError` for a file that can't be written, :exc:`ValueError` for a level that doesn't exist.
    """
    reset()
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(_absolute(file))
    )
    handler.set_name(_NAME)
    handler.setFormatter(JSONFormatter() if as_json else logging.Formatter(_FORMAT))
    # No effect where the application has configured logging itself.
    logging.basicConfig(handlers=[handler], level=_level(level))
    if handler not in logging.root.handlers:
        handler.close()
    if access_file is not None:
        access = AccessStreamHandler() if access_file == "-" else AccessFileHandler(_absolute(access_file))
        access.set_name(_NAME)
        access_log.addHandler(access)
        access_log.setLevel(logging.INFO)
        access_log.propagate = False
    if force_level:
        set_level(level)


def set_level(level: int | str) -> None:
    """Set the least level of what the package logs."""
    logging.getLogger("asynchttp").setLevel(_level(level))


def reset() -> None:
    """Take away what :func:`configure` has set up: in a worker the application comes first."""
    for logger in (logging.root, access_log):
        for handler in logger.handlers[:]:
            if handler.get_name() == _NAME:
                logger.removeHandler(handler)
                handler.close()
                logger.propagate = True


def _level(level: int | str) -> int | str:
    return level.upper() if isinstance(level, str) else level


def _absolute(path: str) -> str:
    # It may be opened again after a rotation, and the application may have gone elsewhere.
    return os.path.abspath(path)


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
