"""RFC 9112 §9.3.2, Pipelining: responses MUST come in the order of the requests."""

from tests.conformance.case import (
    NEXT,
    SEEN_NEXT,
    Case,
    Level,
    Reply,
    Seen,
    accepts,
    chunked,
    get,
    head,
    refuses,
    sized,
)

CASES: list[Case] = [
    accepts("9112-9.3.2-two", get(b"/1") + get(b"/2"), Seen("GET", "/1"), Seen("GET", "/2")),
    accepts(
        "9112-9.3.2-forty",
        b"".join(get(b"/%d" % n) for n in range(40)),
        *[Seen("GET", f"/{n}") for n in range(40)],
    ),
    accepts(
        "9112-9.3.2-bodies-between",
        sized(b"hello") + get(b"/1") + chunked(b"2\r\nhi\r\n0\r\n\r\n") + get(b"/2") + sized(b"") + NEXT,
        Seen("POST", "/", b"hello"),
        Seen("GET", "/1"),
        Seen("POST", "/", b"hi"),
        Seen("GET", "/2"),
        Seen("POST"),
        SEEN_NEXT,
    ),
    accepts(
        "9112-9.3.2-head-between",
        get(b"/1") + head(b"HEAD /2 HTTP/1.1") + get(b"/3"),
        Seen("GET", "/1"),
        Seen("HEAD", "/2"),
        Seen("GET", "/3"),
        replies=[Reply(200, body=b"ok\n"), Reply(200, body=b""), Reply(200, body=b"ok\n")],
    ),
    accepts(
        "9112-9.3.2-streamed-between",
        get(b"/1") + get(b"/streamed") + get(b"/status/204") + NEXT,
        Seen("GET", "/1"),
        Seen("GET", "/streamed"),
        Seen("GET", "/status/204"),
        SEEN_NEXT,
        replies=[200, Reply(200, body=b"hello"), 204, 200],
    ),
    accepts(
        "9112-9.3.2-cut-in-the-middle-of-a-request",
        (get(b"/1") + get(b"/2")[:12], get(b"/2")[12:] + get(b"/3")),
        Seen("GET", "/1"),
        Seen("GET", "/2"),
        Seen("GET", "/3"),
    ),
    refuses(
        "9112-9.3.2-malformed-in-the-middle",
        get(b"/1") + get(b"/2", b"X-A : b") + NEXT,
        level=Level.MUST,
        named=[400],
        after=[Seen("GET", "/1")],
    ),
    accepts(
        "9112-9.3.2-octet-behind-a-body-belongs-to-the-next",
        sized(b"hello") + b"x" + NEXT,
        Seen("POST", "/", b"hello"),
        Seen("xGET", "/next"),
        or_seen=[(Seen("POST", "/", b"hello"), Seen("XGET", "/next"))],
        or_refused=[400, 405, 501],
    ),
]
