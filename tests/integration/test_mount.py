"""Handlers of every style on one port, chosen by path and host."""

from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest
import tornado.web
import tornado.websocket

from asynchttp.asgi import ASGIHandler
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler
from tests.integration.helpers import build_request, expect_failure, run_server
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio


def callback(request: Any) -> None:
    request.respond(f"callback {request.path}")


async def coroutine(request: Any) -> str:
    return f"coroutine {request.path} {request.body.decode()}"


class Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write(f"tornado {self.request.path}")


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(f"tornado {message!r}")


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"asgi {(await receive())['text']!r}"})
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"asgi {scope['path']}".encode()})


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [f"wsgi {environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]


async def broken(request: Any) -> None:
    raise ZeroDivisionError("mine")


def mount() -> Mount:
    application = tornado.web.Application(
        [("/tornado/socket", Echo), ("/tornado/.*", Page)], log_function=lambda handler: None
    )
    return Mount(
        {
            "/callback": callback,
            "/coroutine": coroutine,
            "/tornado": application,
            "/asgi": ASGIHandler(asgi, lifespan="off"),
            "/asgi/wsgi": WSGIHandler(wsgi),
            "/broken": broken,
            "own.example/": callback,
            "Own.Example/asgi": ASGIHandler(asgi, lifespan="off"),
        }
    )


#: Host, path, what is answered.
ANSWERS = [
    ("a", "/callback", "callback /callback"),
    ("a", "/callback/x?y", "callback /callback/x"),
    ("a", "/tornado/x", "tornado /tornado/x"),
    ("a", "/asgi", "asgi /asgi"),
    ("a", "/asgi/wsgi/x", "wsgi /asgi/wsgi /x"),
    ("a", "/asgi/wsgix", "asgi /asgi/wsgix"),
    ("a", "/callbacks", None),
    ("a", "/", None),
    ("own.example", "/", "callback /"),
    ("OWN.example:80", "/anything", "callback /anything"),
    ("own.example", "/asgi/x", "asgi /asgi/x"),
    ("own.example", "/tornado/x", "callback /tornado/x"),
    ("other.example", "/tornado/x", "tornado /tornado/x"),
]


async def check(client: Any, host: str, path: str, text: str | None) -> None:
    response = await client.read_response()
    expected = (404, b"404: Not Found\n") if text is None else (200, text.encode())
    assert (response.status, response.body) == expected, (host, path)


async def test_each_place_answers_on_one_connection() -> None:
    async with mount() as handler, run_server(handler) as running, await running.connect() as client:
        for host, path, text in ANSWERS * 2:
            await client.send(build_request(path, host=host))
            await check(client, host, path, text)


async def test_pipelined_requests_to_all_places_are_answered_in_order() -> None:
    async with mount() as handler, run_server(handler) as running, await running.connect() as client:
        await client.send(b"".join(build_request(path, host=host) for host, path, _ in ANSWERS))
        for answer in ANSWERS:
            await check(client, *answer)


async def test_bodies_reach_each_place() -> None:
    async with mount() as handler, run_server(handler) as running, await running.connect() as client:
        response = await client.request(build_request("/coroutine", method="POST", body=b"hello"))
        assert response.body == b"coroutine /coroutine hello"


async def websocket_says(running: RunningServer, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.ws_connect(running.url(path)) as ws:
        await ws.send_str("hi")
        said: str = await ws.receive_str(timeout=5)
        return said


async def test_websockets_of_tornado_and_of_asgi() -> None:
    async with mount() as handler, run_server(handler) as running:
        assert await websocket_says(running, "/tornado/socket") == "tornado 'hi'"
        assert await websocket_says(running, "/asgi/socket") == "asgi 'hi'"


async def test_error_at_one_place_is_no_matter_of_the_others(expect_log: Any) -> None:
    expect_failure(expect_log, "ZeroDivisionError: mine")
    async with mount() as handler, run_server(handler) as running:
        async with await running.connect() as client:
            assert (await client.request(build_request("/broken"))).status == 500
        async with await running.connect() as client:
            for host, path, text in ANSWERS:
                await client.send(build_request(path, host=host))
                await check(client, host, path, text)


@pytest.mark.parametrize(
    ("places", "error", "message"),
    [
        ({}, ValueError, "at least one"),
        ({"nowhere": callback}, ValueError, "a place is '/path' or 'host/path', not 'nowhere'"),
        ({"/a?b": callback}, ValueError, "a place is"),
        ({"/a": "no handler"}, TypeError, "must be callable"),
    ],
)
async def test_what_is_no_place_or_handler(places: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Mount(places)
