"""RFC 9112 §11.1, Response Splitting: what a handler says can't become another response."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, get, head

_WHY = "§11.1 leaves the defence to the server; here it is in the one place through which all fields pass"
_500 = Reply(500, {"X-Split": "", "X-A": "", "Connection": "close"})

CASES: list[Case] = [
    *(
        accepts(
            f"9112-11.1-{name}",
            get(target) + NEXT,
            level=Level.OURS,
            why=_WHY,
            ours_only=True,
            logs="ValueError: Illegal characters",
            replies=[_500],
            end=End.CLOSES,
        )
        for name, target in (
            ("crlf-in-value", b"/split/value"),
            ("lf-in-value", b"/split/lf"),
            ("nul-in-value", b"/split/nul"),
            ("crlf-in-name", b"/split/name"),
        )
    ),
    # Raw octets: a response whose end isn't sure is the last one.
    *(
        accepts(
            f"9112-11.1-raw-{name}",
            get(target) + NEXT,
            Seen("GET", target.decode()),
            level=Level.OURS,
            why="nobody can say where the next response would begin",
            ours_only=True,
            replies=[Reply(200, body=b"ok\n")],
            end=End.CLOSES,
        )
        for name, target in (("without-length", b"/raw/no-length"), ("of-version-1.0", b"/raw/1.0"))
    ),
    *(
        accepts(
            f"9112-11.1-raw-{name}",
            get(target) + NEXT,
            Seen("GET", target.decode()),
            SEEN_NEXT,
            level=Level.OURS,
            why="its end is sure",
            ours_only=True,
            replies=[Reply(200, body=b"ok\n"), 200],
        )
        for name, target in (("with-length", b"/raw/length"), ("chunked", b"/raw/chunked"))
    ),
    accepts(
        "9112-11.1-raw-without-length-to-1.0",
        head(b"GET /raw/no-length HTTP/1.0"),
        Seen("GET", "/raw/no-length"),
        level=Level.OURS,
        why="it ends with the connection",
        ours_only=True,
        replies=[Reply(200, body=b"ok\n")],
        end=End.CLOSES,
    ),
]
