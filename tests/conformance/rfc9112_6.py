"""RFC 9112 §6, Message Body: framing is independent of the method."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Seen, accepts, chunked, head, sized

_METHODS = ("GET", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND")

CASES: list[Case] = [
    *(
        accepts(
            f"9112-6-{method.lower()}-with-length",
            sized(b"GET /smuggled", line=f"{method} / HTTP/1.1".encode()) + NEXT,
            Seen(method, "/", b"GET /smuggled"),
            SEEN_NEXT,
            or_refused=[400, 405, 411, 413, 501],
        )
        for method in _METHODS
    ),
    *(
        accepts(
            f"9112-6-{method.lower()}-chunked",
            chunked(b"5\r\nhello\r\n0\r\n\r\n", line=f"{method} / HTTP/1.1".encode()) + NEXT,
            Seen(method, "/", b"hello"),
            SEEN_NEXT,
            or_refused=[400, 405, 411, 413, 501],
        )
        for method in ("GET", "DELETE", "PUT")
    ),
    accepts(
        "9112-6-head-with-length",
        sized(b"hello", line=b"HEAD / HTTP/1.1") + NEXT,
        Seen("HEAD", "/", b"hello"),
        SEEN_NEXT,
        or_refused=[400, 405, 411, 413, 501],
    ),
    accepts(
        "9112-6-post-without-body",
        head(b"POST / HTTP/1.1") + NEXT,
        Seen("POST"),
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts(
        "9112-6-content-type-makes-no-body",
        head(b"POST / HTTP/1.1", b"Content-Type: text/plain") + NEXT,
        Seen("POST"),
        SEEN_NEXT,
        or_refused=[411],
    ),
]
