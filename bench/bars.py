"""Bars: one line for each server, both loops in it, the best above."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from bench.palette import INK, LIGHT, Captioned, colour, is_ours
from bench.report import Report
from bench.stats import Row, Summary
from bench.tables import number

_LINE = 0.34  # inches of height for each server
MIB = 1 << 20
KIB = 1 << 10


@dataclass(frozen=True)
class Bar:
    """What a server shows on one loop."""

    server: str
    figure: Summary
    mark: str = ""


def _slots(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Servers with their rows: uvloop's first, asyncio's second."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.server.removesuffix("-asyncio").removesuffix("-uvloop"), []).append(row)
    # Tornado's own loop is asyncio: its second row is the one on uvloop.
    return [
        (name, list(reversed(group)) if group[-1].server.endswith("-uvloop") else group)
        for name, group in by_name.items()
    ]


def _panel(
    axes: Axes,
    slots: Sequence[tuple[str, list[Row]]],
    figure_of: Callable[[Row], Summary],
    form: str,
    mark: Callable[[Row], str] = lambda row: "",
) -> None:
    """Bars from the top down, in the order of ``slots``."""
    largest = max(figure_of(row).high for _, group in slots for row in group)
    for place, (name, group) in enumerate(slots):
        height = 0.78 / max(2, len(group)) if len(group) > 1 else 0.62
        for index, row in enumerate(group):
            figure = figure_of(row)
            at = place if len(group) == 1 else place + (index - (len(group) - 1) / 2) * height
            axes.barh(
                at, figure.median, height=height * 0.94, color=colour(name), alpha=1.0 if index == 0 else 0.45, zorder=2
            )
            axes.plot([figure.low, figure.high], [at, at], color=INK, linewidth=1, alpha=0.7, zorder=3)
            axes.text(
                max(figure.median, figure.high) + largest * 0.012,
                at,
                f"{figure.median:{form}}{mark(row)}",
                va="center",
                fontsize=8.5 if len(group) == 1 else 7.5,
                fontweight="bold" if is_ours(name) and index == 0 else "normal",
            )
    axes.set_ylim(len(slots) - 0.4, -0.6)
    axes.set_xlim(0, largest * 1.16)
    axes.set_yticks(range(len(slots)))
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=0, labelbottom=False)  # each bar says what it is
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(axis="x", color=LIGHT, zorder=0)
    axes.set_axisbelow(True)


def _name_lines(axes: Axes, slots: Sequence[tuple[str, list[Row]]]) -> None:
    axes.set_yticklabels([name for name, _ in slots])
    for label, (name, _) in zip(axes.get_yticklabels(), slots, strict=True):
        label.set_fontweight("bold" if is_ours(name) else "normal")
        label.set_fontsize(10)


def _figure(lines: int, panels: int) -> tuple[Captioned, list[Axes]]:
    figure = Captioned(figsize=(11, 1.6 + lines * _LINE))
    figure.bars = True
    axes = list(figure.subplots(1, panels, squeeze=False, sharey=False)[0])
    figure.subplots_adjust(left=0.185, right=0.985, wspace=0.1)
    for other in axes[1:]:
        other.set_yticks([])
    return figure, axes


def rate_and_cpu(report: Report, name: str) -> Captioned:
    """Requests per second, and the CPU time of each."""
    slots = sorted(_slots(report.rows(name)), key=lambda slot: slot[1][0].cpu_us.median)
    figure, (left, right) = _figure(len(slots), 2)
    _panel(left, slots, lambda row: row.rate, ",.0f", lambda row: " *" if row.generator_was_the_limit else "")
    _panel(right, slots, lambda row: row.cpu_us, ".1f")
    _name_lines(left, slots)
    right.set_yticklabels([])
    left.set_title("requests per second", loc="left", fontsize=10.5)
    right.set_title("CPU µs of each request: less is better", loc="left", fontsize=10.5)
    limited = any(row.generator_was_the_limit for row in report.rows(name))
    return _said(figure, report, name, "  * the generator was the limit" if limited else "")


def bulk(report: Report, name: str) -> Captioned:
    """MiB per second, and memory."""
    slots = sorted(_slots(report.rows(name)), key=lambda slot: -slot[1][0].rate.median)
    figure, (left, right) = _figure(len(slots), 2)
    _panel(left, slots, lambda row: row.rate, ",.0f", lambda row: " *" if row.generator_was_the_limit else "")
    _panel(right, slots, _memory, ".0f")
    _name_lines(left, slots)
    right.set_yticklabels([])
    left.set_title("MiB per second", loc="left", fontsize=10.5)
    right.set_title("peak resident memory, MiB: less is better", loc="left", fontsize=10.5)
    limited = any(row.generator_was_the_limit for row in report.rows(name))
    return _said(figure, report, name, "  * the generator was the limit" if limited else "")


def _memory(row: Row) -> Summary:
    return Summary(row.peak_memory / MIB, row.peak_memory / MIB, row.peak_memory / MIB)


def idle(report: Report) -> Captioned:
    """KiB of each connection, a panel for each number of them."""
    names = [name for name in report.named("idle") if report.of(name)]
    order = [name for name, _ in sorted(_slots(report.rows(names[0])), key=lambda slot: _octets(slot[1][0]).median)]
    figure, panels = _figure(len(order), len(names))
    for axes, name in zip(panels, names, strict=True):
        found = dict(_slots(report.rows(name)))
        slots = [(server, found.get(server, [])) for server in order]
        _panel(axes, slots, _octets, ".1f")
        axes.set_title(f"KiB each, of {report.scenarios[name].connections:,} connections", loc="left", fontsize=10.5)
        axes.set_yticklabels([])
    _name_lines(panels[0], [(server, []) for server in order])
    return _said(figure, report, names[0], "  resident memory; less is better")


def _octets(row: Row) -> Summary:
    octets = row.figures["octets"]
    return Summary(octets.median / KIB, octets.low / KIB, octets.high / KIB)


def workers(report: Report) -> Captioned:
    """CPU time of a request, a panel for each number of processes."""
    names = [name for name in report.named("workers") if report.of(name)]
    found = {name: dict(_slots(report.rows(name))) for name in names}
    order = sorted(found[names[0]], key=lambda server: found[names[0]][server][0].cpu_us.median)
    figure, panels = _figure(len(order), len(names))
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, [(server, found[name].get(server, [])) for server in order], lambda row: row.cpu_us, ".1f")
        axes.set_title(f"CPU µs, {report.scenarios[name].title.lower()}", loc="left", fontsize=10.5)
        axes.set_yticklabels([])
    _name_lines(panels[0], [(server, []) for server in order])
    return _said(figure, report, names[0], "")


def _said(figure: Captioned, report: Report, name: str, more: str) -> Captioned:
    heading, settings = report.scenarios[name], report.settings
    many = "" if heading.work == "idle" else f"{number(heading.connections, 'connection')}, "
    parts = (
        f"{many}{number(settings.rounds, 'round')} of {settings.seconds:g} s, medians with lowest and highest",
        "dark: uvloop, pale: asyncio" if _has_both(report, name) else "",
        more.strip(),
    )
    figure.subtitle = "; ".join(part for part in parts if part)
    return figure


def _has_both(report: Report, name: str) -> bool:
    return any(len(group) > 1 for _, group in _slots(report.rows(name)))
