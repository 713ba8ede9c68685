"""RFC 9110 §15.3.5, 204: ends with its head."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Reply, Seen, accepts, get

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
]
