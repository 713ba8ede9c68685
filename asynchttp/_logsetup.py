"""Where the command line's log goes: its flags, as :func:`asynchttp._logging.configure` takes them."""

import os

from asynchttp import _logging
from asynchttp._config import Settings
from asynchttp._failure import FAILED, Failure

__all__ = ["check", "configure"]


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
        if settings.is_given("log_level"):
            _logging.set_level(settings.log_level)
        return
    for key in ("log_file", "access_log_file"):
        path = getattr(settings, key)
        try:
            # Now, for the message: some open their file with the first record.
            if path is not None:
                open(path, "a", encoding="utf-8").close()
        except OSError as error:
            raise Failure(f"{settings.origin(key)}: cannot write {path}: {error.strerror}", FAILED) from error
    _logging.configure(
        settings.log_level,
        file=settings.log_file,
        access_file=(settings.access_log_file or "-") if settings.access_log else None,
        as_json=settings.log_format == "json",
        force_level=settings.is_given("log_level"),
    )
