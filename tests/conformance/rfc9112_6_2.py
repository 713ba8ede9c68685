"""RFC 9112 §6.2, Content-Length: so many octets are the body, whatever they look like."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Level, Seen, accepts, head, sized

_LARGE = bytes(range(256)) * 300


def _sized(value: bytes, body: bytes) -> bytes:
    return head(b"POST / HTTP/1.1", b"Content-Length: " + value) + body + NEXT


CASES: list[Case] = [
    *(
        accepts(f"9112-6.2-{name}", _sized(value, body), Seen("POST", "/", body), SEEN_NEXT)
        for name, value, body in (
            ("length", b"5", b"hello"),
            ("length-of-nothing", b"0", b""),
            ("leading-zeros", b"0005", b"hello"),
            ("two-zeros", b"00", b""),
            ("decimal-not-octal", b"010", b"0123456789"),
            ("body-that-looks-chunked", b"15", b"5\r\nhello\r\n0\r\n\r\n"),
            ("body-that-looks-like-a-request", b"%d" % len(NEXT), NEXT),
            ("body-of-nul", b"3", b"\0\0\0"),
            ("body-of-76800-octets", b"%d" % len(_LARGE), _LARGE),
        )
    ),
    accepts(
        "9112-6.2-name-with-underscore-is-another-field",
        head(b"POST / HTTP/1.1", b"Content_Length: %d" % len(NEXT)) + NEXT,
        Seen("POST"),
        SEEN_NEXT,
        or_refused=[400, 411],
    ),
    accepts(
        "9112-6.2-name-with-prefix-is-another-field",
        head(b"POST / HTTP/1.1", b"X-Content-Length: %d" % len(NEXT)) + NEXT,
        Seen("POST"),
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts(
        "9112-6.2-body-in-pieces",
        (sized(b"")[:-5] + b"9\r\n\r\n", b"abc", b"def", b"ghi" + NEXT),
        Seen("POST", "/", b"abcdefghi"),
        SEEN_NEXT,
    ),
    accepts(
        "9112-6.2-nineteen-digits",
        _sized(b"0000000000000000005", b"hello"),
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
        level=Level.MUST,
    ),
]
