"""What is asked of the servers: the octets that each connection sends, and how a right answer is known."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from bench.probe import echo_answer, http_answer, last_octet_answer
from bench.servers._streams import PIECE
from bench.tls import VERSION_NAME, Certificate
from bench.work import Answer


@dataclass(frozen=True)
class Scenario:
    """One request, sent again and again.

    Attributes:
        name: what ``--json`` calls it.
        title: what the table is headed with.
        learn: ``learn(port, request)`` tries one server once and tells what its answer looks like.
        options: what all servers are started with. Neighbours with the same share the processes.
        authority: the file of who vouches for the servers' certificate; empty: no TLS.
        stream: whether the requests are sent without waiting for answers.
    """

    name: str
    title: str
    request: bytes
    learn: Callable[[int, bytes], Answer]
    options: tuple[str, ...] = ()
    authority: str = ""
    stream: bool = False


#: The fields of a request, the same octets for every server and generator, so ``Host`` names no real port.
HEADERS: dict[str, tuple[str, ...]] = {
    "minimal": (
        "Host: localhost:8888",
        "Accept: */*",
    ),
    "browser": (
        "Host: localhost:8888",
        "Connection: keep-alive",
        'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
        "sec-ch-ua-mobile: ?0",
        'sec-ch-ua-platform: "Linux"',
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
        "Cookie: session=4f1c0d9a7b6e5f3c2d1a0b9c8d7e6f5a; theme=dark",
    ),
}


def http_scenario(headers: str) -> Scenario:
    """``GET /`` with one of the field sets of ``HEADERS``."""
    fields = HEADERS[headers]
    request = "\r\n".join(["GET / HTTP/1.1", *fields, "", ""]).encode()
    title = f"HTTP hello, {len(fields)} header fields ({headers}), {len(request)} octets of request"
    return Scenario(f"http-{headers}", title, request, http_answer)


def echo_scenario(size: int, read: str = "until", certificate: Certificate | None = None) -> Scenario:
    """A line of ``size`` octets, its newline included, comes back as it is.

    Args:
        read: ``until``: the server looks for the newline; ``bytes``: it was told the size.
        certificate: for TLS.
    """
    how = "read_until" if read == "until" else f"read_bytes({size})"
    return Scenario(
        f"echo-{_tls_name(certificate)}{read}-{size}",
        f"echo of lines of {size:,} octets by {how}{_tls_title(certificate)}",
        b"x" * (size - 1) + b"\n",
        functools.partial(echo_answer, authority=_authority(certificate)),
        ("--read", read if read == "until" else str(size), *_tls_options(certificate)),
        _authority(certificate),
    )


def bulk_scenario(max_buffer_size: int, pause: int = 0, certificate: Certificate | None = None) -> Scenario:
    """A stream without end, which the server reads in pieces of 1 MiB; it answers each with its last octet.

    Args:
        max_buffer_size: octets that a server may hold for a read.
        pause: milliseconds for which the server turns to something else after each piece.
        certificate: for TLS.
    """
    waits = f"; it reads on {pause} ms after each" if pause else ""
    return Scenario(
        f"bulk-{_tls_name(certificate)}{max_buffer_size}" + (f"-{pause}ms" if pause else ""),
        f"bulk: pieces of 1 MiB by read_bytes, max_buffer_size {max_buffer_size / (1 << 20):g} MiB"
        f"{_tls_title(certificate)}{waits}",
        b"x" * (PIECE - 1) + b"\n",
        functools.partial(last_octet_answer, authority=_authority(certificate)),
        ("--max-buffer-size", str(max_buffer_size), "--pause", str(pause), *_tls_options(certificate)),
        _authority(certificate),
        stream=True,
    )


def _authority(certificate: Certificate | None) -> str:
    return "" if certificate is None else certificate.authority


def _tls_name(certificate: Certificate | None) -> str:
    return "" if certificate is None else "tls-"


def _tls_options(certificate: Certificate | None) -> tuple[str, ...]:
    return () if certificate is None else ("--tls", certificate.chain)


def _tls_title(certificate: Certificate | None) -> str:
    return "" if certificate is None else f", over {VERSION_NAME}"
