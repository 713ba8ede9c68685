"""RFC 9110 §15.2, Informational: MUST NOT be sent to an HTTP/1.0 client."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, End, Reply, Seen, accepts, get, head

_SEEN = Seen("GET", "/interim")

CASES: list[Case] = [
    accepts(
        "9110-15.2-early-hints-to-1.1",
        get(b"/interim") + NEXT,
        _SEEN,
        SEEN_NEXT,
        ours_only=True,
        replies=[Reply(103, {"Content-Length": "", "Transfer-Encoding": "", "Link": ".+"}), 200, 200],
    ),
    accepts(
        "9110-15.2-no-early-hints-to-1.0",
        head(b"GET /interim HTTP/1.0"),
        _SEEN,
        ours_only=True,
        replies=[200],
        end=End.CLOSES,
    ),
    accepts(
        "9110-15.2-raw-continue-to-1.1",
        get(b"/raw/100") + NEXT,
        Seen("GET", "/raw/100"),
        SEEN_NEXT,
        ours_only=True,
        replies=[100, Reply(200, body=b"ok\n"), 200],
    ),
]
