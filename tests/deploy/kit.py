"""A directory in the place of ``/srv/hello``, and the examples in it with the ports and paths of the test."""

import contextlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping

import aiohttp
import pytest

from tests.faults.kit import Load, wait_until
from tests.support.processes import ROOT, Process, start

__all__ = [
    "EXAMPLES",
    "TARGETS",
    "Site",
    "accepting",
    "ask",
    "children_of",
    "needs",
    "pids_of",
    "program",
    "site_in",
    "two_ports",
]

EXAMPLES = ROOT / "examples" / "deploy"

# Where those of an administrator are, which aren't in everybody's PATH.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

#: Of a load: one that tells its process, and one that a fault may hit in its middle. A pause in every second request
#: leaves the processors to those that are being started.
TARGETS = ("/", "/slow?seconds=0.1")

_COMMAND = re.compile(r"^[#;] +(/srv/hello/\.venv/bin/asynchttp .+)$", re.MULTILINE)


def program(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(program(name) is None, reason=f"{name} isn't installed")


class Site:
    """Stands for ``/srv/hello``.

    Attributes:
        root: what it is here.
        run: stands for ``/run/hello``; short, since the path of a UNIX socket has at most 107 octets.
        changes: what else is replaced in every example that has it.
    """

    def __init__(self, root: pathlib.Path, run: pathlib.Path) -> None:
        self.root = root
        self.run = run
        self.changes = {"/srv/hello": str(root), "/run/hello": str(run)}
        for directory in ("static", ".venv/bin", "etc"):
            (root / directory).mkdir(parents=True)
        shutil.copy(EXAMPLES / "hello.py", root)
        (root / "static" / "a.txt").write_text("a file\n")
        command = root / ".venv" / "bin" / "asynchttp"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m asynchttp "$@"\n')
        command.chmod(0o755)

    def file(self, name: str, changes: Mapping[str, str] | None = None) -> pathlib.Path:
        """A file of the examples, with ``changes``, each of which must find something to change."""
        path = self.root / "etc" / pathlib.Path(name).name
        path.write_text(self.text(name, changes))
        return path

    def text(self, name: str, changes: Mapping[str, str] | None = None) -> str:
        return self._changed((EXAMPLES / name).read_text(), changes or {})

    def commands(self, name: str, changes: Mapping[str, str] | None = None) -> list[list[str]]:
        """The servers that an example says have to run, in its comments."""
        found = _COMMAND.findall((EXAMPLES / name).read_text())
        assert found
        return [shlex.split(line) for line in self._changed("\n".join(found), changes or {}).splitlines()]

    def _changed(self, text: str, changes: Mapping[str, str]) -> str:
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text

    @contextlib.contextmanager
    def serving(self, *commands: list[str], env: Mapping[str, str] | None = None) -> Iterator[list[Process]]:
        """Servers, when they accept."""
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(start(command, env=env)) for command in commands]
            for process in processes:
                process.wait_for_line("listening on")
            yield processes

    @contextlib.contextmanager
    def nginx(self, *files: pathlib.Path, prefix: tuple[str, ...] = ()) -> Iterator[Process]:
        """nginx with ``files`` in its ``http`` block, when it accepts.

        Args:
            prefix: a command that runs it.
        """
        directory = self.root / "nginx"
        directory.mkdir()
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        main = [
            # It would be nobody, who can't look into the directories of tests.
            "user root;" if os.geteuid() == 0 else "",
            f"daemon off; pid {directory}/pid; worker_processes 1;",
            "events { worker_connections 512; }",
            "http { access_log off;",
            *(f"{name}_temp_path {directory}/{name};" for name in names),
            *(f"include {path};" for path in files),
            "}",
        ]
        (directory / "nginx.conf").write_text("\n".join(main))
        nginx = program("nginx")
        assert nginx
        arguments = [nginx, "-p", str(directory), "-c", "nginx.conf", "-e", "stderr", "-g", "error_log stderr notice;"]
        with start([*prefix, *arguments]) as process:
            process.wait_for_line("start worker process ", "stderr")
            try:
                yield process
            finally:
                # Killed, it would leave its workers.
                process.stop()


@contextlib.contextmanager
def site_in(tmp_path: pathlib.Path) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="hello-") as run:
        yield Site(tmp_path / "hello", pathlib.Path(run))


def two_ports() -> tuple[int, int]:
    """Two free ports that differ in their last digit only, which are 1 and 2.

    Below those that the kernel gives to clients: between the end of a server and the start of its successor on the same
    port, some connection of the load would get it.
    """
    while True:
        first = random.randrange(20_000, 32_000, 10) + 1
        try:
            with contextlib.ExitStack() as stack:
                for port in (first, first + 1):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        return first, first + 1


async def accepting(port: int) -> None:
    """Wait until somebody accepts on ``port``: of programs that don't say when they do."""

    def connects() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    await wait_until(connects)


async def ask(url: str, **options: object) -> dict[str, object]:
    """What ``hello.py`` tells."""
    async with aiohttp.ClientSession() as session, session.get(url, **options) as response:  # type: ignore[arg-type]
        assert response.status == 200
        told = await response.json()
        assert isinstance(told, dict)
        return told


def children_of(pid: int) -> set[int]:
    """The processes that ``pid`` started and that are there now: the workers of a supervisor."""
    return set(map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def pids_of(load: Load) -> list[int]:
    """The processes of ``hello.py`` that have answered, by their first answer."""
    return [json.loads(body)["process"] for body in load.workers if body.startswith(b"{")]
