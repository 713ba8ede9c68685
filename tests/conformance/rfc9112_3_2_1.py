"""RFC 9112 §3.2.1, origin-form: a path that begins with "/", and a query."""

from tests.conformance.case import Case, Level, Seen, accepts, get, refuses

CASES: list[Case] = [
    *(
        accepts(f"9112-3.2.1-{name}", get(target), Seen("GET", target.decode()))
        for name, target in (
            ("path", b"/where/is/it"),
            ("query", b"/where?q=now"),
            ("empty-query", b"/?"),
            ("query-with-question-mark", b"/?a?b/c"),
            ("two-slashes", b"//a"),
            ("two-slashes-and-port", b"//a:80/b"),
            ("empty-segments", b"/a//b/"),
            ("dot-segments", b"/a/../b/./c"),
            ("parameters", b"/a;b=c,d"),
            ("escapes", b"/%41%2F%00%ff"),
            ("sub-delims", b"/!$&'()*+,;=:@-._~"),
            ("asterisk", b"/*"),
            ("uri-as-path", b"/http://b/"),
            ("uri-as-query", b"/?http://b/"),
        )
    ),
    *(
        refuses(f"9112-3.2.1-{name}", get(target), level=Level.SHOULD)
        for name, target in (
            ("relative", b"a"),
            ("relative-with-slash", b"a/b"),
            ("query-alone", b"?a"),
            ("backslash", b"\\a"),
            ("dot", b"."),
            ("escaped-slash", b"%2Fa"),
        )
    ),
]
