"""Applications of FastAPI, Starlette and Django on our server, and the same request on uvicorn's.

Differences from uvicorn, on purpose: no ``Server`` field; a field name is sent as the application wrote it; an
application that returns without an answer is answered by 500; a wrong ``Content-Length`` of a whole body is a 500 and
not a cut; space behind the value of a field isn't part of it (RFC 9112 §5); an invalid WebSocket handshake is refused
before the application hears of it; ``spec_version`` and the extensions are ours.
"""

import asyncio
import contextlib
import io
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import django.conf
import django.test.utils
import fastapi
import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path as django_path
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount as StarletteMount
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import connect

from asynchttp.asgi import ASGIHandler
from asynchttp.mount import Mount
from tests.integration.helpers import all_closed, build_request, run_server, until, within
from tests.support.ports import free_port
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def serve(app: Any, **options: Any) -> AsyncIterator[RunningServer]:
    async with ASGIHandler(app) as handler, run_server(handler, **options) as running:
        yield running


# -- Starlette ---------------------------------------------------------------------------------------------------------


def starlette_app(file: pathlib.Path, log: list[str]) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        log.append("up")
        yield {"greeting": "hello"}
        log.append("down")

    async def hello(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.state.greeting, background=BackgroundTask(log.append, "background"))

    async def upload(request: Any) -> JSONResponse:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return JSONResponse({"size": size})

    async def stream(request: Any) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                yield f"{number}\n"
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    async def endless(request: Any) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.01)

        return StreamingResponse(pieces())

    async def send_file(request: Any) -> FileResponse:
        return FileResponse(file)

    async def websocket(socket: Any) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(f"{text}!")

    routes = [
        Route("/", hello),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/endless", endless),
        Route("/file", send_file),
        WebSocketRoute("/ws", websocket),
    ]
    return Starlette(routes=[*routes, StarletteMount("/api", routes=routes)], lifespan=lifespan)


async def test_starlette(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"f" * 300_000)
    log: list[str] = []
    async with serve(starlette_app(file, log)) as running, aiohttp.ClientSession() as session:
        for prefix in ("/", "/api/"):
            async with session.get(running.url(prefix)) as response:
                assert await response.text() == "hello"
            async with session.head(running.url(prefix)) as response:
                assert response.headers["Content-Length"] == "5"
            async with session.post(running.url(prefix + "upload"), data=io.BytesIO(b"x" * 3_000_000)) as response:
                assert await response.json() == {"size": 3_000_000}
            async with session.get(running.url(prefix + "stream")) as response:
                assert await response.text() == "0\n1\n2\n"
            async with session.get(running.url(prefix + "file")) as response:
                assert await response.read() == b"f" * 300_000
            async with session.get(running.url(prefix + "file"), headers={"Range": "bytes=5-9"}) as response:
                assert (response.status, await response.read()) == (206, b"f" * 5)
            async with session.get(running.url(prefix + "none")) as response:
                assert response.status == 404
            async with session.ws_connect(running.url(prefix + "ws")) as socket:
                await socket.send_str("hi")
                assert await within(socket.receive_str()) == "hi!"
        async with session.get(running.url("/endless")) as response:
            await response.content.readexactly(5000)
            response.close()
        await until(lambda: not running.server.request_callback.running)  # a client that left is no error
    assert (log[0], log.count("background"), log[-1]) == ("up", 4, "down")


async def test_starlette_in_a_mount(tmp_path: pathlib.Path) -> None:
    log: list[str] = []
    mount = Mount({"/outer": ASGIHandler(starlette_app(tmp_path, log)), "/": lambda request: request.respond(b"root")})
    async with mount, run_server(mount) as running, aiohttp.ClientSession() as session:
        for path, text in (("/outer/", "hello"), ("/outer/api/stream", "0\n1\n2\n"), ("/outerspace", "root")):
            async with session.get(running.url(path)) as response:
                assert await response.text() == text
        async with connect(f"ws://127.0.0.1:{running.port}/outer/ws") as socket:
            await socket.send("hi")
            assert await within(socket.recv()) == "hi!"


async def test_middleware_that_wraps_receive_and_send() -> None:
    async def dispatch(request: Any, call_next: Callable[..., Any]) -> Any:
        response = await call_next(request)
        response.headers["x-seen"] = "1"
        return response

    async def large(request: Any) -> PlainTextResponse:
        return PlainTextResponse("x" * 10_000 + (await request.body()).decode())

    app = Starlette(
        routes=[Route("/", large, methods=["GET", "POST"])],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch), Middleware(GZipMiddleware)],
    )
    async with serve(app) as running, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(running.url(), data=b"yz") as response:
                assert await response.text() == "x" * 10_000 + "yz"
                assert (response.headers["x-seen"], response.headers["Content-Encoding"]) == ("1", "gzip")


# -- FastAPI -----------------------------------------------------------------------------------------------------------


async def test_fastapi() -> None:
    app = fastapi.FastAPI()

    def dependency(request: fastapi.Request) -> str:  # in a thread
        return request.headers["host"]

    @app.get("/items/{number}")
    async def item(number: int, q: str = "", host: str = fastapi.Depends(dependency)) -> dict[str, Any]:
        return {"number": number, "q": q, "host": host}

    @app.post("/items")
    def create(items: list[int]) -> int:
        return sum(items)

    @app.websocket("/ws")
    async def websocket(socket: fastapi.WebSocket) -> None:
        await socket.accept(subprotocol="chat")
        await socket.send_json({"received": await socket.receive_json()})
        await socket.close(4001, "enough")

    async with serve(app) as running, aiohttp.ClientSession() as session:
        async with session.get(running.url("/items/5?q=%C3%A9")) as response:
            assert await response.json() == {"number": 5, "q": "é", "host": f"127.0.0.1:{running.port}"}
        async with session.get(running.url("/items/x")) as response:
            assert response.status == 422
        async with session.post(running.url("/items"), json=[1, 2, 3]) as response:
            assert await response.text() == "6"
        async with session.get(running.url("/openapi.json")) as response:
            assert response.status == 200
        async with session.ws_connect(running.url("/ws"), protocols=["chat"]) as socket:
            assert socket.protocol == "chat"
            await socket.send_json([1])
            assert await socket.receive_json() == {"received": [1]}
            message = await within(socket.receive())
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "enough")


# -- Django ------------------------------------------------------------------------------------------------------------


def django_hello(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.method} {request.path} {request.GET.get('q', '')}")


async def django_upload(request: Any) -> JsonResponse:
    return JsonResponse({"size": len(request.body), "host": request.get_host()})


async def django_stream(request: Any) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d\n" % number

    return StreamingHttpResponse(pieces())


urlpatterns = [
    django_path("hello", django_hello),
    django_path("upload", django_upload),
    django_path("stream", django_stream),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_django() -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None, DATABASES={}
        )
    with django.test.utils.override_settings(ROOT_URLCONF=__name__):
        async with serve(get_asgi_application()) as running, aiohttp.ClientSession() as session:
            async with session.get(running.url("/hello?q=%C3%A9")) as response:
                assert await response.text() == "GET /hello é"
            async with session.post(running.url("/upload"), data=b"x" * 1_000_000) as response:
                assert (await response.json())["size"] == 1_000_000
            async with session.get(running.url("/stream")) as response:
                assert await response.text() == "0\n1\n2\n"
            async with session.get(running.url("/none")) as response:
                assert response.status == 404


# -- side by side with uvicorn -----------------------------------------------------------------------------------------


class Witness:
    """Notes its scope and what it receives, and answers."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.received: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            self.received.append(message)
        if scope["path"] == "/piece":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
            await send({"type": "http.response.body", "body": b"pi", "more_body": True})
            await send({"type": "http.response.body", "body": b"ece"})
        else:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"hello"})
        self.received.append(await receive())

    def seen(self) -> dict[str, Any]:
        scope = {
            key: value for key, value in self.scope.items() if key not in ("asgi", "extensions", "client", "server")
        }
        scope["headers"] = [tuple(pair) for pair in scope["headers"]]
        scope["places"] = [type(self.scope["client"][1]), type(self.scope["server"][1])]
        body = b"".join(message.get("body", b"") for message in self.received)
        return {**scope, "body": body, "last": self.received[-1]}


@contextlib.asynccontextmanager
async def run_uvicorn(app: Any) -> AsyncIterator[int]:
    port = free_port()
    config = uvicorn.Config(
        app,
        port=port,
        lifespan="off",
        log_config=None,
        http="httptools",
        ws="websockets-sansio",
        timeout_graceful_shutdown=10,  # by default it waits for connections for ever
    )
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


@pytest.mark.parametrize(
    "octets",
    [
        build_request("/"),
        build_request("/a%20b/%C3%A9?q=%20&r", "X-Two: 1", "X-Two: 2", "X-Empty:", "X-Space: \t a b"),
        build_request("/%ff"),
        build_request("http://example.org/abs?x", host="example.org"),
        build_request("/", "Cookie: a=1", "Cookie: b=2", method="PUT", body=b"hello"),
        build_request("/piece"),
        build_request("/piece", method="HEAD"),
        build_request("/", method="HEAD"),
        build_request("/piece", version="HTTP/1.0"),
        build_request("/", "Connection: close"),
        build_request("/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        build_request("/", method="OPTIONS"),
        build_request("/", method="PATCH", body=b""),
    ],
)
async def test_application_sees_and_says_what_it_does_on_uvicorn(octets: bytes) -> None:
    ours, theirs = Witness(), Witness()
    async with serve(ours) as running, await running.connect() as client:
        our_response = await client.request(octets)
    async with run_uvicorn(theirs) as port, await RawClient.connect(port) as client:
        their_response = await client.request(octets)
    assert ours.seen() == theirs.seen()
    assert (our_response.status, our_response.body) == (their_response.status, their_response.body)
    for name in ("Content-Length", "x-a"):
        if octets.startswith(b"HEAD /piece"):  # RFC 9110 §9.3.2 lets both be left out
            continue
        assert our_response.header(name) == their_response.header(name)


class SocketWitness:
    """Notes its scope and what it receives; accepts, echoes, and closes when it is told to, or refuses."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.received: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        self.scope = scope
        self.received.append(await receive())
        if scope["path"] == "/refuse":
            await send({"type": "websocket.close"})
            return
        headers = [(b"x-a", b"1")]
        subprotocol = scope["subprotocols"][-1] if scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
        while True:
            message = await receive()
            self.received.append({key: value for key, value in message.items() if value is not None})
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "as you like"})
            else:
                await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})

    def seen(self) -> dict[str, Any]:
        left_out = ("asgi", "extensions", "client", "server", "headers")
        scope = {key: value for key, value in self.scope.items() if key not in left_out}
        names = sorted(name for name, _ in self.scope["headers"])
        return {**scope, "names": names, "received": self.received}


async def talk(port: int, path: str, protocols: tuple[str, ...], closes: bool) -> list[Any]:
    """What a client sees."""
    async with aiohttp.ClientSession() as session:
        try:
            ws = await session.ws_connect(f"http://127.0.0.1:{port}{path}", protocols=protocols)
        except aiohttp.WSServerHandshakeError as error:
            return [error.status]
        told: list[Any] = [ws.protocol]
        for text in ("hello", "", "é" * 70_000):
            await ws.send_str(text)
            told.append(await ws.receive_str(timeout=5))
        await ws.send_bytes(bytes(range(256)))
        told.append(await ws.receive_bytes(timeout=5))
        if closes:
            await ws.close(code=4000, message=b"enough")
        else:
            await ws.send_str("close")
            told.append((await ws.receive(timeout=5)).extra)
        return [*told, ws.close_code]


@pytest.mark.parametrize(
    ("path", "protocols", "closes"),
    [
        ("/", (), True),
        ("/a%20b?q=1", ("one", "two"), True),
        ("/", ("one",), False),
        ("/refuse", (), True),
    ],
)
async def test_websocket_application_sees_and_says_what_it_does_on_uvicorn(
    path: str, protocols: tuple[str, ...], closes: bool
) -> None:
    ours, theirs = SocketWitness(), SocketWitness()
    async with serve(ours) as running:
        our_side = await talk(running.port, path, protocols, closes)
        await all_closed(running.server)
    async with run_uvicorn(theirs) as port:
        their_side = await talk(port, path, protocols, closes)
    assert our_side == their_side
    if not closes:
        # Uvicorn repeats the application's own code; the code of a connection is the one received (RFC 6455 §7.1.5).
        ends = [(end["code"], end["reason"]) for end in (ours.received.pop(), theirs.received.pop())]
        assert ends == [(1000, ""), (4001, "as you like")]
    assert ours.seen() == theirs.seen()
