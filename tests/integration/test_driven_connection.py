"""Connections that a program drives itself: HTTP1Connection(is_client=False), HTTP1ServerConnection, HTTPConnection."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from asynchttp import httpserver, httputil
from asynchttp.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from asynchttp.iostream import IOStream
from asynchttp.tcpserver import TCPServer
from tests.integration.helpers import build_request, turns, until, within
from tests.stream.kit import tcp_pair
from tests.support.rawclient import RawClient
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

POST = build_request("/a", method="POST", body=b"hello")
GET = build_request("/b")


@contextlib.asynccontextmanager
async def accepted() -> AsyncIterator[tuple[IOStream, RawClient]]:
    """The server's stream of a connection, and its client."""
    ours, theirs = await tcp_pair()
    stream = IOStream(ours)
    with contextlib.closing(stream):
        async with RawClient(theirs) as client:
            yield stream, client


def drive(stream: IOStream, context: object = None, **params: Any) -> Any:
    return HTTP1Connection(stream, False, HTTP1ConnectionParameters(**params), context)


class Answering(httputil.HTTPMessageDelegate):
    """Answers through the connection that a program made, with what it got."""

    def __init__(self, conn: Any, *, at_once: bool = True) -> None:
        self.conn = conn
        self.at_once = at_once
        self.told: list[str] = []
        self.start_line: Any = None
        self.body = b""

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self.told.append("headers_received")
        self.start_line = start_line

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    def finish(self) -> None:
        self.told.append("finish")
        if self.at_once:
            self.answer()

    def on_connection_close(self) -> None:
        self.told.append("on_connection_close")

    def answer(self) -> None:
        body = f"{self.start_line.method} {self.start_line.path} ".encode() + self.body
        headers = httputil.HTTPHeaders({"Content-Length": str(len(body))})
        self.conn.write_headers(httputil.ResponseStartLine("", 200, "OK"), headers)
        self.conn.write(body)
        self.conn.finish()


async def test_one_request_after_the_other() -> None:
    async with accepted() as (stream, client):
        for octets, body in ((POST, b"POST /a hello"), (GET, b"GET /b "), (POST, b"POST /a hello")):
            conn = drive(stream)
            assert not conn.is_client
            future = conn.read_response(Answering(conn))
            await client.send(octets)
            assert (await client.read_response()).body == body
            assert await within(future) is True
            assert conn.stream is stream


async def test_same_connection_for_all_requests() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        for _ in range(3):
            future = conn.read_response(Answering(conn))
            assert (await client.request(GET)).body == b"GET /b "
            assert await within(future) is True


async def test_stream_is_free_between_requests() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        await client.send(POST + b"line\n" + GET)
        assert await within(conn.read_response(Answering(conn))) is True
        assert await within(stream.read_until(b"\n")) == b"line\n"
        await stream.write(b"answer\n")
        assert (await client.read_response()).body == b"POST /a hello"
        assert await client.read_until(b"\n") == b"answer\n"
        assert await within(conn.read_response(Answering(conn))) is True
        assert (await client.read_response()).body == b"GET /b "


async def test_pipelined_requests_however_they_are_cut() -> None:
    octets = POST + GET + POST
    for pieces in every_split(octets):
        async with accepted() as (stream, client):

            async def serve(stream: IOStream = stream) -> int:
                count = 0
                while not stream.closed():
                    conn = drive(stream)
                    if not await conn.read_response(Answering(conn)):
                        break
                    count += 1
                return count

            served = asyncio.ensure_future(serve())
            await client.send_pieces(pieces)
            bodies = [(await client.read_response()).body for _ in range(3)]
            assert bodies == [b"POST /a hello", b"GET /b ", b"POST /a hello"]
            client.close()
            assert await within(served) == 3


async def test_answer_at_a_later_time() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Answering(conn, at_once=False)
        future = conn.read_response(delegate)
        await client.send(POST + GET)
        await until(lambda: "finish" in delegate.told)
        await turns()
        assert not future.done()
        delegate.answer()
        assert await within(future) is True
        assert (await client.read_response()).body == b"POST /a hello"
        with pytest.raises(httputil.HTTPOutputError, match="finished before"):
            conn.write(b"late")


@pytest.mark.parametrize(
    "octets",
    [
        build_request("/", "Connection: close"),
        build_request("/", version="HTTP/1.0"),
    ],
    ids=["close", "1.0"],
)
async def test_connection_that_ends_behind_its_answer(octets: bytes) -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        future = conn.read_response(Answering(conn))
        assert (await client.request(octets)).status == 200
        assert await within(future) is False
        assert await client.read_to_end() == b""


async def test_no_keep_alive() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream, no_keep_alive=True)
        future = conn.read_response(Answering(conn))
        assert (await client.request(GET)).header("Connection") == "close"
        assert await within(future) is False


@pytest.mark.parametrize("sent", [b"", b"GET", POST[:-1]])
async def test_client_that_leaves(sent: bytes) -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Answering(conn)
        future = conn.read_response(delegate)
        await client.send(sent)
        await turns()
        client.close()
        assert await within(future) is False
    assert delegate.told == (["headers_received", "on_connection_close"] if sent == POST[:-1] else [])


async def test_client_that_leaves_before_its_answer() -> None:
    closed = asyncio.Event()
    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Answering(conn, at_once=False)
        future = conn.read_response(delegate)
        await client.send(POST)
        await until(lambda: "finish" in delegate.told)
        conn.set_close_callback(closed.set)
        client.abort()
        await within(closed.wait())
        assert await within(future) is False
        delegate.answer()  # harmless


async def test_bad_request_is_answered() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Answering(conn)
        future = conn.read_response(delegate)
        assert (await client.request(b"GET / HTTP/1.1\r\n\r\n")).status == 400
        assert await within(future) is False
    assert delegate.told == []


async def test_delegate_that_fails(expect_log: ExpectLog) -> None:
    class Failing(Answering):
        def finish(self) -> None:
            raise ValueError("mine")

    expect_log("asynchttp.application", "Uncaught exception.*mine", count=1)
    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Failing(conn)
        future = conn.read_response(delegate)
        assert (await client.request(GET)).status == 500
        assert await within(future) is False
    assert delegate.told == ["headers_received", "on_connection_close"]


async def test_detach_gives_the_stream_with_what_follows() -> None:
    class Detaching(Answering):
        def headers_received(self, start_line: Any, headers: Any) -> None:
            super().headers_received(start_line, headers)
            self.stream = self.conn.detach()

    async with accepted() as (stream, client):
        conn = drive(stream)
        delegate = Detaching(conn)
        future = conn.read_response(delegate)
        await client.send(GET + b"more")
        assert await within(future) is False
        assert conn.stream is None
        assert delegate.stream is stream
        assert await within(stream.read_bytes(4)) == b"more"
    assert delegate.told == ["headers_received"]


async def test_limits_and_decompression() -> None:
    body = gzip.compress(b"hello" * 100)
    octets = build_request("/", "Content-Encoding: gzip", method="PUT", body=body)
    for limit, status in ((500, 200), (499, 413)):
        async with accepted() as (stream, client):
            conn = drive(stream, decompress=True, max_body_size=limit)
            future = conn.read_response(Answering(conn))
            response = await client.request(octets)
            assert response.status == status
            assert await within(future) is (status == 200)
            if status == 200:
                assert response.body == b"PUT / " + b"hello" * 100


async def test_limit_of_one_request_is_set_at_its_head() -> None:
    class Small(Answering):
        def headers_received(self, start_line: Any, headers: Any) -> None:
            super().headers_received(start_line, headers)
            self.conn.set_max_body_size(4)
            self.conn.set_body_timeout(30)

    async with accepted() as (stream, client):
        conn = drive(stream)
        future = conn.read_response(Small(conn))
        assert (await client.request(POST)).status == 413
        assert await within(future) is False


async def test_answer_before_the_end_of_its_request_ends_the_connection() -> None:
    class Early(Answering):
        def headers_received(self, start_line: Any, headers: Any) -> None:
            super().headers_received(start_line, headers)
            self.answer()

    async with accepted() as (stream, client):
        conn = drive(stream)
        future = conn.read_response(Early(conn))
        assert (await client.request(POST[:-1])).body == b"POST /a "
        assert await within(future) is False


async def test_writing_before_a_request_was_read_is_our_mistake() -> None:
    async with accepted() as (stream, _):
        with pytest.raises(httputil.HTTPOutputError, match="no request has been read"):
            drive(stream).write(b"x")


async def test_close() -> None:
    async with accepted() as (stream, client):
        conn = drive(stream)
        future = conn.read_response(Answering(conn))
        conn.close()
        assert await within(future) is False
        assert await client.read_to_end() == b""


# -- HTTP1ServerConnection -------------------------------------------------------------------------------------------


class App(httputil.HTTPServerConnectionDelegate):
    def __init__(self) -> None:
        self.contexts: list[Any] = []
        self.requests: list[Any] = []
        self.closed: list[Any] = []

    def start_request(self, server_conn: Any, request_conn: Any) -> Answering:
        self.contexts.append(request_conn.context)
        self.server_conn = server_conn
        return Answering(request_conn)

    def on_close(self, server_conn: Any) -> None:
        self.closed.append(server_conn)


async def test_start_serving_and_close() -> None:
    app = App()
    async with accepted() as (stream, client):
        connection = HTTP1ServerConnection(stream)
        connection.start_serving(app)
        for _ in range(2):
            assert (await client.request(POST)).body == b"POST /a hello"
        assert app.server_conn is connection
        assert app.contexts[0].remote_ip == "127.0.0.1"
        await connection.close()
        assert app.closed == [connection]
        assert await client.read_to_end() == b""
        await connection.close()
        assert app.closed == [connection]


async def test_start_serving_takes_delegates_only() -> None:
    async with accepted() as (stream, _):
        with pytest.raises(AssertionError, match="not an HTTPServerConnectionDelegate"):
            HTTP1ServerConnection(stream).start_serving(lambda request: None)  # type: ignore[arg-type]


async def test_context_may_be_anything(caplog: pytest.LogCaptureFixture) -> None:
    class Mine:
        mark = 5

        def __str__(self) -> str:
            return "my peer"

    class Requests(App):
        def start_request(self, server_conn: Any, request_conn: Any) -> Any:
            super().start_request(server_conn, request_conn)
            self.requests.append(request_conn._request)
            return Answering(request_conn)

    app = Requests()
    async with accepted() as (stream, client):
        connection = HTTP1ServerConnection(stream, HTTP1ConnectionParameters(), Mine())
        connection.start_serving(app)
        await client.request(GET)
        assert app.contexts[0].mark == 5
        assert (app.requests[0].remote_ip, app.requests[0].protocol) == ("0.0.0.0", "http")
        with caplog.at_level("INFO", "asynchttp.general"):
            assert (await client.request(b"GET / HTTP/1.1\r\n\r\n")).status == 400
    assert "Malformed HTTP message from my peer: missing Host" in caplog.text


# -- names of Tornado 2 to 4 -----------------------------------------------------------------------------------------


async def test_http_connection_of_tornado_2_serves_a_callback() -> None:
    seen: list[Any] = []

    def handle(request: Any) -> None:
        connection = request.connection
        seen.append((connection.address[0], connection.address_family, connection.xheaders, connection.no_keep_alive))
        seen.append((connection.protocol, connection.stream is streams[0], request.remote_ip))
        request.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        request.finish()

    class Server(TCPServer):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            streams.append(stream)
            connections.append(httpserver.HTTPConnection(stream, address, handle, False, True, "https"))

    streams: list[IOStream] = []
    connections: list[httpserver.HTTPConnection] = []
    server = Server()
    server.listen(0, "127.0.0.1")
    try:
        async with await RawClient.connect(next(iter(server.sockets)).getsockname()[1]) as client:
            for _ in range(2):
                response = await client.request(build_request("/", "X-Real-Ip: 192.0.2.7"))
                assert response.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    finally:
        server.stop()
    (connection,) = connections
    assert seen[0] == ("127.0.0.1", connection.address_family, True, False)
    assert seen[1] == ("https", True, "192.0.2.7")
    assert (connection.stream, connection.request_callback) == (streams[0], handle)
    assert (connection.protocol, connection.xheaders, connection.no_keep_alive) == ("https", True, False)
    streams[0].close()


async def test_http_connection_serves_delegates_too() -> None:
    app = App()
    async with accepted() as (stream, client):
        httpserver.HTTPConnection(stream, ("127.0.0.1", 1), app, no_keep_alive=True)
        assert (await client.request(GET)).body == b"GET /b "
        assert await client.read_to_end() == b""
        client.close()
        await until(lambda: app.closed)


def hello(request: Any) -> None:
    request.respond(b"hello")


class Configured(httpserver.HTTPServer):
    def initialize(self, *args: Any, mark: str = "", **kwargs: Any) -> None:  # type: ignore[override]
        self.mark = mark
        super().initialize(*args, **kwargs)


class Constructed(httpserver.HTTPServer):
    def __init__(self, mark: str, **kwargs: Any) -> None:
        super().__init__(hello, **kwargs)
        self.mark = mark


@pytest.fixture
def configuration() -> Any:
    saved = httpserver.HTTPServer._save_configuration()
    yield
    httpserver.HTTPServer._restore_configuration(saved)


async def test_configure_chooses_a_subclass_and_its_options(configuration: None) -> None:
    httpserver.HTTPServer.configure(Configured, mark="default", no_keep_alive=True)
    server: Any = httpserver.HTTPServer(hello)
    assert type(server) is Configured
    assert (server.mark, server.no_keep_alive) == ("default", True)
    assert httpserver.HTTPServer(hello, mark="own").mark == "own"  # type: ignore[attr-defined]
    httpserver.HTTPServer.configure(None)
    assert type(httpserver.HTTPServer(hello)) is httpserver.HTTPServer
    assert httpserver.HTTPServer.configured_class() is httpserver.HTTPServer


async def test_subclasses_of_both_kinds_are_left_alone_by_what_was_configured(configuration: None) -> None:
    httpserver.HTTPServer.configure(Configured, mark="default")
    server = Constructed("mine", max_header_size=1000)
    assert (server.mark, server.conn_params.max_header_size) == ("mine", 1000)
    assert server.request_callback is hello


async def test_configure_takes_subclasses_only(configuration: None) -> None:
    with pytest.raises(ValueError, match="Invalid subclass"):
        httpserver.HTTPServer.configure(TCPServer)  # type: ignore[arg-type]
