"""nginx in front of several processes, over ports and over UNIX sockets."""

import asyncio
import contextlib
import io
import os
import pathlib
import re
import signal
import sys
from collections.abc import Iterator, Sequence

import aiohttp
import pytest

from asynchttp._options import OPTIONS
from tests.deploy.kit import TARGETS, Site, ask, children_of, needs, pids_of, site_in, two_ports
from tests.faults.kit import Load, wait_until
from tests.support.processes import Process
from tests.support.rawclient import RawClient

pytestmark = [pytest.mark.asyncio(loop_factories=["asyncio"]), needs("nginx")]


class Front:
    """nginx at :attr:`port`, and two servers.

    Args:
        extra: flags for each of them.
        idle: how long nginx keeps idle connections to them.
    """

    def __init__(
        self,
        site: Site,
        kind: str,
        loop_name: str,
        extra: Sequence[Sequence[str]] = ((), ()),
        idle: str = "60s",
    ) -> None:
        self.site = site
        self.port, _ = two_ports()
        self.kind = kind
        self.url = f"http://127.0.0.1:{self.port}"
        one, two = two_ports()
        self._name = f"nginx/upstream-{kind}.conf"
        self._changes = {"8001": str(one), "8002": str(two)} if kind == "ports" else {}
        self._env = {"ASYNCHTTP_LOOP": loop_name}
        commands = site.commands(self._name, self._changes)
        self.commands = [[*command, *more] for command, more in zip(commands, extra, strict=True)]
        self._changes["keepalive_timeout 60s"] = f"keepalive_timeout {idle}"
        self.processes: list[Process] = []
        self._stack = contextlib.ExitStack()

    def start(self, number: int) -> Process:
        """Start a server, and wait until it accepts."""
        [process] = self._stack.enter_context(self.site.serving(self.commands[number], env=self._env))
        return process

    def __enter__(self) -> "Front":
        with self._stack:
            self.processes = [self.start(number) for number in (0, 1)]
            conf = self.site.file("nginx/hello.conf", {"listen 80;": f"listen 127.0.0.1:{self.port};"})
            self.nginx = self._stack.enter_context(self.site.nginx(self.site.file(self._name, self._changes), conf))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


# One loop for each kind: what differs between the loops isn't nginx's business.
_KINDS = [("ports", "uvloop"), ("unix", "asyncio")]


@pytest.fixture(params=_KINDS, ids=lambda kind: kind[0])
def front(site: Site, request: pytest.FixtureRequest) -> Iterator[Front]:
    with Front(site, *request.param) as front:
        yield front


@pytest.fixture(scope="module", params=_KINDS, ids=lambda kind: kind[0])
def calm_front(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Front]:
    """For tests that leave the servers alone."""
    with site_in(tmp_path_factory.mktemp("nginx")) as site, Front(site, *request.param) as front:
        yield front


async def test_application_learns_who_asks_and_nobody_chooses_his_address(calm_front: Front) -> None:
    forged = {
        "X-Real-Ip": "6.6.6.6",
        "X-Forwarded-For": "6.6.6.6",
        "X-Scheme": "https",
        "X-Forwarded-Proto": "https",
    }
    for headers in ({}, forged):
        told = await ask(calm_front.url, headers=headers)
        assert (told["client"], told["scheme"]) == ("127.0.0.1", "http")
        assert told["host"] == f"127.0.0.1:{calm_front.port}"


async def test_host_is_the_one_of_the_target(calm_front: Front) -> None:
    async with await RawClient.connect(calm_front.port) as client:
        response = await client.request(b"GET http://one.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert b'"host": "one.example"' in response.body


async def test_host_without_port_stays_without(calm_front: Front) -> None:
    async with await RawClient.connect(calm_front.port) as client:
        response = await client.request(b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n")
        assert b'"host": "one.example"' in response.body


async def test_files_come_from_nginx(front: Front) -> None:
    for process in front.processes:
        assert process.stop() == 0
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{front.url}/static/a.txt") as response:
            assert await response.text() == "a file\n"
            assert response.headers["Cache-Control"] == "max-age=3600"
        async with session.get(front.url) as response:
            assert response.status == 502


async def figure(admin_ports: Sequence[int], name: str) -> float:
    """A figure of ``/metrics``, of all servers together."""
    total = 0.0
    async with aiohttp.ClientSession() as session:
        for port in admin_ports:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                page = await response.text()
            total += float(page.partition(f"\nasynchttp_{name} ")[2].split()[0])
    return total


async def test_connections_to_the_servers_are_kept(site: Site) -> None:
    admins = two_ports()
    extra = [["--admin", f"127.0.0.1:{port}"] for port in admins]
    with Front(site, "ports", "uvloop", extra) as front:
        async with Load(front.port, keep_alive=4, single=4, targets=("/",)) as load:
            await load.reach(400)
        assert load.lost == []
        assert len(load.workers) == 2
        accepted = await figure(admins, "connections_accepted_total")
        print(f"{load.served} requests by {accepted:g} connections")
        # Eight at a time, on each of the two if need be.
        assert accepted <= 16


async def test_websocket(calm_front: Front) -> None:
    async with aiohttp.ClientSession() as session:
        # Tornado wants the Origin to be the Host, with its port.
        async with session.ws_connect(f"{calm_front.url}/echo", origin=calm_front.url) as socket:
            await socket.send_str("héllo")
            assert await socket.receive_str(timeout=10) == "héllo"
            await socket.send_bytes(bytes(100_000))
            assert len(await socket.receive_bytes(timeout=10)) == 100_000
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{calm_front.url}/echo", origin="http://elsewhere.example")
        assert caught.value.status == 403


async def test_other_upgrades_are_not_passed_on(calm_front: Front) -> None:
    async with await RawClient.connect(calm_front.port) as client:
        response = await client.request(
            b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        )
        assert (response.status, response.body) == (400, b'Can "Upgrade" only to "WebSocket".')


async def test_body_above_the_limit_of_nginx_itself(calm_front: Front) -> None:
    """Its own limit is 1 MiB: what this server takes, nginx takes."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(calm_front.url, data=io.BytesIO(bytes(3_000_000))) as response,
    ):
        assert response.status == 200


async def test_death_and_restart_cost_no_get(front: Front) -> None:
    """One is killed, the other one told to end: nginx asks whoever is left, and then again both."""
    async with Load(front.port, keep_alive=4, single=4, targets=TARGETS) as load:
        for number, number_of_signal, code in ((0, signal.SIGKILL, -9), (1, signal.SIGTERM, 0)):
            await wait_until(lambda number=number: front.processes[number].pid in pids_of(load))
            assert await asyncio.to_thread(front.processes[number].stop, number_of_signal) == code
            await load.reach(50)
            front.processes[number] = await asyncio.to_thread(front.start, number)
            await wait_until(lambda pid=front.processes[number].pid: pid in pids_of(load))
    print(f"{front.kind}: lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
    assert load.lost == []


async def test_restart_finishes_what_is_in_progress(site: Site) -> None:
    """POST isn't tried again: it is the server that finishes it."""
    admins = two_ports()
    extra = [["--admin", f"127.0.0.1:{port}"] for port in admins]
    with Front(site, "ports", "asyncio", extra) as front:
        async with aiohttp.ClientSession() as session:
            asked = [asyncio.create_task(_post(session, f"{front.url}/slow?seconds=2")) for _ in range(8)]
            while await figure(admins, "requests_in_flight") < 8:
                pass
            for process in front.processes:
                process.send_signal(signal.SIGTERM)
            assert await asyncio.gather(*asked) == [(200, "done\n")] * 8
        for process in front.processes:
            assert await asyncio.to_thread(process.wait) == 0


async def _post(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.post(url) as response:
        return response.status, await response.text()


async def test_workers_behind_one_port_replaced_and_killed(site: Site) -> None:
    """HUP loses nothing by itself; what a killed worker was serving is asked for again."""
    with Front(site, "ports", "uvloop", [["--workers", "2"], []]) as front:
        supervisor = front.processes[0]
        async with Load(front.port, keep_alive=4, single=4, targets=TARGETS) as load:
            await load.reach(100)
            old = children_of(supervisor.pid)
            supervisor.send_signal(signal.SIGHUP)
            # All of the old have ended then, and been followed by one that accepts.
            await wait_until(lambda: len(children_of(supervisor.pid)) == 2 and not children_of(supervisor.pid) & old)
            for worker in children_of(supervisor.pid):
                os.kill(worker, signal.SIGKILL)
                await load.reach(100)
        print(f"lost {len(load.lost)} of {load.served}")
        assert load.lost == []
        for process in front.processes:
            assert await asyncio.to_thread(process.stop) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who closed a connection")
async def test_idle_connections_are_closed_by_nginx_first(site: Site) -> None:
    """With the times of both divided by 60."""
    with Front(site, "ports", "uvloop", [["--keep-alive-timeout", "1.25"]] * 2, idle="1s") as front:
        ports = [int(command[command.index("--port") + 1]) for command in front.commands]

        def closed() -> set[tuple[int, int]]:
            """Local and remote port of the connections that were closed from the local side."""
            lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
            ends = [[int(end.rpartition(":")[2], 16) for end in words[1:3]] for words in lines if words[3] == "06"]
            return {(local, remote) for local, remote in ends if {local, remote} & set(ports)}

        before = closed()  # of other tests
        assert await ask(front.url)
        await wait_until(lambda: closed() - before)
        [(_, remote)] = closed() - before
        assert remote in ports


async def test_the_promise_about_idle_connections_is_that_of_the_files(site: Site) -> None:
    [default] = [option.default for option in OPTIONS if option.name == "keep-alive-timeout"]
    for kind in ("ports", "unix"):
        text = site.text(f"nginx/upstream-{kind}.conf")
        [seconds] = re.findall(r"^    keepalive_timeout (\d+)s;", text, re.MULTILINE)
        assert int(seconds) + 10 <= default
