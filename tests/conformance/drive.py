"""Sending a case, and noting what happened."""

import dataclasses
import enum
from collections.abc import Awaitable, Callable, Sequence

from tests.conformance.case import ALIVE, Case, End, Later, Piece, Wait
from tests.conformance.echo import FIELD, Echo
from tests.support.rawclient import RawClient, RawResponse

__all__ = ["Fate", "Observed", "drive"]


class Fate(enum.StrEnum):
    """What became of a connection."""

    LIVES = "lives"
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    """open, and no answer to one more request"""
    CONFUSED = "confused"
    """open, and one more request was refused"""


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    replies: tuple[RawResponse, ...]
    fate: Fate
    #: what a careful client doesn't understand
    problem: str = ""

    @property
    def final(self) -> list[RawResponse]:
        return [reply for reply in self.replies if reply.status >= 200]

    @property
    def seen(self) -> list[Echo]:
        """The requests that reached the application, by what it said of them."""
        return [Echo.parse(value) for reply in self.final if (value := reply.header(FIELD)) is not None]

    @property
    def refusals(self) -> list[int]:
        """Statuses that the server sent by itself."""
        return [reply.status for reply in self.final if reply.header(FIELD) is None]

    @property
    def announced_close(self) -> bool:
        """Whether the last reply said that the connection ends behind it.  RFC 9112 §9.3."""
        if not self.final:
            return False
        last = self.final[-1]
        if last.has_token("Connection", "close"):
            return True
        framed = last.header("Content-Length") is not None or last.header("Transfer-Encoding") is not None
        return not framed or (last.version == (1, 0) and not last.has_token("Connection", "keep-alive"))


class _Conversation:
    def __init__(self, case: Case, client: RawClient) -> None:
        self.client = client
        self.replies: list[RawResponse] = []
        self.fate: Fate | None = None
        self.problem = ""
        self._methods = list(case.methods or [seen.method for seen in case.seen])

    async def send(self, octets: bytes) -> None:
        try:
            await self.client.send(octets)
        except ConnectionError:  # it has closed: what it said before can still be read
            pass
        except TimeoutError:
            self.fate = Fate.SILENT

    async def read(self) -> RawResponse | None:
        """One more reply; ``None`` when there is none, with ``fate`` or ``problem`` set."""
        if self.fate is not None or self.problem:
            return None
        final = sum(reply.status >= 200 for reply in self.replies)
        try:
            reply = await self.client.read_response(self._methods[final] if final < len(self._methods) else "GET")
        except EOFError as error:
            self.fate = Fate.RESET if self.client.was_reset else Fate.CLOSED
            if "received b''" not in str(error):
                self.problem = f"a reply that was cut: {error}"
            return None
        except TimeoutError:
            self.fate = Fate.SILENT
            return None
        except ValueError as error:
            self.problem = f"not a reply: {error}"
            return None
        self.replies.append(reply)
        return reply

    async def find_out(self) -> None:
        """Set ``fate`` by one more request."""
        self.fate = None
        await self.send(ALIVE)
        reply = await self.read()
        if self.problem:
            self.problem, self.fate = "", Fate.CONFUSED
        if reply is not None:
            value = reply.header(FIELD)
            if value is not None and Echo.parse(value).target == "/alive":
                self.replies.pop()
                self.fate = Fate.LIVES
            else:
                self.fate = Fate.CONFUSED


async def drive(
    case: Case,
    client: RawClient,
    pieces: Sequence[Piece],
    pause: Callable[[], Awaitable[object]],
    advance: Callable[[float], object] | None = None,
) -> Observed:
    """Send ``pieces``, which are the case's octets, on a new connection, and see what happens.

    Args:
        client: its deadline is how long a silence is listened to.
        pause: called between pieces, so that the server sees each of them alone.
        advance: lets time pass on the server.
    """
    conversation = _Conversation(case, client)
    for piece in pieces:
        if isinstance(piece, Later):
            assert advance is not None
            advance(piece.seconds)
        elif isinstance(piece, Wait):
            await conversation.read()
        else:
            await conversation.send(piece)
            await pause()
    if case.half_close:
        client.shutdown_write()
    while len(conversation.replies) < len(case.replies) and await conversation.read() is not None:
        pass
    if conversation.fate is None and not conversation.problem:
        if case.end is End.LIVES:
            await conversation.find_out()
        else:
            while await conversation.read() is not None:
                pass
            if conversation.fate is Fate.SILENT:
                await conversation.find_out()
    return Observed(tuple(conversation.replies), conversation.fate or Fate.SILENT, conversation.problem)
