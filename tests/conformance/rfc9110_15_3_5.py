"""RFC 9110 §15.3.5, 204: ends with its head."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, get

_NO_FRAMING = {"Content-Length": "", "Transfer-Encoding": ""}

CASES: list[Case] = [
    accepts(
        "9110-15.3.5-204-has-no-content",
        get(b"/status/204") + NEXT,
        Seen("GET", "/status/204"),
        SEEN_NEXT,
        replies=[Reply(204, _NO_FRAMING, b""), Reply(200, body=b"ok\n")],
    ),
    accepts(
        "9110-15.3.5-raw-204-has-no-content",
        get(b"/raw/204") + NEXT,
        Seen("GET", "/raw/204"),
        SEEN_NEXT,
        ours_only=True,
        replies=[Reply(204, _NO_FRAMING, b""), Reply(200, body=b"ok\n")],
    ),
    # RFC 9110 §8.6, RFC 9112 §6.1: the server MUST NOT send how it is framed, whatever its handler says.
    *(
        accepts(
            f"9110-15.3.5-204-for-which-the-handler-{name}",
            get(target) + NEXT,
            Seen("GET", target.decode()),
            SEEN_NEXT,
            ours_only=True,
            replies=[Reply(204, _NO_FRAMING, b""), Reply(200, body=b"ok\n")],
        )
        for name, target in (("tells-a-length", b"/204/length"), ("tells-a-coding", b"/204/chunked"))
    ),
    accepts(
        "9110-15.3.5-204-for-which-the-handler-has-content",
        get(b"/204/content") + NEXT,
        Seen("GET", "/204/content"),
        ours_only=True,
        logs="more data than Content-Length",
        replies=[Reply(204, _NO_FRAMING, b"")],
        end=End.CLOSES,
    ),
    *(
        accepts(
            f"9110-15.3.5-raw-204-{name}",
            get(target) + NEXT,
            Seen("GET", target.decode()),
            level=Level.OURS,
            why="a client that believes it would take the next response for content",
            ours_only=True,
            replies=[Reply(204, body=b"")],
            end=End.CLOSES,
        )
        for name, target in (("with-length", b"/raw/204/length"), ("chunked", b"/raw/204/chunked"))
    ),
    accepts(
        "9110-15.3.5-raw-204-with-length-of-nothing",
        get(b"/raw/204/length-of-nothing") + NEXT,
        Seen("GET", "/raw/204/length-of-nothing"),
        SEEN_NEXT,
        level=Level.OURS,
        why="raw octets are the handler's, and nobody waits for nothing",
        ours_only=True,
        replies=[Reply(204, body=b""), 200],
    ),
]
