"""RFC 9112 §9.5, Failures and Timeouts: who is silent is told if it had begun, and the connection is closed."""

from tests.conformance.case import WAIT, Case, End, Later, Level, Reply, Seen, accepts, get, refuses, sized

_WHY = "§9.5 leaves times to the server: 60 s for a head, 75 s between requests"

CASES: list[Case] = [
    accepts("9112-9.5-silent-from-the-start", (b"", Later(65)), replies=[], end=End.CLOSES, level=Level.OURS, why=_WHY),
    accepts(
        "9112-9.5-silent-behind-a-request",
        (get(), WAIT, Later(80)),
        Seen("GET"),
        end=End.CLOSES,
        level=Level.OURS,
        why=_WHY,
    ),
    accepts("9112-9.5-slow-head", (get()[:20], Later(55), get()[20:]), Seen("GET"), level=Level.OURS, why=_WHY),
    accepts(
        "9112-9.5-pause-between-requests",
        (get(), WAIT, Later(70), get(b"/2")),
        Seen("GET"),
        Seen("GET", "/2"),
        level=Level.OURS,
        why=_WHY,
    ),
    refuses(
        "9112-9.5-head-without-end",
        (get()[:20], Later(65)),
        408,
        level=Level.OURS,
        why=_WHY,
        replies=[Reply(408, {"Connection": "close"})],
    ),
    refuses(
        "9112-9.5-head-that-drips",
        (get()[:10], Later(25), get()[10:12], Later(25), get()[12:14], Later(25)),
        408,
        level=Level.OURS,
        why=_WHY,
    ),
    refuses(
        "9112-9.5-second-head-without-end",
        (get() + get()[:10], WAIT, Later(65)),
        408,
        level=Level.OURS,
        why=_WHY,
        after=[Seen("GET")],
    ),
    accepts(
        "9112-9.5-slow-body",
        (sized(b"hello")[:-3], Later(300), b"llo"),
        Seen("POST", "/", b"hello"),
        level=Level.OURS,
        why="a body has no limit of time unless body_timeout sets one",
    ),
]
