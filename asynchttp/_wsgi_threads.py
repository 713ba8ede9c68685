"""The threads of a WSGI handler, and the way from the loop to them and back.

How this works
==============
Calls wait in a queue that wakes no more threads than it must: one that finds another call behind its own goes on with
it, for as long as Python lets it run. What they return is collected, too: the loop is woken for the first of a bunch.
An executor does both for each call, with locks of Python's, and costs as much as a small application.

``skip`` or ``run`` of a call is called in a thread, once. ``run`` gives its result to the outbox itself, as soon as it
has one, and may go on behind it. Nothing of a call is kept behind its end.
"""

import asyncio
import atexit
import queue
import threading
from collections import deque
from typing import Any, Protocol

__all__ = ["Outbox", "ThreadCall", "Threads"]


class ThreadCall(Protocol):
    """What runs in a thread."""

    future: "asyncio.Future[Any]"
    outbox: "Outbox"

    def run(self) -> None:
        """Give the result to the outbox. What is raised becomes the exception of the future, if that has no result."""

    def skip(self) -> None:
        """The future was cancelled before a thread was free."""

    def failed_late(self, error: BaseException) -> None:
        """The call raised behind its result.  Called in the loop."""


class Outbox:
    """Results on their way to a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._results: deque[tuple[ThreadCall, Any, BaseException | None]] = deque()
        # A turn of the loop is arranged. Set in threads: two of them may arrange two, of which one finds nothing.
        self._told = False

    def put(self, call: ThreadCall, result: Any, error: BaseException | None = None) -> None:
        """Called in a thread."""
        self._results.append((call, result, error))
        if not self._told:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:  # the loop is closed: nobody waits
                pass

    def _take(self) -> None:
        self._told = False  # first: what comes from now on has its own turn
        while self._results:
            call, result, error = self._results.popleft()
            if not call.future.done():
                if error is None:
                    call.future.set_result(result)
                else:
                    call.future.set_exception(error)
            elif error is not None and not call.future.cancelled():
                call.failed_late(error)


class Threads:
    """So many threads, which begin with the first call, and end with :meth:`shutdown`, or when nobody has this object.

    The end of the process waits for the calls that run.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._calls: queue.SimpleQueue[ThreadCall | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self, call: ThreadCall) -> None:
        """Let a thread run it, when one is free."""
        if not self._threads:
            for number in range(self._count):
                # Daemons, or the interpreter would wait for them before it asks for their end.
                thread = threading.Thread(
                    target=_work, args=(self._calls,), name=f"asynchttp-wsgi_{number}", daemon=True
                )
                self._threads.append(thread)
                _running[thread] = self._calls
                thread.start()
        self._calls.put(call)

    def shutdown(self) -> None:
        """Wait for all calls, and end the threads."""
        self._release()
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def _release(self) -> None:
        for _ in self._threads:
            self._calls.put(None)

    __del__ = _release


#: All threads that haven't ended, with where they get their calls.
_running: "dict[threading.Thread, queue.SimpleQueue[ThreadCall | None]]" = {}


def _work(calls: "queue.SimpleQueue[ThreadCall | None]") -> None:
    while (call := calls.get()) is not None:
        if call.future.cancelled():
            call.skip()
        else:
            try:
                call.run()
            except BaseException as raised:
                error: BaseException = raised
                if not isinstance(raised, Exception) or isinstance(raised, StopIteration):
                    # No future takes StopIteration, and sys.exit() would end the loop.
                    error = RuntimeError(f"a WSGI application raised {type(raised).__name__}")
                    error.__cause__ = raised
                call.outbox.put(call, None, error)
                del error
        del call
    _running.pop(threading.current_thread(), None)


@atexit.register
def _end_all() -> None:
    threads = list(_running.items())
    for _, calls in threads:
        calls.put(None)
    for thread, _ in threads:
        thread.join()
