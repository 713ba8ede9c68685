"""RFC 9110 §7.6.1, Connection: what it names goes no further, and still means here what it means."""

from tests.conformance.case import CHUNKED, NEXT, SEEN_NEXT, Case, End, Level, Seen, accepts, get, head, sized

_HELLO = Seen("POST", "/", b"hello", host="a")

CASES: list[Case] = [
    # A proxy that strips a field because it is named here, and a server that still believes it, or the other way round.
    accepts("9110-7.6.1-names-the-length", sized(b"hello", b"Connection: Content-Length") + NEXT, _HELLO, SEEN_NEXT),
    accepts(
        "9110-7.6.1-names-the-coding",
        head(b"POST / HTTP/1.1", b"Connection: Transfer-Encoding", CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n" + NEXT,
        _HELLO,
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts("9110-7.6.1-names-host", get(b"/", b"Connection: Host") + NEXT, Seen("GET", host="a"), SEEN_NEXT),
    accepts(
        "9110-7.6.1-names-a-field-of-ours",
        get(b"/", b"Connection: X-Probe", b"X-Probe: b") + NEXT,
        Seen("GET", probe="b"),
        SEEN_NEXT,
        or_seen=[(Seen("GET", probe=None), SEEN_NEXT)],
    ),
    accepts(
        "9110-7.6.1-names-close-between-fields",
        get(b"/", b"Connection: Host, close, X-Probe") + NEXT,
        Seen("GET"),
        end=End.CLOSES,
    ),
    *(
        accepts(
            f"9110-7.6.1-{name}-isn-t-close",
            get(b"/", b"Connection: " + value) + NEXT,
            Seen("GET"),
            SEEN_NEXT,
            level=Level.OURS,
            why="no token, so no option; who sent it may be told by a 400 as well",
        )
        for name, value in (
            ("quoted-close", b'"close"'),
            ("close-with-parameter", b"close;a=b"),
            ("close-with-space-within", b"clo se"),
            ("close-before-next-line", b"close\x85"),
            ("close-behind-no-break-space", b"\xa0close"),
        )
    ),
]
