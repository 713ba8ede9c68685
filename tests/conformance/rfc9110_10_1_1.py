"""RFC 9110 §10.1.1, Expect: 100 comes before the content, or a final status comes instead."""

from tests.conformance.case import (
    CHUNKED,
    MAX_BODY_SIZE,
    NEXT,
    SEEN_NEXT,
    WAIT,
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

_EXPECT = b"Expect: 100-continue"
_LENGTH = b"Content-Length: 5"
_POST = b"POST / HTTP/1.1"
_HELLO = Seen("POST", "/", b"hello")

CASES: list[Case] = [
    # The server MUST answer, and MUST NOT wait for the content.
    *(
        accepts(
            f"9110-10.1.1-continue-{name}",
            (octets, WAIT, body),
            _HELLO,
            replies=[100, 200],
            or_refused=[411],
        )
        for name, octets, body in (
            ("with-length", head(_POST, _LENGTH, _EXPECT), b"hello"),
            ("chunked", head(_POST, CHUNKED, _EXPECT), b"5\r\nhello\r\n0\r\n\r\n"),
            ("in-any-case", head(_POST, _LENGTH, b"eXPECT: 100-CONTINUE"), b"hello"),
        )
    ),
    accepts(
        "9110-10.1.1-continue-of-put",
        (head(b"PUT / HTTP/1.1", _LENGTH, _EXPECT), WAIT, b"hello"),
        Seen("PUT", "/", b"hello"),
        replies=[100, 200],
    ),
    accepts(
        "9110-10.1.1-continue-of-the-second-request",
        (get() + head(_POST, _LENGTH, _EXPECT), WAIT, WAIT, b"hello"),
        Seen("GET"),
        _HELLO,
        replies=[200, 100, 200],
    ),
    accepts(
        "9110-10.1.1-continue-twice",
        (head(_POST, _LENGTH, _EXPECT), WAIT, b"hello" + head(_POST, _LENGTH, _EXPECT), WAIT, WAIT, b"hello"),
        _HELLO,
        _HELLO,
        replies=[100, 200, 100, 200],
    ),
    accepts(
        "9110-10.1.1-continue-and-a-second-request-behind",
        (head(_POST, _LENGTH, _EXPECT), WAIT, b"hello" + NEXT),
        _HELLO,
        SEEN_NEXT,
        replies=[100, 200, 200],
    ),
    # HTTP/1.0: MUST be ignored.
    accepts(
        "9110-10.1.1-ignored-in-1.0",
        (head(b"POST / HTTP/1.0", _LENGTH, _EXPECT), b"hello"),
        _HELLO,
        end=End.CLOSES,
    ),
    accepts(
        "9110-10.1.1-unknown-ignored-in-1.0",
        (head(b"POST / HTTP/1.0", _LENGTH, b"Expect: x"), b"hello"),
        _HELLO,
        end=End.CLOSES,
    ),
    # 100 MAY be omitted.
    accepts(
        "9110-10.1.1-content-came-with-the-head",
        (head(_POST, _LENGTH, _EXPECT) + b"hello",),
        _HELLO,
        level=Level.OURS,
        why="§10.1.1 lets a server omit the 100; it would tell the client nothing",
    ),
    accepts(
        "9110-10.1.1-no-content",
        (head(_POST, b"Content-Length: 0", _EXPECT),),
        Seen("POST"),
        level=Level.OURS,
        why="§10.1.1 lets a server omit the 100 where the framing says that nothing follows",
    ),
    accepts(
        "9110-10.1.1-get-without-content",
        get(b"/", _EXPECT),
        Seen("GET"),
        level=Level.OURS,
        why="§10.1.1 lets a server omit the 100 where the framing says that nothing follows",
    ),
    # A final status instead.
    refuses(
        "9110-10.1.1-invalid-head",
        (head(_POST, _LENGTH, _EXPECT, b"X-A : b"),),
        level=Level.MUST,
        named=[400],
    ),
    refuses(
        "9110-10.1.1-content-above-ours",
        (head(_POST, b"Content-Length: %d" % (MAX_BODY_SIZE + 1), _EXPECT),),
        413,
        level=Level.OURS,
        why="our limit; the client is told before it sends",
        replies=[Reply(413, {"Connection": "close"})],
    ),
    *(
        refuses(
            f"9110-10.1.1-{name}",
            head(_POST, _LENGTH, b"Expect: " + value) + b"hello",
            417,
            level=Level.OURS,
            why="§10.1.1: a server MAY answer 417 to what it doesn't know",
        )
        for name, value in (
            ("unknown", b"200-ok"),
            ("unknown-beside-continue", b"100-continue, x=y"),
            ("continue-with-parameter", b"100-continue;a=b"),
        )
    ),
    # The client changes its mind.
    accepts(
        "9110-10.1.1-continue-and-no-content",
        (head(_POST, _LENGTH, _EXPECT), WAIT),
        replies=[100],
        end=End.CLOSES,
        half_close=True,
    ),
]
