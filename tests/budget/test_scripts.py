"""What the scripts of ``bench/scripts.py`` cost for each request, counted, against ``bounds.py``."""

import gc
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import asynchttp
from bench import scripts
from bench.scripts import MemoryLoop, MemoryTransport, Player
from tests.budget.bounds import SCRIPTS, Cost
from tests.budget.counting import Counts, count_eager_tasks

REQUESTS = 100


class CountingLoop(Counts, MemoryLoop):
    def call_soon(self, callback: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        handle = super().call_soon(callback, *args, **kwargs)
        if getattr(callback, "__func__", None) is Player._turn:
            self.callbacks -= 1  # the client's
        return handle


@pytest.fixture(params=SCRIPTS)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def player(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    """Played for a while: what is made once is there."""
    loop = CountingLoop()
    count_eager_tasks(loop, monkeypatch)
    player = scripts.player(name, loop)
    for _ in range(25):
        player.play(4)
    yield player
    player.close()


def on_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    write = MemoryTransport.write

    def acting(transport: MemoryTransport, data: bytes) -> None:
        act()
        write(transport, data)

    monkeypatch.setattr(MemoryTransport, "write", acting)


def test_tasks_futures_timers_callbacks_and_writes(player: Player, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop: Any = player.loop

    def written() -> None:
        loop.writes += 1

    on_write(monkeypatch, written)
    loop.reset()
    player.play(REQUESTS)
    budget = SCRIPTS[name]
    counted = Cost(
        tasks=loop.tasks,
        futures=loop.futures,
        timers=loop.timers,
        callbacks=loop.callbacks,
        writes=loop.writes,
    )
    assert counted == Cost(
        tasks=budget.tasks * REQUESTS,
        futures=budget.futures * REQUESTS,
        timers=budget.timers * REQUESTS,
        callbacks=budget.callbacks * REQUESTS,
        writes=budget.writes * REQUESTS,
    )


def test_frames(player: Player, name: str) -> None:
    package = str(asynchttp.__path__[0])
    frames = 0

    def profile(frame: types.FrameType, event: str, argument: Any) -> None:
        nonlocal frames
        if event == "call" and frame.f_code.co_filename.startswith(package):
            frames += 1

    sys.setprofile(profile)
    try:
        player.play(REQUESTS)
    finally:
        sys.setprofile(None)
    assert frames / REQUESTS <= SCRIPTS[name].frames


def test_blocks_of_memory(player: Player, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fewest = sys.maxsize

    def count() -> None:
        nonlocal fewest
        fewest = min(fewest, sys.getallocatedblocks())

    on_write(monkeypatch, count)
    gc.collect()
    gc.disable()
    left, at_writing, garbage = [], [], []
    try:
        for _ in range(3):
            player.play(REQUESTS)  # the collector emptied what the interpreter keeps for the next objects
        for _ in range(5):  # the least is ours: a thread of the test runner allocates, too
            flush_logs()
            fewest = sys.maxsize
            before = sys.getallocatedblocks()
            player.play(REQUESTS)
            flush_logs()
            left.append(sys.getallocatedblocks() - before)
            at_writing.append(fewest - before)
            garbage.append(gc.collect())
            player.play(REQUESTS)
    finally:
        gc.enable()
    assert min(garbage) == 0, "requests leave garbage behind"
    # The interpreter keeps a few freed objects of some kinds: what comes of that isn't as many as one in a request.
    assert min(left) < REQUESTS / 2, "requests leave something behind"
    assert min(at_writing) <= SCRIPTS[name].blocks + 3


def flush_logs() -> None:
    for handler in scripts.LOG.handlers:
        handler.flush()
