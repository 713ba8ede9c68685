"""What is drawn of a run, and how all drawings look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

from bench import bars, curves
from bench.palette import GREY, INK, Captioned
from bench.report import Report
from bench.work import Kind

_STYLE: dict[Any, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "bench",  # the same run gives the same file
    "figure.facecolor": "white",
}

#: Inches between a figure's edge and what stands above and below the drawing.
_HEAD, _FOOT = 1.1, 0.4

DPI = 144


def draw(report: Report, directory: Path) -> list[Path]:
    """Each drawing that the run has the figures for, as SVG and PNG. Returns the PNG files."""
    drawn = []
    with matplotlib.rc_context(_STYLE):
        for name, figure in _figures(report):
            for form in ("svg", "png"):
                path = directory / f"{name}.{form}"
                figure.savefig(path, dpi=DPI, metadata={"Date": None} if form == "svg" else None)
            drawn.append(path)
    return drawn


def _figures(report: Report) -> Iterator[tuple[str, Captioned]]:
    for name, heading in report.scenarios.items():
        if not report.of(name):
            continue
        if heading.kind in (Kind.CLOSED, Kind.VISIT) and heading.work in ("http", "churn"):
            yield name, _framed(report, heading.title, bars.rate_and_cpu(report, name))
        elif heading.kind is Kind.PACED:
            yield name, _framed(report, heading.title, curves.latencies(report, name))
        elif heading.kind is Kind.STREAM:
            yield name, _framed(report, heading.title, bars.bulk(report, name))
    if len(report.named("http")) > 2:
        title = "CPU time of each HTTP request, as a multiple of raw"
        yield "http", _framed(report, title, curves.heat(report))
    if len(report.named("echo")) > 1:
        yield "echo", _framed(report, "Echo: CPU time as a multiple of raw, by size", curves.echo(report))
    if report.named("idle"):
        yield "idle", _framed(report, "Memory of an idle keep-alive connection", bars.idle(report))
    if report.named("workers"):
        yield "workers", _framed(report, "Several processes: CPU time of a request", bars.workers(report))


def _framed(report: Report, title: str, figure: Captioned) -> Captioned:
    """The title above, where and when below, at fixed distances whatever the height."""
    width, height = figure.get_size_inches()
    below = 0.0 if figure.bars else 0.65  # for what stands under an axis
    figure.subplots_adjust(top=1 - _HEAD / height, bottom=(_FOOT + below) / height)
    figure.text(0.2 / width, 1 - 0.32 / height, title, fontsize=15, fontweight="bold", va="center")
    subtitle = figure.subtitle
    figure.text(0.2 / width, 1 - 0.6 / height, subtitle, fontsize=10, color=GREY, va="center")
    busy = "" if report.load_average <= 0.5 else f"; the machine was busy (load {report.load_average:.1f})"
    figure.text(0.2 / width, 0.16 / height, f"{report.title}{busy}", fontsize=7.5, color=GREY, va="center")
    return figure
