"""Why a server refuses or cuts a request, or a connection: each reason once, with a code and the section that says so.

Whatever ends otherwise than its client could expect leaves exactly one log record, with the code as ``record.reason``
and the section as ``record.section``, and is counted once under its code (``requests_refused_total{reason="…"}``).

What a peer did wrong is ``INFO``, what our own side did ``ERROR`` or ``WARNING``; that a connection ends
or that a client leaves, as both sides may at any time, is ``DEBUG``, and so is what raises in the handler as well.
"""

import logging
from typing import Final, NamedTuple

__all__ = ["REASONS", "Reason"]


class Reason(NamedTuple):
    """One way for a request or a connection to end badly."""

    code: str
    #: of the RFC, where the rule or the status stands
    section: str
    level: int = logging.INFO

    def __str__(self) -> str:
        return self.code

    @property
    def attributes(self) -> dict[str, str]:
        """What a log record gets, as ``extra``."""
        return {"reason": self.code, "section": self.section}


# The request line.
EMPTY_LINES: Final = Reason("empty_lines", "RFC 9112 §2.2")
BARE_LINE_END: Final = Reason("bare_line_end", "RFC 9112 §2.2")
TLS_TO_PLAIN_PORT: Final = Reason("tls_to_plain_port", "RFC 9112 §3")
REQUEST_LINE: Final = Reason("request_line", "RFC 9112 §3")
METHOD: Final = Reason("method", "RFC 9112 §3.1")
TARGET: Final = Reason("target", "RFC 9112 §3.2")
TARGET_TOO_LONG: Final = Reason("target_too_long", "RFC 9110 §15.5.15")
VERSION: Final = Reason("version", "RFC 9112 §2.3")
VERSION_UNSUPPORTED: Final = Reason("version_unsupported", "RFC 9110 §15.6.6")
# The fields.
HEAD_TOO_LARGE: Final = Reason("head_too_large", "RFC 6585 §5")
TOO_MANY_FIELDS: Final = Reason("too_many_fields", "RFC 6585 §5")
FIELD_LINE: Final = Reason("field_line", "RFC 9112 §5")
FIELD_NAME: Final = Reason("field_name", "RFC 9110 §5.1")
FIELD_VALUE: Final = Reason("field_value", "RFC 9110 §5.5")
SPACE_BEFORE_COLON: Final = Reason("space_before_colon", "RFC 9112 §5.1")
OBS_FOLD: Final = Reason("obs_fold", "RFC 9112 §5.2")
HOST_INVALID: Final = Reason("host_invalid", "RFC 9112 §3.2")
HOST_MISSING: Final = Reason("host_missing", "RFC 9112 §3.2")
HOST_REPEATED: Final = Reason("host_repeated", "RFC 9112 §3.2")
EXPECTATION: Final = Reason("expectation", "RFC 9110 §10.1.1")
# The framing of the body.
CONNECT_WITH_BODY: Final = Reason("connect_with_body", "RFC 9110 §9.3.6")
LENGTH_INVALID: Final = Reason("length_invalid", "RFC 9112 §6.3")
LENGTH_REPEATED: Final = Reason("length_repeated", "RFC 9112 §6.3")
LENGTH_AND_CODING: Final = Reason("length_and_coding", "RFC 9112 §6.1")
CODING_IN_HTTP_1_0: Final = Reason("coding_in_http_1_0", "RFC 9112 §6.1")
CODING_ORDER: Final = Reason("coding_order", "RFC 9112 §6.3")
CODING_UNSUPPORTED: Final = Reason("coding_unsupported", "RFC 9112 §6.1")
CHUNK: Final = Reason("chunk", "RFC 9112 §7.1")
CHUNK_EXTENSION: Final = Reason("chunk_extension", "RFC 9112 §7.1.1")
TRAILER: Final = Reason("trailer", "RFC 9112 §7.1.2")
# What is in the body.
BODY_TOO_LARGE: Final = Reason("body_too_large", "RFC 9110 §15.5.14")
CONTENT_CODING: Final = Reason("content_coding", "RFC 9110 §8.4")
TOO_MANY_MEMBERS: Final = Reason("too_many_members", "RFC 1952 §2.2")
#: a message that a handler, or something it called, found to be wrong: a form, a date
BAD_REQUEST: Final = Reason("bad_request", "RFC 9110 §15.5.1")
# Time.
HEADER_TIMEOUT: Final = Reason("header_timeout", "RFC 9110 §15.5.9")
BODY_TIMEOUT: Final = Reason("body_timeout", "RFC 9110 §15.5.9")
SILENT_TIMEOUT: Final = Reason("silent_timeout", "RFC 9112 §9.5", logging.DEBUG)
IDLE_TIMEOUT: Final = Reason("idle_timeout", "RFC 9112 §9.5", logging.DEBUG)
HANDLER_TIMEOUT: Final = Reason("handler_timeout", "RFC 9110 §15.6.4", logging.WARNING)
WRITE_TIMEOUT: Final = Reason("write_timeout", "RFC 9112 §9.5")
# Before TLS and HTTP. The section is of HAProxy's "The PROXY protocol, versions 1 & 2".
PROXY_HEADER: Final = Reason("proxy_header", "PROXY protocol §2")
PROXY_HEADER_TIMEOUT: Final = Reason("proxy_header_timeout", "PROXY protocol §2")
LEFT_IN_PROXY_HEADER: Final = Reason("left_in_proxy_header", "PROXY protocol §2")
# TLS.
TLS_FAILED: Final = Reason("tls_failed", "RFC 8446 §6.2", logging.WARNING)
TLS_CUT_OFF: Final = Reason("tls_cut_off", "RFC 8446 §6.1", logging.DEBUG)
TLS_TIMEOUT: Final = Reason("tls_timeout", "RFC 9112 §9.5")
# The client left.
LEFT_IN_HEAD: Final = Reason("left_in_head", "RFC 9112 §8", logging.DEBUG)
LEFT_IN_BODY: Final = Reason("left_in_body", "RFC 9112 §8", logging.DEBUG)
LEFT_BEFORE_ANSWER: Final = Reason("left_before_answer", "RFC 9112 §9.5", logging.DEBUG)
LEFT_IN_ANSWER: Final = Reason("left_in_answer", "RFC 9112 §9.5", logging.DEBUG)
# Our own side.
HANDLER_FAILED: Final = Reason("handler_failed", "RFC 9110 §15.6.1", logging.ERROR)
# These raise in the handler, too: what it does about that is another record.
NO_ANSWER: Final = Reason("no_answer", "RFC 9110 §15.6.1", logging.DEBUG)
ANSWER_FRAMING: Final = Reason("answer_framing", "RFC 9112 §8", logging.DEBUG)
HANDLER_CANCELLED: Final = Reason("handler_cancelled", "RFC 9112 §9.5", logging.DEBUG)
NOT_UPGRADED: Final = Reason("not_upgraded", "RFC 9110 §15.2.2")
CLOSED: Final = Reason("closed", "RFC 9112 §9.6", logging.DEBUG)
#: ``limit_concurrency``
OVERLOADED: Final = Reason("overloaded", "RFC 9110 §15.6.4")
#: not over at the end of the time that a shutdown gives
SHUTDOWN: Final = Reason("shutdown", "RFC 9112 §9.6", logging.WARNING)

#: All of them, by their codes.
REASONS: Final = {value.code: value for value in list(globals().values()) if isinstance(value, Reason)}
