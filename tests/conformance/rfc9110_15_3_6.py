"""RFC 9110 §15.3.6, 205: has no content, and says so."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Level, Reply, Seen, accepts, get

CASES: list[Case] = [
    accepts(
        "9110-15.3.6-205-has-no-content",
        get(b"/status/205") + NEXT,
        Seen("GET", "/status/205"),
        SEEN_NEXT,
        replies=[Reply(205, {"Content-Length": "|0"}, b""), Reply(200, body=b"ok\n")],
    ),
    accepts(
        "9110-15.3.6-205-that-the-handler-doesn-t-frame",
        get(b"/205/framed") + NEXT,
        Seen("GET", "/205/framed"),
        SEEN_NEXT,
        ours_only=True,
        replies=[Reply(205, {"Content-Length": "0", "Transfer-Encoding": ""}, b""), Reply(200, body=b"ok\n")],
    ),
    accepts(
        "9110-15.3.6-205-for-which-the-handler-has-content",
        get(b"/205/content") + NEXT,
        level=Level.OURS,
        why="what MUST NOT be sent is our handler's mistake",
        ours_only=True,
        logs="ValueError: a response with status 205 can't have a body",
        replies=[Reply(500, {"Connection": "close"})],
        end=End.CLOSES,
    ),
    accepts(
        "9110-15.3.6-205-for-which-the-handler-writes-content",
        get(b"/205/length") + NEXT,
        Seen("GET", "/205/length"),
        ours_only=True,
        logs="more data than Content-Length",
        replies=[Reply(205, {"Content-Length": "0"}, b"")],
        end=End.CLOSES,
    ),
]
