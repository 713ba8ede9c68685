"""The names of Tornado's bridge to asyncio, which is all there is here.

Source: Tornado ``platform.asyncio``.
"""

import asyncio
from typing import Any

from asynchttp._legacy.policies import __getattr__  # noqa: F401  # AnyThreadEventLoopPolicy, on demand
from asynchttp.gen import convert_yielded
from asynchttp.ioloop import IOLoop

__all__ = ["AsyncIOLoop", "AsyncIOMainLoop", "BaseAsyncIOLoop", "to_asyncio_future", "to_tornado_future"]


class BaseAsyncIOLoop(IOLoop):
    """An :class:`~asynchttp.ioloop.IOLoop`: all of them are asyncio's."""


class AsyncIOLoop(BaseAsyncIOLoop):
    """An :class:`~asynchttp.ioloop.IOLoop` that makes an asyncio loop of its own, unless it is given one."""


class AsyncIOMainLoop(BaseAsyncIOLoop):
    """An :class:`~asynchttp.ioloop.IOLoop` around the asyncio loop that is current in this thread.

    Raises: :exc:`RuntimeError` if that has an IOLoop already, or if there is none.
    """

    def initialize(self, **kwargs: Any) -> None:  # type: ignore[override]
        if kwargs.get("asyncio_loop") is None:
            kwargs["asyncio_loop"] = asyncio.get_event_loop()
        super().initialize(**kwargs)


def to_tornado_future(asyncio_future: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
    """The same future: there is only one kind."""
    return asyncio_future


def to_asyncio_future(tornado_future: Any) -> "asyncio.Future[Any]":
    """:func:`asynchttp.gen.convert_yielded`."""
    return convert_yielded(tornado_future)
