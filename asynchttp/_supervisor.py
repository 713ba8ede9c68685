"""The parent of a crew of worker processes: forks them, replaces them, passes orders on, and ends with them.

How this works
==============
The supervisor knows processes, listening sockets and signals, and nothing of what is served. It forks before any loop
exists, has no loop and no thread itself, and sleeps in ``poll`` until a signal, a word from a worker or a time comes::

    place 0   sockets of place 0 ◄── worker ── channel ──┐
    place 1   sockets of place 1 ◄── worker ── channel ──┼── supervisor: keeps all sockets, scoreboard
              (a replacement starts) worker ── channel ──┘

A *place* is a number in the crew (``task_id``) with its listening sockets; who dies there is followed by a fork with
the same sockets. What is said on a channel stands in :mod:`asynchttp._worker`, who has which sockets in
:mod:`asynchttp._listeners`.

*Death.*  The first replacement comes at once. If that dies within 5 s too, the next waits 0.1 s, then 0.2 s … 5 s.
More than ``max_restarts`` such early deaths within ``restart_window`` seconds, and the supervisor gives up: everybody
ends, exit code 1. A worker that ends with 3 says that the application can't start: everybody ends, exit code 3.

*Replacement without loss.*  Spawn, wait until it is ready, tell the old worker to hand over, wait for its end; then the
next. Never more than one process above the number wanted. A replacement that dies before it is ready leaves the old
worker where it is, whatever its exit code: a server doesn't stop because its new code is broken.

*Signals*

==========  ===========================================================================================
TERM, INT   graceful stop; the second cuts
QUIT        stop at once; the stacks of all workers are logged
HUP         replace all workers, the oldest first
TTIN, TTOU  a worker more; the oldest less
USR1        open the log files again, here and in the workers
==========  ===========================================================================================

A signal that the program handles itself, or ignores (``nohup``), stays the program's.

What must never happen: a worker that nobody waits for; a place with two workers for longer than a replacement takes; a
busy loop; a line of this module that runs in a worker after the fork.
"""

import dataclasses
import socket
from collections.abc import Callable

from asynchttp._listeners import Listeners
from asynchttp._scoreboard import Figures
from asynchttp._worker import Order, Recycling, Worker

__all__ = ["APPLICATION_FAILED", "Supervisor"]

#: The exit code of a worker whose application can't start: replacing it is of no use.
APPLICATION_FAILED = 3

#: A worker that lived for so many seconds has died of something else than its start.
_HEALTHY_AFTER = 5.0
#: Seconds before the second replacement in a row; each further waits twice as long, up to the longest.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
#: Seconds that a worker gets beyond its limit before it is killed.
_MARGIN = 1.0
#: Octets of stacks that are logged: what a pipe holds.
_STACKS_SIZE = 65536

_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR1")


@dataclasses.dataclass(eq=False)
class _Process:
    """A worker, as its supervisor sees it.  Times are of ``time.monotonic``."""

    pid: int
    place: int
    channel: socket.socket
    stacks: int
    slot: int
    started: float
    #: the worker that this one is to follow
    follows: "_Process | None" = None
    ready: bool = False
    #: of its loop's last sign of life; None: it doesn't give any yet
    beat: float | None = None
    #: what it was told, so that its end is no surprise
    order: Order | None = None
    kill_at: float | None = None
    silent: bool = False


@dataclasses.dataclass
class _Place:
    """A place in the crew."""

    worker: _Process | None = None
    #: when to fork for it
    spawn_at: float | None = 0.0
    #: early deaths in a row
    failures: int = 0


class Supervisor:
    """Keeps ``workers`` processes running until told to stop.

    Args:
        run_worker: is called in each worker, and returns its exit code, ``None`` for 0. ``None``: workers come back
            from :meth:`start` instead.
        workers: how many, at least 1.
        listeners: the sockets that they accept on; closed when the supervisor ends.
        graceful_timeout: seconds for requests in progress, after which a worker that was told to end is killed.
        shutdown_delay: seconds of full service at the beginning of a stop, while the worker says that it isn't ready.
        max_restarts: early deaths within ``restart_window`` seconds after which it gives up.
        ready_timeout: seconds in which a worker has to call :meth:`Worker.ready`, or it is killed with its stack
            logged; ``None``: no limit.
        worker_timeout: seconds without a sign of life from a worker's loop, after which its stack is logged and it is
            killed and replaced; ``None``: it isn't looked at.
        recycling: when workers are replaced by fresh ones.
        replace_finished: whether a worker that ends with exit code 0 without having been told is replaced, too. If not
            its place stays empty, and the last ends the supervisor with 0.
        on_event: is called in the supervisor with what happened and to which process id: ``"spawned"``, ``"ready"``,
            ``"died"``, ``"stuck"``, and with the supervisor's own id ``"reload"``, ``"reopen"``, ``"stopping"``.

    Raises: :exc:`ValueError` for less than one worker.
    """

    def __init__(
        self,
        run_worker: Callable[[Worker], int | None] | None,
        workers: int,
        listeners: Listeners | None = None,
        *,
        graceful_timeout: float = 30.0,
        shutdown_delay: float = 0.0,
        max_restarts: int = 20,
        restart_window: float = 120.0,
        ready_timeout: float | None = 60.0,
        worker_timeout: float | None = None,
        recycling: Recycling | None = None,
        replace_finished: bool = True,
        on_event: Callable[[str, int], object] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"a crew has at least one worker, not {workers}")
        self._run_worker = run_worker
        self._number = workers
        self._listeners = listeners or Listeners()
        self._graceful_timeout = graceful_timeout
        self._shutdown_delay = shutdown_delay
        self._max_restarts = max_restarts
        self._restart_window = restart_window
        self._ready_timeout = ready_timeout
        self._worker_timeout = worker_timeout
        self._recycling = recycling
        self._replace_finished = replace_finished
        self._on_event = on_event

    def run(self) -> int:
        """Supervise until told to stop.

        Returns: the exit code for this process: 0 stopped, 1 gave up or was cut by a second signal, 3 the application
            can't start.
        Raises: :exc:`SystemExit`, in a worker, with what ``run_worker`` returned.
        """
        raise NotImplementedError

    def start(self) -> Worker:
        """Supervise until told to stop; only workers return from this call.

        Raises: :exc:`SystemExit`, in the supervisor, with its exit code.
        """
        raise NotImplementedError

    def figures(self) -> Figures:
        """What all workers have published."""
        raise NotImplementedError
