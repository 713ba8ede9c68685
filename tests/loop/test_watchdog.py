"""The watchdog, on a loop that does what the test says."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp._watchdog import Watchdog

SECONDS = 0.01


class Loop:
    """As much of an asyncio loop as a watchdog uses."""

    def __init__(self) -> None:
        self.beats: list[Callable[[], None]] = []
        self.asked = threading.Semaphore(0)  # released for each beat
        self.looked = threading.Semaphore(0)  # released for each look whether it runs
        self.running = True
        self.closed = False

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.beats.append(callback)
        self.asked.release()

    def is_running(self) -> bool:
        self.looked.release()
        return self.running

    def is_closed(self) -> bool:
        return self.closed

    def beat(self) -> None:
        """Wait until a beat is asked for, and run it."""
        assert self.asked.acquire(timeout=10)
        self.beats.pop()()

    def be_watched(self, times: int) -> None:
        """Wait until the watchdog has looked so often."""
        for _ in range(times):
            assert self.looked.acquire(timeout=10)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def watchdog(loop: Loop, told: list[int]) -> Iterator[Watchdog]:
    watching = Watchdog(loop, SECONDS, told.append)  # type: ignore[arg-type]  # enough of one
    yield watching
    watching.stop()
    watching._thread.join(10)
    assert not watching._thread.is_alive()


def test_block_is_told_once_with_the_thread(loop: Loop, watchdog: Watchdog, told: list[int]) -> None:
    loop.beat()
    assert loop.asked.acquire(timeout=10)
    loop.be_watched(6)
    assert told == [threading.get_ident()]


def test_next_block_is_told_again(loop: Loop, watchdog: Watchdog, told: list[int]) -> None:
    loop.beat()
    for number in (1, 2):
        assert loop.asked.acquire(timeout=10)
        while len(told) < number:
            loop.be_watched(1)
        loop.beats.pop()()
    assert len(told) == 2


def test_a_loop_that_does_not_run_is_not_blocked(loop: Loop, watchdog: Watchdog, told: list[int]) -> None:
    loop.beat()
    loop.running = False
    assert loop.asked.acquire(timeout=10)
    loop.be_watched(6)
    assert told == []


def test_nothing_is_told_before_the_first_beat(loop: Loop, watchdog: Watchdog, told: list[int]) -> None:
    loop.be_watched(6)
    assert told == []


@pytest.mark.parametrize("when", ["between beats", "during a block"])
def test_ends_when_the_loop_is_closed(loop: Loop, watchdog: Watchdog, when: str) -> None:
    if when == "between beats":
        loop.beat()
    loop.closed = True
    watchdog._thread.join(10)
    assert not watchdog._thread.is_alive()


def test_stop_may_be_called_twice(loop: Loop, watchdog: Watchdog) -> None:
    watchdog.stop()
    watchdog.stop()
    watchdog._thread.join(10)
    assert not watchdog._thread.is_alive()


def test_is_a_daemon(watchdog: Any) -> None:
    assert watchdog._thread.daemon
