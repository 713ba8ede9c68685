"""What is asked of the servers: the octets that each connection sends, and how a right answer is known."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from bench.probe import echo_answer, last_octet_answer
from bench.servers._streams import PIECE
from bench.tls import VERSION_NAME, Certificate
from bench.work import Answer, Kind

#: ``learn(port, request)`` tries one server once and tells what its answer looks like.
Learn = Callable[[int, bytes], Answer]


@dataclass(frozen=True)
class Scenario:
    """One kind of load.

    Attributes:
        name: what ``--json`` calls it.
        title: what the table is headed with.
        request: what is sent; it may hold ``work.MARK``.
        work: the command that it belongs to.
        connections: at the same time.
        options: what all servers are started with. Neighbours with the same share the processes.
        asks: what a server must be able to do for it (``Server.lacks``).
        authority: the file of who vouches for the servers' certificate; empty: no TLS.
        pipelined: requests that are sent together.
        rate: of ``PACED`` load, requests per second.
        workers: processes of each server.
        fresh: new processes for each measurement: what they did before would be part of the result.
    """

    name: str
    title: str
    request: bytes
    learn: Learn
    work: str
    connections: int
    kind: Kind = Kind.CLOSED
    options: tuple[str, ...] = ()
    asks: frozenset[str] = frozenset()
    authority: str = ""
    pipelined: int = 1
    rate: float = 0.0
    workers: int = 1
    fresh: bool = False


def echo_scenario(
    size: int, read: str = "until", certificate: Certificate | None = None, connections: int = 16
) -> Scenario:
    """A line of ``size`` octets, its newline included, comes back as it is.

    Args:
        read: ``until``: the server looks for the newline; ``bytes``: it was told the size.
        certificate: for TLS.
    """
    how = "read_until" if read == "until" else f"read_bytes({size})"
    return Scenario(
        f"echo-{tls_name(certificate)}{read}-{size}",
        f"Echo of lines of {size:,} octets by {how}{tls_title(certificate)}",
        b"x" * (size - 1) + b"\n",
        functools.partial(echo_answer, authority=authority(certificate)),
        "echo",
        connections,
        options=("--read", read if read == "until" else str(size), *tls_options(certificate)),
        asks=frozenset({read} if certificate is None else {read, "tls"}),
        authority=authority(certificate),
    )


def bulk_scenario(
    max_buffer_size: int, pause: int = 0, certificate: Certificate | None = None, connections: int = 1
) -> Scenario:
    """A stream without end, which the server reads in pieces of 1 MiB; it answers each with its last octet.

    Args:
        max_buffer_size: octets that a server may hold for a read.
        pause: milliseconds for which the server turns to something else after each piece.
        certificate: for TLS.
    """
    waits = f"; it reads on {pause} ms after each" if pause else ""
    return Scenario(
        f"bulk-{tls_name(certificate)}{max_buffer_size}" + (f"-{pause}ms" if pause else ""),
        f"Bulk: pieces of 1 MiB by read_bytes, max_buffer_size {max_buffer_size / (1 << 20):g} MiB"
        f"{tls_title(certificate)}{waits}",
        b"x" * (PIECE - 1) + b"\n",
        functools.partial(last_octet_answer, authority=authority(certificate)),
        "bulk",
        connections,
        Kind.STREAM,
        options=("--max-buffer-size", str(max_buffer_size), "--pause", str(pause), *tls_options(certificate)),
        authority=authority(certificate),
    )


def authority(certificate: Certificate | None) -> str:
    return "" if certificate is None else certificate.authority


def tls_name(certificate: Certificate | None) -> str:
    return "" if certificate is None else "tls-"


def tls_options(certificate: Certificate | None) -> tuple[str, ...]:
    return () if certificate is None else ("--tls", certificate.chain)


def tls_title(certificate: Certificate | None) -> str:
    return "" if certificate is None else f", over {VERSION_NAME}"
