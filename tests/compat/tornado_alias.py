"""Puts our modules in the place of Tornado's, so that Tornado's own tests run on them.

Must be called before anything of Tornado is imported. Loggers are Tornado's then, because its tests listen to those.
"""

import importlib
import logging
import sys
from types import ModuleType

#: Modules of Tornado that are replaced by ours of the same name.
REPLACED = (
    "ioloop",
    "iostream",
    "netutil",
    "tcpserver",
    "tcpclient",
    "process",
    "gen",
    "concurrent",
    "httputil",
    "http1connection",
    "httpserver",
)


def replace_modules(names: tuple[str, ...] = REPLACED) -> None:
    """Let ``import tornado.NAME`` give ``asynchttp.NAME`` for each of ``names``."""
    early = sorted(name for name in sys.modules if name.startswith("tornado."))
    if early:
        raise RuntimeError(f"imported too early: {', '.join(early)}")
    log = importlib.import_module("asynchttp.log")
    for ours, theirs in (("access_log", "access"), ("app_log", "application"), ("gen_log", "general")):
        setattr(log, ours, logging.getLogger(f"tornado.{theirs}"))
    tornado = importlib.import_module("tornado")
    for name in names:
        module: ModuleType = importlib.import_module(f"asynchttp.{name}")
        sys.modules[f"tornado.{name}"] = module
        setattr(tornado, name, module)
    _graft_private_names()


def _graft_private_names() -> None:
    """Names with an underscore that a test module imports at its top; the tests that use them are listed as lost."""
    for module_name, name, value in (
        ("iostream", "_StreamBuffer", type("_StreamBuffer", (), {})),
        ("ioloop", "_Selectable", object),
        ("gen", "_Yieldable", object),
    ):
        module = sys.modules[f"tornado.{module_name}"]
        if module_name in REPLACED and not hasattr(module, name):
            setattr(module, name, value)
