"""RFC 9110 §4.2.1, http URI: one without a host MUST be rejected."""

from tests.conformance.case import Case, Level, get, refuses

CASES: list[Case] = [
    refuses(f"9110-4.2.1-{name}", get(target), level=Level.MUST)
    for name, target in (
        ("no-host", b"http:///a"),
        ("no-host-and-no-path", b"http://"),
        ("port-without-host", b"http://:80/a"),
        ("query-without-host", b"http://?a"),
        ("https-without-host", b"https:///a"),
    )
]
