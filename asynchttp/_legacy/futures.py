"""``return_future``: functions that took a callback, as Tornado 3 to 5 turned them into functions that return a Future."""

import functools
import inspect
from asyncio import Future
from collections.abc import Callable
from typing import Any

from asynchttp import _loops
from asynchttp._legacy.contexts import ExceptionStackContext, wrap
from asynchttp.util import ArgReplacer

__all__ = ["ReturnValueIgnoredError", "TracebackFuture", "return_future"]

#: The class of Tornado 3 and 4 that kept a traceback; exceptions have theirs with them now.
TracebackFuture = Future


class ReturnValueIgnoredError(Exception):
    """A function whose result goes to a callback returned something as well."""


def return_future(f: Callable[..., Any]) -> Callable[..., Future[Any]]:
    """Decorate a function that takes ``callback`` so that it returns a Future too.

    The function gets a callback that sets the Future's result, and its exceptions, those of its own callbacks included,
    become the Future's. A caller may still pass ``callback``; it is then called with the result by the loop, and not
    called if the function fails. A function that returns anything but ``None`` raises ``ReturnValueIgnoredError``.
    """
    replacer = ArgReplacer(f, "callback")

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = _loops.current_loop().create_future()

        def resolve(result: Any = None) -> None:
            if not future.done():
                future.set_result(result)

        def fail(kind: Any, error: BaseException, traceback: Any) -> bool:
            if not future.done():
                future.set_exception(error)
                return True
            return False

        callback, args, kwargs = replacer.replace(resolve, args, kwargs)  # type: ignore[assignment]  # a Sequence
        failure: Exception | None = None
        with ExceptionStackContext(fail):
            result = f(*args, **kwargs)
            if result is not None:
                raise ReturnValueIgnoredError("@return_future should not be used with functions that return values")
        if failure is None and callback is not None:
            callback = wrap(callback)
        return future

    wrapper.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return wrapper
