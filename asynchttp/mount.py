"""Several handlers on one port, chosen by host and path: callbacks, coroutines, Tornado, ASGI and WSGI side by side.

>>> server = HTTPServer(Mount({"/": handle, "/api": ASGIHandler(app), "chat.example.org/": application}))
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from asynchttp import _dispatch
from asynchttp._dispatch import Start, Starter, Style
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate

__all__ = ["Mount"]


class Mount(Starter):
    """A handler for :class:`~asynchttp.httpserver.HTTPServer` that gives each request to one of several handlers.

    Args:
        handlers: a handler of any style for each place. A place is a path prefix, ``"/api"``, or one on a host,
            ``"example.org/api"``. The longest prefix wins that ends where a path segment does; a host of its own wins
            over any.

    What no place fits is answered by ``404``. The target stays as it is: ASGI and WSGI applications get the prefix as
    ``root_path`` and ``SCRIPT_NAME``.

    ``decompress_request`` of the server holds at every place; ASGI and WSGI applications, which don't know it, are
    refused beside it. ``stream_request_body`` holds at the places of coroutine functions, of which there has to be one;
    the others get their bodies as ever.

    Raises: :exc:`ValueError` for a place that isn't of this form, :exc:`TypeError` for what can't handle requests.
    """

    def __init__(self, handlers: Mapping[str, Any]) -> None:
        if not handlers:
            raise ValueError("Mount needs at least one handler")
        super().__init__()
        #: (host or "", prefix without "/" at its end) → handler, the longest prefixes and those with a host first
        self._places: list[tuple[str, str, Any]] = []
        for place, handler in handlers.items():
            host, slash, path = place.partition("/")
            if not slash or "?" in place or "#" in place:
                raise ValueError(f"a place is '/path' or 'host/path', not {place!r}")
            _dispatch.check_handler(handler)
            self._places.append((host.lower(), f"/{path}".rstrip("/"), handler))
        self._started = contextlib.AsyncExitStack()
        self._places.sort(key=lambda each: (bool(each[0]), len(each[1])), reverse=True)

    async def startup(self) -> None:
        """Start up the ASGI applications among the handlers; if one can't, those before it clean up.

        Raises: :exc:`~asynchttp.asgi.LifespanError`.
        """
        async with contextlib.AsyncExitStack() as stack:
            for _, _, handler in self._places:
                if isinstance(handler, Starter):
                    await handler.startup()
                    stack.push_async_callback(handler.shutdown)
            self._started = stack.pop_all()

    async def shutdown(self) -> None:
        """Let the ASGI applications among the handlers clean up, the last that started first; all of them.

        Raises: :exc:`~asynchttp.asgi.LifespanError` if one couldn't.
        """
        await self._started.aclose()

    def drain(self) -> None:
        for _, _, handler in self._places:
            if isinstance(handler, Starter):
                handler.drain()

    def on_close(self, server_conn: object) -> None:
        for _, _, handler in self._places:
            if isinstance(handler, Starter) or _dispatch.is_delegate(handler):
                handler.on_close(server_conn)

    def check(self, *, decompress: bool, stream_request_body: bool) -> None:
        if decompress:
            for host, prefix, handler in self._places:
                try:
                    _dispatch.check_handler(handler, decompress=True)
                except TypeError as error:
                    raise TypeError(f"at the place {host + (prefix or '/')!r}: {error}") from None
        if stream_request_body and not any(_streams(handler) for _, _, handler in self._places):
            raise TypeError("stream_request_body is for coroutine functions, and none of the places has one")

    def style(
        self,
        loop: asyncio.AbstractEventLoop,
        running: "dict[ServerRequest, asyncio.Task[None]]",
        *,
        decompress: bool = False,
        stream_request_body: bool = False,
    ) -> Style:
        self.running = running

        def start_of(handler: Any) -> Start:
            # One dictionary for all: the server's limits and its end look at the tasks of every place.
            streams = stream_request_body and _streams(handler)
            style = _dispatch.style_of(
                handler, loop, decompress=decompress, stream_request_body=streams, running=running
            )
            return _at_head(style)

        places = [(host, prefix, start_of(handler)) for host, prefix, handler in self._places]
        hosts = any(host for host, _, _ in places)
        default: Callable[[ServerRequest], object] = _at_head(_dispatch.style_of(_not_found, loop, running=running))

        def start(request: ServerRequest) -> None:
            # HOT: once per request.
            path = request.path
            name = request.host_name if hosts else ""
            for host, prefix, start_at in places:
                if (not host or host == name) and path.startswith(prefix) and path[len(prefix) :][:1] in ("", "/"):
                    request.prefix = prefix
                    start_at(request)
                    return
            default(request)

        return Style(start, True, running)


def _streams(handler: Any) -> bool:
    """Whether it can be started at the head of a request, to read the body itself."""
    if isinstance(handler, Mount):
        return any(_streams(inner) for _, _, inner in handler._places)
    is_other = isinstance(handler, Starter) or _dispatch.is_delegate(handler)
    return not is_other and _dispatch.is_coroutine_function(handler)


def _not_found(request: ServerRequest) -> None:
    request.respond(b"404: Not Found\n", 404, [("Content-Type", "text/plain; charset=utf-8")])


def _at_head(style: _dispatch.Style) -> Start:
    """What starts a request of this style at its head."""
    if style.at_head:
        return style.start

    def start(request: ServerRequest) -> None:
        request.engine.receive(request, _Collector(request, style.start))

    return start


class _Collector(HTTPMessageDelegate):
    """Starts a request when its body is complete."""

    __slots__ = ("_body", "_request", "_start")

    def __init__(self, request: ServerRequest, start: Start) -> None:
        self._request = request
        self._start = start
        self._body: bytes | bytearray = b""

    def data_received(self, chunk: bytes) -> None:
        if not self._body:
            self._body = chunk
            return
        if not isinstance(self._body, bytearray):
            self._body = bytearray(self._body)
        self._body += chunk

    def finish(self) -> None:
        self._request.body = bytes(self._body)
        self._start(self._request)
