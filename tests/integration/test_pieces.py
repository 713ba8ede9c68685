"""A response in pieces: quick ones are one send, and nobody waits for the next piece of a slow handler."""

import asyncio
import time
from typing import Any

import pytest

from asynchttp._observed import Outcome
from asynchttp.asgi import ASGIHandler
from asynchttp.httpserver import HTTPServer
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from tests.integration.helpers import build_request, only_connection, run_server
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio

START_LINE = ResponseStartLine("HTTP/1.1", 200, "OK")
RAW_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"


def note_sends(server: HTTPServer) -> list[bytes]:
    """What the server's only connection gives to its stream from now on, piece by piece."""
    stream: Any = only_connection(server).stream
    sent: list[bytes] = []
    send = stream.send

    def note(data: bytes) -> None:
        sent.append(data)
        send(data)

    stream.send = note
    return sent


async def sends(server: Any, client: RawClient) -> list[bytes]:
    """Two responses; the sends of the second."""
    await client.request(build_request())
    sent = note_sends(server.server)
    response = await client.request(build_request())
    assert response.status == 200
    assert response.body == b"onetwoAB"
    return sent


def structured(request: Any) -> None:
    request.connection.write_headers(START_LINE, HTTPHeaders(), b"one")
    for piece in (b"two", b"A", b"B"):
        request.connection.write(piece)
    request.connection.finish()


def raw(request: Any) -> None:
    for piece in (RAW_HEAD, b"one", b"two", b"A", b"B"):
        request.write(piece)
    request.finish()


async def awaiting(request: Any) -> None:
    await asyncio.sleep(0)
    await request.connection.write_headers(START_LINE, HTTPHeaders(), b"one")
    for piece in (b"two", b"A", b"B"):
        await request.connection.write(piece)
    request.connection.finish()


@pytest.mark.parametrize("handler", [structured, raw, awaiting])
async def test_quick_pieces_are_few_sends(handler: Any) -> None:
    """One, were it not for a machine that takes its time between two of them."""
    fewest = 99
    for _ in range(20):
        async with run_server(handler) as server, await server.connect() as client:
            fewest = min(fewest, len(await sends(server, client)))
        if fewest == 1:
            break
    assert fewest == 1


def blocking(request: Any) -> None:
    request.connection.write_headers(START_LINE, HTTPHeaders(), b"one")
    for piece in (b"two", b"A", b"B"):
        time.sleep(0.002)  # this is what a handler shouldn't do, and many do
        request.connection.write(piece)
    request.connection.finish()


def blocking_raw(request: Any) -> None:
    request.write(RAW_HEAD + b"one")
    for piece in (b"two", b"A", b"B"):
        time.sleep(0.002)
        request.write(piece)
    request.finish()


async def blocking_later(request: Any) -> None:
    await asyncio.sleep(0)
    blocking(request)


@pytest.mark.parametrize("handler", [blocking, blocking_raw, blocking_later])
async def test_what_a_blocking_handler_writes_goes_at_once(handler: Any) -> None:
    async with run_server(handler) as server, await server.connect() as client:
        sent = await sends(server, client)
    # "one" may have waited for "two": nobody knew yet that the handler is slow.
    assert all(sum(piece in data for piece in (b"two", b"A", b"B")) <= 1 for data in sent)


@pytest.mark.parametrize("pieces", [1, 3])
async def test_what_was_written_goes_before_the_handler_closes(pieces: int) -> None:
    def handler(request: Any) -> None:
        for number in range(pieces):
            request.write(b"HTTP/1.0 200 OK\r\n\r\n" if not number else b"%d" % number)
        request.connection.close()

    async with run_server(handler) as server, await server.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(b"%d" % n for n in range(1, pieces))


async def test_what_was_written_goes_before_what_is_written_to_the_stream() -> None:
    def handler(request: Any) -> None:
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n1")
        request.connection.stream.write(b"2")
        request.write(b"3")
        request.connection.close()

    async with run_server(handler) as server, await server.connect() as client:
        await client.send(build_request())
        assert (await client.read_to_end()).endswith(b"123")


async def test_many_pieces_do_not_pile_up() -> None:
    """More pieces than are collected, or larger ones, go on their way before the turn ends."""

    async def handler(request: Any) -> None:
        await asyncio.sleep(0)
        sent = note_sends(server.server)
        await request.connection.write_headers(START_LINE, HTTPHeaders(), b"begin")
        for _ in range(100):
            await request.connection.write(b"x")
        await request.connection.write(b"y" * 100_000)
        assert len(sent) >= 3
        request.connection.finish()

    async with run_server(handler) as server, await server.connect() as client:
        response = await client.request(build_request())
        assert response.body == b"begin" + b"x" * 100 + b"y" * 100_000


LARGE = bytes(range(256)) * 400


class Outcomes:
    def __init__(self) -> None:
        self.all: list[tuple[int | None, int]] = []

    def on_end(self, outcome: Outcome) -> None:
        self.all.append((outcome.status, outcome.bytes_sent))


def large_plain(request: Any) -> None:
    request.respond(LARGE)


def large_with_fields(request: Any) -> None:
    request.respond(LARGE, 201, {"X-A": "b"})


def large_structured(request: Any) -> None:
    request.connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders(), LARGE)
    request.connection.finish()


async def large_asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": LARGE})


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize(
    "handler", [large_plain, large_with_fields, large_structured, ASGIHandler(large_asgi, lifespan="off")]
)
async def test_large_body_is_sent_without_a_copy(handler: Any, observed: bool) -> None:
    outcomes = Outcomes()
    async with (
        run_server(handler, observers=[outcomes] if observed else []) as server,
        await server.connect() as client,
    ):
        first = await client.request(build_request())
        stream: Any = only_connection(server.server).stream
        given: list[Any] = []
        send_pieces = stream.send_pieces
        stream.send_pieces = lambda pieces: given.append(pieces) or send_pieces(pieces)
        second = await client.request(build_request())
        assert first.body == second.body == LARGE
        assert first.status == second.status
        [(head, body)] = given
        if handler is not large_structured:  # whose body is chunked
            assert body is LARGE
        if observed:
            assert (
                outcomes.all == [(second.status, len(head) + len(body) + (5 if handler is large_structured else 0))] * 2
            )
