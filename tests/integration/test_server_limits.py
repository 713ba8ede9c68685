"""Limits over all connections of a server, the time of a handler, and the end of a server inside one process."""

import asyncio
import logging
import socket
from typing import Any

import pytest

from asynchttp import netutil
from asynchttp.httpserver import HTTPServer
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from asynchttp.iostream import IOStream
from asynchttp.tcpserver import TCPServer
from tests.integration.helpers import (
    Recorder,
    all_closed,
    build_request,
    run_server,
    run_server_with_clock,
    turns,
    until,
    within,
)
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio


# -- max_connections -------------------------------------------------------------------------------------------------


async def test_connections_beyond_the_limit_wait_in_the_kernel() -> None:
    async with run_server(Recorder(), max_connections=2) as running:
        first, second, third, fourth = [await running.connect() for _ in range(4)]
        await until(lambda: len(running.server._connections) == 2)
        await third.send(build_request("/third"))
        await fourth.send(build_request("/fourth"))
        assert (await first.request(build_request("/first"))).body == b"/first\n"
        assert len(running.server._connections) == 2
        first.close()
        assert (await third.read_response()).body == b"/third\n"
        assert len(running.server._connections) == 2
        second.close()
        assert (await fourth.read_response()).body == b"/fourth\n"
        third.close()
        fourth.close()
        await all_closed(running.server)


async def test_not_one_connection_too_many_is_taken_from_a_full_queue() -> None:
    server = HTTPServer(Recorder(), max_connections=3)
    [listener] = netutil.bind_sockets(0, "127.0.0.1")
    port = listener.getsockname()[1]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    server.add_sockets([listener])
    await until(lambda: server._connections)
    await turns(20)
    assert len(server._connections) == 3
    for client in clients:
        client.close()
    server.stop()
    await server.close_all_connections()


# -- limit_concurrency -----------------------------------------------------------------------------------------------


class Held:
    """A handler that answers when it is told to."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def __call__(self, request: Any) -> None:
        self.requests.append(request)

    def answer(self) -> None:
        self.requests.pop(0).respond(b"at last")


async def test_requests_beyond_the_limit_are_refused_with_503() -> None:
    held = Held()
    async with run_server(held, limit_concurrency=2) as running:
        clients = [await running.connect() for _ in range(3)]
        for client in clients[:2]:
            await client.send(build_request())
        await until(lambda: len(held.requests) == 2)
        refused = await clients[2].request(build_request())
        assert (refused.status, refused.header("Retry-After"), refused.body) == (503, "1", b"")
        assert len(held.requests) == 2
        assert await clients[2].read_to_end() == b""
        held.answer()
        assert (await clients[0].read_response()).body == b"at last"
        # There is room again.
        clients[2].close()
        clients[2] = await running.connect()
        await clients[2].send(build_request())
        await until(lambda: len(held.requests) == 2)
        held.answer()
        held.answer()
        assert (await clients[2].read_response()).body == b"at last"
        for client in clients:
            client.close()


async def test_handler_that_goes_on_after_its_client_left_counts() -> None:
    release = asyncio.Event()

    async def handle(request: Any) -> bytes:
        await release.wait()
        return b"done"

    async with run_server(handle, limit_concurrency=1) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await until(lambda: running.server._style.running)
            client.abort()
        await all_closed(running.server)
        async with await running.connect() as client:
            assert (await client.request(build_request())).status == 503
        release.set()
        await until(lambda: not running.server._style.running)
        async with await running.connect() as client:
            assert (await client.request(build_request())).status == 200


# -- handler_timeout -------------------------------------------------------------------------------------------------


def expect_timeout(expect_log: Any) -> None:
    expect_log("asynchttp.general", "took more than", level=logging.WARNING, count=1)


async def test_slow_coroutine_is_cancelled_and_answered_with_503(expect_log: Any) -> None:
    expect_timeout(expect_log)
    cancelled = asyncio.Event()

    async def handle(request: Any) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return b"never"

    async with run_server_with_clock(handle, handler_timeout=5) as (running, clock), await running.connect() as client:
        await client.send(build_request())
        await until(lambda: running.server._style.running)
        clock.almost(5)
        await turns()
        assert not cancelled.is_set()
        clock.advance_past(5)
        response = await client.read_response()
        assert (response.status, response.has_token("Connection", "close")) == (503, True)
        await within(cancelled.wait())
        assert await client.read_to_end() == b""


async def test_slow_callback_is_answered_with_503(expect_log: Any) -> None:
    expect_timeout(expect_log)
    held = Held()
    async with run_server_with_clock(held, handler_timeout=5) as (running, clock), await running.connect() as client:
        await client.send(build_request())
        await until(lambda: held.requests)
        clock.advance_past(5)
        assert (await client.read_response()).status == 503
        assert held.requests[0].finished()


async def test_slow_response_is_cut_behind_its_head(expect_log: Any) -> None:
    expect_timeout(expect_log)
    begun = asyncio.Event()

    async def handle(request: Any) -> None:
        request.connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders(), b"some")
        begun.set()
        await asyncio.sleep(60)

    async with run_server_with_clock(handle, handler_timeout=5) as (running, clock), await running.connect() as client:
        await client.send(build_request())
        await within(begun.wait())
        clock.advance_past(5)
        octets = await client.read_to_end()
        assert octets.endswith(b"4\r\nsome\r\n")  # without the last chunk


async def test_handler_in_time_is_left_alone_and_forgotten() -> None:
    held = Held()
    async with run_server_with_clock(held, handler_timeout=5) as (running, clock), await running.connect() as client:
        for _ in range(3):
            await client.send(build_request())
            await until(lambda: held.requests)
            clock.advance(4)
            held.answer()
            assert (await client.read_response()).status == 200
        client.close()
        await all_closed(running.server)
        clock.advance(2)
        assert clock.timers == 0


async def test_what_a_handler_does_behind_its_response_has_no_limit() -> None:
    release, ends = asyncio.Event(), []

    async def handle(request: Any) -> None:
        request.respond(b"answered")
        await release.wait()
        ends.append("done")

    async with run_server_with_clock(handle, handler_timeout=5) as (running, clock), await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_response()).body == b"answered"
        clock.advance_past(5)
        await turns()
        release.set()
        await until(lambda: ends)


# -- cancel_on_disconnect --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["in the handler", "in the response", "in the body"])
@pytest.mark.parametrize("cancel", [True, False])
async def test_handler_is_cancelled_when_its_client_resets_only_if_asked_for(phase: str, cancel: bool) -> None:
    started, release = asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def handle(request: Any) -> None:
        try:
            if phase == "in the response":
                request.connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders(), b"some")
            started.set()
            await release.wait()
            ends.append("done")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    streaming = phase == "in the body"
    options = {"cancel_on_disconnect": cancel, "stream_request_body": streaming}
    # At once: on this clock no time passes.
    async with run_server_with_clock(handle, **options) as (running, _):
        client = await running.connect()
        request = build_request(body=b"x" * 100, method="POST")
        await client.send(request[:-50] if streaming else request)
        await within(started.wait())
        client.abort()
        await all_closed(running.server)
        if cancel:
            await until(lambda: ends)
        release.set()
        await until(lambda: not running.server._style.running)
        assert ends == ["cancelled" if cancel else "done"]


async def test_half_closed_client_has_a_second_before_its_handler_is_cancelled() -> None:
    ends: list[str] = []

    async def handle(request: Any) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return b""

    async with (
        run_server_with_clock(handle, cancel_on_disconnect=True) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request())
        client.shutdown_write()
        connection = await _first(running.server)
        await until(lambda: connection._eof_since is not None)
        clock.almost(1)
        await turns()
        assert ends == []
        clock.advance_past(1)
        await until(lambda: ends)
        assert await client.read_to_end() == b""


async def test_handler_that_has_answered_is_not_cancelled() -> None:
    answered, release = asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def handle(request: Any) -> None:
        request.respond(b"done")
        answered.set()
        await release.wait()
        ends.append("done")

    async with run_server(handle, cancel_on_disconnect=True) as running:
        client = await running.connect()
        await client.request(build_request())
        client.abort()
        await all_closed(running.server)
        release.set()
        await until(lambda: ends)


async def _first(server: HTTPServer) -> Any:
    await until(lambda: server._connections)
    return next(iter(server._connections))


# -- shutdown --------------------------------------------------------------------------------------------------------


async def test_shutdown_of_an_idle_server_is_quick_and_tells() -> None:
    async with run_server(Recorder()) as running:
        assert running.server.ready
        async with await running.connect() as client:
            await client.request(build_request())
            next(iter(running.server._connections))._since -= 10
            started = asyncio.get_running_loop().time()
            await within(running.server.shutdown())
            assert asyncio.get_running_loop().time() - started < 5  # of 30
            assert await client.read_to_end() == b""
        assert not running.server.ready
        with pytest.raises(ConnectionRefusedError):
            await running.connect()


async def test_shutdown_serves_octets_that_wait_on_an_idle_connection() -> None:
    recorder = Recorder()
    async with run_server(recorder) as running, await running.connect() as client:
        await client.request(build_request("/first"))
        [connection] = running.server._connections
        connection._since -= 10
        client.sock.send(build_request("/second"))  # and the loop hasn't turned since
        await within(running.server.shutdown())
        assert recorder.paths == ["/first", "/second"]
        assert (await client.read_response()).body == b"/second\n"
        assert await client.read_to_end() == b""


async def test_shutdown_serves_who_waits_in_the_queue() -> None:
    recorder = Recorder()
    server = HTTPServer(recorder)
    server.listen(0, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    ended = asyncio.create_task(server.shutdown())
    clients = []
    for number in range(50):
        sock = socket.create_connection(("127.0.0.1", port))
        clients.append(RawClient(sock))
        sock.send(build_request(f"/{number}"))
    for client in clients:
        assert (await client.read_response()).status == 200
        client.close()
    await within(ended)
    assert len(recorder.calls) == 50


async def test_shutdown_called_again_gives_less_time(expect_log: Any) -> None:
    expect_log("asynchttp.general", "shutdown", level=logging.WARNING, count=1)
    async with run_server(Held()) as running, await running.connect() as client:
        await client.send(build_request())
        await until(lambda: running.server.request_callback.requests)
        patient = asyncio.create_task(running.server.shutdown(60, delay=60))
        await turns()
        assert not patient.done()
        await within(running.server.shutdown(0))
        await within(patient)
        assert await client.read_to_end() == b""


async def test_shutdown_that_is_not_waited_for_any_more_goes_on() -> None:
    held = Held()
    async with run_server(held) as running, await running.connect() as client:
        await client.send(build_request())
        await until(lambda: held.requests)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await running.server.shutdown()
        with pytest.raises(ConnectionRefusedError):
            await running.connect()
        held.answer()
        assert (await client.read_response()).has_token("Connection", "close")
        await within(running.server.shutdown())


async def test_shutdown_waits_for_a_handler_whose_client_left() -> None:
    release = asyncio.Event()
    done = asyncio.Event()

    async def handle(request: Any) -> bytes:
        await release.wait()
        done.set()
        return b""

    async with run_server(handle) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await until(lambda: running.server._style.running)
            client.abort()
        await all_closed(running.server)
        ended = asyncio.create_task(running.server.shutdown())
        await asyncio.sleep(0.2)
        assert not ended.done()
        release.set()
        await within(ended)
        assert done.is_set()


async def test_pipelined_response_under_way_is_finished_and_the_next_says_close() -> None:
    held = Held()
    async with run_server(held) as running, await running.connect() as client:
        await client.send(build_request())
        await until(lambda: held.requests)
        request = held.requests[0]
        request.connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders({"Content-Length": "4"}), b"ab")
        await client.read_until(b"ab")
        ended = asyncio.create_task(running.server.shutdown())
        await until(lambda: running.server._sweep.draining.is_set())
        request.connection.write(b"cd")
        request.connection.finish()
        held.requests.clear()
        assert await client.read_exactly(2) == b"cd"
        # It was told nothing of an end, so its next request has an answer.
        await client.send(build_request())
        await until(lambda: held.requests)
        held.answer()
        assert (await client.read_response()).has_token("Connection", "close")
        await within(ended)


async def test_tcp_server_waits_for_its_coroutines() -> None:
    class Echo(TCPServer):
        async def handle_stream(self, stream: IOStream, address: Any) -> None:
            await stream.write(await stream.read_until(b"\n"))
            stream.close()

    server = Echo()
    server.listen(0, "127.0.0.1")
    async with await RawClient.connect(server.sockets[0].getsockname()[1]) as client:
        await until(lambda: server._tasks)
        ended = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0.2)
        assert not ended.done()
        await client.send(b"echo\n")
        assert await client.read_to_end() == b"echo\n"
        await within(ended)


async def test_tcp_server_cuts_its_coroutines_at_the_limit() -> None:
    class Silent(TCPServer):
        async def handle_stream(self, stream: IOStream, address: Any) -> None:
            await stream.read_until(b"\n")

    server = Silent()
    server.listen(0, "127.0.0.1")
    async with await RawClient.connect(server.sockets[0].getsockname()[1]) as client:
        await until(lambda: server._tasks)
        await within(server.shutdown(0.1))
        assert await client.read_to_end() == b""
