"""Streams of octets: Tornado's ``read_until`` and ``write`` over asyncio's transports.

The classes are told apart by what carries the octets: a socket (:class:`IOStream`), TLS over a socket
(:class:`SSLIOStream`), a pipe (:class:`PipeIOStream`), or whatever a subclass of :class:`BaseIOStream` moves.
How they work is told in :mod:`asynchttp._basestream`.
"""

import asyncio
import errno
import os
import socket
import ssl
from typing import Any, Self

from asynchttp import netutil
from asynchttp._basestream import BaseIOStream
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._legacy.callbacks import accepts_callback
from asynchttp._reads import StreamBufferFullError, UnsatisfiableReadError
from asynchttp._reasons import TLS_FAILED
from asynchttp._streamtypes import CLOSED, COMING, MAKING, NONE, UP, Consumer, Link, StreamClosedError, fail
from asynchttp._tls import TLSLayer, TLSSocket, handshake_was_cut_off, take_ssl_socket
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

#: Private in Tornado, but programs import it (webssh): the error numbers of a peer that has gone.
_ERRNO_CONNRESET = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT)


class IOStream(BaseIOStream):
    """A stream over a socket.

    Args:
        socket: a stream socket, connected or not; it becomes non-blocking and the stream's own.

    Further arguments: :class:`BaseIOStream`.
    Raises: :exc:`TypeError` for an :class:`ssl.SSLSocket`: that takes an :class:`SSLIOStream`.
    Source: Tornado ``iostream.IOStream``.
    """

    __slots__ = (
        "_connect_error",
        "_connect_future",
        "_connecting_fd",
        "_nodelay",
        "_successor",
        "socket",
    )

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
        if isinstance(socket, ssl.SSLSocket):  # uvloop would read and write its octets without TLS
            raise TypeError("an ssl.SSLSocket takes an SSLIOStream")
        super().__init__(
            max_buffer_size=max_buffer_size,
            read_chunk_size=read_chunk_size,
            max_write_buffer_size=max_write_buffer_size,
            io_loop=io_loop,
        )
        #: the socket, for ``getpeername``, ``setsockopt`` and the like; ``None`` once closed
        self.socket: Any = socket
        socket.setblocking(False)
        # Set while connect() waits for the kernel.
        self._connecting_fd: int | None = None
        # The future of connect(): of an SSLIOStream it is done when the handshake is.
        self._connect_future: asyncio.Future[Any] | None = None
        # (descriptor, error) of a connection that couldn't be made.
        self._connect_error: tuple[int, OSError] | None = None
        # What set_nodelay() said; None: nothing.
        self._nodelay: bool | None = None
        # Goes on with our transport as soon as there is one: start_tls() was called while it was made.
        self._successor: TLSLayer | None = None

    # -- connecting ------------------------------------------------------------------------------------------------

    @accepts_callback(at=1, at_failure="_log_connect_error")
    def connect(self, address: Any, server_hostname: str | None = None) -> "asyncio.Future[Self]":
        """Connect the socket.  Reads and writes may be started before it has: they wait.

        Args:
            address: as for :meth:`socket.socket.connect`. A host name is resolved by the kernel call, which blocks;
                :class:`~asynchttp.tcpclient.TCPClient` doesn't.
            server_hostname: of an :class:`SSLIOStream`: the name to send and to verify.

        Returns: a future of the stream.
        Raises: :exc:`StreamClosedError` when it fails; ``real_error`` is the :exc:`OSError`. No timeout of its own.
        With a callback, which isn't called then, a log record tells.
        Cancelling the future doesn't stop it; :meth:`close` does. Source: Tornado ``IOStream.connect``.
        """
        if self._link is CLOSED:
            raise StreamClosedError(real_error=self.error)
        if self._connect_future is not None or self._link not in (NONE, COMING):
            raise RuntimeError("connect() was called before")
        sock = self.socket
        failure: OSError | None = None
        try:
            sock.connect(address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:  # also EAGAIN: the backlog of a UNIX socket is full
                failure = error
        self._expect_server(server_hostname)
        self._connect_future = future = self._loop.create_future()
        if failure is not None:
            self._connect_failed(failure)
        else:
            self._connecting_fd = sock.fileno()
            self._loop.add_writer(self._connecting_fd, self._connected)
        return future

    def _expect_server(self, server_hostname: str | None) -> None:
        """Remember whom we connect to; a plain stream doesn't care."""

    def _connected(self) -> None:
        self._stop_connecting()
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._connect_failed(OSError(code, os.strerror(code)))
        else:
            self._attach()

    def _connect_failed(self, error: OSError) -> None:
        self._connect_error = (self.socket.fileno(), error)
        self._abort(error)

    def _log_connect_error(self) -> None:
        if self._connect_error is not None:
            fd, error = self._connect_error
            gen_log.warning("Connect error on fd %s: %s", fd, errno.errorcode.get(error.errno or 0, error))

    def _stop_connecting(self) -> None:
        if self._connecting_fd is not None:
            if not self._loop.is_closed():
                self._loop.remove_writer(self._connecting_fd)
            self._connecting_fd = None

    def _ready_to_attach(self) -> bool:
        return self._connecting_fd is None

    async def _make_transport(self) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self, self.socket)
        except BaseException as error:
            if self._successor is not None:
                self._successor.connection_lost(error)
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._successor is not None:
            self._successor.take_over(transport)
            return
        if self._nodelay is not None:
            self.set_nodelay(self._nodelay)  # transports have an opinion, too
        if self._connect_future is not None and not self._connect_future.done() and self._link is not CLOSED:
            self._connect_future.set_result(self)
        super().connection_made(transport)

    # -- the socket ------------------------------------------------------------------------------------------------

    def fileno(self) -> Any:
        """The socket itself: what ``IOLoop.add_handler`` takes.  Source: Tornado 4+."""
        return self.socket

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once (``True``) or let the kernel gather them.  Only TCP knows the difference.

        Source: Tornado ``BaseIOStream.set_nodelay``.
        """
        self._nodelay = bool(value)
        if self.socket is not None and self.socket.family in (socket.AF_INET, socket.AF_INET6):
            try:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1 if value else 0)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EBADF):  # the peer has gone already
                    raise

    def sends_files(self) -> bool:
        """Whether :meth:`send_from_file` works here: sockets without TLS, where the system has it."""
        return self._transport is not None and hasattr(os, "sendfile")

    def send_from_file(self, fd: int, offset: int, count: int) -> int:
        """In push mode, while nothing waits to be written: let the kernel move octets of a file into the socket.

        Args:
            fd: descriptor of a regular file, whose position is left alone.

        Returns: the octets it took; 0 at the end of the file.
        Raises: :exc:`BlockingIOError` when it is full, :exc:`OSError` when the file or the connection is broken.
        """
        if self.socket is None:
            raise StreamClosedError(real_error=self.error)
        return os.sendfile(self.socket.fileno(), fd, offset, count)

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
                nothing may be buffered either. Or the context wants to check a name, and there is none.
            ssl.SSLError: the handshake failed, and the connection is closed.
            StreamClosedError: the stream was closed, or the peer left, in the middle of it.
        Cancelling the future closes the connection. Source: Tornado ``IOStream.start_tls``.
        """
        if (
            self._is_getting_ready()
            or self.reading()
            or self.writing()
            or self._buffer
            or self._consumer is not None
            or self._peer_closed
            or self._link is CLOSED
        ):
            raise ValueError("IOStream is not idle; cannot convert to SSL")
        stream = SSLIOStream(
            self.socket,
            max_buffer_size=self.max_buffer_size,
            read_chunk_size=self.read_chunk_size,
            max_write_buffer_size=self.max_write_buffer_size,
            ssl_options=ssl_options,
            server_side=server_side,
            io_loop=self.io_loop,
        )
        stream._expect_server(server_hostname)
        layer = stream._make_layer()
        future: asyncio.Future[SSLIOStream] = self._loop.create_future()
        stream._handshake_waiter = future
        future.add_done_callback(stream._close_if_cancelled)
        stream._nodelay = self._nodelay
        stream._close_callback, self._close_callback = self._close_callback, None
        self._hand_over(stream, layer)
        return future

    def _is_getting_ready(self) -> bool:
        """Whether somebody waits for connect(), or would for a handshake."""
        return self._connect_future is not None and not self._connect_future.done()

    def _hand_over(self, stream: "SSLIOStream", layer: TLSLayer) -> None:
        """Let ``stream`` go on with the connection.  This one ends without closing it."""
        link, self._link = self._link, CLOSED
        transport, self._transport = self._transport, None
        self.socket = None
        if link is UP:
            stream._link = MAKING
            layer.take_over(transport)
        elif link is MAKING:
            stream._link = MAKING
            self._successor = layer
        else:
            if self._attaching is not None:
                self._attaching.cancel()
            stream._attach()

    # -- closing ---------------------------------------------------------------------------------------------------

    def _release(self, link: Link, transport: Any, attaching: "asyncio.Task[None] | None") -> None:
        if link is MAKING:
            self._send_unsent()
        super()._release(link, transport, attaching)
        self.socket = None

    def _close_unattached(self) -> None:
        connecting = self._connecting_fd is not None
        self._stop_connecting()
        if not connecting:
            self._send_unsent()
        self.socket.close()
        self.socket = None

    def _send_unsent(self) -> None:
        """``write(small); close()`` delivers, also before there is a transport: it did in Tornado."""
        try:
            for data in self._unsent:
                if self.socket.send(data) < len(data):
                    break
        except OSError:
            pass

    def _fail_others(self) -> None:
        # Let go of, for its result is this stream.
        future, self._connect_future = self._connect_future, None
        if future is not None:
            fail(future, StreamClosedError(real_error=self.error))


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

    __slots__ = ("_handshake_done", "_handshake_waiter", "_layer", "_server_hostname")

    @accepts_io_loop(at=1)
    def __init__(
        self,
        socket: "socket.socket | ssl.SSLSocket",
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
        *,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        server_side: bool = False,
        io_loop: IOLoop | None = None,
    ) -> None:
        self._server_hostname: str | None = None
        if wrapped := isinstance(socket, ssl.SSLSocket):
            socket, context, server_side, self._server_hostname = take_ssl_socket(socket)
        else:
            context = netutil.ssl_options_to_context(
                ssl_options or _default_context(server_side), server_side=server_side
            )
        super().__init__(
            socket,
            max_buffer_size=max_buffer_size,
            read_chunk_size=read_chunk_size,
            max_write_buffer_size=max_write_buffer_size,
            io_loop=io_loop,
        )
        self.socket: Any = TLSSocket(socket, context, server_side)
        self._layer: TLSLayer | None = None
        self._handshake_waiter: asyncio.Future[Any] | None = None
        self._handshake_done = False
        if wrapped and _peer_name(socket) is not None:
            self._attach()

    def _expect_server(self, server_hostname: str | None) -> None:
        if server_hostname is not None:
            self._server_hostname = server_hostname

    def sends_files(self) -> bool:
        return False

    # -- handshake -------------------------------------------------------------------------------------------------

    @accepts_callback(at=0)
    def wait_for_handshake(self) -> "asyncio.Future[SSLIOStream]":
        """Wait until the handshake is over.

        Returns: a future of the stream.
        Raises:
            RuntimeError: somebody waits already.
            ssl.SSLError: the handshake failed.
            StreamClosedError: the stream closed, or the peer left, before it was over.
        Source: Tornado ``SSLIOStream.wait_for_handshake``.
        """
        if self._handshake_waiter is not None and not self._handshake_waiter.done():
            raise RuntimeError("Already waiting")
        future: asyncio.Future[SSLIOStream] = self._loop.create_future()
        if self._handshake_done:
            future.set_result(self)
        elif self._link is CLOSED:
            fail(future, self._handshake_error())
        else:
            self._handshake_waiter = future
            self._attach()
        return future

    def _is_getting_ready(self) -> bool:
        return not self._handshake_done

    def _make_layer(self) -> TLSLayer:
        """Raises: :exc:`ValueError` when the context wants to check a name that nobody gave."""
        tls = self.socket
        self._layer = TLSLayer(self._loop, self, tls.context, tls.server_side, self._server_hostname)
        return self._layer

    async def _make_transport(self) -> None:
        layer = self._layer or self._make_layer()
        await self._loop.connect_accepted_socket(lambda: layer, self.socket.plain)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshake_done = True
        self._layer = None
        self.socket.handshake_done(transport.get_extra_info("ssl_object"))
        waiter, self._handshake_waiter = self._handshake_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(self)
        super().connection_made(transport)

    def handshaking(self) -> bool:
        return not self._handshake_done

    def handshake_failed(self, error: OSError) -> None:
        """Called by the TLS layer, which has closed the connection."""
        if self._link is MAKING:
            self._attach_failed(error)

    def _attach_failed(self, error: Exception) -> None:
        if not handshake_was_cut_off(error):
            plain = self.socket.plain
            where = (plain.fileno(), _peer_name(plain))
            gen_log.warning("SSL Error on %s %s: %s", *where, error, extra=TLS_FAILED.attributes)
        self._abort(error)

    def _close_if_cancelled(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            self.close()

    # -- closing ---------------------------------------------------------------------------------------------------

    def _release(self, link: Link, transport: Any, attaching: "asyncio.Task[None] | None") -> None:
        layer, self._layer = self._layer, None
        if link is MAKING and layer is not None:
            layer.abort()
        super()._release(link, transport, attaching)

    def _send_unsent(self) -> None:
        """Without a handshake nothing can be sent."""

    def _fail_others(self) -> None:
        waiter, self._handshake_waiter = self._handshake_waiter, None
        if waiter is not None:
            fail(waiter, self._handshake_error())
        if self._connect_future is not None:
            fail(self._connect_future, self._handshake_error())

    def _handshake_error(self) -> OSError:
        """What to raise where somebody waits for the handshake of a stream that has closed."""
        if isinstance(self.error, ssl.SSLError) and not handshake_was_cut_off(self.error):
            return self.error
        return StreamClosedError(real_error=self.error)


class PipeIOStream(BaseIOStream):
    """A stream over one end of a pipe: it reads or writes, not both.

    Args:
        fd: becomes non-blocking and the stream's own.

    Further arguments: :class:`BaseIOStream`.  Source: Tornado ``iostream.PipeIOStream``.
    """

    __slots__ = ("fd",)

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
        super().__init__(
            max_buffer_size=max_buffer_size,
            read_chunk_size=read_chunk_size,
            max_write_buffer_size=max_write_buffer_size,
            io_loop=io_loop,
        )

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
