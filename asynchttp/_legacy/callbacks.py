"""``callback=`` on methods that return a future: Tornado 2–5's way to wait.

A method that is marked with :func:`accepts_callback` stays as it is for who awaits it. Who gives a callback gets
``None`` back, and the callback is called by the loop, never inside the call. When the operation fails the callback isn't
called; the close callback and ``stream.error`` tell.
"""

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asynchttp._legacy.contexts import wrap
from asynchttp.log import app_log

__all__ = ["accepts_callback"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def accepts_callback(at: int, *, with_result: bool = True) -> Callable[[_Method], _Method]:
    """Let a method of a stream take a callback: by keyword, or as the positional argument number ``at``.

    Args:
        at: place of ``callback`` among the positional arguments in Tornado 2–5, counted from 0. Tornado 6 has another
            argument there, which can't be called; so the type tells them apart. A second callable behind it is
            ``streaming_callback``.
        with_result: whether the callback gets the result, or no argument.
    """

    def decorate(method: _Method) -> _Method:
        def with_callback(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            callback = kwargs.pop("callback", None)
            if callback is None and len(args) > at and (args[at] is None or callable(args[at])):
                callback, args = args[at], args[:at] + args[at + 1 :]
            if len(args) > at and callable(args[at]):
                kwargs["streaming_callback"], args = args[at], args[:at] + args[at + 1 :]
            future = method(self, *args, **kwargs)
            if callback is None:
                return future
            future.add_done_callback(functools.partial(_deliver, self, wrap(callback), with_result))
            return None

        if at == 1:

            @functools.wraps(method)
            def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
                # HOT: once per awaited operation. One argument is the ordinary case.
                if len(args) == 1 and not kwargs:
                    return method(self, args[0])
                return with_callback(self, args, kwargs)

        else:

            @functools.wraps(method)
            def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
                return with_callback(self, args, kwargs)

        return cast(_Method, wrapper)

    return decorate


def _deliver(stream: Any, callback: Callable[..., Any], with_result: bool, future: "asyncio.Future[Any]") -> None:
    if future.cancelled() or future.exception() is not None:
        return
    try:
        if with_result:
            callback(future.result())
        else:
            callback()
    except Exception:
        # Tornado's order: said once here, then once more by the loop.
        app_log.error("Uncaught exception, closing connection.", exc_info=True)
        stream.close(exc_info=sys.exc_info())
        stream.io_loop.handle_callback_exception(callback)
