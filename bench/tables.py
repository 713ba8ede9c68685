"""What a run says, as tables: on a terminal, or in Markdown. The columns depend on the kind of load."""

import os
import textwrap
from collections.abc import Callable, Sequence

from bench.report import Heading, Report
from bench.stats import Row, Sample, Summary
from bench.work import Kind

MIB = 1 << 20
KIB = 1 << 10

#: Share of a window that idle servers may use together before the report mentions it.
IDLE_ENOUGH = 0.01

#: Below this share of a core something else than the server was the limit.
BUSY_ENOUGH = 0.9

#: Load average before the run above which something else wants the cores.
BUSY_MACHINE = 0.5

#: How late the generator may be at the 99th percentile, in µs, before its own lateness is mentioned.
LATE = 100.0

#: Behind a rate that says more about the generator than about the server.
LIMIT_MARK = "*"

Columns = dict[str, Callable[[Row], str]]


def text(report: Report) -> str:
    """The preamble, a table for each scenario, the notes."""
    parts = ["\n".join(preamble(report))]
    for name, heading in report.scenarios.items():
        if samples := report.of(name):
            table = aligned(cells(report, name))
            parts.append("\n".join([_headline(heading), "", *table, *_wrapped(notes(report, name, samples))]))
    for work in dict.fromkeys(heading.work for heading in report.scenarios.values()):
        if len(report.named(work)) > 1:
            head, *lines = overview(report, work)
            title = _overview_title(work)
            parts.append("\n".join([title, "", *aligned([head, *lines])]))
    if report.complaints:  # the last line is what a traceback ends with; the file has more of it
        said = (
            f"{name} wrote to its standard error: … {words.splitlines()[-1]}"
            for name, words in report.complaints.items()
        )
        parts.append("\n".join(said))
    return "\n\n".join(parts)


def preamble(report: Report) -> list[str]:
    settings, machine = report.settings, report.machine
    cores = ", ".join(map(str, settings.server_cores))
    pinned = (
        f"servers on core {cores}, generator on core {settings.load_core}"
        if cores
        else "nothing is pinned, only one core may be used"
    )
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}",
        ", ".join(f"{name} {version}" for name, version in report.versions.items()) + f"; {report.started}",
        f"{number(settings.rounds, 'alternating round')} of {settings.seconds:g} s"
        f"{', new processes for each' if settings.fresh else ''}; {pinned}. "
        "Median (lowest–highest); ratios are taken within each round.",
    ]
    if report.left_out:
        why = (f"{name} ({why})" for name, why in report.left_out.items())
        lines.append(f"Left out: {', '.join(why)}.")
    if report.failed:
        lines.append(f"Failed, and without figures there: {'; '.join(report.failed)}.")
    if report.load_average > BUSY_MACHINE:
        lines.append(f"The machine was busy before the run (load average {report.load_average:.1f}).")
    return lines


def _headline(heading: Heading) -> str:
    return f"{heading.title} ({number(heading.connections, 'connection')}; {heading.generator})"


def columns(report: Report, name: str) -> Columns:
    """What is shown of a scenario."""
    heading, base, versus = report.scenarios[name], report.base, report.versus_of(name)
    server: Columns = {"server": lambda row: row.server}
    if heading.kind is Kind.IDLE:
        return {
            **server,
            "KiB/connection": lambda row: _spread(row.figures["octets"], ".2f", KIB),
            "before MiB": lambda row: f"{row.figures['first'].median / MIB:.1f}",
            "with them MiB": lambda row: f"{row.figures['last'].median / MIB:.1f}",
            "CPU ms/s": lambda row: _spread(row.busy, ".2f", 1e-3),
        }
    if heading.kind is Kind.PACED:
        return {
            **server,
            **{
                f"{quantile} µs": lambda row, q=quantile: _spread(row.figures[q], ",.0f")  # type: ignore[misc]
                for quantile in ("p50", "p90", "p99", "p99.9", "p100")
            },
            "kept up": lambda row: f"{row.figures['kept_up'].median:.0%}",
            "CPU µs/request": lambda row: _spread(row.cpu_us, ".2f"),
            "busy": lambda row: f"{row.busy.median:.0%}",
        }
    bulk = heading.kind is Kind.STREAM  # there a request is a MiB
    rate, one, short = ("MiB/s", "MiB", "MiB/s") if bulk else ("requests/s", "request", "req/s")
    shown: Columns = {
        **server,
        rate: lambda row: _spread(row.rate, ",.0f") + (LIMIT_MARK if row.generator_was_the_limit else ""),
        f"CPU µs/{one}": lambda row: _spread(row.cpu_us, ".2f"),
        f"CPU × {base}": lambda row: _spread(row.cpu_to_base, ".2f"),
        f"{short} × {versus}": lambda row: _spread(row.rate_to_versus, ".2f"),
        f"{short} × no log": lambda row: _spread(row.rate_to_unlogged, ".2f"),
        "busy": lambda row: f"{row.busy.median:.0%}",
        "generator": lambda row: f"{row.generator_busy.median:.0%}",
    }
    if all(row.rate_to_versus is None for row in report.rows(name)):  # it did not take part
        del shown[f"{short} × {versus}"]
    if all(row.rate_to_unlogged is None for row in report.rows(name)):  # nobody logs here
        del shown[f"{short} × no log"]
    if bulk:
        shown["peak RSS MiB"] = lambda row: f"{row.peak_memory / MIB:.1f}"
        shown["grown MiB"] = lambda row: f"{row.grown_memory / MIB:.1f}"
    return shown


def cells(report: Report, name: str) -> list[list[str]]:
    """The table of a scenario, its head first."""
    shown = columns(report, name)
    return [list(shown), *([cell(row) for cell in shown.values()] for row in report.rows(name))]


def notes(report: Report, name: str, samples: Sequence[Sample]) -> list[str]:
    """What spoils the figures of a scenario."""
    heading, found = report.scenarios[name], report.rows(name)
    said = []
    if limited := [row.server for row in found if row.generator_was_the_limit]:
        said.append(
            f"{LIMIT_MARK} The generator was saturated and the server wasn't: {', '.join(limited)}. The rate is a "
            "lower bound, and the CPU time a little high (less work per turn of the loop)."
        )
    if heading.kind in (Kind.CLOSED, Kind.STREAM, Kind.VISIT):
        waiting = [row.server for row in found if row.busy.median < BUSY_ENOUGH and not row.generator_was_the_limit]
        if waiting and not heading.shared_core:
            said.append(
                f"Less than {BUSY_ENOUGH:.0%} busy: {_all_or_some(waiting, found)}. Waiting for the other side, "
                "another process or a pause that was asked for was the limit: the rate is a lower bound."
            )
    if heading.kind is Kind.PACED:
        late = max(row.figures["late_p99"].median for row in found)
        if late > LATE:
            said.append(f"The generator itself sent up to {late:,.0f} µs late (p99): the latencies contain that.")
        behind = [row.server for row in found if row.figures["kept_up"].median < 0.99]
        if behind:
            said.append(f"Could not keep up with the rate: {', '.join(behind)}.")
    if heading.shared_core:
        said.append(f"{heading.workers} processes of each server shared one core: this machine has no more.")
    idle = max((sample.idle_cpu_seconds / sample.seconds for sample in samples), default=0.0)
    if idle > IDLE_ENOUGH:
        said.append(f"The servers that were not measured used up to {idle:.1%} of a window together.")
    return said


def _all_or_some(names: Sequence[str], found: Sequence[Row]) -> str:
    return "all" if len(names) == len(found) else ", ".join(names)


def overview(report: Report, work: str) -> list[list[str]]:
    """A line for each server, a column for each scenario of this work, medians without their spread."""
    names = [name for name in report.named(work) if report.of(name)]
    common = os.path.commonprefix(names)  # noqa: RUF071 (of characters is what is wanted)
    common = common[: common.rfind("-") + 1]
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for row in report.rows(name):
            if not row.is_variant:
                found.setdefault(row.server, {})[name] = _in_overview(row, report.scenarios[name].kind)
    lines = [[server, *(cells.get(name, "–") for name in names)] for server, cells in found.items()]
    return [["server", *(name.removeprefix(common) for name in names)], *lines]


def _overview_title(work: str) -> str:
    what = {"idle": "KiB per connection", "latency": "p99 in µs"}.get(work, "CPU × raw")
    return f"{what} in each scenario, {work}-…"


def _in_overview(row: Row, kind: Kind) -> str:
    if kind is Kind.IDLE:
        return f"{row.figures['octets'].median / KIB:.2f}"
    if kind is Kind.PACED:
        return f"{row.figures['p99'].median:,.0f}"
    return "–" if row.cpu_to_base is None else f"{row.cpu_to_base.median:.2f}"


def number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _spread(figure: Summary | None, form: str, unit: float = 1.0) -> str:
    """As in ``8.42 (8.31–9.06)``: the median, the lowest and the highest."""
    if figure is None:
        return "–"
    return f"{figure.median / unit:{form}} ({figure.low / unit:{form}}–{figure.high / unit:{form}})"


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """The same in Markdown."""
    head, *lines = table
    rule = ["---", *("--:" for _ in head[1:])]
    return ["| " + " | ".join(line) + " |" for line in (head, rule, *lines)]


def _wrapped(said: Sequence[str]) -> list[str]:
    return [line for note in said for line in ("", *textwrap.wrap(note, 110))]
