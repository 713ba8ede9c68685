"""The application that the command line serves: found by its name."""

import importlib
import inspect
import os
import sys
import traceback
from typing import Any

from asynchttp._failure import APPLICATION_FAILED, USAGE, Failure

__all__ = ["load"]


def load(module_name: str, attribute: str, app_dir: str, *, factory: bool = False) -> Any:
    """Import the module and return the application.

    Args:
        attribute: may have dots.
        app_dir: comes first in ``sys.path``.
        factory: the attribute is a function that makes it.

    Raises: :exc:`Failure`, with code 3 if code of the application raised, with 2 if there is no such thing.
    """
    # The installed command has its own directory in front; `python -m` has the working directory there already.
    directory = os.path.abspath(app_dir)
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _place(error) is None:
            raise Failure(f"no module named {error.name!r} in {directory}", USAGE) from error
        raise _failed(f"{module_name} failed at import", error) from error
    application: Any = module
    for name in attribute.split("."):
        try:
            application = getattr(application, name)
        except AttributeError as error:
            raise Failure(f"module {module_name!r} has no attribute {attribute!r}", USAGE) from error
    return _make(f"{module_name}:{attribute}", application) if factory else application


def _make(name: str, factory: Any) -> Any:
    if not callable(factory):
        raise Failure(f"{name}: --factory is for functions, not for {type(factory).__name__}", USAGE)
    if inspect.iscoroutinefunction(factory):
        raise Failure(f"{name}: --factory is for plain functions: no event loop runs yet", USAGE)
    try:
        return factory()
    except (Exception, SystemExit) as error:
        raise _failed(f"{name}() failed", error) from error


def _failed(message: str, error: BaseException) -> Failure:
    place = _place(error)
    where = f" ({place})" if place else ""
    return Failure(f"{message}: {type(error).__name__}: {error}{where}", APPLICATION_FAILED)


def _place(error: BaseException) -> str | None:
    """``file:line`` of the application's code that raised; ``None`` if the import system did, for want of a module."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    ours = (__file__, importlib.__file__)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            return f"{file}:{line}"
    return None
