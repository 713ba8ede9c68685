"""Futures, and threads that end in one.

``Future`` is ``asyncio.Future``. Those that Tornado 2 to 4 had of their own ran their callbacks inside
``set_result``; these run them in the loop's next turn. ``future_add_done_callback`` is the one function
that calls at once if the future is already done.

Source: Tornado ``tornado.concurrent``.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent import futures
from types import TracebackType
from typing import Any, TypeGuard, TypeVar, overload

from asynchttp import _loops
from asynchttp._legacy.futures import ReturnValueIgnoredError, TracebackFuture, return_future, takes_callback
from asynchttp.log import app_log

__all__ = [
    "FUTURES",
    "DummyExecutor",
    "Future",
    "ReturnValueIgnoredError",
    "TracebackFuture",
    "chain_future",
    "dummy_executor",
    "future_add_done_callback",
    "future_set_exc_info",
    "future_set_exception_unless_cancelled",
    "future_set_result_unless_cancelled",
    "is_future",
    "return_future",
    "run_on_executor",
]

_T = TypeVar("_T")

Future = asyncio.Future

#: The classes that count as futures: asyncio's, and those of threads and processes.
FUTURES = (futures.Future, Future)

_AnyFuture = asyncio.Future[_T] | futures.Future[_T]


def is_future(x: Any) -> TypeGuard[_AnyFuture[Any]]:
    """Tell whether ``x`` is a future of asyncio or of ``concurrent.futures``."""
    return isinstance(x, FUTURES)


class DummyExecutor(futures.Executor):
    """An executor that calls the function at once, in the caller's thread."""

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> futures.Future[_T]:
        future: futures.Future[_T] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pass


dummy_executor = DummyExecutor()


@takes_callback
def run_on_executor(*args: Any, **kwargs: Any) -> Any:
    """Decorate a method to run on the executor of its object, and to return a Future.

    Without arguments the executor is the attribute ``executor``; ``@run_on_executor(executor="_pool")`` names another.
    The Future belongs to the current loop of the calling thread. An ``io_loop`` argument is accepted and ignored.
    """

    def decorate(fn: Callable[..., Any]) -> Callable[..., asyncio.Future[Any]]:
        attribute = kwargs.get("executor", "executor")

        @functools.wraps(fn)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
            result: asyncio.Future[Any] = _loops.current_loop().create_future()
            chain_future(getattr(self, attribute).submit(fn, self, *args, **kwargs), result)
            return result

        return wrapper

    if args and kwargs:
        raise ValueError("cannot combine positional and keyword arguments")
    if len(args) > 1:
        raise ValueError(f"expected 1 argument, got {len(args)}")
    return decorate(args[0]) if args else decorate


def chain_future(a: _AnyFuture[_T], b: _AnyFuture[_T]) -> None:
    """Give ``b`` the outcome of ``a`` when there is one, unless ``b`` has one by then.

    ``b`` is set in the thread of its own loop, if it belongs to another than ``a``.
    """

    # The functions take ``a`` as their argument: a thread's future keeps its callbacks for ever, and they it.
    def copy(a: _AnyFuture[_T]) -> None:
        if b.done():
            return
        if a.cancelled():
            b.cancel()
            return
        error = a.exception()
        if error is not None:
            b.set_exception(error)
        else:
            b.set_result(a.result())

    def copy_in_loop(a: _AnyFuture[_T]) -> None:
        try:
            b.get_loop().call_soon_threadsafe(copy, a)  # type: ignore[union-attr]  # used for asyncio's only
        except RuntimeError:
            if not b.get_loop().is_closed():  # type: ignore[union-attr]  # as above
                raise

    if isinstance(b, asyncio.Future) and not (isinstance(a, asyncio.Future) and a.get_loop() is b.get_loop()):
        a.add_done_callback(copy_in_loop)
    else:
        future_add_done_callback(a, copy)


def future_set_result_unless_cancelled(future: _AnyFuture[_T], value: _T) -> None:
    """Set the result, unless somebody cancelled the future meanwhile."""
    if not future.cancelled():
        future.set_result(value)


def future_set_exception_unless_cancelled(future: _AnyFuture[_T], exc: BaseException) -> None:
    """Set the exception; of a future that somebody cancelled meanwhile, log it."""
    if not future.cancelled():
        future.set_exception(exc)
    else:
        app_log.error("Exception after Future was cancelled", exc_info=exc)


def future_set_exc_info(
    future: _AnyFuture[_T],
    exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> None:
    """``future_set_exception_unless_cancelled`` for what ``sys.exc_info()`` returns."""
    if exc_info[1] is None:
        raise Exception("future_set_exc_info called with no exception")
    future_set_exception_unless_cancelled(future, exc_info[1])


@overload
def future_add_done_callback(future: futures.Future[_T], callback: Callable[[futures.Future[_T]], None]) -> None: ...
@overload
def future_add_done_callback(future: asyncio.Future[_T], callback: Callable[[asyncio.Future[_T]], None]) -> None: ...
def future_add_done_callback(future: Any, callback: Callable[..., None]) -> None:
    """Arrange for ``callback(future)``: at once if the future is done, else as the future itself does it."""
    if future.done():
        callback(future)
    else:
        future.add_done_callback(callback)
