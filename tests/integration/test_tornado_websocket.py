"""WebSocket handlers of Tornado on our server: frames, pings, closing, and peers that vanish."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import tornado.httputil
import tornado.iostream
import tornado.routing
import tornado.web
import tornado.websocket

from tests.integration.helpers import only_connection, run_server, until, within
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer
from tests.support.splits import every_split

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("tornado_is_silent")]

CONTENT = bytes(range(256)) * 4000


class Socket(tornado.websocket.WebSocketHandler):
    """Echoes; notes what happens."""

    last: "Socket"

    def initialize(self) -> None:
        type(self).last = self
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.messages = 0
        self.closed = asyncio.Event()

    def get_compression_options(self) -> dict[str, Any] | None:
        return {} if self.get_argument("compress", "") else None

    def on_ping(self, data: bytes) -> None:
        self.pings.append(data)

    def on_pong(self, data: bytes) -> None:
        self.pongs.append(data)

    async def on_message(self, message: str | bytes) -> None:
        self.messages += 1
        if message == "close":
            self.close(4001, "enough")
        elif message == "ping":
            self.ping(b"from the server")
        else:
            await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.closed.set()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[RunningServer]:
    application = tornado.web.Application(
        [("/socket", Socket)], websocket_max_message_size=1_000_000, log_function=lambda handler: None
    )
    async with run_server(application) as running:
        yield running


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(data: bytes, opcode: int = 1) -> bytes:
    """A client's frame, with a mask of zeros."""
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    elif len(data) < 65536:
        size = b"\xfe" + struct.pack(">H", len(data))
    else:
        size = b"\xff" + struct.pack(">Q", len(data))
    return bytes([0x80 | opcode]) + size + bytes(4) + data


async def handshake(server: RunningServer) -> RawClient:
    client = await server.connect()
    await client.send(HANDSHAKE)
    head = await client.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    return client


async def test_frames_in_the_packet_of_the_handshake(server: RunningServer) -> None:
    async with await server.connect() as client:
        await client.send(HANDSHAKE + b"".join(frame(b"%03d" % number) for number in range(200)))
        await client.read_until(b"\r\n\r\n")
        for number in range(200):
            assert await client.read_exactly(5) == b"\x81\x03%03d" % number


async def test_handshake_and_frame_however_they_are_cut(server: RunningServer) -> None:
    for pieces in every_split(HANDSHAKE + frame(b"hello")):
        async with await server.connect() as client:
            await client.send_pieces(pieces)
            assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await client.read_exactly(7) == b"\x81\x05hello"


async def test_many_frames_go_through_a_detached_stream(server: RunningServer) -> None:
    count, data = 2000, b"x" * 1000
    async with await handshake(server) as client:

        async def send() -> None:
            for _ in range(count // 50):
                await client.send(frame(data) * 50)

        sending = asyncio.ensure_future(send())
        async with asyncio.timeout(20):
            for _ in range(count):
                assert await client.read_exactly(1004) == b"\x81\x7e" + struct.pack(">H", 1000) + data
        await sending
    assert Socket.last.messages == count


async def test_pings_of_both_sides(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with await handshake(server) as client:
        await client.send(frame(b"are you there?", 9))
        assert await client.read_exactly(16) == b"\x8a\x0eare you there?"
        assert Socket.last.pings == [b"are you there?"]
        await client.send(frame(b"ping"))
        assert await client.read_exactly(17) == b"\x89\x0ffrom the server"
        await client.send(frame(b"from the server", 10))
        await until(lambda: Socket.last.pongs == [b"from the server"])


@pytest.mark.parametrize("query", ["", "?compress=1"])
async def test_messages_of_all_sizes(server: RunningServer, session: aiohttp.ClientSession, query: str) -> None:
    async with session.ws_connect(server.url("/socket" + query), compress=15, max_msg_size=0) as ws:
        assert bool(ws.compress) == bool(query)
        for size in (0, 1, 125, 126, 65535, 65536, 900_000):
            await ws.send_bytes(CONTENT[:size])
            assert await within(ws.receive_bytes()) == CONTENT[:size]
        await ws.send_str("é" * 100_000)
        assert await within(ws.receive_str()) == "é" * 100_000


async def test_message_beyond_its_bound(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(server.url("/socket")) as ws:
        await ws.send_bytes(bytes(1_000_001))
        assert (await within(ws.receive())).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 1009


async def test_close_by_the_server(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(server.url("/socket")) as ws:
        await ws.send_str("close")
        message = await within(ws.receive())
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "enough")
        await within(Socket.last.closed.wait())


async def test_close_by_the_client(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(server.url("/socket")) as ws:
        await within(ws.close(code=4002, message=b"bye"))
    await within(Socket.last.closed.wait())
    assert (Socket.last.close_code, Socket.last.close_reason) == (4002, "bye")


async def test_connection_that_was_upgraded_is_none_of_the_servers_any_more(server: RunningServer) -> None:
    async with await handshake(server) as client:
        assert not server.server._connections
        await server.server.close_all_connections()
        await client.send(frame(b"hello"))
        assert await client.read_exactly(7) == b"\x81\x05hello"


async def test_server_without_nagle(server: RunningServer) -> None:
    async with await handshake(server):
        stream: Any = Socket.last.ws_connection.stream  # type: ignore[union-attr]
        assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("how", ["abort", "close"])
async def test_client_that_vanishes_from_a_websocket(server: RunningServer, how: str) -> None:
    async with await handshake(server) as client:
        await client.send(frame(b"hello"))
        assert await client.read_exactly(7) == b"\x81\x05hello"
        getattr(client, how)()
        await within(Socket.last.closed.wait())
        assert Socket.last.close_code is None
        with pytest.raises(tornado.websocket.WebSocketClosedError):
            await Socket.last.write_message("late")


async def test_websocket_client_of_tornado_on_our_server(server: RunningServer) -> None:
    url = server.url("/socket").replace("http:", "ws:")
    connection = await within(tornado.websocket.websocket_connect(url))
    await connection.write_message("hello")
    assert await within(connection.read_message()) == "hello"
    connection.close(1000, "done")
    assert await within(connection.read_message()) is None
    await within(Socket.last.closed.wait())
    assert Socket.last.close_code == 1000


#: "Going away", 1001: of the server, and as a client repeats it.
GOING_AWAY, REPEATED = b"\x88\x02\x03\xe9", frame(b"\x03\xe9", 8)


async def test_end_of_the_server_closes_with_1001_and_waits_for_the_client(server: RunningServer) -> None:
    async with await handshake(server) as client, await handshake(server) as other:
        handler = Socket.last
        ending = asyncio.create_task(server.server.shutdown(20))
        assert await client.read_exactly(4) == GOING_AWAY
        await other.send(REPEATED)  # in its own name, before it has read ours
        await client.send(REPEATED)
        assert await client.read_to_end() == b""
        await within(ending)
        await within(handler.closed.wait())
        assert handler.close_code == 1001


async def test_websocket_that_does_not_answer_is_cut_at_the_limit(server: RunningServer) -> None:
    async with await handshake(server) as client:
        await within(server.server.shutdown(0.2), 4)  # Tornado itself would wait for five seconds
        assert await client.read_to_end() == GOING_AWAY
        await within(Socket.last.closed.wait())


async def test_websocket_that_opens_while_the_server_ends_is_closed_with_1001(server: RunningServer) -> None:
    async with await server.connect() as client:
        await until(lambda: server.server.connections)
        ending = asyncio.create_task(server.server.shutdown(20))
        await until(lambda: only_connection(server.server).draining.is_set())
        await client.send(HANDSHAKE)
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await client.read_exactly(4) == GOING_AWAY
        await client.send(REPEATED)
        await within(ending)


async def test_close_that_fails_ends_the_websocket_and_is_logged(server: RunningServer, expect_log: Any) -> None:
    expect_log("asynchttp.application", r"(?s)Exception in close\(\) of .*ZeroDivisionError", count=1)

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    async with await handshake(server) as client:
        Socket.last.close = fail  # type: ignore[method-assign]
        await within(server.server.shutdown(20))
        assert await client.read_to_end() == b""
