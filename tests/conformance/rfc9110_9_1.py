"""RFC 9110 §9.1, Methods: case-sensitive tokens; an unknown one isn't a syntax error."""

from tests.conformance.case import Case, End, Level, Seen, accepts, head

CASES: list[Case] = [
    *(
        accepts(
            f"9110-9.1-{name}",
            head(method + b" / HTTP/1.1"),
            Seen(method.decode()),
            level=Level.SHOULD,
            or_refused=[405, 501],
        )
        for name, method in (
            ("registered", b"PROPFIND"),
            ("with-hyphen", b"M-SEARCH"),
            ("unknown", b"NOBODY"),
            ("lower-case-isn-t-get", b"get"),
            ("mixed-case-isn-t-get", b"Get"),
            ("all-token-octets", b"!#$%&'*+-.^_`|~09azAZ"),
            ("one-octet", b"A"),
            ("trace", b"TRACE"),
        )
    ),
    *(
        accepts(f"9110-9.1-{method.lower()}", head(f"{method} / HTTP/1.1".encode()), Seen(method))
        for method in ("GET", "HEAD")
    ),
    accepts("9110-9.1-head-in-1.0", head(b"HEAD / HTTP/1.0"), Seen("HEAD"), end=End.CLOSES),
]
