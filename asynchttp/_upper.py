"""Tornado's upper modules under our name: ``asynchttp.web`` is the installed Tornado's ``web``, on our stack.

The file of the installed Tornado is loaded as a module of this package, and in it ``import tornado.ioloop`` gives
``asynchttp.ioloop``: its builtins have an ``__import__`` of their own. So each class and exception exists once, and the
Tornado that somebody else imports in the same process is left alone.

Needs the extra ``tornado``.
"""

import builtins
import importlib
import os
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any, Final

from asynchttp._forward import MODULES
from asynchttp._legacy.upper import add_old_names
from asynchttp._tornado import accept_handlers

__all__ = ["is_module", "spec_of", "tornado"]

#: The versions of Tornado whose modules run here: from the first to before the second.
_VERSIONS: Final = ((6, 5), (6, 7))


def tornado(asker: str) -> ModuleType:
    """The installed Tornado's package, of which nothing else is imported.

    Args:
        asker: what needs it, for the message.

    Raises: :exc:`ImportError` if there is none, or one whose modules aren't known to run on this stack.
    """
    needs = f"{asker} needs Tornado 6.5 or 6.6"
    install = "pip install 'asynchttpd[tornado]'"
    try:
        package = importlib.import_module("tornado")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{needs}, which isn't installed: {install}", name="tornado") from error
    first, behind = _VERSIONS
    if not first <= package.version_info[:2] < behind:
        raise ImportError(f"{needs}, and {package.version} is installed: {install}")
    return package


def spec_of(name: str) -> ModuleSpec | None:
    """How to load ``asynchttp.NAME``, one of :data:`~asynchttp._forward.MODULES`.  Raises as :func:`tornado`."""
    fullname = f"asynchttp.{name}"
    parent, _, _ = name.rpartition(".")
    directories = [os.path.join(directory, parent) for directory in tornado(fullname).__path__]
    found = PathFinder.find_spec(f"tornado.{MODULES[name]}", directories)
    if found is None or found.origin is None:
        return None
    return spec_from_file_location(fullname, found.origin, loader=_Loader(fullname, found.origin))


def is_module(name: str) -> bool:
    """Whether there is an ``asynchttp.NAME``: of ours, or Tornado's."""
    parent, _, _ = name.rpartition(".")
    package = importlib.import_module("asynchttp")
    directories = [os.path.join(directory, *parent.split(".")) for directory in package.__path__]
    return name in MODULES or PathFinder.find_spec(f"asynchttp.{name}", directories) is not None


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        assert code is not None
        vars(module)["__builtins__"] = _BUILTINS
        exec(code, vars(module))
        add_old_names(module)
        if module.__name__ == "asynchttp.web":
            accept_handlers(module)


class _Tornado(ModuleType):
    """What the name ``tornado`` stands for in these modules."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and is_module(name):
            return importlib.import_module(f"asynchttp.{name}")
        return getattr(tornado("asynchttp"), name)


_facade: Final = _Tornado("tornado")


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """``__import__`` of these modules."""
    package, _, rest = name.partition(".")
    if level or package != "tornado":
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    module = importlib.import_module(f"asynchttp.{rest}") if rest else _facade
    return module if fromlist else _facade


_BUILTINS: Final = {**vars(builtins), "__import__": _import}
