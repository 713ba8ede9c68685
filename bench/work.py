"""One measurement: what a generator is asked to do, what it found, and how it says no."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class BenchError(Exception):
    """The run can't be trusted or can't be done; the message is for the person who started it."""


@dataclass(frozen=True)
class Answer:
    """What a right answer looks like: its exact size in octets, how it begins and how it ends."""

    size: int
    starts: bytes
    ends: bytes

    def fits(self, octets: bytes | bytearray) -> bool:
        return len(octets) == self.size and octets.startswith(self.starts) and octets.endswith(self.ends)


@dataclass(frozen=True)
class Work:
    """Send ``request`` on each of ``connections``, again and again, each time when the answer is complete.

    A ``stream`` isn't closed like this: the requests follow each other as fast as the connection takes them, and the
    answers, of one octet each, say that one more request was read.
    """

    port: int
    pids: Sequence[int]  # the server's process tree, whose CPU time is read
    request: bytes
    answer: Answer
    connections: int
    seconds: float
    authority: str = ""  # who vouches for the server's certificate: a file; empty: no TLS
    stream: bool = False


@dataclass(frozen=True)
class Found:
    """What happened inside the measured window; all answers in it were right."""

    requests: int
    seconds: float
    cpu_seconds: float  # user + system, the server's whole process tree
    octets: int  # of answers; of a stream: of requests


class Generator(Protocol):
    """A load generator; ``core`` is where it is pinned, ``None`` for anywhere."""

    name: str

    def measure(self, work: Work, core: int | None) -> Found:
        """Load the server for ``work.seconds``. Raises BenchError for the first answer that isn't right."""
        ...
