"""What is asked of the servers: the octets that each connection sends, and how a right answer is known."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.probe import echo_answer, http_answer
from bench.work import Answer


@dataclass(frozen=True)
class Scenario:
    """One request, sent again and again.

    Attributes:
        name: what ``--json`` calls it.
        title: what the table is headed with.
        learn: ``learn(port, request)`` tries one server once and tells what its answer looks like.
    """

    name: str
    title: str
    request: bytes
    learn: Callable[[int, bytes], Answer]


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


def echo_scenario(size: int) -> Scenario:
    """A line of ``size`` octets, its newline included, comes back as it is."""
    return Scenario(f"echo-{size}", f"echo of lines of {size:,} octets", b"x" * (size - 1) + b"\n", echo_answer)
