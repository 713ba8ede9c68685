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
ends, exit code 1. A worker that ends with 3 before it is ready says that the application can't start: everybody ends,
exit code 3.

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

import collections
import dataclasses
import os
import signal
import socket
import time
from collections.abc import Callable

from asynchttp._crew import Crew, Process
from asynchttp._forking import SignalQueue, warn_about_threads
from asynchttp._listeners import Listeners
from asynchttp._scoreboard import Figures, Scoreboard
from asynchttp._worker import Order, Recycling, Worker, reopen_log_files
from asynchttp.log import app_log, gen_log

__all__ = ["APPLICATION_FAILED", "Supervisor"]

#: The exit code of a worker whose application can't start: replacing it is of no use.
APPLICATION_FAILED = 3

#: A worker that lived for so many seconds has died of something else than its start.
_HEALTHY_AFTER = 5.0
#: Seconds before the second replacement in a row; each further waits twice as long, up to the longest.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
#: Seconds that a worker gets beyond its limit before it is killed.
_MARGIN = 1.0


@dataclasses.dataclass
class _Place:
    """A place in the crew."""

    worker: Process | None = None
    #: when to fork for it
    spawn_at: float | None = 0.0
    #: early deaths in a row
    failures: int = 0
    #: accepts on the place's sockets, too, since the place had no worker
    adopter: Process | None = None


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

    #: Names of the signals that are taken.
    signals: tuple[str, ...] = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR1")
    # Whether exit code 3 of a worker means what it says.
    _ends_with_application = True

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
        self._scoreboard = Scoreboard(max(64, 4 * workers))
        self._places: dict[int, _Place] = {}
        self._crew: Crew
        # Moments of early deaths, the latest last.
        self._early_deaths: collections.deque[float] = collections.deque()
        # Workers that are to be replaced, in that order; and the one whose turn it is.
        self._outworn: collections.deque[Process] = collections.deque()
        self._replaced: Process | None = None
        # Not before that moment: the last replacement failed.
        self._replace_at = 0.0
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """Supervise until told to stop.

        Returns: the exit code for this process: 0 stopped, 1 gave up or was cut by a second signal, 3 the application
            can't start.
        Raises: :exc:`SystemExit`, in a worker, with what ``run_worker`` returned.
        """
        assert self._run_worker is not None, "without run_worker there is only start()"
        outcome = self._supervise()
        if isinstance(outcome, int):
            return outcome
        raise SystemExit(self._run_worker(outcome) or 0)

    def start(self) -> Worker:
        """Supervise until told to stop; only workers return from this call.

        Raises: :exc:`SystemExit`, in the supervisor, with its exit code.
        """
        outcome = self._supervise()
        if isinstance(outcome, int):
            raise SystemExit(outcome)
        return outcome

    def figures(self) -> Figures:
        """What all workers have published."""
        return self._scoreboard.read()

    # -- the loop of the supervisor ----------------------------------------------------------------------------------

    def _supervise(self) -> Worker | int:
        """In the supervisor: the exit code, when all is over. In a worker: that."""
        warn_about_threads(stacklevel=3)
        gen_log.info("Starting %d processes", self._number)
        self._listeners.prepare(self._number)
        self._places = {place: _Place() for place in range(self._number)}
        signals = SignalQueue(self.signals)
        crew = self._crew = Crew(self._listeners, self._scoreboard, signals, self._make_worker)
        pid = os.getpid()
        for name in ("workers_spawned_total", "workers_died_total", "workers_stuck_total"):
            self._scoreboard.count(name, 0)  # who watches them wants to see them before the first
        try:
            while True:
                worker = self._spawn_due()
                if worker is not None:
                    return worker
                self._enforce_limits()
                self._find_adopters()
                if not len(crew) and not any(place.spawn_at is not None for place in self._places.values()):
                    return self._exit_code
                numbers, told = crew.wait(self._next_moment())
                for number in numbers:
                    self._on_signal(number)
                for process, words in told:
                    self._on_words(process, words)
                for process, exit_code in crew.bury():
                    self._tell("died", process.pid)
                    self._ended(process, exit_code)
        finally:
            if os.getpid() == pid:
                crew.leave()  # if there are any: this is an exception's way out
                self._listeners.close()
                signals.close()

    def _next_moment(self) -> float | None:
        """When something is due; ``None``: nothing."""
        moments = [place.spawn_at for place in self._places.values()]
        for process in self._crew:
            moments.append(process.kill_at)
            if process.order is None:
                if not process.ready and self._ready_timeout is not None:
                    moments.append(process.started + self._ready_timeout)
                if process.beat is not None and self._worker_timeout is not None:
                    moments.append(process.beat + self._worker_timeout)
        if self._outworn and self._replaced is None:
            moments.append(self._replace_at)
        return min((moment for moment in moments if moment is not None), default=None)

    # -- forking -----------------------------------------------------------------------------------------------------

    def _make_worker(self, place: int, sockets: list[socket.socket], channel: socket.socket, slot: int) -> Worker:
        return Worker(
            place,
            sockets,
            channel,
            self._scoreboard,
            slot,
            exclusive=self._listeners.exclusive,
            graceful_timeout=self._graceful_timeout,
            shutdown_delay=self._shutdown_delay,
            worker_timeout=self._worker_timeout,
            recycling=self._recycling,
        )

    def _spawn_due(self) -> Worker | None:
        """Fork what is due.  A worker, in the worker."""
        now = time.monotonic()
        for number, place in sorted(self._places.items()):
            if place.spawn_at is not None and place.spawn_at <= now:
                place.spawn_at = None
                process = self._spawn(number, None)
                if isinstance(process, Worker):
                    return process
                place.worker = process
                if process is None:
                    place.spawn_at = now + _LONGEST_DELAY
        while self._outworn and self._replaced is None and self._replace_at <= now:
            old = self._outworn.popleft()
            if self._is_serving(old):
                self._replaced = old
                process = self._spawn(old.place, old)
                if isinstance(process, Worker):
                    return process
                if process is None:
                    self._replacement_failed(old)
        return None

    def _spawn(self, place: int, follows: Process | None) -> Process | Worker | None:
        try:
            process = self._crew.spawn(place, follows)
        except OSError as error:
            gen_log.error("Cannot fork worker %d: %s", place, error)
            return None
        if isinstance(process, Process):
            self._scoreboard.count("workers_spawned_total")
            self._tell("spawned", process.pid)
        return process

    def _find_adopters(self) -> None:
        """The kernel goes on giving connections to a place without a worker: let another worker take them."""
        for number, place in self._places.items():
            adopted = place.adopter is not None and place.adopter in self._crew and place.adopter.order is None
            if place.worker is None and not adopted and not self._stopping:
                able = [process for process in self._crew if process.ready and process.order is None]
                sockets = self._listeners.of(number)
                if able and sockets and self._crew.give(able[-1], sockets):
                    place.adopter = able[-1]

    def _is_serving(self, process: Process) -> bool:
        place = self._places.get(process.place)
        return place is not None and place.worker is process

    # -- what workers say --------------------------------------------------------------------------------------------

    def _on_words(self, process: Process, words: bytes) -> None:
        if b"r" in words and not process.ready:
            process.ready = True
            self._tell("ready", process.pid)
            if process.follows is not None:
                self._hand_over(process.follows, process)
        if b"q" in words and not self._stopping:
            process.wants_to_go = True
            if process not in self._outworn and process is not self._replaced:
                self._outworn.append(process)

    def _hand_over(self, old: Process, new: Process) -> None:
        new.follows = None
        if self._stopping:
            return
        place = self._places[new.place]
        place.worker = new
        place.failures = 0
        # With ports of their own, nobody else accepts on the old worker's sockets.
        self._order(old, Order.LEAVE if self._listeners.kind == "reuse-port" else Order.HAND_OVER)

    def _order(self, process: Process, order: Order, delay: float = 0.0) -> None:
        """Tell a worker to end, and set the moment at which it is killed."""
        process.order = order
        process.kill_at = time.monotonic() + delay + _MARGIN
        if order is not Order.CUT:
            process.kill_at += self._graceful_timeout
        self._crew.say(process, order.value)
        if not process.ready and order is not Order.CUT:
            # It may not listen to its channel yet. One that does takes the signal for a wish that it has already.
            self._crew.kill(process, signal.SIGTERM)

    # -- death -------------------------------------------------------------------------------------------------------

    def _ended(self, process: Process, exit_code: int | None) -> None:
        """A worker has ended: see who follows."""
        what = _describe(exit_code)
        place = self._places.get(process.place)
        if self._replaced is process:
            self._replaced = None
        successor = next((other for other in self._crew if other.follows is process), None)
        if self._stopping or process.order is not None or place is None:
            gen_log.info("child %d (pid %d) %s", process.place, process.pid, what)
        elif process.follows is not None:
            gen_log.error(
                "child %d (pid %d) %s before it was ready to replace pid %d, which stays",
                process.place,
                process.pid,
                what,
                process.follows.pid,
            )
            self._replacement_failed(process.follows)
        elif successor is not None:  # it is starting already
            gen_log.warning("child %d (pid %d) %s", process.place, process.pid, what)
            successor.follows = None
            place.worker = successor
        elif exit_code == 0 and not self._replace_finished:
            gen_log.info("child %d (pid %d) %s", process.place, process.pid, what)
            place.worker = None
        elif exit_code == APPLICATION_FAILED and not process.ready and self._ends_with_application:
            gen_log.error("child %d (pid %d) %s: the application can't start", process.place, process.pid, what)
            self._stop(APPLICATION_FAILED)
        else:
            self._replace_dead(process, place, what)

    def _replace_dead(self, process: Process, place: _Place, what: str) -> None:
        place.worker = None
        self._scoreboard.count("workers_died_total")
        delay = self._delay_after(process, place)
        if delay is None:
            gen_log.error("child %d (pid %d) %s", process.place, process.pid, what)
            self._give_up()
            return
        gen_log.warning("child %d (pid %d) %s, restarting", process.place, process.pid, what)
        place.spawn_at = time.monotonic() + delay

    def _delay_after(self, process: Process, place: _Place) -> float | None:
        """Seconds until a dead worker is replaced; ``None``: that was once too often."""
        now = time.monotonic()
        if now - process.started >= _HEALTHY_AFTER:
            place.failures = 0
            return 0.0
        deaths = self._early_deaths
        deaths.append(now)
        while deaths[0] < now - self._restart_window:
            deaths.popleft()
        if len(deaths) > self._max_restarts:
            return None
        place.failures += 1
        return _backoff(place.failures)

    def _give_up(self) -> None:
        gen_log.error("Too many child restarts, giving up")
        self._stop(1)

    def _replacement_failed(self, old: Process) -> None:
        """The old worker stays.  If it was its own wish to go that is tried again; otherwise nobody is replaced."""
        self._replaced = None
        if old.wants_to_go:
            self._outworn.append(old)
        self._outworn = collections.deque(process for process in self._outworn if process.wants_to_go)
        place = self._places[old.place]
        place.failures += 1
        self._replace_at = time.monotonic() + _backoff(place.failures)

    # -- limits ------------------------------------------------------------------------------------------------------

    def _enforce_limits(self) -> None:
        now = time.monotonic()
        for process in self._crew:
            if process.kill_at is not None:
                if now >= process.kill_at:
                    gen_log.warning("child %d (pid %d) didn't end in time, killed", process.place, process.pid)
                    self._crew.kill(process, signal.SIGKILL)
                    process.kill_at = now + _LONGEST_DELAY
            elif process.order is not None:
                pass
            elif not process.ready and _is_over(process.started, self._ready_timeout, now):
                self._abort(process, f"isn't ready after {self._ready_timeout} s")
            elif process.beat is not None and _is_over(process.beat, self._worker_timeout, now):
                self._abort(process, f"has given no sign of life for {self._worker_timeout} s")

    def _abort(self, process: Process, why: str) -> None:
        """End a worker that doesn't answer, with its stack logged."""
        gen_log.error("child %d (pid %d) %s: ending it", process.place, process.pid, why)
        self._scoreboard.count("workers_stuck_total")
        self._tell("stuck", process.pid)
        process.kill_at = time.monotonic() + _MARGIN
        self._crew.kill(process, signal.SIGABRT)

    # -- signals -----------------------------------------------------------------------------------------------------

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            if self._stopping:
                self._cut()
            else:
                gen_log.info("Got %s, stopping", signal.Signals(number).name)
                self._stop(0)
        elif number == signal.SIGQUIT:
            self._quit()
        elif number == signal.SIGUSR1:
            reopen_log_files()
            self._tell("reopen", os.getpid())
            for process in self._crew:
                # Also one that isn't ready yet: it may have opened its files already.
                self._crew.say(process, b"l")
        elif self._stopping:
            pass
        elif number == signal.SIGHUP:
            gen_log.info("Got SIGHUP, replacing all workers")
            self._tell("reload", os.getpid())
            self._replace_at = 0.0
            self._outworn = collections.deque(self._oldest_first())
        elif number == signal.SIGTTIN:
            self._add_place()
        elif number == signal.SIGTTOU:
            self._remove_place()

    def _oldest_first(self) -> list[Process]:
        return sorted(filter(self._is_serving, self._crew), key=lambda process: process.started)

    def _stop(self, exit_code: int) -> None:
        """Let everybody finish and end."""
        if self._stopping:
            return
        self._stopping = True
        self._exit_code = exit_code
        self._tell("stopping", os.getpid())
        for place in self._places.values():
            place.spawn_at = None
        self._outworn.clear()
        # First: with the workers' copies the queues end, after they have served what is in them.
        self._listeners.close()
        for process in self._crew:
            self._order(process, Order.END, self._shutdown_delay)

    def _cut(self) -> None:
        gen_log.warning("Got a second signal, ending at once")
        self._exit_code = self._exit_code or 1
        for process in self._crew:
            self._order(process, Order.CUT)

    def _quit(self) -> None:
        gen_log.warning("Got SIGQUIT, ending at once")
        self._stop(0)
        for process in self._crew:
            process.kill_at = time.monotonic() + _MARGIN
            self._crew.kill(process, signal.SIGABRT)

    def _add_place(self) -> None:
        if 2 * (len(self._places) + 1) > self._scoreboard.slots:
            gen_log.warning("Got SIGTTIN, but %d workers are the most there can be", len(self._places))
            return
        number = next(number for number in range(len(self._places) + 1) if number not in self._places)
        gen_log.info("Got SIGTTIN, adding worker %d", number)
        try:
            self._listeners.open(number)
        except OSError as error:
            gen_log.error("Cannot open the port once more: %s", error)
            return
        self._places[number] = _Place()

    def _remove_place(self) -> None:
        candidates = self._oldest_first()
        if len(candidates) < 2:
            gen_log.info("Got SIGTTOU, but there is no worker to spare")
            return
        oldest = next(process for process in candidates if process is not self._replaced)
        gen_log.info("Got SIGTTOU, removing worker %d (pid %d)", oldest.place, oldest.pid)
        del self._places[oldest.place]
        # First: the queue ends with the worker's copy, after it has served what is in it.
        self._listeners.close(oldest.place)
        self._order(oldest, Order.HAND_OVER if self._listeners.kind == "shared" else Order.LEAVE)

    def _tell(self, event: str, pid: int) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event, pid)
            except Exception:  # a crew doesn't end because somebody can't take notes
                app_log.error("Exception in callback %r", self._on_event, exc_info=True)


def _backoff(failures: int) -> float:
    """Seconds before the next attempt: 0, 0.1, 0.2 … 5."""
    return 0.0 if failures <= 1 else min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (failures - 2))


def _is_over(since: float, limit: float | None, now: float) -> bool:
    return limit is not None and now - since >= limit


def _describe(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended, and somebody else has its exit code"
    if exit_code == 0:
        return "exited normally"
    if exit_code < 0:
        return f"killed by signal {-exit_code}"
    return f"exited with status {exit_code}"
