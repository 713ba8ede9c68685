"""RFC 9110 §9.3.6, CONNECT: an empty or invalid port MUST be rejected; and nothing behind it is a body."""

from tests.conformance.case import CHUNKED, NEXT, Case, Level, Seen, head, refuses

CASES: list[Case] = [
    *(
        refuses(
            f"9110-9.3.6-{name}",
            head(b"CONNECT " + target + b" HTTP/1.1"),
            level=Level.MUST,
            or_seen=[(Seen("CONNECT", ...),)],  # our applications answer CONNECT by 405
        )
        for name, target in (
            ("port-empty", b"a:"),
            ("port-word", b"a:b"),
            ("port-with-plus", b"a:+80"),
            ("port-with-minus", b"a:-80"),
            ("port-65536", b"a:65536"),
            ("port-99999", b"a:99999"),
            ("port-of-six-digits", b"a:000080"),
        )
    ),
    *(
        refuses(
            f"9110-9.3.6-{name}",
            head(b"CONNECT a:80 HTTP/1.1", field) + body + NEXT,
            level=Level.OURS,
            why="what is content for one server is in the tunnel for another",
        )
        for name, field, body in (
            ("with-length", b"Content-Length: 5", b"hello"),
            ("chunked", CHUNKED, b"0\r\n\r\n"),
        )
    ),
]
