"""RFC 9110 §8.6, Content-Length of responses: never wrong, and in none that can't have one."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, get, head

_GET = b"GET %b HTTP/1.1"

CASES: list[Case] = [
    accepts("9110-8.6-of-200", get(), Seen("GET"), replies=[Reply(200, {"Content-Length": "|3"}, b"ok\n")]),
    accepts(
        "9110-8.6-of-head-is-that-of-get",
        head(b"HEAD / HTTP/1.1") + NEXT,
        Seen("HEAD"),
        SEEN_NEXT,
        replies=[Reply(200, {"Content-Length": "|3"}, b""), 200],
    ),
    accepts(
        "9110-8.6-none-in-204",
        get(b"/status/204") + NEXT,
        Seen("GET", "/status/204"),
        SEEN_NEXT,
        replies=[Reply(204, {"Content-Length": "", "Transfer-Encoding": ""}), 200],
    ),
    accepts(
        "9110-8.6-none-or-that-of-200-in-304",
        get(b"/status/304") + NEXT,
        Seen("GET", "/status/304"),
        SEEN_NEXT,
        replies=[Reply(304, {"Content-Length": "|3"}), 200],
    ),
    # §9.3.6: nor in a 2xx to CONNECT.
    accepts(
        "9110-8.6-none-in-2xx-to-connect",
        head(b"CONNECT tunnel:80 HTTP/1.1"),
        Seen("CONNECT", ...),
        replies=[Reply(200, {"Content-Length": "", "Transfer-Encoding": ""})],
        end=End.CLOSES,
        must_close=False,
        or_refused=range(400, 600),
        methods=("HEAD",),  # what can't have content
    ),
    accepts(
        "9110-8.6-handler-writes-more",
        get(b"/length-too-long") + NEXT,
        level=Level.OURS,
        why="what is beyond the length would be the next response; it isn't sent, and nothing is believed any more",
        ours_only=True,
        logs="more data than Content-Length",
        replies=[],
        end=End.CLOSES,
    ),
    # Two framings, or one that nobody understands, are our handler's mistake, with or without a body behind them.
    *(
        accepts(
            f"9110-8.6-{name}-of-{method.lower()}",
            head(f"{method} {target} HTTP/1.1".encode()) + NEXT,
            level=Level.OURS,
            why="RFC 9112 §6.2, §6.3: a sender MUST NOT, so the handler is told and the client doesn't see it",
            ours_only=True,
            logs="ValueError: ",
            methods=(method,),
            replies=[Reply(500, {"Connection": "close"})],
            end=End.CLOSES,
        )
        for method in ("GET", "HEAD")
        for name, target in (
            ("both-framings", "/200/both"),
            ("two-lengths", "/200/two-lengths"),
            ("signed-length", "/200/signed-length"),
            ("unknown-coding", "/200/gzip"),
            ("both-framings-in-304", "/304/both"),
            ("length-in-100", "/100/length"),
        )
    ),
    *(
        accepts(
            f"9110-8.6-raw-{name}",
            get(target) + NEXT,
            Seen("GET", target.decode()),
            level=Level.OURS,
            why="nobody can say where the next response would begin",
            ours_only=True,
            replies=replies,
            end=End.CLOSES,
        )
        for name, target, replies in (("length-in-100", b"/raw/100/length", [Reply(100), Reply(200, body=b"ok\n")]),)
    ),
]
