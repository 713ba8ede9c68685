"""HAProxy in front of two servers, with the PROXY protocol and checks of their readiness."""

import asyncio
import contextlib
import pathlib
import signal
import ssl
from collections.abc import Iterator

import aiohttp
import pytest
import trustme

from tests.deploy.kit import TARGETS, Site, accepting, ask, needs, pids_of, program, site_in, two_ports
from tests.faults.kit import Load, wait_until
from tests.support.processes import Process, start
from tests.support.rawclient import RawClient

pytestmark = [pytest.mark.asyncio(loop_factories=["asyncio"]), needs("haproxy")]


class Front:
    """HAProxy at :attr:`port`, with TLS at :attr:`tls_port`, and two servers."""

    def __init__(self, site: Site, loop_name: str, pem: pathlib.Path, extra: str = "") -> None:
        self.site = site
        self.pem = pem
        self.port, self.tls_port = two_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_ports = two_ports()
        ports = dict(zip(("9001", "9002"), map(str, self.admin_ports), strict=True))
        ports |= zip(("8001", "8002"), map(str, two_ports()), strict=True)
        self._file_changes = {
            **ports,
            "bind :80": f"bind 127.0.0.1:{self.port}",
            "bind :443": f"bind 127.0.0.1:{self.tls_port}",
            "/etc/haproxy/hello.pem": str(pem),
            "inter 1s": "inter 200ms",
        }
        self.commands = site.commands("haproxy.cfg", {**ports, "--shutdown-delay 5": f"--shutdown-delay 2{extra}"})
        self._env = {"ASYNCHTTP_LOOP": loop_name}
        self._stack = contextlib.ExitStack()
        self.processes: list[Process] = []

    def start(self, number: int) -> Process:
        [process] = self._stack.enter_context(self.site.serving(self.commands[number], env=self._env))
        return process

    def __enter__(self) -> "Front":
        haproxy = program("haproxy")
        assert haproxy
        path = self.site.file("haproxy.cfg", self._file_changes)
        with self._stack:
            self.processes = [self.start(number) for number in (0, 1)]
            # Last: it makes no connection to a server that isn't there yet.
            self.haproxy = self._stack.enter_context(start([haproxy, "-db", "-f", str(path)]))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    async def accepts(self) -> None:
        await accepting(self.port)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> pathlib.Path:
    path = tmp_path_factory.mktemp("pem") / "hello.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def front(site: Site, pem: pathlib.Path) -> Iterator[Front]:
    with Front(site, "uvloop", pem) as front:
        yield front


@pytest.fixture(scope="module")
def calm_front(tmp_path_factory: pytest.TempPathFactory, pem: pathlib.Path) -> Iterator[Front]:
    """For tests that leave the servers alone."""
    with site_in(tmp_path_factory.mktemp("haproxy")) as site, Front(site, "asyncio", pem) as front:
        yield front


async def test_application_learns_who_asks_and_nobody_chooses_his_address(calm_front: Front) -> None:
    await calm_front.accepts()
    forged = {"X-Real-Ip": "6.6.6.6", "X-Forwarded-For": "6.6.6.6", "X-Scheme": "https"}
    # Each client has an address of its own, over connections that HAProxy keeps.
    for address in ("127.0.0.2", "127.0.0.3", "127.0.0.2"):
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(3):
                async with session.get(calm_front.url, headers=forged) as response:
                    told = await response.json()
                assert (told["client"], told["scheme"]) == (address, "http")


async def test_application_learns_that_it_was_tls(calm_front: Front, authority: trustme.CA) -> None:
    await calm_front.accepts()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    told = await ask(f"https://127.0.0.1:{calm_front.tls_port}/", ssl=context)
    assert (told["client"], told["scheme"]) == ("127.0.0.1", "https")


async def test_websocket(calm_front: Front) -> None:
    await calm_front.accepts()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{calm_front.url}/echo", origin=calm_front.url) as socket,
    ):
        await socket.send_str("héllo")
        assert await socket.receive_str(timeout=10) == "héllo"


async def test_who_comes_without_proxy_header_is_refused(calm_front: Front) -> None:
    port = int(calm_front.commands[0][calm_front.commands[0].index("--port") + 1])
    async with await RawClient.connect(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.read_to_end() == b""


async def test_stop_by_lame_duck_loses_nothing(front: Front) -> None:
    """Nor any POST, which nobody repeats: HAProxy has learnt that it isn't ready before it ends."""
    await front.accepts()
    async with Load(front.port, keep_alive=4, single=4, targets=TARGETS, method="POST") as load:
        for number in (0, 1):
            await wait_until(lambda: {process.pid for process in front.processes} <= set(pids_of(load)))
            await load.reach(50)
            front.processes[number].send_signal(signal.SIGTERM)
            await asyncio.to_thread(
                front.haproxy.wait_for_line, f"hello/{('one', 'two')[number]} is DOWN.*503", "stderr"
            )
            assert front.processes[number].popen.poll() is None  # it still serves
            assert await asyncio.to_thread(front.processes[number].wait) == 0
            await load.reach(50)
            front.processes[number] = await asyncio.to_thread(front.start, number)
    print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
    assert load.lost == []


async def test_killed_server_costs_no_get(front: Front) -> None:
    """HAProxy asks the other one: it is its second try that saves them."""
    await front.accepts()
    async with Load(front.port, keep_alive=4, single=4, targets=TARGETS) as load:
        for number in (0, 1):
            await wait_until(lambda: {process.pid for process in front.processes} <= set(pids_of(load)))
            await load.reach(50)
            front.processes[number].kill()
            await load.reach(100)
            front.processes[number] = await asyncio.to_thread(front.start, number)
    print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
    assert load.lost == []


async def test_workers_replaced_behind_the_same_checks(site: Site, pem: pathlib.Path) -> None:
    """HUP: it stays ready all the time, and nothing is lost, POST neither."""
    with Front(site, "uvloop", pem, extra=" --workers 2") as front:
        await front.accepts()
        async with Load(front.port, keep_alive=4, single=4, targets=TARGETS, method="POST") as load:
            await load.reach(50)
            for process in front.processes:
                count = len(load.workers)
                process.send_signal(signal.SIGHUP)
                await wait_until(lambda count=count: len(load.workers) >= count + 2)
            await load.reach(50)
        print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
        assert load.lost == []
        assert "DOWN" not in front.haproxy.stderr
