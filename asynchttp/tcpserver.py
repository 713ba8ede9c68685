"""A server of streams: accepts connections and gives each to ``handle_stream``."""

import asyncio
import inspect
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from asynchttp import netutil, process
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, SSLIOStream
from asynchttp.log import app_log

__all__ = ["TCPServer"]


class TCPServer:
    """Accepts connections; subclasses say in :meth:`handle_stream` what happens on one.

    >>> class EchoServer(TCPServer):
    ...     async def handle_stream(self, stream, address):
    ...         while True:
    ...             await stream.write(await stream.read_until(b"\\n"))

    Args:
        ssl_options: speak TLS: an :class:`ssl.SSLContext`, or a dict for
            :func:`~asynchttp.netutil.ssl_options_to_context` with at least ``certfile``.
        max_buffer_size, read_chunk_size: of each :class:`~asynchttp.iostream.IOStream`.

    With TLS :meth:`handle_stream` is called before the handshake.

    Raises: :exc:`KeyError` for ``ssl_options`` without ``certfile``, :exc:`ValueError` for a file that doesn't exist.
    Source: Tornado ``tcpserver.TCPServer``.
    """

    @accepts_io_loop(at=0, none_is_loop=True)
    def __init__(
        self,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        *,
        io_loop: IOLoop | None = None,
    ) -> None:
        self.ssl_options = _checked_ssl_options(ssl_options)
        self.max_buffer_size = max_buffer_size
        self.read_chunk_size = read_chunk_size
        #: the loop that accepts, once there is one
        self.io_loop: IOLoop | None = io_loop
        self._ssl_context: ssl.SSLContext | None = None
        self._sockets: dict[int, socket.socket] = {}
        self._removers: dict[int, Callable[[], None]] = {}
        self._pending: list[socket.socket] = []
        self._started = False
        # Asyncio holds its tasks weakly.
        self._tasks: set[asyncio.Future[Any]] = set()

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind and accept at once.  May be called several times.

        Args:
            port: 0 takes a free one, the same for all addresses.
            address: IP address or host name; ``None`` or ``""``: all interfaces.
            family: ``AF_INET`` or ``AF_INET6`` to have only that.
            backlog: connections that the kernel queues for each socket.
            flags: ``AI_*`` flags for ``getaddrinfo``; ``None``: ``AI_PASSIVE``.
            reuse_port: let other processes listen on the same port (``SO_REUSEPORT``).

        Raises: :exc:`OSError` when the port is in use or the address isn't ours.
        """
        self.add_sockets(netutil.bind_sockets(port, address, family, backlog, flags, reuse_port))

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind now, accept when :meth:`start` is called; at once, if it was.

        Arguments and errors: :meth:`listen`. Up to Tornado 6.1 ``reuse_port`` stood where ``flags`` is; a ``bool``
        there is taken as it.
        """
        if isinstance(flags, bool):
            reuse_port = flags
            flags = None
        sockets = netutil.bind_sockets(port, address, family, backlog, flags, reuse_port)
        if self._started:
            self.add_sockets(sockets)
        else:
            self._pending.extend(sockets)

    def start(self, num_processes: int | None = 1, max_restarts: int | None = None) -> None:
        """Accept on what was bound; with more than one process, fork them first.

        Args:
            num_processes: ``None`` or 0: one for each core. With more than one this call returns in the children only,
                and must come before any loop runs.
            max_restarts: of children that died, before the parent gives up; ``None``: 100.

        Raises: :exc:`AssertionError` the second time.
        """
        if self._started:
            raise AssertionError("start() was called before")
        self._started = True
        if num_processes != 1:
            self._take_listeners_back()
            process.fork_processes(num_processes, max_restarts)
        sockets, self._pending = self._pending, []
        self.add_sockets(sockets)

    def _take_listeners_back(self) -> None:
        """Undo ``listen``, which many programs call before ``start(n)``: each child accepts on a loop of its own."""
        for fd, sock in self._sockets.items():
            self._removers[fd]()
            self._pending.append(sock)
        self._sockets.clear()
        self._removers.clear()
        self.io_loop = None

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept on listening sockets, which become the server's own."""
        if self.io_loop is None:
            self.io_loop = IOLoop.current()
        if self.ssl_options is not None and self._ssl_context is None:
            self._ssl_context = netutil.ssl_options_to_context(self.ssl_options, server_side=True)
        for sock in sockets:
            fd = sock.fileno()
            self._sockets[fd] = sock
            self._removers[fd] = netutil.add_accept_handler(sock, self._accepted, self.io_loop)

    def add_socket(self, socket: socket.socket) -> None:
        """Accept on one listening socket."""
        self.add_sockets([socket])

    @property
    def sockets(self) -> list[socket.socket]:
        """The listening sockets, for their addresses."""
        return [*self._sockets.values(), *self._pending]

    def stop(self) -> None:
        """Accept no more, and close the listening sockets.  Open connections live on; :meth:`listen` may come again."""
        for fd, sock in self._sockets.items():
            if sock.fileno() == fd:
                self._removers[fd]()
                sock.close()
        for sock in self._pending:
            sock.close()
        self._sockets.clear()
        self._removers.clear()
        self._pending.clear()

    def handle_stream(self, stream: IOStream, address: Any) -> Any:
        """Serve one connection; a subclass says how, as a plain method or a coroutine.

        Args:
            address: of the peer, as :meth:`socket.socket.accept` gives it.
        """
        raise NotImplementedError

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        stream = None
        try:
            stream = self._make_stream(connection)
            result = self.handle_stream(stream, address)
            if result is not None and inspect.isawaitable(result):
                self._run(stream, result)
        except Exception:
            app_log.error("Error in connection callback", exc_info=True)
            (connection if stream is None else stream).close()

    def _make_stream(self, connection: socket.socket) -> IOStream:
        sizes = {"max_buffer_size": self.max_buffer_size, "read_chunk_size": self.read_chunk_size}
        if self._ssl_context is None:
            return IOStream(connection, **sizes, io_loop=self.io_loop)
        stream = SSLIOStream(connection, **sizes, ssl_options=self._ssl_context, server_side=True, io_loop=self.io_loop)
        stream._attach()  # the handshake begins, whatever handle_stream does
        return stream

    def _run(self, stream: IOStream, awaitable: Any) -> None:
        """Keep a coroutine of ``handle_stream`` alive.  What it raises is logged, and closes its stream."""
        assert self.io_loop is not None

        def ended(future: "asyncio.Future[Any]") -> None:
            self._tasks.discard(future)
            if not future.cancelled() and (error := future.exception()) is not None:
                app_log.error("Exception in callback %r", self.handle_stream, exc_info=error)
                stream.close()

        future = asyncio.ensure_future(awaitable, loop=self.io_loop.asyncio_loop)
        self._tasks.add(future)
        future.add_done_callback(ended)


def _checked_ssl_options(options: dict[str, Any] | ssl.SSLContext | None) -> dict[str, Any] | ssl.SSLContext | None:
    """The same, if the files that it names exist: better now than at the first connection."""
    if isinstance(options, dict):
        if "certfile" not in options:
            raise KeyError("ssl_options has no 'certfile'")
        for name in ("certfile", "keyfile", "ca_certs"):
            path = options.get(name)
            if path is not None and not os.path.exists(path):
                raise ValueError(f'{name} "{path}" does not exist')
    return options
