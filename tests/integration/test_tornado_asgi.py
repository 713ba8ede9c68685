"""Applications of Tornado as ASGI applications: on uvicorn, and on our own server."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import tornado.iostream
import tornado.web
import tornado.websocket
import uvicorn

from asynchttp.asgi import ASGIHandler, TornadoASGI
from tests.integration.helpers import build_request, run_server, until, within
from tests.support.ports import free_port
from tests.support.rawclient import RawClient

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("tornado_is_silent")]


class Hello(tornado.web.RequestHandler):
    def get(self, name: str = "") -> None:
        self.set_cookie("a", "1")
        self.write(f"{self.request.method} {self.request.uri} {self.get_argument('q', '')} {self.request.remote_ip}")

    def post(self, name: str = "") -> None:
        self.write({"size": len(self.request.body), "name": self.get_argument("name", "")})


@tornado.web.stream_request_body
class Both(tornado.web.RequestHandler):
    """Sends back what it gets, while it comes."""

    async def data_received(self, chunk: bytes) -> None:
        self.write(chunk)
        await self.flush()

    def post(self) -> None:
        self.write(b".")


class Endless(tornado.web.RequestHandler):
    ended: list[str] = []
    sent = 0

    async def get(self) -> None:
        type(self).sent = 0
        try:
            while True:
                self.write(b"x" * 65536)
                await self.flush()
                type(self).sent += 1
        except (tornado.iostream.StreamClosedError, OSError):
            self.ended.append("stream")

    def on_connection_close(self) -> None:
        self.ended.append("callback")


class Waiting(tornado.web.RequestHandler):
    left: asyncio.Event

    async def get(self) -> None:
        await type(self).left.wait()

    def on_connection_close(self) -> None:
        type(self).left.set()


class Socket(tornado.websocket.WebSocketHandler):
    closed: list[Any] = []

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[-1] if subprotocols else None

    async def prepare(self) -> None:
        if self.get_argument("refuse", ""):
            raise tornado.web.HTTPError(401)
        self.set_header("X-A", "1")

    async def on_message(self, message: str | bytes) -> None:
        if message == "close":
            self.close(4001, "enough")
        else:
            await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.closed.append((self.close_code, self.close_reason))


def application() -> TornadoASGI:
    routes: list[Any] = [
        ("/both", Both),
        ("/endless", Endless),
        ("/waiting", Waiting),
        ("/ws", Socket),
        ("/(.*)", Hello),
    ]
    return TornadoASGI(tornado.web.Application(routes, log_function=lambda handler: None))


@contextlib.asynccontextmanager
async def on_uvicorn(app: Any) -> AsyncIterator[int]:
    port = free_port()
    config = uvicorn.Config(app, port=port, lifespan="on", log_config=None, http="httptools", ws="websockets-sansio")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.ensure_future(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # it tells by no event
            await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def on_ours(app: Any) -> AsyncIterator[int]:
    async with ASGIHandler(app, lifespan="on") as handler, run_server(handler) as running:
        yield running.port


SERVERS = pytest.mark.parametrize("server", [on_uvicorn, on_ours])


@SERVERS
async def test_requests(server: Any) -> None:
    async with server(application()) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for _ in range(2):
            async with session.get("/a%20b?q=%C3%A9") as response:
                assert await response.text() == "GET /a%20b?q=%C3%A9 é 127.0.0.1"
                assert (response.headers["Set-Cookie"], response.headers["Content-Length"]) == ("a=1; Path=/", "32")
                etag = response.headers["Etag"]
            async with session.get("/a%20b?q=%C3%A9", headers={"If-None-Match": etag}) as response:
                assert response.status == 304
            async with session.post("/", data=io.BytesIO(b"x" * 3_000_000)) as response:
                assert await response.json() == {"size": 3_000_000, "name": ""}
            async with session.post("/", data={"name": "é"}) as response:
                assert (await response.json())["name"] == "é"
            async with session.put("/") as response:
                assert response.status == 405


@SERVERS
async def test_bodies_stream_both_ways(server: Any) -> None:
    async with server(application()) as port, await RawClient.connect(port) as client:
        await client.send(build_request("/both", "Transfer-Encoding: chunked", method="POST"))
        for piece in (b"one", b"two"):
            await client.send(b"3\r\n%b\r\n" % piece)
            await client.read_until(piece)
        await client.send(b"0\r\n\r\n")
        await client.read_until(b"0\r\n\r\n")


@SERVERS
async def test_flush_waits_for_the_client_and_fails_when_it_leaves(server: Any) -> None:
    Endless.ended = []
    async with server(application()) as port:
        async with await RawClient.connect(port, receive_buffer=65536) as client:
            await client.send(build_request("/endless"))
            await client.read_until(b"\r\n\r\n")
            await asyncio.sleep(0.3)
            assert Endless.sent < 200
            client.abort()
        await until(lambda: "stream" in Endless.ended)


@SERVERS
async def test_handler_is_told_that_its_client_left(server: Any) -> None:
    Waiting.left = asyncio.Event()
    async with server(application()) as port:
        async with await RawClient.connect(port) as client:
            await client.send(build_request("/waiting"))
            await asyncio.sleep(0.1)
            client.abort()
        await within(Waiting.left.wait())


@SERVERS
async def test_websocket(server: Any) -> None:
    Socket.closed = []
    async with server(application()) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.ws_connect("/ws", protocols=["x", "y"]) as client:
            assert client.protocol == "y"
            assert client._response.headers["X-A"] == "1"
            for message in ("héllo", "", "x" * 200_000):
                await client.send_str(message)
                assert await within(client.receive_str()) == message
            await client.send_bytes(b"\0\xff")
            assert await within(client.receive_bytes()) == b"\0\xff"
            await client.close(code=3001, message=b"bye")
        await until(lambda: Socket.closed)
        async with session.ws_connect("/ws") as client:
            await client.send_str("close")
            last = await within(client.receive())
            assert (last.type, last.data, last.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "enough")
    assert Socket.closed[0] == (3001, "bye")


@SERVERS
async def test_websocket_that_is_refused(server: Any) -> None:
    async with server(application()) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect("/ws?refuse=1")
        assert caught.value.status == 401


async def test_what_is_no_delegate_is_refused() -> None:
    with pytest.raises(TypeError, match="not an HTTPServerConnectionDelegate"):
        TornadoASGI(lambda request: None)
