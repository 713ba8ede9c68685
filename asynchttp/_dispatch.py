"""The styles of a handler, told apart once, when the server is built.

====================  ============================================================================================
plain callable        called as it is; may keep the request and answer at any later time
coroutine function    a task for each request; what it returns is the response, what it raises becomes ``500`` or a cut
starter               as it likes: ASGI
delegate              ``start_request`` at the head, then the body as it comes: Tornado 4–6, ``tornado.web.Application``
====================  ============================================================================================

The engine calls the function that :func:`style_of` returns, once per request, and never asks which style it is.
"""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, NamedTuple, Self

from asynchttp import httputil
from asynchttp._decompress import CODINGS, DecompressingDelegate, Decompressor
from asynchttp._exchange import BodyChunks, Exchange, ServerRequest
from asynchttp._interfaces import tell_closed
from asynchttp._tornado import meet_tornado
from asynchttp.httputil import HTTPOutputError
from asynchttp.iostream import StreamClosedError

__all__ = [
    "Run",
    "Start",
    "Starter",
    "Style",
    "check_handler",
    "delegate_style",
    "is_coroutine_function",
    "is_delegate",
    "style_of",
]

Start = Callable[[ServerRequest], object]
#: Runs an awaitable as the task of a request.
Run = Callable[[ServerRequest, Any], None]


class Starter:
    """A handler that starts each request itself, at its head: ASGI's and its like.

    Attributes:
        running: the tasks of requests that haven't ended.
    """

    def __init__(self) -> None:
        self.running: dict[ServerRequest, asyncio.Task[None]] = {}

    def starter(self, loop: asyncio.AbstractEventLoop, run: Run) -> Start:
        """The function that is called for each request; it has to call ``request.engine.receive``."""
        raise NotImplementedError

    def style(
        self,
        loop: asyncio.AbstractEventLoop,
        running: "dict[ServerRequest, asyncio.Task[None]]",
        *,
        decompress: bool = False,
        stream_request_body: bool = False,
    ) -> "Style":
        """The same as a :class:`Style`, whose tasks are in ``running`` while they wait."""
        self.running = running
        return Style(self.starter(loop, _runner(loop, running, returns=False)), True, running)

    def check(self, *, decompress: bool, stream_request_body: bool) -> None:
        """Raise :exc:`TypeError` for an option of the server that isn't for this handler."""
        for name, wanted in (("decompress_request", decompress), ("stream_request_body", stream_request_body)):
            if wanted:
                raise TypeError(f"{name} isn't for ASGI and WSGI applications, which read the body as it came")

    async def startup(self) -> None:
        """The server is about to start."""

    async def shutdown(self) -> None:
        """The server has stopped."""

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    def drain(self) -> None:
        """The server begins to end: what has no end of its own has to find one."""

    def on_close(self, server_conn: object) -> None:
        """A connection has ended."""


class Style(NamedTuple):
    """How the requests of a server are started."""

    start: Start
    #: at its head; otherwise when its body is complete
    at_head: bool
    #: the handlers that wait for something, with the request of each
    running: "dict[ServerRequest, asyncio.Task[None]] | None" = None


def style_of(
    handler: Any,
    loop: asyncio.AbstractEventLoop,
    *,
    decompress: bool = False,
    stream_request_body: bool = False,
    running: "dict[ServerRequest, asyncio.Task[None]] | None" = None,
) -> Style:
    """How requests for ``handler`` are started.

    Args:
        running: the tasks that wait, of several styles together; default: of this one.

    Raises: :exc:`TypeError` for something that can't handle requests.
    """
    check_handler(handler, decompress=decompress, stream_request_body=stream_request_body)
    # Asyncio holds its tasks weakly.
    running = {} if running is None else running
    if isinstance(handler, Starter):
        return handler.style(loop, running, decompress=decompress, stream_request_body=stream_request_body)
    if is_delegate(handler):
        return delegate_style(handler, decompress)
    run = _runner(loop, running)
    if stream_request_body:
        return Style(_streaming_style(handler, loop, run, decompress), True, running)
    start = _coroutine_style(handler, run) if is_coroutine_function(handler) else _callback_style(handler, run)
    return Style(_decompressing(start) if decompress else start, False, running)


def check_handler(handler: Any, *, decompress: bool = False, stream_request_body: bool = False) -> None:
    """Raise :exc:`TypeError` for something that can't handle requests, or not with these options of the server."""
    if isinstance(handler, Starter):
        handler.check(decompress=decompress, stream_request_body=stream_request_body)
        return
    if not callable(handler) and not is_delegate(handler):
        raise TypeError(f"the handler must be callable, not {type(handler).__name__}: {handler!r}")
    if stream_request_body and (is_delegate(handler) or not is_coroutine_function(handler)):
        raise TypeError(f"stream_request_body is for coroutine functions, not for {handler!r}")


def is_delegate(handler: Any) -> bool:
    """Whether ``handler`` is an HTTPServerConnectionDelegate: ours, Tornado's, or anything with its methods."""
    return not isinstance(handler, type) and callable(getattr(handler, "start_request", None))


def delegate_style(delegate: Any, decompress: bool = False) -> Style:
    """Start requests by asking ``delegate`` for a message delegate."""
    start_line = meet_tornado()

    def start(request: ServerRequest) -> None:
        engine = request.engine
        message = delegate.start_request(engine, Exchange(engine, request))
        if b"upgrade" in request.tail.octets.lower():  # perhaps; and for others it would be a cycle of references
            request.delegate = message
        if decompress:
            message = DecompressingDelegate(
                message, functools.partial(engine.max_body_size, request), engine.params.chunk_size
            )
        line = start_line(request.method or "", request.uri or "", request.version)
        try:
            awaited = message.headers_received(line, request.headers)
        except Exception:
            tell_closed(message)
            raise
        engine.receive(request, message, awaited)

    return Style(start, True)


def _streaming_style(
    handler: Callable[[Any], Any], loop: asyncio.AbstractEventLoop, run: Run, decompress: bool
) -> Start:
    def start(request: ServerRequest) -> None:
        engine = request.engine
        chunks = request.chunks = BodyChunks(loop, functools.partial(engine.want_body, request))
        receiver: httputil.HTTPMessageDelegate = chunks
        if decompress:
            receiver = DecompressingDelegate(
                chunks, functools.partial(engine.max_body_size, request), engine.params.chunk_size
            )
            line = httputil.RequestStartLine(request.method or "", request.uri or "", request.version)
            receiver.headers_received(line, request.headers)
        engine.receive(request, receiver, wanted=False)
        run(request, handler(request))

    return start


def _decompressing(start: Start) -> Start:
    """Undo the content coding of a complete body before the handler sees it."""

    def decompress_and_start(request: ServerRequest) -> None:
        coding = request.headers.get("Content-Encoding", "").lower() if request.body else ""
        if coding in CODINGS:
            decompressor = Decompressor(coding, functools.partial(request.engine.max_body_size, request))
            request.body = b"".join(decompressor.feed(request.body))
            decompressor.finish()
            request.headers.add("X-Consumed-Content-Encoding", request.headers["Content-Encoding"])
            del request.headers["Content-Encoding"]
        start(request)

    return decompress_and_start


def is_coroutine_function(handler: Any) -> bool:
    """Whether ``handler`` is one, or is called as one: a partial one, an object with such a ``__call__``."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def _callback_style(handler: Callable[[Any], Any], run: Run) -> Start:
    def start(request: ServerRequest) -> None:
        result = handler(request)
        if result is not None and inspect.isawaitable(result):  # a plain function that returns a coroutine
            if asyncio.isfuture(result) and request.finished():
                return  # ``return request.respond(...)``: nobody has to wait for that
            run(request, result)

    return start


def _coroutine_style(handler: Callable[[Any], Any], run: Run) -> Start:
    def start(request: ServerRequest) -> None:
        run(request, handler(request))

    return start


def _runner(
    loop: asyncio.AbstractEventLoop, running: "dict[ServerRequest, asyncio.Task[None]]", *, returns: bool = True
) -> Run:
    """A function that runs an awaitable as the task of a request, which is in ``running`` while it waits.

    Its result is the response, if it ``returns``.
    """
    create: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    if sys.version_info >= (3, 12) and loop.get_task_factory() is None:
        # A handler that doesn't wait ends inside this call, and costs no turn of the loop.
        create = functools.partial(asyncio.Task, loop=loop, eager_start=True)
    else:
        create = loop.create_task

    def run(request: ServerRequest, awaitable: Any) -> None:
        # HOT: once per request.
        task = create(_answer(request, awaitable, running, returns))
        if not task.done():
            running[request] = task

    return run


async def _answer(
    request: ServerRequest, awaitable: Any, running: "dict[ServerRequest, asyncio.Task[None]]", returns: bool
) -> None:
    """Wait for a handler, and send what it returned."""
    engine = request.engine
    try:
        result = await awaitable
        if result is None or not returns:
            if engine.answering(request):
                if not request.told_of_end:
                    raise HTTPOutputError("the handler returned without finishing its response")
                engine.abandon(request)
        elif isinstance(result, httputil.HTTPResponse):
            engine.respond(request, result.body, result.status, result.headers)
        else:
            engine.respond(request, result, 200, ())
    except asyncio.CancelledError:
        engine.abandon(request)
        raise
    except (Exception, SystemExit) as error:
        if returns and isinstance(error, SystemExit):
            raise  # a handler of ours may end the program; an application of ASGI is a guest
        # Frameworks of ASGI make an error of their own of that a write found the client gone.
        cause = error.__cause__ or error.__context__
        foreign = not returns and isinstance(cause, StreamClosedError)
        engine.handler_failed(request, cause if foreign and cause is not None else error)
    finally:
        running.pop(request, None)
