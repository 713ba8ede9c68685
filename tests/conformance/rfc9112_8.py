"""RFC 9112 §8, Handling Incomplete Messages: a head without its empty line is no request."""

from tests.conformance.case import Case, End, Level, Seen, accepts, get, head

CASES: list[Case] = [
    *(
        accepts(
            f"9112-8-{name}",
            octets,
            replies=[],
            end=End.CLOSES,
            half_close=True,
            level=level,
            why="" if level is not Level.OURS else "§8: a server MAY send an error; who has gone needs none",
        )
        for name, octets, level in (
            ("nothing", b"", Level.OURS),
            ("an-empty-line", b"\r\n", Level.OURS),
            ("half-a-method", b"GE", Level.SHOULD),
            ("half-a-target", b"GET /a", Level.SHOULD),
            ("half-a-version", b"GET / HTTP/1", Level.SHOULD),
            ("request-line", b"GET / HTTP/1.1\r\n", Level.SHOULD),
            ("half-a-name", b"GET / HTTP/1.1\r\nHo", Level.SHOULD),
            ("half-a-value", b"GET / HTTP/1.1\r\nHost: a", Level.SHOULD),
            ("fields-without-empty-line", b"GET / HTTP/1.1\r\nHost: a\r\n", Level.SHOULD),
            ("half-an-empty-line", b"GET / HTTP/1.1\r\nHost: a\r\n\r", Level.SHOULD),
            ("1.0-without-empty-line", b"GET / HTTP/1.0\r\n", Level.SHOULD),
        )
    ),
    accepts(
        "9112-8-behind-a-whole-request",
        get() + b"GET /b HTTP/1.1\r\nHo",
        Seen("GET"),
        level=Level.SHOULD,
        end=End.CLOSES,
        half_close=True,
    ),
    accepts(
        "9112-8-half-closed-behind-a-request",
        get(),
        Seen("GET"),
        level=Level.OURS,
        why="who half-closes still reads: printf … | nc",
        end=End.CLOSES,
        half_close=True,
    ),
    accepts(
        "9112-8-half-closed-behind-two-requests",
        get() + head(b"GET /b HTTP/1.1"),
        Seen("GET"),
        Seen("GET", "/b"),
        level=Level.OURS,
        why="who half-closes still reads: printf … | nc",
        end=End.CLOSES,
        half_close=True,
    ),
]
