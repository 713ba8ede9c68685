"""Limits of a server that are counted over its connections, and the time of a handler.

Each is off unless asked for, and costs nothing then: they wrap the function that starts requests, or watch the server
from outside.

====================  =============================================================================================
``max_connections``   so many connections open, and accepting rests; the kernel queues the next ones
``limit_concurrency`` so many requests in progress, and the next is answered by ``503``
``handler_timeout``   so many seconds for a handler: ``503`` before its head, a cut connection after it. A coroutine is
                      cancelled, too; a handler that blocks the loop can't be interrupted, by nobody
``max_requests``      so many requests in a worker process, and it asks for its replacement
====================  =============================================================================================
"""

import asyncio
import random
import weakref

from asynchttp._dispatch import Style
from asynchttp._exchange import ServerRequest
from asynchttp._reasons import HANDLER_TIMEOUT, OVERLOADED
from asynchttp._response import summary
from asynchttp._sweep import Sweep
from asynchttp._worker import Worker

__all__ = ["limit_concurrency", "limit_time", "retire_after"]


def limit_concurrency(style: Style, limit: int) -> Style:
    """Answer requests beyond ``limit`` at a time by ``503``, without asking the handler.

    A request counts until it is answered, and longer while its handler still runs.
    """
    # Weak: a request that nobody holds any more is over.
    active: weakref.WeakSet[ServerRequest] = weakref.WeakSet()
    running = style.running

    def start(request: ServerRequest) -> None:
        if len(active) >= limit:
            for other in list(active):
                if not other.engine.answering(other) and (running is None or other not in running):
                    active.discard(other)
            if len(active) >= limit:
                record = "Refused %s: %d requests are in progress"
                request.engine.explain(OVERLOADED, record, summary(request), limit)
                # A client that goes elsewhere finds a server, or a worker, that has room.
                request.respond(b"", 503, {"Retry-After": "1", "Connection": "close"})
                return
        active.add(request)
        style.start(request)

    return style._replace(start=start)


class _HandlerTimes:
    """The handlers that are running, and since when.  Looked at by the sweep."""

    def __init__(self, limit: float, sweep: Sweep, running: "dict[ServerRequest, asyncio.Task[None]] | None") -> None:
        self._limit = limit
        self._sweep = sweep
        self._running = running
        # In the order of their start.
        self._started: dict[ServerRequest, float] = {}

    def add(self, request: ServerRequest) -> None:
        if not self._started:
            self._sweep.add(self)
        self._started[request] = self._sweep.now

    def check_time(self, now: float) -> float:
        # What the sweep called "now" may have been a period old.
        limit = now - self._limit - self._sweep.period
        for request, started in list(self._started.items()):
            task = None if self._running is None else self._running.get(request)
            # What a handler does behind its response, and a WebSocket, take as long as they like.
            if request.finished() or (task is None and not request.engine.answering(request)):
                del self._started[request]
            elif started < limit:
                del self._started[request]
                self._end(request, task)
        if not self._started:
            self._sweep.discard(self)
        return 0

    def _end(self, request: ServerRequest, task: "asyncio.Task[None] | None") -> None:
        engine = request.engine
        if engine.answering(request):  # else its client has gone, and there is a record of that
            engine.explain(HANDLER_TIMEOUT, "Handler took more than %s s: %s", self._limit, summary(request))
            engine.give_up(request)
        if task is not None:
            task.cancel()


def limit_time(style: Style, limit: float, sweep: Sweep) -> Style:
    """Give handlers ``limit`` seconds from the start of a request to the end of its response."""
    times = _HandlerTimes(limit, sweep, style.running)

    def start(request: ServerRequest) -> None:
        style.start(request)
        if request.engine.answering(request):
            times.add(request)

    return style._replace(start=start)


def retire_after(style: Style, worker: Worker) -> Style:
    """Let ``worker`` ask for its replacement after as many requests as its recycling says."""
    number = worker.recycling.max_requests
    if number is None:
        return style
    left = number + random.randint(0, worker.recycling.max_requests_jitter)

    def start(request: ServerRequest) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            worker.retire("it has served its number of requests")
        style.start(request)

    return style._replace(start=start)
