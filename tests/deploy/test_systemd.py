"""The units for systemd: checked by systemd itself where it is, and run as it would."""

import asyncio
import configparser
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest

from asynchttp._options import OPTIONS
from tests.deploy.kit import TARGETS, Site, needs, pids_of
from tests.faults.kit import Load, wait_until
from tests.support.processes import Process, start

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


class Unit(configparser.RawConfigParser):
    """A unit file."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(strict=False)
        self.read(path)

    def optionxform(self, optionstr: str) -> str:
        return optionstr  # names as they are


class Systemd:
    """What systemd does for a service with a socket: listens, passes the socket, hears what the service says."""

    def __init__(self, site: Site) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = site.run / "notify"
        self.messages.bind(str(self._path))
        self.messages.settimeout(20)
        self.service = Unit(site.file("systemd/hello.service"))["Service"]

    def __enter__(self) -> "Systemd":
        return self

    def __exit__(self, *exc: object) -> None:
        self.listener.close()
        self.messages.close()

    def start(self) -> Process:
        """What ``ExecStart=`` says, in its environment and with the socket as descriptor 3."""
        code = (
            "import os, socket, sys\n"
            f"os.dup2({self.listener.fileno()}, 3)\n"
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='hello.socket')\n"
            "os.environ['WATCHDOG_PID'] = str(os.getpid())\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        watchdog = int(self.service["WatchdogSec"]) * 1_000_000
        env = {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": str(watchdog)}
        command = [sys.executable, "-c", code, *shlex.split(self.service["ExecStart"])]
        return start(command, env=env, pass_fds=[self.listener.fileno()])

    async def told(self, message: str) -> None:
        """Wait until the service says so."""

        def receive() -> None:
            end = time.monotonic() + 20  # of all together: the watchdog's messages never end
            while self.messages.recv(4096).decode().partition("\n")[0] != message:
                if time.monotonic() > end:
                    raise TimeoutError(f"the service didn't say {message}")

        await asyncio.to_thread(receive)

    def reload(self, process: Process) -> None:
        """What ``ExecReload=`` says."""
        command = self.service["ExecReload"].replace("$MAINPID", str(process.pid))
        subprocess.run(shlex.split(command), check=True)


@needs("systemd-analyze")
async def test_systemd_finds_nothing_wrong(site: Site) -> None:
    # It wants the program that is to be started, and needs no user.
    paths = [site.file(f"systemd/hello.{kind}") for kind in ("service", "socket")]
    with start(["systemd-analyze", "verify", "--man=no", *map(str, paths)]) as process:
        code = process.wait()
        ours = [line for line in process.stderr.splitlines() if "hello" in line]
        assert ours == []
        if code:
            pytest.skip(f"systemd-analyze can't work here: {process.stderr!r}")


async def test_times_and_codes_go_together(site: Site) -> None:
    service = Unit(site.file("systemd/hello.service"))["Service"]
    [graceful] = [option.default for option in OPTIONS if option.name == "graceful-timeout"]
    assert int(service["TimeoutStopSec"]) > graceful
    assert service["Type"] == "notify"
    assert service["KillMode"] == "mixed"
    assert service["RestartPreventExitStatus"] == "2 3"
    text = site.text("systemd/hello.service")
    assert f"--graceful-timeout ({graceful:g})" in text


async def test_reload_and_restart_lose_nothing(site: Site) -> None:
    with Systemd(site) as systemd, systemd.start() as first:
        await systemd.told("READY=1")
        async with Load(systemd.port, keep_alive=0, single=8, targets=TARGETS) as load:
            await wait_until(lambda: len(set(pids_of(load))) == 2)
            systemd.reload(first)
            await systemd.told("RELOADING=1")
            await wait_until(lambda: len(set(pids_of(load))) == 4)
            first.send_signal(signal.SIGTERM)
            await systemd.told("STOPPING=1")
            assert await asyncio.to_thread(first.wait) == 0
            # Nobody serves now, and nobody is refused.
            with systemd.start() as second:
                await wait_until(lambda: len(set(pids_of(load))) == 6)
                await load.stop()
                assert await asyncio.to_thread(second.stop) == 0
        print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
        assert (load.lost, load.refused) == ([], 0)


async def test_first_connection_may_come_before_the_service(site: Site) -> None:
    with Systemd(site) as systemd, socket.create_connection(("127.0.0.1", systemd.port), 20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        with systemd.start() as process:
            answer = await asyncio.to_thread(client.makefile("rb").read)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert await asyncio.to_thread(process.stop) == 0


async def test_watchdog_is_fed(site: Site) -> None:
    with Systemd(site) as systemd:
        systemd.service["WatchdogSec"] = "1"
        with systemd.start() as process:
            for _ in range(2):
                await systemd.told("WATCHDOG=1")
            assert await asyncio.to_thread(process.stop) == 0


async def test_application_that_cannot_be_imported_ends_with_a_code_that_prevents_the_restart(site: Site) -> None:
    (site.root / "hello.py").write_text("raise OSError('no database')\n")
    with Systemd(site) as systemd, systemd.start() as process:
        code = await asyncio.to_thread(process.wait)
        assert str(code) in systemd.service["RestartPreventExitStatus"].split()
