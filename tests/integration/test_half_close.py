"""A client that has said all and still listens (``printf … | nc``) gets its answer."""

import asyncio
import socket
from typing import Any

import pytest

from asynchttp import _peerwatch
from tests.integration.helpers import (
    Recorder,
    all_closed,
    attributes,
    build_request,
    only_connection,
    run_server,
    run_server_with_clock,
    turns,
    until,
    within,
)

pytestmark = pytest.mark.asyncio


async def test_request_and_end_at_once() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(build_request("/last"))
        client.shutdown_write()
        assert (await client.read_response()).body == b"/last\n"
        assert await client.read_to_end() == b""
        assert not client.was_reset
        await all_closed(running.server)


async def test_end_in_a_later_packet() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        assert (await client.request(build_request("/last"))).body == b"/last\n"
        client.shutdown_write()
        assert await client.read_to_end() == b""
        assert not client.was_reset
        await all_closed(running.server)


@pytest.mark.parametrize("count", [2, 16, 17, 100])
async def test_pipelined_requests_and_end_at_once(count: int) -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(b"".join(build_request(f"/{number}") for number in range(count)))
        client.shutdown_write()
        for number in range(count):
            assert (await client.read_response()).body == b"/%d\n" % number
        assert await client.read_to_end() == b""
        assert not client.was_reset
        await all_closed(running.server)


async def test_handler_that_answers_after_the_end() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request("/1") + build_request("/2"))
        client.shutdown_write()
        for number in (1, 2):
            request = await within(waiting.get())
            await until(lambda: only_connection(running.server)._eof_since is not None)
            await turns(10)
            request.respond(request.uri)
            assert (await client.read_response()).body == b"/%d" % number
        assert await client.read_to_end() == b""
        assert not client.was_reset
        await all_closed(running.server)


async def test_coroutine_handler_that_answers_after_the_end() -> None:
    async def handler(request: Any) -> bytes:
        await turns(20)
        return b"late"

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        client.shutdown_write()
        assert (await client.read_response()).body == b"late"
        assert await client.read_to_end() == b""
        await all_closed(running.server)


async def test_long_response_goes_out_whole() -> None:
    body = b"x" * 10_000_000
    async with (
        run_server(lambda request: request.respond(body)) as running,
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request("/1") + build_request("/2"))
        client.shutdown_write()
        await turns(50)
        for _ in range(2):
            assert (await client.read_response()).body == body
        assert await client.read_to_end() == b""
        await all_closed(running.server)


async def test_streamed_response_goes_out_whole() -> None:
    async def handler(request: Any) -> None:
        await request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(10):
            await turns(3)
            await request.write(b"ab")
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        client.shutdown_write()
        assert (await client.read_response()).body == b"ab" * 10
        assert await client.read_to_end() == b""


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"G", build_request()[:-2], build_request("/", "Content-Length: 5")])
async def test_end_before_a_request_is_whole_ends_the_connection(octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(octets)
        client.shutdown_write()
        assert await client.read_to_end() == b""
        assert not client.was_reset
        await all_closed(running.server)
    assert handler.calls == []


async def test_answer_of_a_client_that_asked_for_the_end() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(build_request("/last", "Connection: close"))
        client.shutdown_write()
        assert (await client.read_response()).body == b"/last\n"
        assert await client.read_to_end() == b""
        await all_closed(running.server)


async def test_end_is_told_after_a_grace_and_the_answer_is_still_possible() -> None:
    """Nobody knows whether a client that ended its side still listens: the handler may want to know, and may answer."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    told = asyncio.Event()
    async with run_server_with_clock(waiting.put_nowait) as (running, clock), await running.connect() as client:
        await client.send(build_request())
        request = await within(waiting.get())
        request.connection.set_close_callback(told.set)
        client.shutdown_write()
        await until(lambda: only_connection(running.server)._eof_since is not None)
        clock.advance(0.9)
        await turns()
        assert not told.is_set()
        clock.advance(0.5)
        await within(told.wait())
        request.respond(b"still there?")
        assert (await client.read_response()).body == b"still there?"
        assert await client.read_to_end() == b""


async def test_connection_of_a_client_that_has_really_gone_ends_though_nobody_answers() -> None:
    """Its kernel says so when it has forgotten the connection, here after a second."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    with attributes(_peerwatch, PROBE_INTERVAL=1):
        async with run_server(waiting.put_nowait) as running:
            client = await running.connect()
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)
            await client.send(build_request())
            request = await within(waiting.get())
            client.close()
            await all_closed(running.server, 15)
            assert request.connection.closed


async def test_connection_of_a_client_that_still_listens_lives() -> None:
    """It answers when it is asked."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    with attributes(_peerwatch, PROBE_INTERVAL=1, PROBE_COUNT=1):
        async with run_server_with_clock(waiting.put_nowait) as (running, clock), await running.connect() as client:
            await client.send(build_request())
            request = await within(waiting.get())
            client.shutdown_write()
            await until(lambda: only_connection(running.server)._eof_since is not None)
            sock = only_connection(running.server).stream.socket
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            await asyncio.sleep(2.5)  # the kernel's clock can't be turned: two questions
            clock.advance(10)
            request.respond(b"there")
            assert (await client.read_response()).body == b"there"
