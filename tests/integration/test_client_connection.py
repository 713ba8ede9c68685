"""HTTP1Connection as a client: what it sends, and what it makes of what servers send, good and bad ones."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp.web
import pytest

from asynchttp import httputil
from asynchttp.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from asynchttp.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError
from asynchttp.tcpclient import TCPClient
from tests.integration.helpers import run_server, turns, until, within
from tests.stream.kit import Certificates, tcp_pair
from tests.support.rawclient import RawClient
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


class Response(httputil.HTTPMessageDelegate):
    """Writes down what it is told; ``actions`` are what it does then."""

    def __init__(self, **actions: Callable[[], Any]) -> None:
        self.actions = actions
        self.heads: list[tuple[str, int, str]] = []
        self.headers = httputil.HTTPHeaders()
        self.pieces: list[bytes] = []
        self.told: list[str] = []

    def _tell(self, name: str) -> Any:
        self.told.append(name)
        return self.actions[name]() if name in self.actions else None

    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> Any:
        assert isinstance(start_line, httputil.ResponseStartLine)
        self.heads.append(tuple(start_line))  # type: ignore[arg-type]
        self.headers = headers
        return self._tell("headers_received")

    def data_received(self, chunk: bytes) -> Any:
        assert chunk
        self.pieces.append(chunk)
        return self._tell("data_received")

    def finish(self) -> None:
        self._tell("finish")

    def on_connection_close(self) -> None:
        self._tell("on_connection_close")

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def status(self) -> int:
        return self.heads[-1][1]

    @property
    def end(self) -> str | None:
        """Which end it was told of; it must be one, and the last thing."""
        ends = [name for name in self.told if name in ("finish", "on_connection_close")]
        assert len(ends) <= 1
        assert ends == [] or self.told[-1] == ends[0]
        return ends[0] if ends else None


@contextlib.asynccontextmanager
async def connected(**params: Any) -> AsyncIterator[tuple[HTTP1Connection, RawClient]]:
    """A client's connection, and its server as a raw socket."""
    theirs, ours = await tcp_pair()
    stream = IOStream(ours)
    with contextlib.closing(stream):
        async with RawClient(theirs) as server:
            yield HTTP1Connection(stream, True, HTTP1ConnectionParameters(**params)), server


def ask(conn: HTTP1Connection, method: str = "GET", path: str = "/", **fields: str) -> Any:
    headers = httputil.HTTPHeaders({"Host": "test"})
    for name, value in fields.items():
        headers[name.replace("_", "-")] = value
    conn.write_headers(httputil.RequestStartLine(method, path, "HTTP/1.1"), headers)
    conn.finish()


async def answer(
    octets: bytes, *, method: str = "GET", close: bool = True, **params: Any
) -> tuple[Response, "bool | StreamClosedError"]:
    """What a client makes of ``octets`` and, unless ``close`` is false, the end of the connection."""
    response = Response()
    async with connected(**params) as (conn, server):
        ask(conn, method)
        await server.read_until(b"\r\n\r\n")
        await server.send(octets)
        if close:
            server.shutdown_write()
        try:
            alive = await within(conn.read_response(response))
        except StreamClosedError as error:
            return response, error
        assert conn.stream is not None
        assert conn.stream.closed() or (alive and not conn.no_keep_alive) or response.end == "finish"
        return response, alive


# -- requests ------------------------------------------------------------------------------------------------------


async def sent(method: str, pieces: list[bytes], **fields: str) -> bytes:
    async with connected() as (conn, server):
        headers = httputil.HTTPHeaders({name.replace("_", "-"): value for name, value in fields.items()})
        before = list(headers.get_all())
        conn.write_headers(httputil.RequestStartLine(method, "/a?b", ""), headers, pieces[0] if pieces else None)
        for piece in pieces[1:]:
            await conn.write(piece)
        conn.finish()
        assert list(headers.get_all()) == before
        assert conn.stream is not None
        await until(lambda: conn.stream is None or not conn.stream.writing())
        conn.close()
        return await server.read_to_end()


async def test_request_without_body() -> None:
    assert await sent("GET", [], Host="a") == b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_request_with_length() -> None:
    octets = await sent("POST", [b"he", b"", b"llo"], Content_Length="5")
    assert octets == b"POST /a?b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_request_without_length_is_chunked_and_the_headers_stay_the_callers(method: str) -> None:
    octets = await sent(method, [b"hello", b" world"])
    assert octets.endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")


async def test_request_that_says_chunked_is_chunked() -> None:
    octets = await sent("DELETE", [b"hello"], Transfer_Encoding="chunked")
    assert octets == b"DELETE /a?b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


async def test_field_values_may_be_octets() -> None:
    headers = httputil.HTTPHeaders()
    headers["A"] = b"\xe9"  # type: ignore[assignment]
    async with connected() as (conn, server):
        conn.write_headers(httputil.RequestStartLine("GET", "/", ""), headers)
        assert await server.read_until(b"\r\n\r\n") == b"GET / HTTP/1.1\r\nA: \xe9\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "/ HTTP/1.1\r\nA: b", {}),
        ("GET", "/a b", {}),
        ("GET", "", {}),
        ("GET\r\n", "/", {}),
        ("GET", "/\N{EURO SIGN}", {}),
        ("GET", "/", {"A": "b\r\nC: d"}),
        ("GET", "/", {"A": "b\0"}),
        ("GET", "/", {"A\r\nB": "c"}),
        ("POST", "/", {"Content-Length": "5, 5"}),
        ("POST", "/", {"Content-Length": "+5"}),
        ("POST", "/", {"Content-Length": "5", "Transfer-Encoding": "chunked"}),
        ("POST", "/", {"Transfer-Encoding": "gzip, chunked"}),
    ],
)
async def test_request_that_would_split_or_blur_is_refused(method: str, path: str, fields: dict[str, str]) -> None:
    headers = httputil.HTTPHeaders()
    for name, value in fields.items():
        headers[name] = value  # which isn't checked, as in Tornado
    async with connected() as (conn, server):
        with pytest.raises(ValueError):
            conn.write_headers(httputil.RequestStartLine(method, path, ""), headers)
        conn.close()
        assert await server.read_to_end() == b""


async def test_more_than_content_length_is_our_mistake() -> None:
    async with connected() as (conn, _):
        conn.write_headers(
            httputil.RequestStartLine("POST", "/", ""), httputil.HTTPHeaders({"Content-Length": "2"}), b"ab"
        )
        with pytest.raises(httputil.HTTPOutputError, match="more data than Content-Length"):
            conn.write(b"c")


async def test_less_than_content_length_is_our_mistake() -> None:
    async with connected() as (conn, _):
        conn.write_headers(httputil.RequestStartLine("POST", "/", ""), httputil.HTTPHeaders({"Content-Length": "2"}))
        with pytest.raises(httputil.HTTPOutputError, match="2 bytes less than Content-Length"):
            conn.finish()
        assert conn.stream is not None
        assert conn.stream.closed()


async def test_write_to_a_closed_connection_fails_in_its_future_only() -> None:
    async with connected() as (conn, _):
        conn.close()
        future = conn.write_headers(httputil.RequestStartLine("GET", "/", ""), httputil.HTTPHeaders())
        with pytest.raises(StreamClosedError):
            await future
        conn.write(b"x")  # nobody looks, and nothing is logged
        conn.finish()


async def test_callbacks_of_writes() -> None:
    called = asyncio.Event()
    async with connected() as (conn, server):
        line = httputil.RequestStartLine("PUT", "/", "")
        result = conn.write_headers(line, httputil.HTTPHeaders({"Content-Length": "2"}), callback=called.set)
        assert result is None
        await within(called.wait())
        called.clear()
        assert conn.write(b"ab", called.set) is None
        assert not called.is_set()
        await within(called.wait())
        assert (await server.read_until(b"ab")).endswith(b"\r\n\r\nab")


# -- good responses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "method", "body", "alive"),
    [
        (HELLO, "GET", b"hello", True),
        (OK + b"Content-Length: 0\r\n\r\n", "GET", b"", True),
        (OK + b"Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\n\r\n", "GET", b"hi", True),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\nSum: 1\r\nB: c\r\n\r\n", "GET", b"hi", True),
        (OK + b"\r\nto the end", "GET", b"to the end", False),
        (OK + b"\r\n", "GET", b"", False),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", "GET", b"to the end", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", True),
        (OK + b"Connection: x, Close\r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", False),
        (OK + b"Content-Length: 5\r\n\r\n", "HEAD", b"", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD", b"", True),
        (OK + b"\r\n", "HEAD", b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", b"", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "DELETE", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", b"", True),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", True),
        (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", "GET", b"hi", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + HELLO, "GET", b"hello", True),
        (OK + b"Content-Length: 5\r\n\r\nGARBA", "CONNECT", b"", False),
    ],
)
async def test_response_means_the_same_however_it_is_cut(octets: bytes, method: str, body: bytes, alive: bool) -> None:
    for number, pieces in enumerate(every_split(octets)):
        response = Response()
        async with connected() as (conn, server):
            ask(conn, method)
            future = conn.read_response(response)
            await server.send_pieces(pieces)
            server.shutdown_write()
            assert await within(future) is alive, f"split {number}"
        assert (response.body, response.end) == (body, "finish")


@pytest.mark.parametrize("chunked", [False, True])
async def test_pieces_are_never_larger_than_chunk_size(chunked: bool) -> None:
    body = bytes(range(256)) * 4
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1024"
    response, alive = await answer(OK + framing + b"\r\n\r\n" + coded, chunk_size=100)
    assert (response.body, alive) == (body, True)
    assert max(map(len, response.pieces)) <= 100


async def test_what_the_delegate_gets_of_the_head() -> None:
    response, _ = await answer(
        b"HTTP/1.1 404 Caf\xe9 zu\r\nSet-Cookie: a\r\nset-cookie:\tb \r\nContent-Length: 0\r\n\r\n"
    )
    assert response.heads == [("HTTP/1.1", 404, "Caf\xe9 zu")]
    assert response.headers.get_list("Set-Cookie") == ["a", "b"]


async def test_keep_alive_carries_many_requests() -> None:
    async with connected() as (conn, server):
        for number in range(3):
            ask(conn, path=f"/{number}")
            head = await server.read_until(b"\r\n\r\n")
            assert head.startswith(b"GET /%d " % number)
            await server.send(HELLO)
            response = Response()
            assert await within(conn.read_response(response)) is True
            assert response.body == b"hello"


async def test_pipelined_requests_get_their_responses() -> None:
    async with connected() as (conn, server):
        ask(conn)
        ask(conn)
        await server.send(HELLO.replace(b"hello", b"first") + HELLO)
        for body in (b"first", b"hello"):
            response = Response()
            assert await within(conn.read_response(response)) is True
            assert response.body == body


#: RFC 9112 §9.2: a client MUST NOT take for a response what comes while it waits for none.
BEHIND = {
    "text": (b"rest", "GET"),
    "response": (HELLO, "GET"),
    "content-of-304": (b"hello", "GET"),
    "content-of-head": (b"hello", "HEAD"),
}


@pytest.mark.parametrize(("rest", "method"), BEHIND.values(), ids=BEHIND.keys())
async def test_9112_9_2_what_follows_a_response_ends_the_connection_and_stays_in_the_stream(
    rest: bytes, method: str
) -> None:
    octets = HELLO[:-5] if method == "HEAD" else HELLO
    if rest == b"hello" and method == "GET":
        octets = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
    async with connected() as (conn, server):
        ask(conn, method)
        await server.send(octets + rest)
        response = Response()
        assert await within(conn.read_response(response)) is False
        assert response.end == "finish"
        assert await within(conn.detach().read_bytes(len(rest))) == rest


@pytest.mark.parametrize("first", [True, False])
async def test_9112_9_2_response_that_came_before_its_request_is_none(first: bool) -> None:
    async with connected() as (conn, server):
        if not first:
            ask(conn)
            await server.send(HELLO)
            assert await within(conn.read_response(Response())) is True
        stream = conn.stream
        assert stream is not None
        stream.set_close_callback(lambda: None)  # so that it reads, as a stream does that waits in a pool
        await server.send(HELLO)
        await until(lambda: stream.read_buffer_size() == len(HELLO))
        ask(conn)
        assert stream.closed()
        with pytest.raises(StreamClosedError):
            await within(conn.read_response(Response()))


async def test_no_keep_alive_closes_behind_the_response() -> None:
    response, alive = await answer(HELLO, no_keep_alive=True)
    assert (response.body, alive) == (b"hello", False)


async def test_answer_before_the_request_is_sent_ends_the_connection() -> None:
    response = Response()
    async with connected() as (conn, server):
        conn.write_headers(httputil.RequestStartLine("POST", "/", ""), httputil.HTTPHeaders({"Content-Length": "9"}))
        await server.send(HELLO)
        assert await within(conn.read_response(response)) is False
    assert response.end == "finish"


async def test_body_is_sent_when_100_continue_came() -> None:
    async with connected() as (conn, server):
        headers = httputil.HTTPHeaders({"Expect": "100-continue", "Content-Length": "4"})
        conn.write_headers(httputil.RequestStartLine("POST", "/", ""), headers)

        def go_on() -> None:
            if response.status == 100:
                conn.write(b"body")
                conn.finish()

        response = Response(headers_received=go_on)
        future = conn.read_response(response)
        await server.read_until(b"\r\n\r\n")
        await server.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await server.read_exactly(4) == b"body"
        await server.send(HELLO)
        assert await within(future) is True
    assert [status for _, status, _ in response.heads] == [100, 200]


async def test_awaitables_of_the_delegate_delay_what_follows() -> None:
    gates: list[asyncio.Future[None]] = []

    def gate() -> asyncio.Future[None]:
        gates.append(asyncio.get_running_loop().create_future())
        return gates[-1]

    response = Response(headers_received=gate, data_received=gate)
    async with connected(chunk_size=3) as (conn, server):
        await server.send(HELLO)
        future = conn.read_response(response)
        told = ["headers_received", "data_received", "data_received", "finish"]
        for count in range(1, 4):
            await until(lambda count=count: len(gates) == count)  # type: ignore[misc]
            await turns()
            assert response.told == told[:count]
            gates[-1].set_result(None)
        assert await within(future) is True
    assert response.told == told


# -- detach --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
async def test_detach_in_headers_received_takes_what_follows(later: bool) -> None:
    streams: list[IOStream] = []

    def take() -> Any:
        streams.append(conn.detach())

    async def take_later() -> None:
        await asyncio.sleep(0)
        take()

    response = Response(headers_received=take_later if later else take)
    async with connected() as (conn, server):
        ask(conn, Upgrade="websocket", Connection="Upgrade")
        await server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
        assert await within(conn.read_response(response)) is False
        assert conn.stream is None
        (stream,) = streams
        assert await within(stream.read_bytes(4)) == b"\x81\x02hi"
        await stream.write(b"\x81\x82")
        assert (await server.read_until(b"\x81\x82")).endswith(b"\r\n\r\n\x81\x82")
        stream.close()
    assert response.told == ["headers_received"]
    with pytest.raises(StreamClosedError):
        conn.detach()


async def test_detach_in_the_body_leaves_the_rest() -> None:
    streams: list[IOStream] = []
    response = Response(data_received=lambda: streams.append(conn.detach()))
    async with connected(chunk_size=2) as (conn, server):
        await server.send(HELLO)
        with pytest.raises(StreamClosedError):
            await within(conn.read_response(response))
        assert await within(streams[0].read_bytes(3)) == b"llo"
        streams[0].close()
    assert response.told == ["headers_received", "data_received"]


async def test_switched_protocol_that_nobody_takes_is_an_error() -> None:
    response, alive = await answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", close=False)
    assert (response.end, alive) == ("on_connection_close", False)


# -- decompression -------------------------------------------------------------------------------------------------

PLAIN = b"hello, hello, hello " * 5000


def coded(body: bytes, coding: str, *fields: bytes) -> bytes:
    told = [b"Content-Encoding: " + coding.encode(), b"Content-Length: %d" % len(body), *fields]
    return OK + b"\r\n".join([*told, b"", b""]) + body


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("GZIP", gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:])),
        ("deflate", zlib.compress(PLAIN)),
    ],
)
async def test_decompression(coding: str, body: bytes) -> None:
    response, alive = await answer(coded(body, coding), decompress=True, chunk_size=1000)
    assert (response.body, response.end, alive) == (PLAIN, "finish", True)
    assert max(map(len, response.pieces)) <= 1000
    assert response.headers["X-Consumed-Content-Encoding"] == coding
    assert "Content-Encoding" not in response.headers


async def test_without_decompression_the_coding_stays() -> None:
    body = gzip.compress(PLAIN)
    response, _ = await answer(coded(body, "gzip"))
    assert response.body == body
    assert response.headers["Content-Encoding"] == "gzip"


async def test_head_of_a_compressed_page() -> None:
    octets = OK + b"Content-Encoding: gzip\r\nContent-Length: 50\r\n\r\n"
    response, alive = await answer(octets, method="HEAD", decompress=True)
    assert (response.end, alive) == ("finish", True)


@pytest.mark.parametrize(
    "body", [gzip.compress(PLAIN)[:-1], gzip.compress(PLAIN) + b"garbage", b"not gzip at all", b"\x1f\x8b"]
)
async def test_bad_gzip_is_refused(body: bytes) -> None:
    response, alive = await answer(coded(body, "gzip"), decompress=True)
    assert (response.end, alive) == ("on_connection_close", False)


async def test_gzip_bomb_is_stopped_at_max_body_size() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    response, alive = await answer(coded(bomb, "gzip"), decompress=True, max_body_size=200_000)
    assert (response.end, alive) == ("on_connection_close", False)
    assert len(response.body) <= 200_000


# -- limits and time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: 11\r\n\r\nhello world",
        b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        b"\r\nhello world",
    ],
    ids=["length", "chunked", "until close"],
)
async def test_max_body_size(framed: bytes) -> None:
    response, alive = await answer(OK + framed, max_body_size=10)
    assert (response.end, alive) == ("on_connection_close", False)
    assert len(response.body) <= 10
    response, _ = await answer(OK + framed, max_body_size=11)
    assert (response.body, response.end) == (b"hello world", "finish")


async def test_max_body_size_may_be_set_at_the_head() -> None:
    response = Response(headers_received=lambda: conn.set_max_body_size(5))
    async with connected(max_body_size=2) as (conn, server):
        await server.send(HELLO)
        assert await within(conn.read_response(response)) is True


@pytest.mark.parametrize("head", [OK + b"A: " + b"b" * 300, OK + b"A: b\r\n" * 60, b"HTTP/1.1 200 " + b"x" * 300])
async def test_head_without_end_is_cut_off_at_max_header_size(head: bytes) -> None:
    response, error = await answer(head, close=False, max_header_size=200)
    assert isinstance(error, StreamClosedError)
    assert isinstance(error.real_error, UnsatisfiableReadError)
    assert response.told == []


async def test_head_of_exactly_max_header_size_is_read() -> None:
    octets = OK + b"A: " + b"b" * 100 + b"\r\nContent-Length: 0\r\n\r\n"
    response, alive = await answer(octets, max_header_size=len(octets))
    assert (response.end, alive) == ("finish", True)
    _, error = await answer(octets, max_header_size=len(octets) - 1)
    assert isinstance(error, StreamClosedError)


async def test_max_header_count() -> None:
    octets = OK + b"A: b\r\n" * 9 + b"Content-Length: 0\r\n\r\n"
    assert (await answer(octets, max_header_count=10))[1] is True
    assert isinstance((await answer(octets, max_header_count=9))[1], StreamClosedError)


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1"])
async def test_header_timeout(octets: bytes) -> None:
    response, alive = await answer(octets, close=False, header_timeout=0.05)
    assert (response.end, alive) == ("on_connection_close", False)


async def test_header_timeout_is_off_until_it_is_given() -> None:
    assert HTTP1ConnectionParameters().response_timeout is None
    assert HTTP1ConnectionParameters().header_timeout == 60
    assert HTTP1ConnectionParameters(header_timeout=5).response_timeout == 5


@pytest.mark.parametrize("octets", [HELLO[:-1], OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell", OK + b"\r\nhello"])
async def test_body_timeout(octets: bytes) -> None:
    response, alive = await answer(octets, close=False, body_timeout=0.05)
    assert (response.end, alive) == ("on_connection_close", False)
    assert response.body.startswith(b"hell")


async def test_body_timeout_may_be_set_at_the_head() -> None:
    response = Response(headers_received=lambda: conn.set_body_timeout(0.01))
    async with connected() as (conn, server):
        await server.send(HELLO[:-1])
        assert await within(conn.read_response(response)) is False


async def test_timeout_error_of_the_delegate_is_its_own(expect_log: ExpectLog) -> None:
    def fail() -> None:
        raise TimeoutError("mine")

    expect_log("asynchttp.application", "TimeoutError: mine", count=1)
    response = Response(data_received=fail)
    async with connected(body_timeout=30) as (conn, server):
        await server.send(HELLO)
        assert await within(conn.read_response(response)) is False
    assert response.end == "on_connection_close"


# -- hostile servers -----------------------------------------------------------------------------------------------


def head(*fields: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"0\r\n\r\nhello") -> bytes:
    return b"\r\n".join([line, *fields, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"

HOSTILE = {
    # RFC 9112 §2.2, §4: not a response
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": b"220 mail ESMTP\r\n",
    "http-0.9": b"<html>hello</html>",
    "http-2": b"\0\0\x12\x04\0\0\0\0\0",
    "request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "nul": bytes(40),
    "version-2": b"HTTP/2 200\r\n\r\n",
    "version-2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "version-1.10": b"HTTP/1.10 200 OK\r\n\r\n",
    "icy": b"ICY 200 OK\r\n\r\n",
    "lower-case": b"http/1.1 200 OK\r\n\r\n",
    "empty-line-first": b"\r\n" + HELLO,
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare-lf-in-fields": OK + b"A: b\nContent-Length: 0\r\n\r\n",
    "bare-cr": OK + b"A: b\rContent-Length: 0\r\n\r\n",
    "space-first": b" HTTP/1.1 200 OK\r\n\r\n",
    "two-spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "tab": b"HTTP/1.1\t200 OK\r\n\r\n",
    "status-2-digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status-4-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status-signed": b"HTTP/1.1 +20 OK\r\n\r\n",
    "status-zero": b"HTTP/1.1 000 OK\r\n\r\n",
    "status-not-ascii": b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
    "reason-with-nul": b"HTTP/1.1 200 O\0K\r\n\r\n",
    # §5: fields
    "no-colon": head(b"A"),
    "space-before-colon": head(b"Content-Length : 5"),
    "folded": head(b"A: b", b" c"),
    "folded-first": b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
    "empty-name": head(b": b"),
    "name-not-a-token": head(b"A(B): c"),
    "value-with-nul": head(b"A: \0"),
    "value-with-escape": head(b"A: \x1b[2J"),
    # §6: framing
    "both-framings": head(CHUNKED, b"Content-Length: 5"),
    "both-framings-turned": head(b"Content-Length: 5", CHUNKED),
    "lengths-differ": head(b"Content-Length: 5", b"Content-Length: 6"),
    "lengths-differ-in-a-list": head(b"Content-Length: 5, 6"),
    "length-negative": head(b"Content-Length: -1"),
    "length-signed": head(b"Content-Length: +5"),
    "length-hexadecimal": head(b"Content-Length: 0x5"),
    "length-with-underscore": head(b"Content-Length: 1_0"),
    "length-superscript": head(b"Content-Length: \xb2"),
    "length-empty": head(b"Content-Length:"),
    "length-of-20-digits": head(b"Content-Length: 00000000000000000005"),
    "coding-in-1.0": head(CHUNKED, line=b"HTTP/1.0 200 OK"),
    "coding-unknown": head(b"Transfer-Encoding: gzip"),
    "coding-unknown-and-chunked": head(b"Transfer-Encoding: gzip, chunked"),
    "coding-twice": head(CHUNKED, CHUNKED),
    "coding-not-last": head(b"Transfer-Encoding: chunked, identity"),
    "coding-identity": head(b"Transfer-Encoding: identity"),
    "coding-xchunked": head(b"Transfer-Encoding: xchunked"),
    "coding-with-vertical-tab": head(b"Transfer-Encoding: \x0bchunked"),
    "coding-empty": head(b"Transfer-Encoding:"),
    # RFC 9110 §15.2
    "interim-with-length": head(b"Content-Length: 5", line=b"HTTP/1.1 100 Continue"),
    "interim-with-coding": head(CHUNKED, line=b"HTTP/1.1 102 Processing"),
    "interim-without-end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11 + HELLO,
    # §7.1: chunks
    **{
        f"chunks-{name}": head(CHUNKED, body=body)
        for name, body in {
            "size-not-hexadecimal": b"x\r\nhello\r\n0\r\n\r\n",
            "size-signed": b"+5\r\nhello\r\n0\r\n\r\n",
            "size-prefixed": b"0x5\r\nhello\r\n0\r\n\r\n",
            "size-empty": b"\r\nhello\r\n0\r\n\r\n",
            "size-before-space": b"5 \r\nhello\r\n0\r\n\r\n",
            "size-of-17-digits": b"00000000000000005\r\nhello\r\n0\r\n\r\n",
            "size-line-ends-with-lf": b"5\nhello\r\n0\r\n\r\n",
            "size-without-end": b"5" * 300,
            "extension-without-end": b"5;" + b"a" * 300,
            "data-too-long": b"5\r\nhello!\r\n0\r\n\r\n",
            "data-without-crlf": b"5\r\nhello0\r\n\r\n",
            "trailer-with-length": b"0\r\nContent-Length: 5\r\n\r\n",
            "trailer-folded": b"0\r\nA: b\r\n c\r\n\r\n",
            "trailer-without-colon": b"0\r\nA\r\n\r\n",
            "trailers-without-end": b"0\r\n" + b"A: b\r\n" * 20_000,
        }.items()
    },
}


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_response_is_refused_while_the_connection_is_open(octets: bytes) -> None:
    """At once, that is: the server neither closes nor goes on, and no deadline is set."""
    response, alive = await answer(octets, close=False)
    assert (response.end, alive) == ("on_connection_close", False)


CUT = {
    "length": HELLO,
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO,
}


@pytest.mark.parametrize("octets", CUT.values(), ids=CUT.keys())
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_connection_that_ends_at_each_point(octets: bytes, how: str) -> None:
    head_size = octets.index(b"\r\n\r\n") + 4
    for size in range(len(octets)):
        response = Response()
        async with connected() as (conn, server):
            ask(conn)
            await server.read_until(b"\r\n\r\n")
            future = conn.read_response(response)
            await server.send(octets[:size])
            await turns()
            getattr(server, how)()
            with pytest.raises(StreamClosedError):
                await within(future)
            assert conn.stream is not None
            assert conn.stream.closed()
        # A reset may overtake what was sent before it; 1xx is a head, too.
        told = size >= head_size
        assert response.end == ("on_connection_close" if told else None) or (told and how == "abort")


async def test_reset_of_a_body_without_length_is_no_end() -> None:
    response = Response()
    async with connected() as (conn, server):
        future = conn.read_response(response)
        await server.send(OK + b"\r\nhello")
        await until(lambda: response.body == b"hello")
        server.abort()
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, ConnectionResetError)
    assert response.end == "on_connection_close"


async def test_our_own_close_of_a_body_without_length_is_no_end() -> None:
    response = Response(data_received=lambda: conn.close())
    async with connected() as (conn, server):
        await server.send(OK + b"\r\nhello")
        with pytest.raises(StreamClosedError):
            await within(conn.read_response(response))
    assert response.end == "on_connection_close"


async def test_error_of_a_response_that_nobody_waits_for_is_silent() -> None:
    async with connected() as (conn, server):
        future = conn.read_response(Response())
        server.close()
        await until(future.done)
        del future


# -- delegates that fail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["headers_received", "data_received", "finish"])
async def test_exception_of_a_delegate_is_logged_and_ends_the_connection(where: str, expect_log: ExpectLog) -> None:
    def fail() -> None:
        raise ValueError("mine")

    expect_log("asynchttp.application", "^Uncaught exception\n.*mine", count=1)
    response = Response(**{where: fail})
    async with connected() as (conn, server):
        await server.send(HELLO)
        assert await within(conn.read_response(response)) is False
        assert conn.stream is not None
        assert conn.stream.closed()
    assert response.told[-1] == "on_connection_close"


async def test_exception_in_on_connection_close_is_logged(expect_log: ExpectLog) -> None:
    def fail() -> None:
        raise ValueError("mine")

    expect_log("asynchttp.application", "^Uncaught exception\n.*mine", count=1)
    async with connected() as (conn, server):
        await server.send(b"garbage\r\n")
        assert await within(conn.read_response(Response(on_connection_close=fail))) is False


async def test_awaitable_that_is_cancelled_is_a_failure_of_the_delegate(expect_log: ExpectLog) -> None:
    def cancelled() -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    expect_log("asynchttp.application", "^Uncaught exception", count=1)
    response = Response(data_received=cancelled)
    async with connected() as (conn, server):
        await server.send(HELLO)
        assert await within(conn.read_response(response)) is False
    assert response.end == "on_connection_close"


async def test_cancelling_closes_the_connection() -> None:
    response = Response()
    async with connected() as (conn, server):
        future = conn.read_response(response)
        await server.send(HELLO[:-1])
        await until(lambda: response.body)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await within(future)
        assert await server.read_to_end() == b""
    assert response.end == "on_connection_close"


async def test_cancelling_at_once_closes_the_connection() -> None:
    async with connected() as (conn, server):
        conn.read_response(Response()).cancel()
        assert await server.read_to_end() == b""


async def test_two_responses_cannot_be_read_at_once() -> None:
    async with connected() as (conn, _):
        future = conn.read_response(Response())
        with pytest.raises(AssertionError, match="Already reading"):
            conn.read_response(Response())
        future.cancel()


# -- the close callback --------------------------------------------------------------------------------------------


async def test_close_callback_before_a_response_is_read() -> None:
    called = asyncio.Event()
    async with connected() as (conn, server):
        conn.set_close_callback(called.set)
        server.close()
        await within(called.wait())


async def test_close_callback_is_for_who_isnt_reading_and_over_behind_the_response() -> None:
    called: list[str] = []
    async with connected() as (conn, server):
        conn.set_close_callback(lambda: called.append("callback"))
        await server.send(HELLO)
        assert await within(conn.read_response(Response())) is True
        conn.close()
        await turns()
    async with connected() as (conn, server):
        conn.set_close_callback(lambda: called.append("callback"))
        response = Response()
        future = conn.read_response(response)
        await server.send(HELLO[:-1])
        await until(lambda: response.body)
        server.close()
        with pytest.raises(StreamClosedError):
            await within(future)
        await turns()
    assert called == []
    assert response.end == "on_connection_close"


# -- real servers --------------------------------------------------------------------------------------------------


async def talk(stream: IOStream, decompress: bool = False) -> None:
    """All that :func:`handle` and :func:`handle_aiohttp` answer, on one connection."""
    conn = HTTP1Connection(stream, True, HTTP1ConnectionParameters(decompress=decompress))

    async def get(method: str, path: str, body: list[bytes] | None = None, **fields: str) -> Response:
        headers = httputil.HTTPHeaders({"Host": "test", **{n.replace("_", "-"): v for n, v in fields.items()}})
        conn.write_headers(httputil.RequestStartLine(method, path, ""), headers)
        for piece in body or ():
            await conn.write(piece)
        conn.finish()
        response = Response()
        assert await within(conn.read_response(response)) is True, (method, path)
        assert response.end == "finish"
        return response

    assert (await get("GET", "/length")).body == b"hello"
    assert (await get("HEAD", "/length")).headers["Content-Length"] == "5"
    assert (await get("GET", "/chunked")).body == b"0123456789" * 1000
    assert (await get("GET", "/204")).status == 204
    assert (await get("GET", "/304")).status == 304
    assert (await get("POST", "/echo", [b"a" * 100_000, b"b"], Content_Length="100001")).body == b"a" * 100_000 + b"b"
    assert (await get("PUT", "/echo", [b"a" * 100_000, b"b"])).body == b"a" * 100_000 + b"b"
    assert (await get("PUT", "/echo")).body == b""
    if decompress:
        assert (await get("GET", "/gzip")).body == PLAIN


async def handle(request: Any) -> Any:
    if request.path == "/chunked":
        request.connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), httputil.HTTPHeaders())
        for _ in range(1000):
            await request.connection.write(b"0123456789")
        request.connection.finish()
        return None
    if request.path in ("/204", "/304"):
        return httputil.HTTPResponse(int(request.path[1:]))
    if request.path == "/gzip":
        return httputil.HTTPResponse(200, [("Content-Encoding", "gzip")], gzip.compress(PLAIN))
    return b"hello" if request.path == "/length" else request.body


async def handle_aiohttp(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
    if request.path == "/chunked":
        response = aiohttp.web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"0123456789")
        return response
    if request.path in ("/204", "/304"):
        return aiohttp.web.Response(status=int(request.path[1:]))
    if request.path == "/gzip":
        return aiohttp.web.Response(body=gzip.compress(PLAIN), headers={"Content-Encoding": "gzip"})
    return aiohttp.web.Response(body=b"hello" if request.path == "/length" else await request.read())


@pytest.mark.parametrize("decompress", [False, True])
async def test_our_own_server(decompress: bool) -> None:
    async with run_server(handle) as running:
        stream = await TCPClient().connect("127.0.0.1", running.port)
        with contextlib.closing(stream):
            await talk(stream, decompress)


async def test_our_own_server_by_tls() -> None:
    certificates = Certificates()
    async with run_server(handle, ssl_options=certificates.server()) as running:
        options = certificates.client()
        stream = await TCPClient().connect("localhost", running.port, ssl_options=options)
        assert isinstance(stream, SSLIOStream)
        with contextlib.closing(stream):
            await talk(stream)


@pytest.mark.parametrize("decompress", [False, True])
async def test_server_of_aiohttp(decompress: bool) -> None:
    runner = aiohttp.web.ServerRunner(aiohttp.web.Server(handle_aiohttp))  # type: ignore[arg-type]
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        stream = await TCPClient().connect(*runner.addresses[0][:2])
        with contextlib.closing(stream):
            await talk(stream, decompress)
    finally:
        await runner.cleanup()
