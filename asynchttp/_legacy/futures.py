"""Functions that call back, as functions that return a future: Tornado 3 to 5 let each be both."""

import functools
import inspect
from asyncio import Future
from collections.abc import Callable
from types import TracebackType
from typing import Any

from asynchttp._legacy.contexts import ExceptionStackContext
from asynchttp.ioloop import IOLoop
from asynchttp.util import ArgReplacer

__all__ = ["ReturnValueIgnoredError", "TracebackFuture", "return_future"]

#: The class of Tornado 3 and 4 that kept a traceback; exceptions have theirs with them now.
TracebackFuture = Future


class ReturnValueIgnoredError(Exception):
    """A function whose result goes to a callback returned something as well."""


def _call_back(future: Future[Any], callback: Callable[[Any], object]) -> None:
    """Have the loop call ``callback`` with the result; a failure is logged in its place."""
    IOLoop.current().add_future(future, lambda done: callback(done.result()))


def return_future(f: Callable[..., Any]) -> Callable[..., Future[Any]]:
    """Decorate a function that takes ``callback`` so that it returns a Future too.

    The function gets a callback that sets the Future's result, and its exceptions, those of callbacks that
    it starts included, become the Future's. A caller may still pass ``callback``; the loop then calls it
    with the result.

    Raises:
        ReturnValueIgnoredError: the function returned something. It is the Future's exception.
    """
    replacer = ArgReplacer(f, "callback")

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = IOLoop.current().asyncio_loop.create_future()

        def resolve(result: Any = None) -> None:
            if not future.done():
                future.set_result(result)

        def fail(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> bool:
            if future.done() or not isinstance(error, Exception):
                return False
            future.set_exception(error)
            return True

        callback, positional, kwargs = replacer.replace(resolve, args, kwargs)
        if callback is not None:
            _call_back(future, callback)
        with ExceptionStackContext(fail):
            if f(*positional, **kwargs) is not None:
                raise ReturnValueIgnoredError("@return_future should not be used with functions that return values")
        return future

    return wrapper


def takes_callback(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a decorator whose functions return a future, so that they also take ``callback=``.

    A function that has use for such an argument itself gets it, as in Tornado 6.
    """

    @functools.wraps(decorator)
    def decorator_with_callback(*args: Any, **kwargs: Any) -> Any:
        made = decorator(*args, **kwargs)
        if args and callable(args[0]):
            return _with_callback(made)
        return lambda func: _with_callback(made(func))  # it was called with options

    return decorator_with_callback


def _with_callback(function: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    if _has_use_for_callback(function):
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Future[Any]:
        if "callback" not in kwargs:
            return function(*args, **kwargs)
        callback = kwargs.pop("callback")
        future = function(*args, **kwargs)
        if callback is not None:
            _call_back(future, callback)
        return future

    call.__wrapped__ = inspect.unwrap(function, stop=lambda f: f is not function)
    return call


def _has_use_for_callback(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # made by C code, which tells nothing
        return False
    return "callback" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
