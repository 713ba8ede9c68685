"""What all streams have in common: reads, writes and their end, over whatever transport there is.

How this works
==============

A stream **is** the :class:`asyncio.Protocol` of its transport, and the transport's only owner. It has two faces::

        PULL (from the start)                              PUSH (HTTP engine, WebSocket, proxies)
    transport ─► data_received                         transport ─► data_received ─► consumer.data_received
                  └► ReadBuffer ─► the one read          eof, connection_lost, pause/resume_writing likewise

:meth:`BaseIOStream.set_consumer` goes from the first to the second, :meth:`BaseIOStream.release_consumer` back; no
octet is lost or overtakes another on the way.

*Life.*  ``IOStream(sock)`` only stores the socket, so it may be built before any loop runs. The first operation that
needs a transport starts one task that makes it (*attaches*). Until then writes queue, reads wait, ``close`` cancels.

*Reading* is on from attachment, so that an idle stream notices when its peer leaves. It pauses when ``read_chunk_size``
octets lie in the buffer and nobody reads, and resumes when a read can't be satisfied. Memory is so bounded by
``max(read_chunk_size, what the pending read needs)`` and one delivery of the transport (at most 256 KiB); a read that
needs more than ``max_buffer_size`` closes the stream.

*Writing.*  The transport's high-water mark is 0: ``pause_writing`` comes inside ``write`` exactly when the kernel
didn't take everything. If it didn't come, ``write`` returns one future that is done already, the same for all.

*Closing* is immediate, as in Tornado: what the kernel hasn't taken is dropped. When the *peer* closes, octets that lie
in the buffer can still be read; the stream closes when they are gone, or when a read wants more than there is.

What must never happen: two reads at once; a callback run inside the call that registered it; a future that fails
without being looked at and is reported as "never retrieved"; a touch of the transport from outside this module.
"""

import asyncio
import collections
import errno
import re
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, cast

from asynchttp._fdtransport import FdTransport
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._legacy.callbacks import accepts_callback
from asynchttp._legacy.contexts import wrap
from asynchttp._readbuffer import ReadBuffer
from asynchttp._reads import (
    Exactly,
    Into,
    Partial,
    Read,
    StreamBufferFullError,
    Streaming,
    UnsatisfiableReadError,
    Until,
    UntilClose,
    UntilMatch,
)
from asynchttp.ioloop import IOLoop
from asynchttp.log import gen_log

__all__ = ["BaseIOStream", "Consumer", "StreamClosedError", "fail", "octets"]

#: Octets a stream may hold for a read (Tornado's default).
DEFAULT_MAX_BUFFER_SIZE = 104857600
#: Octets in the buffer above which an idle stream stops reading (Tornado's default): four TLS records.
DEFAULT_READ_CHUNK_SIZE = 65536

#: The peer has gone: no error of ours, and no log record.
_DISCONNECTED = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class StreamClosedError(OSError):
    """The stream is closed, or closed before the operation was over.

    Attributes:
        real_error: the exception that closed the stream, if there was one.

    Source: Tornado ``iostream.StreamClosedError``.
    """

    def __init__(self, real_error: BaseException | None = None) -> None:
        super().__init__("Stream is closed")
        self.real_error = real_error


class Consumer(Protocol):
    """Who gets the octets of a stream in push mode.  Each method is called by the loop and must not raise."""

    def data_received(self, data: bytes) -> None:
        """Octets, never empty."""

    def eof_received(self) -> None:
        """The peer won't send any more; writing is still possible, except over TLS."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The stream is closed. Called once, last."""

    def pause_writing(self) -> None:
        """The kernel didn't take all that was written."""

    def resume_writing(self) -> None:
        """It has taken all now."""


class BaseIOStream(asyncio.Protocol):
    """A stream over anything that has a file descriptor.

    A subclass says how octets are moved: it overrides :meth:`fileno`, :meth:`close_fd`, :meth:`read_from_fd` and
    :meth:`write_to_fd`, and its descriptor is polled. :class:`~asynchttp.iostream.IOStream` doesn't: its octets come
    through asyncio's own transports, and overriding these methods there changes nothing.

    Args:
        max_buffer_size: octets that a read may need before the stream closes with :exc:`StreamBufferFullError`;
            default 100 MiB.
        read_chunk_size: octets in the buffer above which an idle stream pauses reading; default 64 KiB, at most half of
            ``max_buffer_size``.
        max_write_buffer_size: octets that may wait to be written before :meth:`write` raises; default unlimited.

    Source: Tornado ``iostream.BaseIOStream``.
    """

    @accepts_io_loop(at=0)
    def __init__(
        self,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
        *,
        io_loop: IOLoop | None = None,
    ) -> None:
        self.io_loop = IOLoop.current() if io_loop is None else io_loop
        self._loop = self.io_loop.asyncio_loop
        self.max_buffer_size = max_buffer_size or DEFAULT_MAX_BUFFER_SIZE
        self.read_chunk_size = min(read_chunk_size or DEFAULT_READ_CHUNK_SIZE, self.max_buffer_size // 2)
        self.max_write_buffer_size = max_write_buffer_size
        #: what closed the stream, or ``None``
        self.error: BaseException | None = None

        self._transport: Any = None
        self._attaching: asyncio.Task[None] | None = None
        # A transport is being made, and has the descriptor already: closing it is the transport's business.
        self._half_attached = False
        self._closed = False
        self._close_callback: Callable[[], Any] | None = None
        self._consumer: Consumer | None = None

        self._buffer = ReadBuffer()
        self._read: Read | None = None
        self._reading_paused = False
        # The peer has closed; octets that it sent before may still lie in the buffer.
        self._peer_closed = False
        self._peer_error: BaseException | None = None

        self._done = self.io_loop.done_future
        # Written before there was a transport.
        self._unsent: list[bytes] = []
        self._unsent_size = 0
        self._writing_paused = False
        # Invariant: empty unless _writing_paused or not attached. (position in the stream of writes, future)
        self._write_waiters: collections.deque[tuple[int, asyncio.Future[None]]] = collections.deque()
        self._written = 0

    # -- attaching -------------------------------------------------------------------------------------------------

    async def _make_transport(self) -> None:
        """Make a transport whose protocol is this stream; it calls :meth:`connection_made`."""
        FdTransport(self._loop, self)

    def fileno(self) -> Any:
        """The descriptor to poll, or an object that has one."""
        raise NotImplementedError

    def close_fd(self) -> None:
        """Close the descriptor."""
        raise NotImplementedError

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read into ``buf`` without blocking; returns the number of octets, ``None`` for nothing yet, 0 at the end."""
        raise NotImplementedError

    def write_to_fd(self, data: memoryview) -> int | None:
        """Write without blocking; returns the number of octets that were taken, ``None`` or 0 for none."""
        raise NotImplementedError

    def get_fd_error(self) -> Exception | None:
        """What the system knows of why the descriptor failed."""
        return None

    def _ready_to_attach(self) -> bool:
        return True

    def _attach(self) -> None:
        """Start to attach, unless that was begun, is over, or has to wait for the connection."""
        if self._attaching is None and not self._closed and self._ready_to_attach():
            self._attaching = self._loop.create_task(self._attach_task())

    async def _attach_task(self) -> None:
        if not self._ready_to_attach():  # a read came first, then connect(), which will attach
            self._attaching = None
            return
        self._half_attached = True
        try:
            await self._make_transport()
        except asyncio.CancelledError:
            if not self._closed:
                raise
        except Exception as error:
            self._half_attached = False  # whoever was making it has closed it, or never took it
            self._attach_failed(error)

    def _attach_failed(self, error: Exception) -> None:
        self._abort(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        if self._closed:
            transport.abort()
            return
        self._transport = self._adopt(transport)
        if self._reading_paused:  # start_tls came before us
            self._transport.pause_reading()
        if self._unsent:
            unsent, self._unsent, self._unsent_size = self._unsent, [], 0
            for data in unsent:
                self._transport.write(data)
        if not self._writing_paused:
            # The kernel took it at once: no resume_writing will come.
            self._resolve_writes()

    def _adopt(self, transport: asyncio.Transport) -> Any:
        """The transport as this stream uses it: ``pause_writing`` comes as soon as something is left over."""
        transport.set_write_buffer_limits(high=0)
        return transport

    # -- what the transport calls ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        # HOT: once per delivery.
        if self._consumer is not None:
            self._consumer.data_received(data)
            return
        if self._closed:
            return
        read = self._read
        if read is not None:
            if not self._buffer.size and read.is_whole(data) and not read.future.done():
                self._read = None
                read.future.set_result(data)
                return
            self._buffer.append(data)
            self._serve_read()
            return
        self._buffer.append(data)
        if self._buffer.size >= self.read_chunk_size:
            self._pause_reading()

    def eof_received(self) -> bool | None:
        if self._consumer is not None:
            self._consumer.eof_received()
        else:
            self._peer_has_closed(None)
        # True keeps the transport open for writing; a TLS transport can't be, and would complain.
        return not self._closed and self._can_half_close()

    def _can_half_close(self) -> bool:
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        # Cuts the cycle stream → transport → stream.
        self._transport = None
        if self._closed:
            return
        if self._consumer is not None or (self._peer_closed and not self._buffer):
            self._abort(exc)
        else:
            self._peer_has_closed(exc)

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._consumer is not None:
            self._consumer.pause_writing()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._resolve_writes()
        if self._consumer is not None:
            self._consumer.resume_writing()

    # -- reading ---------------------------------------------------------------------------------------------------

    @accepts_callback(at=1)
    def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> asyncio.Future[bytes]:
        """Read up to and including ``delimiter``.

        Args:
            delimiter: one or more octets; may arrive split over several deliveries. A ``str`` is taken as UTF-8.
            max_bytes: octets to look through, delimiter included; ``None``: ``max_buffer_size``.

        Returns: the octets read. What follows them stays buffered.
        Raises:
            StreamClosedError: the peer closed first; or, with :exc:`UnsatisfiableReadError` as ``real_error``, there is
                no delimiter within ``max_bytes``, and the stream is closed.
            AssertionError: another read is pending.
        Cancelling loses no octets. Source: Tornado ``BaseIOStream.read_until``.
        """
        if not isinstance(delimiter, bytes):
            delimiter = octets(delimiter)
        if not delimiter:
            raise ValueError("empty delimiter")
        return self._start_read(Until(delimiter, max_bytes))

    @accepts_callback(at=1)
    def read_until_regex(self, regex: bytes | re.Pattern[bytes], max_bytes: int | None = None) -> asyncio.Future[bytes]:
        """Read up to and including the first match of ``regex``; otherwise as :meth:`read_until`.

        Source: Tornado ``BaseIOStream.read_until_regex``.
        """
        return self._start_read(UntilMatch(re.compile(regex), max_bytes))

    @accepts_callback(at=1)
    def read_bytes(
        self,
        num_bytes: int,
        partial: bool = False,
        streaming_callback: Callable[[bytes], Any] | None = None,
    ) -> asyncio.Future[bytes]:
        """Read ``num_bytes`` octets.

        Args:
            partial: be content with fewer, but at least one, as soon as there are any.
            streaming_callback: called by the loop with the octets as they come; the result is then ``b""``.

        Raises: as :meth:`read_until`.  Cancelling loses no octets that weren't given to ``streaming_callback``.
        Source: Tornado ``BaseIOStream.read_bytes``.
        """
        if not isinstance(num_bytes, int):
            raise AssertionError(f"num_bytes must be an integer, not {num_bytes!r}")
        if streaming_callback is not None:
            return self._start_read(Streaming(num_bytes, self._streaming(streaming_callback)))
        if num_bytes == 0 and not self.reading():
            return self._satisfied(b"")
        return self._start_read(Partial(num_bytes) if partial else Exactly(num_bytes))

    @accepts_callback(at=1)
    def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> asyncio.Future[int]:
        """Fill ``buf``, a writable buffer, and return the number of octets.

        Args:
            partial: be content with fewer octets, but at least one, as soon as there are any.

        Raises: as :meth:`read_until`.  Source: Tornado ``BaseIOStream.read_into``.
        """
        if not buf and not self.reading():
            return self._satisfied(0)
        return self._start_read(Into(memoryview(buf).cast("B"), partial))

    @accepts_callback(at=0)
    def read_until_close(self, *, streaming_callback: Callable[[bytes], Any] | None = None) -> asyncio.Future[bytes]:
        """Read everything until the peer closes; a reset counts as a close.

        Args:
            streaming_callback: called by the loop with the octets as they come; the result is then ``b""``, and
                ``max_buffer_size`` doesn't apply.

        Returns: at once what is buffered, if the stream is closed already.
        Raises:
            StreamClosedError: the stream was closed by an error, ``real_error``.
        Source: Tornado ``BaseIOStream.read_until_close``.
        """
        read = UntilClose() if streaming_callback is None else Streaming(None, self._streaming(streaming_callback))
        if self._closed and self._read is None:
            return self._satisfied(read.take(self._buffer, read.at_close(self._buffer)))
        return self._start_read(read)

    def _streaming(self, callback: Callable[[bytes], Any]) -> Callable[[bytes], None]:
        def deliver(data: bytes) -> None:
            self.io_loop.add_callback(callback, data)

        return deliver

    def _satisfied(self, result: Any) -> "asyncio.Future[Any]":
        """What a read that needs no octets returns."""
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_result(result)
        return future

    def _start_read(self, read: Read) -> "asyncio.Future[Any]":
        # HOT: once per read.
        pending = self._read
        if pending is not None:
            if not pending.future.done():
                if self._closed:
                    raise StreamClosedError(real_error=self.error)
                raise AssertionError("Already reading")
            self._read = None  # it was cancelled: its octets are still in the buffer
        if self._consumer is not None:
            raise AssertionError("the octets of this stream go to a consumer")
        read.future = future = self._loop.create_future()
        if not self._buffer.size and self._transport is not None and not (self._reading_paused or self._peer_closed):
            self._read = read  # the ordinary case: nothing is there yet
            return future
        try:
            size = read.size(self._buffer)
        except UnsatisfiableReadError as error:
            self._read = read
            self._unsatisfiable(error)
            return future
        if size >= 0:
            future.set_result(read.take(self._buffer, size))
            if self._peer_closed and not self._buffer and not self._closed:
                self._loop.call_soon(self._after_last_read)
            return future
        if self._closed:
            raise StreamClosedError(real_error=self.error)
        if len(self._buffer) > self.max_buffer_size:
            self._buffer_full()
            raise StreamBufferFullError("Reached maximum read buffer size")
        self._read = read
        if self._peer_closed:
            self._abort(self._peer_error)
        elif self._transport is None:
            self._attach()
        elif self._reading_paused:
            self._resume_reading()
        return future

    def _serve_read(self) -> None:
        # HOT: once per delivery with a read pending. Entry: a read is in the slot.
        read = cast(Read, self._read)
        if read.future.done():  # cancelled
            self._read = None
            if len(self._buffer) >= self.read_chunk_size:
                self._pause_reading()
            return
        try:
            size = read.size(self._buffer)
        except UnsatisfiableReadError as error:
            self._unsatisfiable(error)
            return
        if size >= 0:
            self._read = None
            read.future.set_result(read.take(self._buffer, size))
            if len(self._buffer) >= self.read_chunk_size:
                self._pause_reading()
        elif len(self._buffer) > self.max_buffer_size:
            gen_log.error("Reached maximum read buffer size")
            self._buffer_full()

    def _unsatisfiable(self, error: UnsatisfiableReadError) -> None:
        gen_log.info("Unsatisfiable read, closing connection: %s", error)
        self._abort(error)

    def _buffer_full(self) -> None:
        self._abort(StreamBufferFullError("Reached maximum read buffer size"))

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    # -- push mode -------------------------------------------------------------------------------------------------

    def set_consumer(self, consumer: Consumer) -> None:
        """Give all octets from now on to ``consumer``, those first that are buffered.

        Raises: :exc:`AssertionError` while a read is pending or another consumer is set.
        """
        if self.reading() or self._consumer is not None:
            raise AssertionError("Already reading")
        self._consumer = consumer
        self._read = None
        if self._transport is None:
            self._attach()
        if self._buffer:
            consumer.data_received(self._buffer.take(len(self._buffer)))
        self._resume_reading()
        if self._peer_closed:
            consumer.eof_received()

    def release_consumer(self, rest: bytes = b"") -> None:
        """Back to reads. ``rest`` is what the consumer got and didn't use: it is read first."""
        self._consumer = None
        self._buffer.prepend(rest)
        if len(self._buffer) >= self.read_chunk_size:
            self._pause_reading()
        else:
            self._resume_reading()

    def unread(self, data: bytes) -> None:
        """Put octets back that were read: they are read again first."""
        self._buffer.prepend(data)

    def pause_reading(self) -> None:
        """In push mode: deliver nothing until :meth:`resume_reading`. Octets that are under way may still come."""
        self._pause_reading()

    def resume_reading(self) -> None:
        """In push mode: go on after :meth:`pause_reading`."""
        self._resume_reading()

    def send(self, data: bytes) -> None:
        """In push mode: write without asking how it went. The consumer's ``pause_writing`` tells to wait."""
        # HOT: once per packet.
        if self._transport is not None:
            self._transport.write(data)
        elif not self._closed:
            self._unsent.append(data)
            self._unsent_size += len(data)

    def send_eof(self) -> bool:
        """In push mode: close the sending side behind what was written.  False where that can't be done (TLS)."""
        if self._transport is None or not self._can_half_close() or not self._transport.can_write_eof():
            return False
        self._transport.write_eof()
        return True

    def close_after_writing(self) -> None:
        """Close, but not before the kernel has all that was written."""
        if self._transport is None or self._transport.get_write_buffer_size() == 0:
            self.close()
        elif not self._closed:
            self._transport.close()
            self._transport = None
            self._abort(None)

    def write_buffer_size(self) -> int:
        """Octets that were written and that the kernel hasn't taken."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return waiting + self._unsent_size

    # -- writing ---------------------------------------------------------------------------------------------------

    @accepts_callback(at=1, with_result=False)
    def write(self, data: bytes | bytearray | memoryview) -> asyncio.Future[None]:
        """Write octets behind those written before.

        Args:
            data: any length, also none. A ``str`` is taken as UTF-8. A ``bytearray`` or ``memoryview`` is copied: it is
                the caller's again at once.

        Returns: a future that is done when the octets have been handed to the kernel. Nobody has to wait for it.
        Raises:
            StreamClosedError: the stream is closed.
            StreamBufferFullError: more than ``max_write_buffer_size`` octets would wait. Nothing of ``data`` was taken.
        Cancelling the future doesn't take the octets back. Source: Tornado ``BaseIOStream.write``.
        """
        # HOT: once per write.
        if self._closed:
            raise StreamClosedError(real_error=self.error)
        if type(data) is not bytes:
            data = octets(data)
        if self.max_write_buffer_size is not None:
            self._check_write_buffer(len(data))
        if self._transport is None:
            self._unsent.append(data)
            self._unsent_size += len(data)
            self._attach()
        else:
            self._transport.write(data)
            if not self._writing_paused:
                return self._done
        return self._write_waiter(len(data))

    def _check_write_buffer(self, size: int) -> None:
        if self.write_buffer_size() + size > (self.max_write_buffer_size or 0):
            raise StreamBufferFullError("Reached maximum write buffer size")

    def _write_waiter(self, size: int) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        self._written += size
        self._write_waiters.append((self._written, future))
        if len(self._write_waiters) > 1:  # whoever writes on and on never lets the queue run empty
            self._resolve_writes()
        return future

    def _resolve_writes(self) -> None:
        """Resolve the futures of what the kernel has taken, in order."""
        waiters = self._write_waiters
        if waiters:
            taken = self._written - self.write_buffer_size()
            while waiters and waiters[0][0] <= taken:
                future = waiters.popleft()[1]
                if not future.done():
                    future.set_result(None)

    # -- state and end ---------------------------------------------------------------------------------------------

    def reading(self) -> bool:
        """Whether a read is pending.  Source: Tornado."""
        return self._read is not None and not self._read.future.done()

    def writing(self) -> bool:
        """Whether octets wait to be handed to the kernel.  Source: Tornado."""
        return not self._closed and (self._writing_paused or bool(self._unsent))

    def closed(self) -> bool:
        """Whether the stream is closed.  Source: Tornado."""
        return self._closed

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once, in a later turn of the loop, when the stream closes; ``None`` takes it back.

        On a stream that has closed already it is called too. There is one slot.  Source: Tornado.
        """
        callback = wrap(callback)
        self._close_callback = callback
        if self._closed:
            self._schedule_close_callback()
        elif callback is not None and self._transport is None:
            self._attach()  # so that it notices

    def close(self, exc_info: "bool | BaseException | ExcInfo" = False) -> None:
        """Close at once: what the kernel hasn't taken yet is dropped.  Calling it again does nothing.

        Args:
            exc_info: what to keep as :attr:`error`: an exception, what :func:`sys.exc_info` returns, or ``True`` for
                the exception being handled.

        Source: Tornado ``BaseIOStream.close``.
        """
        error: BaseException | None = None
        if isinstance(exc_info, BaseException):
            error = exc_info
        elif isinstance(exc_info, tuple):
            error = exc_info[1]
        elif exc_info:
            error = sys.exc_info()[1]
        self._abort(error)

    def _peer_has_closed(self, exc: BaseException | None) -> None:
        """The peer has closed or reset: at once, or, with octets in the buffer and no read that wants more, later."""
        self._peer_closed = True
        self._peer_error = exc
        if self.reading() or not self._buffer:
            self._abort(exc)

    def _after_last_read(self) -> None:
        if self._peer_closed and not self._buffer:
            self._abort(self._peer_error)

    def _abort(self, error: BaseException | None) -> None:
        """The one way to the closed state."""
        if self._closed:
            return
        self._closed = True
        if error is not None:
            self.error = error
        self._release_transport()
        self._settle_read(error)
        self._fail_waiters(StreamClosedError(real_error=self.error))
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.connection_lost(error)
        self._schedule_close_callback()

    def _release_transport(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        else:
            if self._attaching is not None:
                self._attaching.cancel()
            self._close_unattached()

    def _close_unattached(self) -> None:
        """Close a descriptor that no transport has taken over."""
        self.close_fd()

    def _settle_read(self, error: BaseException | None) -> None:
        read, self._read = self._read, None
        if read is None or read.future.done():
            return
        gone = error is None or (isinstance(error, OSError) and error.errno in _DISCONNECTED)
        try:
            size = read.at_close(self._buffer) if gone else -1
        except UnsatisfiableReadError:
            size = -1
        if size >= 0:
            read.future.set_result(read.take(self._buffer, size))
        else:
            fail(read.future, StreamClosedError(real_error=self.error))

    def _fail_waiters(self, error: StreamClosedError) -> None:
        waiters, self._write_waiters = self._write_waiters, collections.deque()
        for _, future in waiters:
            fail(future, error)

    def _schedule_close_callback(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self.io_loop.add_callback(callback)


def octets(data: Any) -> bytes:
    """``data`` as ``bytes``; a ``str``, which Python 2 programs that were converted use, as UTF-8."""
    if isinstance(data, str):
        return data.encode()
    return bytes(data) if not isinstance(data, int) else _refuse(data)


def _refuse(data: object) -> bytes:
    raise TypeError(f"expected bytes, bytearray, memoryview or str, not {type(data).__name__}")


def fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    """Fail a future that nobody has to look at."""
    if not future.done():
        future.set_exception(error)
        future.exception()
