"""Two machines behind nginx on a third, each a network namespace; one is cut off, and comes back."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.kit import TARGETS, Site, pids_of, program
from tests.faults.kit import Load, wait_until

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


class Network:
    """``front``, and a cable from there to each of ``one`` and ``two``.

    ``10.77.N.1`` is ``front``'s end, ``10.77.N.2`` the other.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._prefix = f"t{os.getpid()}"
        with self._stack:
            for name in ("front", "one", "two"):
                self._ip("netns", "add", self.name(name))
                self._stack.callback(self._ip, "netns", "del", self.name(name))
            for number, name in ((1, "one"), (2, "two")):
                ends = ["peer", "name", "cable", "netns", self.name(name)]
                self._ip("-n", self.name("front"), "link", "add", f"to-{name}", "type", "veth", *ends)
                for where, link, host in (("front", f"to-{name}", 1), (name, "cable", 2)):
                    self._ip("-n", self.name(where), "addr", "add", f"10.77.{number}.{host}/24", "dev", link)
                    self._ip("-n", self.name(where), "link", "set", link, "up")
            self._stack = self._stack.pop_all()

    def _ip(self, *arguments: str) -> None:
        ip = program("ip")
        if ip is None:
            raise FileNotFoundError("ip isn't installed")
        subprocess.run([ip, *arguments], check=True, capture_output=True, text=True)

    def name(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def inside(self, name: str) -> tuple[str, ...]:
        """A command that runs another one on that machine."""
        return (str(program("ip")), "netns", "exec", self.name(name))

    def plug(self, name: str, *, in_: bool) -> None:
        """Pull the cable of a machine, or put it back."""
        self._ip("-n", self.name(name), "link", "set", "cable", "up" if in_ else "down")

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def network() -> Iterator[Network]:
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
    try:
        network = Network()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    yield network
    network.close()


async def test_machine_that_vanishes_costs_no_get(site: Site, network: Network) -> None:
    if program("nginx") is None:
        pytest.skip("nginx isn't installed")
    addresses = {"one": "10.77.1.2", "two": "10.77.2.2"}
    # As the example says for other machines.
    down = "max_fails=1 fail_timeout=1s"
    assert f"10.0.0.5:8001 {down};" in site.text("nginx/upstream-ports.conf")
    changes = {
        f"127.0.0.1:800{number} max_fails=0": f"{address}:800{number} {down}"
        for number, address in enumerate(addresses.values(), 1)
    }
    upstream = site.file("nginx/upstream-ports.conf", changes)
    # Nobody but nginx is on its machine, so that clients come by a socket in the file system.
    door = site.run / "front.sock"
    server = site.file(
        "nginx/hello.conf",
        {
            "listen 80;": f"listen unix:{door};",
            # How long a request waits that was sent to a machine which isn't there any more.
            "proxy_read_timeout 60s": "proxy_read_timeout 1s",
            "proxy_connect_timeout 2s": "proxy_connect_timeout 500ms",
        },
    )
    commands = [
        [*network.inside(name), *command, "--host", addresses[name], "--trusted-proxies", f"10.77.{number}.1"]
        for number, (name, command) in enumerate(
            zip(addresses, site.commands("nginx/upstream-ports.conf"), strict=True), 1
        )
    ]
    with site.serving(*commands) as processes, site.nginx(upstream, server, prefix=network.inside("front")):
        # ``ip netns exec`` becomes the command, it isn't its parent.
        one, two = (process.pid for process in processes)
        async with Load(0, keep_alive=4, single=4, targets=TARGETS, uds=str(door)) as load:
            await wait_until(lambda: {one, two} <= set(pids_of(load)))
            for name, other in (("one", two), ("two", one)):
                load.longest = 0.0
                network.plug(name, in_=False)
                # Somebody was sent there.
                await wait_until(lambda: load.longest >= 0.4)
                load.workers.clear()
                await load.reach(50)
                assert set(pids_of(load)) == {other}
                network.plug(name, in_=True)
                await wait_until(lambda: {one, two} <= set(pids_of(load)))
        print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
        assert load.lost == []
        assert load.longest < 10
        for process in processes:
            assert process.stop() == 0
