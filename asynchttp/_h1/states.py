"""The two state machines of a connection, written down.

A connection reads and writes at the same time, so it has two states. Each changes only as :data:`NEXT_READING` and
:data:`NEXT_WRITING` say; a pair that is missing there is our bug, never the peer's fault. The engine assigns states
directly where it is hot; a test walks the same traffic through the tables and compares.

The exchange ends when reading and writing are both ``DONE``; then both restart (:data:`RESTART`), or the connection
closes. A response may end before its request: then what is left of the request is dropped, and the connection lives on
(``DRAIN``) or not (``LINGER``).
"""

import enum
from typing import Final

__all__ = ["NEXT_READING", "NEXT_WRITING", "RESTART", "Reading", "Writing"]


class Reading(enum.IntEnum):
    """What the next octet from the peer belongs to."""

    HEAD = 0
    """a request head, or nothing yet"""
    BODY = 1
    """the body of the current request"""
    DONE = 2
    """the next request: it waits until the current exchange is over"""
    TUNNEL = 3
    """whatever follows HTTP: the octets belong to who called ``detach``"""
    LINGER = 4
    """nobody: read and dropped, so that the peer can still see our last words (RFC 9112 §9.6)"""
    CLOSED = 5
    """nothing comes any more"""
    DRAIN = 6
    """nobody: the rest of a body whose request was answered early; so little that the connection lives on behind it"""


class Writing(enum.IntEnum):
    """What the next octet to the peer belongs to."""

    IDLE = 0
    """nothing: no request is being answered"""
    HEAD = 1
    """a response head: the handler runs and has written nothing"""
    LENGTH = 2
    """a body whose length the head told"""
    CHUNKED = 3
    """a body in chunked coding"""
    UNTIL_CLOSE = 4
    """a body that ends with the connection"""
    RAW = 5
    """octets that the handler frames itself: Tornado 2's ``request.write(b"HTTP/1.1 200 OK…")``"""
    DONE = 6
    """nothing: the response is complete"""
    CLOSED = 7
    """nothing can be written any more"""
    UPGRADE = 8
    """nothing by us: ``101`` was sent, and the stream waits for who speaks the other protocol"""
    FILE = 9
    """a body, of which a file is being sent: nothing else may come between"""


NEXT_READING: Final[dict[tuple[Reading, str], Reading]] = {
    (Reading.HEAD, "head without body"): Reading.DONE,
    (Reading.HEAD, "head with body"): Reading.BODY,
    (Reading.BODY, "last octet"): Reading.DONE,
    (Reading.DONE, "restart"): Reading.HEAD,
    (Reading.BODY, "answered early"): Reading.DRAIN,
    (Reading.DRAIN, "last octet"): Reading.HEAD,
    **{(state, "detach"): Reading.TUNNEL for state in (Reading.HEAD, Reading.BODY, Reading.DONE)},
    **{(state, "last words"): Reading.LINGER for state in (Reading.HEAD, Reading.BODY, Reading.DONE, Reading.DRAIN)},
    **{(state, "close"): Reading.CLOSED for state in Reading},
}

_BODIES: Final = (Writing.LENGTH, Writing.CHUNKED, Writing.UNTIL_CLOSE, Writing.RAW)

NEXT_WRITING: Final[dict[tuple[Writing, str], Writing]] = {
    (Writing.IDLE, "request head"): Writing.HEAD,
    (Writing.HEAD, "head with length"): Writing.LENGTH,
    (Writing.HEAD, "head with chunked"): Writing.CHUNKED,
    (Writing.HEAD, "head without either"): Writing.UNTIL_CLOSE,
    (Writing.HEAD, "raw octets"): Writing.RAW,
    (Writing.HEAD, "interim head"): Writing.HEAD,
    (Writing.HEAD, "head of 101"): Writing.UPGRADE,
    (Writing.UPGRADE, "nobody came"): Writing.DONE,
    **{(state, "finish"): Writing.DONE for state in _BODIES},
    **{(state, "cut"): Writing.DONE for state in (Writing.HEAD, *_BODIES)},
    **{(Writing.FILE, f"end of the file in {state.name}"): state for state in _BODIES},
    **{(state, "file"): Writing.FILE for state in _BODIES},
    (Writing.FILE, "cut"): Writing.DONE,
    (Writing.HEAD, "whole response"): Writing.DONE,
    (Writing.DONE, "restart"): Writing.IDLE,
    (Writing.IDLE, "whole response"): Writing.DONE,
    **{(state, "close"): Writing.CLOSED for state in Writing},
}

#: What both states are before, and after, one exchange made room for the next.
RESTART: Final = ((Reading.DONE, Writing.DONE), (Reading.HEAD, Writing.IDLE))
