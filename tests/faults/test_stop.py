"""The end of a server under load: SIGTERM, limits, second signals, and what every connection sees of it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from tests.faults.kit import Load, get, start_crew, wait_until
from tests.support.processes import Process, start_python
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])  # of the clients; the server has both


@pytest.mark.parametrize(
    ("loop_name", "listeners"),
    [("asyncio", "per-worker"), ("uvloop", "per-worker"), ("uvloop", "shared"), ("uvloop", "reuse-port")],
)
async def test_sigterm_loses_no_request(loop_name: str, listeners: str) -> None:
    with start_crew(loop_name, 2, start={"listeners": listeners}) as crew:
        await crew.started()
        async with Load(crew.port, targets=("/pid", "/raw", "/size?v=100000")) as load:
            await load.reach(300)
            crew.process.send_signal(signal.SIGTERM)
            await load.all_refused()
        await crew.ended(0)
        assert load.lost == []
        assert load.served > 300


async def test_shutdown_of_one_process_loses_no_request(loop_name: str) -> None:
    with start_crew(loop_name, 0) as crew:
        await crew.started(1)
        async with Load(crew.port, keep_alive=16, single=48) as load:
            await load.reach(500)
            crew.process.send_signal(signal.SIGTERM)
            await load.all_refused()
        await crew.ended(0)
        assert load.lost == []


@pytest.mark.parametrize(
    ("loop_name", "shape"),
    [("asyncio", "ioloop"), ("uvloop", "asyncio"), ("asyncio", "asyncio"), ("uvloop", "fork before")],
)
async def test_programs_of_each_shape_end_with_0(loop_name: str, shape: str) -> None:
    options = {"fork": "before"} if shape == "fork before" else {"loop": shape}
    with start_crew(loop_name, 2, **options) as crew:
        await crew.started()
        async with await crew.connect() as client:
            await client.send(b"GET /sleep?v=1 HTTP/1.1\r\nHost: test\r\n\r\n")
            crew.process.wait_for_line("^sleeping$")
            crew.process.send_signal(signal.SIGINT if shape == "ioloop" else signal.SIGTERM)
            response = await client.read_response()
            assert response.body == b"slept"
            assert response.has_token("Connection", "close")
            assert await client.read_to_end() == b""
        await crew.ended(0)
        assert "Traceback" not in crew.process.stderr
        # Only IOLoop.start() comes back.
        assert crew.process.stdout.count("end ") == (0 if shape == "asyncio" else 2)


async def test_every_phase_at_once(loop_name: str) -> None:
    """One process, a connection in each phase, then SIGTERM."""
    body = os.urandom(200_000)
    head = b"POST /sha HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(body)
    with start_crew(loop_name, 0) as crew:
        await crew.started(1)
        names = ("idle", "silent", "in the head", "in the body", "in the handler", "in the response", "endless")
        clients = {name: await crew.connect() for name in names}
        await clients["idle"].request(b"GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
        await asyncio.sleep(1.5)  # longer than a client gets that has just had its answer
        await clients["in the head"].send(b"GET /pid HTTP/1.1\r\nHo")
        await clients["in the body"].send(head + body[:1000])
        await clients["in the handler"].send(b"GET /sleep?v=1 HTTP/1.1\r\nHost: test\r\n\r\n")
        crew.process.wait_for_line("^sleeping$")
        await clients["in the response"].send(b"GET /size?v=20000000 HTTP/1.1\r\nHost: test\r\n\r\n")
        begun = await clients["in the response"].read_until(b"\r\n\r\n")
        await clients["endless"].send(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n")
        await clients["endless"].read_until(b"0\n")
        fresh = await crew.connect()
        await fresh.request(b"GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")

        started = time.monotonic()
        crew.process.send_signal(signal.SIGTERM)
        # At its start.
        await clients["endless"].read_until(b"bye\n\r\n0\r\n\r\n")
        assert time.monotonic() - started < 5  # of 30
        # It has its chance.
        last = await fresh.request(b"GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
        assert last.has_token("Connection", "close")
        # Without a word, and at once.
        assert await clients["idle"].read_to_end() == b""
        assert await clients["silent"].read_to_end() == b""
        # Whoever has begun may go on.
        await clients["in the head"].send(b"st: test\r\n\r\n")
        assert (await clients["in the head"].read_response()).has_token("Connection", "close")
        await clients["in the body"].send(body[1000:])
        uploaded = await clients["in the body"].read_response()
        assert (uploaded.status, uploaded.has_token("Connection", "close")) == (200, True)
        assert (await clients["in the handler"].read_response()).body == b"slept"
        assert b"Content-Length: 20000000\r\n" in begun
        assert len(await clients["in the response"].read_exactly(20_000_000)) == 20_000_000
        for client in [*clients.values(), fresh]:
            client.close()
        await crew.ended(0)
        assert time.monotonic() - started < 20  # of 30


async def test_limit_cuts_what_is_not_over(loop_name: str) -> None:
    with start_crew(loop_name, 2, start={"graceful_timeout": 0.5}) as crew:
        await crew.started()
        async with await crew.connect() as client:
            await client.send(b"GET /sleep?v=30 HTTP/1.1\r\nHost: test\r\n\r\n")
            crew.process.wait_for_line("^sleeping$")
            started = time.monotonic()
            crew.process.send_signal(signal.SIGTERM)
            assert await client.read_to_end() == b""
            assert 0.4 < time.monotonic() - started < 10  # of 30
        await crew.ended(0)


@pytest.mark.parametrize(("loop_name", "first"), [("asyncio", signal.SIGINT), ("uvloop", signal.SIGTERM)])
async def test_second_signal_cuts(loop_name: str, first: signal.Signals) -> None:
    with start_crew(loop_name, 2) as crew:
        await crew.started()
        async with await crew.connect() as client, await crew.connect() as other:
            await client.send(b"GET /sleep?v=30 HTTP/1.1\r\nHost: test\r\n\r\n")
            crew.process.wait_for_line("^sleeping$")
            await other.send(b"GET /block?v=30 HTTP/1.1\r\nHost: test\r\n\r\n")
            crew.process.wait_for_line("^blocking$")
            crew.process.send_signal(first)
            await wait_until(lambda: not _accepts(crew.port))
            started = time.monotonic()
            crew.process.send_signal(first)
            assert await client.read_to_end() == b""
        await crew.ended(1)
        assert time.monotonic() - started < 10  # of 30


HANDSHAKE = get(
    "/socket",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
#: "Going away", 1001, as the server says it, and as a client repeats it.
GOING_AWAY, REPEATED = b"\x88\x02\x03\xe9", b"\x88\x82\0\0\0\0\x03\xe9"


@contextlib.contextmanager
def interfaces(loop_name: str, *arguments: str) -> Iterator[Process]:
    """Applications of Tornado and WSGI under the command line."""
    target = "tests.faults.programs.interfaces:application"
    with start_python("-m", "asynchttp", target, "--port", "0", "--loop", loop_name, *arguments) as process:
        yield process


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_closes_websockets_of_tornado_and_finishes_requests_of_wsgi(loop_name: str, workers: int) -> None:
    with interfaces(loop_name, "--workers", str(workers)) as process:
        port = process.wait_for_port()
        async with contextlib.AsyncExitStack() as stack:
            websockets = [await stack.enter_async_context(await RawClient.connect(port, deadline=20)) for _ in "1234"]
            for websocket in websockets:
                assert (await websocket.request(HANDSHAKE)).status == 101
            working = await stack.enter_async_context(await RawClient.connect(port, deadline=20))
            await working.send(get("/wsgi?1"))
            process.wait_for_line("^working$")
            process.send_signal(signal.SIGTERM)
            for websocket in websockets:
                assert await websocket.read_exactly(4) == GOING_AWAY
                await websocket.send(REPEATED)
                assert await websocket.read_to_end() == b""
            response = await working.read_response()
            assert (response.body, response.has_token("Connection", "close")) == (b"worked", True)
        assert process.wait() == 0
        assert process.stdout.count("closed 1001") == len(websockets)
        assert "Traceback" not in process.stderr


async def test_limit_cuts_websockets_and_requests_of_wsgi(loop_name: str) -> None:
    with interfaces(loop_name, "--graceful-timeout", "0.5") as process:
        port = process.wait_for_port()
        async with await RawClient.connect(port, deadline=20) as websocket, await RawClient.connect(port) as working:
            assert (await websocket.request(HANDSHAKE)).status == 101
            await working.send(get("/wsgi?3"))
            process.wait_for_line("^working$")
            process.send_signal(signal.SIGTERM)
            assert await websocket.read_to_end() == GOING_AWAY  # Tornado itself would wait for five seconds
            assert await working.read_to_end() == b""
        assert process.wait() == 0
        assert "closed None" in process.stdout


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


async def test_lame_duck_says_so_and_serves(loop_name: str) -> None:
    with start_crew(loop_name, 2, start={"shutdown_delay": 2.0}) as crew:
        await crew.started()
        ready = b"GET /ready HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

        async def status() -> int:
            async with await crew.connect() as client:
                return (await client.request(ready)).status

        assert await status() == 200
        async with Load(crew.port, keep_alive=2, single=2) as load:
            started = time.monotonic()
            crew.process.send_signal(signal.SIGTERM)
            while await status() != 503:
                pass
            await load.reach(20)
            assert load.refused == 0
            await load.all_refused()
            assert time.monotonic() - started > 2.0
        await crew.ended(0)
        assert load.lost == []


async def test_workers_end_with_a_master_that_is_killed(loop_name: str) -> None:
    with start_crew(loop_name, 3) as crew:
        await crew.started()
        async with Load(crew.port, keep_alive=4, single=4) as load:
            await load.reach(100)
            crew.process.send_signal(signal.SIGKILL)
            await load.all_refused()
        await crew.nobody_left()
        assert load.lost == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can ignore a handshake")
async def test_handshakes_around_sigterm_are_ignored_and_not_cut(loop_name: str) -> None:
    """Workers of the command line, too, are the last that accept: whoever comes too late hears nothing for a second."""
    flags = ("examples.hello_await:handle", "--port", "0", "--workers", "2", "--loop", loop_name)
    with start_python("-m", "asynchttp", *flags) as process:
        port = process.wait_for_port()

        async def knock() -> float:
            """Seconds until it is known that nobody is there; 0 for somebody."""
            started = time.monotonic()
            try:
                async with await RawClient.connect(port, deadline=20) as client:
                    await client.read_response()
                    return 0.0
            except ConnectionRefusedError:
                return time.monotonic() - started
            except EOFError as error:  # it was there in time, and said nothing
                assert not client.was_reset, error
                return 0.0

        process.send_signal(signal.SIGTERM)
        knocks = [asyncio.create_task(knock())]
        while not any(knock.done() and knock.result() for knock in knocks):
            await asyncio.sleep(0.005)
            knocks.append(asyncio.create_task(knock()))
        pauses = await asyncio.gather(*knocks)
        assert process.wait() == 0
        assert max(pauses) > 0.8
