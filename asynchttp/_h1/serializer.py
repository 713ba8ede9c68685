"""Heads that we write, and what a head that a handler wrote itself says of its body."""

import http
from collections.abc import Iterable
from typing import Final

from asynchttp._h1 import abnf, framing
from asynchttp._h1.errors import HTTPInputError, sample

__all__ = [
    "CONTINUE",
    "REASONS",
    "ResponseFraming",
    "encode_fields",
    "error_response",
    "may_have_body",
    "parse_response_framing",
    "status_line",
]

#: Reason phrases by status code (Tornado's ``httputil.responses``).
REASONS: Final[dict[int, str]] = {status.value: status.phrase for status in http.HTTPStatus}

#: RFC 9110 §15.2.1
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {code: f"HTTP/1.1 {code} {reason}\r\n".encode() for code, reason in REASONS.items()}


def status_line(status: int, reason: str | None = None) -> bytes:
    """``HTTP/1.1 200 OK`` with its CRLF.  RFC 9112 §4.

    Raises: :exc:`ValueError` for a status outside 100–599 or a reason phrase that would break the line.
    """
    if reason is None:
        line = _STATUS_LINES.get(status)
        if line is not None:
            return line
        reason = "Unknown"
    if not (isinstance(status, int) and 100 <= status <= 599):
        raise ValueError(f"status code outside 100–599: {status!r}")
    if abnf.FIELD_VALUE_TEXT.fullmatch(reason) is None:
        raise ValueError(f"Illegal characters in reason phrase: {sample(reason)}")
    return f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1")


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Field lines as octets (ISO 8859-1), each with its CRLF, without the empty line.  RFC 9112 §5.

    Raises: :exc:`ValueError` that names the field if a name isn't a token or a value has CR, LF, NUL or another control
    character: such a field could split the message (RFC 9110 §5.5).
    """
    lines = []
    for name, value in fields:
        if abnf.TOKEN_TEXT.fullmatch(name) is None:
            raise ValueError(f"Illegal characters in header name: {sample(name)}")
        if abnf.FIELD_VALUE_TEXT.fullmatch(value) is None:
            what = "CR, LF, control or beyond ISO 8859-1"
            raise ValueError(f"Illegal characters ({what}) in header {name}: {sample(value)}")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def error_response(status: int, message: str, date_line: bytes = b"", method: str = "") -> bytes:
    """A whole response that says in one line what was wrong, and that the connection closes.

    Args:
        date_line: the ``Date`` field, which RFC 9110 §6.6.1 wants in a 4xx.
        method: of the request, as far as it is known: a HEAD gets no content (RFC 9110 §9.3.2).
    """
    body = message.encode() + b"\n"
    return b"%b%bConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b" % (
        status_line(status),
        date_line,
        len(body),
        b"" if method == "HEAD" else body,
    )


def may_have_body(method: str, status: int) -> bool:
    """Whether octets may follow the head of this response.  RFC 9112 §6.3 items 1 and 2."""
    return not (method == "HEAD" or status < 200 or status in (204, 304))


class ResponseFraming:
    """What a response head that a handler wrote itself says of what follows it."""

    __slots__ = ("body_length", "keep_alive", "status")

    def __init__(self, status: int, body_length: int | None, keep_alive: bool) -> None:
        self.status = status
        #: octets, ``framing.CHUNKED``, or ``None``: until the connection closes
        self.body_length = body_length
        #: whether a client that believes the head will send another request
        self.keep_alive = keep_alive


def parse_response_framing(head: bytes) -> ResponseFraming:
    """Read the head of a response, from the status line through the empty line.  RFC 9112 §6.3.

    A head that no client could make sense of is nobody's attack, it is our own handler's: it is passed on as it is, and
    counts as a body that ends with the connection.
    """
    unreadable = ResponseFraming(200, None, False)
    line = abnf.STATUS_LINE.match(head)
    # Also a line that only some clients read as a field, as "Content-Length : 5", must not be believed or passed over.
    if line is None or abnf.FIELD_LINES.fullmatch(head, line.end()) is None:
        return unreadable
    minor, status = int(line[1]), int(line[2])
    values = framing.framing_fields(head).get
    lengths, codings = values(b"content-length", ()), values(b"transfer-encoding", ())
    try:
        length = framing.body_length(minor, lengths, codings) if lengths or codings else None
    except HTTPInputError:
        return unreadable
    return ResponseFraming(status, length, framing.keep_alive(minor, values(b"connection", ())))
