"""RFC 9110 §5.6.1, Lists: a reasonable number of empty elements MUST be parsed and ignored."""

from tests.conformance.case import NEXT, SEEN_NEXT, WAIT, Case, End, Seen, accepts, chunked, get, head

_HELLO = Seen("POST", "/", b"hello")
_BODY = b"5\r\nhello\r\n0\r\n\r\n"

CASES: list[Case] = [
    accepts(
        "9110-5.6.1-empty-elements-of-connection",
        get(b"/", b"Connection: , ,close,"),
        Seen("GET"),
        end=End.CLOSES,
    ),
    accepts("9110-5.6.1-connection-of-empty-elements", get(b"/", b"Connection: , ,") + NEXT, Seen("GET"), SEEN_NEXT),
    accepts("9110-5.6.1-connection-empty", get(b"/", b"Connection:") + NEXT, Seen("GET"), SEEN_NEXT),
    accepts(
        "9110-5.6.1-empty-elements-around-chunked",
        head(b"POST / HTTP/1.1", b"Transfer-Encoding: ,chunked, ,") + _BODY + NEXT,
        _HELLO,
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts(
        "9110-5.6.1-empty-coding-beside-chunked",
        head(b"POST / HTTP/1.1", b"Transfer-Encoding:", b"Transfer-Encoding: chunked") + _BODY + NEXT,
        _HELLO,
        SEEN_NEXT,
        or_refused=[411],
    ),
    accepts(
        "9110-5.6.1-empty-element-of-expect",
        (chunked(b"", b"Expect: , 100-continue"), WAIT, _BODY),
        _HELLO,
        replies=[100, 200],
        or_refused=[411, 417],
    ),
]
