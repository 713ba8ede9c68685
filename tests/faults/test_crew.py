"""Workers that die, hang, are replaced, are more or fewer: what it costs, in requests and in milliseconds."""

import json
import os
import pathlib
import signal
import sys
import time
from collections import Counter

import pytest

from tests.faults.kit import Crew, Load, alive, start_crew, wait_until

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])  # of the clients; the server has both

_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets of one port")


async def spread(crew: Crew, count: int) -> Counter[bytes]:
    """Which worker got each of ``count`` connections."""
    counts: Counter[bytes] = Counter()
    clients = [await crew.connect() for _ in range(count)]
    for client in clients:
        counts[(await client.request(b"GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")).body] += 1
        client.close()
    return counts


@_LINUX
@pytest.mark.parametrize(
    ("loop_name", "listeners"),
    [("asyncio", "per-worker"), ("uvloop", "per-worker"), ("uvloop", "shared"), ("uvloop", "reuse-port")],
)
async def test_spread_and_losses(loop_name: str, listeners: str) -> None:
    """200 connections to four workers; then six of them are killed under load."""
    with start_crew(loop_name, 4, start={"listeners": listeners, "max_restarts": 100}) as crew:
        await crew.started()
        counts = sorted((await spread(crew, 200)).values(), reverse=True)
        async with Load(crew.port, keep_alive=0, single=12) as load:
            for number in range(6):
                await load.reach(40)
                os.kill(crew.pids()[number], signal.SIGKILL)
                await crew.started(5 + number)
            await load.reach(40)
        print(f"{loop_name} {listeners}: {counts}; lost {len(load.lost)} of {load.served}")
        if listeners == "per-worker":
            assert len(counts) == 4
            # By hash: 50 each on average, and less than 25 once in some 100,000 times.
            assert counts[-1] >= 25
        if listeners != "reuse-port":
            # A killed worker takes what it was serving with it, never its queue: 12 clients over four workers.
            assert len(load.lost) <= 6 * 6
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_killed_worker_is_back_within_50_ms(loop_name: str) -> None:
    with start_crew(loop_name, 8) as crew:
        await crew.started()
        pauses = []
        for number in range(8):  # each place once: the second death in a row would wait for 0.1 s
            killed = time.monotonic()
            os.kill(crew.pids()[number], signal.SIGKILL)
            await crew.started(9 + number)
            pauses.append(crew.born()[-1][2] - killed)
        print(f"{loop_name}: back after {[round(pause * 1000, 1) for pause in pauses]} ms")
        assert min(pauses) < 0.05  # the others had to wait for the machine, which does a dozen other things
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


@pytest.mark.parametrize(("loop_name", "code"), [("asyncio", 1), ("uvloop", 7)])
async def test_crash_loop_ends_with_1(loop_name: str, code: int) -> None:
    with start_crew(loop_name, 2, crash=code, start={"max_restarts": 7}) as crew:
        await crew.ended(1)
        lives = [float(line.split()[1]) for line in crew.process.stdout.splitlines() if line.startswith("life ")]
        assert 2 + 6 <= len(lives) <= 2 + 7  # the last may be told to end before it can say anything
        # 0, 0.1, 0.2 and (for one of the two) 0.4 s
        assert lives[-1] - lives[0] > 0.3
        assert "Too many child restarts, giving up" in crew.process.stderr


@pytest.mark.parametrize("loop_name", ["asyncio"])
async def test_crash_loop_of_fork_processes_is_tornados(loop_name: str) -> None:
    with start_crew(loop_name, 2, fork="before", crash=1, max_restarts=10) as crew:
        await crew.ended(1)
        assert "RuntimeError: Too many child restarts, giving up" in crew.process.stderr
        assert crew.process.stderr.count("restarting") == 10


@_LINUX
async def test_connections_of_a_place_without_worker_are_taken_by_another(loop_name: str) -> None:
    """One of two workers dies again and again; its replacement waits longer and longer, its connections don't."""
    with start_crew(loop_name, 2, start={"max_restarts": 100}) as crew:
        await crew.started()
        async with Load(crew.port, keep_alive=0, single=4) as load:
            for births in range(2, 8):
                await wait_until(lambda births=births: sum(place == 0 for place, _, _ in crew.born()) == births - 1)
                os.kill([pid for place, pid, _ in crew.born() if place == 0][-1], signal.SIGKILL)
            # Now it has 1.6 s to wait, and half of the connections come to its socket: one by one the four clients
            # would come to rest there.
            before = load.served
            await crew.started(8)
            assert load.served - before > 40
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


@pytest.mark.parametrize("loop_name", ["uvloop"])
async def test_application_that_cannot_start_ends_all_with_3(loop_name: str, tmp_path: pathlib.Path) -> None:
    fail = tmp_path / "fail"
    fail.write_text("exit 3")
    with start_crew(loop_name, 2, program="supervised", fail=str(fail)) as crew:
        await crew.ended(3)
        assert crew.process.stdout.count("born ") <= 3


@pytest.mark.parametrize("loop_name", ["asyncio"])
async def test_worker_that_is_not_ready_in_time_is_ended_with_its_stack(loop_name: str, tmp_path: pathlib.Path) -> None:
    fail = tmp_path / "fail"
    fail.write_text("hang")
    options = {"max_restarts": 0, "ready_timeout": 0.5}
    with start_crew(loop_name, 1, program="supervised", fail=str(fail), supervisor=options) as crew:
        await crew.ended(1)
        assert "isn't ready after 0.5 s" in crew.process.stderr
        assert "in run_worker" in crew.process.stderr


@pytest.mark.parametrize(
    ("loop_name", "listeners"),
    [("asyncio", "per-worker"), ("uvloop", "per-worker"), ("uvloop", "shared"), ("uvloop", "reuse-port")],
)
async def test_sighup_replaces_all_and_loses_no_request(loop_name: str, listeners: str) -> None:
    with start_crew(loop_name, 3, start={"listeners": listeners}) as crew:
        first = await crew.started()
        async with Load(crew.port, targets=("/pid", "/raw")) as load:
            await load.reach(50)
            crew.process.send_signal(signal.SIGHUP)
            await crew.started(6)
            await wait_until(lambda: not any(map(alive, first)))
            await load.reach(50)
        assert load.lost == []
        places = [place for place, _, _ in crew.born()]
        assert sorted(places[3:]) == [0, 1, 2]
        # Never more than one above the number wanted, so one after the other.
        assert places[3:] == [place for place, _, _ in sorted(crew.born()[:3], key=lambda born: born[1])]
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_broken_release_does_not_replace_what_works(loop_name: str, tmp_path: pathlib.Path) -> None:
    fail = tmp_path / "fail"
    fail.write_text("")
    with start_crew(loop_name, 2, program="supervised", fail=str(fail)) as crew:
        first = await crew.started()
        async with Load(crew.port) as load:
            for broken in ("raise", "exit 3", "exit 0"):
                fail.write_text(broken)
                births = crew.process.stdout.count("born ")
                crew.process.send_signal(signal.SIGHUP)
                await wait_until(lambda births=births: crew.process.stdout.count("born ") > births)
                await wait_until(lambda births=births: crew.process.stdout.count("event died") > births - 2)
            await load.reach(50)
            assert all(map(alive, first))
            fail.write_text("")
            crew.process.send_signal(signal.SIGHUP)
            await crew.started(4)
            await wait_until(lambda: not any(map(alive, first)))
            await load.reach(50)
        assert load.lost == []
        assert "before it was ready to replace" in crew.process.stderr
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_sigttin_and_sigttou_change_the_number(loop_name: str) -> None:
    with start_crew(loop_name, 2) as crew:
        first = await crew.started()
        async with Load(crew.port) as load:
            await load.reach(50)
            crew.process.send_signal(signal.SIGTTIN)
            third = (await crew.started(3))[-1]
            await load.reach(50)
            oldest = min(first, key=lambda pid: next(born for _, p, born in crew.born() if p == pid))
            crew.process.send_signal(signal.SIGTTOU)
            await wait_until(lambda: not all(map(alive, first)))
            assert alive(third)
            await load.reach(60)
            crew.process.send_signal(signal.SIGTTOU)
            await wait_until(lambda: sum(map(alive, crew.pids())) == 1)
            await load.reach(60)
            assert alive(third)
            crew.process.send_signal(signal.SIGTTOU)  # the last one stays
            await load.reach(50)
        assert alive(third)
        assert not alive(oldest)
        assert load.lost == []
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_stuck_worker_is_found_and_replaced(loop_name: str) -> None:
    with start_crew(loop_name, 2, start={"worker_timeout": 1.0}) as crew:
        first = await crew.started()
        async with await crew.connect() as client:
            started = time.monotonic()
            await client.send(b"GET /block?v=60 HTTP/1.1\r\nHost: test\r\n\r\n")
            await crew.started(3)
            found = time.monotonic() - started
            print(f"{loop_name}: replaced after {found:.2f} s")
            assert 0.7 < found < 10
        assert sum(map(alive, first)) == 1
        crew.process.wait_for_line("has given no sign of life for 1.0 s", "stderr")
        crew.process.wait_for_line("in handle", "stderr")  # its stack
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_busy_worker_is_not_stuck(loop_name: str) -> None:
    """Their loops turn three times a second, if that."""
    with start_crew(loop_name, 2, start={"worker_timeout": 2.0}) as crew:
        await crew.started()
        async with Load(crew.port, keep_alive=2, single=0, targets=("/block?v=0.3",)) as load:
            await load.reach(14)
        assert len(crew.pids()) == 2
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_sigquit_ends_at_once_with_all_stacks(loop_name: str) -> None:
    with start_crew(loop_name, 2) as crew:
        await crew.started()
        async with await crew.connect() as client:
            await client.send(b"GET /block?v=60 HTTP/1.1\r\nHost: test\r\n\r\n")
            crew.process.wait_for_line("^blocking$")
            started = time.monotonic()
            crew.process.send_signal(signal.SIGQUIT)
            await crew.ended(0)
            assert time.monotonic() - started < 10  # of 60
        assert crew.process.stderr.count("Stacks of worker") == 2
        assert "in handle" in crew.process.stderr


async def test_sigusr1_opens_the_log_again(loop_name: str, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    with start_crew(loop_name, 2, log=str(log)) as crew:
        await crew.started()
        rotated = log.rename(tmp_path / "log.1")
        crew.process.send_signal(signal.SIGUSR1)
        async with Load(crew.port, targets=("/log",)) as load:
            # All have heard of it.
            pids = crew.pids()
            await wait_until(lambda: log.exists() and all(f"logged by {pid}" in log.read_text() for pid in pids))
            rotated_size, before = rotated.stat().st_size, load.served
            await load.reach(50)
        assert load.lost == []
        assert log.read_text().count("logged by") >= load.served - before
        assert rotated.stat().st_size == rotated_size
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_sigusr1_reaches_workers_that_are_not_ready_yet(loop_name: str, tmp_path: pathlib.Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    with start_crew(loop_name, 2, log=str(log), gate=str(gate)) as crew:
        await wait_until(lambda: crew.process.stdout.count("gated") == 2)
        rotated = log.rename(tmp_path / "log.1")
        crew.process.send_signal(signal.SIGUSR1)
        # Behind it comes another worker: the signal was obeyed.
        crew.process.send_signal(signal.SIGTTIN)
        await wait_until(lambda: crew.process.stdout.count("gated") == 3)
        gate.touch()
        pids = await crew.started(3)
        async with Load(crew.port, targets=("/log",)) as load:
            await wait_until(lambda: log.exists() and all(f"logged by {pid}" in log.read_text() for pid in pids))
        assert load.lost == []
        assert rotated.read_text() == ""


@pytest.mark.parametrize(
    ("loop_name", "recycling"),
    [("asyncio", {"max_requests": 100, "max_requests_jitter": 20}), ("uvloop", {"lifetime": 0.7})],
)
async def test_recycling_loses_no_request(loop_name: str, recycling: dict[str, float]) -> None:
    with start_crew(loop_name, 2, start={"recycling": recycling}) as crew:
        first = await crew.started()
        async with Load(crew.port, keep_alive=4, single=4) as load:
            await wait_until(lambda: load.served >= 0 and len(crew.pids()) >= 6)
            await load.reach(20)
        assert load.lost == []
        assert not any(map(alive, first))
        assert "restarting" not in crew.process.stderr
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_worker_that_gets_sigterm_alone_is_replaced_first(loop_name: str) -> None:
    with start_crew(loop_name, 2) as crew:
        first = await crew.started()
        async with Load(crew.port) as load:
            await load.reach(50)
            os.kill(first[0], signal.SIGTERM)
            await crew.started(3)
            await wait_until(lambda: not alive(first[0]))
            await load.reach(50)
        assert load.lost == []
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)


async def test_figures_of_all_workers_outlive_them(loop_name: str) -> None:
    with start_crew(loop_name, 2, program="supervised") as crew:
        first = await crew.started()
        while len(set(await _published(crew)) & set(first)) < 2:
            pass
        os.kill(first[0], signal.SIGKILL)
        await crew.started(3)
        workers = await _published(crew)
        assert first[0] not in workers
        crew.process.send_signal(signal.SIGTERM)
        await crew.ended(0)
        living, departed = json.loads(crew.process.wait_for_line("^figures (.*)")[1])
        counts = {"workers_spawned_total": 3, "workers_died_total": 1, "workers_stuck_total": 0}
        assert (living, departed) == ({}, {"requests": 3 if len(workers) == 2 else 2, **counts})


async def _published(crew: Crew) -> list[int]:
    """The workers that have published something."""
    async with await crew.connect() as client:
        response = await client.request(b"GET /figures HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    return [int(pid) for pid, figures in json.loads(response.body)[0].items() if figures]
