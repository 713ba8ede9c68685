"""The styles of a handler, told apart once, when the server is built.

====================  ============================================================================================
plain callable        called as it is; may keep the request and answer at any later time
coroutine function    a task for each request; what it returns is the response, what it raises becomes ``500`` or a cut
====================  ============================================================================================

The engine calls the function that :func:`style_of` returns, once per request, and never asks which style it is.
"""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from asynchttp import httputil
from asynchttp._exchange import ServerRequest
from asynchttp.httputil import HTTPOutputError

__all__ = ["style_of"]

Start = Callable[[ServerRequest], object]


def style_of(handler: Any, loop: asyncio.AbstractEventLoop) -> Start:
    """What starts ``handler`` for a request.

    Raises: :exc:`TypeError` for something that can't be called.
    """
    check_handler(handler)
    return _coroutine_style(handler, loop) if _is_coroutine_function(handler) else _callback_style(handler, loop)


def check_handler(handler: Any) -> None:
    """Raise :exc:`TypeError` for something that can't handle requests."""
    if not callable(handler):
        raise TypeError(f"the handler must be callable, not {type(handler).__name__}: {handler!r}")


def _is_coroutine_function(handler: Any) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def _callback_style(handler: Callable[[Any], Any], loop: asyncio.AbstractEventLoop) -> Start:
    def start(request: ServerRequest) -> None:
        result = handler(request)
        if result is not None and inspect.isawaitable(result):  # a plain function that returns a coroutine
            # ``return request.respond(...)``: nobody has to wait for that.
            if not (asyncio.isfuture(result) and request.finished()):
                run(request, result)

    run = _runner(loop)
    return start


def _coroutine_style(handler: Callable[[Any], Any], loop: asyncio.AbstractEventLoop) -> Start:
    run = _runner(loop)

    def start(request: ServerRequest) -> None:
        run(request, handler(request))

    return start


def _runner(loop: asyncio.AbstractEventLoop) -> Callable[[ServerRequest, Any], None]:
    """A function that runs an awaitable as the task of a request."""
    # Asyncio holds its tasks weakly.
    running: dict[ServerRequest, asyncio.Task[None]] = {}
    create: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    if sys.version_info >= (3, 12) and loop.get_task_factory() is None:
        # A handler that doesn't wait ends inside this call, and costs no turn of the loop.
        create = functools.partial(asyncio.Task, loop=loop, eager_start=True)
    else:
        create = loop.create_task

    def run(request: ServerRequest, awaitable: Any) -> None:
        # HOT: once per request.
        task = create(_answer(request, awaitable, running))
        if not task.done():
            running[request] = task

    return run


async def _answer(request: ServerRequest, awaitable: Any, running: "dict[ServerRequest, asyncio.Task[None]]") -> None:
    """Wait for a handler, and send what it returned."""
    engine = request.engine
    try:
        result = await awaitable
        if result is None:
            if engine.answering(request):
                raise HTTPOutputError("the handler returned without finishing its response")
        elif isinstance(result, httputil.HTTPResponse):
            engine.respond(request, result.body, result.status, result.headers)
        else:
            engine.respond(request, result, 200, ())
    except asyncio.CancelledError:
        engine.abandon(request)
        raise
    except Exception as error:
        engine.handler_failed(request, error)
    finally:
        running.pop(request, None)
