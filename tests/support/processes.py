"""Real processes: started, listened to, signalled, and never left behind."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self

__all__ = ["ROOT", "Process", "run_python", "start", "start_python"]

#: The directory of the checkout: the working directory of what is started, and on its ``PYTHONPATH``.
ROOT = pathlib.Path(__file__).resolve().parents[2]

# Those of a developer's shell would decide what a test finds.
_UNSET = ("ASYNCHTTP_LOOP", "PYTHONUNBUFFERED", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE")


class Process:
    """A child process with its output collected by two threads.

    Use it as a context manager: a child that still runs at the end is killed. Each wait has a deadline; its
    ``TimeoutError`` shows what the child has printed until then.
    """

    def __init__(self, popen: subprocess.Popen[str], deadline: float) -> None:
        self.popen = popen
        self.deadline = deadline
        self._changed = threading.Condition()
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        assert popen.stdout is not None
        assert popen.stderr is not None
        self._threads = [
            threading.Thread(target=self._collect, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", popen.stdout), ("stderr", popen.stderr))
        ]
        self._open = len(self._threads)
        for thread in self._threads:
            thread.start()

    def _collect(self, name: str, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines[name].append(line)
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def stdout(self) -> str:
        with self._changed:
            return "".join(self._lines["stdout"])

    @property
    def stderr(self) -> str:
        with self._changed:
            return "".join(self._lines["stderr"])

    def wait_for_line(self, pattern: str, stream: str = "stdout") -> re.Match[str]:
        """Wait until a line of ``stream`` matches ``pattern`` (``re.search``).

        Raises ``EOFError`` when the child ended without it.
        """
        end = time.monotonic() + self.deadline
        with self._changed:
            while True:
                for line in self._lines[stream]:
                    if match := re.search(pattern, line):
                        return match
                if not self._open:
                    raise EOFError(f"ended without printing {pattern!r}\n{self._evidence()}")
                if not self._changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"didn't print {pattern!r}\n{self._evidence()}")

    def wait_for_port(self) -> int:
        """Wait until it printed the address that it listens on; return the port."""
        return int(self.wait_for_line(r"listening on \w+://\S*:(\d+)")[1])

    def send_signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code, and have all of the output."""
        try:
            code = self.popen.wait(self.deadline)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still runs\n{self._evidence()}") from None
        for thread in self._threads:
            thread.join(self.deadline)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send ``number``, wait for the end, return the exit code."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it with SIGKILL, for a look at what it printed until now and nothing that it says at its end."""
        self.popen.kill()
        self.wait()

    def _evidence(self) -> str:
        stdout, stderr = ("".join(self._lines[name]) for name in ("stdout", "stderr"))
        return f"stdout: {stdout!r}\nstderr: {stderr!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(self.deadline)
        for thread in self._threads:
            thread.join(self.deadline)


def start(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] = ROOT,
    deadline: float = 20.0,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start ``arguments`` in ``cwd`` with our package importable; ``env`` is added to the environment.

    The deadline is generous because an interpreter's start is slow on a busy machine.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _UNSET}
    environment["PYTHONPATH"] = str(ROOT)
    environment.update(env or {})
    popen = subprocess.Popen(
        list(arguments),
        cwd=cwd,
        env=environment,
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    return Process(popen, deadline)


def start_python(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] = ROOT,
    deadline: float = 20.0,
) -> Process:
    """Start this interpreter; a warning in the child is an error there, as it is here."""
    return start([sys.executable, "-W", "error", *arguments], env=env, cwd=cwd, deadline=deadline)


def run_python(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] = ROOT,
    deadline: float = 20.0,
) -> tuple[int, str, str]:
    """Run this interpreter to its end: exit code, stdout, stderr."""
    with start_python(*arguments, env=env, cwd=cwd, deadline=deadline) as process:
        code = process.wait()
        return code, process.stdout, process.stderr
