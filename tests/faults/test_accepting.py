"""More clients than there are descriptors, places in the queue, or connections allowed."""

import asyncio
import contextlib
import json
import pathlib
import socket
import sys
import time

import pytest

from tests.faults.kit import cpu_of, get, start_lone, stats_of

pytestmark = [
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # of the clients; the server has both
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


async def test_server_without_descriptors_stays_calm_and_comes_back(loop_name: str) -> None:
    with start_lone(loop_name, descriptors=48) as crew, contextlib.ExitStack() as stack:
        early = await crew.connect()
        await early.request(get("/"))
        crowd = [stack.enter_context(contextlib.closing(await crew.connect())) for _ in range(80)]
        crew.process.wait_for_line("^record WARNING asynchttp.general - .*Too many open files")
        cpu, started = cpu_of(crew.pid), time.monotonic()
        while time.monotonic() - started < 1.5:
            await asyncio.sleep(0.1)  # the crisis lasts; nothing tells when it has lasted
            assert (await early.request(get("/"))).body == b"done"
        spent, passed = cpu_of(crew.pid) - cpu, time.monotonic() - started
        print(f"{loop_name}: {spent:.2f} s of CPU time in {passed:.2f} s without descriptors")
        assert spent < 0.1 * passed
        warnings = [line for line in crew.process.stdout.splitlines() if line.startswith("record WARNING ")]
        assert len(warnings) <= passed + 3  # one a second
        # Those who had to wait are served, as soon as others leave.
        for client in crowd[:40]:
            client.close()
        for client in crowd[40:]:
            assert (await client.request(get("/", "Connection: close"))).body == b"done"
            client.close()
        assert (await stats_of(crew))["accept_pauses_total"] >= 1
        early.close()


async def test_burst_behind_a_blocked_loop_waits_in_the_backlog_and_starves_nobody(
    loop_name: str, tmp_path: pathlib.Path
) -> None:
    """All connect while nobody accepts: the backlog is in force. The one that was there is among the first served."""
    count = 300
    with start_lone(loop_name, backlog=count + 50) as crew, contextlib.ExitStack() as stack:
        early = await crew.connect()
        await early.request(get("/"))
        blocking = await crew.connect()
        await blocking.send(get(f"/block_until?v={tmp_path / 'all-are-there'}", "Connection: close"))
        crew.process.wait_for_line("^blocking$")
        crowd = []
        for _ in range(count):
            client = await crew.connect()
            stack.enter_context(contextlib.closing(client))
            await client.send(get("/order", "Connection: close"))
            crowd.append(client)
        # Whoever doesn't fit into the backlog isn't connected before its end.
        await early.send(get("/order"))
        (tmp_path / "all-are-there").touch()
        orders = [int((await client.read_response()).body) for client in crowd]
        assert sorted([*orders, int((await early.read_response()).body)]) == list(range(1, count + 2))
        own = next(number for number in range(1, count + 2) if number not in orders)
        print(f"{loop_name}: the connection that was open had its turn as number {own} of {count}")
        assert own < count / 2
        early.close()
        blocking.close()


async def test_connections_beyond_the_limit_wait_and_are_not_reset(loop_name: str) -> None:
    with start_lone(loop_name, server={"max_connections": 5}) as crew:
        clients = [await crew.connect() for _ in range(15)]
        for client in clients:
            await client.send(get("/stats"))
        for number in range(3):
            some = clients[5 * number : 5 * number + 5]
            responses = [await client.read_response() for client in some]
            assert all(json.loads(response.body)["connections_active"] == 5 for response in responses)
            for later in clients[5 * number + 5 :]:
                with pytest.raises(BlockingIOError):  # neither an answer nor an end
                    later.sock.recv(1, socket.MSG_PEEK)
            for client in some:
                client.close()
