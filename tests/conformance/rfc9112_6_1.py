"""RFC 9112 §6.1, Transfer-Encoding: which codings are taken, and never beside ``Content-Length`` or in HTTP/1.0."""

from tests.conformance.case import (
    CHUNKED,
    NEXT,
    SEEN_NEXT,
    Case,
    End,
    Level,
    Reply,
    Seen,
    accepts,
    get,
    head,
    refuses,
)

_BODY = b"5\r\nhello\r\n0\r\n\r\n"
_HELLO = Seen("POST", "/", b"hello")
_EMPTY = Seen("POST", "/", b"")
_POST = b"POST / HTTP/1.1"
_POST_1_0 = b"POST / HTTP/1.0"


def _post(*fields: bytes, line: bytes = _POST) -> bytes:
    return head(line, *fields) + _BODY + NEXT


CASES: list[Case] = [
    *(
        accepts(f"9112-6.1-{name}", _post(*fields), _HELLO, SEEN_NEXT, or_refused=[411])
        for name, fields in (
            ("chunked", [CHUNKED]),
            ("chunked-capitalized", [b"Transfer-Encoding: Chunked"]),
            ("chunked-in-upper-case", [b"TRANSFER-ENCODING: CHUNKED"]),
            ("chunked-between-other-fields", [b"X-A: b", CHUNKED, b"X-C: d"]),
            ("empty-element-before-chunked", [b"Transfer-Encoding: , chunked"]),
            ("empty-element-behind-chunked", [b"Transfer-Encoding: chunked ,"]),
            ("te-beside-it", [b"TE: trailers", b"Connection: TE", CHUNKED]),
            ("trailer-beside-it", [b"Trailer: X-A", CHUNKED]),
        )
    ),
    accepts(
        "9112-6.1-name-with-underscore-is-another-field",
        head(_POST, b"Transfer_Encoding: chunked", b"Content-Length: 15") + _BODY + NEXT,
        Seen("POST", "/", _BODY),
        SEEN_NEXT,
        or_refused=[400],
    ),
    accepts(
        "9112-6.1-name-with-suffix-is-another-field",
        head(_POST, b"Transfer-Encoding-X: chunked", b"Content-Length: 15") + _BODY + NEXT,
        Seen("POST", "/", _BODY),
        SEEN_NEXT,
    ),
    # A coding that isn't understood: SHOULD be 501.
    *(
        refuses(f"9112-6.1-{name}", _post(*fields), 501, level=Level.SHOULD, named=[501])
        for name, fields in (
            ("gzip-then-chunked", [b"Transfer-Encoding: gzip, chunked"]),
            ("unknown-then-chunked", [b"Transfer-Encoding: x, chunked"]),
            ("gzip-then-chunked-in-two-fields", [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"]),
            ("identity-then-chunked", [b"Transfer-Encoding: identity, chunked"]),
        )
    ),
    # §6.3: chunked isn't the final one, or isn't there: MUST be 400, and the end.
    *(
        refuses(f"9112-6.1-{name}", _post(*fields), level=Level.MUST, named=[400], must_close=True)
        for name, fields in (
            ("gzip-alone", [b"Transfer-Encoding: gzip"]),
            ("identity-alone", [b"Transfer-Encoding: identity"]),
            ("empty", [b"Transfer-Encoding:"]),
            ("nothing-but-commas", [b"Transfer-Encoding: , ,"]),
            ("chunked-then-gzip", [b"Transfer-Encoding: chunked, gzip"]),
            ("chunked-then-identity", [b"Transfer-Encoding: chunked, identity"]),
            ("chunked-then-gzip-in-two-fields", [CHUNKED, b"Transfer-Encoding: gzip"]),
            ("xchunked", [b"Transfer-Encoding: xchunked"]),
            ("chunkedx", [b"Transfer-Encoding: chunkedx"]),
            ("chunked-quoted", [b'Transfer-Encoding: "chunked"']),
            ("chunked-in-apostrophes", [b"Transfer-Encoding: 'chunked'"]),
            ("chunked-with-space-within", [b"Transfer-Encoding: chunk ed"]),
            ("chunked-and-a-word", [b"Transfer-Encoding: chunked x"]),
            ("chunked-behind-no-break-space", [b"Transfer-Encoding: \xa0chunked"]),
            ("chunked-before-next-line", [b"Transfer-Encoding: chunked\x85"]),
            ("chunked-behind-colon", [b"Transfer-Encoding:: chunked"]),
            ("unknown-beside-length", [b"Transfer-Encoding: x", b"Content-Length: 15"]),
            ("empty-beside-length", [b"Transfer-Encoding:", b"Content-Length: 15"]),
        )
    ),
    *(
        refuses(f"9112-6.1-chunked-{name}", _post(b"Transfer-Encoding: " + value), level=Level.MUST, must_close=True)
        for name, value in (("behind-vertical-tab", b"\x0bchunked"), ("before-form-feed", b"chunked\x0c"))
    ),
    refuses(
        "9112-6.1-chunked-before-nul",
        _post(b"Transfer-Encoding: chunked\0"),
        level=Level.MUST,
        or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],  # RFC 9110 §5.5: NUL may be read as SP
    ),
    refuses(
        "9112-6.1-chunked-with-parameter",  # §7.1: SHOULD be treated as an error
        _post(b"Transfer-Encoding: chunked;a=b"),
        501,
        level=Level.SHOULD,
        named=[400, 501],
    ),
    refuses(
        "9112-6.1-chunked-with-semicolon",
        _post(b"Transfer-Encoding: chunked;"),
        501,
        level=Level.SHOULD,
        named=[400, 501],
    ),
    *(
        refuses(
            f"9112-6.1-{name}",
            _post(*fields),
            level=Level.OURS,
            why="a sender MUST NOT do it, and no two servers agree on how often to decode",
        )
        for name, fields in (
            ("chunked-twice", [b"Transfer-Encoding: chunked, chunked"]),
            ("chunked-twice-in-two-fields", [CHUNKED, CHUNKED]),
        )
    ),
    # Both framings: the coding counts, or the request is refused; the connection MUST be closed in either case.
    *(
        refuses(
            f"9112-6.1-{name}",
            head(_POST, *fields) + _BODY + NEXT,
            level=Level.MUST,
            or_seen=[(_HELLO,)],
            must_close=True,
        )
        for name, fields in (
            ("coding-and-length", [CHUNKED, b"Content-Length: 15"]),
            ("length-and-coding", [b"Content-Length: 15", CHUNKED]),
            ("length-of-nothing-and-coding", [b"Content-Length: 0", CHUNKED]),
            ("length-of-less-and-coding", [b"Content-Length: 3", CHUNKED]),
            ("length-and-coding-in-odd-case", [b"content-LENGTH: 15", b"tRANSFER-eNCODING: CHUNKED"]),
            ("length-and-coding-far-apart", [b"Content-Length: 15", *[b"X-A: b"] * 20, CHUNKED]),
        )
    ),
    refuses(
        "9112-6.1-coding-and-length-of-get",
        get(b"/", b"Content-Length: %d" % len(NEXT), CHUNKED) + b"0\r\n\r\n" + NEXT,
        level=Level.MUST,
        or_seen=[(Seen("GET"),)],
        must_close=True,
    ),
    # HTTP/1.0: the framing is faulty, and the connection MUST be closed.
    refuses(
        "9112-6.1-chunked-in-1.0",
        _post(CHUNKED, b"Connection: keep-alive", line=_POST_1_0),
        level=Level.MUST,
        or_seen=[(_HELLO,), (_EMPTY,)],
        must_close=True,
    ),
    refuses(
        "9112-6.1-chunked-and-length-in-1.0",
        head(_POST_1_0, CHUNKED, b"Content-Length: 15", b"Connection: keep-alive") + _BODY + NEXT,
        level=Level.MUST,
        or_seen=[(_HELLO,), (Seen("POST", "/", _BODY),)],
        must_close=True,
    ),
    refuses(
        "9112-6.1-unknown-coding-in-1.0",
        _post(b"Transfer-Encoding: x", b"Connection: keep-alive", line=_POST_1_0),
        level=Level.MUST,
        or_seen=[(_EMPTY,)],
        must_close=True,
    ),
    # Responses.
    accepts(
        "9112-6.1-response-to-1.1-may-be-chunked",
        get(b"/streamed"),
        Seen("GET", "/streamed"),
        replies=[Reply(200, {"Transfer-Encoding": "(?i)chunked|", "Content-Length": "|5"}, b"hello")],
    ),
    accepts(
        "9112-6.1-response-to-1.0-isn-t-chunked",
        head(b"GET /streamed HTTP/1.0"),
        Seen("GET", "/streamed"),
        replies=[Reply(200, {"Transfer-Encoding": ""}, b"hello")],
        end=End.CLOSES,
    ),
    accepts(
        "9112-6.1-response-to-1.0-keep-alive-isn-t-chunked",
        head(b"GET /streamed HTTP/1.0", b"Connection: keep-alive"),
        Seen("GET", "/streamed"),
        replies=[Reply(200, {"Transfer-Encoding": ""}, b"hello")],
        end=End.CLOSES,
        must_close=False,
    ),
    *(
        refuses(f"9112-6.1-name-{name}", head(_POST, field, b"Content-Length: 15") + _BODY + NEXT, level=Level.SHOULD)
        for name, field in (
            ("before-nul", b"Transfer-Encoding\0: chunked"),
            ("before-vertical-tab", b"Transfer-Encoding\x0b: chunked"),
            ("behind-nul", b"\0Transfer-Encoding: chunked"),
            ("with-soft-hyphen", b"Transfer\xadEncoding: chunked"),
            ("with-long-s", "Tran\u017ffer-Encoding: chunked".encode()),
            ("in-quotes", b'"Transfer-Encoding": chunked'),
            ("behind-slash", b"/Transfer-Encoding: chunked"),
        )
    ),
    *(
        refuses(
            f"9112-6.1-hidden-{name}",
            head(_POST, b"X-A: b" + line_end + CHUNKED, b"Content-Length: 15") + _BODY + NEXT,
            level=Level.OURS,
            why="§2.2 lets a server take a bare LF for the end of a line: then there are both framings, else one",
        )
        for name, line_end in (("behind-bare-lf", b"\n"), ("behind-two-bare-lf", b"\n\n"), ("behind-lf-cr", b"\n\r"))
    ),
]
