"""RFC 9112 §5.1, Field Line Parsing: no whitespace before the colon, MUST be 400; whitespace around the value goes."""

from tests.conformance.case import CHUNKED, NEXT, Case, Level, Seen, accepts, get, head, refuses

CASES: list[Case] = [
    *(
        refuses(f"9112-5.1-{name}", octets, level=Level.MUST, named=[400])
        for name, octets in (
            ("space-before-colon", get(b"/", b"X-Probe : b")),
            ("tab-before-colon", get(b"/", b"X-Probe\t: b")),
            ("spaces-before-colon", get(b"/", b"X-Probe  \t : b")),
            ("space-before-colon-of-host", head(b"GET / HTTP/1.1", b"Host : a", host=None)),
            ("space-before-colon-of-length", head(b"POST / HTTP/1.1", b"Content-Length : 5") + b"hello" + NEXT),
            (
                "space-before-colon-of-coding",
                head(b"POST / HTTP/1.1", b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + NEXT,
            ),
            (
                "space-before-colon-of-length-beside-coding",
                head(b"POST / HTTP/1.1", CHUNKED, b"Content-Length : 5") + b"0\r\n\r\n" + NEXT,
            ),
            ("space-before-colon-of-last-field", get(b"/", b"X-A: b", b"X-Probe : b")),
            ("space-before-colon-in-1.0", head(b"GET / HTTP/1.0", b"X-Probe : b")),
        )
    ),
    accepts("9112-5.1-space-behind-value", get(b"/", b"X-Probe: b  "), Seen("GET", probe="b")),
    accepts("9112-5.1-tabs-around-value", get(b"/", b"X-Probe:\t\tb\t"), Seen("GET", probe="b")),
    accepts("9112-5.1-whitespace-within-value", get(b"/", b"X-Probe: b  c\td"), Seen("GET", probe="b  c\td")),
    accepts(
        "9112-5.1-whitespace-around-host", head(b"GET / HTTP/1.1", b"Host: \t a \t", host=None), Seen("GET", host="a")
    ),
    accepts(
        "9112-5.1-whitespace-around-length",
        head(b"POST / HTTP/1.1", b"Content-Length: \t 5 \t") + b"hello" + NEXT,
        Seen("POST", "/", b"hello"),
        Seen("GET", "/next"),
    ),
    accepts(
        "9112-5.1-whitespace-around-coding",
        head(b"POST / HTTP/1.1", b"Transfer-Encoding: \t chunked \t") + b"5\r\nhello\r\n0\r\n\r\n" + NEXT,
        Seen("POST", "/", b"hello"),
        Seen("GET", "/next"),
    ),
    accepts(
        "9112-5.1-no-break-space-is-no-whitespace",
        get(b"/", b"X-Probe: \xa0b\xa0"),
        Seen("GET", probe="\xa0b\xa0"),
        level=Level.SHOULD,
    ),
    accepts(
        "9112-5.1-next-line-is-no-whitespace",
        get(b"/", b"X-Probe: \x85b\x85"),
        Seen("GET", probe="\x85b\x85"),
        level=Level.SHOULD,
    ),
]
