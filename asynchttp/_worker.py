"""A worker process of a crew: what it hears from its supervisor, and what it tells.

How this works
==============
Supervisor and worker share a socket pair, the *channel*. Single octets go both ways:

=================  ===========  ======================================================================================
from the worker    ``r``        ready: it accepts connections
                    ``q``        it wants to be replaced (recycling, or a signal for this process alone)
                    ``.``        its loop turns (every second or more often)
from the master    ``h``        hand over: a replacement accepts on the same sockets; finish what is in progress, end
                    ``v``        leave: the server goes on without this worker and its sockets
                   ``e``        end: nobody will accept on these sockets any more
                    ``c``        cut: end now, whatever is in progress
                    ``a``        accept on these sockets too: they come with it, and have no worker for a while
                   ``l``        open the log files again
                    (its end)    the master has gone, however: as ``v``
=================  ===========  ======================================================================================

The worker's half is read by its loop, so a worker learns of its master's death as soon as its loop turns, also when
the master was killed with SIGKILL. (``PR_SET_PDEATHSIG`` would tell a blocked worker, too; but all that could be sent
to it then is a signal that cuts requests, and a worker that blocks for good has no other way out than that already.)

Signals aren't needed for any of it. SIGINT is ignored in a worker that watches: a terminal sends it to the whole
group, and the master says what to do. SIGTERM for this process alone asks for a replacement.
"""

import asyncio
import dataclasses
import enum
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from asynchttp._scoreboard import Figures, Scoreboard
from asynchttp.log import gen_log

__all__ = ["Order", "Recycling", "Worker", "reopen_log_files"]

#: Seconds between two signs of life, at most.
_BEAT = 1.0
#: Sockets that one place may have: addresses that a server listens on.
_MOST_SOCKETS = 64


class Order(enum.Enum):
    """What a supervisor asks of a worker.  A later one is stronger than an earlier one."""

    HAND_OVER = b"h"
    """A replacement accepts on the same sockets. Finish what is in progress, and end with exit code 0."""
    LEAVE = b"v"
    """Nobody will accept on these sockets any more: the crew gets smaller, or its supervisor has gone."""
    END = b"e"
    """The whole server ends."""
    CUT = b"c"
    """End now."""


@dataclasses.dataclass(frozen=True)
class Recycling:
    """When a worker asks to be replaced by a fresh one.  ``None``: never for that reason."""

    #: after so many requests, and a random number up to ``max_requests_jitter`` more
    max_requests: int | None = None
    max_requests_jitter: int = 0
    #: after so many seconds, and up to a tenth more, so that a crew doesn't go all at once
    lifetime: float | None = None
    #: when it takes so many octets of memory (looked at each second; Linux, else its peak)
    max_rss: int | None = None


class Worker:
    """This process, as a worker of a :class:`~asynchttp._supervisor.Supervisor`.

    Attributes:
        task_id: its place in the crew, from 0. A replacement has that of its predecessor.
        sockets: listening, non-blocking, this process's own: to be accepted on.
        graceful_timeout: seconds in which requests in progress have to end after an order to.
        shutdown_delay: seconds of full service between :attr:`Order.END` and the end of accepting.
        exclusive: whether nobody else accepts on ``sockets`` when this worker was told to leave, or all to end.
        recycling: see :class:`Recycling`. Requests are counted by whoever serves them.
    """

    def __init__(
        self,
        task_id: int,
        sockets: list[socket.socket],
        channel: socket.socket,
        scoreboard: Scoreboard,
        slot: int,
        *,
        exclusive: bool = False,
        graceful_timeout: float = 30.0,
        shutdown_delay: float = 0.0,
        worker_timeout: float | None = None,
        recycling: Recycling | None = None,
    ) -> None:
        self.task_id = task_id
        self.sockets = sockets
        self.exclusive = exclusive
        self.graceful_timeout = graceful_timeout
        self.shutdown_delay = shutdown_delay
        self.recycling = recycling or Recycling()
        self._channel = channel
        self._scoreboard = scoreboard
        self._slot = slot
        self._beat = _BEAT if worker_timeout is None else min(_BEAT, worker_timeout / 4)
        self._on_order: Callable[[Order], object] | None = None
        self._on_sockets: Callable[[list[socket.socket]], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._retiring = False
        self._ready = False
        lifetime = self.recycling.lifetime
        self._ends_at = None if lifetime is None else time.monotonic() + lifetime * random.uniform(1.0, 1.1)

    # -- for the program in the worker -------------------------------------------------------------------------------

    def watch(
        self,
        loop: asyncio.AbstractEventLoop,
        on_order: Callable[[Order], object],
        on_sockets: Callable[[list[socket.socket]], object] | None = None,
    ) -> None:
        """Listen to the supervisor for as long as ``loop`` runs, and give it signs of life.

        Args:
            on_order: is called by the loop with each order, and has to obey it. The same order may come twice; a
                stronger one, :attr:`Order.CUT`, may follow at any time.
            on_sockets: is called with listening sockets to accept on too, as long as this worker does: those of a place
                in the crew whose worker has ended. ``None``: connections there wait until the place has a worker.

        To be called once. From now on SIGINT is ignored and SIGTERM asks for a replacement, unless
        the program handles them itself.
        """
        assert self._loop is None, "watch() was called before"
        self._loop = loop
        self._on_order = on_order
        self._on_sockets = on_sockets
        self._channel.setblocking(False)
        loop.add_reader(self._channel.fileno(), self._listen)
        self._take_signals()
        self._live()

    def ready(self) -> None:
        """Say that this worker accepts connections: its predecessor, if there is one, is told to hand over."""
        if not self._ready:
            self._ready = True
            self._tell(b"r")

    def retire(self, reason: str) -> None:
        """Ask for a replacement.  When that is ready, :attr:`Order.HAND_OVER` comes; until then go on as before."""
        if not self._retiring:
            self._retiring = True
            gen_log.info("worker %d (pid %d) asks to be replaced: %s", self.task_id, os.getpid(), reason)
            self._tell(b"q")

    def publish(self, figures: Mapping[str, Any]) -> None:
        """Show ``figures``, a JSON object of at most 32 KiB, to all processes of the crew; costs some 20 µs.

        Numbers under its key ``"counters"`` outlive this worker, added up in ``departed`` of :meth:`figures`.

        Raises: :exc:`TypeError` and :exc:`ValueError` for what JSON can't say or is too long.
        """
        self._scoreboard.write(self._slot, figures)

    def figures(self) -> Figures:
        """What all workers of the crew have published last."""
        return self._scoreboard.read()

    # -- the channel -------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The channel's descriptor: it has an end when the supervisor has gone."""
        return self._channel.fileno()

    def close(self) -> None:
        """Stop watching.  The supervisor takes it for the end of this worker."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._channel.fileno())
        self._channel.close()

    def _tell(self, word: bytes) -> None:
        try:
            self._channel.send(word)
        except OSError:  # the supervisor has gone, as the loop will see; or it is so late that a beat doesn't matter
            pass

    def _listen(self) -> None:
        assert self._loop is not None
        assert self._on_order is not None
        try:
            words, fds, _, _ = socket.recv_fds(self._channel, 64, _MOST_SOCKETS)
        except BlockingIOError:
            return
        except OSError:
            words, fds = b"", []
        if fds:
            self._adopt([socket.socket(fileno=fd) for fd in fds])
        if not words:
            self._loop.remove_reader(self._channel.fileno())
            gen_log.warning("worker %d (pid %d): the supervisor has gone, ending", self.task_id, os.getpid())
            self._on_order(Order.LEAVE)
            return
        for word in words:
            if word == ord("l"):
                reopen_log_files()
            elif word != ord("a"):
                self._on_order(Order(bytes([word])))

    def _adopt(self, sockets: list[socket.socket]) -> None:
        if self._on_sockets is not None:
            for sock in sockets:
                sock.setblocking(False)
                sock.set_inheritable(False)
            self._on_sockets(sockets)
        else:
            for sock in sockets:
                sock.close()

    def _live(self) -> None:
        """Give a sign of life, and look whether it has been long enough."""
        assert self._loop is not None
        self._timer = self._loop.call_later(self._beat, self._live)
        self._tell(b".")
        if self._retiring:
            return
        limit = self.recycling.max_rss
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            self.retire(f"lived for {self.recycling.lifetime} s")
        elif limit is not None and (size := _resident_size()) > limit:
            self.retire(f"takes {size} octets of memory, more than {limit}")

    def _take_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.retire, "SIGTERM")


def reopen_log_files() -> None:
    """Open the files of all :class:`logging.FileHandler` anew, under their names, as after a rotation."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = {handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers}
    for handler in handlers:
        if isinstance(handler, logging.FileHandler):
            handler.acquire()
            try:
                if handler.stream is not None:
                    handler.stream.close()
                handler.stream = None  # the next record opens it
            finally:
                handler.release()


def _resident_size() -> int:
    """Octets of memory that this process takes; where that can't be known, the most that it ever took."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
