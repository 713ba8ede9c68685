"""A thread that notices when a loop's callback blocks the loop.

How this works
==============
The thread asks the loop to run a beat, waits, and calls ``on_block`` if the beat has not come after
``seconds``. It then waits for that beat before it asks for the next, so that a long block is told once. A
loop that doesn't run isn't blocked. The thread ends when it is stopped or the loop is closed.

Blocks that begin in the pause between two beats are measured from the next beat on, so one that is shorter
than ``seconds * (1 + PAUSE)`` may pass unnoticed; none is told that was shorter than ``seconds``.
"""

import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable

__all__ = ["Watchdog"]

#: Pause between two beats, as a fraction of the threshold.
PAUSE = 0.25


class Watchdog:
    """Watches one loop until ``stop``.

    Args:
        loop: the loop; need not run yet.
        seconds: a loop that does not get round to a callback for so long is blocked.
        on_block: called in the watching thread with the identifier of the loop's thread.
    """

    def __init__(self, loop: AbstractEventLoop, seconds: float, on_block: Callable[[int], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._on_block = on_block
        self._stopped = threading.Event()
        self._beaten = threading.Event()
        self._thread_id: int | None = None  # of the loop; unknown before the first beat
        # A daemon: a program that ends without closing its loop must still end.
        self._thread = threading.Thread(target=self._watch, name="asynchttp watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread soon; may be called more than once and from any thread."""
        self._stopped.set()
        self._beaten.set()

    def _beat(self) -> None:
        self._thread_id = threading.get_ident()
        self._beaten.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._beaten.clear()
            try:
                self._loop.call_soon_threadsafe(self._beat)
            except RuntimeError:
                return  # the loop was closed
            told = False
            running = self._loop.is_running()
            while not self._beaten.wait(self._seconds):
                if self._loop.is_closed():
                    return
                was_running, running = running, self._loop.is_running()
                if was_running and running and not told and self._thread_id is not None:
                    told = True
                    self._on_block(self._thread_id)
            self._stopped.wait(self._seconds * PAUSE)
