"""A server as a process: started on its core, asked whether it is ready, ended with all that it started."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from bench.catalog import Server
from bench.cpu import children_on, process_tree
from bench.memory import resident
from bench.work import BenchError

ROOT = Path(__file__).resolve().parent.parent

#: Seconds in which a server must say that it is ready; many start at once on one core.
START_TIMEOUT = 30.0

#: Left out of the servers' environment: they would change what is measured.
_UNWANTED = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONTRACEMALLOC",
    "PYTHONPROFILEIMPORTTIME",
    "ASYNCHTTP_LOOP",
)


class NotStarted(BenchError):
    """A server that can't be compared with the others, through no fault of theirs."""


class ServerProcess:
    """A context manager around one server program. ``await_ready`` comes before ``port`` and ``pids``.

    Args:
        cores: where it runs; none: anywhere.
        options: what it is started with, beside those of its row in the table.
    """

    def __init__(self, server: Server, cores: Sequence[int], options: Sequence[str] = ()) -> None:
        self.server = server
        self.port = 0
        #: octets of resident memory when it said that it is ready
        self.first_memory = 0
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")
        environment = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        environment["TMPDIR"] = self._directory.name
        with children_on(*cores):
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"bench.servers.{server.module}", *server.options, *options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                start_new_session=True,  # Ctrl-C is for the runner; and the group can be killed as one
            )

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._complaints.close()
        self._directory.cleanup()

    def await_ready(self) -> None:
        """Wait for ``ready PORT``. Raises NotStarted with what the server said instead."""
        assert self._process.stdout is not None
        output, said = self._process.stdout.fileno(), b""
        deadline = time.monotonic() + START_TIMEOUT
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(output, 1024) if readable else b""
            if not data:
                why = "ended" if readable else f"was not ready within {START_TIMEOUT:g} s"
                raise NotStarted(f"{self.server.name} {why}:\n{self.complaints()}")
            said += data
        word, _, port = said.decode().strip().partition(" ")
        if word != "ready" or not port.isdecimal():
            raise NotStarted(f"{self.server.name} said {said!r} instead of 'ready PORT'")
        self.port = int(port)
        self.first_memory = resident(self.pids())

    def pids(self) -> list[int]:
        """The process and what it started. Raises BenchError if it has ended."""
        if self._process.poll() is not None:
            code = self._process.returncode
            raise BenchError(f"{self.server.name} ended with code {code}:\n{self.complaints()}")
        return process_tree(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def complaints(self) -> str:
        """The last lines that it wrote to its standard error, empty for a good server."""
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        self._complaints.seek(0, os.SEEK_END)
        return "\n".join(lines[-15:])
