"""RFC 9112 §7.1.1, Chunk Extensions: MUST be ignored, and can't hide anything."""

from tests.conformance.case import NEXT, SEEN_NEXT, Case, Level, Seen, accepts, chunked, refuses

_END = b"0\r\n\r\n"
_HELLO = Seen("POST", "/", b"hello")


def _extended(extension: bytes) -> bytes:
    return chunked(b"5" + extension + b"\r\nhello\r\n" + _END) + NEXT


CASES: list[Case] = [
    *(
        accepts(f"9112-7.1.1-{name}", _extended(extension), _HELLO, SEEN_NEXT, or_refused=[411])
        for name, extension in (
            ("name", b";a"),
            ("name-and-token", b";a=b"),
            ("name-and-quoted-string", b';a="b c"'),
            ("empty-quoted-string", b';a=""'),
            ("several", b';a;b=c;d="e"'),
            ("the-same-twice", b";a=b;a=c"),
            ("semicolon-within-quotes", b';a="b;c"'),
            ("equals-within-quotes", b';a="b=c"'),
            ("escaped-quote", b';a="b\\"c"'),
            ("escaped-backslash", b';a="\\\\"'),
            ("tab-within-quotes", b';a="b\tc"'),
            ("obs-text-within-quotes", b';a="\xe9"'),
            ("all-token-octets", b";!#$%&'*+-.^_`|~09azAZ=!#$%&'*+-.^_`|~09azAZ"),
            ("of-200-octets", b";a=" + b"b" * 197),
        )
    ),
    accepts(
        "9112-7.1.1-of-the-last-chunk",
        chunked(b"5\r\nhello\r\n0;a=b\r\n\r\n") + NEXT,
        _HELLO,
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts(
        "9112-7.1.1-signed-chunks",
        chunked(b"".join(b"1;chunk-signature=" + b"0f" * 32 + b"\r\n%c\r\n" % octet for octet in b"hello") + _END)
        + NEXT,
        _HELLO,
        SEEN_NEXT,
        or_refused=[411],
    ),
    # RFC 9110 §5.6.3: bad whitespace MUST be parsed, and removed.
    *(
        accepts(f"9112-7.1.1-{name}", _extended(extension), _HELLO, SEEN_NEXT, or_refused=[411])
        for name, extension in (
            ("space-before-semicolon", b" ;a=b"),
            ("tab-before-semicolon", b"\t;a=b"),
            ("space-behind-semicolon", b"; a=b"),
            ("spaces-around-equals", b";a = b"),
            ("whitespace-everywhere", b' \t;\t a \t=\t "b c" ; d\t; e = f'),
        )
    ),
    *(
        refuses(f"9112-7.1.1-{name}", _extended(extension), level=Level.SHOULD)
        for name, extension in (
            ("no-name", b";"),
            ("no-name-but-a-value", b";=b"),
            ("two-semicolons", b";;a"),
            ("space-between-semicolons", b"; ;a"),
            ("space-behind-name", b";a "),
            ("space-behind-value", b";a=b "),
            ("space-behind-quotes", b';a="b" '),
            ("space-then-name", b" a"),
            ("space-for-value", b";a= "),
            ("no-value", b";a="),
            ("quotes-that-don-t-end", b';a="b'),
            ("text-behind-quotes", b';a="b"c'),
            ("space-within-value", b";a=b c"),
            ("comma-for-semicolon", b",a=b"),
            ("name-not-a-token", b";a/b=c"),
            ("nul", b";a=\0"),
            ("nul-within-quotes", b';a="\0"'),
            ("control-within-quotes", b';a="\x01"'),
            ("bare-lf", b";a\nb"),
            ("bare-lf-within-quotes", b';a="\n"'),
            ("bare-lf-then-chunk", b";\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n0"),
            ("crlf-within-quotes", b';a="\r\nb"'),
        )
    ),
    # §2.2: a bare CR MUST make its element invalid, or be SP.
    *(
        refuses(
            f"9112-7.1.1-{name}",
            _extended(extension),
            level=Level.MUST,
            or_seen=[(_HELLO, SEEN_NEXT), (_HELLO,)],
        )
        for name, extension in (
            ("bare-cr", b";a\rb"),
            ("bare-cr-within-quotes", b';a="\r"'),
            ("bare-cr-at-the-end", b";a\r"),
        )
    ),
    refuses(
        "9112-7.1.1-of-300-octets",
        _extended(b";a=" + b"b" * 297),
        level=Level.OURS,
        why="§7.1.1: a server ought to limit them",
    ),
    refuses(
        "9112-7.1.1-without-end",
        chunked(b"5;a=" + b"b" * 70_000),
        level=Level.OURS,
        why="§7.1.1: a server ought to limit them",
    ),
    refuses(
        "9112-7.1.1-many-on-many-chunks",
        chunked((b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * 25 + _END) + NEXT,
        level=Level.OURS,
        why="§7.1.1: a server ought to limit their total",
    ),
]
