"""A client may leave at any point: nobody complains, and nothing of it stays."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import httputil
from asynchttp.iostream import StreamClosedError
from tests.integration.helpers import all_closed, build_request, run_server, turns, until, within

pytestmark = pytest.mark.asyncio

START_LINE = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
POST = build_request("/", "Content-Length: 10", method="POST")
CHUNKED = build_request("/", "Transfer-Encoding: chunked", method="POST")

#: What was sent when the client leaves, before a handler has something to do.
BEFORE = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "part of a line": b"GET /",
    "part of the fields": build_request()[:-10],
    "an answered request": build_request("/quick"),
    "part of a second head": build_request("/quick") + b"GET",
    "a head": POST,
    "part of a body": POST + b"hello",
    "a head of chunks": CHUNKED,
    "part of a chunk": CHUNKED + b"5\r\nhel",
    "part of a chunk's size": CHUNKED + b"5;a=",
    "part of the trailers": CHUNKED + b"5\r\nhello\r\n0\r\nA: b",
}


class Delegate(httputil.HTTPServerConnectionDelegate):
    def start_request(self, server_conn: Any, request_conn: Any) -> httputil.HTTPMessageDelegate:
        class Message(httputil.HTTPMessageDelegate):
            def finish(self) -> None:
                request_conn.respond(b"ok")

        return Message()


def callback(request: Any) -> None:
    request.respond(b"ok")


async def coroutine(request: Any) -> bytes:
    return b"ok"


async def streaming(request: Any) -> bytes:
    return b"".join([chunk async for chunk in request.body_chunks()])


HANDLERS: list[Any] = [callback, coroutine, streaming, Delegate()]
ends = pytest.mark.parametrize("end", ["end", "reset"])


@ends
@pytest.mark.parametrize("octets", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("handler", HANDLERS, ids=["callback", "coroutine", "streaming", "delegate"])
async def test_client_that_leaves_before_its_request_is_whole(handler: Any, octets: bytes, end: str) -> None:
    before = asyncio.all_tasks()
    async with run_server(handler, stream_request_body=handler is streaming) as running:
        client = await running.connect()
        await until(lambda: running.server._connections)
        await client.send(octets)
        await turns(10)
        client.abort() if end == "reset" else client.close()
        await all_closed(running.server)
        await until(lambda: asyncio.all_tasks() <= before)


async def write_forever(request: Any) -> None:
    while True:
        await request.connection.write(b"x" * 100_000)


async def write_head(request: Any, length: int | None = None) -> None:
    fields = {} if length is None else {"Content-Length": str(length)}
    await request.connection.write_headers(START_LINE, httputil.HTTPHeaders(fields))


async def wait_forever(request: Any) -> None:
    """Until the client has gone; then nothing helps it any more."""
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request.connection.set_close_callback(lambda: gone.set_result(None))
    await gone
    raise StreamClosedError


async def by_length(request: Any) -> None:
    await write_head(request, 1 << 40)
    await write_forever(request)


async def by_chunks(request: Any) -> None:
    await write_head(request)
    await write_forever(request)


async def raw(request: Any) -> None:
    request.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await write_forever(request)


async def behind_the_head(request: Any) -> None:
    await write_head(request, 10)
    await wait_forever(request)


@pytest.mark.parametrize("work", [wait_forever, behind_the_head, by_length, by_chunks, raw])
async def test_client_that_resets_in_the_response(work: Callable[[Any], Any]) -> None:
    """The handler ends, in whatever it was; its client's fault is no error."""
    ended = asyncio.Event()

    async def handler(request: Any) -> None:
        started.set()
        try:
            await work(request)
        finally:
            ended.set()

    started = asyncio.Event()
    before = asyncio.all_tasks()
    async with run_server(handler) as running:
        client = await running.connect(receive_buffer=4096)
        await client.send(build_request())
        await within(started.wait())
        await turns(20)
        client.abort()
        await within(ended.wait())
        await all_closed(running.server)
        await until(lambda: asyncio.all_tasks() <= before)
