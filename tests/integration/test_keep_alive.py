"""Whether a connection lives on behind a response.  RFC 9112 §9.3."""

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest

from tests.integration.helpers import Recorder, all_closed, build_request, run_server, turns, within
from tests.support.rawclient import RawClient, RawResponse

pytestmark = pytest.mark.asyncio


async def lives(client: RawClient) -> bool:
    """Whether a second request on the same connection is answered."""
    try:
        return (await client.request(build_request("/second"))).status == 200
    except (EOFError, ConnectionError):
        return False


async def test_connection_serves_many_requests() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        for number in range(100):
            response = await client.request(build_request(f"/{number}"))
            assert response.body == b"/%d\n" % number
            assert response.header("Connection") is None
        assert len(running.server._connections) == 1
    assert handler.paths == [f"/{number}" for number in range(100)]


@pytest.mark.parametrize(
    ("version", "fields", "alive", "told"),
    [
        ("HTTP/1.1", (), True, None),
        ("HTTP/1.1", ("Connection: keep-alive",), True, None),
        ("HTTP/1.1", ("Connection: close",), False, "close"),
        ("HTTP/1.1", ("Connection: CLOSE",), False, "close"),
        ("HTTP/1.1", ("Connection: x-a, close ,x-b",), False, "close"),
        ("HTTP/1.1", ("Connection: keep-alive", "Connection: close"), False, "close"),
        ("HTTP/1.1", ("Connection: closed",), True, None),
        ("HTTP/1.0", (), False, None),
        ("HTTP/1.0", ("Connection: keep-alive",), True, "Keep-Alive"),
        ("HTTP/1.0", ("Connection: Keep-Alive",), True, "Keep-Alive"),
        ("HTTP/1.0", ("Connection: close, keep-alive",), False, None),
    ],
)
async def test_connection_lives_on_as_the_client_asked(
    version: str, fields: tuple[str, ...], alive: bool, told: str | None
) -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        response = await client.request(build_request("/first", *fields, version=version))
        assert (response.status, response.version, response.body) == (200, (1, 1), b"/first\n")
        assert response.header("Connection") == told
        assert await lives(client) == alive
        assert alive or not client.was_reset


async def test_http_1_0_post_with_keep_alive_lives_on() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        request = build_request("/", "Connection: keep-alive", method="POST", version="HTTP/1.0", body=b"abc")
        assert (await client.request(request)).header("Connection") == "Keep-Alive"
        assert await lives(client)
    assert handler.calls == [("POST", "/", b"abc"), ("GET", "/second", b"")]


async def test_no_keep_alive_closes_after_each_response() -> None:
    async with run_server(Recorder(), no_keep_alive=True) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert response.header("Connection") == "close"
        assert await client.read_to_end() == b""
        assert not client.was_reset


async def test_no_keep_alive_reads_on_for_a_client_that_pipelines() -> None:
    """It didn't know that its first request was the last: a close at once would answer the others with a reset."""
    handler = Recorder()
    async with run_server(handler, no_keep_alive=True) as running, await running.connect() as client:
        assert (await client.request(build_request("/1"))).body == b"/1\n"
        assert await client.read_to_end() == b""
        for _ in range(3):
            await client.send(build_request("/2"))
            await turns()
        assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        client.close()
        await all_closed(running.server)
    assert handler.paths == ["/1"]


async def test_connection_that_the_client_said_is_over_closes_at_once() -> None:
    """No lingering for a client that won't send any more."""
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.request(build_request("/", "Connection: close"))
        await client.read_to_end()
        assert not running.server._connections


async def test_header_memo_doesn_t_outlive_a_changed_field() -> None:
    """Equal field blocks are parsed once per connection; a different one must be seen."""

    def handler(request: Any) -> None:
        request.respond(json.dumps([request.host, request.headers.get("X-A"), request.version]))

    async with run_server(handler) as running, await running.connect() as client:

        async def ask(*fields: str, host: str = "a", version: str = "HTTP/1.1") -> Any:
            response = await client.request(build_request("/", *fields, host=host, version=version))
            return json.loads(response.body)

        assert await ask() == ["a", None, "HTTP/1.1"]
        assert await ask() == ["a", None, "HTTP/1.1"]
        assert await ask(host="b") == ["b", None, "HTTP/1.1"]
        assert await ask("X-A: 1") == ["a", "1", "HTTP/1.1"]
        assert await ask("X-A: 2") == ["a", "2", "HTTP/1.1"]
        assert await ask("Connection: keep-alive", version="HTTP/1.0") == ["a", None, "HTTP/1.0"]
        assert await ask() == ["a", None, "HTTP/1.1"]


async def test_requests_with_equal_heads_are_distinct_requests() -> None:
    seen: list[Any] = []

    def handler(request: Any) -> None:
        request.headers["X-Mine"] = str(len(seen))
        seen.append(request)
        request.respond(b"")

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(3):
            await client.request(build_request("/", "X-A: 1"))
    assert len({id(request) for request in seen}) == 3
    assert [request.headers["X-Mine"] for request in seen] == ["0", "1", "2"]


async def test_handler_that_answers_later_gets_the_next_request_after_it_finished() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        for number in range(3):
            await client.send(build_request(f"/{number}"))
            request = await within(waiting.get())
            assert request.uri == f"/{number}"
            request.respond(request.uri)
            response: RawResponse = await client.read_response()
            assert response.body == b"/%d" % number


async def test_aiohttp_client_reuses_the_connection() -> None:
    def handler(request: Any) -> None:
        request.respond(f"{request.method} {request.uri} {request.body.decode()}", headers={"X-A": "1"})

    connector = aiohttp.TCPConnector(limit=1)
    async with run_server(handler) as running, aiohttp.ClientSession(connector=connector) as session:
        for number in range(5):
            async with session.post(running.url(f"/p?n={number}"), data=b"abc") as response:
                assert response.status == 200
                assert response.headers["X-A"] == "1"
                assert await response.text() == f"POST /p?n={number} abc"
        assert len(running.server._connections) == 1
