"""The HTTP rows: requests of several shapes, and what else is asked of an HTTP server."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.probe import http_answer
from bench.scenarios import Scenario, authority, tls_name, tls_options, tls_title
from bench.servers._site import BODY, PAGES, PIECE, PIECES, STREAM, UPLOAD, counted
from bench.tls import Certificate
from bench.work import MARK, Kind

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
HEADERS["cookies"] = (*HEADERS["browser"][:-1], f"Cookie: session=4f1c0d9a7b6e5f3c2d1a0b9c{MARK.decode()}; theme=dark")

#: Octets of a chunk of an upload.
CHUNK_SIZE = 8192


@dataclass(frozen=True)
class Row:
    """One HTTP row, as in ``--rows hello,browser``."""

    title: str
    request: bytes
    body: bytes = BODY  # of the answer
    asks: tuple[str, ...] = ()
    pipelined: int = 1
    kind: Kind = Kind.CLOSED
    connections: int = 64


def _get(path: str, *more: str, headers: str = "minimal") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", *HEADERS[headers], *more, "", ""]).encode()


def _post(size: int, chunked: bool = False) -> bytes:
    body = b"x" * size
    if chunked:
        pieces = [body[at : at + CHUNK_SIZE] for at in range(0, size, CHUNK_SIZE)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    fields = ("Content-Type: application/octet-stream", framing)
    return "\r\n".join([f"POST {UPLOAD} HTTP/1.1", *HEADERS["minimal"], *fields, "", ""]).encode() + body


def _page(path: str, name: str) -> Row:
    return Row(f"{name} of response", _get(path), PAGES[path], ("site",))


ROWS: dict[str, Row] = {
    "hello": Row("hello, 2 header fields", _get("/")),
    "browser": Row("hello, 14 header fields", _get("/", headers="browser")),
    "cookies": Row("hello, 14 header fields, another cookie in each request", _get("/", headers="cookies")),
    "pipelined": Row("hello, 16 requests at a time", _get("/") * 16, asks=("site",), pipelined=16),
    "close": Row(
        "hello, Connection: close", _get("/", "Connection: close"), asks=("site",), kind=Kind.VISIT, connections=16
    ),
    "1k": _page("/1k", "1 KiB"),
    "10k": _page("/10k", "10 KiB"),
    "100k": _page("/100k", "100 KiB"),
    "download": replace(_page("/1m", "1 MiB"), connections=16),
    "stream": Row(
        f"response in {PIECES} pieces of {len(PIECE) >> 10} KiB, length unknown",
        _get(STREAM),
        PIECE * PIECES,
        ("site", "stream"),
    ),
    "post-1k": Row("upload of 1 KiB", _post(1024), counted(1024), ("site", "upload")),
    "post-64k": Row("upload of 64 KiB", _post(65536), counted(65536), ("site", "upload")),
    "chunked": Row("upload of 64 KiB, in chunks of 8 KiB", _post(65536, True), counted(65536), ("site", "upload")),
    "tls": Row("hello, 2 header fields", _get("/"), asks=("tls",)),
    "log": Row("hello, 2 header fields, with an access log", _get("/"), asks=("access-log",)),
}


def http_scenario(name: str, certificate: Certificate | None = None, connections: int | None = None) -> Scenario:
    """One of ``ROWS``.

    Args:
        certificate: for the row that asks for TLS; the others do without.
        connections: ``None``: what the row says.
    """
    row = ROWS[name]
    used = certificate if "tls" in row.asks else None
    options = tls_options(used)
    if "site" in row.asks:
        options = ("--site", *options)
    return Scenario(
        f"http-{name}",
        f"HTTP {row.title}{tls_title(used)}",
        row.request,
        functools.partial(
            http_answer,
            body=row.body,
            pipelined=row.pipelined,
            closes=row.kind is Kind.VISIT,
            authority=authority(used),
        ),
        "http",
        connections or row.connections,
        row.kind,
        options=options,
        asks=frozenset(row.asks) - {"site"},
        authority=authority(used),
        pipelined=row.pipelined,
    )


def churn_scenario(certificate: Certificate | None = None, connections: int = 16) -> Scenario:
    """Connect, shake hands, one request, and the client closes."""
    return _hello(
        f"churn-{tls_name(certificate)}visit",
        f"Churn: a connection for each request, closed by the client{tls_title(certificate)}",
        "churn",
        connections,
        Kind.VISIT,
        certificate,
    )


def idle_scenario(connections: int, certificate: Certificate | None = None) -> Scenario:
    """So many connections, each used once and left alone."""
    made = _hello(
        f"idle-{tls_name(certificate)}{connections}",
        f"Idle: {connections:,} connections after one request each{tls_title(certificate)}",
        "idle",
        connections,
        Kind.IDLE,
        certificate,
    )
    return replace(made, fresh=True, asks=made.asks | {"idle"})


def latency_scenario(rate: int, connections: int = 64) -> Scenario:
    """So many requests a second, each at its time."""
    made = _hello(f"latency-{rate}", f"Latency at {rate:,} requests a second", "latency", connections, Kind.PACED, None)
    return replace(made, rate=float(rate))


def workers_scenario(workers: int, connections: int = 64) -> Scenario:
    """Hello from so many processes."""
    noun = "process" if workers == 1 else "processes"
    made = _hello(f"workers-{workers}", f"Hello from {workers} {noun}", "workers", connections, Kind.CLOSED, None)
    return replace(
        made, options=("--workers", str(workers)), workers=workers, asks=frozenset({"workers"} if workers > 1 else ())
    )


def _hello(name: str, title: str, work: str, connections: int, kind: Kind, certificate: Certificate | None) -> Scenario:
    learn: Callable[..., object] = http_answer
    return Scenario(
        name,
        title,
        ROWS["hello"].request,
        functools.partial(learn, authority=authority(certificate)),  # type: ignore[arg-type] # it is a Learn
        work,
        connections,
        kind,
        options=tls_options(certificate),
        asks=frozenset() if certificate is None else frozenset({"tls"}),
        authority=authority(certificate),
    )
