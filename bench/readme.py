"""The section of ``bench/README.md`` that holds the figures of one run: written by ``python -m bench readme FILE``."""

from pathlib import Path

from bench import charts, tables
from bench.report import Report
from bench.work import BenchError

README = Path(__file__).with_name("README.md")
FIGURES = Path(__file__).with_name("figures")

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

#: What is shown, in this order, as far as the run has it; the chart of each with what it is called.
_CHARTS = {
    "http-hello": "Hello over HTTP",
    "http": "All HTTP rows",
    "echo": "Echo",
    "bulk-4194304": "Bulk transfer",
    "churn-visit": "Connection churn",
    "idle": "Idle connections",
    "latency-5000": "Latency",
    "workers": "Several processes",
}

#: Works that have a table, and the words above it.
_TABLES = {
    "http": "CPU time per request × raw, medians",
    "echo": "CPU time per request × raw, medians",
    "churn": "CPU time per visit × raw, medians",
    "idle": "KiB of resident memory per connection, medians",
    "latency": "p99 in µs, medians",
    "workers": "CPU time per request × raw with the same number of processes, medians",
}


def write(report: Report, path: Path = README, figures: Path = FIGURES) -> list[Path]:
    """Put the run into the section, and its charts beside. Returns what was written.

    Raises: BenchError: the file has no place for it; matplotlib isn't installed.
    """
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{path}: no section between {BEGIN} and {END}")
    drawn = {drawing.stem: drawing for drawing in charts.draw(report, figures)}
    for stale in [*figures.glob("*.png"), *figures.glob("*.svg")]:
        if stale.stem not in _CHARTS or stale.stem not in drawn:
            stale.unlink()
    kept = [drawn[name] for name in _CHARTS if name in drawn]
    lines = section(report, [one.stem for one in kept], figures.name)
    path.write_text("\n".join([before + BEGIN, "", *lines, "", end + after]))
    return [path, *kept]


def section(report: Report, drawn: list[str], directory: str) -> list[str]:
    """The section in Markdown. ``drawn`` are the names of charts in ``directory``."""
    lines = [f"`{report.command}`", ""]
    lines += [f"* {line}" for line in tables.preamble(report)]
    for name in drawn:
        lines += ["", f"![{_CHARTS[name]}]({directory}/{name}.svg)"]
    for name, heading in report.scenarios.items():
        if name in ("http-hello", "http-browser") or heading.work == "bulk":
            lines += ["", f"**{heading.title}** ({tables.number(heading.connections, 'connection')})", ""]
            lines += tables.markdown(tables.cells(report, name))
            lines += [f"\n{note}" for note in tables.notes(report, name, report.of(name))]
    for work, words in _TABLES.items():
        if report.named(work):
            lines += ["", f"**{work}**: {words}", "", *tables.markdown(tables.overview(report, work))]
    return lines
