"""What one small request costs in each style, counted on a real socket, against ``bounds.py``.

The server runs on a loop that counts what is asked of it; the client is a plain socket, so all that is counted is the
server's. The loop runs from the arrival of a packet until its answer is written.
"""

import asyncio
import gc
import inspect
import socket
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import asynchttp
from asynchttp import ioloop
from asynchttp._basestream import BaseIOStream
from asynchttp.httpserver import HTTPServer
from tests.budget.bounds import EAGER, STYLES, Cost
from tests.budget.counting import Counts, count_eager_tasks
from tests.integration.helpers import build_request

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]

PACKETS = 200
REQUEST = build_request("/hello", "User-Agent: x", "Accept: */*")
RAW = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def raw(request: Any) -> None:
    request.write(RAW)
    request.finish()


def respond(request: Any) -> None:
    request.respond(b"hello")


def structured(request: Any) -> None:
    connection = request.connection
    connection.write_headers(START_LINE, HEADERS)
    connection.write(b"hello")
    connection.finish()


async def coroutine(request: Any) -> bytes:
    return b"hello"


async def coroutine_that_responds(request: Any) -> None:
    request.respond(b"hello")


START_LINE = asynchttp.httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
HEADERS = asynchttp.httputil.HTTPHeaders({"Content-Length": "5"})
HANDLERS: dict[str, Callable[[Any], Any]] = {
    "raw": raw,
    "respond": respond,
    "respond, returned": lambda request: request.respond(b"hello"),
    "structured": structured,
    "coroutine": coroutine,
    "coroutine that responds": coroutine_that_responds,
}


class CountingAsyncioLoop(Counts, asyncio.SelectorEventLoop):
    pass


if uvloop is not None:

    class CountingUvloop(Counts, uvloop.Loop):
        pass


class CountingTransport:
    """Counts writes, and stops the loop after each."""

    def __init__(self, transport: Any, loop: Any) -> None:
        self._transport = transport
        self._loop = loop

    def write(self, data: bytes) -> None:
        self._loop.writes += 1
        self._transport.write(data)
        self._loop.stop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bench:
    """A server on a counting loop, and one connection to it that has served a request."""

    def __init__(self, loop: Any, handler: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = loop
        made = BaseIOStream.connection_made

        def connection_made(stream: BaseIOStream, transport: Any) -> None:
            made(stream, CountingTransport(transport, loop))  # type: ignore[arg-type]

        monkeypatch.setattr(BaseIOStream, "connection_made", connection_made)

        count_eager_tasks(loop, monkeypatch)
        self.io_loop = ioloop.IOLoop(asyncio_loop=loop)
        self.server = HTTPServer(handler, header_timeout=1000, idle_connection_timeout=1000)
        self.server.listen(0, "127.0.0.1")
        assert self.server._sweep is not None
        self.server._sweep.period = 1000  # its tick isn't the cost of a request
        self.sock = socket.create_connection(self.server.sockets[0].getsockname()[:2], timeout=5)
        self.answer = self.exchange(REQUEST)
        self.exchange(REQUEST)

    def exchange(self, octets: bytes) -> bytes:
        self.sock.sendall(octets)
        self.loop.run_forever()
        return self.sock.recv(1 << 20)

    def close(self) -> None:
        self.sock.close()
        self.server.stop()
        self.loop.run_until_complete(self.server.close_all_connections())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.io_loop.clear_current()
        self.io_loop.close()


@pytest.fixture
def loop(loop_name: str) -> Any:
    return CountingAsyncioLoop() if loop_name == "asyncio" else CountingUvloop()


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> str:
    style: str = request.param
    return style


@pytest.fixture
def bench(loop: Any, style: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(loop, HANDLERS[style], monkeypatch)
    assert bench.answer.endswith(b"hello")
    yield bench
    bench.close()


@pytest.mark.parametrize("burst", [1, 16])
def test_tasks_futures_timers_callbacks_and_writes(bench: Bench, style: str, burst: int) -> None:
    octets = REQUEST * burst
    expected = bench.answer * burst
    if burst > 1 and not EAGER and STYLES[style].tasks:
        pytest.skip("a task that isn't eager needs a turn of the loop: no burst can be answered in one")
    bench.loop.reset()
    for _ in range(PACKETS):
        answer = bench.exchange(octets)
        assert len(answer) == len(expected)
    counted = Cost(
        tasks=bench.loop.tasks,
        futures=bench.loop.futures,
        timers=bench.loop.timers,
        callbacks=bench.loop.callbacks,
        writes=bench.loop.writes,
    )
    budget = STYLES[style]
    requests = PACKETS * burst
    assert counted == Cost(
        tasks=budget.tasks * requests,
        futures=budget.futures * requests,
        timers=budget.timers * requests,
        callbacks=budget.callbacks * requests,
        writes=budget.writes * PACKETS,
    )


def test_objects_of_a_request_that_is_kept(
    loop: Any, style: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    kept: list[Any] = []
    handler = HANDLERS[style]
    if inspect.iscoroutinefunction(handler):

        async def keeping(request: Any) -> Any:
            kept.append(request)
            return await handler(request)
    else:

        def keeping(request: Any) -> Any:
            kept.append(request)
            return handler(request)

    bench = Bench(loop, keeping, monkeypatch)
    request.addfinalizer(bench.close)
    gc.collect()
    gc.disable()
    try:
        kept.clear()
        before = len(gc.get_objects())
        for _ in range(PACKETS):
            bench.exchange(REQUEST)
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert len(kept) == PACKETS
    per_request = (after - before) / PACKETS
    assert per_request <= STYLES[style].objects + 0.1


def test_requests_leave_nothing_behind(bench: Bench) -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(PACKETS):
            bench.exchange(REQUEST)
        after = len(gc.get_objects())
        assert gc.collect() < PACKETS / 10
    finally:
        gc.enable()
    assert after - before < PACKETS / 10


def test_frames(bench: Bench, style: str) -> None:
    package = str(asynchttp.__path__[0])
    frames = 0

    def profile(frame: types.FrameType, event: str, argument: Any) -> None:
        nonlocal frames
        if event == "call" and frame.f_code.co_filename.startswith(package):
            frames += 1

    sys.setprofile(profile)
    try:
        for _ in range(PACKETS):
            bench.exchange(REQUEST)
    finally:
        sys.setprofile(None)
    assert frames / PACKETS <= STYLES[style].frames
