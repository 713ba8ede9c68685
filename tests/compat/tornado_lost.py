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
    "a limit answers with its own status (413, 408, 431, 501) and says in one line of text which, instead of bare 400"
)
_STATUS = "a handler answers with status 682; RFC 9110 §15: codes outside 100–599 are invalid, and ours are never sent"
_BARE_LF = (
    "the request has bare LF line ends, which are refused (RFC 9112 §2.2 lets a recipient accept them, none must)"
)
_SELECTOR = "tests a thread of Tornado's that selects for loops without add_reader; every loop here has it"
_LOOPS_TABLE = "looks into the private _ioloop_for_asyncio; that closed loops are forgotten is tested in tests/loop"
_TRANSPORT = (
    "finds asyncio's own transport, which refers to itself by _read_ready_cb until the collector comes; nothing of "
    "ours is in a cycle (tests/integration/test_no_leaks)"
)
_LIST = "any list is refused, none is called unequal"
_TEXT_BODY = "compares a bare 400 octet for octet; ours has Connection: close, Content-Length and a line that says why"


def _lost(module: str, tests: dict[str, str]) -> dict[tuple[str, str], Lost]:
    return {(module, name): Lost(reason) for name, reason in tests.items()}


_STREAMS = ("TestIOStream", "TestIOStreamSSL", "TestIOStreamSSLContext")
_WRITE_BUFFER = "looks into the private _write_buffer; that a bytearray is the caller's again is tested in tests/stream"


def _iostream() -> dict[str, str]:
    """What iostream_test does to private parts of a stream that reads its descriptor itself; ours is a protocol."""
    tests = {
        f"TestStreamBuffer.test_{name}": "tests the private class _StreamBuffer"
        for name in ("clear", "interleaved_random", "large", "release_large_views", "small")
    }
    for case in _STREAMS:
        tests[f"{case}.test_async_read_error_logging"] = "replaces read_from_fd, through which no octet of ours comes"
        tests[f"{case}.test_inline_read_error"] = "closes the descriptor below the stream, of a selector loop's private"
        tests[f"{case}.test_read_until_close_with_error"] = "replaces the private _try_inline_read"
        tests[f"{case}.test_write_bytearray_resizable_after_close"] = _WRITE_BUFFER
    for case in (*_STREAMS, "TestPipeIOStream"):
        tests[f"{case}.test_write_bytearray_resizable_after_close_while_writing"] = _WRITE_BUFFER
        tests[f"{case}.test_write_bytearray_resizable_after_error"] = _WRITE_BUFFER
    return tests


#: (module, Class.test) → why
LOST: dict[tuple[str, str], Lost] = {
    **_lost("iostream_test", _iostream()),
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
            "HTTPServerRawTest.test_content_length_list_whitespace": "any list is refused, and says so in the log",
            r"HTTPServerRawTest.test_content_length_list_whitespace (sep=b'\x85')": _LIST,
            r"HTTPServerRawTest.test_content_length_list_whitespace (sep=b'\xa0')": _LIST,
            "HTTPConnectionTest.test_multipart_form": "its first part is before the first boundary: RFC 2046 §5.1.1 "
            "calls that a preamble, to be ignored, and what others ignore must not be seen here",
            **{
                f"InvalidOutputContentLengthTest.test_invalid_output_content_length [{how}]": "a handler that fails "
                "before its head has gone out is answered by 500, where Tornado closes in silence"
                for how in ("alphabetic", "leading plus", "underscore")
            },
            "KeepAliveTest.test_keepalive_chunked": "Transfer-Encoding in HTTP/1.0 is refused: RFC 9112 §6.1 "
            "tells to treat its framing as faulty",
            "UnixSocketTestAbstract.test_unix_socket_bad_request": _TEXT_BODY,
            "UnixSocketTestFile.test_unix_socket_bad_request": _TEXT_BODY,
        },
    ),
    **_lost(
        "web_test",
        {
            "RaiseWithReasonTest.test_raise_with_reason": _STATUS,
            "StatusReasonTest.test_status": _STATUS,
            "StaticFileTest.test_static_unsatisfiable_range_invalid_start": "bytes=26 is no range, and is ignored: "
            "RFC 9110 §14.2 lets a server ignore an invalid one or reject it",
        },
    ),
    **_lost(
        "simple_httpclient_test",
        {
            "ChunkedWithContentLengthTest.test_chunked_with_content_length": "a server that sends both framings is "
            "needed; ours refuses to (RFC 9112 §6.2)",
        },
    ),
    **_lost(
        "http1connection_test",
        {
            "HTTP1ConnectionTest.test_chunked_body_tiny_chunks": "counts the turns of the loop in a body that is there "
            "as a whole; ours decodes up to chunk_size (64 KiB) in one step",
        },
    ),
    **_lost(
        "httputil_test",
        {
            "MultipartFormDataTest.test_multipart_config": "has a part without octets that shares the CRLF of its "
            "empty line with the delimiter: readers disagree on what it is, so it is refused",
        },
    ),
    **_lost(
        "util_test",
        {
            "GzipDecompressorTest.test_max_length_deprecated": "ours doesn't deprecate that max_length is left out",
            "LogCheckCoverageTest.test_all_test_classes_check_logs": "imports property_test, whose cases are made from "
            "the private grammar _ABNF.request_target",
        },
    ),
    **_lost(
        "circlerefs_test",
        {
            f"CircleRefsTest.test_{name}": _TRANSPORT
            for name in (
                "async_handler",
                "coro_handler",
                "finish_exception_handler",
                "streaming_callback",
                "sync_handler",
            )
        },
    ),
    **_lost(
        "asyncio_test",
        {
            "AsyncIOLoopTest.test_add_thread_close_idempotent": _SELECTOR,
            "SelectorThreadLeakTest.test_atexit_closes_waker_sockets": _SELECTOR,
            "SelectorThreadLeakTest.test_close_before_thread_manager_starts": _SELECTOR,
            "LeakTest.test_asyncio_close_leak": _LOOPS_TABLE,
            "LeakTest.test_ioloop_close_leak": _LOOPS_TABLE,
        },
    ),
    **_lost(
        "security_corpus_test", {"SecurityCorpusTest.test_cases [6.4.1: transfer-encoding gzip, chunked]": _OWN_STATUS}
    ),
}

#: Tests that bet on tenths of a second: one that fails is run once more, alone, and has to pass there.
BETS = {("gen_test", "RunnerGCTest.test_gc")}

#: Tests that may fail on a busy machine, because they hold one time of less than a millisecond against another.
UNSTEADY = {
    # 10,000 lines are refused in 0.6 ms, 100,000 in ten times that, and the time that the kernel takes for 600 KB.
    ("security_corpus_test", "SecurityCorpusTest.test_scaling [6.5.3 CVE-2025-67725: repeated header]"),
}
