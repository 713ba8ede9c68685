"""Crews under load: started, counted, and looked after when they have ended."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.support.processes import Process, start_python
from tests.support.rawclient import RawClient

__all__ = [
    "Crew",
    "Load",
    "alive",
    "cpu_of",
    "descriptors_at_rest",
    "descriptors_of",
    "get",
    "memory_of",
    "start_crew",
    "start_lone",
    "stats_of",
    "wait_until",
]

_PROGRAMS = pathlib.Path(__file__).parent / "programs"


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie doesn't."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def memory_of(pid: int) -> int:
    """Resident octets."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    """Seconds of CPU time so far."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def descriptors_of(pid: int) -> int:
    """How many are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


async def descriptors_at_rest(pid: int) -> int:
    """How many are open when those of former connections have been closed."""
    counts = [descriptors_of(pid)]
    while len(counts) < 5 or len(set(counts[-5:])) > 1:
        await asyncio.sleep(0.03)
        counts.append(descriptors_of(pid))
    return counts[-1]


def get(target: str, *fields: str) -> bytes:
    """The octets of a request."""
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: test", *fields, "", ""]).encode()


async def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for what other processes do, of which no event tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Crew:
    """A running ``crew.py``."""

    def __init__(self, process: Process, workers: int) -> None:
        self.process = process
        self.port = process.wait_for_port()
        self._number = workers

    @property
    def pid(self) -> int:
        return self.process.pid

    def born(self) -> list[tuple[int, int, float]]:
        """(place or -1, process id, moment at which its loop ran) of each worker there has been, in that order."""
        lines = [line.split() for line in self.process.stdout.splitlines() if line.startswith("worker ")]
        return [(-1 if words[1] == "None" else int(words[1]), int(words[2]), float(words[3])) for words in lines]

    def pids(self) -> list[int]:
        return [pid for _, pid, _ in self.born()]

    async def started(self, count: int | None = None) -> list[int]:
        """Wait until so many workers have been there in all; their process ids."""
        count = self._number if count is None else count
        await wait_until(lambda: len(self.born()) >= count or self.process.popen.poll() is not None)
        assert len(self.born()) >= count, self.process._evidence()
        return self.pids()

    async def ended(self, exit_code: int = 0) -> None:
        """Wait for the end of the supervisor; nobody may be left."""
        await wait_until(lambda: self.process.popen.poll() is not None)
        assert self.process.wait() == exit_code, self.process._evidence()
        await self.nobody_left()

    async def nobody_left(self) -> None:
        await wait_until(lambda: not any(map(alive, self.pids())), 5)

    async def connect(self, **options: Any) -> RawClient:
        return await RawClient.connect(self.port, deadline=10, **options)


@contextlib.contextmanager
def start_crew(loop_name: str, workers: int = 2, program: str = "crew", **options: Any) -> Iterator[Crew]:
    """Run a program with ``options``; whoever of it lives at the end is killed."""
    arguments = json.dumps({"workers": workers, **options})
    env = {"ASYNCHTTP_LOOP": loop_name}
    if options.get("devmode"):
        env["PYTHONDEVMODE"] = "1"
    with start_python(str(_PROGRAMS / f"{program}.py"), arguments, env=env) as process:
        crew = Crew(process, workers)
        try:
            yield crew
        finally:
            for pid in [process.pid, *crew.pids()]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)


@contextlib.contextmanager
def start_lone(loop_name: str, **options: Any) -> Iterator[Crew]:
    """Run ``lone.py``, which is expected to have nothing to say on its stderr."""
    with start_crew(loop_name, 0, "lone", **options) as crew:
        crew.process.wait_for_line("^worker ")
        with socket.create_connection(("127.0.0.1", crew.port), timeout=20) as client:
            # uvloop opens a descriptor for its first connection, and keeps it.
            client.sendall(get("/", "Connection: close"))
            while client.recv(1000):
                pass
        yield crew
        crew.process.kill()
        assert crew.process.stderr == ""


async def stats_of(crew: Crew) -> dict[str, float]:
    """What a ``lone.py`` counts."""
    async with await crew.connect() as client:
        response = await client.request(get("/stats", "Connection: close"))
    figures: dict[str, float] = json.loads(response.body)
    return figures


@dataclasses.dataclass
class Load:
    """Clients that send requests as fast as they are answered, and look at each answer.

    Args:
        keep_alive: clients that use a connection for as long as the server lets them.
        single: clients that make a connection for each request.
        uds: UNIX socket to connect to, instead of the port.
    """

    port: int
    keep_alive: int = 8
    single: int = 8
    targets: tuple[str, ...] = ("/pid",)
    method: str = "GET"
    uds: str | None = None
    served: int = 0
    refused: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)
    workers: Counter[bytes] = dataclasses.field(default_factory=Counter)
    longest: float = 0.0

    async def __aenter__(self) -> "Load":
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._client(True)) for _ in range(self.keep_alive)]
        self._tasks += [asyncio.create_task(self._client(False)) for _ in range(self.single)]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def reach(self, count: int) -> None:
        """Wait until so many more requests were served."""
        goal = self.served + count
        await wait_until(lambda: self.served >= goal)

    async def all_refused(self) -> None:
        """Wait until no client can connect any more."""
        await wait_until(lambda: self.refused >= self.keep_alive + self.single)

    async def _client(self, keep_alive: bool) -> None:
        while not self._stop.is_set():
            try:
                client = await RawClient.connect(self.port, deadline=15, uds=self.uds)
            except ConnectionRefusedError:
                self.refused += 1
                await asyncio.sleep(0.02)
                continue
            except OSError as error:
                self.lost.append(f"connect: {error!r}")
                continue
            async with client:
                await self._use(client, keep_alive)

    async def _use(self, client: RawClient, keep_alive: bool) -> None:
        number = 0
        while not self._stop.is_set():
            line = f"{self.method} {self.targets[number % len(self.targets)]}".encode()
            number += 1
            close = b"" if keep_alive else b"Connection: close\r\n"
            started = time.monotonic()
            try:
                response = await client.request(b"%b HTTP/1.1\r\nHost: test\r\n%b\r\n" % (line, close))
            except (OSError, EOFError, TimeoutError) as error:
                self.lost.append(f"request {number} on a connection: {error!r}")
                return
            self.longest = max(self.longest, time.monotonic() - started)
            if response.status != 200 or not response.body:
                self.lost.append(f"request {number}: {response.status} {response.body!r}")
            self.served += 1
            self.workers[response.body] += 1
            if not keep_alive or response.has_token("Connection", "close"):
                return
