"""placeholder"""
import asyncio, functools, inspect
from asyncio import Future
from typing import Any
class BadYieldError(Exception):
    """A coroutine yielded, or ``run_sync`` was given, something that can't be waited for."""
def convert_yielded(x: Any) -> Future[Any]:
    if isinstance(x, asyncio.Future):
        return x
    if inspect.isawaitable(x):
        return asyncio.ensure_future(x)
    raise BadYieldError(f"yielded unknown object {x!r}")
