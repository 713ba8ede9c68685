"""RFC 9112 §5.2, Obsolete Line Folding: MUST be 400, or be read as spaces."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Level, Seen, get, head, refuses

_FOLDED = [(Seen("GET", probe=f"b{spaces}c"),) for spaces in (" ", "  ", "   ", "    ")]
_HELLO = Seen("POST", "/", b"hello")

CASES: list[Case] = [
    refuses("9112-5.2-space", get(b"/", b"X-Probe: b", b" c"), level=Level.MUST, named=[400], or_seen=_FOLDED),
    refuses("9112-5.2-tab", get(b"/", b"X-Probe: b", b"\tc"), level=Level.MUST, named=[400], or_seen=_FOLDED),
    refuses(
        "9112-5.2-whitespace-on-both-sides",
        get(b"/", b"X-Probe: b ", b" c"),
        level=Level.MUST,
        named=[400],
        or_seen=_FOLDED,
    ),
    refuses(
        "9112-5.2-behind-an-empty-value",
        get(b"/", b"X-Probe:", b" b"),
        level=Level.MUST,
        named=[400],
        or_seen=[(Seen("GET", probe="b"),)],
    ),
    refuses(
        "9112-5.2-nothing-but-whitespace",
        get(b"/", b"X-Probe: b", b"  "),
        level=Level.MUST,
        named=[400],
        or_seen=[(Seen("GET", probe="b"),)],
    ),
    refuses(
        "9112-5.2-what-looks-like-a-field",
        head(b"POST / HTTP/1.1", b"X-Probe: b", b" Content-Length: %d" % len(NEXT)) + NEXT,
        level=Level.MUST,
        named=[400],
        or_seen=[
            (Seen("POST", "/", b"", probe=f"b{spaces}Content-Length: {len(NEXT)}"), SEEN_NEXT)
            for spaces in (" ", "  ", "   ")
        ],
    ),
    refuses(
        "9112-5.2-coding",
        head(b"POST / HTTP/1.1", b"Transfer-Encoding:", b" chunked") + b"5\r\nhello\r\n0\r\n\r\n" + NEXT,
        level=Level.MUST,
        named=[400],
        or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],
    ),
    refuses(
        "9112-5.2-length-that-goes-on",
        head(b"POST / HTTP/1.1", b"Content-Length: 5", b" 0") + b"hello" + NEXT,
        level=Level.MUST,
        named=[400],
    ),
    refuses(
        "9112-5.2-host",
        head(b"GET / HTTP/1.1", b"Host:", b" a", host=None),
        level=Level.MUST,
        named=[400],
        or_seen=[(Seen("GET", host="a"),)],
    ),
]
