"""RFC 9113 §3.4, HTTP/2 Connection Preface: made so that a server of HTTP/1.1 refuses it."""

from tests.conformance.case import Case, Level, head, refuses

_WHY = "this server speaks HTTP/1.1 and HTTP/1.0"

CASES: list[Case] = [
    refuses(
        "9113-3.4-preface",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        505,
        level=Level.OURS,
        why=_WHY,
    ),
    refuses("9113-3.4-preface-alone", b"PRI * HTTP/2.0\r\n\r\n", 505, level=Level.OURS, why=_WHY),
    refuses(
        "9113-3.4-preface-as-http-1.1",
        head(b"PRI * HTTP/1.1"),
        level=Level.OURS,
        why="§3.4 of RFC 9112: * is for OPTIONS",
    ),
]
