"""RFC 9112 §3.2.4, asterisk-form: for OPTIONS, and for nothing else."""

from tests.conformance.case import Case, End, Level, Seen, accepts, get, head, refuses

CASES: list[Case] = [
    accepts("9112-3.2.4-options", head(b"OPTIONS * HTTP/1.1"), Seen("OPTIONS", "*"), level=Level.SHOULD),
    accepts(
        "9112-3.2.4-options-in-1.0",
        head(b"OPTIONS * HTTP/1.0"),
        Seen("OPTIONS", "*"),
        level=Level.SHOULD,
        end=End.CLOSES,
    ),
    *(
        refuses(f"9112-3.2.4-{name}", octets, level=Level.SHOULD)
        for name, octets in (
            ("get", get(b"*")),
            ("post", head(b"POST * HTTP/1.1", b"Content-Length: 0")),
            ("delete", head(b"DELETE * HTTP/1.1")),
            ("lower-case-options", head(b"options * HTTP/1.1")),
            ("two-asterisks", head(b"OPTIONS ** HTTP/1.1")),
            ("asterisk-and-query", head(b"OPTIONS *?a HTTP/1.1")),
            ("asterisk-and-path", head(b"OPTIONS */a HTTP/1.1")),
        )
    ),
]
