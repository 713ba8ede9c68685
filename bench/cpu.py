"""CPU time of other processes, and which core a process may use. Linux only.

How this works: a process's CPU clock is a clock like any other, with nanoseconds where ``/proc/PID/stat``
has ticks of 10 ms. Its number is made from the PID, as glibc's ``clock_getcpuclockid(3)`` makes it. The
clock counts user and system time of all threads, those that have ended included, but no child: so a tree is
read process by process.
"""

import contextlib
import os
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.work import BenchError

_CPUCLOCK_SCHED = 2  # <linux/posix-timers.h>: the scheduler's own, exact account


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time used by these processes so far.

    Raises: BenchError: one of them is gone; a difference across its death would be wrong.
    """
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError:
            raise BenchError(f"process {pid} is gone, its CPU time can't be read") from None
    return total / 1e9


def children_seconds() -> float:
    """User and system time of the children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process_tree(pid: int) -> list[int]:
    """``pid`` and all its living descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended while we looked
                # The second field, the name, may hold spaces and brackets; the fourth is the parent.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    tree = [pid]
    for member in tree:  # grows as we walk it
        tree += [child for child, parent in parents.items() if parent == member]
    return tree


@contextlib.contextmanager
def children_on(*cores: int | None) -> Iterator[None]:
    """Processes started inside run on these cores only, and so does all that they start; ``None``: anywhere."""
    chosen = {core for core in cores if core is not None}
    if not chosen:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def choose_cores(workers: int = 1) -> tuple[list[int], int | None]:
    """A core for each worker of the server, and another for the generator.

    Without enough cores all workers share one; with only one core nothing is pinned (no core, ``None``).
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return [], None
    return cores[1 : 1 + workers] if len(cores) > workers else cores[1:2], cores[0]
