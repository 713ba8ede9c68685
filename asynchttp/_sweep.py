"""One timer for all connections of a server.

A timer per request would cost more than the request's parsing. So a connection only notes when its present phase
began, by a clock that costs one attribute (:attr:`Sweep.now`), and the server looks at all of them now and then. The
same tick renews the ``Date`` field.
"""

import asyncio
import time
import weakref
from collections.abc import Container
from typing import Any, Final, Protocol

from asynchttp import httputil

__all__ = ["Sweep", "Timed"]


#: Rounds of looks at those that have time. A prime: where objects lie in memory shall not put many into one round.
_ROUNDS: Final = 61


class Timed(Protocol):
    def check_time(self, now: float) -> float:
        """Act if a deadline has passed at ``now``, in seconds of the loop's clock.

        Returns: for how many seconds it needs no look, whatever happens meanwhile; or it calls :meth:`Sweep.hurry`.
        """


class Sweep:
    """A coarse clock, and a look at each connection when one of its deadlines may have passed.

    Those that may run out soon are looked at every ``period`` seconds, the others in turn: ten thousand idle
    connections neither cost much nor hold up the loop.

    Args:
        shortest: the shortest limit to be watched, in seconds. The period is an eighth of it, within 0.1–1 s.
        server_line: ``Server`` (RFC 9110 §10.2.4) as a field line; default: none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, shortest: float, server_line: bytes = b"") -> None:
        self.period = min(1.0, max(0.1, shortest / 8))
        self._loop = loop
        self._server_line = server_line
        # Each member is in one of these: looked at with each tick, or with each tick of its round. As dictionaries they
        # take half of the memory of sets.
        self._soon: dict[Timed, None] = {}
        self._rounds: list[dict[Timed, None]] = [{} for _ in range(_ROUNDS)]
        self._round = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        #: seconds by which the last tick was late: how long the loop was busy with something else
        self.lag = 0.0
        self._due = 0.0
        #: set when the server begins to end: what goes on for ever should come to its end
        self.draining = asyncio.Event()
        #: WebSocket handlers of Tornado that have taken their streams: to be told then, too
        self.websockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._renew()

    def _renew(self) -> None:
        #: the loop's time at the last tick, at most ``period`` seconds ago while there are members
        self.now = self._loop.time()
        self._date_line = b"Date: %b\r\n" % httputil.format_timestamp(time.time()).encode()
        #: ``Date`` (RFC 9110 §6.6.1), and ``Server`` if there is one, as field lines
        self.date_line = self._date_line + self._server_line

    def lines_beside(self, names: Container[str]) -> bytes:
        """``date_line`` without the fields that a response has of its own.

        Args:
            names: of its fields, in lower case.
        """
        return (b"" if "date" in names else self._date_line) + (b"" if "server" in names else self._server_line)

    def add(self, member: Timed) -> None:
        self._soon[member] = None
        self._count += 1
        if self._timer is None:
            self._renew()
            self._arm()

    def hurry(self, member: Timed) -> None:
        """Look at ``member`` with the next tick: it has less time now than it said."""
        others = self._others(member)
        if member in others:
            del others[member]
            self._soon[member] = None

    def _others(self, member: Timed) -> dict[Timed, None]:
        """Those that have time, of the round of ``member``."""
        return self._rounds[hash(member) % _ROUNDS]

    def _arm(self) -> None:
        self._due = self.now + self.period
        self._timer = self._loop.call_later(self.period, self._tick)

    def discard(self, member: Timed) -> None:
        for members in (self._soon, self._others(member)):
            if member in members:
                del members[member]
                self._count -= 1
        if not self._count and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.lag = 0.0

    def _tick(self) -> None:
        self._renew()
        now = self.now
        self.lag = max(0.0, now - self._due)
        # Armed first: a member that goes may be the last and cancel it.
        self._arm()
        self._round = (self._round + 1) % _ROUNDS
        others = self._rounds[self._round]
        looked_at = [*self._soon, *others]
        patient = _ROUNDS * self.period + self.lag
        for member in looked_at:
            has_time = member.check_time(now) > patient
            # It may have gone.
            if member in self._soon:
                if has_time:
                    del self._soon[member]
                    self._others(member)[member] = None
            elif not has_time and member in others:
                del others[member]
                self._soon[member] = None
