"""``python -m bench COMMAND``: see ``README.md`` in this directory."""

import argparse
import contextlib
import datetime
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import charts, instructions, machine, readme, tables, wrk
from bench.arguments import WORKS, parser
from bench.catalog import BASE, SERVERS, Server, check_names, choose, listing
from bench.certificates import certificate
from bench.compare import comparison
from bench.cpu import choose_cores
from bench.http_scenarios import (
    ROWS,
    churn_scenario,
    http_scenario,
    idle_scenario,
    latency_scenario,
    workers_scenario,
)
from bench.idle import raise_limit
from bench.progress import progress
from bench.report import Report, heading, read
from bench.runner import Runner, Settings
from bench.scenarios import Scenario, bulk_scenario, echo_scenario
from bench.servers._streams import PIECE
from bench.tls import Certificate
from bench.work import BenchError, Kind

Plan = list[tuple[Scenario, list[Server]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks.

    Returns: 0; 1 for a run that can't be trusted; 2 for one that can't be asked for; 130 when interrupted.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = parser().parse_args(words)
    try:
        match given.command:
            case "list":
                print(_listing(given.work))
            case "instructions":
                print(instructions.table(given.scripts, given.requests, given.before))
            case "report":
                report = read(given.file)
                _draw(report, given.charts)
                print(tables.text(report))
            case "compare":
                print(comparison(read(given.old), read(given.new)))
            case "readme":
                print("\n".join(map(str, readme.write(read(given.file)))))
            case _:
                return _run(given, words)
    except BenchError as error:
        return _refused(error, 2)
    return 0


def _refused(error: BenchError, code: int) -> int:
    print(f"bench: {error}", file=sys.stderr)
    return code


def _run(given: argparse.Namespace, words: Sequence[str]) -> int:
    """Measure. Raises BenchError: it can't be done here; what goes wrong later is printed."""
    if sys.platform != "linux":
        raise BenchError("needs Linux: it reads the CPU clocks of other processes and pins them to cores")
    if given.charts:
        charts.check()
    with contextlib.ExitStack() as resources:
        vouched = resources.enter_context(certificate()) if _wants_tls(given) else None
        scenarios = [scenario for work in _works(given) for scenario in _scenarios(given, work, vouched)]
        plan, left_out = _plan(given, scenarios)
        generator = _wrk(given)
        raise_limit(max((s.connections for s, _ in plan if s.kind is Kind.IDLE), default=0))
        try:
            with progress() as show:
                cores, load_core = choose_cores(max(scenario.workers for scenario in scenarios))
                settings = Settings(given.rounds, given.seconds, cores, load_core, given.fresh)
                load_average = os.getloadavg()[0]
                started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
                runner = Runner(settings, generator, show)
                result = runner.run(plan)
        except BenchError as error:
            return _refused(error, 1)
        except KeyboardInterrupt:
            return 130 + _refused(BenchError("interrupted; nothing is kept"), 0)
    report = Report(
        command=f"python -m bench {shlex.join(words)}",
        started=started,
        settings=settings,
        base=BASE,
        versus=given.versus,
        scenarios={
            scenario.name: heading(scenario, runner.generator(scenario).name, choose_cores(scenario.workers)[0])
            for scenario, _ in plan
        },
        machine=machine.machine(),
        versions=machine.versions(),
        load_average=load_average,
        left_out={**left_out, **result.left_out},
        complaints=result.complaints,
        failed=result.failed,
        samples=result.samples,
    )
    if given.json:
        report.write(given.json)
    print(tables.text(report))
    if given.json:
        print(f"\nRaw samples are in {given.json}")
    _draw(report, given.charts)
    for what, why in result.failed.items():
        _refused(BenchError(f"{what}: {why}"), 1)
    return 1 if result.failed else 0


def _draw(report: Report, directory: Path | None) -> None:
    if directory:
        for path in charts.draw(report, directory):
            print(f"Drawn: {path}", file=sys.stderr)


def _works(given: argparse.Namespace) -> list[str]:
    return list(given.works) if given.command == "all" else [given.command]


def _wants_tls(given: argparse.Namespace) -> bool:
    if given.command == "all":
        return True
    if given.command == "http":
        return not {"all", "tls"}.isdisjoint(given.rows)
    return getattr(given, "tls", False)


def _scenarios(given: argparse.Namespace, work: str, vouched: Certificate | None) -> list[Scenario]:
    """What is measured of one work: as asked, or with the choice that `all` makes."""
    if given.command == "all":
        return _all_scenarios(work, vouched)
    match work:
        case "http":
            rows = list(ROWS) if "all" in given.rows else given.rows
            return [http_scenario(row, vouched) for row in rows]
        case "echo":
            return [echo_scenario(size, read, vouched, given.connections) for read in given.read for size in given.size]
        case "bulk":
            return [bulk_scenario(size, given.pause, vouched, given.connections) for size in given.max_buffer_size]
        case "churn":
            return [churn_scenario(vouched, given.connections)]
        case "idle":
            return [idle_scenario(connections, vouched) for connections in given.connections]
        case "latency":
            return [latency_scenario(rate, given.connections) for rate in given.rate]
        case _:
            return [workers_scenario(workers, given.connections) for workers in given.workers]


def _all_scenarios(work: str, vouched: Certificate | None) -> list[Scenario]:
    match work:
        case "http":
            return [http_scenario(row, vouched) for row in ROWS]
        case "echo":
            sizes = (64, 1024, 10240, 102400)
            ways = [(read, tls) for tls in (None, vouched) for read in ("until", "bytes")]
            return [echo_scenario(size, read, tls) for read, tls in ways for size in sizes]
        case "bulk":
            return [bulk_scenario(4 * PIECE), bulk_scenario(4 * PIECE, 5), bulk_scenario(4 * PIECE, 0, vouched)]
        case "churn":
            return [churn_scenario(), churn_scenario(vouched)]
        case "idle":
            return [idle_scenario(1000), idle_scenario(10000)]
        case "latency":
            return [latency_scenario(2000), latency_scenario(5000)]
        case _:
            return [workers_scenario(1), workers_scenario(2)]


def _plan(given: argparse.Namespace, scenarios: Sequence[Scenario]) -> tuple[Plan, dict[str, str]]:
    """Each scenario with those servers that can do it, and those that are left out, with the reason.

    Raises: BenchError: a name that none has.
    """
    tables_used = [SERVERS[scenario.work] for scenario in scenarios]
    check_names(
        [server for table in tables_used for server in table],
        [*given.only, *given.without, *([given.versus] if given.versus else [])],
    )
    plan: Plan = []
    left_out: dict[str, str] = {}
    for scenario in scenarios:
        chosen = choose(SERVERS[scenario.work], given.only, given.without)
        left_out.update({server.name: f"no {', '.join(server.missing)}" for server in chosen if server.missing})
        able = [server for server in chosen if not server.missing and server.can(scenario.asks)]
        if "access-log" in scenario.asks:
            able = [beside for server in able for beside in server.with_and_without_log()]
        plan.append((scenario, able))
    return plan, left_out


def _wrk(given: argparse.Namespace) -> wrk.WrkGenerator | None:
    """wrk, where it is installed and wanted."""
    wanted = getattr(given, "generator", "auto")
    if wanted == "own":
        return None
    found = wrk.path()
    if wanted == "wrk" and (not found or given.seconds != int(given.seconds)):
        why = "wrk measures whole seconds only" if found else "wrk is not installed"
        raise BenchError(f"{why}; --generator own can do it")
    return wrk.WrkGenerator(found) if found else None


def _listing(work: str | None) -> str:
    parts = []
    for name in [work] if work else ["http", "echo", "bulk"]:
        parts.append(f"Servers of {name}:\n{listing(SERVERS[name])}")
    if work in (None, "http"):
        width = max(map(len, ROWS))
        rows = "\n".join(f"{name:{width}}  {row.title}{' over TLS' * (name == 'tls')}" for name, row in ROWS.items())
        parts.append(f"Rows of http:\n{rows}")
    if work is None:
        parts.append(
            f"The servers of http take part in {', '.join(w for w in WORKS if SERVERS[w] is SERVERS['http'])}."
        )
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
