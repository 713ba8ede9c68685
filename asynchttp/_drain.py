"""The end of a server that loses no request.

How this works
==============

::

    lame duck ─► stop accepting ─► serve what is there ─► cut
    ``delay``    ≤ 0.1 s           until all is over       at ``timeout``

*Lame duck.*  Everything goes on, only :attr:`server.ready` says that it won't for long: time for a balancer to look.

*Stop accepting.*  A listener that is closed resets who waits in its queue, so the queue is emptied first, and what was
in it is served. A handshake that is under way in this moment would still be lost: so, where the kernel can (Linux) and
nobody else accepts on that socket, new ones are ignored from now on. Their clients repeat them after a second, and find
the server's successor, or that there is none.

*Serve what is there.*  The server decides what that is (:meth:`Drainable._drain`), and is asked twenty times a second.

*Cut.*  What isn't over then is closed.
"""

import asyncio
import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Protocol

from asynchttp.log import gen_log

__all__ = ["Drain", "Drainable"]

#: Seconds between two looks at what is left.
_TICK = 0.05
#: Seconds in which handshakes that are under way come to their end: a round trip to the other side of the earth takes
#: some 0.3 s, but whoever is so far away comes through a proxy.
_HANDSHAKES = 0.1

#: Of ``setsockopt``, missing in ``socket``.
_SO_ATTACH_FILTER = 26
#: A filter in the language of BPF: SYN without ACK is dropped, all else passes. As (code, jump if true, if false,
#: value), over the octets of a TCP header.
_DROP_NEW = (
    (0x30, 0, 0, 13),  # load octet 13: the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


class Drainable(Protocol):
    """A server that can be drained."""

    @property
    def sockets(self) -> list[socket.socket]:
        """The listeners."""

    def _stop_polling(self) -> list[socket.socket]:
        """Stop accepting; the listeners, which are the caller's now."""

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        """A connection has come."""

    def _begin_drain(self) -> None:
        """No more connections will come than those that are accepted in this very turn."""

    def _drain(self) -> bool:
        """Close what isn't needed any more; whether all is over."""

    def _cut(self) -> None:
        """Close everything."""


class Drain:
    """The end of one server.

    Args:
        timeout: seconds for what is in progress, from the end of the lame duck phase on; ``None``: no limit.
        delay: seconds of the lame duck phase.
        exclusive: listeners on which nobody else accepts.
    """

    def __init__(
        self,
        server: Drainable,
        timeout: float | None,
        delay: float,
        exclusive: Callable[[socket.socket], bool],
    ) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._exclusive = exclusive
        self._timeout = timeout
        self._deadline: float | None = None
        # Set: go on without waiting.
        self._hurry = asyncio.Event()
        self._task = self._loop.create_task(self._run(delay))

    async def wait(self) -> None:
        """Wait for the end.  Cancelling doesn't stop it."""
        await asyncio.shield(self._task)

    def limit(self, timeout: float | None) -> None:
        """Cut at least so soon; at once: that ends the lame duck phase, too."""
        if timeout is None:
            return
        deadline = self._loop.time() + timeout
        if self._deadline is None or deadline < self._deadline:
            self._deadline = deadline
        self._timeout = timeout if self._timeout is None else min(timeout, self._timeout)
        if timeout <= 0:
            self._hurry.set()

    async def _run(self, delay: float) -> None:
        await self._pause(delay)
        if self._timeout is not None and self._deadline is None:
            self._deadline = self._loop.time() + self._timeout
        await self._stop_accepting()
        server = self._server
        server._begin_drain()
        while not server._drain():
            left = None if self._deadline is None else self._deadline - self._loop.time()
            if left is not None and left <= 0:
                server._cut()
                break
            await self._pause(_TICK if left is None else min(_TICK, left))

    async def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._hurry.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def _stop_accepting(self) -> None:
        """Serve who waits in the queues, and close the listeners."""
        ignoring = [_ignore_new(sock) for sock in self._server.sockets if self._exclusive(sock)]
        if any(ignoring):
            await self._pause(_HANDSHAKES)
        for sock in self._server._stop_polling():
            while not self._take_queue(sock):
                # No descriptors: some of those who are served now will give one back.
                if self._deadline is not None and self._loop.time() >= self._deadline:
                    break
                await asyncio.sleep(_TICK)
            sock.close()

    def _take_queue(self, sock: socket.socket) -> bool:
        """Accept who waits; False if it has to be tried again."""
        while True:
            try:
                connection, address = sock.accept()
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    return False
                if error.errno in (errno.EBADF, errno.EINVAL):  # closed by somebody
                    return True
                continue
            connection.setblocking(False)
            self._server._accepted(connection, address)


def _ignore_new(sock: socket.socket) -> bool:
    """Let the kernel ignore new handshakes on ``sock``, and finish those that are under way; whether it does."""
    if sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_NEW))
    try:
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_NEW), ctypes.addressof(program))
        )
    except OSError as error:  # a sandbox
        gen_log.debug("Cannot ignore new connections on %r: %s", sock, error)
        return False
    return True
