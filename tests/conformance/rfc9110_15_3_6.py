"""RFC 9110 §15.3.6, 205: has no content, and says so."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Reply, Seen, accepts, get

CASES: list[Case] = [
    accepts(
        "9110-15.3.6-205-has-no-content",
        get(b"/status/205") + NEXT,
        Seen("GET", "/status/205"),
        SEEN_NEXT,
        replies=[Reply(205, {"Content-Length": "|0"}, b""), Reply(200, body=b"ok\n")],
    ),
]
