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
from asynchttp._wakeup import Receiver
from asynchttp.log import app_log

__all__ = ["accepts_callback", "accepts_read_callback", "accepts_write_callback", "guarded"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def accepts_callback(at: int, *, at_failure: str = "") -> Callable[[_Method], _Method]:
    """Let a method of a stream take a callback without arguments: by keyword, or as positional argument number ``at``.

    Args:
        at: place of ``callback`` among the positional arguments in Tornado 2–5, counted from 0. Tornado 6 has another
            argument there, which can't be called; so the type tells them apart.
        at_failure: name of a method of the stream to call when the operation fails.
    """

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, callback: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
            if callback is None and len(args) > at and (args[at] is None or callable(args[at])):
                callback, args = args[at], args[:at] + args[at + 1 :]
            future = method(self, *args, **kwargs)
            if callback is None:
                return future
            self._callbacks_due += 1
            future.add_done_callback(functools.partial(_done, self, wrap(callback), at_failure))
            return None

        return cast(_Method, wrapper)

    return decorate


def _done(stream: Any, callback: Callable[[], Any], at_failure: str, future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        if future.exception() is None:
            _run(stream, callback)
        elif at_failure:
            getattr(stream, at_failure)()
    _was_due(stream)


def accepts_read_callback(at: int, *, rest_at_failure: bool = False) -> Callable[[_Method], _Method]:
    """Let a read take a callback, which gets the result, as :func:`accepts_callback` does.

    Args:
        at: 0 or 1. A second callable or ``None`` behind the callback is ``streaming_callback``.
        rest_at_failure: call it also when the read fails, with what is buffered: ``read_until_close`` up to 6.5.
    """

    def decorate(method: _Method) -> _Method:
        def with_callback(self: Any, front: tuple[Any, ...], more: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            # HOT: once per read with a callback.
            callback = kwargs.pop("callback", None) if kwargs else None
            if callback is None and more and (more[0] is None or callable(more[0])):
                callback, more = more[0], more[1:]
            if more and (more[0] is None or callable(more[0])):
                if more[0] is not None:
                    kwargs["streaming_callback"] = more[0]
                more = more[1:]
            if callback is None:
                return method(self, *front, *more, **kwargs)
            receiver = self._receiver = (_RestReceiver if rest_at_failure else _Receiver)(self, wrap(callback))
            try:
                future = method(self, *front, *more, **kwargs) if more or kwargs else method(self, *front)
            finally:
                self._receiver = None
            self._callbacks_due += 1
            if future is receiver:
                receiver.listen()
            else:  # it was satisfied without a read
                future.add_done_callback(receiver.receive_from)
            return None

        def wrapper(self: Any, *more: Any, **kwargs: Any) -> Any:
            return with_callback(self, (), more, kwargs) if more or kwargs else method(self)

        def wrapper_of_one(self: Any, what: Any, *more: Any, **kwargs: Any) -> Any:
            # HOT: once per read.  Written out: a call with a starred argument costs as much again.
            return with_callback(self, (what,), more, kwargs) if more or kwargs else method(self, what)

        return cast(_Method, functools.wraps(method)(wrapper_of_one if at == 1 else wrapper))

    return decorate


class _Receiver(Receiver):
    """Gives the result of a read to a callback."""

    __slots__ = ()

    def receive(self, result: Any) -> None:
        # HOT: once per read with a callback.
        stream = self.stream
        _run(stream, self.callback, result)
        stream._callbacks_due -= 1  # _was_due(), written out
        if stream._peer_closed:
            stream._notice_end()

    def receive_from(self, future: "asyncio.Future[Any]") -> None:
        self.receive(future.result())

    def fail(self, error: BaseException) -> None:
        _was_due(self.stream)


class _RestReceiver(_Receiver):
    __slots__ = ()

    def fail(self, error: BaseException) -> None:
        self.receive(self.stream._buffer.take(len(self.stream._buffer)))


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
