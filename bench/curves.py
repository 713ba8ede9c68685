"""Curves and the heat map."""

import math

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.catalog import FAMILIES
from bench.paced import QUANTILES, figure_name
from bench.palette import GREY, INK, LIGHT, Captioned, colour, is_ours
from bench.report import Report
from bench.stats import Row
from bench.tables import number

#: In the heat map: as good as raw, and twenty times as dear.
_HEAT = LinearSegmentedColormap.from_list("heat", ["#2f7f86", "#a9d0c5", "#f6f1e4", "#efc08a", "#c5673e"])
_HEAT_TOP = 20.0


#: Share of the requests that must be answered in time for a curve to mean anything.
KEPT_UP = 0.99

#: Requests that a percentile needs above it, in each round, before it is drawn.
_FEWEST = 5

#: Of ours: what the curves show.
_STYLES = ("asynchttp-callback", "asynchttp-await")


def _bare(axes: Axes) -> None:
    axes.grid(color=LIGHT, zorder=0)
    axes.set_axisbelow(True)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=9)


def _on_uvloop(rows: list[Row]) -> list[Row]:
    """One row for each server: that on uvloop."""
    names = {row.server for row in rows}
    return [row for row in rows if not row.server.endswith("-asyncio") and f"{row.server}-uvloop" not in names]


def latencies(report: Report, name: str) -> Captioned:
    """Latency by percentile, both axes so that the tail shows."""
    figure = Captioned(figsize=(11, 6.4))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.83)
    rows = _shown(report.rows(name))
    requests = report.scenarios[name].rate * report.settings.seconds
    shown = [q for q in QUANTILES if 0.25 <= q < 1 and requests * (1 - q) > _FEWEST - 0.5]
    places = [-math.log10(1 - q) for q in shown]
    ends = []
    for row in rows:
        values = [row.figures[figure_name(q)].median for q in shown]
        ours = is_ours(row.server)
        axes.plot(
            places,
            values,
            color=colour(row.server),
            linewidth=2.4 if ours else 1.6,
            linestyle="-" if row.server != "raw" else "--",
            zorder=4 if ours else 3,
        )
        ends.append((values[-1], row.server))
    axes.set_yscale("log")
    _bare(axes)
    ticks = [q for q in (0.5, 0.9, 0.99, 0.999, 0.9999) if q <= shown[-1]]
    axes.set_xticks([-math.log10(1 - q) for q in ticks], [f"{q * 100:g} %" for q in ticks])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: _time(value) if f"{value:e}"[0] in "25" else ""))
    axes.tick_params(which="minor", labelsize=8, colors=GREY, length=0)
    axes.set_xlabel("share of the requests answered within that time, counted from the instant when each was due")
    _name_ends(axes, places[-1], 0.03, ends, 0.045)
    figure.subtitle = (
        f"{report.scenarios[name].connections} connections, {number(report.settings.rounds, 'round')} of "
        f"{report.settings.seconds:g} s, medians; on uvloop; of each family the best that kept up"
    )
    return figure


def _shown(rows: list[Row]) -> list[Row]:
    """Those that kept up; ours in two styles, of each other family the best."""
    best: dict[str, Row] = {}
    for row in _on_uvloop(rows):
        if row.figures["kept_up"].median < KEPT_UP or (is_ours(row.server) and row.server not in _STYLES):
            continue
        key = row.server if is_ours(row.server) else FAMILIES.get(row.server, row.server)
        if key not in best or row.figures["p99"].median < best[key].figures["p99"].median:
            best[key] = row
    return list(best.values())


def _time(microseconds: float) -> str:
    return f"{microseconds:g} µs" if microseconds < 1000 else f"{microseconds / 1000:g} ms"


def _name_ends(axes: Axes, x: float, offset: float, ends: list[tuple[float, str]], height: float) -> None:
    """Names at the right ends of curves, pushed apart where they would cover each other.

    Args:
        offset: points from the ends to the names.
        height: of a name, as a share of the axis.
    """
    low, high = (math.log10(limit) for limit in axes.get_ylim())
    ordered = sorted(ends)
    places = _apart([(math.log10(value) - low) / (high - low) for value, _ in ordered], height)
    for place, (value, name) in zip(places, ordered, strict=True):
        axes.annotate(
            name,
            (x, value),
            (1 + offset, place),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=colour(name) if is_ours(name) else INK,
            fontweight="bold" if is_ours(name) else "normal",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour(name),
                "linewidth": 0.9,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 2,
            },
        )


def _apart(places: list[float], step: float) -> list[float]:
    """The same in the same order, moved until neighbours are ``step`` apart."""
    moved = list(places)
    for _ in range(500):
        for index in range(len(moved) - 1):
            overlap = step - (moved[index + 1] - moved[index])
            if overlap > 1e-6:
                moved[index] -= overlap / 2
                moved[index + 1] += overlap / 2
    over = max(0.0, max(moved, default=0.0) - 1)
    return [place - over for place in moved]


def echo(report: Report) -> Captioned:
    """CPU × raw by size: a panel for each way of reading, over TCP and over TLS."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in report.named("echo"):
        kind, _, octets = name.removeprefix("echo-").rpartition("-")
        if report.of(name):
            kinds.setdefault(kind, []).append((int(octets), name))
    figure = Captioned(figsize=(11, 4.3 if len(kinds) <= 2 else 7.6))
    grid = figure.subplots(math.ceil(len(kinds) / 2), min(2, len(kinds)), squeeze=False)
    figure.subplots_adjust(left=0.05, right=0.845, hspace=0.4, wspace=0.64)
    for axes, (kind, sized) in zip(grid.flat, kinds.items(), strict=False):
        sizes = sorted(size for size, _ in sized)
        lines: dict[str, list[tuple[int, float]]] = {}
        for size, name in sorted(sized):
            for row in _on_uvloop(report.rows(name)):
                if row.cpu_to_base is not None:
                    lines.setdefault(row.server, []).append((size, row.cpu_to_base.median))
        ends = []
        for server, points in lines.items():
            axes.plot(
                *zip(*points, strict=True),
                color=colour(server),
                marker="o",
                markersize=4,
                linewidth=2.4 if is_ours(server) else 1.6,
                linestyle="--" if server == "raw" or "callback" in server else "-",
                zorder=3,
            )
            if points[-1][0] == sizes[-1]:
                ends.append((points[-1][1], server))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [f"{size} B" if size < 1024 else f"{size >> 10} KiB" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        top = max(value for points in lines.values() for _, value in points)
        low = min(value for points in lines.values() for _, value in points)
        steps = [value for value in (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8, 12) if low / 1.1 <= value <= top * 1.2]
        axes.set_yticks(steps, [f"{value:g}×" for value in steps])
        axes.yaxis.set_minor_locator(NullLocator())
        _bare(axes)
        how = "read_until" if kind.endswith("until") else "read_bytes"
        axes.set_title(f"{how}, {'TLS 1.3' if kind.startswith('tls') else 'TCP'}", loc="left", fontsize=11)
        _name_ends(axes, sizes[-1], 0.09, ends, 0.075)
    for axes in list(grid.flat)[len(kinds) :]:
        axes.set_visible(False)
    figure.subtitle = (
        f"{report.scenarios[next(iter(report.named('echo')))].connections} connections, on uvloop where both loops ran"
        "; less is better; raw writes back what comes without looking"
    )
    return figure


def heat(report: Report) -> Captioned:
    """All servers, all HTTP rows: how many times the CPU time of raw."""
    names = [name for name in report.named("http") if report.of(name)]
    table: dict[str, dict[str, float]] = {}
    for name in names:
        for row in report.rows(name):
            if row.cpu_to_base is not None and row.server != report.base and not row.is_variant:
                table.setdefault(row.server, {})[name] = row.cpu_to_base.median
    order = sorted(table, key=lambda server: _middle(table[server]))
    figure = Captioned(figsize=(1.9 + 0.72 * len(names), 1.9 + 0.31 * len(order)))
    axes = figure.subplots()
    figure.subplots_adjust(left=1.85 / figure.get_figwidth(), right=0.985)
    norm = LogNorm(1, _HEAT_TOP)
    for line, server in enumerate(order):
        for column, name in enumerate(names):
            value = table[server].get(name)
            if value is None:
                axes.text(column, line, "–", ha="center", va="center", color=GREY, fontsize=9)
                continue
            shade = _HEAT(norm(min(max(value, 1), _HEAT_TOP)))
            axes.add_patch(_cell(column, line, shade))
            light = value < 1.25 or value > 12
            axes.text(
                column,
                line,
                f"{value:.2f}" if value < 10 else f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=8.5,
                color="white" if light else INK,
            )
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xticks(range(len(names)), [name.removeprefix("http-") for name in names], rotation=35, ha="right")
    axes.set_yticks(range(len(order)), order)
    for label, server in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if is_ours(server) else "normal")
    axes.tick_params(length=0, labelsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.subtitle = "raw answers fixed octets without looking; less is better"
    return figure


def _cell(column: int, line: int, shade: tuple[float, ...]) -> Rectangle:
    return Rectangle((column - 0.48, line - 0.46), 0.96, 0.92, facecolor=shade, linewidth=0)


def _middle(found: dict[str, float]) -> float:
    """The geometric mean: what servers are ordered by."""
    return math.exp(sum(map(math.log, found.values())) / len(found))
