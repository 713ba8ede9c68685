"""RFC 9110 §9.3.2, HEAD: no response to it has content."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, head, refuses, sized

CASES: list[Case] = [
    *(
        accepts(
            f"9110-9.3.2-{name}",
            head(b"HEAD " + target + b" HTTP/1.1") + NEXT,
            Seen("HEAD", target.decode()),
            SEEN_NEXT,
            replies=[Reply(status, body=b""), Reply(200, body=b"ok\n")],
        )
        for name, target, status in (
            ("no-content-in-200", b"/", 200),
            ("no-content-in-404", b"/status/404", 404),
            ("no-content-in-204", b"/status/204", 204),
            ("no-content-in-304", b"/status/304", 304),
            ("no-content-in-a-stream", b"/streamed", 200),
        )
    ),
    *(
        accepts(
            f"9110-9.3.2-{name}",
            head(b"HEAD " + target + b" HTTP/1.1") + NEXT,
            Seen("HEAD", target.decode()),
            SEEN_NEXT,
            ours_only=True,
            replies=[Reply(200, body=b""), 200],
        )
        for name, target in (
            ("no-content-in-raw-octets", b"/raw/length"),
            ("no-content-in-raw-chunks", b"/raw/chunked"),
        )
    ),
    accepts(
        "9110-9.3.2-no-content-in-500",
        head(b"HEAD /fail HTTP/1.1"),
        ours_only=True,
        level=Level.OURS,
        why="the handler of this case fails",
        logs="RuntimeError: as asked for",
        methods=("HEAD",),
        replies=[Reply(500, {"Connection": "close"})],
        end=End.CLOSES,
    ),
    # Also where the server answers by itself.
    *(
        refuses(
            f"9110-9.3.2-no-content-in-{name}",
            octets,
            status,
            level=Level.MUST,
            methods=("HEAD",),
            or_seen=[(Seen("HEAD", "/", ...),)],
        )
        for name, octets, status in (
            ("400", head(b"HEAD / HTTP/1.1", host=None), 400),
            ("400-for-a-field", head(b"HEAD / HTTP/1.1", b"X-A : b"), 400),
            ("413", sized(b"", line=b"HEAD / HTTP/1.1").replace(b": 0", b": 10000000000"), 413),
            ("431", head(b"HEAD / HTTP/1.1", b"X-A: " + b"b" * 140_000), 431),
        )
    ),
]
