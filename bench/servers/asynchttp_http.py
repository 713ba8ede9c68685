"""asynchttp's HTTPServer with handlers in each of its styles, and with applications of each interface."""

import socket
from collections.abc import Callable
from typing import Any

from asynchttp.httpserver import HTTPServer
from asynchttp.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from bench.servers._site import (
    BODY,
    CHUNKED_HEAD,
    LAST_CHUNK,
    PAGES,
    PIECE,
    PIECES,
    STREAM,
    UPLOAD,
    chunk,
    classic,
    counted,
)
from bench.servers._start import PATIENCE, http_options, log_to_nowhere, nowhere, serve

HELLO = classic(BODY)
CLASSIC = {path: classic(body) for path, body in PAGES.items()}
OK = ResponseStartLine("HTTP/1.1", 200, "OK")


def callback(request: HTTPServerRequest) -> None:
    """Tornado 2's way: the handler writes the whole response itself."""
    request.write(HELLO)
    request.finish()


def callback_site(request: HTTPServerRequest) -> None:
    if request.path == STREAM:
        request.write(CHUNKED_HEAD)
        for _ in range(PIECES):
            request.write(chunk(PIECE))
        request.write(LAST_CHUNK)
    elif request.path == UPLOAD:
        request.write(classic(counted(len(request.body))))
    else:
        request.write(CLASSIC[request.path])
    request.finish()


def respond(request: HTTPServerRequest) -> None:
    """A plain function; the server makes the head."""
    request.respond(BODY)


def respond_site(request: HTTPServerRequest) -> None:
    if request.path == STREAM:
        request.connection.write_headers(OK, HTTPHeaders())
        for _ in range(PIECES):
            request.connection.write(PIECE)
        request.connection.finish()
    else:
        request.respond(counted(len(request.body)) if request.path == UPLOAD else PAGES[request.path])


async def coroutine(request: HTTPServerRequest) -> None:
    """A coroutine; the server makes the head."""
    request.respond(BODY)


async def coroutine_site(request: HTTPServerRequest) -> None:
    if request.path == STREAM:
        await request.connection.write_headers(OK, HTTPHeaders())
        for _ in range(PIECES):
            await request.connection.write(PIECE)
        request.connection.finish()
    else:
        request.respond(counted(len(request.body)) if request.path == UPLOAD else PAGES[request.path])


async def coroutine_bytes(request: HTTPServerRequest) -> bytes:
    """A coroutine that returns the body."""
    return BODY


async def coroutine_bytes_site(request: HTTPServerRequest) -> bytes:
    return counted(len(request.body)) if request.path == UPLOAD else PAGES[request.path]


class Delegate(HTTPServerConnectionDelegate):
    """Tornado 4's way: the delegate gets a message as it comes."""

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return Message(request_conn)


class Message(HTTPMessageDelegate):
    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._octets = 0

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self._path = start_line.path

    def data_received(self, chunk: bytes) -> None:
        self._octets += len(chunk)

    def finish(self) -> None:
        connection = self._connection
        if self._path == STREAM:
            connection.write_headers(OK, HTTPHeaders())
            for _ in range(PIECES):
                connection.write(PIECE)
        else:
            body = counted(self._octets) if self._path == UPLOAD else PAGES[self._path]
            connection.write_headers(OK, HTTPHeaders({"Content-Length": str(len(body))}), body)
        connection.finish()


#: By style: what says hello, what serves the site.
HANDLERS: dict[str, tuple[Any, Any]] = {
    "callback": (callback, callback_site),
    "respond": (respond, respond_site),
    "await": (coroutine, coroutine_site),
    "await-bytes": (coroutine_bytes, coroutine_bytes_site),
    "delegate": (Delegate(), Delegate()),
}


def _tornado(site: bool, access_log: bool) -> Any:
    from bench.servers._application import application  # needs Tornado

    return application(access_log)


def _asgi(site: bool, access_log: bool) -> Any:
    from asynchttp.asgi import ASGIHandler
    from bench.servers import _asgi

    return ASGIHandler(_asgi.site if site else _asgi.hello, lifespan="off")


def _starlette(site: bool, access_log: bool) -> Any:
    from asynchttp.asgi import ASGIHandler
    from bench.servers import _starlette  # needs Starlette

    return ASGIHandler(_starlette.app, lifespan="off")


def _flask(site: bool, access_log: bool) -> Any:
    from asynchttp.wsgi import WSGIHandler
    from bench.servers import _flask  # needs Flask

    return WSGIHandler(_flask.app, threads=_flask.THREADS)


#: By style, likewise: applications of whole frameworks, which are imported only where they are served.
APPLICATIONS: dict[str, Callable[[bool, bool], Any]] = {
    "application": _tornado,
    "asgi": _asgi,
    "starlette": _starlette,
    "flask": _flask,
}


def handler(style: str, site: bool, access_log: bool) -> Callable[..., Any]:
    if style in APPLICATIONS:
        return APPLICATIONS[style](site, access_log)  # type: ignore[no-any-return]
    hello, whole = HANDLERS[style]
    return whole if site else hello  # type: ignore[no-any-return] # a delegate is no function


def log_format(style: str, as_json: bool) -> str | None:
    """Let a line about each request go to /dev/null; returns what the server is told."""
    if style == "application":  # it logs by itself
        log_to_nowhere("tornado.access")
        return None
    from asynchttp._loghandlers import AccessStreamHandler  # not all commits that one may compare with have it

    log_to_nowhere("asynchttp.access", AccessStreamHandler(nowhere()))
    return "json" if as_json else "combined"


if __name__ == "__main__":
    given = http_options(__doc__, style=(*HANDLERS, *APPLICATIONS))
    access_log = log_format(given.style, given.json_log) if given.access_log else None

    async def start(sock: socket.socket) -> HTTPServer:
        server = HTTPServer(
            handler(given.style, given.site, given.access_log),
            ssl_options=given.context,
            idle_connection_timeout=PATIENCE,
            access_log=access_log,
        )
        server.add_socket(sock)
        return server

    serve(given, start)
