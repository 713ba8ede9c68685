"""PeriodicCallback: its arithmetic, and its life on a clock that the test moves."""

import asyncio
import datetime
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import gen
from asynchttp.ioloop import IOLoop, PeriodicCallback
from tests.loop.conftest import ManualLoop


def nothing() -> None:
    raise AssertionError("called by a test of arithmetic")


def call_times(periodic: PeriodicCallback, durations: list[float]) -> list[float]:
    """Return when the calls are made if they take so long; negative where the clock is set back meanwhile."""
    times = []
    now = periodic._next_timeout = 1000.0
    for duration in durations:
        periodic._update_next(now)
        times.append(periodic._next_timeout)
        now = periodic._next_timeout + duration
    return times


@pytest.mark.parametrize(
    ("durations", "times"),
    [
        pytest.param([0, 0, 0], [1010, 1020, 1030], id="short"),
        pytest.param([9, 9, 10, 11, 20, 20, 35, 35, 0, 0], None, id="long"),
        pytest.param([-2, -1, 0, 0, 0], [1010, 1020, 1030, 1040, 1050], id="clock-set-back-a-little"),
        pytest.param([-100, 0, 0], [1010, 1020, 1030], id="clock-set-back-a-lot"),
    ],
)
def test_times_of_calls(durations: list[float], times: list[float] | None) -> None:
    periodic = PeriodicCallback(nothing, 10_000)
    if times is None:
        times = [1010, 1020, 1030, 1050, 1070, 1100, 1130, 1170, 1210, 1220]
    assert call_times(periodic, durations) == times


def test_times_are_on_the_grid_of_the_start_with_fractions() -> None:
    periodic = PeriodicCallback(nothing, 100)
    times = call_times(periodic, [0.05, 0.25, 0.0])
    assert times == pytest.approx([1000.1, 1000.2, 1000.5])


def test_jitter_lengthens_and_shortens(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.5, 1.0, 0.0, 0.75])
    monkeypatch.setattr(random, "random", lambda: next(values))
    periodic = PeriodicCallback(nothing, 10_000, jitter=0.5)
    assert call_times(periodic, [0, 0, 0, 0]) == [1010, 1022.5, 1030, 1041.25]


@pytest.mark.parametrize("interval", [0, -1, datetime.timedelta(0), datetime.timedelta(seconds=-1)])
def test_interval_must_be_positive(interval: Any) -> None:
    with pytest.raises(ValueError, match="positive"):
        PeriodicCallback(nothing, interval)


def test_interval_as_timedelta() -> None:
    assert PeriodicCallback(nothing, datetime.timedelta(minutes=1, microseconds=500)).callback_time == 60_000.5


def test_attributes() -> None:
    periodic = PeriodicCallback(nothing, 100, 0.1)
    assert (periodic.callback, periodic.callback_time, periodic.jitter, periodic.io_loop) == (nothing, 100, 0.1, None)


@pytest.mark.parametrize("how", ["third", "keyword", "fourth"])
def test_io_loop_as_argument(new_loop: Callable[..., IOLoop], how: str) -> None:
    other = new_loop(make_current=False)
    if how == "third":
        periodic = PeriodicCallback(other.stop, 1, other)
    elif how == "keyword":
        periodic = PeriodicCallback(other.stop, 1, io_loop=other)
    else:
        periodic = PeriodicCallback(other.stop, 1, 0.1, other)
    assert periodic.io_loop is other
    periodic.start()
    other.start()
    periodic.stop()


def test_none_in_the_place_of_io_loop(io_loop: IOLoop) -> None:
    periodic = PeriodicCallback(io_loop.stop, 1, None)
    periodic.start()
    assert periodic.io_loop is io_loop
    io_loop.start()
    periodic.stop()


def test_may_be_made_in_another_thread(io_loop: IOLoop) -> None:
    made: list[PeriodicCallback] = []
    thread = threading.Thread(target=lambda: made.append(PeriodicCallback(io_loop.stop, 1)))
    thread.start()
    thread.join()
    made[0].start()
    io_loop.start()
    made[0].stop()


# ---- on a clock that the test moves


def test_first_call_is_one_interval_after_start(manual_loop: ManualLoop) -> None:
    times: list[float] = []
    periodic = PeriodicCallback(lambda: times.append(manual_loop.now), 1000)
    periodic.start()
    manual_loop.advance(0.9)
    assert times == []
    manual_loop.advance(2.2)
    assert times == [1001, 1002, 1003]


def test_long_call_leaves_calls_out(manual_loop: ManualLoop) -> None:
    times: list[float] = []

    def callback() -> None:
        times.append(manual_loop.now)
        manual_loop.now += 2.5

    PeriodicCallback(callback, 1000).start()
    manual_loop.advance(10)
    assert times == [1001, 1004, 1007, 1010]


def test_stop(manual_loop: ManualLoop) -> None:
    calls: list[int] = []
    periodic = PeriodicCallback(lambda: calls.append(1), 1000)
    assert not periodic.is_running()
    periodic.stop()
    periodic.start()
    assert periodic.is_running()
    manual_loop.advance(1)
    periodic.stop()
    assert not periodic.is_running()
    manual_loop.advance(5)
    assert calls == [1]


def test_stop_by_the_callback(manual_loop: ManualLoop) -> None:
    calls: list[int] = []
    periodic = PeriodicCallback(lambda: (calls.append(1), periodic.stop()), 1000)
    periodic.start()
    manual_loop.advance(5)
    assert calls == [1]


def test_start_after_stop_begins_a_new_grid(manual_loop: ManualLoop) -> None:
    times: list[float] = []
    periodic = PeriodicCallback(lambda: times.append(manual_loop.now), 1000)
    periodic.start()
    manual_loop.advance(0.5)
    periodic.stop()
    periodic.start()
    manual_loop.advance(2.2)
    assert times == [1001.5, 1002.5]


def test_start_twice_makes_one_chain(manual_loop: ManualLoop) -> None:
    times: list[float] = []
    periodic = PeriodicCallback(lambda: times.append(manual_loop.now), 1000)
    periodic.start()
    periodic.start()
    manual_loop.advance(2)
    assert times == [1001, 1002]


def test_restart_by_the_callback_makes_one_chain(manual_loop: ManualLoop) -> None:
    times: list[float] = []

    def callback() -> None:
        times.append(manual_loop.now)
        if len(times) == 1:
            periodic.stop()
            periodic.start()

    periodic = PeriodicCallback(callback, 1000)
    periodic.start()
    manual_loop.advance(3)
    assert times == [1001, 1002, 1003]


def test_exception_is_logged_and_the_schedule_goes_on(manual_loop: ManualLoop, expect_log: Any) -> None:
    def fail() -> None:
        raise ValueError

    expect_log("asynchttp.application", "^Exception in callback .*fail", count=3)
    PeriodicCallback(fail, 1000).start()
    manual_loop.advance(3)


def test_cancellation_is_silent_and_the_schedule_goes_on(manual_loop: ManualLoop) -> None:
    calls: list[int] = []

    def callback() -> None:
        calls.append(1)
        raise asyncio.CancelledError

    PeriodicCallback(callback, 1000).start()
    manual_loop.advance(3)
    assert calls == [1, 1, 1]


@pytest.mark.parametrize("style", ["native", "generator"])
def test_next_call_waits_for_a_coroutine(manual_loop: ManualLoop, style: str) -> None:
    begun: list[float] = []
    futures: list[asyncio.Future[None]] = []

    def begin() -> asyncio.Future[None]:
        begun.append(manual_loop.now)
        futures.append(manual_loop.asyncio_loop.create_future())
        return futures[-1]

    async def native() -> None:
        await begin()

    @gen.coroutine
    def generator() -> Any:
        yield begin()

    PeriodicCallback(native if style == "native" else generator, 1000).start()
    manual_loop.advance(3.5)
    assert begun == [1001]
    futures[0].set_result(None)
    manual_loop.turn()
    manual_loop.advance(2)
    assert begun == [1001, 1004]
    futures[1].set_result(None)
    manual_loop.turn()


def test_failing_coroutine_is_logged_and_the_schedule_goes_on(manual_loop: ManualLoop, expect_log: Any) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError

    expect_log("asynchttp.application", "^Exception in callback .*fail", count=2)
    PeriodicCallback(fail, 1000).start()
    manual_loop.advance(2)


def test_coroutine_that_outlives_a_restart_does_not_double_the_chain(manual_loop: ManualLoop) -> None:
    times: list[float] = []
    future: asyncio.Future[None] = manual_loop.asyncio_loop.create_future()

    async def callback() -> None:
        times.append(manual_loop.now)
        if len(times) == 1:
            await future

    periodic = PeriodicCallback(callback, 1000)
    periodic.start()
    manual_loop.advance(1.5)
    periodic.stop()
    periodic.start()
    future.set_result(None)
    manual_loop.turn()
    manual_loop.advance(2.2)
    assert times == [1001, 1002.5, 1003.5]


# ---- on the real clock


def test_on_the_real_clock(io_loop: IOLoop) -> None:
    calls: list[int] = []

    def callback() -> None:
        calls.append(1)
        if len(calls) == 3:
            periodic.stop()
            io_loop.add_callback(io_loop.stop)

    periodic = PeriodicCallback(callback, 5)
    periodic.start()
    io_loop.start()
    assert calls == [1, 1, 1]
