"""RFC 9110 §4.2.4, Deprecated Userinfo: SHOULD be treated as an error."""

from tests.conformance.case import Case, Level, get, refuses

CASES: list[Case] = [
    refuses(f"9110-4.2.4-{name}", get(target), level=Level.SHOULD)
    for name, target in (
        ("user", b"http://root@a/"),
        ("user-and-password", b"http://root:secret@a/"),
        ("empty-userinfo", b"http://@a/"),
        ("host-as-user", b"http://a:80@b/"),
    )
]
