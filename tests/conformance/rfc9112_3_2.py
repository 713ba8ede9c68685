"""RFC 9112 §3.2, Request Target: which octets it is made of, and that ``Host`` comes exactly once."""

from tests.conformance.case import NEXT, Case, End, Level, Seen, accepts, get, head, refuses

_BROWSERS = "browsers send these unescaped, and neither half of the line can be taken for another by them"


def _hosts(*hosts: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return head(line, *hosts, host=None)


CASES: list[Case] = [
    # The target's octets.
    *(
        refuses(f"9112-3.2-target-with-{name}", get(b"/a" + octets + b"b"), level=Level.SHOULD)
        for name, octets in (
            ("nul", b"\0"),
            ("control", b"\x01"),
            ("escape", b"\x1b"),
            ("del", b"\x7f"),
            ("fragment", b"#"),
            ("latin-1", b"\xe9"),
            ("utf-8", "é".encode()),
            ("next-line", b"\x85"),
        )
    ),
    *(
        accepts(
            f"9112-3.2-target-with-{name}",
            get(b"/a" + octets + b"b"),
            Seen("GET", f"/a{octets.decode()}b"),
            level=Level.OURS,
            why=_BROWSERS,
        )
        for name, octets in (
            ("quote", b'"'),
            ("angle", b"<"),
            ("backslash", b"\\"),
            ("caret", b"^"),
            ("backquote", b"`"),
            ("brace", b"{"),
            ("bar", b"|"),
            ("percent-without-digits", b"%zz"),
        )
    ),
    # Host: a server MUST answer 400 when it is missing, comes twice, or is invalid.
    *(
        refuses(f"9112-3.2-host-{name}", octets, level=Level.MUST, named=[400])
        for name, octets in (
            ("missing", _hosts()),
            ("missing-among-others", _hosts(b"X-Host: a", b"Hos: a", b"Hostt: a")),
            ("missing-in-post", _hosts(b"Content-Length: 0", line=b"POST / HTTP/1.1")),
            ("missing-in-options", _hosts(line=b"OPTIONS / HTTP/1.1")),
            ("missing-with-absolute-form", _hosts(line=b"GET http://a/ HTTP/1.1")),
            ("missing-in-asterisk-form", _hosts(line=b"OPTIONS * HTTP/1.1")),
            ("twice", _hosts(b"Host: a", b"Host: b")),
            ("twice-the-same", _hosts(b"Host: a", b"Host: a")),
            ("twice-in-other-case", _hosts(b"Host: a", b"X-A: b", b"hOST: a")),
            ("twice-one-empty", _hosts(b"Host:", b"Host: a")),
            ("three-times", _hosts(b"Host: a", b"Host: a", b"Host: a")),
            ("twice-in-1.0", _hosts(b"Host: a", b"Host: b", line=b"GET / HTTP/1.0")),
            ("invalid-in-1.0", _hosts(b"Host: a b", line=b"GET / HTTP/1.0")),
            ("twice-with-absolute-form", _hosts(b"Host: a", b"Host: a", line=b"GET http://a/ HTTP/1.1")),
        )
    ),
    accepts("9112-3.2-host-missing-in-1.0", _hosts(line=b"GET / HTTP/1.0"), Seen("GET"), end=End.CLOSES),
    accepts(
        "9112-3.2-host-missing-in-1.0-keep-alive",
        _hosts(b"Connection: keep-alive", line=b"GET / HTTP/1.0") + NEXT,
        Seen("GET"),
        Seen("GET", "/next"),
        level=Level.OURS,
        why="keep-alive in HTTP/1.0 is a wish",
    ),
    accepts(
        "9112-3.2-host-last", _hosts(b"X-A: b", b"Accept: */*", b"Host: example.org"), Seen("GET", host="example.org")
    ),
    accepts("9112-3.2-host-name-in-any-case", _hosts(b"hOsT: a"), Seen("GET", host="a")),
    refuses(
        "9112-3.2-host-missing-behind-a-request",
        get() + _hosts() + NEXT,
        level=Level.MUST,
        named=[400],
        after=[Seen("GET")],
        or_seen=[()],
    ),
]
