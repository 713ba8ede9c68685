"""RFC 9112 §9.6, Tear-down: behind a response with, or to a request with, ``close`` nothing MUST be processed."""

from tests.conformance.case import (
    MAX_BODY_SIZE,
    NEXT,
    Case,
    End,
    Level,
    Reply,
    Seen,
    accepts,
    get,
    head,
    refuses,
    sized,
)

_GET = Seen("GET")
_CLOSE = Reply(200, {"Connection": "(?i)close"})

CASES: list[Case] = [
    *(
        accepts(f"9112-9.6-{name}", get(b"/", *fields), _GET, end=End.CLOSES)
        for name, fields in (
            ("close", [b"Connection: close"]),
            ("close-in-upper-case", [b"CONNECTION: CLOSE"]),
            ("close-first-of-list", [b"Connection: close, x"]),
            ("close-last-of-list", [b"Connection: x ,close"]),
            ("close-beside-keep-alive", [b"Connection: keep-alive, close"]),
            ("close-in-the-second-line", [b"Connection: keep-alive", b"Connection: close"]),
            ("close-in-the-first-line", [b"Connection: close", b"Connection: keep-alive"]),
        )
    ),
    # What stands behind: a client MUST NOT send it, and a server MUST NOT process it.
    *(
        accepts(f"9112-9.6-request-behind-{name}", octets + NEXT, *seen, end=End.CLOSES, or_refused=[400])
        for name, octets, seen in (
            ("close", get(b"/", b"Connection: close"), [_GET]),
            ("close-in-a-list", get(b"/", b"Connection: x, close"), [_GET]),
            ("close-of-post", sized(b"hello", b"Connection: close"), [Seen("POST", "/", b"hello")]),
            (
                "close-of-the-second",
                get(b"/1") + get(b"/2", b"Connection: close"),
                [Seen("GET", "/1"), Seen("GET", "/2")],
            ),
        )
    ),
    accepts(
        "9112-9.6-response-says-close",
        get(b"/", b"Connection: close"),
        _GET,
        level=Level.SHOULD,
        replies=[_CLOSE],
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-close-behind-response-to-1.0",
        head(b"GET / HTTP/1.0"),
        _GET,
        level=Level.SHOULD,
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-close-of-head",
        head(b"HEAD / HTTP/1.1", b"Connection: close"),
        Seen("HEAD"),
        replies=[Reply(200, body=b"")],
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-close-of-204",
        get(b"/status/204", b"Connection: close"),
        Seen("GET", "/status/204"),
        replies=[204],
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-close-of-a-stream",
        get(b"/streamed", b"Connection: close"),
        Seen("GET", "/streamed"),
        replies=[Reply(200, body=b"hello")],
        end=End.CLOSES,
    ),
    # The handler's own word.
    accepts(
        "9112-9.6-handler-says-close",
        get(b"/close") + NEXT,
        Seen("GET", "/close"),
        level=Level.OURS,
        why="a server that sends close MUST close; whether a handler can have it sent differs",
        replies=[_CLOSE],
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-handler-says-close-in-raw-octets",
        get(b"/raw/close") + NEXT,
        Seen("GET", "/raw/close"),
        ours_only=True,
        replies=[_CLOSE],
        end=End.CLOSES,
    ),
    # The last answer isn't overtaken by a reset.
    refuses(
        "9112-9.6-answer-reaches-a-client-that-sends",
        head(b"POST / HTTP/1.1", b"Content-Length: %d" % (MAX_BODY_SIZE + 1)) + bytes(200_000),
        413,
        level=Level.OURS,
        why="§9.6 describes it: half-close, read on for a while, close",
        replies=[Reply(413, {"Connection": "close"})],
    ),
    # Nothing behind a request whose handler failed: nobody knows what it left half done.
    accepts(
        "9112-9.6-request-behind-a-failure",
        get(b"/fail") + NEXT,
        level=Level.OURS,
        why="the handler of this case fails",
        logs="RuntimeError: as asked for",
        ours_only=True,
        replies=[Reply(500, {"Connection": "close"})],
        end=End.CLOSES,
    ),
    accepts(
        "9112-9.6-request-behind-a-body-that-a-failed-handler-left",
        sized(NEXT, line=b"POST /fail HTTP/1.1") + NEXT,
        level=Level.OURS,
        why="the handler of this case fails",
        logs="RuntimeError: as asked for",
        ours_only=True,
        replies=[Reply(500, {"Connection": "close"})],
        end=End.CLOSES,
    ),
]
