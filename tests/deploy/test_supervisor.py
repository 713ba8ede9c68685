"""supervisord with the programs of the examples: one port for each process, and one socket for all."""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.kit import TARGETS, Site, accepting, needs, pids_of, two_ports
from tests.faults.kit import Load, alive, wait_until
from tests.support.processes import Process, start

pytest.importorskip("supervisor", reason="supervisor isn't installed")

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


class Supervisor:
    """A running supervisord, told what to do by its own supervisorctl."""

    def __init__(self, site: Site, *files: pathlib.Path) -> None:
        self._conf = site.root / "etc" / "supervisord.conf"
        self._socket = site.run / "supervisor.sock"
        self._conf.write_text(
            f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={site.run}/supervisord.pid\n"
            f"childlogdir={site.run}\n"
            f"[unix_http_server]\nfile={self._socket}\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[supervisorctl]\nserverurl=unix://{self._socket}\n"
            f"[include]\nfiles = {' '.join(map(str, files))}\n"
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[Process]:
        with start([sys.executable, "-m", "supervisor.supervisord", "-c", str(self._conf)]) as process:
            try:
                yield process
            finally:
                # Killed, it would leave its processes.
                process.stop()

    async def control(self, *arguments: str) -> str:
        """The output of ``supervisorctl``."""

        def run() -> str:
            command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._conf), *arguments]
            with start(command) as process:
                process.wait()
                return process.stdout

        return await asyncio.to_thread(run)

    async def status(self) -> dict[str, str]:
        """The state of each process."""
        lines = (await self.control("status")).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    async def runs(self) -> None:
        """Wait until it listens to us, and all of its programs run."""
        await wait_until(self._socket.exists)
        async with asyncio.timeout(30):
            while set((await self.status()).values()) != {"RUNNING"}:
                pass

    async def new_code(self, example: str) -> None:
        """Do what the text of the example says has to be typed then."""
        match = re.search(r"^;   for n in .*?^;   done$", example, re.MULTILINE | re.DOTALL)
        assert match
        command = " ".join([sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._conf)])
        script = match[0].replace(";   ", "").replace("supervisorctl", command)
        with start(["sh", "-ec", script], deadline=40) as process:
            assert await asyncio.to_thread(process.wait) == 0
            assert process.stdout.count(": started") == 2, process.stdout + process.stderr

    async def pid(self, name: str) -> int:
        return int(await self.control("pid", name))


def changes(site: Site) -> dict[str, str]:
    # A user of this name needn't exist, and only root could become him.
    return {"user=hello\n": "", "/var/log": str(site.run)}


@needs("nginx")
@needs("curl")
async def test_ports_behind_nginx(site: Site) -> None:
    """Restarted one by one, and one killed, which is back in a second: no GET is lost, by nginx's second try."""
    one, two = two_ports()
    port, _ = two_ports()
    upstream = site.file("nginx/upstream-ports.conf", {"8001": str(one), "8002": str(two)})
    server = site.file("nginx/hello.conf", {"listen 80;": f"listen 127.0.0.1:{port};"})
    tens = one // 10
    ports = {"--port 800": f"--port {tens}", "127.0.0.1:800": f"127.0.0.1:{tens}"}
    conf = site.file("supervisor/ports.conf", {**changes(site), **ports})
    supervisor = Supervisor(site, conf)
    with supervisor.running(), site.nginx(upstream, server):
        await supervisor.runs()
        for each in (one, two):
            await accepting(each)
        async with Load(port, keep_alive=4, single=4, targets=TARGETS) as load:
            await wait_until(lambda: len(set(pids_of(load))) == 2)
            await supervisor.new_code(site.text("supervisor/ports.conf", ports))
            await wait_until(lambda: len(set(pids_of(load))) >= 4)
            pid = await supervisor.pid("hello:hello-2")
            os.kill(pid, signal.SIGKILL)
            await wait_until(lambda: not alive(pid))
            await wait_until(lambda: len(set(pids_of(load))) >= 5)
        print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
        assert load.lost == []


async def test_socket_that_the_supervisor_holds(site: Site) -> None:
    """Restarted one by one: nothing is lost, POST neither, and nobody is refused, without any proxy."""
    port, _ = two_ports()
    conf = site.file("supervisor/socket.conf", {**changes(site), "127.0.0.1:8000": f"127.0.0.1:{port}"})
    supervisor = Supervisor(site, conf)
    with supervisor.running():
        await supervisor.runs()
        # Connections that are kept may end in the very moment in which a client sends: only what was begun is promised.
        async with Load(port, keep_alive=0, single=8, targets=TARGETS, method="POST") as load:
            await wait_until(lambda: len(set(pids_of(load))) == 2)
            await supervisor.new_code(site.text("supervisor/socket.conf"))
            await wait_until(lambda: len(set(pids_of(load))) >= 4)
            assert (load.lost, load.refused) == ([], 0)
            pid = await supervisor.pid("hello:hello-2")
            os.kill(pid, signal.SIGKILL)
            await wait_until(lambda: len(set(pids_of(load))) >= 5)
        print(f"lost {len(load.lost)} of {load.served}; longest {load.longest:.2f} s")
        # What it was serving, and nothing that waited.
        assert len(load.lost) <= 8
        assert load.refused == 0


async def test_application_that_cannot_be_imported_is_not_tried_for_ever(site: Site) -> None:
    port, _ = two_ports()
    conf = site.file("supervisor/socket.conf", {**changes(site), "127.0.0.1:8000": f"127.0.0.1:{port}"})
    (site.root / "hello.py").write_text(
        "import time\nprint('imported', flush=True)\ntime.sleep(1.5)  # above startsecs\nraise OSError('no database')\n"
    )
    supervisor = Supervisor(site, conf)
    with supervisor.running() as process:
        await asyncio.to_thread(process.wait_for_line, "exited: hello-1 .*exit status 3; expected")
        await asyncio.to_thread(process.wait_for_line, "exited: hello-2 .*exit status 3; expected")
        assert set((await supervisor.status()).values()) == {"EXITED"}
    assert process.stdout.count("spawned: ") == 2
