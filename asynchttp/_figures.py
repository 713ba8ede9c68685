"""What a server counts, and how the figures of several workers become one.

Figures are flat: a name, as Prometheus would have it but for the prefix ``asynchttp_``, and a number. *Counters* only
grow, so those of all workers, living and departed, add up. *Gauges* tell how it is now: of the living they add up too,
but for :data:`_WORST`, where the largest counts.

``name{label="value"}`` is one of a family; ``accept_queue_length{listener="…"}`` names the listening socket, because
workers that share one all see the same queue.
"""

import asyncio
import bisect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from asynchttp._observed import PartsObserver

__all__ = ["DURATIONS", "Crew", "Figures", "Publisher", "Stats", "add_up"]

#: Upper bounds of the histogram of durations, in seconds.
DURATIONS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Gauges of which the largest counts, by the beginning of their names.
_WORST: Final = ("accept_queue_length", "loop_lag_seconds")

_STATUS: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx", "other", "other", "other", "other")


class Figures(NamedTuple):
    """The figures of a process, or of several."""

    counters: dict[str, float]
    gauges: dict[str, float]

    def published(self) -> dict[str, Any]:
        """As JSON can say it: what a worker shows to the others of its crew."""
        return {"counters": self.counters, "gauges": self.gauges}


def add_up(published: Iterable[Mapping[str, Any]], departed: Mapping[str, float] | None = None) -> Figures:
    """The figures of a crew.

    Args:
        published: of each living worker, as :meth:`Figures.published` says it.
        departed: the counters of those that have ended, added up.
    """
    counters: dict[str, float] = dict(departed or {})
    gauges: dict[str, float] = {}
    for figures in published:
        for name, value in figures.get("counters", {}).items():
            counters[name] = counters.get(name, 0) + value
        for name, value in figures.get("gauges", {}).items():
            if name.startswith(_WORST):
                gauges[name] = max(gauges.get(name, 0), value)
            else:
                gauges[name] = gauges.get(name, 0) + value
    return Figures(counters, gauges)


class Stats(PartsObserver):
    """Counts requests: the figures that cost something for each of them."""

    def __init__(self) -> None:
        self._by_status = [0] * len(_STATUS)
        self._received = 0
        self._sent = 0
        self._seconds = 0.0
        self._by_duration = [0] * (len(DURATIONS) + 1)

    def on_parts(
        self,
        connection: Any,
        request: Any,
        status: int | None,
        bytes_sent: int,
        ended_at: float,
        duration: float,
        reason: object,
        first: bytes,
        received: bytes,
        head_size: int,
    ) -> None:
        # HOT: once per request.
        self._by_status[(status or 0) // 100] += 1
        self._sent += bytes_sent
        self._seconds += duration
        self._by_duration[bisect.bisect_left(DURATIONS, duration)] += 1
        if request is None:
            self._received += len(received)
        else:
            # " " and " HTTP/1." are 9 octets.
            tail = request.tail
            self._received += len(request.method or "") + len(request.target) + 9 + len(tail.octets)
            if tail.body_length:
                self._received += len(request.body) or connection._body_size

    def counters(self) -> dict[str, float]:
        counters: dict[str, float] = {
            "requests_total": sum(self._by_status),
            "received_bytes_total": self._received,
            "sent_bytes_total": self._sent,
        }
        for label, count in zip(_STATUS, self._by_status, strict=True):
            name = f'responses_total{{status="{label}"}}'
            counters[name] = counters.get(name, 0) + count
        total = 0
        for bound, count in zip((*DURATIONS, "+Inf"), self._by_duration, strict=True):
            total += count
            counters[f'request_duration_seconds_bucket{{le="{bound}"}}'] = total
        counters["request_duration_seconds_sum"] = self._seconds
        counters["request_duration_seconds_count"] = total
        return counters


class Crew(Protocol):
    """What a worker process has of its crew: :class:`asynchttp._worker.Worker` is one."""

    def publish(self, figures: Mapping[str, Any]) -> None: ...

    def figures(self) -> Any:
        """``workers``, by process id what each published last, and ``departed``, the counters of the others."""


class Publisher:
    """Shows the figures of this worker to its crew, every ``period`` seconds and whenever the crew's are asked for."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, crew: Crew, collect: Callable[[], Figures], period: float = 1.0
    ) -> None:
        self._loop = loop
        self._crew = crew
        self._collect = collect
        self._period = period
        self._timer: asyncio.TimerHandle | None = None
        self._tick()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._period, self._tick)
        self.publish()

    def publish(self) -> None:
        self._crew.publish(self._collect().published())

    def crew_figures(self) -> Figures:
        """Those of all workers together, of this one as they are now."""
        self.publish()
        published = self._crew.figures()
        figures = add_up(published.workers.values(), published.departed)
        figures.gauges["workers"] = len(published.workers)
        return figures

    def close(self) -> None:
        """Publish a last time, and no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.publish()
