"""Each time limit at each point where a connection may stand still.  The clock is turned by hand."""

import asyncio
import logging
from typing import Any

import pytest

from asynchttp import _peerwatch
from asynchttp.http1connection import HTTP1ServerConnection
from tests.integration.helpers import (
    Clock,
    Recorder,
    all_closed,
    build_request,
    only_connection,
    run_server,
    run_server_with_clock,
    turns,
    until,
    within,
)
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

HEADER, IDLE, BODY, WRITE = 10.0, 30.0, 20.0, 15.0
LIMITS = {
    "header_timeout": HEADER,
    "idle_connection_timeout": IDLE,
    "body_timeout": BODY,
    "write_timeout": WRITE,
}


async def accepted(running: RunningServer) -> None:
    await until(lambda: running.server._connections)


async def times_out(client: RawClient, clock: Clock, limit: float) -> bytes:
    """Nothing happens until ``limit``; then the connection ends.  Returns what came."""
    await turns(20)
    clock.almost(limit)
    await turns(20)
    client.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.sock.recv(1)
    clock.advance_past(limit * 0.01)
    octets = await client.read_to_end()
    assert not client.was_reset
    return octets


def is_408(octets: bytes) -> bool:
    return octets.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b"\r\nConnection: close\r\n" in octets


@pytest.fixture(params=["a new connection", "a used connection"])
def used(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "a used connection")


async def test_silent_new_connection_is_closed_without_a_word() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock), await running.connect() as client:
        await accepted(running)
        assert await times_out(client, clock, HEADER) == b""
        await all_closed(running.server)


async def test_idle_connection_is_closed_without_a_word() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock), await running.connect() as client:
        for _ in range(2):
            await client.request(build_request())
            clock.advance(IDLE / 2)  # each request begins the count anew
        await client.request(build_request())
        assert await times_out(client, clock, IDLE) == b""
        await all_closed(running.server)


HEAD = build_request("/", "X-A: 1")


@pytest.mark.parametrize("size", [1, 3, 10, 16, 20, len(HEAD) - 1])
async def test_head_that_doesn_t_end_is_408(size: int, used: bool) -> None:
    handler = Recorder()
    async with run_server_with_clock(handler, **LIMITS) as (running, clock), await running.connect() as client:
        if used:
            await client.request(build_request())
            clock.advance(IDLE / 2)
        await client.send(HEAD[:size])
        assert is_408(await times_out(client, clock, HEADER))
    assert len(handler.calls) == used


async def test_time_for_a_head_counts_from_its_first_octet_however_it_drips(used: bool) -> None:
    handler = Recorder()
    async with run_server_with_clock(handler, **LIMITS) as (running, clock), await running.connect() as client:
        if used:
            await client.request(build_request())
        await client.send(HEAD[:1])
        await turns(20)
        for position in range(1, 10):
            clock.advance(HEADER / 10)
            await client.send(HEAD[position : position + 1])
            await turns()
        assert is_408(await times_out(client, clock, HEADER / 10))


async def test_empty_lines_don_t_give_a_head_more_time() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock), await running.connect() as client:
        await client.send(b"\r\n")
        for _ in range(3):
            await turns()
            clock.advance(HEADER / 4)
            await client.send(b"\r\n")
        assert is_408(await times_out(client, clock, HEADER / 4))


async def test_head_behind_pipelined_requests_has_its_own_time() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock), await running.connect() as client:
        await client.send(build_request() + HEAD[:10])
        await client.read_response()
        assert is_408(await times_out(client, clock, HEADER))


async def test_head_that_waited_behind_an_unfinished_exchange_has_its_own_time() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server_with_clock(waiting.put_nowait, **LIMITS) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request() + HEAD[:10])
        request = await within(waiting.get())
        clock.advance(1000)
        request.respond(b"")
        await client.read_response()
        assert is_408(await times_out(client, clock, HEADER))


BODIES = {
    "length, nothing yet": build_request("/", "Content-Length: 5", method="POST"),
    "length, some": build_request("/", "Content-Length: 5", method="POST") + b"1234",
    "chunked, nothing yet": build_request("/", "Transfer-Encoding: chunked", method="POST"),
    "chunked, in a header": build_request("/", "Transfer-Encoding: chunked", method="POST") + b"5",
    "chunked, in a chunk": build_request("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\n1234",
    "chunked, in a trailer": build_request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\nX",
}


@pytest.mark.parametrize("octets", BODIES.values(), ids=BODIES)
async def test_body_that_doesn_t_end_is_408(octets: bytes, used: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asynchttp")
    handler = Recorder()
    async with run_server_with_clock(handler, **LIMITS) as (running, clock), await running.connect() as client:
        if used:
            await client.request(build_request())
            clock.advance(IDLE / 2)
        await client.send(octets)
        assert is_408(await times_out(client, clock, BODY))
    assert len(handler.calls) == used
    records = [record.getMessage() for record in caplog.records if record.name == "asynchttp.general"]
    assert len(records) == 1
    assert records[0].startswith("Timeout reading body from 127.0.0.1")


async def test_time_for_a_body_is_a_total() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock), await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 50", method="POST"))
        for _ in range(9):
            await turns(20)
            clock.advance(BODY / 10)
            await client.send(b"x")
        assert is_408(await times_out(client, clock, BODY / 10))


async def test_body_has_no_limit_unless_one_is_given() -> None:
    async with run_server_with_clock(Recorder()) as (running, clock), await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 2", method="POST") + b"x")
        await turns(20)
        clock.advance(1000)
        await client.send(b"x")
        assert (await client.read_response()).status == 200


async def test_handler_has_all_the_time() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server_with_clock(waiting.put_nowait, **LIMITS) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request())
        request = await within(waiting.get())
        clock.advance(1000)
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await turns()
        clock.advance(1000)
        request.write(b"hi")
        request.finish()
        assert (await client.read_response()).body == b"hi"
        assert await times_out(client, clock, IDLE) == b""


async def test_server_that_was_idle_for_long_gives_new_connections_all_their_time() -> None:
    """Its clock stood still while nobody was connected."""
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock):
        clock.advance(1000)
        async with await running.connect() as client:
            await accepted(running)
            assert await times_out(client, clock, HEADER) == b""
        await all_closed(running.server)
        clock.advance(1000)
        async with await running.connect() as client:
            await client.send(HEAD[:5])
            assert is_408(await times_out(client, clock, HEADER))


# The client doesn't take what it is sent

BIG = b"x" * 20_000_000


async def stalled(running: RunningServer, client: RawClient) -> None:
    """Ask for more than the kernel's buffers hold, and read nothing of it."""
    await client.send(build_request())
    await accepted(running)
    await until(lambda: only_connection(running.server).stream.writing())
    await turns(20)


async def test_client_that_takes_nothing_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asynchttp")
    async with (
        run_server_with_clock(lambda request: request.respond(BIG), **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await stalled(running, client)
        clock.almost(WRITE)
        assert running.server._connections
        clock.advance_past(WRITE * 0.01)
        assert not running.server._connections
        assert len(await client.read_to_end()) < len(BIG)
    assert [record.getMessage() for record in caplog.records if record.name == "asynchttp.general"] == [
        "Timeout writing to 127.0.0.1: no progress for 15.0 s [write_timeout, RFC 9112 §9.5]"
    ]


async def no_progress(connection: HTTP1ServerConnection) -> None:
    """Wait until the kernels have filled their buffers: nothing tells when."""
    size, calm = -1, 0
    while calm < 10:
        await asyncio.sleep(0.01)
        now = connection.stream.write_buffer_size() + _peerwatch.unacknowledged(connection.stream.socket)
        calm = calm + 1 if now == size else 0
        size = now


@pytest.mark.parametrize("end", ["connection: close", "cut", "half-closed", "refused"])
async def test_client_that_takes_nothing_is_cut_also_at_the_end_of_its_connection(end: str, expect_log: Any) -> None:
    """What a closed connection still has to send must not keep it for ever."""

    def handler(request: Any) -> None:
        if end == "cut":
            request.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BIG) + 1, BIG))
            raise ZeroDivisionError
        request.respond(BIG)

    if end == "cut":
        expect_log("asynchttp.application", "ZeroDivisionError", count=1)
    octets = build_request("/", "Connection: close") if end == "connection: close" else build_request()
    async with (
        run_server_with_clock(handler, **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(octets + (b"NO\r\n\r\n" if end == "refused" else b""))
        if end == "half-closed":
            client.shutdown_write()
        await accepted(running)
        await until(lambda: only_connection(running.server).stream.writing())
        connection = only_connection(running.server)
        sock = connection.stream.socket
        assert sock.fileno() != -1
        await no_progress(connection)
        clock.almost(WRITE)
        assert running.server._connections
        clock.advance_past(WRITE * 0.01)
        assert not running.server._connections
        await turns()
        assert sock.fileno() == -1
        assert len(await client.read_to_end()) < len(BIG)


@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
async def test_slow_reader_lives(fields: tuple[str, ...]) -> None:
    """A little now and then is enough, also while the kernel has enough of it to send for hours."""
    async with (
        run_server_with_clock(lambda request: request.respond(BIG), **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request("/", *fields))
        await accepted(running)
        connection = only_connection(running.server)
        await until(lambda: connection.stream.writing())
        head = await client.read_until(b"\r\n\r\n")
        assert b"Content-Length: 20000000" in head
        for _ in range(10):
            clock.almost(WRITE * 0.9)
            await client.read_exactly(10_000)
        assert running.server._connections
        await client.read_exactly(len(BIG) - 10 * 10_000)
        await turns(20)
        if not fields:
            assert await times_out(client, clock, IDLE) == b""  # now it is idle, and since now


async def test_handler_that_writes_on_and_on_is_no_progress() -> None:
    """What grows is our own buffer."""
    requests: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server_with_clock(requests.put_nowait, **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request())
        request = await within(requests.get())
        request.write(b"HTTP/1.1 200 OK\r\n\r\n" + BIG)
        await turns(20)
        for _ in range(30):
            clock.advance(1.0)
            request.write(b"data: tick\n\n")
            await turns(2)
        assert not running.server._connections


async def test_slow_reader_of_a_handler_that_writes_faster_lives() -> None:
    """Its buffer grows all the time, and yet it reads."""
    requests: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server_with_clock(requests.put_nowait, **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request())
        request = await within(requests.get())
        request.write(b"HTTP/1.1 200 OK\r\n\r\n" + BIG)
        connection = only_connection(running.server)
        await client.read_until(b"\r\n\r\n")
        for _ in range(10):
            before = connection.stream.write_buffer_size()
            await client.read_exactly(10_000)
            request.write(b"x" * 1_000_000)
            assert connection.stream.write_buffer_size() > before
            clock.almost(WRITE * 0.9)
        assert running.server._connections


async def test_quiet_stream_is_not_cut() -> None:
    """An event stream says nothing for hours; nothing of it waits to be taken."""
    requests: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server_with_clock(requests.put_nowait, **LIMITS) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request())
        request = await within(requests.get())
        request.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await turns()
        for _ in range(5):
            clock.advance(1000)
            request.write(b"data: tick\n\n")
        assert await client.read_until(b"tick\n\n" * 1)
        request.finish()


# A connection that was left alone for long is seldom looked at

LINGER = 1.0


@pytest.mark.parametrize("phase", ["write", "linger", "half-closed", "timeout of its own"])
async def test_short_limit_after_a_long_silence_is_on_time(phase: str) -> None:
    requests: asyncio.Queue[Any] = asyncio.Queue()
    over = asyncio.Event()

    async def handler(request: Any) -> None:
        requests.put_nowait(request)
        await over.wait()

    async with (
        run_server_with_clock(handler, stream_request_body=True, **LIMITS) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request())
        (await within(requests.get())).respond(b"")
        await client.read_response()
        clock.advance(IDLE / 2)
        connection = only_connection(running.server)
        assert connection not in clock.sweep._soon
        await client.send(build_request("/", "Content-Length: 5", method="POST") if "own" in phase else build_request())
        request = await within(requests.get())
        limit = {"write": WRITE, "linger": LINGER, "half-closed": 1.0, "timeout of its own": 2.0}[phase]
        if phase == "write":
            request.respond(BIG)
            await no_progress(connection)
        elif phase == "linger":
            request.respond(b"", 200, {"Connection": "close"})
            await client.read_to_end()
        elif phase == "half-closed":
            client.shutdown_write()
            await until(connection.stream.peer_closed)
        else:
            request.connection.set_body_timeout(limit)
        gone = asyncio.Event()
        request.connection.set_close_callback(gone.set)
        clock.almost(limit)
        await turns()
        assert not gone.is_set()
        assert running.server._connections
        clock.advance_past(limit * 0.01)
        await turns()
        if phase == "half-closed":
            assert gone.is_set()
        elif phase == "timeout of its own":
            assert is_408(await client.read_to_end())
        else:
            assert not running.server._connections
        over.set()


async def test_body_timeout_of_a_body_that_has_come_ends_nothing() -> None:
    async def handler(request: Any) -> None:
        request.connection.set_body_timeout(-1.0)  # what was left of a time, say
        request.respond(b"")

    async with run_server_with_clock(handler, **LIMITS) as (running, clock), await running.connect() as client:
        for _ in range(2):
            await client.request(build_request(method="POST", body=b"12"))
            clock.advance(IDLE / 2)
            await turns()
            assert running.server._connections


# The sweep itself


@pytest.mark.parametrize(
    ("limits", "period"),
    [({}, 0.125), ({"header_timeout": 0.8}, 0.1), ({"idle_connection_timeout": 0.001}, 0.1)],
)
async def test_period_is_an_eighth_of_the_shortest_limit_within_bounds(limits: dict[str, float], period: float) -> None:
    async with run_server(Recorder(), **limits) as running:
        assert running.server._sweep is not None
        assert running.server._sweep.period == pytest.approx(period)


async def test_limits_on_a_real_clock() -> None:
    async with run_server(Recorder(), header_timeout=0.05, idle_connection_timeout=0.05) as running:
        loop = asyncio.get_running_loop()
        for octets in (b"", HEAD[:5], HEAD):
            before = loop.time()
            async with await running.connect() as client:
                await client.send(octets)
                answer = await client.read_to_end()
                assert 0.05 <= loop.time() - before < 10
                assert answer[:13] == {0: b"", 5: b"HTTP/1.1 408 ", len(HEAD): b"HTTP/1.1 200 "}[len(octets)]


async def test_many_connections_time_out_together() -> None:
    async with run_server_with_clock(Recorder(), **LIMITS) as (running, clock):
        clients = [await running.connect() for _ in range(50)]
        for client in clients[::2]:
            await client.request(build_request())
        await until(lambda: len(running.server._connections) == 50)
        clock.advance_past(HEADER)
        assert len(running.server._connections) == 25
        clock.advance_past(IDLE)
        assert not running.server._connections
        assert clock.timers == 0
        for client in clients:
            await client.read_to_end()
            client.close()
