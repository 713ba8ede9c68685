"""RFC 9112 §9.3, Persistence: by version and ``Connection``; a body is read to its end, or the connection closed."""

from tests.conformance.case import (
    NEXT,
    SEEN_NEXT,
    Case,
    End,
    Level,
    Reply,
    Seen,
    accepts,
    chunked,
    get,
    head,
    sized,
)

_GET = Seen("GET")
_1_0 = b"GET / HTTP/1.0"
_ANY_BODY = Seen("POST", "/early", ...)

CASES: list[Case] = [
    *(
        accepts(
            f"9112-9.3-{name}",
            octets,
            _GET,
            level=Level.SHOULD,
            replies=[Reply(200, {"Connection": "(?i)|keep-alive"})],
        )
        for name, octets in (
            ("1.1-lives", get()),
            ("1.1-keep-alive-lives", get(b"/", b"Connection: keep-alive")),
            ("1.1-unknown-option-lives", get(b"/", b"Connection: x")),
            ("1.1-closed-is-not-close", get(b"/", b"Connection: closed, x-close")),
            ("1.1-keep-alive-field-is-no-option", get(b"/", b"Keep-Alive: timeout=5, max=1")),
            ("1.1-proxy-connection-is-no-connection", get(b"/", b"Proxy-Connection: close")),
        )
    ),
    *(
        accepts(
            f"9112-9.3-{name}",
            octets,
            _GET,
            level=Level.OURS,
            why="a wish of HTTP/1.0 that a server may grant",
            replies=[Reply(200, {"Connection": "(?i)keep-alive"})],
        )
        for name, octets in (
            ("1.0-keep-alive-lives", head(_1_0, b"Connection: keep-alive")),
            ("1.0-keep-alive-in-any-case-lives", head(_1_0, b"connection: Keep-Alive")),
            ("1.0-keep-alive-among-others-lives", head(_1_0, b"Connection: x, keep-alive")),
        )
    ),
    *(
        accepts(f"9112-9.3-{name}", octets + NEXT, _GET, end=End.CLOSES, or_refused=[400])
        for name, octets in (
            ("1.0-closes", head(_1_0)),
            ("1.0-unknown-option-closes", head(_1_0, b"Connection: x")),
            ("1.0-keep-alive-and-close-closes", head(_1_0, b"Connection: keep-alive, close")),
            ("1.0-keep-alive-field-alone-closes", head(_1_0, b"Keep-Alive: timeout=5")),
        )
    ),
    accepts(
        "9112-9.3-1.0-post-keep-alive-lives",
        sized(b"hello", b"Connection: keep-alive", line=b"POST / HTTP/1.0") + NEXT,
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
        level=Level.OURS,
        why="a wish of HTTP/1.0 that a server may grant",
    ),
    # A server MUST read the whole body, or close the connection behind its response.
    accepts(
        "9112-9.3-body-that-the-handler-leaves",
        sized(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", line=b"POST /early HTTP/1.1") + NEXT,
        _ANY_BODY,
        SEEN_NEXT,
        or_seen=[(_ANY_BODY,)],
    ),
    accepts(
        "9112-9.3-chunked-body-that-the-handler-leaves",
        chunked(b"5\r\nhello\r\n0\r\n\r\n", line=b"POST /early HTTP/1.1") + NEXT,
        _ANY_BODY,
        SEEN_NEXT,
        or_seen=[(_ANY_BODY,)],
        or_refused=[411],
    ),
    accepts(
        "9112-9.3-long-body-that-the-handler-leaves",
        sized(NEXT * 2500, line=b"POST /early HTTP/1.1") + NEXT,
        _ANY_BODY,
        SEEN_NEXT,
        or_seen=[(_ANY_BODY,)],
    ),
    accepts(
        "9112-9.3-equal-heads-are-two-requests",
        get(b"/a") + get(b"/b") + get(b"/b") + head(b"GET /b HTTP/1.0", b"Connection: keep-alive") + get(b"/a"),
        *[Seen("GET", target) for target in ("/a", "/b", "/b", "/b", "/a")],
        level=Level.OURS,
        why="keep-alive in HTTP/1.0 is a wish; and a memo of the previous head mustn't outlive a change",
    ),
]
