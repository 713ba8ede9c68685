"""Servers in a worker process: the supervisor's orders, obeyed.

Once a server accepts in a child of ``fork_processes`` or ``TCPServer.start``, the child's loop hears what the
supervisor says. At its word all servers of the process shut down, and then the loop ends: ``IOLoop.start`` returns, so
that the program goes on behind it; any other call that runs the loop is left by :exc:`SystemExit` with code 0.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from asynchttp._worker import Order, Worker
from asynchttp.ioloop import IOLoop

__all__ = ["before_the_end", "obey"]


class _Server(Protocol):
    @property
    def sockets(self) -> list[socket.socket]:
        """As of ``TCPServer``."""

    def _adopt(self, sock: socket.socket) -> None:
        """Accept on a socket, too."""

    async def shutdown(
        self, timeout: float | None = None, *, delay: float = 0.0, exclusive: bool | None = None
    ) -> None:
        """As of ``TCPServer``."""


class _Obedience:
    """The servers of this worker, and what is done with them."""

    def __init__(self, worker: Worker, io_loop: IOLoop) -> None:
        self.worker = worker
        self._io_loop = io_loop
        self._servers: list[_Server] = []
        self._end: asyncio.Task[None] | None = None
        #: what is waited for when all servers have ended
        self.last_words: list[Callable[[], Awaitable[object]]] = []
        worker.watch(io_loop.asyncio_loop, self._on_order, self._on_sockets)
        # When the loop runs, and not before: it accepts from then on.
        io_loop.asyncio_loop.call_soon(worker.ready)

    def add(self, server: _Server) -> None:
        if server not in self._servers:
            self._servers.append(server)

    def _on_sockets(self, sockets: list[socket.socket]) -> None:
        for sock in sockets:
            address = sock.getsockname()
            for server in self._servers:
                if self._end is None and any(own.getsockname() == address for own in server.sockets):
                    server._adopt(sock)
                    break
            else:
                sock.close()

    def _on_order(self, order: Order) -> None:
        loop = self._io_loop.asyncio_loop
        timeout = 0.0 if order is Order.CUT else self.worker.graceful_timeout
        delay = self.worker.shutdown_delay if order is Order.END else 0.0
        # Otherwise the sockets live on with a successor.
        exclusive = order is not Order.HAND_OVER and self.worker.exclusive
        ends = [server.shutdown(timeout, delay=delay, exclusive=exclusive) for server in self._servers]
        tasks = [loop.create_task(end) for end in ends]
        if self._end is None:
            self._end = loop.create_task(self._finish(tasks))

    async def _finish(self, tasks: "list[asyncio.Task[None]]") -> None:
        await asyncio.wait(tasks)
        for say in self.last_words:
            await say()
        if not self._io_loop.stop_start():
            self._io_loop.asyncio_loop.call_soon(_exit)


def _exit() -> None:
    raise SystemExit(0)


_obedience: _Obedience | None = None


def obey(worker: Worker, io_loop: IOLoop, server: _Server) -> None:
    """Let ``server`` end when the supervisor of ``worker`` says so, and its loop with it."""
    global _obedience
    if _obedience is None or _obedience.worker is not worker:
        _obedience = _Obedience(worker, io_loop)
    _obedience.add(server)


def before_the_end(last_word: Callable[[], Awaitable[object]]) -> None:
    """Wait for ``last_word()`` when the servers of this worker have ended, and before its loop does."""
    assert _obedience is not None, "no server obeys yet"
    _obedience.last_words.append(last_word)
