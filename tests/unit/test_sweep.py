"""The clock of the connections: who is looked at, how often, and what must not be missed."""

from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import _sweep
from asynchttp._sweep import Sweep

ROUND = 0.125 * _sweep._ROUNDS


class Loop:
    """The part of an event loop that a sweep uses, on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        entry = (self.now + delay, callback)
        self.timers.append(entry)

        class Timer:
            def cancel(timer) -> None:
                self.timers.remove(entry)

        return Timer()

    def tick(self, late: float = 0.0) -> None:
        [(due, callback)] = self.timers
        self.timers.clear()
        self.now = due + late
        callback()


class Member:
    """Has ``left`` seconds with each look."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.looks: list[float] = []

    def check_time(self, now: float) -> float:
        self.looks.append(now)
        return self.left


class Deadline:
    """A member that is due at ``due`` and learns of it by looks alone."""

    def __init__(self, sweep: Sweep, due: float) -> None:
        self.sweep = sweep
        self.due = due
        self.noticed: float | None = None

    def check_time(self, now: float) -> float:
        if now >= self.due:
            self.noticed = now
            self.sweep.discard(self)
        return self.due - now


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def sweep(loop: Loop) -> Sweep:
    return Sweep(loop, 1.0)  # type: ignore[arg-type]


def test_who_has_no_time_is_looked_at_with_each_tick(loop: Loop, sweep: Sweep) -> None:
    member = Member(ROUND)
    sweep.add(member)
    for _ in range(200):
        loop.tick()
    assert len(member.looks) == 200


def test_who_has_time_is_looked_at_once_a_round(loop: Loop, sweep: Sweep) -> None:
    members = [Member(ROUND + 1) for _ in range(1000)]
    for member in members:
        sweep.add(member)
    loop.tick()
    for member in members:
        assert len(member.looks) == 1
        member.looks.clear()
    most = 0
    for _ in range(2 * _sweep._ROUNDS):
        before = sum(len(member.looks) for member in members)
        loop.tick()
        most = max(most, sum(len(member.looks) for member in members) - before)
    assert {len(member.looks) for member in members} == {2}
    # Spread, wherever they lie in memory: objects of one size have addresses of one stride.
    assert most < len(members) / 4


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_no_deadline_is_missed_or_comes_early(loop: Loop, sweep: Sweep, late: float) -> None:
    start = loop.now
    members = [Deadline(sweep, start + 0.1 * tenths) for tenths in range(1, 600)]
    for member in members:
        sweep.add(member)
    while loop.timers:
        loop.tick(late)
    for member in members:
        assert member.noticed is not None
        # With ticks that were always late a round takes longer than it was expected to.
        assert 0 <= member.noticed - member.due <= sweep.period + late + late * _sweep._ROUNDS


def test_who_hurries_is_looked_at_with_the_next_tick(loop: Loop, sweep: Sweep) -> None:
    member = Member(ROUND + 1)
    sweep.add(member)
    loop.tick()
    loop.tick()
    member.looks.clear()
    member.left = 0.0
    sweep.hurry(member)
    for number in range(1, 5):
        loop.tick()
        assert len(member.looks) == number
    member.left = ROUND + 1
    loop.tick()
    member.looks.clear()
    for _ in range(_sweep._ROUNDS):
        loop.tick()
    assert len(member.looks) == 1


def test_stranger_that_hurries_stays_one(loop: Loop, sweep: Sweep) -> None:
    sweep.hurry(Member(0))
    assert not loop.timers


@pytest.mark.parametrize("left", [0.0, ROUND + 1])
def test_timer_runs_while_there_are_members(loop: Loop, sweep: Sweep, left: float) -> None:
    first, second = Member(left), Member(left)
    assert not loop.timers
    sweep.add(first)
    sweep.add(second)
    loop.tick()
    sweep.discard(first)
    sweep.discard(first)
    assert loop.timers
    sweep.discard(second)
    assert not loop.timers
    sweep.add(first)
    assert loop.timers


@pytest.mark.parametrize("left", [0.0, ROUND + 1])
def test_members_that_go_while_they_are_looked_at(loop: Loop, sweep: Sweep, left: float) -> None:
    class Leaving(Member):
        def check_time(self, now: float) -> float:
            for member in members:
                sweep.discard(member)
            return super().check_time(now)

    members = [Leaving(left) for _ in range(10)]
    for member in members:
        sweep.add(member)
    loop.tick()
    assert not loop.timers
    assert sum(len(group) for group in (sweep._soon, *sweep._rounds)) == 0
