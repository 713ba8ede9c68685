"""Figures from samples: medians with their spread, and ratios that are taken within a round.

A ratio divides two samples of the same round, seconds apart, and only then is the median taken over the
rounds: what slows the whole machine for a while slows both sides of it.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.work import NO_LOG, VARIANT

#: Above this share of its core the generator was the limit, if the server had time left.
GENERATOR_SATURATED = 0.95

#: Below this share of a core a server had time left.
SERVER_SATURATED = 0.95


@dataclass(frozen=True)
class Sample:
    """One server, one scenario, one round."""

    scenario: str
    server: str
    round: int
    requests: int
    seconds: float
    cpu_seconds: float
    octets: int
    idle_cpu_seconds: float  # used meanwhile by the servers that had nothing to do
    first_memory: int = 0  # octets of resident memory when the server said that it is ready
    peak_memory: int = 0  # the most that it ever had until the end of this round
    generator_cpu_seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)  # what only this kind of load finds

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU µs per request."""
        return self.cpu_seconds / self.requests * 1e6

    @property
    def busy(self) -> float:
        """Share of one core that the server used; well below 1 means that it waited for the generator."""
        return self.cpu_seconds / self.seconds

    @property
    def generator_busy(self) -> float:
        """Share of its core that the generator used."""
        return self.generator_cpu_seconds / self.seconds

    @property
    def grown_memory(self) -> int:
        """Octets of resident memory that its connections cost at most."""
        return self.peak_memory - self.first_memory


@dataclass(frozen=True)
class Summary:
    """The median of some figures, with the lowest and the highest."""

    median: float
    low: float
    high: float


def summary(figures: Iterable[float]) -> Summary:
    values = sorted(figures)
    return Summary(statistics.median(values), values[0], values[-1])


@dataclass(frozen=True)
class Row:
    """One server in one scenario, over all rounds. A ratio is ``None`` where the other server did not run.

    Memory is what it was at most in any of them: a bound has no median.
    """

    server: str
    rate: Summary
    cpu_us: Summary
    busy: Summary
    generator_busy: Summary
    peak_memory: int
    grown_memory: int
    cpu_to_base: Summary | None
    rate_to_versus: Summary | None
    rate_to_unlogged: Summary | None
    figures: dict[str, Summary]

    @property
    def is_variant(self) -> bool:
        """Not the server as the catalog has it, but another that ran beside it to be compared with it."""
        return VARIANT in self.server

    @property
    def generator_was_the_limit(self) -> bool:
        """Its rate says more about the generator than about the server."""
        return self.generator_busy.median > GENERATOR_SATURATED and self.busy.median < SERVER_SATURATED


def rows(samples: Sequence[Sample], base: str, versus: str | None) -> list[Row]:
    """A row for each server of these samples (of one scenario), in the order of their first appearance.

    Args:
        base: the server whose CPU time per request is 1.
        versus: the server whose requests per second are 1.
    """
    by_server: dict[str, list[Sample]] = {}
    for sample in samples:
        by_server.setdefault(sample.server, []).append(sample)

    def unlogged(name: str) -> list[Sample]:
        return by_server.get(name.partition(VARIANT)[0] + NO_LOG, [])

    return [
        Row(
            server=name,
            rate=summary(s.rate for s in rounds),
            cpu_us=summary(s.cpu_us for s in rounds),
            busy=summary(s.busy for s in rounds),
            generator_busy=summary(s.generator_busy for s in rounds),
            peak_memory=max(s.peak_memory for s in rounds),
            grown_memory=max(s.grown_memory for s in rounds),
            cpu_to_base=_summary_or_none(ratios(rounds, by_server.get(base, []), lambda s: s.cpu_us)),
            rate_to_versus=_summary_or_none(ratios(rounds, by_server.get(versus or "", []), lambda s: s.rate)),
            rate_to_unlogged=_summary_or_none(ratios(rounds, unlogged(name), lambda s: s.rate)),
            figures={figure: summary(s.figures[figure] for s in rounds) for figure in rounds[0].figures},
        )
        for name, rounds in by_server.items()
    ]


def ratios(samples: Iterable[Sample], others: Iterable[Sample], figure: Callable[[Sample], float]) -> list[float]:
    """``figure`` of each sample by that of the other server in the same round, where both have it and it isn't 0."""
    by_round = {other.round: other for other in others}
    return [figure(s) / figure(by_round[s.round]) for s in samples if s.round in by_round and figure(by_round[s.round])]


def _summary_or_none(values: list[float]) -> Summary | None:
    return summary(values) if values else None
