"""Figures from samples: medians with their spread, and ratios that are taken within a round.

A ratio divides two samples of the same round, seconds apart, and only then is the median taken over the
rounds: what slows the whole machine for a while slows both sides of it.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
    peak_memory: int
    grown_memory: int
    cpu_to_base: Summary | None
    rate_to_versus: Summary | None


def rows(samples: Sequence[Sample], base: str, versus: str | None) -> list[Row]:
    """A row for each server of these samples (of one scenario), in the order of their first appearance.

    Args:
        base: the server whose CPU time per request is 1.
        versus: the server whose requests per second are 1.
    """
    by_server: dict[str, dict[int, Sample]] = {}
    for sample in samples:
        by_server.setdefault(sample.server, {})[sample.round] = sample
    base_rounds = by_server.get(base, {})
    versus_rounds = by_server.get(versus, {}) if versus else {}
    return [
        Row(
            server=name,
            rate=summary(s.rate for s in rounds.values()),
            cpu_us=summary(s.cpu_us for s in rounds.values()),
            busy=summary(s.busy for s in rounds.values()),
            peak_memory=max(s.peak_memory for s in rounds.values()),
            grown_memory=max(s.grown_memory for s in rounds.values()),
            cpu_to_base=_summary_or_none(
                s.cpu_us / base_rounds[n].cpu_us for n, s in rounds.items() if n in base_rounds
            ),
            rate_to_versus=_summary_or_none(
                s.rate / versus_rounds[n].rate for n, s in rounds.items() if n in versus_rounds
            ),
        )
        for name, rounds in by_server.items()
    ]


def _summary_or_none(figures: Iterable[float]) -> Summary | None:
    values = list(figures)
    return summary(values) if values else None
