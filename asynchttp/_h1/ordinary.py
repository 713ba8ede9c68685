"""The head of an ordinary response whose fields are octets already: an application of ASGI or WSGI sends the like again
and again."""

from collections.abc import Sequence
from typing import Final

from asynchttp._h1 import abnf, serializer

__all__ = ["NO_HEAD", "ordinary_head"]

#: Fields that decide on more than themselves; names may come in any case, but these are how they come.
_SPECIAL_FIELDS: Final = frozenset((b"connection", b"content-length", b"date", b"server", b"transfer-encoding"))
_ORDINARY_STATUSES: Final = frozenset((200, 201, 202, 301, 302, 303, 307, 400, 401, 403, 404, 405, 409, 422, 429, 500))
_match_lines: Final = abnf.FIELD_BLOCK.fullmatch

#: Fields and status of a response, the size that is told among them (-1: none is), the octets of both, and those that
#: tell the size.
_OctetsHead = tuple[Sequence[tuple[bytes, bytes]], int, int, bytes, bytes]
NO_HEAD: Final[_OctetsHead] = ((), 0, 0, b"", b"")


def ordinary_head(fields: Sequence[tuple[bytes, bytes]], status: int, size: int) -> _OctetsHead:
    """A head that :meth:`.ResponseWriter.respond_octets` can send as it is; :data:`NO_HEAD`: it can't."""
    if status not in _ORDINARY_STATUSES:
        return NO_HEAD
    told = -1
    pieces = [serializer.status_line(status)]
    for name, value in fields:
        lowered = name.lower()
        if lowered not in _SPECIAL_FIELDS and 58 not in name:  # ":"
            pieces += (name, b": ", value, b"\r\n")
        elif lowered == b"content-length" and value == b"%d" % size:
            told = size
        else:
            return NO_HEAD
    head = b"".join(pieces)
    # Each piece is a line, and no line more.
    if not _match_lines(head, len(pieces[0])) or head.count(b"\n") != (len(pieces) + 3) // 4:
        return NO_HEAD
    length_line = b"" if told < 0 else b"Content-Length: %d\r\n\r\n" % told
    return [(name, value) for name, value in fields], status, told, head, length_line
