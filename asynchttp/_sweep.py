"""One timer for all connections of a server.

A timer per request would cost more than the request's parsing. So a connection only notes when its present phase
began, by a clock that costs one attribute (:attr:`Sweep.now`), and the server looks at all of them now and then. The
same tick renews the ``Date`` field.
"""

import asyncio
import time
from collections.abc import Container
from typing import Protocol

from asynchttp import httputil

__all__ = ["Sweep", "Timed"]


class Timed(Protocol):
    def check_time(self, now: float) -> None:
        """Act if a deadline has passed at ``now``, in seconds of the loop's clock."""


class Sweep:
    """A coarse clock, and a look at each connection every ``period`` seconds while there are any.

    Args:
        shortest: the shortest limit to be watched, in seconds. The period is an eighth of it, within 0.1–1 s.
        server_line: ``Server`` (RFC 9110 §10.2.4) as a field line; default: none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, shortest: float, server_line: bytes = b"") -> None:
        self.period = min(1.0, max(0.1, shortest / 8))
        self._loop = loop
        self._server_line = server_line
        self._members: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None
        #: seconds by which the last tick was late: how long the loop was busy with something else
        self.lag = 0.0
        self._due = 0.0
        #: set when the server begins to end: what goes on for ever should come to its end
        self.draining = asyncio.Event()
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
        self._members.add(member)
        if self._timer is None:
            self._renew()
            self._arm()

    def _arm(self) -> None:
        self._due = self.now + self.period
        self._timer = self._loop.call_later(self.period, self._tick)

    def discard(self, member: Timed) -> None:
        self._members.discard(member)
        if not self._members and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.lag = 0.0

    def _tick(self) -> None:
        self._renew()
        self.lag = max(0.0, self.now - self._due)
        # Armed first: a member that goes may be the last and cancel it.
        self._arm()
        for member in list(self._members):
            member.check_time(self.now)
