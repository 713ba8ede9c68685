"""The conformance cases on other servers: ``python -m tests.conformance.peers [SERVER ...]``.

Each server is a process of its own, with the same echoing application. A server that isn't installed is named and left
out. The table has a line for each section and a column for each server::

    2/1/3    rules that it broke:  2 that MUST be kept / 1 that SHOULD / 3 that couldn't be judged

By the letter of the RFCs: what they leave open counts for nobody, and our own decisions count for us only in
``test_conformance``. Where a silence decided, the case is tried a second time, alone and with more patience.
"""

import argparse
import asyncio
import collections
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

from tests.conformance.case import Case, Later, Level
from tests.conformance.catalog import CASES
from tests.conformance.drive import Fate, Observed, drive
from tests.conformance.judge import Judgement, Verdict, judge
from tests.support.ports import free_port
from tests.support.processes import ROOT
from tests.support.rawclient import RawClient

__all__ = ["SERVERS", "Server", "main"]

#: Seconds in which a server must listen.
START_TIMEOUT = 20.0
#: Seconds of silence that count as an answer of its own; the first time, and when the case is tried again.
PATIENCE = (1.0, 2.5)
#: Connections at a time: fewer than the workers of the servers that serve one connection each.
CONNECTIONS = 6
#: Seconds between the pieces of a case, so that the server sees each of them alone.
PAUSE = 0.03

#: Of a case that turns the clock: only ours can be turned, and such cases are ours only.
_NOT_TRIED = Observed((), Fate.SILENT)

_APPS = "tests.conformance.apps"


@dataclasses.dataclass(frozen=True)
class Server:
    """How to start one server; ``{port}`` stands for the port."""

    name: str
    #: what must be importable
    modules: tuple[str, ...]
    arguments: str

    @property
    def missing(self) -> list[str]:
        return [module for module in self.modules if importlib.util.find_spec(module) is None]

    @property
    def versions(self) -> str:
        found = []
        for module in self.modules:
            try:
                found.append(f"{module} {importlib.metadata.version(module)}")
            except importlib.metadata.PackageNotFoundError:
                found.append(module)
        return ", ".join(found)

    def start(self, port: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", *self.arguments.format(port=port).split()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it may have workers: they are ended with it, as one group
        )


_UVICORN = f"uvicorn {_APPS}.asgi:application --port {{port}} --lifespan off --ws none --log-level critical --http"
_GUNICORN = f"gunicorn {_APPS}.wsgi:application -b 127.0.0.1:{{port}} --log-level critical"

SERVERS = (
    Server("asynchttp", ("asynchttp",), f"{_APPS}.ours --port {{port}}"),
    Server("tornado", ("tornado",), f"{_APPS}.on_tornado --port {{port}}"),
    Server("aiohttp", ("aiohttp",), f"{_APPS}.on_aiohttp --port {{port}}"),
    Server("uvicorn+httptools", ("uvicorn", "httptools"), f"{_UVICORN} httptools"),
    Server("uvicorn+h11", ("uvicorn", "h11"), f"{_UVICORN} h11"),
    Server("gunicorn sync", ("gunicorn",), f"{_GUNICORN} -k sync -w {CONNECTIONS + 2}"),
    Server("gunicorn gthread", ("gunicorn",), f"{_GUNICORN} -k gthread --threads 32"),
    Server(
        "granian",
        ("granian",),
        f"granian {_APPS}.asgi:application --interface asgi --port {{port}} --workers 1 --no-ws --no-log",
    ),
    Server(
        "hypercorn", ("hypercorn",), f"hypercorn {_APPS}.asgi:application -b 127.0.0.1:{{port}} --log-level critical"
    ),
)


async def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START_TIMEOUT
    while True:
        try:
            async with await RawClient.connect(port):
                return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"it ended with code {process.returncode}") from None
            if time.monotonic() > end:
                raise RuntimeError(f"it doesn't listen after {START_TIMEOUT:g} s") from None
            await asyncio.sleep(0.05)


async def _observe(case: Case, port: int, patience: float) -> Observed:
    async with await RawClient.connect(port, deadline=patience) as client:
        return await drive(case, client, case.pieces, lambda: asyncio.sleep(PAUSE if len(case.pieces) > 1 else 0))


async def _run(cases: Sequence[Case], port: int) -> list[Judgement]:
    turn = asyncio.Semaphore(CONNECTIONS)

    async def run(case: Case, patience: float) -> Observed:
        if any(isinstance(piece, Later) for piece in case.pieces):
            return _NOT_TRIED
        async with turn:
            try:
                return await _observe(case, port, patience)
            except (TimeoutError, ConnectionError) as error:
                return Observed((), Fate.SILENT, f"no connection: {error!r}")

    seen = await asyncio.gather(*[run(case, PATIENCE[0]) for case in cases])
    for index, case in enumerate(cases):
        if seen[index].fate is Fate.SILENT and judge(case, seen[index]).verdict is Verdict.BROKEN:
            seen[index] = await run(case, PATIENCE[1])
    return [judge(case, observed) for case, observed in zip(cases, seen, strict=True)]


async def examine(server: Server, cases: Sequence[Case]) -> list[Judgement]:
    """Start ``server``, run all cases, end it.  Raises ``RuntimeError`` if it doesn't start."""
    port = free_port()
    process = server.start(port)
    try:
        await _wait_until_it_listens(process, port)
        return await _run(cases, port)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def _section_key(section: str) -> list[int]:
    return [int(number) for number in section.replace("-", ".").split(".")]


def _cell(cases: Iterable[Case], judgements: Iterable[Judgement]) -> str:
    broken: collections.Counter[Level] = collections.Counter()
    unjudged = 0
    for case, judgement in zip(cases, judgements, strict=True):
        if judgement.verdict is Verdict.BROKEN:
            broken[case.level] += 1
        elif judgement.verdict is Verdict.OPEN:
            unjudged += 1
    if not (broken or unjudged):
        return "·"
    return f"{broken[Level.MUST]}/{broken[Level.SHOULD]}/{unjudged}"


def table(cases: Sequence[Case], results: dict[str, list[Judgement]]) -> str:
    """The table, as Markdown."""
    names = list(results)
    lines = [["section", "cases", *names]]
    for section in sorted({case.section for case in cases}, key=_section_key):
        chosen = [index for index, case in enumerate(cases) if case.section == section]
        mine = [cases[index] for index in chosen]
        lines.append(
            [section, str(len(mine)), *[_cell(mine, [results[name][index] for index in chosen]) for name in names]]
        )
    lines.append(["all", str(len(cases)), *[_cell(cases, results[name]) for name in names]])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def broken_rules(cases: Sequence[Case], judgements: Sequence[Judgement], level: Level) -> list[str]:
    """The ids of the rules of ``level`` that were broken, with what happened."""
    return [
        f"{case.id}: {judgement.reason}"
        for case, judgement in zip(cases, judgements, strict=True)
        if judgement.verdict is Verdict.BROKEN and case.level is level
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 if we break a rule that MUST be kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.peers", description=__doc__.split("\n\n")[0].partition(":")[0]
    )
    names = [server.name for server in SERVERS]
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"of: {', '.join(names)} (default: all)")
    parser.add_argument("--only", metavar="TEXT", help="cases whose id begins so, for example 9112-7.1")
    parser.add_argument("--should", action="store_true", help="list the broken SHOULDs too")
    parser.add_argument("--json", metavar="FILE", help="write every judgement there")
    given = parser.parse_args(arguments)
    if unknown := set(given.servers) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    cases = [case for case in CASES if not given.only or case.id.startswith(given.only)]
    results: dict[str, list[Judgement]] = {}
    for server in SERVERS:
        if given.servers and server.name not in given.servers:
            continue
        if server.missing:
            print(f"left out: {server.name}: no module {', '.join(server.missing)}", file=sys.stderr)
            continue
        begin = time.monotonic()
        try:
            results[server.name] = asyncio.run(examine(server, cases))
        except RuntimeError as error:
            print(f"left out: {server.name}: {error}", file=sys.stderr)
            continue
        print(f"{server.name} ({server.versions}): {time.monotonic() - begin:.0f} s", file=sys.stderr)
    print("\nbroken MUST / broken SHOULD / not judged\n")
    print(table(cases, results))
    for level in (Level.MUST, Level.SHOULD) if given.should else (Level.MUST,):
        for name, judgements in results.items():
            lines = broken_rules(cases, judgements, level)
            print(f"\n{name}: {len(lines)} broken {level}", *lines, sep="\n    ")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(
                {
                    name: {
                        case.id: [case.level, judgement.verdict.name, judgement.reason]
                        for case, judgement in zip(cases, judgements, strict=True)
                    }
                    for name, judgements in results.items()
                },
                file,
                indent=1,
            )
    ours = results.get("asynchttp")
    return int(ours is not None and bool(broken_rules(cases, ours, Level.MUST)))


if __name__ == "__main__":
    sys.exit(main())
