"""A loop that counts what is asked of it."""

import asyncio
from typing import Any

import pytest

from tests.budget.bounds import EAGER

__all__ = ["Counts", "count_eager_tasks"]


class Counts:
    """A mixin for loops: counts what the package asks of them."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        self.tasks = self.futures = self.timers = self.callbacks = self.writes = 0

    def create_task(self, *args: Any, **kwargs: Any) -> Any:
        self.tasks += 1
        return super().create_task(*args, **kwargs)  # type: ignore[misc]

    def create_future(self) -> Any:
        self.futures += 1
        return super().create_future()  # type: ignore[misc]

    def call_later(self, *args: Any, **kwargs: Any) -> Any:
        self.timers += 1
        return super().call_later(*args, **kwargs)  # type: ignore[misc]

    def call_at(self, *args: Any, **kwargs: Any) -> Any:
        self.timers += 1
        return super().call_at(*args, **kwargs)  # type: ignore[misc]

    def call_soon(self, *args: Any, **kwargs: Any) -> Any:
        self.callbacks += 1
        return super().call_soon(*args, **kwargs)  # type: ignore[misc]

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:
        self.callbacks += 1
        return super().call_soon_threadsafe(*args, **kwargs)  # type: ignore[misc]


def count_eager_tasks(loop: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count eager tasks, too: they aren't made by the loop."""

    class CountingTask(asyncio.Task[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            loop.tasks += 1
            super().__init__(*args, **kwargs)

    if EAGER:
        monkeypatch.setattr(asyncio, "Task", CountingTask)
