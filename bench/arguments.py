"""The command line of ``python -m bench``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.catalog import BASE
from bench.http_scenarios import ROWS
from bench.scripts import SCRIPTS
from bench.servers._streams import PIECE

#: Largest ``--size``: below the limits that the echo servers put on a line.
MAX_SIZE = 1_000_000

#: Longest ``--pause`` in ms: what lies in the kernel's buffers must be read within the generator's patience.
MAX_PAUSE = 100

#: What is measured, in the order of ``all``.
WORKS = ("http", "echo", "bulk", "churn", "idle", "latency", "workers")


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(prog="python -m bench", description="Compare servers on this machine.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="name the servers and the HTTP rows, and what is left out here")
    listing.add_argument("work", nargs="?", choices=WORKS, metavar="WORK", help=f"one of {', '.join(WORKS)}")

    http = commands.add_parser("http", help="requests of several shapes over HTTP/1.1")
    http.add_argument(
        "--rows",
        type=_list_of(_row),
        default=["hello"],
        metavar="NAME,…",
        help="what is asked, `list` names them; `all` (default: hello)",
    )
    http.add_argument("--generator", choices=("auto", "wrk", "own"), default="auto", help="default: wrk if installed")
    _common(http, connections=None)

    echo = commands.add_parser("echo", help="lines, or so many octets, that come back")
    echo.add_argument(
        "--size",
        type=_list_of(_size),
        default=[1024],
        metavar="OCTETS,…",
        help="of a line, newline included (default: 1024)",
    )
    echo.add_argument(
        "--read",
        type=_list_of(_read),
        default=["until"],
        metavar="until|bytes",
        help="the server looks for the newline, or knows the size; both with a comma (default: until)",
    )
    _tls(echo)
    _common(echo, connections=16)

    bulk = commands.add_parser("bulk", help="a stream without end, read in pieces of 1 MiB: rate and memory")
    bulk.add_argument(
        "--max-buffer-size",
        type=_list_of(_buffer_size),
        default=[4 * PIECE],
        metavar="OCTETS,…",
        help=f"that a server may hold for a read (default: {4 * PIECE})",
    )
    bulk.add_argument(
        "--pause",
        type=_milliseconds,
        default=0,
        metavar="MS",
        help="the server turns to something else for so long after each piece (default: 0)",
    )
    _tls(bulk)
    _common(bulk, connections=1)

    churn = commands.add_parser("churn", help="a new connection for each request")
    _tls(churn)
    _common(churn, connections=16)

    idle = commands.add_parser("idle", help="memory of connections that were used once and are left alone")
    _tls(idle)
    _common(idle, connections=None)
    idle.set_defaults(connections=[1000, 10000])
    idle.add_argument(
        "--connections", type=_list_of(_positive), metavar="N,…", help="at the same time (default: 1000,10000)"
    )

    latency = commands.add_parser("latency", help="percentiles under a fixed rate, from the intended instants on")
    latency.add_argument(
        "--rate",
        type=_list_of(_positive),
        default=[2000, 5000],
        metavar="N,…",
        help="requests per second (default: 2000,5000)",
    )
    _common(latency, connections=64)

    workers = commands.add_parser("workers", help="hello from several processes of each server")
    workers.add_argument(
        "--workers", type=_list_of(_positive), default=[1, 2], metavar="N,…", help="processes (default: 1,2)"
    )
    _common(workers, connections=64)

    everything = commands.add_parser("all", help="all of these, as in the README: takes an hour or two")
    everything.add_argument(
        "--works", type=_list_of(_work), default=list(WORKS), metavar="WORK,…", help="only these (default: all)"
    )
    _common(everything, connections=None)

    counted = commands.add_parser(
        "instructions", help="of each request, counted by valgrind: what a change did to the code alone"
    )
    counted.add_argument(
        "--scripts", type=_list_of(_script), default=list(SCRIPTS), metavar="NAME,…", help=f"of {', '.join(SCRIPTS)}"
    )
    counted.add_argument("--requests", type=_positive, default=1000, help="that are counted (default: %(default)s)")
    counted.add_argument("--before", default="", metavar="COMMIT", help="count that one's asynchttp too, and compare")

    report = commands.add_parser("report", help="print a stored run again")
    report.add_argument("file", type=Path, help="what --json wrote")
    report.add_argument("--charts", type=Path, metavar="DIR", help="and draw it again, as SVG and PNG")

    compare = commands.add_parser("compare", help="what changed between two stored runs, and is it noise?")
    compare.add_argument("old", type=Path)
    compare.add_argument("new", type=Path)

    readme = commands.add_parser("readme", help="put a stored run and its charts into bench/README.md")
    readme.add_argument("file", type=Path, help="what --json wrote")
    return top


def _tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls", action="store_true", help="over TLS, with a certificate made for the run")


def _common(parser: argparse.ArgumentParser, connections: int | None) -> None:
    parser.add_argument("--rounds", type=_positive, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=_seconds, default=1.0, help="of each measurement (default: %(default)g)")
    parser.add_argument(
        "--fresh", action="store_true", help="new processes of the servers for each measurement, one at a time"
    )
    if connections is not None:
        parser.add_argument("--connections", type=_positive, default=connections, help="default: %(default)s")
    parser.add_argument(
        "--only",
        type=_list_of(str),
        default=[],
        metavar="NAME,…",
        help=f"these servers, * as in a shell; {BASE} always takes part",
    )
    parser.add_argument("--without", type=_list_of(str), default=[], metavar="NAME,…", help="not these servers")
    parser.add_argument(
        "--versus", metavar="NAME", help="its rate is what rates are compared with (default: tornado; of bulk streams)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="store the raw samples, machine and versions")
    parser.add_argument("--charts", type=Path, metavar="DIR", help="draw the run, as SVG and PNG")


T = TypeVar("T")


def _list_of(kind: Callable[[str], T]) -> Callable[[str], list[T]]:
    """An argparse type: what ``kind`` makes of each part between commas."""

    def values(text: str) -> list[T]:
        return [kind(part) for part in text.split(",")]

    values.__name__ = f"list of {kind.__name__.strip('_')}"  # for argparse's messages
    return values


def _row(text: str) -> str:
    return _one_of(text, (*ROWS, "all"))


def _read(text: str) -> str:
    return _one_of(text, ("until", "bytes"))


def _script(text: str) -> str:
    return _one_of(text, tuple(SCRIPTS))


def _work(text: str) -> str:
    return _one_of(text, WORKS)


def _one_of(text: str, names: tuple[str, ...]) -> str:
    if text not in names:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(names)}")
    return text


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _size(text: str) -> int:
    number = _positive(text)
    if number > MAX_SIZE:
        raise argparse.ArgumentTypeError(f"{number} is more than {MAX_SIZE}")
    return number


def _buffer_size(text: str) -> int:
    number = int(text)
    if number < 2 * PIECE:  # Tornado reads 64 KiB too much, asyncio's streams have a limit of half of it
        raise argparse.ArgumentTypeError(f"{number} is less than two pieces, {2 * PIECE}")
    return number


def _milliseconds(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_PAUSE:
        raise argparse.ArgumentTypeError(f"{number} is not between 0 and {MAX_PAUSE}")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600")
    return seconds
