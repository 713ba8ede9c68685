"""RFC 9110 §7.2, Host: which values are valid; what isn't MUST be 400 (RFC 9112 §3.2)."""

from tests.conformance.case import Case, Level, Seen, accepts, head, refuses


def _get(host: bytes) -> bytes:
    return head(b"GET / HTTP/1.1", b"Host: " + host, host=None)


CASES: list[Case] = [
    *(
        accepts(f"9110-7.2-{name}", _get(value), Seen("GET", host=value.decode()))
        for name, value in (
            ("name", b"example.org"),
            ("name-and-port", b"example.org:8080"),
            ("name-and-empty-port", b"example.org:"),
            ("upper-case", b"EXAMPLE.org"),
            ("final-dot", b"example.org."),
            ("digits", b"0"),
            ("ipv4", b"192.0.2.1"),
            ("ipv4-and-port", b"192.0.2.1:80"),
            ("ipv6", b"[::1]"),
            ("ipv6-and-port", b"[2001:db8::1]:80"),
            ("ipv6-with-ipv4", b"[::ffff:192.0.2.1]"),
            ("ipv-future", b"[v1.a:b]"),
            ("underscore", b"my_host"),
            ("escape", b"a%20b"),
            ("sub-delims", b"a!$&'()*+;=b"),
            ("tilde", b"~a"),
        )
    ),
    # An empty one is what a client MUST send whose target has no authority.
    accepts("9110-7.2-empty", head(b"GET / HTTP/1.1", b"Host:", host=None), Seen("GET")),
    *(
        refuses(f"9110-7.2-{name}", _get(value), level=Level.MUST, named=[400])
        for name, value in (
            ("space", b"a b"),
            ("tab", b"a\tb"),
            ("slash", b"a/b"),
            ("userinfo", b"u@a"),
            ("uri", b"http://a"),
            ("backslash", b"a\\b"),
            ("quote", b'a"b'),
            ("angles", b"<a>"),
            ("fragment", b"a#b"),
            ("query", b"a?b"),
            ("braces", b"{a}"),
            ("caret", b"a^b"),
            ("bar", b"a|b"),
            ("latin-1", b"\xe9"),
            ("utf-8", "é".encode()),
            ("list", b"a, b"),
            ("percent", b"a%"),
            ("percent-without-digits", b"a%zz"),
            ("percent-with-one-digit", b"a%2"),
            ("port-word", b"a:b"),
            ("port-with-plus", b"a:+80"),
            ("port-with-minus", b"a:-1"),
            ("port-hexadecimal", b"a:0x50"),
            ("two-ports", b"a:80:80"),
            ("space-before-port", b"a: 80"),
            ("ipv6-without-brackets", b"::1"),
            ("ipv6-without-closing-bracket", b"[::1"),
            ("ipv6-without-opening-bracket", b"::1]"),
            ("ipv6-empty", b"[]"),
            ("ipv6-and-text", b"[::1]a"),
            ("ipv6-two-gaps", b"[1::2::3]"),
            ("ipv6-nine-groups", b"[1:2:3:4:5:6:7:8:9]"),
            ("ipv6-five-digits", b"[12345::]"),
            ("ipv6-ipv4-too-large", b"[::192.0.2.256]"),
            ("ipv6-zone", b"[fe80::1%eth0]"),
            ("ipv-future-without-version", b"[v.a]"),
            ("name-in-brackets", b"[a]"),
        )
    ),
    refuses(
        "9110-7.2-comma",
        _get(b"a,b"),
        level=Level.OURS,
        why="valid in a reg-name, and how two joined fields look",
    ),
    refuses(
        "9110-7.2-port-of-six-digits", _get(b"a:000080"), level=Level.OURS, why="no port has more than five digits"
    ),
    refuses(
        "9110-7.2-ipv6-zone-escaped",
        _get(b"[fe80::1%25eth0]"),
        level=Level.OURS,
        why="RFC 6874 is about links of one machine; RFC 9110 doesn't know it",
    ),
]
