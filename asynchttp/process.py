"""Several processes: a crew of workers that are restarted when they die, and programs with piped streams.

How `fork_processes` works
==========================

::

    parent ──fork──► child 0 ┐
       │   ──fork──► child 1 ├─► returns its task id, the program goes on
       │   ──fork──► child 2 ┘
       └─► waits:  exit status 0                 this child is done
                   killed, or another status     forked again with the same task id
                   somebody else's child         no matter of ours
           all done: SystemExit(0), so that only children come back

No loop may be running at that moment: parent and child would share one epoll descriptor and steal each
other's events. A loop that exists and rests is allowed; the child forgets it.

The parent is a :class:`~asynchttp._supervisor.Supervisor` with Tornado's rules about restarts. It passes SIGTERM and
SIGINT on and ends when the children have. A child in which a :class:`~asynchttp.tcpserver.TCPServer` accepts
connections obeys it, and ends with the parent however that ends.

Source: Tornado ``tornado.process``.
"""

import asyncio
import os
import sys
from subprocess import CalledProcessError

from asynchttp._crew import Process
from asynchttp._listeners import Listeners
from asynchttp._subprocess import Subprocess
from asynchttp._supervisor import Supervisor
from asynchttp._worker import Worker
from asynchttp.log import gen_log

__all__ = ["CalledProcessError", "Subprocess", "cpu_count", "fork_processes", "task_id"]

#: Of a child of `fork_processes` or `TCPServer.start`.
_worker: Worker | None = None


def cpu_count() -> int:
    """CPUs that this process may run on, at least 1.

    Fewer than the machine has when ``taskset`` or a cpuset confines the process; Tornado counts all of them.
    """
    count: int | None
    if sys.version_info >= (3, 13):
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    if not count:
        gen_log.error("Could not detect number of processors; assuming 1")
        return 1
    return count


def task_id() -> int | None:
    """The number of this child of `fork_processes`, from 0; ``None`` in all other processes."""
    return None if _worker is None else _worker.task_id


def fork_processes(num_processes: int | None, max_restarts: int | None = None) -> int:
    """Fork ``num_processes`` children and restart those that die.

    Args:
        num_processes: ``None`` or less than 1: one for each CPU (`cpu_count`).
        max_restarts: of all children together; ``None``: 100.

    Returns: in a child, its `task_id`: 0 to ``num_processes - 1``, the same again after a restart. Random
        number generators of the module ``random`` differ from child to child.
    Raises:
        SystemExit: in the parent, with code 0: all children ended with exit status 0.
        RuntimeError: in the parent, a child died once too often; the others were told to end and have done so. Or,
            before anything was forked: a loop is running in this thread.
        AssertionError: called by a child.
    Source: Tornado ``process.fork_processes``.
    """
    crew = _TornadoCrew(number_of_processes(num_processes), 100 if max_restarts is None else max_restarts)
    return fork_crew(crew).task_id


def number_of_processes(num_processes: int | None) -> int:
    """``None`` and less than 1 stand for one for each CPU."""
    return cpu_count() if num_processes is None or num_processes <= 0 else num_processes


def fork_crew(supervisor: Supervisor) -> Worker:
    """Let this process become a supervisor; only its workers return from this call.

    Raises: what `fork_processes` raises.
    """
    global _worker
    if _worker is not None:
        raise AssertionError(f"fork_processes() called by its own child {_worker.task_id}")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("fork_processes() inside a running event loop: it can't be shared, fork before it starts")
    _worker = supervisor.start()
    return _worker


def worker() -> Worker | None:
    """This process as a child of `fork_processes` or `TCPServer.start`; ``None`` in all others."""
    return _worker


class _TornadoCrew(Supervisor):
    """Tornado's rules: a dead child is restarted at once, and so many times in the life of the parent."""

    signals = ("SIGTERM", "SIGINT", "SIGQUIT")
    _ends_with_application = False

    def __init__(self, workers: int, max_restarts: int) -> None:
        super().__init__(None, workers, Listeners(), ready_timeout=None, replace_finished=False)
        self._restarts_left = max_restarts
        self._failed = False

    def start(self) -> Worker:
        try:
            return super().start()
        except SystemExit:
            if self._failed:
                raise RuntimeError("Too many child restarts, giving up") from None
            raise

    def _delay_after(self, process: Process, place: object) -> float | None:
        self._restarts_left -= 1
        return 0.0 if self._restarts_left >= 0 else None

    def _give_up(self) -> None:
        self._failed = True
        self._stop(1)
