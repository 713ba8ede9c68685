"""The listening sockets of a crew of workers: who accepts on which, and who keeps them open.

How this works
==============

================  ============================================================================================
``per-worker``    the supervisor opens one ``SO_REUSEPORT`` socket for each place in the crew and keeps them all; a
                  worker accepts on the socket of its place, and so does its replacement
``shared``        one socket, on which all workers accept
``reuse-port``    each worker opens a ``SO_REUSEPORT`` socket of its own, which nobody else has
================  ============================================================================================

*Balance.*  On a shared queue the kernel wakes the same waiter first, again and again: 200 connections went 132/54/12/2
to four workers. With a socket for each the kernel spreads them by a hash of their addresses (57/51/48/44), blind to
how busy a worker is.

*Loss.*  A queue ends with the last descriptor of its socket, and resets who waits in it. The supervisor's copy keeps it
for the replacement, so a killed worker loses only what it was serving; where each worker owns its port the queue is
lost as well (20 to 26 of 1,440 requests in a test that lost 4 with the other two). The price of ``per-worker``: while
a place has no worker, connections that the kernel gives it wait for the replacement; if that isn't forked at once,
another worker gets the socket, too.

Which is possible: ``per-worker`` and ``reuse-port`` need a kernel that balances, which is Linux's (macOS has the option
and sends everything to one socket), and a TCP port. UNIX sockets are shared whatever was asked for; and so is a port
that this user may not bind once more, because another one opened the socket.

*A port that is in use.*  The first socket may be bound *without* ``SO_REUSEPORT``, so that a second instance of a
program is refused. It gets the option when the others are opened; Linux then counts it among them.
"""

import contextlib
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Literal

from asynchttp.log import gen_log

__all__ = ["KINDS", "Kind", "Listeners"]

Kind = Literal["per-worker", "shared", "reuse-port"]
KINDS: tuple[Kind, ...] = ("per-worker", "shared", "reuse-port")

#: Whether sockets that share a port share its connections, too.
_KERNEL_BALANCES = sys.platform == "linux"


class Listeners:
    """The listening sockets of a crew.

    Args:
        sockets: bound and listening; they are this object's own from now on.
        kind: see the top of the module; ``None``: ``"per-worker"`` where the kernel balances, else ``"shared"``.
        exclusive: whether nobody else has these sockets and will accept on them when the crew has ended. Not so when a
            service manager passed them on. See :meth:`TCPServer.shutdown`.

    Raises: :exc:`ValueError` for an unknown kind.
    """

    def __init__(
        self, sockets: Iterable[socket.socket] = (), kind: Kind | None = None, *, exclusive: bool = False
    ) -> None:
        if kind is not None and kind not in KINDS:
            raise ValueError(f"listeners must be one of {', '.join(KINDS)}, not {kind!r}")
        self._first = list(sockets)
        self.kind: Kind = kind or ("per-worker" if _KERNEL_BALANCES else "shared")
        self._exclusive = exclusive
        # "per-worker": place in the crew -> its sockets, in the order of _first. Place 0 has the first ones themselves.
        self._places: dict[int, list[socket.socket]] = {}
        # "reuse-port": what stands in for each of _first, to keep the port, doesn't know it.
        self._backlogs: list[int] = []

    @property
    def exclusive(self) -> bool:
        """Whether a worker that accepts last on its sockets is the last of all."""
        return self._exclusive or self.kind == "reuse-port"

    def prepare(self, places: int) -> None:
        """Open what ``places`` workers need, before the first of them accepts."""
        if self.kind == "shared":
            return
        try:
            self._prepare(places)
        except OSError as error:
            gen_log.warning("Cannot open the port once more, so all workers share one socket: %s", error)
            for place in list(self._places)[1:]:
                self.close(place)
            self._places.clear()
            self.kind = "shared"

    def _prepare(self, places: int) -> None:
        for sock in self._first:
            if _can_share_port(sock):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.kind == "reuse-port":
            self._release_queues()
        else:
            for place in range(places):
                self._of_place(place)

    def take(self, place: int) -> list[socket.socket]:
        """The sockets for the worker at ``place``.  To be called in that worker; all others are closed there.

        Raises: :exc:`OSError` when the port can't be bound (``"reuse-port"``).
        """
        if self.kind == "reuse-port":
            mine = [
                _sibling(sock, backlog) if _can_share_port(sock) else sock
                for sock, backlog in zip(self._first, self._backlogs, strict=True)
            ]
        else:
            mine = self._of_place(place) if self.kind == "per-worker" else self._first
        kept = {id(sock) for sock in mine}
        for sock in self._all():
            if id(sock) not in kept:
                sock.close()
        return list(mine)

    def open(self, place: int) -> None:
        """Open the sockets of a new place, in the supervisor.  Raises: :exc:`OSError`."""
        if self.kind == "per-worker":
            self._of_place(place)

    def of(self, place: int) -> list[socket.socket]:
        """Those that only the worker at ``place`` accepts on, and that somebody else could."""
        return [sock for sock in self._places.get(place, ()) if _can_share_port(sock)]

    def close(self, place: int | None = None) -> None:
        """Close the supervisor's copies: all, or those of a place that gets no worker any more."""
        if place is None:
            for sock in self._all():
                sock.close()
            self._places.clear()
        elif gone := self._places.pop(place, None):
            if self._places:  # others are opened in the likeness of these
                self._first = next(iter(self._places.values()))
            kept = {id(sock) for sock in self._all()}
            for sock in gone:
                if id(sock) not in kept:
                    sock.close()

    def _all(self) -> list[socket.socket]:
        return [*self._first, *(sock for sockets in self._places.values() for sock in sockets)]

    def _of_place(self, place: int) -> list[socket.socket]:
        if place not in self._places:
            is_first = not self._places
            self._places[place] = [
                sock if is_first or not _can_share_port(sock) else _sibling(sock, _backlog(sock))
                for sock in self._first
            ]
        return self._places[place]

    def _release_queues(self) -> None:
        """Listen no more, but keep the ports: bound sockets that don't listen are out of the kernel's choice."""
        self._backlogs = [_backlog(sock) if _can_share_port(sock) else 0 for sock in self._first]
        keepers = [_sibling(sock, None) if _can_share_port(sock) else sock for sock in self._first]
        for sock, keeper in zip(self._first, keepers, strict=True):
            if keeper is not sock:
                sock.close()
        self._first = keepers


def _can_share_port(sock: socket.socket) -> bool:
    return _KERNEL_BALANCES and sock.family in (socket.AF_INET, socket.AF_INET6)


def _sibling(sock: socket.socket, backlog: int | None) -> socket.socket:
    """Another socket on the same port; with ``backlog`` it listens."""
    with contextlib.ExitStack() as stack:
        sibling = stack.enter_context(socket.socket(sock.family, sock.type, sock.proto))
        sibling.setblocking(False)
        for level, option in _options(sock):
            sibling.setsockopt(level, option, sock.getsockopt(level, option))
        sibling.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sibling.bind(sock.getsockname())
        if backlog is not None:
            sibling.listen(backlog)
        stack.pop_all()
    return sibling


def _options(sock: socket.socket) -> list[tuple[int, int]]:
    """What a sibling has to have as its elder: accepted connections inherit these."""
    options = [
        (socket.SOL_SOCKET, socket.SO_REUSEADDR),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    ]
    if sock.family == socket.AF_INET6:
        options.append((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
    return options


def _backlog(sock: socket.socket) -> int:
    """The backlog that is in force for a listening socket: where others have ``tcpi_sacked``, it has that."""
    size: int = struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32), 28)[0]
    return size
