"""The benchmark at work: CPU clocks of real processes, servers that answer rightly, short whole runs."""

import contextlib
import io
import json
import logging
import os
import platform
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asynchttp.log import access_log
from bench.__main__ import SERVERS, main
from bench.catalog import BULK_SERVERS, ECHO_SERVERS, HTTP_SERVERS, Server
from bench.certificates import certificate
from bench.cpu import children_on, choose_cores, cpu_seconds, process_tree
from bench.http_scenarios import ROWS, http_scenario, workers_scenario
from bench.load import OwnGenerator
from bench.memory import peak, resident
from bench.processes import ServerProcess
from bench.scenarios import Scenario, bulk_scenario, echo_scenario
from bench.servers import asynchttp_http
from bench.tls import Certificate
from bench.work import Answer, BenchError, Work
from tests.integration.helpers import run_server
from tests.support.processes import start_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's CPU clocks and core affinity")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
RAW = next(server for server in HTTP_SERVERS if server.name == "raw")


@pytest.fixture(scope="module")
def vouched() -> Iterator[Certificate]:
    with certificate() as made:
        yield made


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
    there = len(os.sched_getaffinity(0))
    for workers in (1, 2, 1000):
        servers, generator = choose_cores(workers)
        assert (not servers) == (generator is None) == (there == 1)
        assert generator not in servers
        assert there == 1 or len(servers) == (workers if there > workers else 1)


def test_two_workers_both_answer() -> None:
    scenario = workers_scenario(2)
    ours = next(server for server in HTTP_SERVERS if server.name == "asynchttp-callback")
    with ServerProcess(ours, [], scenario.options) as process:
        process.await_ready()
        pids = process.pids()
        assert len(pids) == 2
        answer = scenario.learn(process.port, scenario.request)
        before = [cpu_seconds([pid]) for pid in pids]
        work = Work(process.port, pids, scenario.request, answer, connections=64, seconds=0.2)
        OwnGenerator().measure(work, None)
        after = [cpu_seconds([pid]) for pid in pids]
    assert all(later - sooner > 0.005 for sooner, later in zip(before, after, strict=True))


def test_server_that_does_not_start_shows_why() -> None:
    with ServerProcess(Server("broken", "no_such_program", (), ""), []) as process:
        with pytest.raises(BenchError, match=r"(?s)broken ended:.*No module named bench\.servers\.no_such_program"):
            process.await_ready()
        assert process.port == 0


STREAM_SCENARIOS = {
    "echo-until": (ECHO_SERVERS, lambda vouched: echo_scenario(100_000)),
    "echo-bytes": (ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "bytes")),
    "echo-tls-until": (ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "until", vouched)),
    "echo-tls-bytes": (ECHO_SERVERS, lambda vouched: echo_scenario(100_000, "bytes", vouched)),
    "bulk": (BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20)),
    "bulk-pause": (BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20, 1)),
    "bulk-tls": (BULK_SERVERS, lambda vouched: bulk_scenario(2 << 20, 0, vouched)),
}


@pytest.mark.parametrize("name", STREAM_SCENARIOS)
def test_each_stream_server_answers_rightly(name: str, vouched: Certificate) -> None:
    table, make = STREAM_SCENARIOS[name]
    all_answer_rightly(table, [make(vouched)])


GROUPS = {
    "hello": ["hello", "browser", "cookies"],
    "site": ["pipelined", "close", "1k", "10k", "100k", "download", "stream", "post-1k", "post-64k", "chunked"],
    "tls": ["tls"],
    "log": ["log"],
}


def test_each_row_is_in_a_group() -> None:
    assert sorted(row for rows in GROUPS.values() for row in rows) == sorted(ROWS)


@pytest.mark.parametrize("rows", GROUPS.values(), ids=GROUPS)
def test_each_http_server_answers_each_row_rightly(rows: list[str], vouched: Certificate) -> None:
    all_answer_rightly(HTTP_SERVERS, [http_scenario(row, vouched) for row in rows])


def test_each_http_server_answers_from_two_processes() -> None:
    all_answer_rightly(HTTP_SERVERS, [workers_scenario(2)])


def all_answer_rightly(table: tuple[Server, ...], scenarios: list[Scenario]) -> None:
    """Each server that can run here, in scenarios that share their processes; a bad start or answer fails."""
    servers = [server for server in table if not server.missing and not server.name.endswith("-asyncio")]
    if "access-log" in scenarios[0].asks:
        servers = [
            logging
            for server in servers
            for logging in server.with_and_without_log()
            if "--access-log" in logging.options and server.can(["access-log"])
        ]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(ServerProcess(server, [], scenarios[0].options)) for server in servers]
        for process in processes:
            process.await_ready()
            for scenario in scenarios:
                if process.server.can(scenario.asks):
                    answer = scenario.learn(process.port, scenario.request)
                    assert answer.size >= 1, (process.server.name, scenario.name)
            assert process.complaints() == "", process.server.name


def test_server_that_shows_another_certificate_is_refused(vouched: Certificate) -> None:
    with (
        certificate() as other,
        ServerProcess(ECHO_SERVERS[0], [], echo_scenario(64, "until", other).options) as process,
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
    with ServerProcess(ECHO_SERVERS[0], []) as process:
        process.await_ready()
        scenario = bulk_scenario(2 << 20)
        with pytest.raises(BenchError, match="not the last octet of each piece"):
            scenario.learn(process.port, scenario.request)


def test_whole_run_prints_a_table_and_stores_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    options = ["--rows=hello", "--only=raw", "--generator=own", "--rounds=2", "--seconds=0.3", "--versus=raw"]
    assert main(["http", *options, f"--json={file}"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    (row,) = [line for line in said.out.splitlines() if line.startswith("raw ")]
    assert "1.00 (1.00–1.00)" in row
    assert f"64 connections; {OwnGenerator.name}" in said.out
    stored = json.loads(file.read_text())
    assert [(one["server"], one["round"]) for one in stored["samples"]] == [("raw", 1), ("raw", 2)]
    for one in stored["samples"]:
        assert one["requests"] > 100
        assert one["octets"] == one["requests"] * len(HELLO)
        assert 0.29 < one["seconds"] < 3
        assert 0 < one["cpu_seconds"] < one["seconds"] * 1.1
    assert stored["versions"]["python"].startswith(platform.python_implementation())


def test_row_with_a_log_runs_each_server_without_one_too(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rows=log", "--only=asynchttp-respond", "--generator=own", "--rounds=1", "--seconds=0.1"]
    assert main(["http", *options]) == 0
    told = capsys.readouterr().out.partition("with an access log")[2]
    assert "req/s × no log" in told
    assert re.findall(r"^(raw|asynchttp.*?)  ", told, re.MULTILINE) == [
        "raw",
        "asynchttp-respond, no log",
        "asynchttp-respond",
        "asynchttp-respond, JSON log",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("as_json", [False, True])
async def test_server_with_a_log_writes_a_line_for_each_request(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    written, former = io.StringIO(), (*access_log.handlers,)
    monkeypatch.setattr(asynchttp_http, "nowhere", lambda: written)
    monkeypatch.setattr(access_log, "propagate", True)  # puts back what log_format() changes
    try:
        told = asynchttp_http.log_format("respond", as_json)
        async with run_server(asynchttp_http.respond, access_log=told) as running, await running.connect() as client:
            for _ in range(3):
                assert (await client.request(REQUEST)).status == 200
        access_log.handlers[0].flush()
    finally:
        access_log.handlers[:] = former
        access_log.setLevel(logging.NOTSET)
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("{") == as_json for line in lines)


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


def test_window_without_an_answer_is_measured_again(tmp_path: Path) -> None:
    # The server turns to something else for longer than the window.
    file = tmp_path / "run.json"
    options = ["--only=raw", "--pause=100", "--rounds=3", "--seconds=0.02", f"--json={file}"]
    assert main(["bulk", *options]) == 0
    samples = json.loads(file.read_text())["samples"]
    assert len(samples) == 3
    assert max(sample["seconds"] for sample in samples) > 0.08
    assert min(sample["requests"] for sample in samples) >= 1


def test_run_with_several_scenarios_ends_with_an_overview(capsys: pytest.CaptureFixture[str]) -> None:
    # The servers are told how to read, so each of the two scenarios has its own processes.
    options = ["--read=until,bytes", "--size=64", "--only=raw", "--rounds=1", "--seconds=0.1", "--connections=2"]
    assert main(["echo", *options]) == 0
    overview = capsys.readouterr().out.partition("CPU × raw in each scenario, echo-…\n\n")[2]
    assert [line.split() for line in overview.splitlines()] == [
        ["server", "until-64", "bytes-64"],
        ["raw", "1.00", "1.00"],
    ]


def test_wrong_answer_of_the_base_ends_the_run_with_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # An echo server asked for a page: it answers, quickly, and wrongly.
    broken = Server("raw", "raw_echo", (), "")
    monkeypatch.setitem(SERVERS, "churn", (broken,))
    assert main(["churn", "--rounds", "1", "--seconds", "0.1"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "bench: raw, churn-visit: not a 200 with a Content-Length, or in chunks: b'GET / HTTP/1.1" in said.err


def test_server_that_answers_wrongly_has_no_figures_and_the_run_has_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SERVERS, "churn", (RAW, Server("broken", "raw_echo", (), "")))
    file = tmp_path / "run.json"
    assert main(["churn", "--rounds", "1", "--seconds", "0.1", f"--json={file}"]) == 1
    said = capsys.readouterr()
    assert "Failed, and without figures there: broken, churn-visit." in said.out
    assert "bench: broken, churn-visit: not a 200" in said.err
    assert {one["server"] for one in json.loads(file.read_text())["samples"]} == {"raw"}


def test_server_that_does_not_start_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SERVERS, "churn", (RAW, Server("broken", "no_such_program", (), "")))
    assert main(["churn", "--rounds", "1", "--seconds", "0.1"]) == 0
    said = capsys.readouterr()
    assert re.search(r"Left out: broken \(it didn't start: .*No module named bench\.servers\.no_such_program", said.out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["http", "--rows=hello,pipelined", "--generator=own", "--fresh"],
        ["idle", "--connections=50,100"],
        ["latency", "--rate=200,400"],
        ["workers", "--workers=1,2"],
        ["churn", "--tls"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_short_run_of_each_work_prints_and_stores(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    assert main([*arguments, "--only=raw", "--rounds=2", "--seconds=0.2", f"--json={file}"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    stored = json.loads(file.read_text())
    assert (
        stored["command"] == f"python -m bench {' '.join(arguments)} --only=raw --rounds=2 --seconds=0.2 --json={file}"
    )
    found = {(one["scenario"], one["server"], one["round"]) for one in stored["samples"]}
    assert found == {(scenario, "raw", number) for scenario in stored["scenarios"] for number in (1, 2)}
    assert main(["report", str(file)]) == 0
    assert said.out.startswith(capsys.readouterr().out.rstrip("\n"))
