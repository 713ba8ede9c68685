"""RFC 9112 §3.2.2, absolute-form: a server MUST accept it, and MUST believe it more than ``Host``."""

from tests.conformance.case import Case, End, Level, Seen, accepts, get, head, refuses

CASES: list[Case] = [
    *(
        accepts(f"9112-3.2.2-{name}", get(target), Seen("GET", target.decode()))
        for name, target in (
            ("path", b"http://a/b/c"),
            ("no-path", b"http://a"),
            ("query-without-path", b"http://a?b"),
            ("port", b"http://a:80/b?c"),
            ("empty-port", b"http://a:/b"),
            ("https", b"https://a/b"),
            ("scheme-in-upper-case", b"HTTP://a/b"),
            ("ipv6", b"http://[::1]:8080/b"),
            ("uri-in-path", b"http://a/http://b/"),
        )
    ),
    accepts(
        "9112-3.2.2-host-of-target-counts",
        head(b"GET http://b/c HTTP/1.1", host=b"a"),
        Seen("GET", "http://b/c", host="b"),
    ),
    accepts(
        "9112-3.2.2-host-and-port-of-target-count",
        head(b"GET http://b:8080/c HTTP/1.1", host=b"a:80"),
        Seen("GET", "http://b:8080/c", host="b:8080"),
    ),
    accepts(
        "9112-3.2.2-host-of-target-without-path-counts",
        head(b"GET http://b?c HTTP/1.1", host=b"a"),
        Seen("GET", "http://b?c", host="b"),
    ),
    accepts(
        "9112-3.2.2-host-empty",
        head(b"GET http://b/c HTTP/1.1", b"Host:", host=None),
        Seen("GET", "http://b/c", host="b"),
    ),
    accepts(
        "9112-3.2.2-in-1.0-without-host",
        head(b"GET http://b/c HTTP/1.0", host=None),
        Seen("GET", "http://b/c", host="b"),
        end=End.CLOSES,
    ),
    *(
        refuses(f"9112-3.2.2-{name}", get(target), level=Level.SHOULD)
        for name, target in (
            ("no-scheme", b"://a/"),
            ("no-colon", b"http//a/"),
            ("one-slash", b"http:/a/"),
            ("no-slash", b"http:a"),
            ("port-not-a-number", b"http://a:b/"),
            ("port-with-sign", b"http://a:+80/"),
            ("backslash-in-authority", b"http://a\\@b/"),
            ("backslashes-for-slashes", b"http:\\\\a/"),
            ("broken-ipv6", b"http://[::1/"),
            ("space-escaped-in-scheme", b"ht%20tp://a/"),
        )
    ),
    *(
        refuses(
            f"9112-3.2.2-{name}",
            get(target),
            level=Level.OURS,
            why="this server is the origin of http and https only",
        )
        for name, target in (
            ("ftp", b"ftp://a/"),
            ("ws", b"ws://a/"),
            ("file", b"file:///etc/passwd"),
            ("mailto", b"mailto:a@b"),
        )
    ),
    *(
        refuses(f"9112-3.2.2-{name}", get(target), level=Level.SHOULD)
        for name, target in (
            ("fragment", b"http://a/#b"),
            ("fragment-without-path", b"http://a#b"),
            ("nul-in-authority", b"http://a\0b/"),
            ("latin-1-in-authority", b"http://\xe9/"),
            ("two-ports", b"http://a:80:80/"),
            ("port-of-six-digits", b"http://a:000080/"),
            ("ipv6-zone", b"http://[fe80::1%25eth0]/"),
            ("ipv6-and-text", b"http://[::1]a/"),
            ("comma-in-authority", b"http://a,b/"),
            ("percent-in-authority", b"http://a%zz/"),
            ("brackets-around-a-name", b"http://[a]/"),
        )
    ),
    accepts(
        "9112-3.2.2-of-options-without-path",
        head(b"OPTIONS http://a HTTP/1.1"),
        Seen("OPTIONS", "http://a", host="a"),
    ),
    refuses(
        "9112-3.2.2-with-an-invalid-host-field",
        head(b"GET http://a/ HTTP/1.1", b"Host: a b", host=None),
        level=Level.MUST,
        named=[400],
    ),
]
