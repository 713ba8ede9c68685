"""Figures of several workers as those of one server."""

import asyncio
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asynchttp import _metrics
from asynchttp._figures import Figures, Publisher, add_up


def test_counters_and_gauges_add_up_and_the_departed_count() -> None:
    first = Figures({"requests_total": 3}, {"connections_active": 1, "loop_lag_seconds": 0.5})
    second = Figures({"requests_total": 4}, {"connections_active": 2, "loop_lag_seconds": 0.25})
    figures = add_up([first.published(), second.published()], {"requests_total": 10})
    assert figures.counters == {"requests_total": 17}
    assert figures.gauges == {"connections_active": 3, "loop_lag_seconds": 0.5}


def test_listener_that_workers_share_counts_once() -> None:
    shared, own = 'accept_queue_length{listener="1"}', 'accept_queue_length{listener="2"}'
    figures = add_up([{"gauges": {shared: 3}}, {"gauges": {shared: 4, own: 1}}, {}])
    assert figures.gauges == {shared: 4, own: 1}


class Crew:
    """Two workers: this one, and another that has published."""

    class Published(NamedTuple):
        workers: dict[int, Any]
        departed: dict[str, float]

    def __init__(self) -> None:
        self.published: list[Any] = []

    def publish(self, figures: Any) -> None:
        self.published.append(figures)

    def figures(self) -> Any:
        other = {"counters": {"requests_total": 1}, "gauges": {"ready": 1}}
        return self.Published({1: self.published[-1], 2: other}, {"requests_total": 100})


def test_figures_of_a_crew_are_as_fresh_as_this_worker_can_make_them() -> None:
    async def main() -> None:
        requests = 5
        crew = Crew()
        collect = lambda: Figures({"requests_total": requests}, {"ready": 1})  # noqa: E731
        publisher = Publisher(asyncio.get_running_loop(), crew, collect, period=0.01)
        assert len(crew.published) == 1
        requests = 7
        assert publisher.crew_figures() == ({"requests_total": 108}, {"ready": 2, "workers": 2})
        async with asyncio.timeout(5):
            while len(crew.published) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0)
        publisher.close()
        count = len(crew.published)
        await asyncio.sleep(0.03)
        assert len(crew.published) == count

    asyncio.run(main())


@pytest.mark.parametrize("openmetrics", [False, True])
def test_figures_that_nobody_described_are_shown_too(openmetrics: bool) -> None:
    page = _metrics.render({'mine{a="b"}': 1.5, "mine": 2}, openmetrics).decode()
    assert page.splitlines()[:3] == ["# TYPE asynchttp_mine gauge", 'asynchttp_mine{a="b"} 1.5', "asynchttp_mine 2"]
    assert page.endswith("# EOF\n") is openmetrics
    assert [family.name for family in text_string_to_metric_families(page)] == ["asynchttp_mine"]
