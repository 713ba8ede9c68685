"""RFC 9110 §2.5, Protocol Version: a higher minor version is read as ours, and answered in ours."""

from tests.conformance.case import CHUNKED, NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, head, refuses

CASES: list[Case] = [
    accepts("9110-2.5-version-1.2", head(b"GET / HTTP/1.2"), Seen("GET"), level=Level.SHOULD),
    accepts("9110-2.5-version-1.9", head(b"GET / HTTP/1.9"), Seen("GET"), level=Level.SHOULD),
    accepts(
        "9110-2.5-version-1.2-chunked",
        head(b"POST / HTTP/1.2", CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n" + NEXT,
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
        level=Level.SHOULD,
    ),
    refuses(
        "9110-2.5-version-1.2-without-host",
        head(b"GET / HTTP/1.2", host=None),
        level=Level.SHOULD,
        named=[400, 505],
    ),
    *(
        accepts(
            f"9110-2.5-response-to-{version}-is-ours",
            head(f"GET / HTTP/{version}".encode()),
            Seen("GET"),
            level=Level.SHOULD,
            end=End.CLOSES if version == "1.0" else End.LIVES,
            replies=[Reply(200, version=(1, 1))],
        )
        for version in ("1.0", "1.2")
    ),
]
