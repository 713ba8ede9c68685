"""Trailer fields: what a client sent behind its body, and what a handler sends behind its own."""

from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import httputil
from tests.integration.helpers import build_request, expect_failure, run_server
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

START_LINE = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nX-Sum: head\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"5\r\nhello\r\n0\r\n"
SECTION = b"X-Sum: 17\r\nB: c\r\nx-sum: \xe9\r\nSet-Cookie: a\r\n\r\n"
SEEN = [("X-Sum", "17"), ("X-Sum", "é"), ("B", "c")]


def seen(request: Any) -> str:
    assert request.headers["X-Sum"] == "head"
    return repr((request.body, list(request.trailers.get_all())))


# -- received ------------------------------------------------------------------------------------------------------


async def test_callback_handler_finds_them_in_the_request() -> None:
    async with run_server(lambda request: request.respond(seen(request))) as running, await running.connect() as client:
        for pieces in every_split(HEAD + BODY + SECTION):
            await client.send_pieces(pieces)
            assert (await client.read_response()).body.decode() == repr((b"hello", SEEN))
        assert (await client.request(HEAD + BODY + b"\r\n")).body.decode() == repr((b"hello", []))


async def test_streaming_handler_finds_them_behind_the_last_chunk() -> None:
    async def handler(request: Any) -> str:
        assert not request.trailers
        request.body = b"".join([chunk async for chunk in request.body_chunks()])
        return seen(request)

    async with run_server(handler, stream_request_body=True) as running, await running.connect() as client:
        for pieces in every_split(HEAD + BODY + SECTION):
            await client.send_pieces(pieces)
            assert (await client.read_response()).body.decode() == repr((b"hello", SEEN))


class Told(httputil.HTTPServerConnectionDelegate, httputil.HTTPMessageDelegate):
    def start_request(self, server_conn: Any, request_conn: Any) -> httputil.HTTPMessageDelegate:
        self.connection = request_conn
        return self

    def finish(self) -> None:
        self.connection.respond(repr(list(self.connection.trailers.get_all())))


@pytest.mark.parametrize("decompress", [False, True])
async def test_delegate_finds_them_in_its_connection(decompress: bool) -> None:
    async with run_server(Told(), decompress_request=decompress) as running, await running.connect() as client:
        for pieces in every_split(HEAD + BODY + SECTION):
            await client.send_pieces(pieces)
            assert (await client.read_response()).body.decode() == repr(SEEN)
        # and the next request, of whatever kind, has none
        assert (await client.request(build_request())).body == b"[]"
        assert (await client.request(build_request(method="POST", body=b"x"))).body == b"[]"


async def test_request_without_any_has_none() -> None:
    async with (
        run_server(lambda request: request.respond(repr(list(request.trailers)))) as running,
        await running.connect() as client,
    ):
        assert (await client.request(build_request())).body == b"[]"
    assert list(httputil.HTTPServerRequest("GET", "/").trailers) == []


@pytest.mark.parametrize(
    ("section", "status"),
    [
        (b"A: b\r\n" * 6 + b"\r\n", 431),
        (b"A: " + b"b" * 1000 + b"\r\n\r\n", 431),
        (b"Host: b\r\n\r\n", 400),
        (b"Content-Length: 5\r\n\r\n", 400),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_they_are_bounded_and_checked(section: bytes, status: int, streamed: bool) -> None:
    async def handler(request: Any) -> bytes:
        return b"".join([chunk async for chunk in request.body_chunks()]) if streamed else b""

    options = {"max_header_size": 500, "max_header_count": 5, "stream_request_body": streamed}
    async with run_server(handler, **options) as running, await running.connect() as client:
        assert (await client.request(HEAD + BODY + section)).status == status
        assert await client.read_to_end() == b""


# -- sent ----------------------------------------------------------------------------------------------------------


def answer(trailers: Any, *fields: tuple[str, str], body: bytes = b"hello") -> Callable[[Any], None]:
    def handler(request: Any) -> None:
        request.connection.write_headers(START_LINE, httputil.HTTPHeaders(list(fields)))
        if request.method != "HEAD":
            request.connection.write(body)
        request.connection.finish(trailers=trailers)

    return handler


@pytest.mark.parametrize("trailers", [[("X-Sum", "17"), ("B", "é")], {"X-Sum": "17", "B": "é"}])
async def test_they_follow_the_last_chunk(trailers: Any) -> None:
    async with run_server(answer(trailers, ("Trailer", "X-Sum"))) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).raw == (
                b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n0\r\nX-Sum: 17\r\nB: \xe9\r\n\r\n"
            )


async def test_request_can_be_finished_with_them() -> None:
    async def handler(request: Any) -> None:
        await request.connection.write_headers(START_LINE, httputil.HTTPHeaders())
        await request.write(b"x")
        request.finish(trailers=httputil.HTTPHeaders({"A": "b"}))

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).raw.endswith(b"\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n")
        assert (await client.request(build_request())).status == 200


@pytest.mark.parametrize(
    ("octets", "body"),
    [(build_request(method="HEAD"), b""), (build_request(version="HTTP/1.0"), b"hello")],
    ids=["HEAD", "HTTP/1.0"],
)
async def test_request_that_rules_them_out_gets_none(octets: bytes, body: bytes) -> None:
    async with run_server(answer([("X-Sum", "17")])) as running, await running.connect() as client:
        response = await client.request(octets)
        assert response.raw.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("handler", "pattern"),
    [
        (answer([("A", "b")], ("Content-Length", "5")), "HTTPOutputError: trailer fields need the chunked coding"),
        (answer([("A", "b\r\nC: d")]), "ValueError: Illegal characters .* in header A"),
        (answer([("Content-Length", "5")]), "ValueError: Content-Length can't be sent as a trailer"),
        (answer([("set-cookie", "5")]), "ValueError: set-cookie can't be sent as a trailer"),
    ],
    ids=["length", "split", "framing", "cookie"],
)
async def test_wrong_ones_are_an_error_and_cut_the_response(handler: Any, pattern: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, pattern)
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        raw = await client.read_to_end()
        assert not raw.endswith(b"0\r\n\r\n")
        assert b"C: d" not in raw


async def test_refused_ones_leave_the_exchange_open() -> None:
    async def handler(request: Any) -> None:
        request.connection.write_headers(START_LINE, httputil.HTTPHeaders())
        with pytest.raises(ValueError, match="Host"):
            request.finish(trailers={"Host": "a"})
        request.finish(trailers={"A": "b"})

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).raw.endswith(b"\r\n\r\n0\r\nA: b\r\n\r\n")
