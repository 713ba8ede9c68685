"""Coroutines as generators, and what goes with them; ``async def`` functions can use all but ``coroutine`` too.

Source: Tornado ``tornado.gen``.
"""

import collections
import datetime
import functools
from asyncio import Future
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from typing import Any, ParamSpec, TypeVar

from asynchttp import _coroutines
from asynchttp._coroutines import (
    BadYieldError,
    Return,
    Runner,
    convert_yielded,
    is_coroutine_function,
    moment,
    multi,
    multi_future,
)
from asynchttp._legacy.engine import Task, engine
from asynchttp._legacy.futures import ReturnValueIgnoredError, takes_callback
from asynchttp._legacy.yieldpoints import (
    Arguments,
    Callback,
    KeyReuseError,
    LeakedCallbackError,
    MultiYieldPoint,
    UnknownKeyError,
    Wait,
    WaitAll,
    YieldFuture,
    YieldPoint,
)
from asynchttp.concurrent import chain_future, future_set_result_unless_cancelled, is_future
from asynchttp.ioloop import IOLoop
from asynchttp.log import app_log
from asynchttp.util import TimeoutError

__all__ = [
    "Arguments",
    "BadYieldError",
    "Callback",
    "KeyReuseError",
    "LeakedCallbackError",
    "Multi",
    "MultiYieldPoint",
    "Return",
    "ReturnValueIgnoredError",
    "Runner",
    "Task",
    "TimeoutError",
    "UnknownKeyError",
    "Wait",
    "WaitAll",
    "WaitIterator",
    "YieldFuture",
    "YieldPoint",
    "convert_yielded",
    "coroutine",
    "engine",
    "is_coroutine_function",
    "maybe_future",
    "moment",
    "multi",
    "multi_future",
    "sleep",
    "with_timeout",
]

_T = TypeVar("_T")
_P = ParamSpec("_P")

Multi = multi


@takes_callback
def coroutine(func: Callable[_P, Generator[Any, Any, _T]] | Callable[_P, _T]) -> Callable[_P, Future[_T]]:
    """Decorate a generator function to return a future: each ``yield`` waits, and has the result as its value.

    What may be yielded is what ``convert_yielded`` takes. The first part runs in the call. What the function raises
    becomes the future's exception; what it returns (or raises as ``Return``) becomes its result. A function that isn't
    a generator gets a future that is done.

    Cancelling the future raises ``CancelledError`` at the ``yield``, as in a task; Tornado lets the coroutine run on.
    """
    return _coroutines.coroutine(func)


def maybe_future(x: Any) -> Future[Any]:
    """Return ``x`` if it is a future, else a finished one with ``x`` as its result."""
    if is_future(x):
        return x  # type: ignore[return-value]  # may be a thread's: what goes in comes out
    future: Future[Any] = IOLoop.current().asyncio_loop.create_future()
    future.set_result(x)
    return future


def sleep(duration: float) -> Future[None]:
    """Return a future that is done after ``duration`` seconds."""
    loop = IOLoop.current().asyncio_loop
    future: Future[None] = loop.create_future()
    loop.call_later(max(0, duration), future_set_result_unless_cancelled, future, None)
    return future


def with_timeout(
    timeout: float | datetime.timedelta,
    future: Any,
    quiet_exceptions: Any = (),
    io_loop: IOLoop | None = None,
    *,
    message: str | Callable[[], str] | None = None,
) -> Future[Any]:
    """Wait for something for a limited time.

    Args:
        timeout: a ``timedelta``, or a deadline on the scale of ``IOLoop.time``, in seconds.
        future: anything that may be yielded. It isn't cancelled when the time is over.
        quiet_exceptions: classes of exceptions that aren't logged if they come after that. An IOLoop in this place, or
            ``None``, is ``io_loop``, as in Tornado 4.
        message: the text of the ``TimeoutError`` of the future that is returned, or a function that makes it.
    """
    if quiet_exceptions is None or isinstance(quiet_exceptions, IOLoop):
        quiet_exceptions, io_loop = (), quiet_exceptions
    loop = io_loop or IOLoop.current()
    awaited = convert_yielded(future)
    result: Future[Any] = loop.asyncio_loop.create_future()
    if awaited is moment:
        result.set_result(None)
        return result
    chain_future(awaited, result)
    if result.done():
        return result

    def log_late_failure(done: Future[Any]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None and not isinstance(error, quiet_exceptions):
            app_log.error("Exception in Future %r after timeout", done, exc_info=error)

    def give_up() -> None:
        if not result.done():
            text = message() if callable(message) else message
            result.set_exception(TimeoutError("Timeout" if text is None else text))
        awaited.add_done_callback(log_late_failure)

    timer = loop.add_timeout(timeout, give_up)
    awaited.add_done_callback(lambda _: loop.remove_timeout(timer))
    return result


class WaitIterator:
    """Yields the results of several futures in the order in which they come.

    ``WaitIterator(f, g)`` or ``WaitIterator(a=f, b=g)``: ``current_index`` is the position or the name of the future
    that ``next()`` gave last, ``current_future`` is that future. Use ``async for``, or
    ``while not it.done(): yield it.next()``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("You must provide args or kwargs, not both")
        named: Iterable[tuple[Any, Any]] = kwargs.items() if kwargs else enumerate(args)
        awaited = [(index, convert_yielded(future)) for index, future in named]
        self._left = len(awaited)
        self._finished: collections.deque[tuple[Any, Future[Any]]] = collections.deque()
        self._waiter: Future[Any] | None = None
        self.current_index: Any = None
        self.current_future: Future[Any] | None = None
        for index, future in awaited:
            if future.done():
                self._finished.append((index, future))
            else:
                future.add_done_callback(functools.partial(self._on_done, index))

    def done(self) -> bool:
        """Tell whether ``next`` has given all results."""
        if self._left:
            return False
        self.current_index = self.current_future = None
        return True

    def next(self) -> Future[Any]:
        """Return a future of the next result, which is done already if there is one."""
        self._waiter = waiter = IOLoop.current().asyncio_loop.create_future()
        if self._finished:
            self._give(*self._finished.popleft(), waiter)
        return waiter

    def _on_done(self, index: Any, future: Future[Any]) -> None:
        if self._waiter is None or self._waiter.done():
            self._finished.append((index, future))
        else:
            self._give(index, future, self._waiter)

    def _give(self, index: Any, future: Future[Any], waiter: Future[Any]) -> None:
        self._waiter = None
        self._left -= 1
        self.current_index, self.current_future = index, future
        chain_future(future, waiter)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Future[Any]:
        if self.done():
            raise StopAsyncIteration
        return self.next()
