"""``gen.engine`` and ``gen.Task``: coroutines of Tornado 2, and callback functions made to wait for."""

import functools
from asyncio import Future
from collections.abc import Callable
from types import TracebackType
from typing import Any

from asynchttp._coroutines import coroutine, is_coroutine_function
from asynchttp._legacy.contexts import ExceptionStackContext, wrap
from asynchttp._legacy.futures import ReturnValueIgnoredError
from asynchttp._legacy.yieldpoints import argument_adapter
from asynchttp.ioloop import IOLoop

__all__ = ["Task", "engine"]


def engine(func: Callable[..., Any]) -> Callable[..., None]:
    """Decorate a generator function that gives its result, if it has one, to a callback by itself.

    What it raises goes to the caller, or, after the first wait, to the caller's stack context; without one
    it is logged. A result that it returns raises ``ReturnValueIgnoredError`` there.
    """
    run = coroutine(func)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        def check(future: Future[Any]) -> None:
            result = future.result()
            if result is not None:
                raise ReturnValueIgnoredError(f"@gen.engine functions cannot return values: {result!r}")

        future = run(*args, **kwargs)
        if future.done():
            check(future)
        else:
            IOLoop.current().add_future(future, wrap(check))

    return wrapper


def Task(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call ``func(*args, callback=..., **kwargs)``; return a future of what it gives to the callback.

    That is the callback's argument, ``None`` without one, ``Arguments`` of several. Exceptions in ``func``
    and in callbacks that it starts become the future's.
    """
    if is_coroutine_function(func):
        return func(*args, **kwargs)  # type: ignore[no-any-return]  # a coroutine returns a Future
    future: Future[Any] = IOLoop.current().asyncio_loop.create_future()

    def resolve(result: Any) -> None:
        if not future.done():
            future.set_result(result)

    def fail(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> bool:
        if future.done() or not isinstance(error, Exception):
            return False
        future.set_exception(error)
        return True

    with ExceptionStackContext(fail):
        func(*args, callback=argument_adapter(resolve), **kwargs)
    return future
