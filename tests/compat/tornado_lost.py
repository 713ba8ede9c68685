"""Tests of Tornado that fail on our modules on purpose, each with the reason.

A test belongs here when it looks at an inner detail that can't or shouldn't hold, never because it is hard.
"""

from dataclasses import dataclass

BOTH = ("asyncio", "uvloop")


@dataclass(frozen=True)
class Lost:
    reason: str
    loops: tuple[str, ...] = BOTH


_OWN_STATUS = (
    "a limit answers with its own status (413, 408, 431) and says in one line of text which, instead of bare 400"
)
_BARE_LF = (
    "the request has bare LF line ends, which are refused (RFC 9112 §2.2 lets a recipient accept them, none must)"
)
_TEXT_BODY = "compares a bare 400 octet for octet; ours has Connection: close, Content-Length and a line that says why"


def _lost(module: str, tests: dict[str, str]) -> dict[tuple[str, str], Lost]:
    return {(module, name): Lost(reason) for name, reason in tests.items()}


#: (module, Class.test) → why
LOST: dict[tuple[str, str], Lost] = {
    **_lost(
        "httpserver_test",
        {
            "BodyLimitsTest.test_body_size_override_reset": _OWN_STATUS,
            "BodyLimitsTest.test_large_body_buffered": _OWN_STATUS,
            "BodyLimitsTest.test_large_body_buffered_chunked": _OWN_STATUS,
            "BodyLimitsTest.test_large_body_streaming": _OWN_STATUS,
            "BodyLimitsTest.test_large_body_streaming_chunked": _OWN_STATUS,
            "BodyLimitsTest.test_timeout": _OWN_STATUS,
            "GzipMemoryTest.test_gzip_bomb": _OWN_STATUS,
            "MaxHeaderSizeTest.test_large_headers": "the 431 that it allows has a record that it doesn't",
            "HTTPConnectionTest.test_newlines": _BARE_LF,
            "HTTPServerRawTest.test_chunked_request_body_duplicate_header": _BARE_LF,
            "HTTPServerRawTest.test_chunked_request_body_transfer_encoding_and_content_length": _BARE_LF,
            "HTTPServerRawTest.test_chunked_request_body_unsupported_transfer_encoding": _BARE_LF,
            "HTTPServerRawTest.test_content_length_list_whitespace": "any list is refused, none is called unequal",
            "HTTPConnectionTest.test_multipart_form": "its first part is before the first boundary: RFC 2046 §5.1.1 "
            "calls that a preamble, to be ignored, and what others ignore must not be seen here",
            "InvalidOutputContentLengthTest.test_invalid_output_content_length": "a handler that fails before its head "
            "has gone out is answered by 500, where Tornado closes in silence",
            "KeepAliveTest.test_keepalive_chunked": "Transfer-Encoding in HTTP/1.0 is refused: RFC 9112 §6.1 "
            "tells to treat its framing as faulty",
            "UnixSocketTestAbstract.test_unix_socket_bad_request": _TEXT_BODY,
            "UnixSocketTestFile.test_unix_socket_bad_request": _TEXT_BODY,
        },
    ),
    **_lost(
        "http1connection_test",
        {
            "HTTP1ConnectionTest.test_chunked_body_tiny_chunks": "counts the turns of the loop in a body that is there "
            "as a whole; ours decodes up to chunk_size (64 KiB) in one step",
        },
    ),
}
