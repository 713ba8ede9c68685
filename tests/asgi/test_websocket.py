"""WebSockets of ASGI applications: against the ``websockets`` client, and against frames made by hand."""

import asyncio
import contextlib
import importlib
import os
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

from asynchttp import _asgi_websocket
from asynchttp.asgi import ASGIHandler
from asynchttp.iostream import StreamClosedError
from asynchttp.mount import Mount
from tests.integration.helpers import (
    attributes,
    build_request,
    expect_failure,
    only_connection,
    run_server,
    turns,
    until,
    within,
)
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

HANDSHAKE = build_request(
    "/ws",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@contextlib.asynccontextmanager
async def serve(app: Any, **options: Any) -> AsyncIterator[RunningServer]:
    async with ASGIHandler(app, lifespan="off") as handler, run_server(handler, **options) as running:
        yield running


class Echo:
    """Sends back what it receives, and keeps what it was told at the end."""

    def __init__(self, **accept: Any) -> None:
        self.accept = accept
        self.scope: Any = None
        self.received: list[Any] = []
        self.over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", **self.accept})
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await send({**message, "type": "websocket.send"})
        finally:
            self.received.append(message)
            self.over.set()

    async def end(self) -> Any:
        await within(self.over.wait())
        return self.received[-1]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    """A frame of a client, masked with zeros."""
    head = bytes([opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
    return head + bytes(4) + payload


async def read_frame(client: RawClient) -> tuple[int, bytes]:
    first, length = await client.read_exactly(2)
    if length == 126:
        (length,) = struct.unpack(">H", await client.read_exactly(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", await client.read_exactly(8))
    return first & 15, await client.read_exactly(length)


async def read_close(client: RawClient) -> tuple[int, str]:
    """The close frame; what comes before it doesn't matter."""
    while True:
        opcode, payload = await read_frame(client)
        if opcode == CLOSE:
            return struct.unpack(">H", payload[:2])[0], payload[2:].decode()


@contextlib.asynccontextmanager
async def opened(running: RunningServer, **options: Any) -> AsyncIterator[RawClient]:
    async with await running.connect(**options) as client:
        assert (await client.request(HANDSHAKE)).status == 101
        yield client


def url(running: RunningServer, path: str = "/ws") -> str:
    return f"ws://127.0.0.1:{running.port}{path}"


# -- opening --------------------------------------------------------------------------------------------------------


async def test_messages_go_both_ways() -> None:
    app = Echo()
    messages: list[str | bytes] = ["héllo", "", b"", b"\0\xff", "x" * 70_000, os.urandom(1_000_000)]
    async with serve(app) as running, connect(url(running)) as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        for message in messages:
            await client.send(message)
            assert await within(client.recv()) == message
        await client.send(["frag", "men", "ts"])
        assert await within(client.recv()) == "fragments"
        await within(await client.ping())
    assert await app.end() == {"type": "websocket.disconnect", "code": 1000, "reason": ""}


async def test_client_without_compression() -> None:
    async with serve(Echo()) as running, connect(url(running), compression=None) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        await client.send("x" * 100_000)
        assert await within(client.recv()) == "x" * 100_000


async def test_scope() -> None:
    app = Echo()
    async with serve(app) as running:
        async with connect(url(running, "/a%20b?q=%20"), subprotocols=["x", "y"]) as client:  # type: ignore[list-item]
            local = client.local_address
        await app.end()
    scope = app.scope
    assert {key: scope[key] for key in ("type", "scheme", "path", "raw_path", "query_string", "root_path")} == {
        "type": "websocket",
        "scheme": "ws",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"q=%20",
        "root_path": "",
    }
    assert (scope["subprotocols"], scope["client"], scope["http_version"]) == (["x", "y"], local, "1.1")
    assert scope["server"] == ("127.0.0.1", running.port)
    assert "method" not in scope
    assert "websocket.http.response" in scope["extensions"]
    assert (b"upgrade", b"websocket") in scope["headers"]


async def test_accept_with_subprotocol_and_headers() -> None:
    app = Echo(subprotocol="y", headers=[(b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    async with serve(app) as running, connect(url(running), subprotocols=["x", "y"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "y"
        assert client.response is not None
        assert client.response.headers["x-a"] == "1"
        assert client.response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


async def test_refusal_is_403() -> None:
    told = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})
        told.append(await receive())

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(HANDSHAKE)).status == 403
    assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] * 2


@pytest.mark.parametrize("pieces", [[b"go away"], [b"go ", b"away"]])
async def test_denial_response(pieces: list[bytes]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert "websocket.http.response" in scope["extensions"]
        await receive()
        await send({"type": "websocket.http.response.start", "status": 429, "headers": [(b"retry-after", b"9")]})
        for number, piece in enumerate(pieces, 1):
            more = number < len(pieces)
            await send({"type": "websocket.http.response.body", "body": piece, "more_body": more})
        assert (await receive())["type"] == "websocket.disconnect"

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(HANDSHAKE)
            assert (response.status, response.body) == (429, b"go away")
            assert response.header("Retry-After") == "9"


@pytest.mark.parametrize(
    ("replace", "by", "status"),
    [
        (b"Version: 13", b"Version: 12", 426),
        (b"Key: AAAA", b"Key: AA", 400),
        (b"Sec-WebSocket-Key", b"X-Key", 400),
        (b"Sec-WebSocket-Version", b"X-Version", 400),
    ],
)
async def test_wrong_handshake_does_not_reach_the_application(replace: bytes, by: bytes, status: int) -> None:
    app = Echo()
    async with serve(app) as running, await running.connect() as client:
        response = await client.request(HANDSHAKE.replace(replace, by))
        assert response.status in (status, 400)
        assert response.body.startswith(b"Failed to open a WebSocket connection")
    assert app.scope is None


@pytest.mark.parametrize(
    "request_octets",
    [
        build_request("/", "Connection: Upgrade", "Upgrade: h2c"),
        HANDSHAKE.replace(b"GET", b"POST"),
        HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HANDSHAKE.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"),
        HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: keep-alive"),
    ],
)
async def test_what_asks_for_no_websocket_is_a_request(request_octets: bytes) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["type"].encode()})

    async with serve(app) as running, await running.connect() as client:
        assert (await client.request(request_octets)).body == b"http"


async def test_handshake_larger_than_the_package_likes() -> None:
    fields = [f"X-{number}: {'x' * 100}" for number in range(100)]
    cookie = "Cookie: " + "c" * 10_000
    octets = HANDSHAKE.replace(b"\r\n\r\n", "\r\n".join(["", *fields[:60], cookie, "", ""]).encode())
    async with serve(Echo()) as running, await running.connect() as client:
        assert (await client.request(octets)).status == 101


async def test_frames_in_the_packet_of_the_handshake() -> None:
    async with serve(Echo()) as running, await running.connect() as client:
        await client.send(HANDSHAKE + frame(TEXT, b"early") + frame(PING, b"p")[:3])
        assert (await client.read_response()).status == 101
        assert await read_frame(client) == (TEXT, b"early")
        await client.send(frame(PING, b"p")[3:])
        assert await read_frame(client) == (PONG, b"p")


async def test_without_the_package_501_and_one_record(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, r"WebSocket needs the extra 'asgi': pip install 'asynchttpd\[asgi\]'", count=1)
    app = Echo()

    def missing(name: str) -> Any:
        if name.startswith("websockets"):
            raise ModuleNotFoundError(name)
        return importlib.__import__(name)

    class Importlib:
        import_module = staticmethod(missing)

    with attributes(_asgi_websocket, importlib=Importlib):
        async with serve(app) as running, await running.connect() as client:
            for _ in range(2):
                response = await client.request(HANDSHAKE)
                assert (response.status, b"asynchttpd[asgi]" in response.body) == (501, True)
    assert app.scope is None


# -- what a client can do wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(0, b"x"), 1007),
        (frame(TEXT, b"a", rsv1=True), 1002),
        (frame(3), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (b"\x81\x01x", 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack(">H", 1005)), 1002),
        (b"\x82\xff" + struct.pack(">Q", 17 << 20) + bytes(4), 1009),
        (frame(BINARY, b"x" * 65536, fin=False) + b"\x80\xff" + struct.pack(">Q", 16 << 20) + bytes(4), 1009),
    ],
)
async def test_broken_rule_closes_with_its_code(frames: bytes, code: int) -> None:
    app = Echo()
    async with serve(app) as running, opened(running) as client:
        await client.send(frame(TEXT, b"well"))
        assert await read_frame(client) == (TEXT, b"well")
        await client.send(frames)
        assert (await read_close(client))[0] == code
        await client.send(b"and more" * 10_000)
        assert await client.read_to_end() == b""
        assert not client.was_reset
        assert (await app.end())["code"] == code


async def test_codec_bomb_is_cut_off_with_1009() -> None:
    deflate = HANDSHAKE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    squeeze = zlib.compressobj(9, wbits=-15)
    bomb = squeeze.compress(bytes(20 << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    async with serve(Echo()) as running, await running.connect() as client:
        await client.request(deflate)
        await client.send(frame(BINARY, bomb[:-4], rsv1=True))
        assert (await read_close(client))[0] == 1009


@pytest.mark.parametrize("how", ["abort", "close", "half-close"])
async def test_client_that_vanishes(how: str) -> None:
    app = Echo()
    async with serve(app) as running, opened(running) as client:
        await client.send(frame(TEXT, b"x"))
        await read_frame(client)
        if how == "half-close":
            client.shutdown_write()
            assert await client.read_to_end() == b""
        else:
            client.abort() if how == "abort" else client.close()
        assert (await app.end())["code"] == 1006


async def test_sending_to_a_client_that_left_is_an_oserror() -> None:
    caught: list[Any] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1006
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            caught.append(isinstance(error, StreamClosedError))
        over.set()
        await send({"type": "websocket.send", "text": "later"})  # and not caught is no error of the application

    async with serve(app) as running:
        async with opened(running):
            pass
        await within(over.wait())
    assert caught == [True]


async def test_client_that_leaves_before_the_answer() -> None:
    called, over = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        called.set()
        assert (await receive())["type"] == "websocket.disconnect"
        over.set()
        with pytest.raises(OSError):
            await send({"type": "websocket.accept"})

    async with serve(app) as running:
        async with await running.connect() as client:
            await client.send(HANDSHAKE)
            await within(called.wait())
            client.abort()
        await within(over.wait())


@pytest.mark.timeout(300)  # so many messages take seconds, and a busy machine has other things to do
@pytest.mark.parametrize("payload", [b"", b"x" * 1000])
async def test_flood_is_bounded_while_the_application_does_not_receive(payload: bytes) -> None:
    go_on, over = asyncio.Event(), asyncio.Event()
    received = 0
    sockets: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal received
        sockets.append(receive.__self__)  # type: ignore[attr-defined]
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (await receive())["type"] == "websocket.receive":
            received += 1
        over.set()

    flood = frame(TEXT, payload) * (2_000_000 // len(frame(TEXT, payload)))
    async with serve(app) as running, opened(running, deadline=90) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sending = asyncio.ensure_future(client.send(flood + frame(CLOSE, struct.pack(">H", 1000))))
        await asyncio.sleep(0.3)  # time in which it could all come, if it were read
        (websocket,) = sockets
        assert not sending.done()
        assert websocket._size < 4_000_000  # a slice of the smallest messages
        assert len(websocket._input) < 1_000_000
        go_on.set()
        assert (await read_close(client))[0] == 1000
        await within(over.wait(), 90)
        await sending
        assert received == 2_000_000 // len(frame(TEXT, payload))


async def test_empty_fragments_take_no_room() -> None:
    app = Echo()
    async with serve(app) as running, opened(running) as client:
        await client.send(frame(TEXT, b"a", fin=False) + frame(0, b"", fin=False) * 100_000 + frame(0, b"b"))
        assert await read_frame(client) == (TEXT, b"ab")


async def test_pings_of_a_client_that_does_not_read_stop_being_read() -> None:
    sockets: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        sockets.append(receive.__self__)  # type: ignore[attr-defined]
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async with serve(app) as running, opened(running, receive_buffer=4096) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sending = asyncio.ensure_future(client.send(frame(PING, b"x" * 125) * 300_000))
        await asyncio.sleep(0.5)
        assert not sending.done()
        assert sockets[0]._stream.write_buffer_size() < 2_000_000
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


async def test_application_waits_for_a_client_that_does_not_read() -> None:
    sent = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(400):
            await send({"type": "websocket.send", "bytes": b"x" * 65536})
            sent += 1

    async with serve(app) as running, opened(running, receive_buffer=65536, deadline=20) as client:
        await asyncio.sleep(0.3)
        assert sent < 200
        assert (await read_close(client))[0] == 1000
        assert sent == 400


async def test_dead_client_is_found_by_a_ping() -> None:
    app = Echo()
    with attributes(_asgi_websocket, _PING_INTERVAL=0.1, _CLOSE_TIMEOUT=0.1):
        async with serve(app) as running, opened(running) as client:
            assert await read_frame(client) == (PING, b"")
            await client.send(frame(PONG))
            assert await read_frame(client) == (PING, b"")
            assert await read_close(client) == (1011, "keepalive ping timeout")
            assert (await app.end())["code"] == 1011


async def test_slow_application_is_no_dead_client() -> None:
    go_on, over = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            pass
        assert message["code"] == 1000
        over.set()

    with attributes(_asgi_websocket, _PING_INTERVAL=0.05):
        async with serve(app) as running, connect(url(running), ping_interval=None) as client:
            for _ in range(3):
                await client.send(os.urandom(65536))
            await asyncio.sleep(0.4)  # eight intervals
            go_on.set()
            await client.close()
            assert client.close_code == 1000
            await within(over.wait())


async def test_client_that_floods_an_application_that_has_returned_gets_its_close_through() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await until(lambda: receive.__self__._input)  # type: ignore[attr-defined]  # reading pauses

    async with serve(app) as running, opened(running) as client:
        sending = asyncio.ensure_future(client.send(frame(BINARY, b"x" * 1000) * 2000))
        assert await read_close(client) == (1000, "")
        await sending
        await client.send(frame(CLOSE, struct.pack(">H", 1000)))
        assert await client.read_to_end() == b""
        assert not client.was_reset


# -- closing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [(struct.pack(">H", 3456) + b"bye", 3456, "bye"), (struct.pack(">H", 1001), 1001, ""), (b"", 1005, "")],
)
async def test_close_of_the_client(payload: bytes, code: int, reason: str) -> None:
    app = Echo()
    async with serve(app) as running, opened(running) as client:
        await client.send(frame(CLOSE, payload))
        assert await read_frame(client) == (CLOSE, payload)
        assert await client.read_to_end() == b""
        assert await app.end() == {"type": "websocket.disconnect", "code": code, "reason": reason}


@pytest.mark.parametrize(("message", "code", "reason"), [({}, 1000, ""), ({"code": 4000, "reason": "x"}, 4000, "x")])
async def test_close_of_the_application(message: dict[str, Any], code: int, reason: str) -> None:
    told: list[Any] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", **message})
        with pytest.raises(RuntimeError, match=r"websocket\.close was sent"):
            await send({"type": "websocket.send", "text": "x"})
        told.append(await receive())
        with pytest.raises(RuntimeError, match="nothing more"):
            await receive()
        over.set()

    async with serve(app) as running, connect(url(running)) as client:
        with pytest.raises(websockets.ConnectionClosed):
            await within(client.recv())
        assert (client.close_code, client.close_reason) == (code, reason)
        await within(over.wait())
    assert told == [{"type": "websocket.disconnect", "code": code, "reason": reason}]


async def test_client_that_does_not_answer_the_close_is_cut() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    with attributes(_asgi_websocket, _CLOSE_TIMEOUT=0.1):
        async with serve(app) as running, opened(running) as client:
            assert await read_close(client) == (1000, "")
            assert await client.read_to_end() == b""


async def test_messages_before_the_close_are_received_first() -> None:
    go_on, over = asyncio.Event(), asyncio.Event()
    sizes: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            sizes.append(len(message["text"]))
        assert message["code"] == 1000
        over.set()

    async with serve(app) as running, opened(running) as client:
        await client.send(frame(TEXT, b"x" * 60000) * 4 + frame(CLOSE, struct.pack(">H", 1000)))
        client.shutdown_write()
        await asyncio.sleep(0.05)
        go_on.set()
        await within(over.wait())
    assert sizes == [60000] * 4


async def test_shutdown_of_the_server_closes_with_1012() -> None:
    app = Echo()
    handler = ASGIHandler(app, lifespan="off")
    async with run_server(handler) as running, connect(url(running)) as client:
        running.server.stop()
        await within(handler.shutdown())
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1012
        assert app.over.is_set()
        assert not handler._websockets


@pytest.mark.parametrize("mounted", [False, True])
async def test_graceful_end_of_the_server_waits_for_the_close(mounted: bool) -> None:
    app = Echo()
    handler: Any = ASGIHandler(app, lifespan="off")
    if mounted:
        handler = Mount({"/ws": handler})
    async with run_server(handler) as running, connect(url(running)) as client:
        await within(running.server.shutdown(5), 4)
        assert app.over.is_set()
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1012


@pytest.mark.parametrize("when", ["accepting", "later"])
async def test_websocket_that_opens_while_the_server_ends_is_closed_with_1012(when: str) -> None:
    """Whoever was about to be accepted, and whoever comes on a connection that was there already."""
    ending, asked, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        asked.set()
        if when == "accepting":
            await ending.wait()
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1012
        over.set()

    async with run_server(ASGIHandler(app, lifespan="off")) as running, await running.connect() as client:
        await turns(20)  # the server has it
        if when == "accepting":
            await client.send(HANDSHAKE)
            await within(asked.wait())
        shutdown = asyncio.create_task(running.server.shutdown(20))
        await until(lambda: only_connection(running.server).draining.is_set())
        ending.set()
        if when == "later":
            await client.send(HANDSHAKE)
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await read_close(client) == (1012, "")
        await client.send(frame(CLOSE, struct.pack(">H", 1012)))
        await within(over.wait())
        await within(shutdown)


# -- what an application can do wrong -------------------------------------------------------------------------------

WRONG_BEFORE: list[tuple[list[Any], str]] = [
    ([], "returned without finishing"),
    ([{"type": "websocket.send", "text": "x"}], "expected websocket.accept or websocket.close"),
    ([{}], "unexpected ASGI message 'None'"),
    ([{"type": "websocket.accept", "headers": [("a", "b")]}], "pairs of bytes"),
    ([{"type": "websocket.accept", "headers": [(b"a", b"b\r\nc: d")]}], "Illegal characters"),
    ([{"type": "websocket.accept", "headers": [(b"Upgrade", b"x")]}], "can't set Upgrade"),
    ([{"type": "websocket.accept", "headers": [(b"sec-websocket-accept", b"x")]}], "can't set Sec-Websocket-Accept"),
    ([{"type": "websocket.accept", "subprotocol": "a\r\nb: c"}], "Illegal characters|HTTPInputError"),
    ([{"type": "websocket.http.response.body"}], "expected http.response.start"),
    (
        [{"type": "websocket.http.response.start", "status": 401}, {"type": "websocket.accept"}],
        "expected websocket.http",
    ),
    ([{"type": "websocket.http.response.start", "status": 401}], "returned without finishing"),
]


@pytest.mark.parametrize(("messages", "pattern"), WRONG_BEFORE)
async def test_error_before_accept_is_500(messages: list[Any], pattern: str, expect_log: ExpectLog) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(message)

    expect_failure(expect_log, pattern)
    async with serve(app) as running, await running.connect() as client:
        assert (await client.request(HANDSHAKE)).status == 500


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ({"type": "websocket.accept"}, "expected websocket.send or websocket.close"),
        ({"type": "http.response.start", "status": 200}, "expected websocket.send"),
        ({"type": "websocket.send"}, "needs 'text' or 'bytes'"),
        ({"type": "websocket.send", "text": b"x"}, "must be a str"),
        ({"type": "websocket.send", "bytes": "x"}, "'bytes' octets"),
        ({"type": "websocket.close", "code": 5}, "ProtocolError"),
        (None, "ZeroDivisionError: mine"),
    ],
)
async def test_error_after_accept_closes_with_1011(message: Any, pattern: str, expect_log: ExpectLog) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if message is None:
            raise ZeroDivisionError("mine")
        await send(message)

    expect_failure(expect_log, pattern)
    async with serve(app) as running, connect(url(running)) as client:
        with pytest.raises(websockets.ConnectionClosed):
            await within(client.recv())
        assert client.close_code == 1011
