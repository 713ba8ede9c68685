"""RFC 9110 §15.4.5, 304: ends with its head."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Reply, Seen, accepts, get

CASES: list[Case] = [
    accepts(
        "9110-15.4.5-304-has-no-content",
        get(b"/status/304") + NEXT,
        Seen("GET", "/status/304"),
        SEEN_NEXT,
        replies=[Reply(304, {"Transfer-Encoding": "(?i)|chunked"}, b""), Reply(200, body=b"ok\n")],
    ),
    accepts(
        "9110-15.4.5-raw-304-with-the-length-of-200",
        get(b"/raw/304") + NEXT,
        Seen("GET", "/raw/304"),
        SEEN_NEXT,
        ours_only=True,
        replies=[Reply(304, {"Content-Length": "3"}, b""), Reply(200, body=b"ok\n")],
    ),
]
