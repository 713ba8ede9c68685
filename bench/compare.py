"""What changed from one run to another, and whether it is more than noise.

How this works: of each server and scenario that both runs have, one figure is compared: CPU time per request as a
multiple of ``raw`` in the same round where both have it (what a busy machine does to both sides cancels out), else CPU
µs per request; of idle connections the memory, of latencies the 99th percentile. The test is Mann and Whitney's: do
the rounds of one run lie above those of the other more often than chance would have it? It asks for no
distribution, and with a handful of rounds its probabilities are counted out, not approximated. Many rows mean many
chances to err, so the probabilities are held against Benjamini and Hochberg's steps: of the changes that are named at
most one in twenty is expected to be none. Beside it stands the interval in which the ratio of the medians lies in 95
of 100 draws from the rounds (bootstrap).

Rounds of one run share their processes, so two runs of the same program may differ by more than their rounds: a run
with ``--fresh`` has new processes in each round, and only that is a fair witness.
"""

import functools
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.report import Report
from bench.stats import Sample, ratios
from bench.tables import aligned
from bench.work import BenchError, Kind

#: Of the changes that are named so many may be none.
FALSE_DISCOVERIES = 0.05

#: Draws for an interval, always the same ones.
DRAWS = 2000
SEED = 1


@dataclass(frozen=True)
class Change:
    """One server in one scenario, then and now."""

    scenario: str
    server: str
    figure: str
    old: float  # medians
    new: float
    low: float  # the interval of new/old
    high: float
    probability: float  # that chance does so much or more
    real: bool  # more than noise

    @property
    def ratio(self) -> float:
        return self.new / self.old


def changes(old: Report, new: Report) -> list[Change]:
    """All that both runs measured, in the order of the new one.

    Raises: BenchError: they have nothing in common.
    """
    found = []
    for scenario, heading in new.scenarios.items():
        if scenario not in old.scenarios:
            continue
        before, after = old.of(scenario), new.of(scenario)
        for server in dict.fromkeys(sample.server for sample in after):
            figure, one, other = _figures(before, after, server, new.base, heading.kind)
            if not one or not other:
                continue
            low, high = interval(one, other)
            found.append(
                Change(
                    scenario,
                    server,
                    figure,
                    statistics.median(one),
                    statistics.median(other),
                    low,
                    high,
                    mann_whitney(one, other),
                    real=False,
                )
            )
    if not found:
        raise BenchError("the two runs have no server and scenario in common")
    return _judged(found)


def _figures(
    before: Sequence[Sample], after: Sequence[Sample], server: str, base: str, kind: Kind
) -> tuple[str, list[float], list[float]]:
    """The name of the figure, and its values in both runs."""
    sides = [[sample for sample in side if sample.server == server] for side in (before, after)]
    if kind is Kind.IDLE:
        return "octets/connection", *([sample.figures["octets"] for sample in side] for side in sides)  # type: ignore[return-value]
    if kind is Kind.PACED:
        return "p99 µs", *([sample.figures["p99"] for sample in side] for side in sides)  # type: ignore[return-value]
    bases = [[sample for sample in side if sample.server == base] for side in (before, after)]
    if server != base and all(bases):
        pairs = zip(sides, bases, strict=True)
        return f"CPU × {base}", *(ratios(side, raw, lambda sample: sample.cpu_us) for side, raw in pairs)  # type: ignore[return-value]
    return "CPU µs", *([sample.cpu_us for sample in side] for side in sides)  # type: ignore[return-value]


def _judged(found: Sequence[Change]) -> list[Change]:
    """Benjamini and Hochberg: all up to the last whose probability is below its step."""
    ordered = sorted(change.probability for change in found)
    limit = 0.0
    for place, probability in enumerate(ordered, 1):
        if probability <= FALSE_DISCOVERIES * place / len(ordered):
            limit = probability
    return [Change(**{**vars(change), "real": 0 < change.probability <= limit}) for change in found]


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The probability, two-sided, that two samples of the same lie as far apart as these; exact without ties."""
    n, m = len(one), len(other)
    above = sum((b > a) + (b == a) / 2 for a in one for b in other)
    smaller = min(above, n * m - above)
    if len({*one, *other}) == n + m and n * m <= 400:
        ways = sum(_orders(n, m, u) for u in range(math.floor(smaller) + 1))
        return min(1.0, 2 * ways / math.comb(n + m, n))
    values = sorted([*one, *other])
    ties = sum(count**3 - count for count in map(values.count, set(values)))
    total = n + m
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1)))
    if variance == 0:
        return 1.0
    distance = max(0.0, abs(above - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(distance / math.sqrt(2))


@functools.cache
def _orders(n: int, m: int, u: int) -> int:
    """Orders of ``n`` and ``m`` values in which those of the second are above the first's ``u`` times in all."""
    if u < 0:
        return 0
    if n == 0 or m == 0:
        return int(u == 0)
    return _orders(n - 1, m, u - m) + _orders(n, m - 1, u)


def interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Between which the ratio of the medians, other to one, lies in 95 of 100 draws."""
    draw = random.Random(SEED)
    found = sorted(
        statistics.median(draw.choices(other, k=len(other))) / statistics.median(draw.choices(one, k=len(one)))
        for _ in range(DRAWS)
    )
    return found[round(0.025 * DRAWS)], found[round(0.975 * DRAWS) - 1]


def comparison(old: Report, new: Report) -> str:
    """The changes as a table, and what to think of them."""
    found = changes(old, new)
    lines = [["scenario", "server", "figure", "old", "new", "new/old", "95 of 100", "chance", ""]]
    for change in found:
        verdict = ("worse" if change.ratio > 1 else "better") if change.real else "–"
        lines.append(
            [
                change.scenario,
                change.server,
                change.figure,
                f"{change.old:,.2f}",
                f"{change.new:,.2f}",
                f"{change.ratio:.3f}",
                f"{change.low:.3f}–{change.high:.3f}",
                f"{change.probability:.4f}",
                verdict,
            ]
        )
    said = [*aligned(lines), ""]
    real = sum(change.real for change in found)
    said.append(f"{real} of {len(found)} changed by more than noise (Mann-Whitney, 5 % false discoveries).")
    said += [line for line in _doubts(old, new, len(found)) if line]
    return "\n".join(said)


def _doubts(old: Report, new: Report, count: int) -> list[str]:
    doubts = []
    n, m = old.settings.rounds, new.settings.rounds
    least = 2 / math.comb(n + m, n)
    if least > FALSE_DISCOVERIES / count:
        doubts.append(
            f"With {n} and {m} rounds chance is never below {least:.4f}: one change alone among {count} rows can't be "
            "told from noise. More --rounds, or fewer rows."
        )
    if not (old.settings.fresh and new.settings.fresh):
        doubts.append("The rounds share their processes: --fresh would show how much one process differs from another.")
    for what, one, other in (("machine", old.machine, new.machine), ("Python", _python(old), _python(new))):
        if one != other:
            doubts.append(f"Not the same {what}: {one} and {other}.")
    return doubts


def _python(report: Report) -> str:
    return report.versions["python"]
