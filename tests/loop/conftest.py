"""IOLoops on both asyncio loops, closed after the test, and one with a clock that the test moves."""

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp.ioloop import IOLoop

#: Seconds after which a test that waits for something gives up.
PATIENCE = 10


class ManualLoop(IOLoop):
    """A loop whose timers fire when the test moves its clock, and otherwise never."""

    def initialize(self, **kwargs: Any) -> None:  # type: ignore[override]  # a test's own
        self.now = 1000.0
        self._timers: list[list[Any]] = []
        self._made = 0
        super().initialize(time_func=lambda: self.now, **kwargs)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> object:
        self._made += 1
        timer = [self.now + delay, self._made, callback, args, kwargs]
        heapq.heappush(self._timers, timer)
        return timer

    def remove_timeout(self, timeout: Any) -> None:
        timeout[2] = None

    def advance(self, seconds: float) -> None:
        """Move the clock on, stopping at each timer that is due, and run what the timers scheduled."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, callback, args, kwargs = heapq.heappop(self._timers)
            if callback is not None:
                self.now = max(self.now, when)
                self.add_callback(callback, *args, **kwargs)
                self.turn()
        self.now = max(self.now, end)

    def turn(self) -> None:
        """Run what is ready, and what becomes so by that."""
        for _ in range(5):
            self.add_callback(self.stop)
            self.start()


@pytest.fixture
def new_loop(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that makes an ``IOLoop``, or one of another class, with the arguments that it gets."""
    monkeypatch.setenv("ASYNCHTTP_LOOP", loop_name)
    IOLoop.clear_instance()
    made: list[IOLoop] = []

    def make(kind: type[IOLoop] = IOLoop, **kwargs: Any) -> IOLoop:
        loop = kind(**kwargs)
        made.append(loop)
        return loop

    yield make
    for loop in made:
        if not loop.asyncio_loop.is_closed():
            loop.close()
    IOLoop.clear_instance()


@pytest.fixture
def io_loop(new_loop: Callable[..., IOLoop]) -> IOLoop:
    """The current loop of the main thread. A test that never stops it fails after ``PATIENCE``."""
    loop = new_loop(make_current=True)

    def give_up() -> None:
        raise SystemExit("the test never stopped its loop")

    loop.asyncio_loop.call_later(PATIENCE, give_up)
    return loop


@pytest.fixture
def manual_loop(new_loop: Callable[..., Any]) -> ManualLoop:
    loop: ManualLoop = new_loop(ManualLoop, make_current=True)
    return loop
