"""RFC 9112 §2.3, HTTP Version: eight octets, upper case, one digit on each side of the dot."""

from tests.conformance.case import Case, End, Level, Seen, accepts, get, head, refuses

CASES: list[Case] = [
    accepts("9112-2.3-version-1.1", get(), Seen("GET")),
    accepts("9112-2.3-version-1.0", head(b"GET / HTTP/1.0"), Seen("GET"), end=End.CLOSES),
    *(
        refuses(f"9112-2.3-version-{name}", head(b"GET / " + version), level=Level.SHOULD)
        for name, version in (
            ("1.10", b"HTTP/1.10"),
            ("1.01", b"HTTP/1.01"),
            ("01.1", b"HTTP/01.1"),
            ("11.1", b"HTTP/11.1"),
            ("1", b"HTTP/1"),
            ("1.", b"HTTP/1."),
            (".1", b"HTTP/.1"),
            ("1.x", b"HTTP/1.x"),
            ("1,1", b"HTTP/1,1"),
            ("plus", b"HTTP/+1.1"),
            ("minus", b"HTTP/1.-1"),
            ("superscript", b"HTTP/1.\xb9"),
            ("lower-case", b"http/1.1"),
            ("mixed-case", b"Http/1.1"),
            ("no-slash", b"HTTP1.1"),
            ("space-within", b"HTTP/ 1.1"),
            ("of-another-protocol", b"HTTQ/1.1"),
            ("rtsp", b"RTSP/1.0"),
            ("icy", b"ICY/1.1"),
        )
    ),
]
