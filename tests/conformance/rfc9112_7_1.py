"""RFC 9112 §7.1, Chunked Transfer Coding: sizes are hexadecimal digits, and each chunk ends where its size says."""

from tests.conformance.case import MAX_BODY_SIZE, NEXT, SEEN_NEXT, Case, End, Level, Seen, accepts, chunked, refuses

_END = b"0\r\n\r\n"
_LARGE = bytes(range(256)) * 300

CASES: list[Case] = [
    *(
        accepts(f"9112-7.1-{name}", chunked(octets) + NEXT, Seen("POST", "/", body), SEEN_NEXT, or_refused=[411])
        for name, octets, body in (
            ("one-chunk", b"5\r\nhello\r\n" + _END, b"hello"),
            ("no-chunk-but-the-last", _END, b""),
            ("many-chunks", b"1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n" + _END, b"hello"),
            (
                "chunks-of-one-octet",
                b"".join(b"1\r\n%c\r\n" % octet for octet in b"abcdefgh" * 20) + _END,
                b"abcdefgh" * 20,
            ),
            ("upper-case-digits", b"1A\r\n" + b"x" * 26 + b"\r\n" + _END, b"x" * 26),
            ("lower-case-digits", b"1a\r\n" + b"x" * 26 + b"\r\n" + _END, b"x" * 26),
            ("hexadecimal-not-decimal", b"10\r\n" + b"x" * 16 + b"\r\n" + _END, b"x" * 16),
            ("leading-zeros", b"0005\r\nhello\r\n" + _END, b"hello"),
            ("sixteen-digits", b"0000000000000005\r\nhello\r\n" + _END, b"hello"),
            ("last-chunk-of-zeros", b"5\r\nhello\r\n0000\r\n\r\n", b"hello"),
            ("data-with-crlf", b"9\r\nab\r\ncd\r\ne\r\n" + _END, b"ab\r\ncd\r\ne"),
            ("data-that-looks-like-the-end", b"5\r\n0\r\n\r\n\r\n" + _END, b"0\r\n\r\n"),
            ("data-that-looks-like-a-chunk", b"a\r\n5\r\nhello\r\n\r\n" + _END, b"5\r\nhello\r\n"),
            ("data-of-nul", b"3\r\n\0\0\0\r\n" + _END, b"\0\0\0"),
            ("chunk-of-76800-octets", b"%x\r\n" % len(_LARGE) + _LARGE + b"\r\n" + _END, _LARGE),
        )
    ),
    accepts(
        "9112-7.1-chunk-in-pieces",
        (chunked(b""), b"0", b"5", b"\r", b"\nhe", b"llo", b"\r", b"\n0\r", b"\n\r", b"\n" + NEXT),
        Seen("POST", "/", b"hello"),
        SEEN_NEXT,
        or_refused=[411],
    ),
    *(
        refuses(f"9112-7.1-{name}", chunked(octets) + NEXT, level=Level.SHOULD)
        for name, octets in (
            ("chunk-size-plus-sign", b"+5\r\nhello\r\n" + _END),
            ("chunk-size-minus-sign", b"-5\r\nhello\r\n" + _END),
            ("chunk-size-minus-zero", b"-0\r\n\r\n"),
            ("chunk-size-prefix", b"0x5\r\nhello\r\n" + _END),
            ("chunk-size-upper-case-prefix", b"0X5\r\nhello\r\n" + _END),
            ("chunk-size-underscore", b"0_5\r\nhello\r\n" + _END),
            ("chunk-size-underscore-first", b"_5\r\nhello\r\n" + _END),
            ("chunk-size-h", b"5h\r\nhello\r\n" + _END),
            ("chunk-size-point", b"5.0\r\nhello\r\n" + _END),
            ("chunk-size-comma", b"5,5\r\nhello\r\n" + _END),
            ("chunk-size-quoted", b'"5"\r\nhello\r\n' + _END),
            ("chunk-size-empty", b"\r\nhello\r\n" + _END),
            ("chunk-size-not-hexadecimal", b"g\r\nhello\r\n" + _END),
            ("chunk-size-full-width", "５".encode() + b"\r\nhello\r\n" + _END),
            ("chunk-size-superscript", b"\xb2\r\nhe\r\n" + _END),
            ("chunk-size-nul", b"5\0\r\nhello\r\n" + _END),
            ("chunk-size-vertical-tab", b"5\x0b\r\nhello\r\n" + _END),
            ("space-before-chunk-size", b" 5\r\nhello\r\n" + _END),
            ("tab-before-chunk-size", b"\t5\r\nhello\r\n" + _END),
            ("space-behind-chunk-size", b"5 \r\nhello\r\n" + _END),
            ("tab-behind-chunk-size", b"5\t\r\nhello\r\n" + _END),
            ("space-within-chunk-size", b"0 5\r\nhello\r\n" + _END),
            ("empty-line-before-chunk", b"\r\n5\r\nhello\r\n" + _END),
            ("bare-lf-behind-chunk-size", b"5\nhello\r\n" + _END),
            ("bare-lf-behind-last-chunk", b"5\r\nhello\r\n0\n\n"),
            ("data-longer-than-its-size", b"5\r\nhello!\r\n" + _END),
            ("data-shorter-than-its-size", b"6\r\nhello\r\n" + _END),
            ("no-line-end-behind-data", b"5\r\nhello" + _END),
            ("bare-lf-behind-data", b"5\r\nhello\n" + _END),
            ("two-octets-for-the-line-end", b"5\r\nhelloxx" + _END),
            ("empty-line-behind-data", b"5\r\nhello\r\n\r\n" + _END),
            ("request-in-the-place-of-a-chunk", b"5\r\nhello\r\n"),
        )
    ),
    # §2.2: a bare CR MUST make its element invalid, or be SP.
    *(
        refuses(f"9112-7.1-{name}", chunked(octets) + NEXT, level=Level.MUST)
        for name, octets in (
            ("bare-cr-behind-chunk-size", b"5\rhello\r\n" + _END),
            ("bare-cr-before-chunk-size", b"\r5\r\nhello\r\n" + _END),
            ("two-cr-behind-chunk-size", b"5\r\r\nhello\r\n" + _END),
            ("bare-cr-behind-data", b"5\r\nhello\r" + _END),
        )
    ),
    # Large sizes: MUST NOT overflow.
    *(
        refuses(f"9112-7.1-chunk-size-{name}", chunked(size + b"\r\nhello\r\n" + _END) + NEXT, level=Level.MUST)
        for name, size in (
            ("2-to-the-64-and-5", b"10000000000000005"),
            ("2-to-the-128-and-5", b"100000000000000000000000000000005"),
            ("of-300-digits", b"f" * 300),
        )
    ),
    *(
        accepts(
            f"9112-7.1-chunk-size-{name}",
            chunked(size + b"\r\nhello\r\n" + _END),
            replies=[],
            level=Level.OURS,
            why="a size is no promise: what counts against the limit is what has come",
            end=End.CLOSES,
            half_close=True,
        )
        for name, size in (
            ("2-to-the-31", b"80000000"),
            ("2-to-the-32-and-5", b"100000005"),
            ("2-to-the-64-less-1", b"f" * 16),
        )
    ),
    refuses(
        "9112-7.1-chunk-size-of-17-digits-with-zeros",
        chunked(b"00000000000000005\r\nhello\r\n" + _END) + NEXT,
        level=Level.OURS,
        why="sixteen digits hold any size; RFC 9110 §2.3 asks for reasonable lengths only",
    ),
    refuses(
        "9112-7.1-body-above-ours",
        chunked((b"10000\r\n" + bytes(65536) + b"\r\n") * (MAX_BODY_SIZE // 65536) + b"1\r\nx\r\n"),
        413,
        level=Level.OURS,
        why="our limit, on the sum of the chunks",
    ),
    *(
        refuses(f"9112-7.1-{name}", chunked(octets) + NEXT, level=Level.SHOULD)
        for name, octets in (
            ("lf-cr-behind-chunk-size", b"5\n\rhello\r\n" + _END),
            ("lf-cr-behind-data", b"5\r\nhello\n\r" + _END),
            ("space-behind-last-chunk", b"5\r\nhello\r\n0 \r\n\r\n"),
            ("tab-behind-last-chunk", b"5\r\nhello\r\n0\t\r\n\r\n"),
            ("last-chunk-prefix", b"5\r\nhello\r\n0x0\r\n\r\n"),
            ("last-chunk-minus-sign", b"5\r\nhello\r\n-0\r\n\r\n"),
            ("next-line-behind-chunk-size", b"5\x85\r\nhello\r\n" + _END),
            ("content-in-the-place-of-trailers", b"5\r\nhello\r\n0\r\nhello\r\n\r\n"),
        )
    ),
]
