"""RFC 9110 §6.6.1, Date: an origin server with a clock MUST send it in each 2xx, 3xx and 4xx."""

from tests.conformance.case import IMF_FIXDATE, Case, Level, Reply, Seen, accepts, get, head, refuses

_ANY = Seen("GET", ...)
_DATE = {"Date": IMF_FIXDATE}

CASES: list[Case] = [
    *(
        accepts(
            f"9110-6.6.1-in-{name}", head(line), Seen(line.split()[0].decode(), target), replies=[Reply(status, _DATE)]
        )
        for name, line, target, status in (
            ("200", b"GET / HTTP/1.1", "/", 200),
            ("204", b"GET /status/204 HTTP/1.1", "/status/204", 204),
            ("304", b"GET /status/304 HTTP/1.1", "/status/304", 304),
            ("404", b"GET /status/404 HTTP/1.1", "/status/404", 404),
            ("response-to-head", b"HEAD / HTTP/1.1", "/", 200),
        )
    ),
    *(
        refuses(
            f"9110-6.6.1-in-{name}", octets, status, level=Level.MUST, replies=[Reply(status, _DATE)], or_seen=[(_ANY,)]
        )
        for name, octets, status in (
            ("400", get(b"/", b"X-A : b"), 400),
            ("414", get(b"/" + b"a" * 140_000), 414),
            ("431", get(b"/", b"X-A: " + b"b" * 140_000), 431),
        )
    ),
    accepts(
        "9110-6.6.1-once-where-the-handler-streams",
        get(b"/streamed"),
        Seen("GET", "/streamed"),
        level=Level.OURS,
        why="as in Tornado, who writes a head decides what it says",
        replies=[Reply(200, {"Date": ""})],
    ),
]
