"""RFC 9112 §2.2, Message Parsing: line ends, empty lines, and octets that aren't HTTP/1.1 at all."""

from tests.conformance.case import (
    NEXT,
    PROBE,
    SEEN_NEXT,
    Case,
    Level,
    Seen,
    accepts,
    get,
    head,
    refuses,
    sized,
)

_GET = Seen("GET")
_LENIENT = "§2.2 lets a server take a bare LF as the end of a line; a proxy that doesn't reads another message"
_CR_AS_SPACE = "§3 lets a server take a bare CR for a space in the request line; it is how two readers come to differ"
_TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))

CASES: list[Case] = [
    # One empty line before a request line SHOULD be ignored.
    accepts("9112-2.2-empty-line-before-request", b"\r\n" + get(), _GET, level=Level.SHOULD),
    accepts(
        "9112-2.2-empty-line-behind-a-body",
        sized(b"hello") + b"\r\n" + NEXT,
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
        level=Level.SHOULD,
    ),
    accepts("9112-2.2-empty-line-between-requests", get() + b"\r\n" + NEXT, _GET, SEEN_NEXT, level=Level.SHOULD),
    accepts(
        "9112-2.2-eight-empty-lines-before-request",
        b"\r\n" * 8 + get(),
        _GET,
        level=Level.OURS,
        why="§2.2 asks for at least one; a few more harm nobody",
    ),
    refuses(
        "9112-2.2-nine-empty-lines-before-request",
        b"\r\n" * 9 + get(),
        level=Level.OURS,
        why="a bound, so that nobody has us skip lines without end",
    ),
    # Messages are octets.
    accepts(
        "9112-2.2-octets-that-are-crlf-in-utf-16",
        get(b"/", PROBE + "嘊嘍x".encode()),
        Seen("GET", probe="嘊嘍x".encode().decode("latin-1")),
    ),
    accepts(
        "9112-2.2-crlf-in-a-body-is-data",
        sized(b"\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") + NEXT,
        Seen("POST", "/", b"\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
        SEEN_NEXT,
    ),
    # A bare LF MAY end a line.
    *(
        refuses(f"9112-2.2-bare-lf-{where}", octets + NEXT, level=Level.OURS, why=_LENIENT)
        for where, octets in (
            ("everywhere", b"GET / HTTP/1.1\nHost: a\n\n"),
            ("behind-request-line", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
            ("behind-field", b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n"),
            ("behind-last-field", b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
            ("as-empty-line", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
            ("before-request", b"\n" + get()),
            ("before-field-of-length", b"POST / HTTP/1.1\r\nHost: a\r\nX-A: b\nContent-Length: 5\r\n\r\nhello"),
        )
    ),
    # A bare CR MUST make its element invalid, or be read as SP.
    refuses(
        "9112-2.2-bare-cr-in-value",
        get(b"/", PROBE + b"b\rc"),
        level=Level.MUST,
        or_seen=[(Seen("GET", probe="b c"),)],
    ),
    refuses(
        "9112-2.2-bare-cr-at-end-of-value",
        get(b"/", PROBE + b"b\r"),
        level=Level.MUST,
        or_seen=[(Seen("GET", probe="b"),)],
    ),
    refuses(
        "9112-2.2-bare-cr-at-begin-of-value",
        get(b"/", b"X-Probe:\rb"),
        level=Level.MUST,
        or_seen=[(Seen("GET", probe="b"),)],
    ),
    refuses(
        "9112-2.2-bare-cr-hides-a-coding",
        sized(b"0\r\n\r\n", PROBE + b"b\rTransfer-Encoding: chunked"),
        level=Level.MUST,
        or_seen=[(Seen("POST", "/", b"0\r\n\r\n", probe="b Transfer-Encoding: chunked"),)],
    ),
    refuses(
        "9112-2.2-bare-cr-hides-a-length",
        get(b"/", PROBE + b"b\rContent-Length: %d" % len(NEXT)) + NEXT,
        level=Level.MUST,
        or_seen=[(Seen("GET", probe=f"b Content-Length: {len(NEXT)}"), SEEN_NEXT)],
    ),
    refuses("9112-2.2-bare-cr-in-name", get(b"/", b"X-A\rB: c"), level=Level.MUST),
    refuses("9112-2.2-bare-cr-before-colon", get(b"/", b"X-Probe\r: c"), level=Level.MUST),
    refuses(
        "9112-2.2-bare-cr-in-host",
        head(b"GET / HTTP/1.1", b"Host: a\rb", host=None),
        level=Level.MUST,
    ),
    refuses("9112-2.2-bare-cr-in-target", get(b"/a\rb"), level=Level.MUST),
    *(
        refuses(f"9112-2.2-bare-cr-{where}", octets, level=Level.OURS, why=_CR_AS_SPACE)
        for where, octets in (
            ("before-request", b"\r" + get()),
            ("before-version", b"GET /\rHTTP/1.1\r\nHost: a\r\n\r\n"),
            ("behind-version", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
            ("behind-method", b"GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("for-line-ends", b"GET / HTTP/1.1\rHost: a\r\r"),
        )
    ),
    # Whitespace between request line and first field: MUST be rejected, or the lines that begin so be passed over.
    refuses(
        "9112-2.2-space-before-first-field",
        b"GET / HTTP/1.1\r\n X-Probe: b\r\nHost: a\r\n\r\n",
        level=Level.MUST,
        or_seen=[(Seen("GET", probe=None, host="a"),)],
    ),
    refuses(
        "9112-2.2-tab-before-first-field",
        b"GET / HTTP/1.1\r\n\tX-Probe: b\r\nHost: a\r\n\r\n",
        level=Level.MUST,
        or_seen=[(Seen("GET", probe=None, host="a"),)],
    ),
    refuses("9112-2.2-space-before-the-only-host", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", level=Level.MUST),
    refuses(
        "9112-2.2-space-before-another-host",
        b"GET / HTTP/1.1\r\n Host: b\r\nHost: a\r\n\r\n",
        level=Level.MUST,
        or_seen=[(Seen("GET", host="a"),)],
    ),
    refuses(
        "9112-2.2-space-before-length",
        b"POST / HTTP/1.1\r\n Content-Length: 5\r\nHost: a\r\n\r\n",
        level=Level.MUST,
        or_seen=[(Seen("POST", "/", b""),)],
    ),
    refuses(
        "9112-2.2-line-of-whitespace-before-first-field",
        b"GET / HTTP/1.1\r\n \t \r\nHost: a\r\n\r\n",
        level=Level.MUST,
        or_seen=[(Seen("GET", host="a"),)],
    ),
    # What doesn't match the grammar SHOULD be answered by 400, and the connection be closed.
    refuses("9112-2.2-tls-client-hello", _TLS_HELLO, level=Level.SHOULD),
    refuses(
        "9112-2.2-sslv2-client-hello",
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(46),
        level=Level.SHOULD,
    ),
    refuses("9112-2.2-nothing-but-nul", bytes(64) + b"\r\n\r\n", level=Level.SHOULD),
    refuses("9112-2.2-telnet-negotiation", b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\r\n\r\n", level=Level.SHOULD),
    refuses("9112-2.2-smtp", b"EHLO example.org\r\n\r\n", level=Level.SHOULD),
    refuses(
        "9112-2.2-proxy-protocol-1",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + get(),
        level=Level.SHOULD,
    ),
    refuses(
        "9112-2.2-proxy-protocol-2",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + get(),
        level=Level.SHOULD,
    ),
    refuses(
        "9112-2.2-response-instead-of-request",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        level=Level.SHOULD,
    ),
]
