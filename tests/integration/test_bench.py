"""The benchmark at work: CPU clocks of real processes, both generators on real servers, a short whole run."""

import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import load, wrk
from bench.__main__ import SERVERS, main
from bench.catalog import BULK_SERVERS, ECHO_SERVERS, HTTP_SERVERS, Server
from bench.certificates import certificate
from bench.cpu import children_on, choose_cores, cpu_seconds, process_tree
from bench.load import OwnGenerator
from bench.memory import peak, resident
from bench.processes import ServerProcess
from bench.scenarios import Scenario, bulk_scenario, echo_scenario, http_scenario
from bench.tls import Certificate
from bench.work import Answer, BenchError, Found, Work
from tests.support.processes import start_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's CPU clocks and core affinity")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
RAW = next(server for server in HTTP_SERVERS if server.name == "raw")


def test_cpu_clock_agrees_with_what_a_spinning_child_used() -> None:
    spin = """
import os, signal, time
while time.process_time() < 0.4:
    pass
used = os.times()
print("used", used.user + used.system, flush=True)
signal.pause()
"""
    with start_python("-c", spin) as child:
        used = float(child.wait_for_line(r"used (\S+)")[1])
        clock = cpu_seconds([child.pid])
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert used >= 0.4 - 2 * tick
    assert clock == pytest.approx(used, abs=0.05)
    assert clock == pytest.approx((int(fields[11]) + int(fields[12])) * tick, abs=2 * tick)


def test_process_tree_has_children_and_theirs() -> None:
    # The name of a process may hold what its line in /proc is divided by.
    family = """
import ctypes, os, signal
ctypes.CDLL(None).prctl(15, b") R 1 (")
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.write(write, b"%d" % os.getpid())
    signal.pause()
print("grandchild", os.read(read, 20).decode(), flush=True)
signal.pause()
"""
    with start_python("-c", family) as process:
        grandchild = int(process.wait_for_line(r"grandchild (\d+)")[1])
        tree = process_tree(process.pid)
        for pid in tree[1:]:
            os.kill(pid, signal.SIGKILL)
    assert tree[0] == process.pid
    assert len(tree) == 3
    assert tree[2] == grandchild


def test_cpu_time_of_an_ended_process_is_refused() -> None:
    with start_python("-c", "pass") as process:
        process.wait()
    with pytest.raises(BenchError, match=f"process {process.pid} is gone"):
        cpu_seconds([process.pid])


def test_memory_of_a_child_is_what_it_holds_and_held() -> None:
    hold_and_let_go = """
import signal
held = bytearray(b"x") * (64 << 20)
print("held", flush=True)
signal.sigwait([signal.SIGTERM])
del held
print("gone", flush=True)
signal.sigwait([signal.SIGTERM])
"""
    program = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]){hold_and_let_go}"
    with start_python("-c", program) as child:
        child.wait_for_line("held")
        assert 64 << 20 < resident([child.pid]) < 128 << 20
        os.kill(child.pid, signal.SIGTERM)
        child.wait_for_line("gone")
        assert resident([child.pid]) < 64 << 20 < peak([child.pid]) < 128 << 20
        os.kill(child.pid, signal.SIGTERM)
        child.wait()
        for ask in (resident, peak):
            with pytest.raises(BenchError, match=f"process {child.pid} is gone"):
                ask([child.pid])


def test_children_run_on_the_chosen_core_and_we_do_not() -> None:
    before = os.sched_getaffinity(0)
    with children_on(max(before)), start_python("-c", "import os; print(os.sched_getaffinity(0))") as process:
        process.wait()
        assert process.stdout == f"{ {max(before)} }\n"
    assert os.sched_getaffinity(0) == before


def test_cores_differ_or_nothing_is_pinned() -> None:
    server, generator = choose_cores()
    assert (server is None) == (generator is None) == (len(os.sched_getaffinity(0)) == 1)
    assert server is None or server != generator


class Answering(asyncio.Protocol):
    """Answers each request with the octets that ``make(number of the request)`` gives; ``None`` closes."""

    def __init__(self, make: Callable[[int], bytes | None]) -> None:
        self._make = make
        self._requests = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

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
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Answering(make), "127.0.0.1", 0)
        answer = Answer(len(HELLO), b"HTTP/1.1 200 ", b"Hello, world!")
        work = Work(server.sockets[0].getsockname()[1], [os.getpid()], REQUEST, answer, connections=2, seconds=0.05)
        try:
            return await load.run(work)
        finally:
            server.close()

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


class Acknowledging(asyncio.Protocol):
    """Answers a stream: ``make`` gets the number of octets so far, and gives the answer's; ``None`` closes."""

    def __init__(self, make: Callable[[int], bytes | None]) -> None:
        self._make = make
        self._octets = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

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
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Acknowledging(make), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        request = b"x" * 999 + b"."
        work = Work(port, [os.getpid()], request, Answer(1, b".", b""), connections=2, seconds=0.05, stream=True)
        try:
            return await load.run(work)
        finally:
            server.close()

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


@pytest.mark.skipif(wrk.path() is None, reason="wrk is not installed")
def test_wrk_sends_our_octets_and_counts_answers() -> None:
    path = wrk.path()
    assert path is not None
    scenario = http_scenario("browser")
    with ServerProcess(RAW, None) as process:
        process.await_ready()
        answer = scenario.learn(process.port, scenario.request)
        work = Work(process.port, process.pids(), scenario.request, answer, connections=4, seconds=1)
        found = wrk.WrkGenerator(path).measure(work, None)
    assert found.requests > 0
    assert found.octets == found.requests * len(HELLO)
    assert 0.9 < found.seconds < 3
    assert found.cpu_seconds > 0


def test_server_that_does_not_start_shows_why() -> None:
    with ServerProcess(Server("broken", "no_such_program", (), ""), None) as process:
        with pytest.raises(BenchError, match=r"(?s)broken ended:.*No module named bench\.servers\.no_such_program"):
            process.await_ready()
        assert process.port == 0


@pytest.fixture(scope="module")
def vouched() -> Iterator[Certificate]:
    with certificate() as made:
        yield made


@pytest.mark.parametrize(
    ("table", "make"),
    [
        pytest.param(HTTP_SERVERS, lambda vouched: http_scenario("browser"), id="http"),
        pytest.param(ECHO_SERVERS, lambda vouched: echo_scenario(100_000), id="echo-until"),
        pytest.param(ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "bytes"), id="echo-bytes"),
        pytest.param(ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "until", vouched), id="echo-tls-until"),
        pytest.param(ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "bytes", vouched), id="echo-tls-bytes"),
        pytest.param(BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20), id="bulk"),
        pytest.param(BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20, 1), id="bulk-pause"),
        pytest.param(BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20, 0, vouched), id="bulk-tls"),
    ],
)
def test_each_server_that_can_run_here_answers_rightly(
    table: tuple[Server, ...], make: Callable[[Certificate], Scenario], vouched: Certificate
) -> None:
    scenario = make(vouched)
    servers = [server for server in table if not server.missing and not server.name.endswith("-asyncio")]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(ServerProcess(server, None, scenario.options)) for server in servers]
        for process in processes:
            process.await_ready()
            assert scenario.learn(process.port, scenario.request).size >= 1, process.server.name
            assert process.complaints() == "", process.server.name


def test_server_that_shows_another_certificate_is_refused(vouched: Certificate) -> None:
    with (
        certificate() as other,
        ServerProcess(ECHO_SERVERS[0], None, echo_scenario(64, "until", other).options) as process,
    ):
        process.await_ready()
        scenario = echo_scenario(64, "until", vouched)
        with pytest.raises(BenchError, match=r"no TLS handshake: .*CERTIFICATE_VERIFY_FAILED"):
            scenario.learn(process.port, scenario.request)
        work = Work(
            process.port,
            process.pids(),
            scenario.request,
            Answer(64, scenario.request, b""),
            connections=1,
            seconds=0.1,
            authority=scenario.authority,
        )
        with pytest.raises(BenchError, match="CERTIFICATE_VERIFY_FAILED"):
            OwnGenerator().measure(work, None)


def test_server_that_answers_with_other_octets_of_a_piece_is_found_out() -> None:
    # An echo server, for example, answers with the first ones too.
    with ServerProcess(ECHO_SERVERS[0], None) as process:
        process.await_ready()
        scenario = bulk_scenario(2 << 20)
        with pytest.raises(BenchError, match="not the last octet of each piece"):
            scenario.learn(process.port, scenario.request)


def test_whole_run_prints_a_table_and_stores_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    options = ["--only=raw", "--generator=own", "--rounds=2", "--seconds=0.3", "--connections=8", "--versus=raw"]
    assert main(["http", *options, f"--json={file}"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    (row,) = [line for line in said.out.splitlines() if line.startswith("raw ")]
    assert "1.00 (1.00–1.00)" in row
    assert f"Generator: {OwnGenerator.name}" in said.out
    stored = json.loads(file.read_text())
    assert [(one["server"], one["round"]) for one in stored["samples"]] == [("raw", 1), ("raw", 2)]
    for one in stored["samples"]:
        assert one["requests"] > 100
        assert one["octets"] == one["requests"] * len(HELLO)
        assert 0.29 < one["seconds"] < 3
        assert 0 < one["cpu_seconds"] < one["seconds"] * 1.1
    assert stored["settings"]["connections"] == 8
    assert stored["versions"]["python"].startswith(platform.python_implementation())


def test_bulk_run_over_tls_shows_rate_and_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    options = ["--only=raw", "--tls", "--rounds=1", "--seconds=0.2", "--versus=raw", f"--json={file}"]
    assert main(["bulk", *options]) == 0
    said = capsys.readouterr()
    assert "over TLS 1.3" in said.out
    assert "MiB/s" in said.out
    (one,) = json.loads(file.read_text())["samples"]
    assert one["octets"] == one["requests"] << 20
    assert 1 << 20 < one["first_memory"] < one["peak_memory"] < 1 << 30


def test_run_with_several_scenarios_ends_with_an_overview(capsys: pytest.CaptureFixture[str]) -> None:
    # The servers are told how to read, so each of the two scenarios has its own processes.
    options = ["--read=until,bytes", "--size=64", "--only=raw", "--rounds=1", "--seconds=0.1", "--connections=2"]
    assert main(["echo", *options]) == 0
    overview = capsys.readouterr().out.partition("CPU × raw in each scenario, echo-…\n\n")[2]
    assert [line.split() for line in overview.splitlines()] == [
        ["server", "until-64", "bytes-64"],
        ["raw", "1.00", "1.00"],
    ]


def test_wrong_answer_ends_the_run_with_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # An echo server asked for a page: it answers, quickly, and wrongly.
    broken = Server("raw", "raw_echo", (), "")
    monkeypatch.setitem(SERVERS, "http", (broken,))
    assert main(["http", "--rounds", "1", "--seconds", "0.1", "--generator", "own"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "bench: raw, http-minimal: not a 200 with a Content-Length: b'GET / HTTP/1.1" in said.err
