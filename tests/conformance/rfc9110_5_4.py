"""RFC 9110 §5.4, Field Limits: more than a server wishes to process MUST be a 4xx."""

from tests.conformance.case import NEXT, Case, Level, Seen, accepts, get, refuses

_WHY = "our limits: 100 fields, 64 KiB"

CASES: list[Case] = [
    accepts(
        "9110-5.4-one-hundred-fields",
        get(b"/", *[b"X-%d: b" % n for n in range(99)]),
        Seen("GET"),
        level=Level.OURS,
        why=_WHY,
    ),
    accepts(
        "9110-5.4-value-of-60000-octets",
        get(b"/", b"X-A: " + b"b" * 60_000),
        Seen("GET"),
        level=Level.OURS,
        why=_WHY,
    ),
    *(
        refuses(
            f"9110-5.4-{name}",
            octets,
            431,
            level=Level.MUST,
            named=range(400, 500),
            or_seen=[(Seen("GET"),), (Seen("GET"), Seen("GET", "/next"))],
        )
        for name, octets in (
            ("one-field-too-many", get(b"/", *[b"X-%d: b" % n for n in range(100)]) + NEXT),
            ("5000-fields", get(b"/", *[b"X-%d: b" % n for n in range(5000)]) + NEXT),
            ("value-of-140000-octets", get(b"/", b"X-A: " + b"b" * 140_000) + NEXT),
            ("name-of-140000-octets", get(b"/", b"X" * 140_000 + b": b") + NEXT),
            ("many-large-values", get(b"/", *[b"X-A: " + b"b" * 7000] * 20) + NEXT),
        )
    ),
    refuses(
        "9110-5.4-value-without-end",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"b" * 140_000,
        431,
        level=Level.MUST,
        named=range(400, 500),
        may_wait=True,
    ),
    refuses(
        "9110-5.4-behind-a-request",
        get() + get(b"/", b"X-A: " + b"b" * 140_000),
        431,
        level=Level.MUST,
        named=range(400, 500),
        after=[Seen("GET")],
        or_seen=[(), (Seen("GET"), Seen("GET"))],
    ),
]
