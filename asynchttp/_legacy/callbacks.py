"""``callback=`` on methods that return a future: Tornado 2–5's way to wait.

A method that is marked with :func:`accepts_callback` stays as it is for who awaits it. Who gives a callback gets
``None`` back, and the callback is called by the loop, never inside the call. When the operation fails the callback
isn't called; the close callback and ``stream.error`` tell. What a callback raises closes its stream; what it returns is
awaited, if it can be.
"""

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asynchttp._legacy.contexts import wrap
from asynchttp._wakeup import Prompt
from asynchttp.log import app_log

__all__ = ["accepts_callback", "accepts_write_callback", "guarded"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def accepts_callback(
    at: int, *, with_result: bool = True, rest_at_failure: bool = False, at_failure: str = ""
) -> Callable[[_Method], _Method]:
    """Let a method of a stream take a callback: by keyword, or as the positional argument number ``at``.

    Args:
        at: place of ``callback`` among the positional arguments in Tornado 2–5, counted from 0. Tornado 6 has another
            argument there, which can't be called; so the type tells them apart. A second callable or ``None`` behind it
            is ``streaming_callback``.
        with_result: whether the callback gets the result, or no argument.
        rest_at_failure: call it also when the operation fails, with what is buffered: ``read_until_close`` up to 6.5.
        at_failure: name of a method of the stream to call instead.
    """

    def decorate(method: _Method) -> _Method:
        def with_callback(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            callback = kwargs.pop("callback", None)
            if callback is None and len(args) > at and (args[at] is None or callable(args[at])):
                callback, args = args[at], args[:at] + args[at + 1 :]
            if len(args) > at and (args[at] is None or callable(args[at])):
                streaming, args = args[at], args[:at] + args[at + 1 :]
                if streaming is not None:
                    kwargs["streaming_callback"] = streaming
            future = method(self, *args, **kwargs)
            if callback is None:
                return future
            deliver = Prompt(_deliver, self, wrap(callback), with_result, rest_at_failure, at_failure)
            self._callbacks_due += 1
            future.add_done_callback(deliver)
            return None

        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not kwargs and len(args) == at:  # what is in front of the callback is the ordinary case
                return method(self, *args)
            return with_callback(self, args, kwargs)

        def wrapper_of_one(self: Any, what: Any, *more: Any, **kwargs: Any) -> Any:
            # HOT: once per awaited read.  Written out: a call with a starred argument costs as much again.
            if not more and not kwargs:
                return method(self, what)
            return with_callback(self, (what, *more), kwargs)

        return cast(_Method, functools.wraps(method)(wrapper_of_one if at == 1 else wrapper))

    return decorate


def _deliver(
    stream: Any,
    callback: Callable[..., Any],
    with_result: bool,
    rest: bool,
    at_failure: str,
    future: "asyncio.Future[Any]",
) -> None:
    arguments: tuple[Any, ...] | None = None
    if not future.cancelled():
        if future.exception() is None:
            arguments = (future.result(),) if with_result else ()
        elif rest:
            arguments = (stream._buffer.take(len(stream._buffer)),)
        elif at_failure:
            getattr(stream, at_failure)()
    if arguments is not None:
        _run(stream, callback, *arguments)
    _was_due(stream)


def _was_due(stream: Any) -> None:
    stream._callbacks_due -= 1
    if stream._peer_closed:  # its end may have had to wait for the callback
        stream._notice_end()


def accepts_write_callback(method: _Method) -> _Method:
    """Let ``write`` take a callback, which is called when *everything* is written.

    A later write with a callback replaces one that hasn't been called yet: programs that write a lot and then look at
    ``stream.writing()`` count on it.
    """

    @functools.wraps(method)
    def wrapper(self: Any, data: Any, callback: Callable[[], Any] | None = None) -> Any:
        # HOT: once per write.
        if callback is None:
            return method(self, data)
        future = method(self, data)
        self._write_callback = wrap(callback)
        self._callbacks_due += 1
        future.add_done_callback(functools.partial(_written, self))
        return None

    return cast(_Method, wrapper)


def _written(stream: Any, future: "asyncio.Future[Any]") -> None:
    waiters = stream._write_waiters
    if waiters:  # later writes: look again when the last of them is done
        waiters[-1][1].add_done_callback(functools.partial(_written, stream))
        return
    callback, stream._write_callback = stream._write_callback, None
    if callback is not None and not future.cancelled() and future.exception() is None:
        _run(stream, callback)
    _was_due(stream)


def guarded(stream: Any, callback: Callable[..., Any]) -> Callable[..., None]:
    """``callback`` for ``spawn_callback``: in its stack contexts, and with the end of the stream if it raises."""
    return functools.partial(_run, stream, wrap(callback))


def _run(stream: Any, callback: Callable[..., Any], *args: Any) -> None:
    try:
        result = callback(*args)
    except asyncio.CancelledError:
        return
    except Exception:
        # Tornado's order: said once here, then once more by the loop.
        app_log.error("Uncaught exception, closing connection.", exc_info=True)
        stream.close(exc_info=sys.exc_info())
        stream.io_loop.handle_callback_exception(callback)
        return
    if result is not None:
        stream.io_loop.add_callback(lambda: result)  # which awaits it
