"""RFC 9110 §5.1, Field Names: case-insensitive; unknown ones harm nobody."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Level, Seen, accepts, get, head

CASES: list[Case] = [
    *(
        accepts(f"9110-5.1-{name}", get(b"/", line), Seen("GET", probe="b"))
        for name, line in (
            ("upper-case", b"X-PROBE: b"),
            ("lower-case", b"x-probe: b"),
            ("mixed-case", b"x-pRoBe: b"),
        )
    ),
    accepts(
        "9110-5.1-length-in-odd-case",
        head(b"POST / HTTP/1.1", b"cONTENT-lENGTH: 5") + b"hello" + NEXT,
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
    ),
    accepts("9110-5.1-unknown-field", get(b"/", b"X-Nobody-Knows: b"), Seen("GET")),
    accepts(
        "9110-5.1-name-of-all-token-octets",
        get(b"/", b"!#$%&'*+-.^_`|~09azAZ: b", b"X-Probe: c"),
        Seen("GET", probe="c"),
    ),
    accepts("9110-5.1-name-of-200-octets", get(b"/", b"X" * 200 + b": b"), Seen("GET"), level=Level.SHOULD),
]
