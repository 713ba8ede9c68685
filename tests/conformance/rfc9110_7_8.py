"""RFC 9110 §7.8, Upgrade: MAY be ignored; then the request is one like others, its body included."""

from tests.conformance.case import (
    NEXT,
    SEEN_NEXT,
    Case,
    End,
    Level,
    Reply,
    Seen,
    accepts,
    chunked,
    get,
    head,
    sized,
)

_UPGRADE = (b"Connection: Upgrade", b"Upgrade: x-nobody-speaks-it/1")

CASES: list[Case] = [
    accepts("9110-7.8-unknown-protocol", get(b"/", *_UPGRADE), Seen("GET"), level=Level.SHOULD),
    accepts(
        "9110-7.8-unknown-protocol-and-a-request-behind",
        get(b"/", *_UPGRADE) + NEXT,
        Seen("GET"),
        SEEN_NEXT,
        level=Level.SHOULD,
    ),
    accepts(
        "9110-7.8-unknown-protocol-and-body",
        sized(b"hello", *_UPGRADE),
        Seen("POST", "/", b"hello"),
    ),
    accepts(
        "9110-7.8-unknown-protocol-and-chunked-body",
        chunked(b"5\r\nhello\r\n0\r\n\r\n", *_UPGRADE),
        Seen("POST", "/", b"hello"),
    ),
    accepts("9110-7.8-without-connection-option", get(b"/", b"Upgrade: websocket") + NEXT, Seen("GET"), SEEN_NEXT),
    accepts(
        "9110-7.8-in-1.0",
        head(b"GET / HTTP/1.0", b"Connection: Upgrade", b"Upgrade: websocket"),
        Seen("GET"),
        end=End.CLOSES,
    ),
    accepts("9110-7.8-option-without-field", get(b"/", b"Connection: Upgrade") + NEXT, Seen("GET"), SEEN_NEXT),
    *(
        accepts(
            f"9110-7.8-{name}",
            get(b"/", *fields) + NEXT,
            Seen("GET"),
            SEEN_NEXT,
            level=Level.SHOULD,
        )
        for name, fields in (
            (
                "h2c",
                [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
            ),
            ("websocket-without-a-key", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"]),
            ("tls", [b"Connection: Upgrade", b"Upgrade: TLS/1.0"]),
        )
    ),
    # A server MUST NOT switch to what wasn't asked for, and MUST ignore that HTTP/1.0 asks.
    *(
        accepts(
            f"9110-7.8-101-that-the-handler-sends-to-{name}",
            octets,
            level=Level.OURS,
            why="the handler of this case does what MUST NOT be done",
            ours_only=True,
            logs="ValueError: no HTTP",
            replies=[Reply(500, {"Connection": "close", "Upgrade": ""})],
            end=End.CLOSES,
        )
        for name, octets in (
            ("who-didn-t-ask", get(b"/101") + NEXT),
            ("1.0", head(b"GET /101 HTTP/1.0", b"Connection: Upgrade", b"Upgrade: x") + NEXT),
        )
    ),
]
