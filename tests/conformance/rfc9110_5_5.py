"""RFC 9110 §5.5, Field Values: CR, LF and NUL MUST be rejected or become SP; other controls are ours to decide."""

from tests.conformance.case import NEXT, PROBE, Case, Level, Seen, accepts, get, head, refuses

_CONTROLS = "§5.5 calls them invalid, and lets a server keep them where it is safe: nobody can know where that is"

CASES: list[Case] = [
    *(
        refuses(f"9110-5.5-nul-{where}", get(b"/", PROBE + value) + NEXT, level=Level.MUST, or_seen=or_seen)
        for where, value, or_seen in (
            ("in-value", b"b\0c", [(Seen("GET", probe="b c"), Seen("GET", "/next"))]),
            ("begins-value", b"\0b", [(Seen("GET", probe="b"), Seen("GET", "/next"))]),
            ("ends-value", b"b\0", [(Seen("GET", probe="b"), Seen("GET", "/next"))]),
            ("is-value", b"\0", [(Seen("GET", probe=""), Seen("GET", "/next"))]),
        )
    ),
    refuses("9110-5.5-nul-in-host", head(b"GET / HTTP/1.1", b"Host: a\0b", host=None), level=Level.MUST),
    refuses(
        "9110-5.5-nul-in-length",
        head(b"POST / HTTP/1.1", b"Content-Length: 5\x006") + b"hello" + NEXT,
        level=Level.MUST,
    ),
    *(
        refuses(f"9110-5.5-{octet:#04x}-in-value", get(b"/", PROBE + b"b%cc" % octet), level=Level.OURS, why=_CONTROLS)
        for octet in (0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1C, 0x1F, 0x7F)
    ),
    *(
        accepts(f"9110-5.5-{name}", get(b"/", PROBE + value), Seen("GET", probe=value.decode("latin-1")), level=level)
        for name, value, level in (
            ("visible-octets", bytes(range(0x21, 0x2C)) + bytes(range(0x2D, 0x7F)), Level.MUST),
            ("latin-1", b"\xe9\xff", Level.SHOULD),
            ("utf-8", "é漢".encode(), Level.SHOULD),
            ("not-utf-8", b"\xc3\x28\xfe", Level.SHOULD),
            ("c1-controls", b"b\x80\x9fc", Level.SHOULD),
            ("quoted-string", b'"b\\"c"', Level.MUST),
            ("tab-within", b"b\tc", Level.MUST),
        )
    ),
]
