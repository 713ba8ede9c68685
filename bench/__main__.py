"""``python -m bench http|echo|bulk|report``: see ``README.md`` in this directory."""

import argparse
import contextlib
import datetime
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from bench import machine, wrk
from bench.catalog import BASE, BULK_SERVERS, ECHO_SERVERS, HTTP_SERVERS, Server, choose
from bench.certificates import certificate
from bench.cpu import choose_cores
from bench.load import OwnGenerator
from bench.report import Report, read
from bench.runner import Progress, Settings, run
from bench.scenarios import HEADERS, Scenario, bulk_scenario, echo_scenario, http_scenario
from bench.servers._streams import PIECE
from bench.tls import Certificate
from bench.work import BenchError, Generator

SERVERS = {"http": HTTP_SERVERS, "echo": ECHO_SERVERS, "bulk": BULK_SERVERS}

#: Largest ``--size``: below the limits that the echo servers put on a line.
MAX_SIZE = 1_000_000

#: Longest ``--pause`` in ms: what lies in the kernel's buffers must be read within the generator's patience.
MAX_PAUSE = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks.

    Returns: 0; 1 for a run that can't be trusted; 2 for one that can't be asked for; 130 when interrupted.
    """
    given = _parser().parse_args(arguments)
    with contextlib.ExitStack() as resources:
        try:
            if given.work == "report":
                print(read(given.file).text())
                return 0
            if sys.platform != "linux":
                raise BenchError("needs Linux: it reads the CPU clocks of other processes and pins them to cores")
            chosen = choose(SERVERS[given.work], given.only)
            if given.list:
                print(_listing(chosen))
                return 0
            generator = _generator(given)
            vouched = resources.enter_context(certificate()) if given.tls else None
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        try:
            with _progress() as progress:
                report = _measure(given, chosen, _scenarios(given, vouched), generator, progress)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("bench: interrupted; nothing is kept", file=sys.stderr)
            return 130
    print(report.text())
    if given.json:
        report.write(given.json)
        print(f"\nRaw samples are in {given.json}")
    return 0


def _measure(
    given: argparse.Namespace,
    chosen: Sequence[Server],
    scenarios: Sequence[Scenario],
    generator: Generator,
    progress: Progress,
) -> Report:
    server_core, load_core = choose_cores()
    settings = Settings(given.rounds, given.seconds, given.connections, server_core, load_core)
    load_average = os.getloadavg()[0]
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    result = run([server for server in chosen if not server.missing], scenarios, generator, settings, progress)
    return Report(
        work=given.work,
        started=started,
        generator=generator.name,
        settings=settings,
        base=BASE,
        versus=given.versus,
        left_out={server.name: server.missing for server in chosen if server.missing},
        scenarios={scenario.name: scenario.title for scenario in scenarios},
        machine=machine.machine(),
        versions=machine.versions(),
        load_average=load_average,
        complaints=result.complaints,
        samples=result.samples,
    )


def _scenarios(given: argparse.Namespace, vouched: Certificate | None) -> list[Scenario]:
    if given.work == "http":
        return [http_scenario(headers) for headers in given.headers]
    if given.work == "bulk":
        return [bulk_scenario(size, given.pause, vouched) for size in given.max_buffer_size]
    return [echo_scenario(size, read, vouched) for read in given.read for size in given.size]


def _generator(given: argparse.Namespace) -> Generator:
    """wrk for HTTP where it is installed and can do what is asked, ours for the rest."""
    if given.work != "http" or given.generator == "own":
        return OwnGenerator()
    found, whole = wrk.path(), given.seconds == int(given.seconds)
    if found and whole:
        return wrk.WrkGenerator(found)
    if given.generator == "wrk":
        why = "wrk measures whole seconds only" if found else "wrk is not installed"
        raise BenchError(f"{why}; --generator own can do it")
    return OwnGenerator()


def _listing(servers: Sequence[Server]) -> str:
    width = max(len(server.name) for server in servers)
    return "\n".join(
        f"{server.name:{width}}  {server.about}"
        + (f" [left out: no {', '.join(server.missing)}]" if server.missing else "")
        for server in servers
    )


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """One line on a terminal, overwritten again and again; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return

    def show(what: str) -> None:
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        show("")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare servers on this machine.")
    works = parser.add_subparsers(dest="work", required=True, metavar="http|echo|bulk|report")

    http = works.add_parser("http", help="hello over HTTP/1.1 keep-alive")
    http.add_argument(
        "--headers",
        type=_list_of(_header_set),
        default=["minimal"],
        metavar="|".join(HEADERS),
        help="fields of each request: 2, or 14 as from a browser; several with commas (default: minimal)",
    )
    http.add_argument("--generator", choices=("auto", "wrk", "own"), default="auto", help="default: wrk if installed")
    http.set_defaults(tls=False)
    _common(http, connections=64)

    echo = works.add_parser("echo", help="lines, or so many octets, that come back")
    echo.add_argument(
        "--size",
        type=_list_of(_size),
        default=[1024],
        metavar="OCTETS",
        help="of a line, newline included; several with commas (default: 1024)",
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

    bulk = works.add_parser("bulk", help="a stream without end, read in pieces of 1 MiB")
    bulk.add_argument(
        "--max-buffer-size",
        type=_list_of(_buffer_size),
        default=[4 * PIECE],
        metavar="OCTETS",
        help=f"that a server may hold for a read; several with commas (default: {4 * PIECE})",
    )
    bulk.add_argument(
        "--pause",
        type=_milliseconds,
        default=0,
        metavar="MS",
        help="the server turns to something else for so long after each piece (default: 0)",
    )
    _tls(bulk)
    _common(bulk, connections=1, versus="streams")

    report = works.add_parser("report", help="print a stored run again")
    report.add_argument("file", type=Path, help="what --json wrote")
    return parser


def _tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls", action="store_true", help="over TLS, with a certificate made for the run")


def _common(parser: argparse.ArgumentParser, connections: int, versus: str = "tornado") -> None:
    parser.add_argument("--rounds", type=_positive, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=_seconds, default=1.0, help="of each measurement (default: %(default)g)")
    parser.add_argument("--connections", type=_positive, default=connections, help="default: %(default)s")
    parser.add_argument(
        "--only",
        type=_list_of(str),
        default=[],
        metavar="NAME,…",
        help=f"these servers, * as in a shell; {BASE} always takes part",
    )
    parser.add_argument(
        "--versus", default=versus, help="its rate is what rates are compared with (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="store the raw samples, machine and versions")
    parser.add_argument("--list", action="store_true", help="name the servers and stop")


T = TypeVar("T")


def _list_of(kind: Callable[[str], T]) -> Callable[[str], list[T]]:
    """An argparse type: what ``kind`` makes of each part between commas."""

    def values(text: str) -> list[T]:
        return [kind(part) for part in text.split(",")]

    values.__name__ = f"list of {kind.__name__.strip('_')}"  # for argparse's messages
    return values


def _header_set(text: str) -> str:
    if text not in HEADERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(HEADERS)}")
    return text


def _read(text: str) -> str:
    if text not in ("until", "bytes"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of until, bytes")
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


if __name__ == "__main__":
    sys.exit(main())
