"""``callback=`` on the methods of ``request.connection``: Tornado 2–5's way to learn that a response goes out.

As with :mod:`._legacy.callbacks`: who gives a callback gets ``None`` back, and the callback is called by the loop in a
later turn, never for a client that has gone. A later write with a callback replaces one that hasn't been called yet.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asynchttp._legacy.callbacks import guarded

__all__ = ["tells_when_written"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def tells_when_written(at: int) -> Callable[[_Method], _Method]:
    """Let a method that returns a future take a callback: by keyword, or as the positional argument number ``at``."""

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, callback: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
            if len(args) > at:
                callback, args = args[at], args[:at]
            future = method(self, *args, **kwargs)
            if callback is None:
                return future
            self._request.written_callback = guarded(self, callback)
            future.add_done_callback(functools.partial(_written, self._request))
            return None

        return cast(_Method, wrapper)

    return decorate


def _written(request: Any, future: "asyncio.Future[None]") -> None:
    callback = request.__dict__.pop("written_callback", None)
    if callback is not None and not future.cancelled() and future.exception() is None:
        callback()
