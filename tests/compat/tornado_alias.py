"""Puts our modules in the place of Tornado's, so that Tornado's own tests run on them.

Must be called before anything of Tornado is imported.
"""

import importlib

import asynchttp
from asynchttp import util

__all__ = ["replace_modules"]


def replace_modules() -> None:
    """What a program does that runs on us untouched; and private names that test modules import at their top.

    The tests that use those are listed as lost.
    """
    asynchttp.install_as_tornado()
    for module_name, name, value in (
        ("iostream", "_StreamBuffer", type("_StreamBuffer", (), {})),
        ("ioloop", "_Selectable", object),
        ("gen", "_Yieldable", object),
        ("util", "_websocket_mask_python", util._websocket_mask),
        ("platform.asyncio", "AddThreadSelectorEventLoop", None),
        ("platform.asyncio", "SelectorThread", None),
    ):
        module = importlib.import_module(f"tornado.{module_name}")
        if not hasattr(module, name):
            setattr(module, name, value)
