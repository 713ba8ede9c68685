"""The processes of a supervisor: how they are made, heard, signalled and buried.

What is *done* about it all is :mod:`asynchttp._supervisor`'s.
"""

import dataclasses
import faulthandler
import os
import select
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

from asynchttp._forking import SignalQueue, fork
from asynchttp._listeners import Listeners
from asynchttp._scoreboard import Scoreboard
from asynchttp._worker import Order, Worker
from asynchttp.log import gen_log

__all__ = ["Crew", "Process"]

#: Octets of stacks that are logged: what a pipe holds.
_STACKS_SIZE = 65536
#: Seconds between two looks at the workers where no signal tells; and when one has said its last word.
_BLIND_INTERVAL, _BLIND_INTERVAL_AT_END = 1.0, 0.05


@dataclasses.dataclass(eq=False)
class Process:
    """A worker, as its supervisor sees it.  Times are of ``time.monotonic``."""

    pid: int
    #: its place in the crew
    place: int
    #: our end of the socket pair; and of the pipe into which it writes its stacks when it crashes
    channel: socket.socket
    stacks: int
    #: on the scoreboard
    slot: int
    started: float
    #: the worker that this one is to follow
    follows: "Process | None" = None
    ready: bool = False
    #: of its loop's last sign of life; None: it doesn't give any yet
    beat: float | None = None
    #: it asked to be replaced
    wants_to_go: bool = False
    #: what it was told, so that its end is no surprise
    order: Order | None = None
    kill_at: float | None = None
    #: its end of the channel is closed
    silent: bool = False


class Crew:
    """The processes of one supervisor.

    Args:
        make_worker: is called in a new process, with its place, sockets, channel and slot.
    """

    def __init__(
        self,
        listeners: Listeners,
        scoreboard: Scoreboard,
        signals: SignalQueue,
        make_worker: Callable[[int, list[socket.socket], socket.socket, int], Worker],
    ) -> None:
        self._listeners = listeners
        self._scoreboard = scoreboard
        self._signals = signals
        self._make_worker = make_worker
        self._processes: dict[int, Process] = {}

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self._processes.values()))

    def __len__(self) -> int:
        return len(self._processes)

    def spawn(self, place: int, follows: Process | None = None) -> Process | Worker:
        """Fork a worker for ``place``, or one that is to follow another there.

        Returns: in the supervisor, the process; in the new process, its worker.
        Raises: :exc:`OSError` when there is no process, descriptor or memory for it.
        """
        ends: list[int] = []
        slot = self._scoreboard.take()
        try:
            ours, theirs = (end.detach() for end in socket.socketpair())
            ends += [ours, theirs]
            stacks, their_stacks = os.pipe()
            ends += [stacks, their_stacks]
            with fork() as pid:
                if pid == 0:
                    os.close(ours)
                    os.close(stacks)
                    return self._be_born(place, socket.socket(fileno=theirs), their_stacks, slot)
        except OSError:
            self._scoreboard.free(slot)
            for end in ends:
                os.close(end)
            raise
        os.close(theirs)
        os.close(their_stacks)
        self._scoreboard.assign(slot, pid)
        channel = socket.socket(fileno=ours)
        channel.setblocking(False)
        os.set_blocking(stacks, False)
        process = Process(pid, place, channel, stacks, slot, time.monotonic(), follows)
        self._processes[pid] = process
        return process

    def _be_born(self, place: int, channel: socket.socket, stacks: int, slot: int) -> Worker:
        """In the new process: put off everything that is the supervisor's."""
        try:
            self._signals.close()
            for process in self:
                self._forget(process)
            if not faulthandler.is_enabled():
                faulthandler.enable(stacks)  # stays open for as long as this process lives
            return self._make_worker(place, self._listeners.take(place), channel, slot)
        except BaseException:
            _die()

    def wait(self, moment: float | None) -> tuple[list[int], list[tuple[Process, bytes]]]:
        """Sleep until a signal or a word of a worker comes, or ``moment`` is there.

        Returns: the signals; and the words with those who said them.
        """
        poll = select.poll()
        poll.register(self._signals.fileno(), select.POLLIN)
        speakers = {process.channel.fileno(): process for process in self if not process.silent}
        for fd in speakers:
            poll.register(fd, select.POLLIN)
        if not self._signals.works:
            ending = any(process.silent for process in self)
            blind_until = time.monotonic() + (_BLIND_INTERVAL_AT_END if ending else _BLIND_INTERVAL)
            moment = blind_until if moment is None else min(moment, blind_until)
        ready = poll.poll(None if moment is None else max(0.0, moment - time.monotonic()) * 1000 + 1)
        return self._signals.read(), [(speakers[fd], _hear(speakers[fd])) for fd, _ in ready if fd in speakers]

    def say(self, process: Process, word: bytes) -> None:
        """Say a word to a worker; one that doesn't listen any more doesn't get it."""
        try:
            process.channel.send(word)
        except OSError:
            pass

    def give(self, process: Process, sockets: list[socket.socket]) -> bool:
        """Let a worker accept on more sockets; whether it could be told."""
        try:
            socket.send_fds(process.channel, [b"a"], [sock.fileno() for sock in sockets])
        except OSError:
            return False
        return True

    def kill(self, process: Process, number: int) -> None:
        """Send a signal to a worker.  As long as it wasn't buried, the process id is its own."""
        os.kill(process.pid, number)

    def bury(self) -> list[tuple[Process, int | None]]:
        """The workers that have ended, with their exit codes; ``None``: somebody else has collected that.

        Stacks that they left are logged.
        """
        ended: list[tuple[Process, int | None]] = []
        for process in self:
            try:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:  # the program has a SIGCHLD handler of its own
                ended.append((process, None))
            else:
                if pid:
                    ended.append((process, os.waitstatus_to_exitcode(status)))
        for process, _ in ended:
            _log_stacks(process)
            self._forget(process)
            self._scoreboard.free(process.slot)
        return ended

    def leave(self) -> None:
        """Close all channels: workers that are left take it for the end of their supervisor."""
        for process in self:
            self._forget(process)

    def _forget(self, process: Process) -> None:
        del self._processes[process.pid]
        process.channel.close()
        os.close(process.stacks)


def _hear(process: Process) -> bytes:
    try:
        words = process.channel.recv(4096)
    except BlockingIOError:
        return b""
    except OSError:
        words = b""
    if words:
        process.beat = time.monotonic()
    else:
        process.silent = True  # it has ended, or is about to
    return words


def _log_stacks(process: Process) -> None:
    try:
        stacks = os.read(process.stacks, _STACKS_SIZE)
    except BlockingIOError:  # there are none, and a process that it started lives on with its descriptors
        return
    if stacks:
        text = stacks.decode("utf-8", "backslashreplace")
        gen_log.error("Stacks of worker %d (pid %d):\n%s", process.place, process.pid, text)


def _die() -> NoReturn:
    """End a child that can't become a worker, and mustn't go on as a second supervisor."""
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
