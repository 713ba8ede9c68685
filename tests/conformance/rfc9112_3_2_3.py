"""RFC 9112 §3.2.3, authority-form: for CONNECT, and for nothing else."""

from tests.conformance.case import Case, Level, Seen, accepts, get, head, refuses

_TO_THE_HANDLER = "an origin server MAY accept CONNECT; here the handler decides (this one says 405)"

CASES: list[Case] = [
    *(
        accepts(
            f"9112-3.2.3-connect-{name}",
            head(b"CONNECT " + target + b" HTTP/1.1"),
            Seen("CONNECT", target.decode()),
            level=Level.OURS,
            why=_TO_THE_HANDLER,
            replies=[405],
        )
        for name, target in (
            ("name-and-port", b"example.org:443"),
            ("ipv4", b"192.0.2.1:80"),
            ("ipv6", b"[2001:db8::1]:443"),
        )
    ),
    *(
        refuses(
            f"9112-3.2.3-connect-{name}",
            head(b"CONNECT " + target + b" HTTP/1.1"),
            level=Level.SHOULD,
            or_seen=[(Seen("CONNECT", ...),)],  # our applications answer CONNECT by 405
        )
        for name, target in (
            ("path", b"/"),
            ("path-with-port", b"/a:80"),
            ("uri", b"http://a:80"),
            ("asterisk", b"*"),
            ("without-port", b"a"),
            ("without-host", b":80"),
            ("userinfo", b"u@a:80"),
            ("query", b"a:80?b"),
        )
    ),
    refuses("9112-3.2.3-authority-form-of-get", get(b"a:80"), level=Level.SHOULD),
    refuses("9112-3.2.3-authority-form-of-options", head(b"OPTIONS a:80 HTTP/1.1"), level=Level.SHOULD),
    refuses("9112-3.2.3-host-form-of-get", get(b"example.org"), level=Level.SHOULD),
]
