"""One measurement: what a generator is asked to do, what it found, and how it says no."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: Stands in a request for eight octets that are others in each request, so that nobody can remember the last one.
MARK = b"########"

#: Differing requests that are made beforehand, for each connection or wrk.
VARIANTS = 4096

#: Behind the name of a server, and before what is other in it: it runs to be compared with the one of that name.
VARIANT = ", "
NO_LOG = f"{VARIANT}no log"
JSON_LOG = f"{VARIANT}JSON log"


class BenchError(Exception):
    """The run can't be trusted or can't be done; the message is for the person who started it."""


class Kind(enum.StrEnum):
    """How the load is put on."""

    CLOSED = "closed"  # each connection sends when the last answer is complete
    STREAM = "stream"  # requests follow each other without waiting; each is answered with one octet
    VISIT = "visit"  # a new connection for each request
    PACED = "paced"  # so many requests a second, whether answers come or not
    IDLE = "idle"  # connections that are opened, used once, and left alone


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
    """What one measurement does."""

    port: int
    pids: Sequence[int]  # the server's process tree, whose CPU time is read
    request: bytes  # may hold MARK
    answer: Answer
    connections: int
    seconds: float
    authority: str = ""  # who vouches for the server's certificate: a file; empty: no TLS
    kind: Kind = Kind.CLOSED
    pipelined: int = 1  # requests sent together; as many answers come back
    rate: float = 0.0  # PACED: requests per second


@dataclass(frozen=True)
class Found:
    """What happened inside the measured window; all answers in it were right."""

    requests: int
    seconds: float
    cpu_seconds: float  # user + system, the server's whole process tree
    octets: int  # of answers; of a stream: of requests
    generator_cpu_seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)  # what only this kind of load finds


def variants(request: bytes, count: int = VARIANTS, first: int = 0) -> list[bytes]:
    """``request`` with numbers in place of its mark; it alone where it has none."""
    if MARK not in request:
        return [request]
    numbers = (number * 2654435761 % (1 << 32) for number in range(first, first + count))
    return [request.replace(MARK, b"%08x" % number) for number in numbers]


class Generator(Protocol):
    """A load generator; ``core`` is where it is pinned, ``None`` for anywhere."""

    name: str

    def measure(self, work: Work, core: int | None) -> Found:
        """Load the server for ``work.seconds``. Raises BenchError for the first answer that isn't right."""
        ...
