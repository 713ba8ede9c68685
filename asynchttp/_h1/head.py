"""Heads of requests: from octets to checked values.

A request head is looked at in two parts, because the second is mostly the same for all requests of a connection::

    GET /path?query HTTP/1.          the line:  method and target
    1␍␊Host: example.org␍␊␍␊         the tail:  minor version, fields, empty line

:func:`parse_request_head` is the plain form, used for whatever isn't the ordinary case. The engine inlines it for heads
that arrived whole, and skips :func:`parse_tail` when the tail equals the previous one of the same connection.
"""

from typing import Any, NamedTuple

from asynchttp import _reasons
from asynchttp._h1 import abnf, framing
from asynchttp._h1.errors import (
    HeadTooLargeError,
    HTTPInputError,
    UnsupportedVersionError,
    URITooLongError,
)

__all__ = [
    "RequestHead",
    "Tail",
    "check_target",
    "parse_request_head",
    "parse_tail",
    "refuse_early",
    "split_fields",
    "with_crlf",
]


class Tail:
    """What the server must know of a request's version and fields before its handler may run.

    Never changed once made: one object serves all requests of a connection whose tails are equal.
    """

    __slots__ = ("body_length", "expect_continue", "host", "keep_alive", "memo", "minor", "octets", "template")

    def __init__(
        self, octets: bytes, minor: int, host: str, body_length: int, keep_alive: bool, expect_continue: bool
    ) -> None:
        #: the tail itself, from the minor version through the empty line
        self.octets = octets
        #: y of ``HTTP/1.y``
        self.minor = minor
        #: value of Host; ``""`` without one
        self.host = host
        #: octets, or ``framing.CHUNKED``
        self.body_length = body_length
        self.keep_alive = keep_alive
        self.expect_continue = expect_continue
        #: what an application's interface made of the fields, for all requests of a connection that have them, with
        #: who it was
        self.template: tuple[object, Any] | None = None
        #: what an access log made of the last request that had them, with who it was and which request
        self.memo: tuple[Any, ...] | None = None

    def lowered_fields(self) -> "tuple[tuple[bytes, bytes], ...]":
        """The fields as octets: names in lower case, values without the space around them."""
        lines = self.octets[3:-4].split(b"\r\n") if len(self.octets) > 5 else []
        pairs = (line.partition(b":") for line in lines)
        return tuple((name.lower(), value.strip(b" \t")) for name, _, value in pairs)


class RequestHead(NamedTuple):
    """A request head that keeps all the rules of RFC 9112 §§2–6."""

    method: str
    target: str
    tail: Tail


def parse_tail(octets: bytes, max_header_count: int) -> Tail:
    """Check the version and the fields of a request.

    Args:
        octets: from the minor version through the empty line.
        max_header_count: number of field lines above which :exc:`HeadTooLargeError` is raised.
    """
    if octets.count(b"\n") - 2 > max_header_count:
        raise HeadTooLargeError(f"more than {max_header_count} header fields", reason=_reasons.TOO_MANY_FIELDS)
    # HOT: once per request whose tail differs from the previous one.
    # Inlined: _plain_tail, for a tail with no framing fields but the ordinary ones. One match instead of three or four,
    # and no lists: 0.9 µs instead of 2.1 for two fields, 2.1 instead of 4.0 for twelve.
    # test_ordinary_tail_equals_plain_tail keeps the two together.
    match = _match_ordinary_tail(octets)
    if match is not None:
        host, length = match.groups()
        return Tail(octets, 1, host.decode("ascii"), int(length) if length is not None else 0, True, False)
    return _plain_tail(octets)


def _plain_tail(octets: bytes) -> Tail:
    """:func:`parse_tail` in its plain form, without the bound on the fields."""
    if abnf.TAIL.fullmatch(octets) is None:
        raise _field_error(octets[3:])
    minor = octets[0] - 0x30
    values = framing.framing_fields(octets).get
    return Tail(
        octets,
        minor,
        framing.request_host(minor, values(b"host", ())),
        framing.body_length(minor, values(b"content-length", ()), values(b"transfer-encoding", ())),
        framing.keep_alive(minor, values(b"connection", ())),
        framing.expects_continue(minor, values(b"expect", ())),
    )


def check_target(method: bytes, target: bytes, body_length: int = 0) -> None:
    """Refuse a target whose form doesn't fit the method.  RFC 9112 §3.2.

    Args:
        body_length: of the request's tail. What follows CONNECT is a tunnel, never a body (RFC 9110 §9.3.6): a proxy
            may take for a request what we would take for content.
    """
    if method == b"CONNECT":  # §3.2.3 authority-form; RFC 9110 §9.3.6: an empty or invalid port MUST be refused
        host, _, port = target.rpartition(b":")
        if not (host and port.isdigit() and abnf.HOST.fullmatch(target) and 0 < int(port) < 65536):
            raise HTTPInputError("the target of CONNECT must be host:port", reason=_reasons.TARGET)
        if body_length:
            raise HTTPInputError("CONNECT with a body", reason=_reasons.CONNECT_WITH_BODY)
    elif target == b"*":  # §3.2.4 asterisk-form
        if method != b"OPTIONS":
            raise HTTPInputError("the target * is for OPTIONS only", reason=_reasons.TARGET)
    elif target[:1] != b"/":  # §3.2.2 absolute-form; RFC 9110 §4.2.1: its host isn't empty; §4.2.4: no userinfo
        scheme, colon, rest = target.partition(b"://")
        authority = rest.partition(b"/")[0].partition(b"?")[0]
        if not (colon and scheme.lower() in (b"http", b"https") and abnf.HOST.fullmatch(authority)):
            raise HTTPInputError("the request target is neither a path nor an http URI", reason=_reasons.TARGET)
        if not authority:
            raise HTTPInputError("the request target is an http URI without a host", reason=_reasons.TARGET)


def parse_request_head(
    data: bytes, start: int, max_header_size: int, max_header_count: int
) -> tuple[RequestHead, int] | None:
    """Read one request head that begins at ``data[start]``.

    A few empty lines before it are skipped (RFC 9112 §2.2) and count towards ``max_header_size`` (octets, the final
    empty line included).

    Returns: the head and the index behind it; ``None`` when the head isn't complete and nothing is wrong so far.
    Raises: :exc:`HTTPInputError` as soon as it is sure that no continuation can make the octets a request.
    """
    begin = _skip_empty_lines(data, start)
    end = data.find(b"\r\n\r\n", begin) + 4
    if end < 4:
        refuse_early(data[start:], max_header_size)
        return None
    match = abnf.REQUEST_LINE.match(data, begin)
    if match is None:
        raise _request_line_error(data[begin : data.index(b"\r\n", begin)])
    if end - start > max_header_size:
        raise _size_error(match.end() + 3 - start > max_header_size, max_header_size)
    method, target = match.groups()
    tail = parse_tail(data[match.end() : end], max_header_count)
    check_target(method, target, tail.body_length)
    return RequestHead(method.decode("ascii"), target.decode("ascii"), tail), end


def refuse_early(partial: bytes, max_header_size: int) -> None:
    """Raise :exc:`HTTPInputError` if no continuation of ``partial`` can be a request head within the limit.

    So a TLS or HTTP/2 client, a line that ends with a bare LF, or a head without end isn't left waiting for the
    deadline. Costs time linear in ``partial``.
    """
    begin = _skip_empty_lines(partial, 0)
    line, line_end, _ = partial[begin:].partition(b"\r\n")
    if line_end:
        if abnf.REQUEST_LINE.match(partial, begin) is None:
            raise _request_line_error(line)
    elif line not in (b"", b"\r") and abnf.TOKEN.match(line) is None:
        raise _request_line_error(line)
    if abnf.BARE_LINE_END.search(partial):
        raise HTTPInputError("a line that doesn't end with CRLF", reason=_reasons.BARE_LINE_END)
    if len(partial) > max_header_size:
        raise _size_error(begin + len(line) + 2 > max_header_size, max_header_size)


def with_crlf(data: bytes | bytearray, start: int, searched: int, max_header_size: int) -> tuple[bytes, int] | None:
    """A head as very old clients send it, each line ending with a bare LF, in proper form.  RFC 9112 §2.2.

    A head with both kinds of line end is none: that is how one request hides in another, which a proxy before us read
    the other way.

    Args:
        start: where the head begins.
        searched: up to where ``data`` has been looked at before, and might have become such a head.
        max_header_size: octets of the head.

    Returns: the head with CRLF, and the index behind it in ``data``; index -1 while it isn't complete, with nothing.
        ``None`` if it isn't such a head.
    Raises: :exc:`HTTPInputError` like :func:`refuse_early`.
    """
    line = abnf.BARE_LF_LINE.match(data, start)
    assert line is not None  # it matches nothing, too
    content, line_end = line.groups()
    if not content if line_end else line.end() < len(data):
        return None
    end = data.find(b"\n\n", max(line.end() - 1, searched - 1)) + 2
    if data.find(b"\r", max(start, searched), end if end > 1 else len(data)) >= 0:
        return None
    if end > 1:
        return bytes(data[start:end]).replace(b"\n", b"\r\n"), end
    if searched < 1024 or len(data) - start > max_header_size:
        refuse_early(bytes(data[start:]).replace(b"\n", b"\r\n"), max_header_size)
    return b"", -1


def _skip_empty_lines(data: bytes, start: int) -> int:
    match = abnf.EMPTY_LINES.match(data, start)
    assert match is not None  # it matches nothing, too
    return match.end()


def split_fields(octets: bytes) -> list[tuple[str, str]]:
    """The field lines of a section that was checked before, as (name, value) in the order sent.

    ``octets`` may begin with what stands before the first field line's CRLF (a version, a status line). Values are
    ISO 8859-1 and have no whitespace around them.
    """
    fields = []
    for line in octets.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name, value.strip(" \t")))
    return fields


def _size_error(line_alone: bool, max_header_size: int) -> HTTPInputError:
    if line_alone:
        return URITooLongError(f"request line longer than {max_header_size} octets")
    return HeadTooLargeError(f"request head larger than {max_header_size} octets")


def _request_line_error(line: bytes) -> HTTPInputError:
    """Which rule a request line breaks.  RFC 9112 §3."""
    if not line:
        return HTTPInputError("too many empty lines before a request", reason=_reasons.EMPTY_LINES)
    if line[:2] == b"\x16\x03":
        return HTTPInputError("a TLS client speaks to a plain HTTP port", reason=_reasons.TLS_TO_PLAIN_PORT)
    if abnf.BARE_LINE_END.search(line + b"\r\n"):
        return HTTPInputError("a line that doesn't end with CRLF", reason=_reasons.BARE_LINE_END)
    method, _, rest = line.partition(b" ")
    _, _, version = rest.partition(b" ")
    if not method or abnf.TOKEN.fullmatch(method) is None:
        return HTTPInputError("Malformed HTTP request line: the method is not a token", reason=_reasons.METHOD)
    if version[:5] == b"HTTP/" and version[5:6].isdigit() and version[6:7] == b".":
        if version[5:6] != b"1" and version[7:].isdigit() and len(version) == 8:
            return UnsupportedVersionError("unsupported version: this server speaks HTTP/1.1 and HTTP/1.0")
        if len(version) != 8 or not version[7:].isdigit():
            return HTTPInputError("Malformed HTTP request line: invalid version", reason=_reasons.VERSION)
        return HTTPInputError(
            "Malformed HTTP request line: invalid characters in the request target", reason=_reasons.TARGET
        )
    if not version:
        return HTTPInputError(
            "Malformed HTTP request line: no version (HTTP/0.9 is not supported)", reason=_reasons.REQUEST_LINE
        )
    return HTTPInputError(
        "Malformed HTTP request line: must be method, target and version with one space between",
        reason=_reasons.REQUEST_LINE,
    )


def _field_error(lines: bytes) -> HTTPInputError:
    """Which rule a section of field lines breaks.  RFC 9112 §5."""
    position = 0
    while (match := abnf.FIELD_LINE.match(lines, position)) is not None:
        position = match.end()
    line = lines[position:].partition(b"\r\n")[0]
    name, colon, _ = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        return HTTPInputError("folded header field (obs-fold)", reason=_reasons.OBS_FOLD)
    if abnf.BARE_LINE_END.search(line + b"\r\n"):
        return HTTPInputError("a line that doesn't end with CRLF", reason=_reasons.BARE_LINE_END)
    if not colon:
        return HTTPInputError("no colon in header line", reason=_reasons.FIELD_LINE)
    if name[-1:] in (b" ", b"\t"):
        return HTTPInputError("whitespace between field name and colon", reason=_reasons.SPACE_BEFORE_COLON)
    if abnf.TOKEN.fullmatch(name) is None:
        return HTTPInputError("field name is not a token", reason=_reasons.FIELD_NAME)
    return HTTPInputError("field value with a control character", reason=_reasons.FIELD_VALUE)


_match_ordinary_tail = abnf.ORDINARY_TAIL.fullmatch
