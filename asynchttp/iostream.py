"""Streams of octets: Tornado's ``read_until`` and ``write`` over asyncio's transports.

The classes are told apart by what carries the octets: a socket (:class:`IOStream`), TLS over a socket
(:class:`SSLIOStream`), a pipe (:class:`PipeIOStream`), or whatever a subclass of :class:`BaseIOStream` moves.
How they work is told in :mod:`asynchttp._basestream`.
"""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from typing import Any, Self

from asynchttp import netutil
from asynchttp._basestream import BaseIOStream, Consumer, StreamClosedError, fail
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._legacy.callbacks import accepts_callback
from asynchttp._reads import StreamBufferFullError, UnsatisfiableReadError
from asynchttp._tls import PacedTransport, TLSSocket, handshake_was_cut_off, take_ssl_socket
from asynchttp.ioloop import IOLoop
from asynchttp.log import gen_log

__all__ = [
    "BaseIOStream",
    "Consumer",
    "IOStream",
    "PipeIOStream",
    "SSLIOStream",
    "StreamBufferFullError",
    "StreamClosedError",
    "UnsatisfiableReadError",
]


class IOStream(BaseIOStream):
    """A stream over a socket.

    Args:
        socket: a stream socket, connected or not; it becomes non-blocking and the stream's own.

    Further arguments: :class:`BaseIOStream`.  Source: Tornado ``iostream.IOStream``.
    """

    @accepts_io_loop(at=1)
    def __init__(
        self,
        socket: socket.socket,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
        *,
        io_loop: IOLoop | None = None,
    ) -> None:
        super().__init__(max_buffer_size, read_chunk_size, max_write_buffer_size, io_loop=io_loop)
        #: the socket, for ``getpeername``, ``setsockopt`` and the like; ``None`` once closed
        self.socket: Any = socket
        socket.setblocking(False)
        # Set while connect() waits for the kernel.
        self._connecting_fd: int | None = None
        # The future of connect(): of an SSLIOStream it is done when the handshake is.
        self._connect_future: asyncio.Future[Any] | None = None

    # -- connecting ------------------------------------------------------------------------------------------------

    @accepts_callback(at=1, with_result=False)
    def connect(self, address: Any, server_hostname: str | None = None) -> "asyncio.Future[Self]":
        """Connect the socket.  Reads and writes may be started before it has: they wait.

        Args:
            address: as for :meth:`socket.socket.connect`. A host name is resolved by the kernel call, which blocks;
                :class:`~asynchttp.tcpclient.TCPClient` doesn't.
            server_hostname: of an :class:`SSLIOStream`: the name to send and to verify.

        Returns: a future of the stream.
        Raises: :exc:`StreamClosedError` when it fails; ``real_error`` is the :exc:`OSError`. No timeout of its own.
        Cancelling the future doesn't stop it; :meth:`close` does. Source: Tornado ``IOStream.connect``.
        """
        if self._closed:
            raise StreamClosedError(real_error=self.error)
        if self._connect_future is not None or self._transport is not None:
            raise RuntimeError("connect() was called before")
        self._connect_future = future = self._loop.create_future()
        self._expect_server(server_hostname)
        sock = self.socket
        self._connecting_fd = sock.fileno()
        try:
            sock.connect(address)
        except BlockingIOError as error:
            if error.errno != errno.EINPROGRESS:  # EAGAIN: the backlog of a UNIX socket is full
                self._abort(error)
                return future
        except OSError as error:
            self._abort(error)
            return future
        self._loop.add_writer(self._connecting_fd, self._connected)
        return future

    def _expect_server(self, server_hostname: str | None) -> None:
        """Remember whom we connect to; a plain stream doesn't care."""

    def _connected(self) -> None:
        self._stop_connecting()
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._abort(OSError(code, os.strerror(code)))
        else:
            self._resolve_connect()
            self._attach()

    def _stop_connecting(self) -> None:
        if self._connecting_fd is not None:
            if not self._loop.is_closed():
                self._loop.remove_writer(self._connecting_fd)
            self._connecting_fd = None

    def _resolve_connect(self) -> None:
        if self._connect_future is not None and not self._connect_future.done():
            self._connect_future.set_result(self)

    def _ready_to_attach(self) -> bool:
        return self._connecting_fd is None

    async def _make_transport(self) -> None:
        await self._loop.connect_accepted_socket(lambda: self, self.socket)

    # -- the socket ------------------------------------------------------------------------------------------------

    def fileno(self) -> Any:
        """The socket itself: what ``IOLoop.add_handler`` takes.  Source: Tornado 4+."""
        return self.socket

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once (``True``) or let the kernel gather them.  Only TCP knows the difference.

        Source: Tornado ``BaseIOStream.set_nodelay``.
        """
        if self.socket is not None and self.socket.family in (socket.AF_INET, socket.AF_INET6):
            try:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1 if value else 0)
            except OSError as error:
                if error.errno != errno.EINVAL:  # macOS: the peer has gone already
                    raise

    def start_tls(
        self,
        server_side: bool,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> "asyncio.Future[SSLIOStream]":
        """Go on with TLS on the same connection.

        Args:
            server_side: whether the peer is the client of the handshake.
            ssl_options: a context, or a dict for :func:`~asynchttp.netutil.ssl_options_to_context`; ``None``: a context
                that verifies the peer, for a client.
            server_hostname: of a client: the name to send and to verify.

        Returns: a future of a new stream, which has this one's sizes and close callback; this one is of no more use.
        Raises:
            ValueError: the stream isn't idle. Octets that came before the handshake would count as protected, so
                nothing may be buffered either.
            ssl.SSLError: the handshake failed, and the connection is closed.
            StreamClosedError: the peer closed in the middle of it.
        Cancelling the future closes the connection. Source: Tornado ``IOStream.start_tls``.
        """
        busy = self.reading() or self.writing() or self._consumer is not None or self._connecting_fd is not None
        if busy or self._buffer or self._closed or self._peer_closed:
            raise ValueError("IOStream is not idle; cannot convert to SSL")
        context = netutil.ssl_options_to_context(ssl_options or _default_context(server_side), server_side=server_side)
        self._pause_reading()
        stream = SSLIOStream(
            self.socket,
            self.max_buffer_size,
            self.read_chunk_size,
            self.max_write_buffer_size,
            ssl_options=context,
            server_side=server_side,
            io_loop=self.io_loop,
        )
        stream._expect_server(server_hostname)
        stream._close_callback, self._close_callback = self._close_callback, None
        future: asyncio.Future[SSLIOStream] = self._loop.create_future()
        stream._handshake_waiter = future
        future.add_done_callback(stream._close_if_cancelled)
        stream._take_over(self)
        return future

    # -- closing ---------------------------------------------------------------------------------------------------

    def _release_transport(self) -> None:
        self._stop_connecting()
        super()._release_transport()
        self.socket = None

    def _close_unattached(self) -> None:
        """``write(small); close()`` delivers, also before there is a transport: it did in Tornado."""
        unsent, self._unsent, self._unsent_size = self._unsent, [], 0
        sock = self.socket
        if self._connect_future is None or self._connect_future.done():
            self._send_unsent(sock, unsent)
        if self._half_attached:
            # Its transport closes it, now that making it was cancelled. Closed here, the descriptor's number could be
            # another connection's before that.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.close()

    def _send_unsent(self, sock: socket.socket, unsent: list[bytes]) -> None:
        try:
            for data in unsent:
                if sock.send(data) < len(data):
                    break
        except OSError:
            pass

    def _fail_waiters(self, error: StreamClosedError) -> None:
        if self._connect_future is not None:
            fail(self._connect_future, error)
        super()._fail_waiters(error)


class SSLIOStream(IOStream):
    """A TLS stream over a socket.

    Args:
        socket: a plain socket, connected or not, or an :class:`ssl.SSLSocket` whose handshake hasn't begun
            (``do_handshake_on_connect=False``), whose context, side and peer's name are taken.
        ssl_options: a context, or a dict for :func:`~asynchttp.netutil.ssl_options_to_context`; default: a client's
            context that verifies its peer.
        server_side: whether the peer is the client of the handshake.

    The handshake begins when the stream is connected. Data may be written and reads started before it is over.
    Further arguments: :class:`BaseIOStream`.  Source: Tornado ``iostream.SSLIOStream``.
    """

    @accepts_io_loop(at=1)
    def __init__(
        self,
        socket: "socket.socket | ssl.SSLSocket | TLSSocket",
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
        *,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        server_side: bool = False,
        io_loop: IOLoop | None = None,
    ) -> None:
        self._server_hostname: str | None = None
        wrapped = isinstance(socket, ssl.SSLSocket)
        if isinstance(socket, ssl.SSLSocket):
            plain, context, server_side, self._server_hostname = take_ssl_socket(socket)
        else:
            plain = socket.plain if isinstance(socket, TLSSocket) else socket
            context = netutil.ssl_options_to_context(
                ssl_options or _default_context(server_side), server_side=server_side
            )
        super().__init__(plain, max_buffer_size, read_chunk_size, max_write_buffer_size, io_loop=io_loop)
        self.socket = TLSSocket(plain, context, server_side)
        self._handshake_waiter: asyncio.Future[Any] | None = None
        self._handshake_done = False
        # The plain stream that start_tls goes on with, until its transport is here; then that transport.
        self._plain: IOStream | None = None
        self._plain_transport: asyncio.Transport | None = None
        # (fd, address) for the log, when the socket can't tell any more.
        self._peer: tuple[int, Any] = (-1, None)
        if wrapped and _peer_name(plain) is not None:
            self._attach()

    def _can_half_close(self) -> bool:
        return False

    def _expect_server(self, server_hostname: str | None) -> None:
        if server_hostname is not None:
            self._server_hostname = server_hostname

    def _adopt(self, transport: asyncio.Transport) -> Any:
        return PacedTransport(transport, lambda: self._writing_paused)

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._transport is None or self._transport.pump():
            super().resume_writing()
        else:
            self._resolve_writes()

    # -- handshake -------------------------------------------------------------------------------------------------

    @accepts_callback(at=0, with_result=False)
    def wait_for_handshake(self) -> "asyncio.Future[SSLIOStream]":
        """Wait until the handshake is over.

        Returns: a future of the stream.
        Raises:
            RuntimeError: somebody waits already.
            ssl.SSLError: the handshake failed.
            StreamClosedError: the stream closed before it was over.
        Source: Tornado ``SSLIOStream.wait_for_handshake``.
        """
        if self._handshake_waiter is not None:
            raise RuntimeError("Already waiting")
        future: asyncio.Future[SSLIOStream] = self._loop.create_future()
        if self._handshake_done:
            future.set_result(self)
        elif self._closed:
            fail(future, self.error or StreamClosedError())
        else:
            self._handshake_waiter = future
            self._attach()
        return future

    def _resolve_connect(self) -> None:
        if self._handshake_done:
            super()._resolve_connect()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._closed:
            self._handshake_done = True
            self.socket.handshake_done(transport.get_extra_info("ssl_object"))
            self._resolve_connect()
            waiter, self._handshake_waiter = self._handshake_waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(self)
        super().connection_made(transport)

    async def _make_transport(self) -> None:
        tls = self.socket
        self._peer = (tls.fileno(), _peer_name(tls.plain))
        if self._plain is not None:
            await self._plain_attached(self._plain)
        if self._plain_transport is not None:
            transport = await self._loop.start_tls(
                self._plain_transport,
                self,
                tls.context,
                server_side=tls.server_side,
                server_hostname=None if tls.server_side else self._server_hostname or "",
            )
            self._plain_transport = None
            assert transport is not None
            self.connection_made(transport)
        elif tls.server_side:
            await self._loop.connect_accepted_socket(lambda: self, tls.plain, ssl=tls.context)
        else:
            await self._loop.create_connection(
                lambda: self, sock=tls.plain, ssl=tls.context, server_hostname=self._server_hostname or ""
            )

    def _take_over(self, plain: IOStream) -> None:
        """Go on with the connection of ``plain``, which ends as a stream without closing it."""
        if plain._transport is None and plain._attaching is not None:
            self._plain = plain  # its transport is on its way, and to stop that would close the socket
            plain._reading_paused = True
        else:
            self._take_transport(plain)
        self._attach()

    def _take_transport(self, plain: IOStream) -> None:
        self._plain_transport, plain._transport = plain._transport, None
        plain._closed = True
        plain.socket = None

    async def _plain_attached(self, plain: IOStream) -> None:
        """Wait for the transport of ``plain``, and take it."""
        assert plain._attaching is not None
        await plain._attaching
        self._plain = None
        if plain._transport is None:
            raise plain.error or ConnectionResetError()
        self._take_transport(plain)

    def _close_if_cancelled(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            self.close()

    def _attach_failed(self, error: Exception) -> None:
        if not handshake_was_cut_off(error):
            gen_log.warning("SSL Error on %s %s: %s", *self._peer, error)
        self._abort(error)

    # -- closing ---------------------------------------------------------------------------------------------------

    def _release_transport(self) -> None:
        if self._transport is not None:
            # What was written is encrypted and on its way to the plain transport, which uvloop sends from at the end
            # of this turn: so the goodbye first, the cut in the next turn.
            transport, self._transport = self._transport, None
            transport.close()
            if not self._loop.is_closed():
                self._loop.call_soon(transport.abort)
            self.socket = None
            return
        if self._plain_transport is not None:
            self._plain_transport.abort()
        super()._release_transport()

    def _send_unsent(self, sock: socket.socket, unsent: list[bytes]) -> None:
        """Without a handshake nothing can be sent."""

    def _fail_waiters(self, error: StreamClosedError) -> None:
        reason = self.error or StreamClosedError()
        waiter, self._handshake_waiter = self._handshake_waiter, None
        if waiter is not None:
            fail(waiter, reason)
        if self._connect_future is not None and not self._handshake_done and isinstance(reason, ssl.SSLError):
            fail(self._connect_future, reason)
        super()._fail_waiters(error)


class PipeIOStream(BaseIOStream):
    """A stream over one end of a pipe: it reads or writes, not both.

    Args:
        fd: becomes non-blocking and the stream's own.

    Further arguments: :class:`BaseIOStream`.  Source: Tornado ``iostream.PipeIOStream``.
    """

    @accepts_io_loop(at=1)
    def __init__(
        self,
        fd: int,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
        *,
        io_loop: IOLoop | None = None,
    ) -> None:
        self.fd = fd
        os.set_blocking(fd, False)
        super().__init__(max_buffer_size, read_chunk_size, max_write_buffer_size, io_loop=io_loop)

    def fileno(self) -> int:
        return self.fd

    def close_fd(self) -> None:
        os.close(self.fd)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        try:
            return os.readv(self.fd, [buf])
        except BlockingIOError:
            return None

    def write_to_fd(self, data: memoryview) -> int | None:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return None


def _default_context(server_side: bool) -> ssl.SSLContext:
    return netutil._server_ssl_defaults() if server_side else netutil._client_ssl_defaults()


def _peer_name(sock: socket.socket) -> Any:
    """The peer's address, ``None`` without one."""
    try:
        return sock.getpeername()
    except OSError:
        return None
