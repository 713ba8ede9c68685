"""RFC 9110 §5.6.2, Tokens: what else stands in a name SHOULD be answered by 400 (RFC 9112 §2.2)."""

from tests.conformance.case import Case, Level, get, head, refuses

CASES: list[Case] = [
    *(
        refuses(f"9110-5.6.2-name-with-{octet:#04x}", get(b"/", b"X%cA: b" % octet), level=Level.SHOULD)
        for octet in (0x00, 0x01, 0x0B, 0x1F, *b' "(),/;<=>?@[\\]{}', 0x7F, 0x80, 0xC3, 0xFF)
    ),
    *(
        refuses(f"9110-5.6.2-method-with-{octet:#04x}", head(b"G%cT / HTTP/1.1" % octet), level=Level.SHOULD)
        for octet in (0x00, *b'"(,/:;<=@[{', 0x7F, 0xCB)
    ),
]
