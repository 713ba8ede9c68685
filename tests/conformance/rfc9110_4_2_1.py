"""RFC 9110 §4.2.1, http URI: one without a host MUST be rejected."""

from tests.conformance.case import Case, Level, get, head, refuses

CASES: list[Case] = [
    *(
        refuses(f"9110-4.2.1-{name}", get(target), level=Level.MUST)
        for name, target in (
            ("no-host", b"http:///a"),
            ("no-host-and-no-path", b"http://"),
            ("port-without-host", b"http://:80/a"),
            ("query-without-host", b"http://?a"),
            ("https-without-host", b"https:///a"),
        )
    ),
    *(
        refuses(
            f"9110-4.2.1-host-field-of-{name}",
            head(b"GET / HTTP/1.1", b"Host: " + value, host=None),
            level=Level.OURS,
            why="§7.1: with an origin-form it is the authority of the URI, and that MUST be rejected without a host",
        )
        for name, value in (("a-port-alone", b":80"), ("a-colon-alone", b":"))
    ),
]
