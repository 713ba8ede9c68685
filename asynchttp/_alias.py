"""``import tornado.ioloop`` gives ``asynchttp.ioloop``: for programs that nobody wants to edit, and their libraries."""

import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from asynchttp import _upper

__all__ = ["install"]


def install() -> None:
    """See :func:`asynchttp.install_as_tornado`."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    early = sorted(name for name in sys.modules if name.startswith("tornado."))
    if early:
        raise RuntimeError(f"install_as_tornado() comes too late: {', '.join(early)} imported before")
    _upper.tornado("install_as_tornado()")
    sys.meta_path.insert(0, _Finder())
    for name in ("", ".access", ".application", ".general"):
        _share_logger(f"tornado{name}", f"asynchttp{name}")


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package == "tornado" and name and _upper.is_module(name):
            return ModuleSpec(fullname, _Loader(name))
        return None  # tornado itself, which is little more than a version; and its tests, say


class _Loader(Loader):
    def __init__(self, name: str) -> None:
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        # What stands there afterwards is what the import statement gets.
        sys.modules[module.__name__] = importlib.import_module(f"asynchttp.{self._name}")


def _share_logger(name: str, ours_name: str) -> None:
    """Let ``logging.getLogger(name)`` be ours, with what the program has set on its own already."""
    ours = logging.getLogger(ours_name)
    loggers = logging.Logger.manager.loggerDict
    theirs = loggers.get(name)
    if isinstance(theirs, logging.Logger):
        for handler in theirs.handlers:
            ours.addHandler(handler)
        for each in theirs.filters:
            ours.addFilter(each)
        if theirs.level:
            ours.setLevel(theirs.level)
        ours.disabled = ours.disabled or theirs.disabled
        ours.propagate = ours.propagate and theirs.propagate
    loggers[name] = ours
