"""What a run prints and stores: plain text tables, and a JSON file with all that they were made from."""

import json
import os
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.runner import Settings
from bench.stats import Row, Sample, Summary, rows
from bench.work import BenchError

#: Raised when a reader of older files would misread newer ones.
SCHEMA = 1

MIB = 1 << 20

#: Below this share of a core the generator, or another process, was the limit and not the server.
BUSY_ENOUGH = 0.9

#: Share of a window that idle servers may use together before the report mentions it.
IDLE_ENOUGH = 0.01

#: Load average before the run above which something else wants the cores.
BUSY_MACHINE = 0.5


@dataclass(frozen=True)
class Report:
    """A whole run. Its text is made from nothing else, so a stored run prints the same again."""

    work: str
    started: str  # ISO 8601, UTC
    generator: str
    settings: Settings
    base: str  # the server that ratios of CPU time refer to
    versus: str  # the server that ratios of requests/s refer to
    left_out: dict[str, list[str]]  # servers that could not run, with the modules that they miss
    scenarios: dict[str, str]  # name and title
    machine: dict[str, object]
    versions: dict[str, str]
    load_average: float  # before the run
    complaints: dict[str, str]  # what servers wrote to their standard error
    samples: list[Sample]

    def text(self) -> str:
        """The preamble, a table for each scenario, the notes."""
        parts = ["\n".join(self._preamble())]
        for name, title in self.scenarios.items():
            samples = [sample for sample in self.samples if sample.scenario == name]
            parts.append("\n".join([title, "", *self._table(samples)]))
        if len(self.scenarios) > 1:
            parts.append("\n".join(self._overview()))
        if self.complaints:  # the last line is what a traceback ends with; the file has more of it
            parts.append(
                "\n".join(
                    f"{name} wrote to its standard error: … {said.splitlines()[-1]}"
                    for name, said in self.complaints.items()
                )
            )
        return "\n\n".join(parts)

    def _preamble(self) -> list[str]:
        settings = self.settings
        pinned = (
            "nothing is pinned, only one core may be used"
            if settings.server_core is None
            else f"servers on core {settings.server_core}, generator on core {settings.load_core}"
        )
        lines = [
            f"{self.machine['processor']}, {self.machine['cores']} cores, {self.machine['system']}",
            ", ".join(f"{name} {version}" for name, version in self.versions.items()) + f"; {self.started}",
            f"Generator: {self.generator}; {pinned}.",
            f"{_number(settings.connections, 'keep-alive connection')}, "
            f"{_number(settings.rounds, 'alternating round')} of {settings.seconds:g} s. "
            "Median (lowest–highest); ratios are taken within each round.",
        ]
        if self.left_out:
            why = (f"{name} (no {', '.join(modules)})" for name, modules in self.left_out.items())
            lines.append(f"Left out: {', '.join(why)}.")
        if self.load_average > BUSY_MACHINE:
            lines.append(f"The machine was busy before the run (load average {self.load_average:.1f}).")
        return lines

    def _table(self, samples: Sequence[Sample]) -> list[str]:
        found = rows(samples, self.base, self.versus)
        bulk = self.work == "bulk"  # there a request is a MiB
        rate, one, versus = ("MiB/s", "MiB", "MiB/s") if bulk else ("requests/s", "request", "req/s")
        columns: dict[str, Callable[[Row], str]] = {
            "server": lambda row: row.server,
            rate: lambda row: _spread(row.rate, ",.0f"),
            f"CPU µs/{one}": lambda row: _spread(row.cpu_us, ".2f"),
            f"CPU × {self.base}": lambda row: _spread(row.cpu_to_base, ".2f"),
            f"{versus} × {self.versus}": lambda row: _spread(row.rate_to_versus, ".2f"),
            "busy": lambda row: f"{row.busy.median:.0%}",
        }
        if all(row.rate_to_versus is None for row in found):  # it did not take part
            del columns[f"{versus} × {self.versus}"]
        if bulk:
            columns["peak RSS MiB"] = lambda row: f"{row.peak_memory / MIB:.1f}"
            columns["grown MiB"] = lambda row: f"{row.grown_memory / MIB:.1f}"
        lines = [list(columns), *([cell(row) for cell in columns.values()] for row in found)]
        return [*_aligned(lines), *_notes(found, samples)]

    def _overview(self) -> list[str]:
        """A line for each server, a column for each scenario, medians without their spread."""
        common = os.path.commonprefix(list(self.scenarios))  # noqa: RUF071 (of characters is what is wanted)
        common = common[: common.rfind("-") + 1]
        cells: dict[str, dict[str, str]] = {}
        for name in self.scenarios:
            samples = [sample for sample in self.samples if sample.scenario == name]
            for row in rows(samples, self.base, self.versus):
                ratio = row.cpu_to_base
                cells.setdefault(row.server, {})[name] = "–" if ratio is None else f"{ratio.median:.2f}"
        lines = [[server, *(found.get(name, "–") for name in self.scenarios)] for server, found in cells.items()]
        head = ["server", *(name.removeprefix(common) for name in self.scenarios)]
        return [f"CPU × {self.base} in each scenario, {common}…", "", *_aligned([head, *lines])]

    def write(self, path: Path) -> None:
        """Store everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n")


def read(path: Path) -> Report:
    """A report that was stored. Raises BenchError: not one of ours, or of another generation."""
    try:
        content = json.loads(path.read_text())
        schema = content.pop("schema")
        if schema != SCHEMA:
            raise BenchError(f"{path}: schema {schema!r}, this program reads {SCHEMA}")
        content["settings"] = Settings(**content["settings"])
        content["samples"] = [Sample(**sample) for sample in content["samples"]]
        return Report(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path}: not a report: {error}") from error


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _spread(figure: Summary | None, form: str) -> str:
    """As in ``8.42 (8.31–9.06)``: the median, the lowest and the highest."""
    if figure is None:
        return "–"
    return f"{figure.median:{form}} ({figure.low:{form}}–{figure.high:{form}})"


def _aligned(lines: Iterable[list[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    table = list(lines)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]


def _notes(found: Sequence[Row], samples: Sequence[Sample]) -> list[str]:
    notes = []
    if waiting := [row.server for row in found if row.busy.median < BUSY_ENOUGH]:
        notes.append(
            f"Less than {BUSY_ENOUGH:.0%} busy: {', '.join(waiting)}. The generator, another process or a pause that "
            "was asked for was the limit: the rate is a lower bound, and the CPU time a little high (less work per "
            "turn of the loop)."
        )
    idle = max((sample.idle_cpu_seconds / sample.seconds for sample in samples), default=0.0)
    if idle > IDLE_ENOUGH:
        notes.append(f"The servers that were not measured used up to {idle:.1%} of a window together.")
    return [line for note in notes for line in ("", *textwrap.wrap(note, 110))]
