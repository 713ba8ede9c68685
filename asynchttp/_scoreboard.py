"""Figures of each worker in memory that all processes of a crew share.

How this works
==============
One anonymous mapping, made before the first fork, is divided into slots: slot 0 belongs to the supervisor and holds
what it counts itself, and the sums of the workers that have ended; each other slot belongs to one living process, which
alone writes to it. So nobody waits for anybody, whichever process is killed at whichever moment, and any process can
show the whole::

    slot = number of the valid half (1 octet) | half 0 | half 1         half = length, CRC-32, JSON

A writer fills the half that isn't valid and then flips the number: who dies in between leaves the former figures. A
reader that was overtaken twice sees a wrong check sum and looks again.

What a worker publishes is any JSON object. Under ``"counters"`` (names to numbers) stands what only grows: when the
worker ends the supervisor adds it to the sums, so that totals never shrink. The rest goes with the worker.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Figures", "Scoreboard"]

_HEADER = struct.Struct("=II")
#: Octets of figures that one process can publish; pages that nobody writes to cost nothing.
MAX_SIZE = 32768
_HALF = _HEADER.size + MAX_SIZE
_SLOT = 8 + 2 * _HALF
#: Stands for a process that has no number yet.
_RESERVED = 0xFFFFFFFF
#: Readings of one slot before it counts as empty: each failure means that it was written twice meanwhile.
_TRIES = 8


class Figures(NamedTuple):
    """What all workers have published."""

    #: of the living: process id to what :meth:`Scoreboard.write` was given last
    workers: dict[int, dict[str, Any]]
    #: sums of the ``"counters"`` of those that have ended, and what the supervisor counts
    departed: dict[str, float]


class Scoreboard:
    """Shared memory for the figures of at most ``slots`` processes at a time."""

    def __init__(self, slots: int) -> None:
        #: how many processes there can be at a time
        self.slots = slots
        self._memory = mmap.mmap(-1, (slots + 1) * _SLOT)

    def take(self) -> int:
        """A free slot, for a process that is about to be made.  Only for the supervisor.

        Raises: :exc:`RuntimeError` when all are taken.
        """
        for slot in range(1, self.slots + 1):
            if not self._pid(slot):
                self._write(slot, b"{}")
                self.assign(slot, _RESERVED)
                return slot
        raise RuntimeError(f"more than {self.slots} workers at a time")

    def assign(self, slot: int, pid: int) -> None:
        """The process of ``slot`` is ``pid``."""
        struct.pack_into("=I", self._memory, slot * _SLOT + 4, pid)

    def free(self, slot: int) -> None:
        """The process of ``slot`` has ended: keep its counters, give the slot away.  Only for the supervisor."""
        departed = self._read(0).get("counters", {})
        counters = self._read(slot).get("counters")
        if isinstance(counters, dict):
            for name, value in counters.items():
                if isinstance(value, int | float):
                    departed[name] = departed.get(name, 0) + value
            self.write(0, {"counters": departed})
        self.assign(slot, 0)

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter of the supervisor's own.  Only for that."""
        counters = self._read(0).get("counters", {})
        counters[name] = counters.get(name, 0) + number
        self.write(0, {"counters": counters})

    def write(self, slot: int, figures: Mapping[str, Any]) -> None:
        """Publish ``figures`` in the place of what was published before.

        Raises:
            TypeError: they can't be written as JSON.
            ValueError: as JSON they take more than 32 KiB.
        """
        self._write(slot, json.dumps(figures, separators=(",", ":")).encode())

    def read(self) -> Figures:
        """What all processes have published."""
        workers = {
            pid: self._read(slot) for slot in range(1, self.slots + 1) if 0 < (pid := self._pid(slot)) < _RESERVED
        }
        return Figures(workers, self._read(0).get("counters", {}))

    def _pid(self, slot: int) -> int:
        pid: int = struct.unpack_from("=I", self._memory, slot * _SLOT + 4)[0]
        return pid

    def _write(self, slot: int, data: bytes) -> None:
        if len(data) > MAX_SIZE:
            raise ValueError(f"figures of {len(data)} octets: more than {MAX_SIZE}")
        base = slot * _SLOT
        half = 1 - self._memory[base]
        start = base + 8 + half * _HALF
        self._memory[start + _HEADER.size : start + _HEADER.size + len(data)] = data
        _HEADER.pack_into(self._memory, start, len(data), zlib.crc32(data))
        self._memory[base] = half

    def _read(self, slot: int) -> dict[str, Any]:
        base = slot * _SLOT
        for _ in range(_TRIES):
            start = base + 8 + self._memory[base] * _HALF
            size, checksum = _HEADER.unpack_from(self._memory, start)
            data = self._memory[start + _HEADER.size : start + _HEADER.size + min(size, MAX_SIZE)]
            if size and zlib.crc32(data) == checksum:
                figures: dict[str, Any] = json.loads(data)
                return figures
        return {}
