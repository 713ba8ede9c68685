"""RFC 9112 §7.1.2, Chunked Trailer Section: field lines that MUST NOT become fields of the head."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Level, Seen, accepts, chunked, refuses


def _with_trailers(*lines: bytes) -> bytes:
    return chunked(b"\r\n".join([b"5\r\nhello\r\n0", *lines, b"", b""])) + NEXT


_HELLO = Seen("POST", "/", b"hello", probe=None, host="a")

CASES: list[Case] = [
    *(
        accepts(f"9112-7.1.2-{name}", _with_trailers(*lines), _HELLO, SEEN_NEXT, or_refused=[411])
        for name, lines in (
            ("one-field", [b"X-Checksum: 17"]),
            ("empty-value", [b"X-Checksum:"]),
            ("several-fields", [b"X-A: b", b"X-C: d", b"X-A: e"]),
            ("isn-t-merged", [b"X-Probe: trailer"]),
        )
    ),
    # What belongs in the head isn't believed here; we refuse it, because nobody of good will sends it.
    *(
        refuses(
            f"9112-7.1.2-{name}",
            _with_trailers(line),
            level=Level.MUST,
            or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],
        )
        for name, line in (
            ("host-isn-t-merged", b"Host: b"),
            ("length-isn-t-framing", b"Content-Length: %d" % len(NEXT)),
            ("coding-isn-t-framing", b"Transfer-Encoding: chunked"),
            ("connection-isn-t-the-head-s", b"Connection: close"),
            ("expect-isn-t-the-head-s", b"Expect: 100-continue"),
        )
    ),
    *(
        refuses(f"9112-7.1.2-{name}", _with_trailers(*lines), level=Level.SHOULD)
        for name, lines in (
            ("no-colon", [b"X-Checksum"]),
            ("request-line", [b"GET /smuggled HTTP/1.1", b"Host: a"]),
            ("space-before-colon", [b"X-Checksum : 17"]),
            ("name-not-a-token", [b"X(A): b"]),
            ("empty-name", [b": b"]),
            ("folded", [b"X-A: b", b" c"]),
            ("space-before-first-field", [b" X-A: b"]),
        )
    ),
    refuses("9112-7.1.2-nul", _with_trailers(b"X-A: \0"), level=Level.MUST, or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)]),
    refuses(
        "9112-7.1.2-bare-cr", _with_trailers(b"X-A: b\rc"), level=Level.MUST, or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)]
    ),
    *(
        refuses(
            f"9112-7.1.2-{name}",
            chunked(octets) + NEXT,
            level=Level.OURS,
            why="§2.2 lets a server take a bare LF as the end of a line; in framing we never do",
        )
        for name, octets in (
            ("bare-lf-behind-field", b"5\r\nhello\r\n0\r\nX-A: b\n\r\n"),
            ("bare-lf-as-empty-line", b"5\r\nhello\r\n0\r\nX-A: b\r\n\n"),
            ("bare-lf-for-all-of-it", b"5\r\nhello\r\n0\r\n\n"),
        )
    ),
    # RFC 9110 §5.4: larger than a server wishes to process MUST be a 4xx.
    refuses(
        "9112-7.1.2-too-many",
        _with_trailers(*[b"X-A: b"] * 101),
        431,
        level=Level.MUST,
        named=range(400, 500),
        or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],
    ),
    refuses(
        "9112-7.1.2-too-large",
        _with_trailers(*[b"X-A: " + b"b" * 2000] * 50),
        431,
        level=Level.MUST,
        named=range(400, 500),
        or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],
    ),
    # RFC 9110 §6.5.1: what doesn't frame but mustn't be believed here is left out, and means nothing.
    *(
        accepts(f"9112-7.1.2-{name}-means-nothing", _with_trailers(line), _HELLO, SEEN_NEXT, or_refused=[400, 411])
        for name, line in (
            ("upgrade", b"Upgrade: h2c"),
            ("te", b"TE: trailers"),
            ("authorization", b"Authorization: Basic YTpi"),
            ("cookie", b"Cookie: a=b"),
            ("content-encoding", b"Content-Encoding: gzip"),
            ("trailer", b"Trailer: X-A"),
            ("forwarded-for", b"X-Forwarded-For: 192.0.2.1"),
        )
    ),
    refuses(
        "9112-7.1.2-bare-lf-hides-a-field",
        chunked(b"5\r\nhello\r\n0\r\nX-A: b\nContent-Length: 5\r\n\r\n") + NEXT,
        level=Level.OURS,
        why="§2.2 lets a server take a bare LF as the end of a line; in framing we never do",
    ),
]
