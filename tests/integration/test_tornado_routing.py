"""Delegates and routers of both packages around each other, and a plain callable among them."""

import contextlib
import gzip
from typing import Any

import pytest
import tornado.httputil
import tornado.iostream
import tornado.routing
import tornado.web
import tornado.websocket

from asynchttp import httputil, iostream
from asynchttp.http1connection import HTTP1Connection
from tests.integration.helpers import run_server, within
from tests.stream.kit import tcp_pair
from tests.support.rawclient import RawClient

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("tornado_is_silent")]


class Around(httputil.HTTPServerConnectionDelegate):
    """Ours around Tornado's: adds a field to each request."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        return AroundMessage(self.inner.start_request(server_conn, request_conn))

    def on_close(self, server_conn: Any) -> None:
        self.inner.on_close(server_conn)


class AroundMessage(httputil.HTTPMessageDelegate):
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def headers_received(self, start_line: Any, headers: Any) -> Any:
        assert isinstance(start_line, httputil.RequestStartLine)
        assert isinstance(start_line, tornado.httputil.RequestStartLine)
        headers["X-Added"] = "yes"
        return self.inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        return self.inner.data_received(chunk)

    def finish(self) -> None:
        self.inner.finish()

    def on_connection_close(self) -> None:
        self.inner.on_connection_close()


class Show(tornado.web.RequestHandler):
    def post(self) -> None:
        self.write(repr((self.request.headers.get("X-Added"), self.request.body)))


class Raw(tornado.httputil.HTTPServerConnectionDelegate, tornado.httputil.HTTPMessageDelegate):
    """Tornado's interfaces, both by one object; a router makes one for each request."""

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        self.connection = request_conn
        self.body = b""
        return self

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self.path = start_line.path

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    def finish(self) -> None:
        octets = self.path.encode() + b" " + self.body
        self.connection.write_headers(
            tornado.httputil.ResponseStartLine("HTTP/1.1", 200, "OK"),
            tornado.httputil.HTTPHeaders({"Content-Length": str(len(octets))}),
            octets,
        )
        self.connection.finish()


def plain(request: Any) -> None:
    body = b"plain " + request.body
    request.connection.write_headers(
        tornado.httputil.ResponseStartLine("HTTP/1.1", 200, "OK"),
        tornado.httputil.HTTPHeaders({"Content-Length": str(len(body))}),
        body,
    )
    request.connection.finish()


class ByFirstSegment(tornado.routing.Router):
    """A router of a program's own."""

    def __init__(self, routes: dict[str, Any]) -> None:
        self.routes = routes

    def find_handler(self, request: Any, **kwargs: Any) -> Any:
        app = self.routes.get(request.path.split("/")[1])
        return app and app.start_request(request.server_connection, request.connection)


def post(path: str, body: bytes) -> bytes:
    coded = gzip.compress(body)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: {len(coded)}\r\n\r\n"
    return head.encode() + coded


def application() -> tornado.web.Application:
    return tornado.web.Application([("/app.*", Show)], log_function=lambda handler: None)


def routers() -> dict[str, Any]:
    rules = [
        tornado.routing.Rule(tornado.routing.PathMatches("/app.*"), application()),
        tornado.routing.Rule(tornado.routing.PathMatches("/raw"), Raw()),
        (r"/plain", plain),
    ]
    return {
        "RuleRouter": tornado.routing.RuleRouter(rules),
        "nested RuleRouter": tornado.routing.RuleRouter([(r"/.*", tornado.routing.RuleRouter(rules))]),
        "ReversibleRuleRouter": tornado.routing.ReversibleRuleRouter(rules),
    }


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize("kind", list(routers()))
async def test_routers_with_decompression_around_them(kind: str, around: bool) -> None:
    router = routers()[kind]
    handler = Around(router) if around else router
    async with run_server(handler, decompress_request=True) as running, await running.connect() as client:
        added = "'yes'" if around else "None"
        for path, expected in (
            ("/app", f"({added}, b'hello')".encode()),
            ("/raw", b"/raw hello"),
            ("/plain", b"plain hello"),
        ):
            response = await client.request(post(path, b"hello"))
            assert (response.status, response.body) == (200, expected), path
        assert (await client.request(post("/nothing", b"hello"))).status == 404
        assert (await client.request(post("/app", b"again"))).status == 200


async def test_router_of_a_programs_own() -> None:
    router = ByFirstSegment({"app": application(), "raw": Raw()})
    async with run_server(router) as running, await running.connect() as client:
        response = await client.request(b"POST /raw/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        assert response.body == b"/raw/a hi"
        response = await client.request(b"POST /app/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        assert response.body == b"(None, b'hi')"
        assert (await client.request(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")).status == 404


async def test_application_as_the_delegate_of_a_connection_that_a_program_drives() -> None:
    ours, theirs = await tcp_pair()
    stream = iostream.IOStream(ours)
    app = application()
    with contextlib.closing(stream):
        async with RawClient(theirs) as client:
            for number in (b"1", b"2"):
                conn: Any = HTTP1Connection(stream, False)
                future = conn.read_response(app.start_request(object(), conn))
                await client.send(b"POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n" + number)
                assert (await client.read_response()).body == b"(None, b'%b')" % number
                assert await within(future) is True
