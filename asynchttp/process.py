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

The parent is no more than this; a supervisor that reloads, drains and backs off is another module's work.

Source: Tornado ``tornado.process``.
"""

import asyncio
import os
import sys
import threading
import warnings
from subprocess import CalledProcessError

from asynchttp._subprocess import Subprocess
from asynchttp.log import gen_log

__all__ = ["CalledProcessError", "Subprocess", "cpu_count", "fork_processes", "task_id"]

_task_id: int | None = None

#: In a child of `fork_processes`: the read end of a pipe that nobody writes to. It becomes readable, with
#: EOF, when the parent stops supervising, however it ended. A server may watch it and end too.
_parent_alive_fd: int | None = None


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
    return _task_id


def fork_processes(num_processes: int | None, max_restarts: int | None = None) -> int:
    """Fork ``num_processes`` children and restart those that die.

    Args:
        num_processes: ``None`` or less than 1: one for each CPU (`cpu_count`).
        max_restarts: of all children together; ``None``: 100.

    Returns: in a child, its `task_id`: 0 to ``num_processes - 1``, the same again after a restart. Random
        number generators of the module ``random`` differ from child to child.
    Raises:
        SystemExit: in the parent, with code 0: all children ended with exit status 0.
        RuntimeError: in the parent: a child died once too often (the others live on), or somebody else
            collects our children. Or, before anything was forked: a loop is running in this thread.
        AssertionError: called by a child.
    Source: Tornado ``process.fork_processes``.
    """
    if _task_id is not None:
        raise AssertionError(f"fork_processes() called by its own child {_task_id}")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("fork_processes() inside a running event loop: it can't be shared, fork before it starts")
    if num_processes is None or num_processes <= 0:
        num_processes = cpu_count()
    if max_restarts is None:
        max_restarts = 100
    _warn_about_threads()

    gen_log.info("Starting %d processes", num_processes)
    read_end, write_end = os.pipe()
    children: dict[int, int] = {}  # pid -> task id
    missing = list(range(num_processes))
    restarts = 0
    try:
        while missing or children:
            while missing:
                number = missing.pop(0)
                pid = _fork()
                if pid == 0:
                    os.close(write_end)
                    return _become_child(number, read_end)
                children[pid] = number
            if (died := _wait_for_child(children)) is not None:
                missing.append(died)
                restarts += 1
                if restarts > max_restarts:
                    raise RuntimeError("Too many child restarts, giving up")
    finally:
        if _task_id is None:  # the parent
            os.close(read_end)
            os.close(write_end)
    # What follows the call in the program is for children.
    sys.exit(0)


def _become_child(number: int, parent_alive_fd: int) -> int:
    # Python's `random` has seeded itself again after the fork; Tornado does it here.
    global _task_id, _parent_alive_fd
    _task_id, _parent_alive_fd = number, parent_alive_fd
    return number


def _wait_for_child(children: dict[int, int]) -> int | None:
    """Block until a child of this process ends. The task id, if it was one of ours and has to be replaced."""
    try:
        pid, status = os.wait()
    except ChildProcessError:
        raise RuntimeError(
            f"{len(children)} children ended unseen: somebody else waits for them, or SIGCHLD is ignored"
        ) from None
    if pid not in children:
        return None
    number = children.pop(pid)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code == 0:
        gen_log.info("child %d (pid %d) exited normally", number, pid)
        return None
    if exit_code < 0:
        gen_log.warning("child %d (pid %d) killed by signal %d, restarting", number, pid, -exit_code)
    else:
        gen_log.warning("child %d (pid %d) exited with status %d, restarting", number, pid, exit_code)
    return number


def _fork() -> int:
    with warnings.catch_warnings():
        # CPython 3.12 warns about threads in the parent *after* the fork. Under -W error that would leave a
        # child behind that nobody supervises, so _warn_about_threads() did it before the first.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _warn_about_threads() -> None:
    if (others := threading.active_count() - 1) > 0:
        warnings.warn(
            f"fork_processes() with {others} more threads alive: children may deadlock on their locks",
            DeprecationWarning,  # CPython 3.12's category for this
            stacklevel=3,
        )
