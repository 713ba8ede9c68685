"""The raw client against a peer that answers with what the test gives it, and with nothing of ours."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio


class Peer(asyncio.Protocol):
    """Says ``greeting`` at once; then notes what comes."""

    def __init__(self, greeting: bytes, made: "asyncio.Queue[Peer]", *, close: bool) -> None:
        self.greeting = greeting
        self.close = close
        self.made = made
        self.received: list[bytes] = []
        self.lost = asyncio.Event()
        self.error: Exception | None = None

    # uvloop's transports don't inherit asyncio's, so what arrives is named here and not asserted.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.made.put_nowait(self)
        transport.write(self.greeting)
        if self.close:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.lost.set()


@contextlib.asynccontextmanager
async def peer(
    greeting: bytes = b"", *, close: bool = False, deadline: float = 5.0
) -> AsyncIterator[tuple[Peer, RawClient]]:
    made: asyncio.Queue[Peer] = asyncio.Queue()

    server = await asyncio.get_running_loop().create_server(lambda: Peer(greeting, made, close=close), "127.0.0.1", 0)
    try:
        client = await RawClient.connect(server.sockets[0].getsockname()[1], deadline=deadline)
        async with client:
            protocol = await made.get()
            yield protocol, client
        protocol.transport.abort()
        await protocol.lost.wait()
    finally:
        server.close()
        await server.wait_closed()


async def test_reads_two_responses_one_after_the_other() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nhi"
    async with peer(one + b"HTTP/1.0 204 No Content\r\n\r\n") as (_, client):
        first = await client.read_response()
        second = await client.read_response()
    assert (first.version, first.status, first.reason, first.body) == ((1, 1), 200, "OK", b"hi")
    assert (first.header("x-A"), first.header_list("X-a"), first.raw) == ("1", ["1", "2"], one)
    assert (second.version, second.status, second.body) == ((1, 0), 204, b"")


async def test_reads_a_chunked_body_with_trailers() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = head + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
    async with peer(raw) as (_, client):
        response = await client.read_response()
    assert response.body == b"abc0123456789"
    assert response.raw == raw


async def test_reads_a_body_that_ends_with_the_connection() -> None:
    async with peer(b"HTTP/1.0 200 OK\r\n\r\nall of it", close=True) as (_, client):
        assert (await client.read_response()).body == b"all of it"
        assert await client.read_some() == b""
        assert not client.was_reset


async def test_response_to_head_has_no_body() -> None:
    async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n") as (
        _,
        client,
    ):
        assert (await client.read_response("HEAD")).body == b""
        assert (await client.read_response()).status == 404


async def test_interim_response_is_a_response() -> None:
    async with peer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (
        _,
        client,
    ):
        assert [(await client.read_response()).status for _ in range(2)] == [100, 200]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: 1\nY: 2\r\n\r\n",
    ],
)
async def test_broken_response_is_an_error(raw: bytes) -> None:
    async with peer(raw) as (_, client):
        with pytest.raises(ValueError):
            await client.read_response()


async def test_end_inside_a_response_is_an_error_with_what_came() -> None:
    async with peer(b"HTTP/1.1 200 OK\r\nConte", close=True) as (_, client):
        with pytest.raises(EOFError, match=r"end before .*Conte"):
            await client.read_response()


async def test_silence_is_a_timeout() -> None:
    async with peer(deadline=0.01) as (_, client):
        with pytest.raises(TimeoutError):
            await client.read_response()


async def test_peers_reset_reads_as_an_end_and_is_noted() -> None:
    async with peer() as (protocol, client):
        sock = protocol.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        protocol.transport.abort()
        assert await client.read_to_end() == b""
        assert client.was_reset


async def test_abort_resets_and_close_does_not() -> None:
    async with peer() as (protocol, client):
        client.abort()
        await asyncio.wait_for(protocol.lost.wait(), 5)
        assert isinstance(protocol.error, ConnectionResetError)
    async with peer() as (protocol, client):
        client.close()
        await asyncio.wait_for(protocol.lost.wait(), 5)
        assert protocol.error is None


async def test_half_close_lets_the_answer_through() -> None:
    async with peer() as (protocol, client):
        protocol.eof_received = lambda: protocol.transport.write(b"bye")  # type: ignore[method-assign]
        client.shutdown_write()
        assert await client.read_to_end() == b"bye"


async def test_pieces_arrive_one_by_one() -> None:
    pieces = [b"a", b"bc", b"d" * 1000]
    async with peer() as (protocol, client):
        await client.send_pieces(pieces)
        client.shutdown_write()
        await client.read_to_end()
        assert protocol.received == pieces
