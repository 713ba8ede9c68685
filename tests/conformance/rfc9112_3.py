"""RFC 9112 §3, Request Line: method, target and version, with one space between."""

from tests.conformance.case import NEXT, Case, End, Level, Seen, accepts, get, head, refuses

_WORDS = "§3 lets a server split the line at any whitespace; a proxy that doesn't sees another target"
_LONG = b"/" + b"a" * 7985
#: Above anything that a server wants to parse.
_TOO_LONG = b"/" + b"a" * 140_000

CASES: list[Case] = [
    accepts("9112-3-line-of-8000-octets", get(_LONG), Seen("GET", _LONG.decode()), level=Level.SHOULD),
    refuses(
        "9112-3-target-too-long",
        get(_TOO_LONG),
        414,
        level=Level.MUST,
        named=[414],
        or_seen=[(Seen("GET", _TOO_LONG.decode()),)],
    ),
    refuses(
        "9112-3-target-too-long-behind-a-request",
        get() + get(_TOO_LONG),
        414,
        level=Level.MUST,
        after=[Seen("GET")],
        named=[414],
        or_seen=[(), (Seen("GET"), Seen("GET", _TOO_LONG.decode()))],
    ),
    refuses(
        "9112-3-target-without-end",
        b"GET /" + b"a" * 140_000,
        414,
        level=Level.MUST,
        named=[414],
        may_wait=True,
    ),
    accepts(
        "9112-3-method-of-100-octets",
        head(b"M" * 100 + b" / HTTP/1.1"),
        Seen("M" * 100),
        level=Level.SHOULD,
        or_refused=[501],
    ),
    # Grammar: SHOULD be answered by 400.
    *(
        refuses(f"9112-3-{name}", octets, level=Level.SHOULD)
        for name, octets in (
            ("http-0.9", b"GET /\r\n\r\n"),
            ("http-0.9-with-fields", head(b"GET /")),
            ("method-alone", b"GET\r\n\r\n"),
            ("no-target", head(b"GET HTTP/1.1")),
            ("empty-target", head(b"GET  HTTP/1.1")),
            ("empty-method", head(b" / HTTP/1.1")),
            ("version-alone", head(b"HTTP/1.1")),
            ("space-in-target", head(b"GET /a b HTTP/1.1")),
            ("space-in-query", head(b"GET /?a= b HTTP/1.1")),
            ("second-version", head(b"GET / HTTP/1.1 HTTP/1.1")),
            ("version-with-text", head(b"GET / HTTP/1.1 X-A: b")),
            ("version-first", head(b"HTTP/1.1 / GET")),
            ("request-line-twice", b"GET / HTTP/1.1\r\n" + get()),
            ("comma-for-space", head(b"GET,/,HTTP/1.1")),
            ("no-space-before-target", head(b"GET/ HTTP/1.1")),
            ("no-space-before-version", head(b"GET /HTTP/1.1")),
            ("no-break-space-for-space", head(b"GET\xa0/ HTTP/1.1")),
        )
    ),
    # Whitespace: MAY be taken for the space.
    *(
        refuses(f"9112-3-{name}", head(line), level=Level.OURS, why=_WORDS)
        for name, line in (
            ("two-spaces-before-target", b"GET  / HTTP/1.1"),
            ("two-spaces-before-version", b"GET /  HTTP/1.1"),
            ("space-before-method", b" GET / HTTP/1.1"),
            ("space-behind-version", b"GET / HTTP/1.1 "),
            ("tab-behind-version", b"GET / HTTP/1.1\t"),
            ("tab-before-target", b"GET\t/ HTTP/1.1"),
            ("tab-before-version", b"GET /\tHTTP/1.1"),
            ("vertical-tab-before-version", b"GET /\x0bHTTP/1.1"),
            ("form-feed-before-target", b"GET\x0c/ HTTP/1.1"),
        )
    ),
    refuses(
        "9112-3-malformed-behind-a-request",
        get() + head(b"GET /a b HTTP/1.1") + NEXT,
        level=Level.SHOULD,
        after=[Seen("GET")],
    ),
    accepts(
        "9112-3-head-in-pieces",
        (b"GE", b"T", b" /ab", b"c HTTP/1", b".1\r", b"\nHos", b"t: a\r\n", b"\r", b"\n"),
        Seen("GET", "/abc", host="a"),
        end=End.LIVES,
    ),
]
