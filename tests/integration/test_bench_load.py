"""The benchmark's generators on real servers: what they count, and what they refuse."""

import asyncio
import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest

from bench import idle, load, paced, visits, wrk
from bench.catalog import HTTP_SERVERS
from bench.certificates import certificate
from bench.http_scenarios import churn_scenario, http_scenario, idle_scenario
from bench.load import OwnGenerator
from bench.processes import ServerProcess
from bench.scenarios import Scenario
from bench.tls import Certificate
from bench.work import MARK, Answer, BenchError, Found, Kind, Work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's CPU clocks and core affinity")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
RAW = next(server for server in HTTP_SERVERS if server.name == "raw")


@pytest.fixture(scope="module")
def vouched() -> Iterator[Certificate]:
    with certificate() as made:
        yield made


class Serving(asyncio.Protocol):
    """A server's side of a connection."""

    def __init__(self) -> None:
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set_result(None)

    async def end(self) -> None:
        if hasattr(self, "_transport"):
            self._transport.abort()
            await self._lost


@contextlib.asynccontextmanager
async def server_of(protocol: Callable[[], Serving]) -> AsyncIterator[int]:
    """The port of a server in this loop, which ends with its connections: asyncio would leave them to the collector."""
    connections: list[Serving] = []

    def connection() -> Serving:
        connections.append(protocol())
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in connections:
            await each.end()


class Answering(Serving):
    """Answers each request with the octets that ``make(number of the request)`` gives; ``None`` closes."""

    def __init__(self, make: Callable[[int], bytes | None]) -> None:
        super().__init__()
        self._make = make
        self._requests = 0

    def data_received(self, data: bytes) -> None:
        self._requests += 1
        answer = self._make(self._requests)
        if answer is None:
            self._transport.close()
            return
        half = len(answer) // 2
        self._transport.write(answer[:half])
        self._transport.write(answer[half:])


def load_on(make: Callable[[int], bytes | None]) -> Found:
    """Two connections of our generator, in this process, on a server that answers so."""

    async def both() -> Found:
        answer = Answer(len(HELLO), b"HTTP/1.1 200 ", b"Hello, world!")
        async with server_of(lambda: Answering(make)) as port:
            return await load.run(Work(port, [os.getpid()], REQUEST, answer, connections=2, seconds=0.05))

    return asyncio.run(both())


def test_own_generator_counts_right_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "WARM_UP", 0.01)
    found = load_on(lambda number: HELLO)
    assert found.requests > 0
    assert found.octets == found.requests * len(HELLO)
    assert found.seconds > 0.045
    assert 0 < found.cpu_seconds < found.seconds + 0.05


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(lambda n: HELLO.replace(b"200", b"500"), "wrong answer", id="status"),
        pytest.param(lambda n: HELLO + b"!", "wrong answer, 53 octets where 52 were due", id="longer"),
        pytest.param(lambda n: HELLO if n < 5 else HELLO[:-1], "2 of 2 connections never got", id="shorter"),
        pytest.param(lambda n: HELLO if n < 5 else b"", "2 of 2 connections never got", id="silent"),
        pytest.param(
            lambda n: HELLO if n < 5 else None,
            r"connection lost after \d answers on all: closed by the server",
            id="closing",
        ),
    ],
)
def test_own_generator_refuses_other_answers(
    make: Callable[[int], bytes | None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "WARM_UP", 0.01)
    monkeypatch.setattr(load, "DRAIN_TIMEOUT", 0.05)
    with pytest.raises(BenchError, match=why):
        load_on(make)


class Acknowledging(Serving):
    """Answers a stream: ``make`` gets the number of octets so far, and gives the answer's; ``None`` closes."""

    def __init__(self, make: Callable[[int], bytes | None]) -> None:
        super().__init__()
        self._make = make
        self._octets = 0

    def data_received(self, data: bytes) -> None:
        for _ in data:
            self._octets += 1
            answer = self._make(self._octets)
            if answer is None:
                self._transport.close()
                return
            self._transport.write(answer)


def stream_on(make: Callable[[int], bytes | None]) -> Found:
    """Two streams of requests of 1000 octets, sent and answered in this process."""

    async def both() -> Found:
        request, answer = b"x" * 999 + b".", Answer(1, b".", b"")
        async with server_of(lambda: Acknowledging(make)) as port:
            return await load.run(
                Work(port, [os.getpid()], request, answer, connections=2, seconds=0.05, kind=Kind.STREAM)
            )

    return asyncio.run(both())


def test_own_generator_counts_requests_of_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "WARM_UP", 0.01)
    monkeypatch.setattr(load, "DRAIN_TIMEOUT", 30)
    found = stream_on(lambda octets: b"." if octets % 1000 == 0 else b"")
    assert found.requests > 0
    assert found.octets == found.requests * 1000


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(lambda n: b"" if n % 1000 else b"x", "wrong answers to .* requests: b'x", id="other octet"),
        pytest.param(lambda n: b".", "wrong answers to .* requests: b'\\.", id="too many"),
        pytest.param(lambda n: b"" if n % 1000 or n > 3000 else b".", "requests never got a whole answer", id="silent"),
        pytest.param(lambda n: None if n > 3000 else b"" if n % 1000 else b".", "connection lost after", id="closing"),
    ],
)
def test_own_generator_refuses_other_answers_to_a_stream(
    make: Callable[[int], bytes | None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "WARM_UP", 0.01)
    monkeypatch.setattr(load, "DRAIN_TIMEOUT", 0.05)
    with pytest.raises(BenchError, match=why):
        stream_on(make)


@contextlib.contextmanager
def raw_work(scenario: Scenario, seconds: float, **changed: object) -> Iterator[Work]:
    """What is to be done to a raw server that runs."""
    with ServerProcess(RAW, [], scenario.options) as process:
        process.await_ready()
        answer = scenario.learn(process.port, scenario.request)
        parts: dict[str, object] = {
            "port": process.port,
            "pids": process.pids(),
            "request": scenario.request,
            "answer": answer,
            "connections": 4,
            "seconds": seconds,
            "authority": scenario.authority,
            "kind": scenario.kind,
            "pipelined": scenario.pipelined,
        }
        yield Work(**{**parts, **changed})  # type: ignore[arg-type] # a test's shorthand


@pytest.mark.skipif(wrk.path() is None, reason="wrk is not installed")
@pytest.mark.parametrize("row", ["browser", "cookies", "pipelined", "post-64k", "chunked", "stream", "tls"])
def test_wrk_sends_our_octets_and_counts_answers(row: str, vouched: Certificate) -> None:
    path = wrk.path()
    assert path is not None
    generator, scenario = wrk.WrkGenerator(path), http_scenario(row, vouched)
    assert generator.suits(scenario, 1)
    with raw_work(scenario, 1) as work:
        found = generator.measure(work, None)
    assert found.requests > 0
    assert found.octets == found.requests * work.answer.size
    assert 0.9 < found.seconds < 3
    assert found.cpu_seconds > 0
    assert 0 < found.generator_cpu_seconds < 3


@pytest.mark.skipif(wrk.path() is None, reason="wrk is not installed")
def test_wrk_and_own_generator_send_another_cookie_each_time() -> None:
    path = wrk.path()
    assert path is not None
    for generator in (wrk.WrkGenerator(path), OwnGenerator()):
        seen: set[bytes] = set()
        server = socket.create_server(("127.0.0.1", 0))
        request = http_scenario("cookies").request

        def serve(server: socket.socket, seen: set[bytes]) -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = server.accept()
                    with sock:
                        while data := sock.recv(65536):
                            seen.add(data)
                            sock.sendall(HELLO)

        thread = threading.Thread(target=serve, args=(server, seen))
        thread.start()
        try:
            answer = Answer(len(HELLO), b"HTTP/1.1 200 ", b"Hello, world!")
            work = Work(server.getsockname()[1], [os.getpid()], request, answer, connections=1, seconds=1)
            assert generator.measure(work, None).requests > 1
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join()
        before, after = request.split(MARK)
        assert len(seen) > 10
        assert all(one.startswith(before) and one.endswith(after) for one in seen)


@pytest.mark.parametrize("row", ["hello", "cookies", "pipelined", "close", "download", "stream", "chunked", "tls"])
def test_own_generator_does_each_row(row: str, vouched: Certificate) -> None:
    with raw_work(http_scenario(row, vouched), 0.2) as work:
        found = OwnGenerator().measure(work, None)
    assert found.requests > 0
    assert found.requests % work.pipelined == 0
    assert found.octets == found.requests * work.answer.size
    assert found.generator_cpu_seconds > 0


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
def test_visits_close_after_each_answer(over_tls: bool, vouched: Certificate) -> None:
    with raw_work(churn_scenario(vouched if over_tls else None), 0.2) as work:
        found = visits.run(work)
    assert found.requests > 0
    assert found.cpu_seconds > 0


@contextlib.contextmanager
def served(make: Callable[[int], bytes | None]) -> Iterator[int]:
    """The port of a server in a thread that answers as ``Answering`` does."""
    started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.Queue()

    async def serve() -> None:
        over = asyncio.Event()
        async with server_of(lambda: Answering(make)) as port:
            started.put((asyncio.get_running_loop(), over, port))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, over, port = started.get()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def work_on(port: int, kind: Kind, request: bytes = REQUEST, rate: float = 0.0) -> Work:
    answer = Answer(len(HELLO), b"HTTP/1.1 200 ", b"Hello, world!")
    return Work(port, [os.getpid()], request, answer, connections=2, seconds=0.1, kind=kind, rate=rate)


WRONG = [
    pytest.param(lambda n: HELLO.replace(b"200", b"500"), "wrong answer", id="status"),
    pytest.param(lambda n: HELLO + b"!", "wrong answer", id="longer"),
    pytest.param(lambda n: None, "closed", id="closing"),
]


@pytest.mark.parametrize(("make", "why"), WRONG)
@pytest.mark.parametrize("run", [visits.run, paced.run, idle.run], ids=["visits", "paced", "idle"])
def test_other_answers_are_refused_by_each_kind_of_load(
    run: Callable[[Work], Found], make: Callable[[int], bytes | None], why: str
) -> None:
    kind = {visits.run: Kind.VISIT, paced.run: Kind.PACED, idle.run: Kind.IDLE}[run]
    with served(make) as port, pytest.raises(BenchError, match=why):
        run(work_on(port, kind, rate=100))


@pytest.mark.parametrize("run", [visits.run, paced.run], ids=["visits", "paced"])
def test_answers_that_stay_short_are_refused(run: Callable[[Work], Found], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (visits, paced):
        monkeypatch.setattr(module, "WARM_UP", 0.05)
        monkeypatch.setattr(module, "DRAIN_TIMEOUT", 0.05)
    with served(lambda n: HELLO[:-1]) as port, pytest.raises(BenchError, match="2 of 2 connections never"):
        run(work_on(port, Kind.VISIT, rate=100))


def test_connection_that_the_server_keeps_is_no_end_of_a_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "WARM_UP", 0.05)
    monkeypatch.setattr(visits, "DRAIN_TIMEOUT", 0.05)
    request = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with served(lambda n: HELLO) as port, pytest.raises(BenchError, match="never came to their end"):
        visits.run(work_on(port, Kind.VISIT, request))


def test_paced_load_keeps_its_rate_and_finds_ordered_percentiles() -> None:
    with served(lambda n: HELLO) as port:
        found = paced.run(replace(work_on(port, Kind.PACED, rate=200), seconds=0.5))
    assert 60 <= found.requests <= 102
    assert found.figures["kept_up"] > 0.6
    ordered = [found.figures[paced.figure_name(q)] for q in paced.QUANTILES]
    assert ordered == sorted(ordered)
    assert ordered[0] > 0
    assert found.figures["late_p99"] >= 0


def test_latency_counts_from_the_intended_instant() -> None:
    """A server that stops for 0.2 s delays all that was due meanwhile, not only what was on its way."""

    def stop_once(number: int) -> bytes:
        if number == 250:  # after the warm-up
            time.sleep(0.2)
        return HELLO

    with served(stop_once) as port:
        # One connection: without a free one the others can't even be sent.
        work = replace(work_on(port, Kind.PACED, rate=500), connections=1, seconds=0.6)
        found = paced.run(work)
    # 100 of 300 were due within the stop: a closed load would have one slow request.
    assert found.figures["p90"] > 100_000
    assert found.figures["p100"] >= 190_000


def test_server_that_cannot_keep_up_is_shown_as_such() -> None:
    def slow(number: int) -> bytes:
        time.sleep(0.01)
        return HELLO

    with served(slow) as port:
        found = paced.run(work_on(port, Kind.PACED, rate=1000))
    assert found.figures["kept_up"] < 0.5
    assert found.figures["p100"] > 50_000


def test_idle_connections_are_held_and_weighed() -> None:
    with raw_work(idle_scenario(300), 0.1, connections=300) as work:
        found = idle.run(work)
    assert found.requests == 300
    assert 0 < found.figures["octets"] < 20_000
    assert found.figures["last"] > found.figures["first"] > 1 << 20
