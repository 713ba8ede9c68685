"""Resident memory of other processes, now and at most, as the kernel counts it. Linux only."""

from collections.abc import Iterable
from pathlib import Path

from bench.work import BenchError


def resident(pids: Iterable[int]) -> int:
    """Octets of memory that these processes have now, shared pages included."""
    return sum(_field(pid, "VmRSS") for pid in pids)


def peak(pids: Iterable[int]) -> int:
    """The most that each of these processes ever had, added up."""
    return sum(_field(pid, "VmHWM") for pid in pids)


def _field(pid: int, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            field, _, value = line.partition(":")
            if field == name:
                return int(value.removesuffix("kB")) * 1024
    except OSError:
        pass
    # One that has ended may be there still, without memory.
    raise BenchError(f"process {pid} is gone, its memory can't be read")
