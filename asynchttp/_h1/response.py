"""Heads of responses, as a client reads them: from octets to checked values.

The rules are those of :mod:`.head`: one line, then fields. Which octets follow is another matter than for a request,
and depends on it: RFC 9112 §6.3.
"""

from typing import NamedTuple

from asynchttp._h1 import abnf, framing, serializer
from asynchttp._h1.errors import HeadTooLargeError, HTTPInputError, UnsupportedVersionError
from asynchttp._h1.head import _field_error, split_fields

__all__ = ["ResponseHead", "ResponseHeadReader"]

_START = b"HTTP/1."


class ResponseHead(NamedTuple):
    """A response head that keeps the rules of RFC 9112 §§2–5."""

    #: y of ``HTTP/1.y``
    minor: int
    status: int
    reason: str
    #: from the status line through the empty line
    octets: bytes

    def fields(self) -> list[tuple[str, str]]:
        """(name, value) in the order sent."""
        return split_fields(self.octets)

    def body_length(self, method: str) -> int | None:
        """Octets of body, ``framing.CHUNKED``, or ``None``: until the connection closes.  RFC 9112 §6.3.

        Args:
            method: of the request.

        Raises: :exc:`HTTPInputError` as :func:`.framing.body_length` does, and for an interim response with a body.
        """
        values = framing.framing_fields(self.octets).get
        lengths, codings = values(b"content-length", ()), values(b"transfer-encoding", ())
        if self.status < 200 and (lengths or codings):  # §6.1, RFC 9110 §8.6: MUST NOT be sent
            raise HTTPInputError(f"Response code {self.status} cannot have body")
        if not serializer.may_have_body(method, self.status) or (method == "CONNECT" and self.status < 300):
            return 0
        if len(members := [value.strip(b" \t") for value in b",".join(lengths).split(b",")]) > 1:
            # RFC 9112 §6.3 item 5: a list of equal ones counts as one. Proxies make them, and nobody can be misled.
            if len(set(members)) > 1:
                raise HTTPInputError("Multiple unequal Content-Lengths", b", ".join(lengths))
            lengths = members[:1]
        return framing.body_length(self.minor, lengths, codings) if lengths or codings else None

    @property
    def keep_alive(self) -> bool:
        """Whether the server lets the connection live on.  RFC 9112 §9.3."""
        return framing.keep_alive(self.minor, framing.framing_fields(self.octets).get(b"connection", ()))


class ResponseHeadReader:
    """Takes octets as they come, until a head is whole.

    Args:
        max_size: octets of a head, its final empty line included.
        max_count: field lines.
    """

    __slots__ = ("_head", "_max_count", "_max_size")

    def __init__(self, max_size: int = 65536, max_count: int = 100) -> None:
        # Never longer than max_size and one.
        self._head = bytearray()
        self._max_size = max_size
        self._max_count = max_count

    def feed(self, data: bytes) -> tuple[ResponseHead, int] | None:
        """Take more octets.

        Returns: the head and the index in ``data`` behind it, ``None`` while it isn't complete.
        Raises: :exc:`HTTPInputError` as soon as no continuation can make the octets a response; the reader is of no
        use afterwards.
        """
        kept = len(self._head)
        self._head += data[: self._max_size + 1 - kept]
        end = self._head.find(b"\r\n\r\n", max(0, kept - 3)) + 4
        if end < 4:
            self._refuse_early(kept)
            end = 0
        if (end or len(self._head)) > self._max_size:
            raise HeadTooLargeError(f"response head larger than {self._max_size} octets")
        return (_parse_head(bytes(self._head[:end]), self._max_count), end - kept) if end else None

    def _refuse_early(self, searched: int) -> None:
        """Refuse what can't become a head: of another protocol's greeting, the end would never come."""
        line_end = self._head.find(b"\r\n", 0, 1024)
        if line_end >= 0:
            if searched <= line_end + 1 and abnf.STATUS_LINE.match(self._head) is None:
                raise _status_line_error(bytes(self._head[:line_end]))
        elif not _START.startswith(self._head[: len(_START)]):
            raise _status_line_error(bytes(self._head[:1024]))
        if abnf.BARE_LINE_END.search(self._head, max(0, searched - 1)):
            raise HTTPInputError("a line that doesn't end with CRLF")


def _parse_head(octets: bytes, max_count: int) -> ResponseHead:
    match = abnf.STATUS_LINE.match(octets)
    if match is None:
        raise _status_line_error(octets.partition(b"\r\n")[0])
    if octets.count(b"\n") - 2 > max_count:
        raise HeadTooLargeError(f"more than {max_count} header fields")
    if abnf.FIELD_LINES.fullmatch(octets, match.end()) is None:
        error = _field_error(octets[match.end() :])
        # Stricter than RFC 9112 §5.2, which tells a user agent to unfold it, and as strict as Tornado 6.6.
        raise HTTPInputError("obsolete line folding in a response") if "obs-fold" in str(error) else error
    return ResponseHead(int(match[1]), int(match[2]), match[0][13:-2].decode("latin-1"), octets)


def _status_line_error(line: bytes) -> HTTPInputError:
    """Which rule a status line breaks.  RFC 9112 §4."""
    if abnf.BARE_LINE_END.search(line + b"\r\n"):
        return HTTPInputError("a line that doesn't end with CRLF")
    if line[:5] == b"HTTP/" and line[5:6].isdigit() and line[5:7] != b"1." and line[6:7] in b". ":
        return UnsupportedVersionError("unsupported version in a response", line)
    return HTTPInputError("Malformed HTTP status line", line)
