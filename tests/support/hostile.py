"""Octets that no server should serve, each with the section that says so and the status that answers it."""

from typing import NamedTuple

from tests.support.h1 import hostile_sizes

__all__ = ["CHUNKED_BODIES", "HEADS", "Hostile"]


class Hostile(NamedTuple):
    id: str  #: the section of the RFC, and what is wrong
    octets: bytes
    status: int = 400


def _lines(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


def _head(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return _lines(b"Host: a", *fields, line=line)


def _post(*fields: bytes) -> bytes:
    return _head(*fields, line=b"POST / HTTP/1.1")


HEADS = [
    # RFC 9112 §2: octets that aren't HTTP/1 at all
    Hostile("9112-2-tls-client-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))),
    Hostile("9112-2-sslv2-client-hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(46)),
    Hostile("9113-3.4-http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00", 505),
    Hostile("9112-2-nothing-but-nul", bytes(40)),
    Hostile("9112-2-telnet", b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18"),
    Hostile("9112-2-proxy-protocol-2", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)),
    # RFC 9112 §2.2: line ends
    Hostile("9112-2.2-bare-lf", b"GET / HTTP/1.1\nHost: a\n\n"),
    Hostile("9112-2.2-bare-lf-behind-request-line", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-bare-lf-behind-field", b"GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n"),
    Hostile("9112-2.2-bare-lf-empty-line", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    Hostile("9112-2.2-bare-lf-before", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-bare-cr-in-request-line", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-bare-cr-behind-request-line", b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    Hostile("9112-2.2-bare-cr-in-name", _head(b"A\rB: c")),
    Hostile("9112-2.2-bare-cr-in-value", _head(b"A: b\rc")),
    Hostile("9112-2.2-bare-cr-hides-a-field", _head(b"A: b\rTransfer-Encoding: chunked")),
    Hostile("9112-2.2-bare-cr-ends-value", _head(b"A: b\r")),
    Hostile("9112-2.2-bare-cr-before", b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-two-cr", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-whitespace-before-first-field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    Hostile("9112-2.2-whitespace-line-before-first-field", b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
    Hostile("9112-2.2-empty-lines-without-end", b"\r\n" * 9 + _head()),
    # RFC 9112 §2.3: version
    Hostile("9112-2.3-version-2.0", _head(line=b"GET / HTTP/2.0"), 505),
    Hostile("9112-2.3-version-3.0", _head(line=b"GET / HTTP/3.0"), 505),
    Hostile("9112-2.3-version-0.9", _head(line=b"GET / HTTP/0.9"), 505),
    Hostile("9112-2.3-version-1.10", _head(line=b"GET / HTTP/1.10")),
    Hostile("9112-2.3-version-01.1", _head(line=b"GET / HTTP/01.1")),
    Hostile("9112-2.3-version-1", _head(line=b"GET / HTTP/1")),
    Hostile("9112-2.3-version-1.", _head(line=b"GET / HTTP/1.")),
    Hostile("9112-2.3-version-1.x", _head(line=b"GET / HTTP/1.x")),
    Hostile("9112-2.3-version-1,1", _head(line=b"GET / HTTP/1,1")),
    Hostile("9112-2.3-version-plus", _head(line=b"GET / HTTP/+1.1")),
    Hostile("9112-2.3-version-superscript", _head(line=b"GET / HTTP/1.\xb2")),
    Hostile("9112-2.3-version-lower-case", _head(line=b"GET / http/1.1")),
    Hostile("9112-2.3-version-of-another-protocol", _head(line=b"GET / HTTQ/1.1")),
    Hostile("9112-2.3-version-rtsp", _head(line=b"DESCRIBE / RTSP/1.0")),
    Hostile("9112-2.3-version-space-within", _head(line=b"GET / HTTP/ 1.1")),
    # RFC 9112 §3: request line
    Hostile("9112-3-http-0.9", b"GET /\r\n"),
    Hostile("9112-3-method-alone", b"GET\r\n\r\n"),
    Hostile("9112-3-no-target", _head(line=b"GET HTTP/1.1")),
    Hostile("9112-3-empty-target", _head(line=b"GET  HTTP/1.1")),
    Hostile("9112-3-two-spaces-before-target", _head(line=b"GET  / HTTP/1.1")),
    Hostile("9112-3-two-spaces-before-version", _head(line=b"GET /  HTTP/1.1")),
    Hostile("9112-3-space-before-method", _head(line=b" GET / HTTP/1.1")),
    Hostile("9112-3-space-behind-version", _head(line=b"GET / HTTP/1.1 ")),
    Hostile("9112-3-tab-behind-version", _head(line=b"GET / HTTP/1.1\t")),
    Hostile("9112-3-tab-for-space", _head(line=b"GET\t/ HTTP/1.1")),
    Hostile("9112-3-vertical-tab-for-space", _head(line=b"GET /\x0bHTTP/1.1")),
    Hostile("9112-3-form-feed-for-space", _head(line=b"GET\x0c/ HTTP/1.1")),
    Hostile("9112-3-space-in-target", _head(line=b"GET /a b HTTP/1.1")),
    Hostile("9112-3-a-second-version", _head(line=b"GET / HTTP/1.1 HTTP/1.1")),
    Hostile("9112-3-response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Hostile("9110-9.1-method-empty", _head(line=b" / HTTP/1.1")),
    Hostile("9110-9.1-method-with-colon", _head(line=b"GET: / HTTP/1.1")),
    Hostile("9110-9.1-method-with-slash", _head(line=b"GET/ / HTTP/1.1")),
    Hostile("9110-9.1-method-with-nul", _head(line=b"G\x00T / HTTP/1.1")),
    Hostile("9110-9.1-method-not-ascii", _head(line=b"G\xcbT / HTTP/1.1")),
    Hostile("9110-9.1-method-quoted", _head(line=b'"GET" / HTTP/1.1')),
    Hostile("9112-3.2-target-not-ascii", _head(line=b"GET /\xc3\xa9 HTTP/1.1")),
    Hostile("9112-3.2-target-nul", _head(line=b"GET /\x00 HTTP/1.1")),
    Hostile("9112-3.2-target-del", _head(line=b"GET /\x7f HTTP/1.1")),
    Hostile("9112-3.2-target-tab", _head(line=b"GET /\t HTTP/1.1")),
    Hostile("9112-3.2-target-fragment", _head(line=b"GET /#a HTTP/1.1")),
    Hostile("9112-3.2-target-relative", _head(line=b"GET a HTTP/1.1")),
    Hostile("9112-3.2-target-query-alone", _head(line=b"GET ?a HTTP/1.1")),
    Hostile("9112-3.2-target-backslash", _head(line=b"GET \\a HTTP/1.1")),
    Hostile("9112-3.2.2-other-scheme", _head(line=b"GET ftp://a/ HTTP/1.1")),
    Hostile("9112-3.2.2-no-scheme", _head(line=b"GET ://a/ HTTP/1.1")),
    Hostile("9112-3.2.2-one-slash", _head(line=b"GET http:/a/ HTTP/1.1")),
    Hostile("9112-3.2.2-backslash-in-authority", _head(line=b"GET http://a\\@b/ HTTP/1.1")),
    Hostile("9110-4.2.1-no-host", _head(line=b"GET http:///a HTTP/1.1")),
    Hostile("9110-4.2.1-port-without-host", _head(line=b"GET http://:80/a HTTP/1.1")),
    Hostile("9110-4.2.1-query-without-host", _head(line=b"GET http://?a HTTP/1.1")),
    Hostile("9110-4.2.4-userinfo", _head(line=b"GET http://root@a/ HTTP/1.1")),
    Hostile("9112-3.2.3-connect-path", _head(line=b"CONNECT / HTTP/1.1")),
    Hostile("9112-3.2.3-connect-without-port", _head(line=b"CONNECT a HTTP/1.1")),
    Hostile("9112-3.2.3-connect-empty-port", _head(line=b"CONNECT a: HTTP/1.1")),
    Hostile("9110-9.3.6-connect-port-0", _head(line=b"CONNECT a:0 HTTP/1.1")),
    Hostile("9110-9.3.6-connect-port-65536", _head(line=b"CONNECT a:65536 HTTP/1.1")),
    Hostile("9112-3.2.3-connect-address-without-port", _head(line=b"CONNECT [::1] HTTP/1.1")),
    Hostile("9112-3.2.3-connect-without-host", _head(line=b"CONNECT :80 HTTP/1.1")),
    Hostile("9112-3.2.3-connect-uri", _head(line=b"CONNECT http://a:80 HTTP/1.1")),
    Hostile("9112-3.2.3-connect-asterisk", _head(line=b"CONNECT * HTTP/1.1")),
    Hostile("9112-3.2.3-authority-form-of-get", _head(line=b"GET a:80 HTTP/1.1")),
    Hostile("9112-3.2.4-asterisk-of-get", _head(line=b"GET * HTTP/1.1")),
    Hostile("9112-3.2.4-asterisk-and-more", _head(line=b"OPTIONS *a HTTP/1.1")),
    Hostile("9110-9.3.6-connect-with-length", _head(b"Content-Length: 1", line=b"CONNECT a:80 HTTP/1.1")),
    Hostile("9110-9.3.6-connect-chunked", _head(b"Transfer-Encoding: chunked", line=b"CONNECT a:80 HTTP/1.1")),
    # RFC 9112 §3.2: Host
    Hostile("9112-3.2-host-missing", _lines()),
    Hostile("9112-3.2-host-missing-among-others", _lines(b"A: b", b"X-Host: a")),
    Hostile("9112-3.2-host-twice", _lines(b"Host: a", b"Host: b")),
    Hostile("9112-3.2-host-twice-the-same", _lines(b"Host: a", b"Host: a")),
    Hostile("9112-3.2-host-twice-in-other-case", _lines(b"Host: a", b"A: b", b"hOST: a")),
    Hostile("9112-3.2-host-twice-in-1.0", _lines(b"Host: a", b"Host: a", line=b"GET / HTTP/1.0")),
    Hostile("9112-3.2-host-invalid-in-1.0", _lines(b"Host: a b", line=b"GET / HTTP/1.0")),
    Hostile("9112-3.2-host-list", _lines(b"Host: a, b")),
    Hostile("9112-3.2-host-comma", _lines(b"Host: a,b")),
    *(
        Hostile(f"9110-7.2-host-{value!r}", _lines(b"Host: " + value))
        for value in (
            b"a b",
            b"a/b",
            b"a@b",
            b"http://a",
            b"a\\b",
            b'a"b',
            b"<a>",
            b"a#b",
            b"a?b",
            b"{a}",
            b"\xe9",
            b"a\xff",
            b"a:b",
            b"a:+80",
            b"a:-1",
            b"a:80:80",
            b"a:999999",
            b"a:8 0",
            b"%",
            b"%zz",
            b"a%2",
            b"::1",
            b"[::1",
            b"::1]",
            b"[]",
            b"[::1]a",
            b"[::1]:a",
            b"[1::2::3]",
            b"[1:2:3:4:5:6:7:8:9]",
            b"[12345::]",
            b"[::1.2.3.256]",
            b"[::1%25eth0]",
            b"[fe80::1%eth0]",
            b"[a]",
            b"[v]",
            b"[v1.]",
        )
    ),
    # RFC 9112 §5, RFC 9110 §5.5, §5.6.2: fields
    Hostile("9112-5-no-colon", _head(b"A")),
    Hostile("9112-5-second-request-line", _head(b"GET /b HTTP/1.1")),
    Hostile("9112-5-empty-name", _head(b": b")),
    Hostile("9112-5.1-space-before-colon", _head(b"A : b")),
    Hostile("9112-5.1-tab-before-colon", _head(b"A\t: b")),
    Hostile("9112-5.1-space-before-colon-of-length", _post(b"Content-Length : 5")),
    Hostile("9112-5.1-space-before-colon-of-coding", _post(b"Transfer-Encoding : chunked")),
    Hostile("9112-5.1-space-before-colon-of-host", _lines(b"Host : a")),
    Hostile("9112-5.2-obs-fold", _head(b"A: b", b" c")),
    Hostile("9112-5.2-obs-fold-with-tab", _head(b"A: b", b"\tc")),
    Hostile("9112-5.2-obs-fold-behind-nothing", _head(b"A:", b" b")),
    Hostile("9112-5.2-obs-fold-of-coding", _post(b"Transfer-Encoding:", b" chunked")),
    Hostile("9112-5.2-obs-fold-of-whitespace", _head(b"A: b", b" ")),
    *(
        Hostile(f"9110-5.6.2-name-with-{octet:#04x}", _head(b"A" + bytes([octet]) + b"B: c"))
        for octet in (0x00, 0x01, 0x0B, 0x0C, 0x1F, *b' "(),/;<=>?@[\\]{}', 0x7F, 0x80, 0xC3, 0xFF)
    ),
    *(
        Hostile(f"9110-5.5-value-with-{octet:#04x}", _head(b"A: b" + bytes([octet]) + b"c"))
        for octet in range(0x80)
        if octet != 0x09 and (octet < 0x20 or octet == 0x7F)
    ),
    Hostile("9110-5.5-value-begins-with-nul", _head(b"A: \x00")),
    Hostile("9110-5.5-nul-hides-chunked", _post(b"Transfer-Encoding: chunked\x00")),
    # RFC 9112 §6: framing
    Hostile("9112-6.1-coding-and-length", _post(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    Hostile("9112-6.1-length-and-coding", _post(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    Hostile("9112-6.1-length-and-coding-in-odd-case", _post(b"content-LENGTH: 5", b"tRANSFER-eNCODING: CHUNKED")),
    Hostile("9112-6.1-length-and-empty-coding", _post(b"Content-Length: 5", b"Transfer-Encoding:")),
    Hostile("9112-6.1-length-and-unknown-coding", _post(b"Content-Length: 5", b"Transfer-Encoding: gzip")),
    Hostile("9112-6.1-coding-in-1.0", _head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")),
    Hostile("9112-6.1-identity-in-1.0", _head(b"Transfer-Encoding: identity", line=b"POST / HTTP/1.0")),
    Hostile("9112-6.1-coding-empty", _post(b"Transfer-Encoding:")),
    Hostile("9112-6.1-coding-of-commas", _post(b"Transfer-Encoding: , ,")),
    Hostile("9112-6.1-chunked-not-last", _post(b"Transfer-Encoding: chunked, gzip")),
    Hostile("9112-6.1-chunked-not-last-in-two-fields", _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x")),
    Hostile("9112-6.1-chunked-twice", _post(b"Transfer-Encoding: chunked, chunked")),
    Hostile("9112-6.1-chunked-twice-in-two-fields", _post(*[b"Transfer-Encoding: chunked"] * 2)),
    Hostile("9112-6.1-chunked-then-identity", _post(b"Transfer-Encoding: chunked, identity")),
    Hostile("9112-6.1-gzip-then-chunked", _post(b"Transfer-Encoding: gzip, chunked"), 501),
    Hostile("9112-6.1-identity", _post(b"Transfer-Encoding: identity")),
    Hostile("9112-6.1-xchunked", _post(b"Transfer-Encoding: xchunked")),
    Hostile("9112-6.1-chunked-quoted", _post(b'Transfer-Encoding: "chunked"')),
    Hostile("9112-6.1-chunked-with-parameter", _post(b"Transfer-Encoding: chunked;a=b"), 501),
    Hostile("9112-6.1-chunked-with-semicolon", _post(b"Transfer-Encoding: chunked;"), 501),
    Hostile("9112-6.1-chunked-behind-no-break-space", _post(b"Transfer-Encoding: \xa0chunked")),
    Hostile("9112-6.1-chunked-behind-vertical-tab", _post(b"Transfer-Encoding: \x0bchunked")),
    Hostile("9112-6.1-chunked-with-space-within", _post(b"Transfer-Encoding: chunk ed")),
    Hostile("9112-6.3-length-twice", _post(b"Content-Length: 5", b"Content-Length: 6")),
    Hostile("9112-6.3-length-twice-the-same", _post(b"Content-Length: 5", b"Content-Length: 5")),
    Hostile("9112-6.3-length-twice-around-others", _post(b"Content-Length: 5", b"A: b", b"content-length: 5")),
    *(Hostile(f"9112-6.3-length-{size[:24]!r}", _post(b"Content-Length: " + size)) for size in hostile_sizes()),
    # RFC 9110 §10.1.1: Expect
    Hostile("9110-10.1.1-unknown-expectation", _post(b"Expect: 200-ok"), 417),
    Hostile("9110-10.1.1-one-more-expectation", _post(b"Expect: 100-continue, a=b"), 417),
]


_END = b"0\r\n\r\n"

#: What follows a head with ``Transfer-Encoding: chunked``.
CHUNKED_BODIES = [
    *(
        Hostile(f"9112-7.1-chunk-size-{size[:24]!r}", size + b"\r\nhello\r\n" + _END)
        for size in hostile_sizes()
        if size not in (b"5e1", b"0b1")  # hexadecimal digits, all of them
    ),
    Hostile("9112-7.1-chunk-size-17-digits", b"00000000000000005\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-beyond-64-bits", b"10000000000000005\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-not-hexadecimal", b"g\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-with-h", b"5h\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-with-nul", b"5\x00\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-behind-space", b" 5\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-before-space", b"5 \r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-before-tab", b"5\t\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-line-ends-with-lf", b"5\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-line-ends-with-cr", b"5\rhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-line-ends-with-two-cr", b"5\r\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-size-line-empty", b"\r\n5\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-data-without-crlf", b"5\r\nhello" + _END),
    Hostile("9112-7.1-chunk-data-longer-than-its-size", b"4\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-data-shorter-than-its-size", b"6\r\nhello\r\n" + _END),
    Hostile("9112-7.1-chunk-data-one-more", b"5\r\nhello!\r\n" + _END),
    Hostile("9112-7.1-chunk-data-ends-with-lf", b"5\r\nhello\n" + _END),
    Hostile("9112-7.1-chunk-data-ends-with-cr", b"5\r\nhello\r" + _END),
    Hostile("9112-7.1-chunk-data-ends-with-lf-cr", b"5\r\nhello\n\r" + _END),
    Hostile("9112-7.1-chunk-data-ends-with-two-cr", b"5\r\nhello\r\r\n" + _END),
    Hostile("9112-7.1-chunk-data-ends-with-any-two", b"5\r\nhelloXX" + _END),
    Hostile("9112-7.1-last-chunk-without-empty-line", b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Hostile("9112-7.1-last-chunk-ends-with-lf", b"0\n\r\n"),
    Hostile("9112-7.1-empty-line-is-lf", b"0\r\n\n"),
    Hostile("9112-7.1-empty-line-is-cr", b"0\r\n\rX"),
    Hostile("9112-7.1-empty-line-is-two-cr", b"0\r\n\r\r\n"),
    Hostile("9112-7.1.1-extension-without-name", b"5;\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-with-empty-name", b"5;=a\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-with-empty-value", b"5;a=\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-twice-semicolon", b"5;;a\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-name-not-a-token", b"5;a b\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-name-with-nul", b"5;a\x00\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-value-not-a-token", b"5;a=b@c\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-with-lf", b"5;a\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-with-cr", b"5;a\rb\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-quote-left-open", b'5;a="b\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-extension-quote-over-two-lines", b'5;a="b\r\nc"\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-extension-quoted-lf", b'5;a="b\nc"\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-extension-escaped-lf", b'5;a="b\\\nc"\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-extension-escaped-quote", b'5;a="b\\"\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-extension-behind-quote", b'5;a="b"c\r\nhello\r\n' + _END),
    Hostile("9112-7.1.1-bws-before-semicolon", b"5 ;a\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-bws-behind-semicolon", b"5; a\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-bws-around-equals", b"5;a = b\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-beyond-its-bound", b"5;" + b"a" * 300 + b"\r\nhello\r\n" + _END),
    Hostile("9112-7.1.1-extension-without-end", b"5;" + b"a" * 300),
    Hostile("9112-7.1.1-extensions-beyond-their-bound", (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 21 + _END),
    Hostile("9112-7.1.2-trailer-without-colon", b"0\r\nA\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-with-empty-name", b"0\r\n: a\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-space-before-colon", b"0\r\nA : b\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-folded", b"0\r\nA: b\r\n c\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-begins-with-space", b"0\r\n A: b\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-with-nul", b"0\r\nA: \x00\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-with-lf", b"0\r\nA: b\nC: d\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-with-cr", b"0\r\nA: b\rC: d\r\n\r\n"),
    Hostile("9112-7.1.2-trailer-ends-with-lf", b"0\r\nA: b\n\n"),
    Hostile("9112-7.1.2-trailer-is-the-next-request", b"0\r\nGET / HTTP/1.1\r\n\r\n"),
    *(
        Hostile(f"9110-6.5.1-{name.lower().decode()}-as-trailer", b"0\r\nA: b\r\n" + name + b": 5\r\n\r\n")
        for name in (b"Content-Length", b"Transfer-Encoding", b"HOST", b"Connection", b"expect")
    ),
    Hostile("9112-7.1.2-trailers-beyond-their-size", b"0\r\n" + b"A: %s\r\n\r\n" % (b"b" * 66000), 431),
    Hostile("9112-7.1.2-trailers-without-end", b"0\r\n" + b"A: %s" % (b"b" * 66000), 431),
    Hostile("9112-7.1.2-trailers-beyond-their-number", b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
]
