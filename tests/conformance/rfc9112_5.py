"""RFC 9112 §5, Field Syntax: a name, a colon, a value."""

from tests.conformance.case import Case, Level, Seen, accepts, get, refuses

CASES: list[Case] = [
    accepts("9112-5-value-with-colons", get(b"/", b"X-Probe: a:b: c"), Seen("GET", probe="a:b: c")),
    accepts("9112-5-value-empty", get(b"/", b"X-Probe:"), Seen("GET", probe="")),
    accepts("9112-5-value-of-whitespace", get(b"/", b"X-Probe: \t "), Seen("GET", probe="")),
    accepts("9112-5-no-space-behind-colon", get(b"/", b"X-Probe:b"), Seen("GET", probe="b")),
    accepts("9112-5-many-fields", get(b"/", *[b"X-%d: b" % n for n in range(80)]), Seen("GET")),
    *(
        refuses(f"9112-5-{name}", get(b"/", line, b"X-A: b"), level=Level.SHOULD)
        for name, line in (
            ("no-colon", b"X-Probe"),
            ("second-request-line", b"GET /b HTTP/1.1"),
            ("empty-name", b": b"),
            ("colon-alone", b":"),
            ("equals-for-colon", b"X-Probe=b"),
        )
    ),
]
