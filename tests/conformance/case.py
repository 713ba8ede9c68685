"""What a case is made of.

A case says what *we* do, exactly. What an RFC allows beside that (another status, a silent close, an older reading)
stands in the fields that only :func:`tests.conformance.judge.judge` reads, so that no server is blamed for what it may
do.

The level is that of the sentence in the RFC, taken literally:

* a message that keeps the grammar must be understood: ``MUST`` (RFC 9110 §2.3);
* a message that doesn't: ``SHOULD`` be answered by 400 (RFC 9112 §2.2), unless a section says more;
* what an RFC leaves open is decided here, mostly more strictly: ``OURS``, with the reason.
"""

import dataclasses
import enum
from collections.abc import Collection, Mapping, Sequence
from types import EllipsisType

__all__ = [
    "ALIVE",
    "CHUNKED",
    "IMF_FIXDATE",
    "MAX_BODY_SIZE",
    "NEXT",
    "PROBE",
    "SEEN_NEXT",
    "WAIT",
    "Case",
    "End",
    "Later",
    "Level",
    "Reply",
    "Seen",
    "Wait",
    "accepts",
    "chunked",
    "get",
    "head",
    "refuses",
    "sized",
]


class Level(enum.StrEnum):
    """Whose rule it is."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    OURS = "ours"
    """a decision where the RFC leaves one: nobody else is measured by it"""


class End(enum.StrEnum):
    """What becomes of the connection."""

    LIVES = "lives"
    """one more request on it is answered"""
    CLOSES = "closes"
    """the server ends it, without a reset"""


class Wait(enum.Enum):
    REPLY = 0


#: Between two pieces: the client sends no more before it has read one more reply.
WAIT = Wait.REPLY


@dataclasses.dataclass(frozen=True, slots=True)
class Later:
    """Between two pieces: so many seconds pass, by the server's clock.  Ours can be turned; others aren't asked."""

    seconds: float


Piece = bytes | Wait | Later


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One request as the handler saw it; ``...``: whatever."""

    method: str
    target: str | EllipsisType = "/"
    body: bytes | EllipsisType = b""
    #: values of X-Probe, joined by ",", octets as ISO 8859-1; ``None``: no such field
    probe: str | EllipsisType | None = ...
    #: the host that the request is for
    host: str | EllipsisType | None = ...


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One response."""

    status: int
    #: name -> a pattern for the whole of its value; an absent field reads as ""
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    version: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    #: the section, and what is special
    id: str
    #: sent at once; or piece by piece, each seen alone by the server
    octets: bytes | tuple[Piece, ...]
    #: the complete requests, in order
    seen: tuple[Seen, ...]
    #: what comes back, interim responses included
    replies: tuple[Reply, ...]
    end: End
    level: Level
    #: for OURS: the reason
    why: str = ""
    #: the client half-closes behind the octets
    half_close: bool = False
    #: pattern of the error that our server logs, if the case makes its handler fail
    logs: str | None = None
    #: the handler does what only ours can
    ours_only: bool = False

    # What the RFC allows beside that.

    #: statuses of the refusal that the RFC names; empty: any, and silence too
    named: frozenset[int] = frozenset()
    #: other readings that the RFC allows
    or_seen: tuple[tuple[Seen, ...], ...] = ()
    #: statuses by which a server, or its application, may refuse what we accept
    or_refused: frozenset[int] = frozenset()
    #: the RFC says that the connection must not live on
    must_close: bool = False
    #: the octets are only a beginning: a server may wait for more
    may_wait: bool = False
    #: of the requests, where ``seen`` doesn't tell: whether a reply has a body depends on it
    methods: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """For example ``9112-7.1.1``."""
        return "-".join(self.id.split("-")[:2])

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return (self.octets,) if isinstance(self.octets, bytes) else self.octets

    @property
    def refused(self) -> bool:
        """The last of the requests doesn't reach the handler, and its client is told."""
        return sum(reply.status >= 200 for reply in self.replies) > len(self.seen)


def _replies(replies: Sequence[int | Reply]) -> tuple[Reply, ...]:
    return tuple(Reply(reply) if isinstance(reply, int) else reply for reply in replies)


def accepts(
    id: str,
    octets: bytes | tuple[Piece, ...],
    *seen: Seen,
    level: Level = Level.MUST,
    why: str = "",
    replies: Sequence[int | Reply] | None = None,
    end: End = End.LIVES,
    half_close: bool = False,
    logs: str | None = None,
    ours_only: bool = False,
    or_seen: Sequence[tuple[Seen, ...]] = (),
    or_refused: Collection[int] = (),
    must_close: bool | None = None,
    methods: tuple[str, ...] = (),
) -> Case:
    """All of it is valid: each request reaches the handler, and is answered.

    Args:
        must_close: by default, if we close.
    """
    return Case(
        id=id,
        octets=octets,
        seen=seen,
        replies=_replies([200] * len(seen) if replies is None else replies),
        end=end,
        level=level,
        why=why,
        half_close=half_close,
        logs=logs,
        ours_only=ours_only,
        or_seen=tuple(or_seen),
        or_refused=frozenset(or_refused),
        must_close=end is End.CLOSES if must_close is None else must_close,
        methods=methods,
    )


def refuses(
    id: str,
    octets: bytes | tuple[Piece, ...],
    status: int = 400,
    *,
    level: Level,
    why: str = "",
    after: Sequence[Seen] = (),
    replies: Sequence[int | Reply] | None = None,
    named: Collection[int] | None = None,
    or_seen: Sequence[tuple[Seen, ...]] = (),
    must_close: bool = False,
    may_wait: bool = False,
    methods: tuple[str, ...] = (),
) -> Case:
    """The request behind those of ``after`` must not reach the handler; we answer ``status`` and close.

    Args:
        named: the statuses that the RFC names; by default, for a SHOULD, 400 (RFC 9112 §2.2).
    """
    if named is None:
        named = (400,) if level is Level.SHOULD else ()
    return Case(
        id=id,
        octets=octets,
        seen=tuple(after),
        replies=_replies([*[200] * len(after), status] if replies is None else replies),
        end=End.CLOSES,
        level=level,
        why=why,
        named=frozenset(named),
        or_seen=tuple(or_seen),
        must_close=must_close,
        may_wait=may_wait,
        methods=methods,
    )


def head(line: bytes, *fields: bytes, host: bytes | None = b"a") -> bytes:
    """A request head, ``Host`` first."""
    lines = [line, *([b"Host: " + host] if host is not None else []), *fields]
    return b"\r\n".join([*lines, b"", b""])


def get(target: bytes = b"/", *fields: bytes) -> bytes:
    return head(b"GET " + target + b" HTTP/1.1", *fields)


def sized(body: bytes, *fields: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    """A request whose length is told."""
    return head(line, *fields, b"Content-Length: %d" % len(body)) + body


def chunked(octets: bytes, *fields: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    """A request in chunked coding; ``octets`` are the chunks as they are sent."""
    return head(line, *fields, CHUNKED) + octets


#: Octets of a request body that our server is told to take at most.
MAX_BODY_SIZE = 1 << 20

CHUNKED = b"Transfer-Encoding: chunked"

#: The field whose value the handler reports: ``Seen.probe``.
PROBE = b"X-Probe: "

#: A request behind the one that matters. If it mustn't be seen, it is what an attacker smuggles.
NEXT = get(b"/next")
SEEN_NEXT = Seen("GET", "/next")

#: What the driver asks to find out whether a connection lives.
ALIVE = get(b"/alive")

#: RFC 9110 §5.6.7
IMF_FIXDATE = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT"
)
