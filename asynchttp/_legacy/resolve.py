"""``Resolver.resolve(host, port, family, callback)`` of Tornado 3-5."""

import functools
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from asynchttp._legacy.contexts import wrap
from asynchttp.ioloop import IOLoop

__all__ = ["accepts_callback"]

_Resolve: TypeAlias = Callable[[Any, str, int, int], Coroutine[Any, Any, Any]]


def accepts_callback(resolve: _Resolve) -> Callable[..., Awaitable[Any]]:
    """Give a ``resolve`` coroutine the argument ``callback``.

    With it the lookup runs as a callback of the current loop, which need not have been started yet, and
    nothing is returned. An error ends there, as ``Exception in callback``.
    """

    @functools.wraps(resolve)
    def wrapper(
        self: Any,
        host: str,
        port: int,
        family: int = socket.AF_UNSPEC,
        callback: Callable[[Any], object] | None = None,
    ) -> Any:
        if callback is None:
            return resolve(self, host, port, family)

        io_loop, callback = IOLoop.current(), wrap(callback)

        async def resolve_and_call() -> None:
            io_loop.add_callback(callback, await resolve(self, host, port, family))

        io_loop.add_callback(resolve_and_call)
        return None

    return wrapper
