"""RFC 9110 §5.3, Field Order: lines of one name are one list, in their order."""

from tests.conformance.case import Case, Seen, accepts, get

CASES: list[Case] = [
    accepts("9110-5.3-two-lines", get(b"/", b"X-Probe: a", b"X-Probe: b"), Seen("GET", probe="a,b")),
    accepts("9110-5.3-two-lines-the-other-way", get(b"/", b"X-Probe: b", b"X-Probe: a"), Seen("GET", probe="b,a")),
    accepts(
        "9110-5.3-lines-apart",
        get(b"/", b"X-Probe: a", b"Accept: */*", b"x-probe: b", b"X-A: c", b"X-PROBE: c, d"),
        Seen("GET", probe="a,b,c,d"),
    ),
    accepts("9110-5.3-the-same-twice", get(b"/", b"X-Probe: a", b"X-Probe: a"), Seen("GET", probe="a,a")),
]
