"""RFC 9112 §6.3, Message Body Length: an invalid length MUST be 400 and the end; a body that isn't whole isn't one."""

from tests.conformance.case import MAX_BODY_SIZE, NEXT, Case, End, Level, Seen, accepts, chunked, head, refuses, sized

_HELLO = Seen("POST", "/", b"hello")


def _post(*lengths: bytes) -> bytes:
    return head(b"POST / HTTP/1.1", *[b"Content-Length: " + length for length in lengths]) + b"hello" + NEXT


CASES: list[Case] = [
    *(
        refuses(f"9112-6.3-length-{name}", _post(value), level=Level.MUST, named=[400], must_close=True)
        for name, value in (
            ("plus-sign", b"+5"),
            ("minus-sign", b"-5"),
            ("minus-zero", b"-0"),
            ("prefix", b"0x5"),
            ("octal-prefix", b"0o5"),
            ("hexadecimal", b"a"),
            ("underscore", b"0_5"),
            ("point", b"5.0"),
            ("exponent", b"5e0"),
            ("quoted", b'"5"'),
            ("space-within", b"0 5"),
            ("tab-within", b"0\t5"),
            ("word-behind", b"5 x"),
            ("semicolon-behind", b"5;"),
            ("two-numbers", b"5 5"),
            ("empty", b""),
            ("word", b"five"),
            ("infinity", b"inf"),
            ("superscript", b"\xb2"),
            ("arabic-digit", "٥".encode()),
            ("full-width-digit", "５".encode()),
            ("no-break-space", b"5\xa0"),
            ("vertical-tab", b"\x0b5"),
            ("list-of-different", b"5, 6"),
            ("list-of-different-without-space", b"5,6"),
            ("list-with-a-word", b"5, x"),
        )
    ),
    *(
        refuses(f"9112-6.3-{name}", _post(*values), level=Level.MUST, named=[400], must_close=True)
        for name, values in (
            ("two-lengths", (b"5", b"6")),
            ("two-lengths-smaller-last", (b"5", b"0")),
            ("two-lengths-one-empty", (b"5", b"")),
            ("two-lengths-one-a-word", (b"x", b"5")),
        )
    ),
    *(
        refuses(
            f"9112-6.3-{name}",
            _post(*values),
            level=Level.OURS,
            why="RFC 9110 §8.6 lets a server refuse it; no client of good will sends its length twice",
        )
        for name, values in (
            ("two-lengths-the-same", (b"5", b"5")),
            ("list-of-the-same", (b"5, 5",)),
            ("list-of-the-same-number", (b"5, 05",)),
            ("list-with-an-empty-element", (b"5,",)),
        )
    ),
    # RFC 9110 §8.6: large numerals, without overflow.
    *(
        refuses(f"9112-6.3-length-{name}", _post(value), status, level=Level.MUST)
        for name, value, status in (
            ("2-to-the-31", b"2147483648", 413),
            ("2-to-the-32-and-5", b"4294967301", 413),
            ("2-to-the-63", b"9223372036854775808", 413),
            ("2-to-the-64-and-5", b"18446744073709551621", 400),
            ("of-100-digits", b"9" * 100, 400),
            ("of-5000-digits", b"9" * 5000, 400),
        )
    ),
    refuses(
        "9112-6.3-length-of-20-digits-with-zeros",
        _post(b"00000000000000000005"),
        level=Level.OURS,
        why="more than 19 digits hold no size; RFC 9110 §2.3 asks for reasonable lengths only",
    ),
    refuses(
        "9112-6.3-length-above-ours",
        _post(b"%d" % (MAX_BODY_SIZE + 1)),
        413,
        level=Level.OURS,
        why="our limit, and known from the head alone",
    ),
    # Without length and coding there is no body.
    accepts(
        "9112-6.3-nothing-said-is-nothing-sent",
        head(b"POST / HTTP/1.1") + NEXT,
        Seen("POST"),
        Seen("GET", "/next"),
        or_refused=[411],
    ),
    # A body that ends early MUST NOT be taken for a whole one.
    *(
        accepts(f"9112-6.3-incomplete-{name}", octets, replies=[], end=End.CLOSES, half_close=True)
        for name, octets in (
            ("nothing-of-the-body", sized(b"hello")[:-5]),
            ("a-part-of-the-body", sized(b"hello")[:-2]),
            ("all-but-one-octet", sized(b"hello")[:-1]),
            ("no-chunk", chunked(b"")),
            ("half-a-chunk", chunked(b"5\r\nhel")),
            ("chunk-without-end-of-line", chunked(b"5\r\nhello")),
            ("no-last-chunk", chunked(b"5\r\nhello\r\n")),
            ("last-chunk-without-empty-line", chunked(b"5\r\nhello\r\n0\r\n")),
            ("last-chunk-with-half-an-empty-line", chunked(b"5\r\nhello\r\n0\r\n\r")),
            ("half-a-trailer", chunked(b"5\r\nhello\r\n0\r\nX-A: b")),
            ("trailers-without-empty-line", chunked(b"5\r\nhello\r\n0\r\nX-A: b\r\n")),
        )
    ),
    accepts(
        "9112-6.3-incomplete-behind-a-whole-one",
        sized(b"hello") + sized(b"hello")[:-1],
        _HELLO,
        end=End.CLOSES,
        half_close=True,
    ),
]
