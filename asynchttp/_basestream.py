"""What all streams have in common: reads, writes and their end, over whatever transport there is.

How this works
==============

A stream **is** the :class:`asyncio.Protocol` of its transport, and the transport's only owner. It has two faces::

        PULL (from the start)                              PUSH (HTTP engine, WebSocket, proxies)
    transport ─► data_received                         transport ─► data_received ─► consumer.data_received
                  └► ReadBuffer ─► the one read          eof, connection_lost, pause/resume_writing likewise

:meth:`BaseIOStream.set_consumer` goes from the first to the second, :meth:`BaseIOStream.release_consumer` back; no
octet is lost or overtakes another on the way.

*Life* is told by ``_link`` (:class:`~asynchttp._streamtypes.Link`)::

    NONE ─► COMING ─► MAKING ─► UP ─► LOST          and CLOSED from anywhere
     └──────┘ connect() waits    └─ connection_lost with octets in the buffer

``IOStream(sock)`` only stores the socket, so it may be built before any loop runs. The first operation that needs a
transport starts one task that makes it (*attaches*). Until then writes queue and reads wait. Who has the descriptor
closes it: the stream up to COMING, then the loop.

*Reading* (:mod:`asynchttp._streamreading`) is on from attachment, so that an idle stream notices when its peer leaves.
It pauses when ``read_chunk_size`` octets lie in the buffer and nobody reads, and resumes when a read can't be satisfied
or the buffer is empty. Memory is so bounded by ``max(read_chunk_size, what the pending read needs)`` and one delivery
of the transport (at most 256 KiB); a read that needs more than ``max_buffer_size`` closes the stream. A read that is
cancelled leaves its octets in the buffer. A task that awaits a read goes on within the call that brings its octets
(:mod:`asynchttp._wakeup`), so that it can't be cancelled in between.

*Writing* (:mod:`asynchttp._streamwriting`).  The transport's high-water mark is 0: ``pause_writing`` comes inside
``write`` exactly when the kernel didn't take everything. If it didn't come, ``write`` returns one future that is done
already, the same for all.

*Closing* is immediate, as in Tornado: what the kernel hasn't taken is dropped. When the *peer* closes, octets that lie
in the buffer can still be read, and what was written goes on being sent. The stream closes when a read wants more than
there is; or, when all is read, written and said (to callbacks), if the connection is lost or there is a close callback.

What must never happen: two reads at once; a callback run inside the call that registered it; a future that fails
without being looked at and is reported as "never retrieved"; a touch of the transport from outside these modules.
"""

import asyncio
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

from asynchttp._fdtransport import FdTransport
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._legacy.contexts import leaves_stack_contexts, wrap
from asynchttp._readbuffer import UNUSED, ReadBuffer
from asynchttp._streamreading import ReadingHalf
from asynchttp._streamtypes import CLOSED, COMING, LOST, MAKING, NONE, UP, Consumer, Link, is_disconnect
from asynchttp._streamwriting import WritingHalf
from asynchttp._wakeup import resolve
from asynchttp.ioloop import IOLoop
from asynchttp.log import gen_log

__all__ = ["BaseIOStream"]

#: Octets a stream may hold for a read (Tornado's default).
DEFAULT_MAX_BUFFER_SIZE = 104857600
#: Octets in the buffer above which an idle stream stops reading (Tornado's default): four TLS records.
DEFAULT_READ_CHUNK_SIZE = 65536

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class BaseIOStream(ReadingHalf, WritingHalf, asyncio.Protocol):
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

    __slots__ = ("__dict__", "__weakref__", "_attaching")

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
        self.read_chunk_size = max(1, min(read_chunk_size or DEFAULT_READ_CHUNK_SIZE, self.max_buffer_size // 2))
        self.max_write_buffer_size = max_write_buffer_size
        #: what closed the stream, or ``None``
        self.error: BaseException | None = None

        self._link: Link = NONE
        # Invariant: None unless _link is UP.
        self._transport: Any = None
        # While _link is COMING or MAKING.
        self._attaching: asyncio.Task[None] | None = None
        self._close_callback: Callable[[], Any] | None = None
        # Push mode. Invariant: then _read is None or done.
        self._consumer: Consumer | None = None
        ReadingHalf.__init__(self)
        WritingHalf.__init__(self)

    # -- for subclasses --------------------------------------------------------------------------------------------

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

    # -- attaching -------------------------------------------------------------------------------------------------

    async def _make_transport(self) -> None:
        """Make a transport whose protocol is this stream; it calls :meth:`connection_made`."""
        FdTransport(self._loop, self)

    def _ready_to_attach(self) -> bool:
        return True

    @leaves_stack_contexts
    def _attach(self) -> None:
        """Start to attach, unless that was begun, is over, or has to wait for the connection."""
        if self._link is NONE and self._ready_to_attach():
            self._link = COMING
            self._attaching = self._loop.create_task(self._attach_task())

    async def _attach_task(self) -> None:
        if not self._ready_to_attach():  # a read came first, then connect(), which will attach
            self._link = NONE
            self._attaching = None
            return
        self._link = MAKING
        try:
            await self._make_transport()
        except asyncio.CancelledError:
            self._attaching = None
            self._abort(None)  # whoever cancelled all tasks of the loop wants this to end, too
            raise
        except Exception as error:
            self._attaching = None
            if self._link is MAKING:
                self._link = NONE
                self._attach_failed(error)
        else:
            self._attaching = None

    def _attach_failed(self, error: Exception) -> None:
        self._abort(error)

    # -- what the transport calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._link is not MAKING:  # closed meanwhile
            cast(asyncio.Transport, transport).abort()
            return
        self._link = UP
        self._transport = transport
        # pause_writing comes as soon as something is left over.
        self._transport.set_write_buffer_limits(high=0)
        if self._reading_paused:
            self._transport.pause_reading()
            # uvloop starts to read when this method returns, whatever was said in it.
            self._loop.call_soon(self._pause_again)
        self._write_unsent()

    def _pause_again(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        # HOT: once per delivery.
        if self._consumer is not None:
            self._consumer.data_received(data)
            return
        read = self._read
        buffer = self._buffer
        if read is not None and not buffer.size and read.is_whole(data):
            self._read = None
            if resolve(self._loop, read.future, data):
                return
            read = None  # it was cancelled
        if read is None:
            if self._link is not CLOSED:
                buffer.append(data)
                if buffer.size >= self.read_chunk_size:
                    self._pause_reading()
        else:
            buffer.append(data)
            self._serve_read()

    def eof_received(self) -> bool:
        if not self._peer_closed:  # the loops find the end again whenever reading is resumed
            self._peer_closed = True
            if self._consumer is not None:
                self._consumer.eof_received()
            else:
                self._peer_has_closed()
        # True keeps the transport open for writing.
        return self._link is not CLOSED

    def connection_lost(self, exc: BaseException | None) -> None:
        # Cuts the cycle stream → transport → stream.
        self._transport = None
        if self._link is CLOSED:
            return
        self._link = LOST
        self._peer_closed = True
        if exc is not None:
            self._peer_error = exc
            if not is_disconnect(exc):
                if self._write_waiters:
                    gen_log.warning("Write error on %s: %s", self.fileno(), exc)
                else:
                    gen_log.warning("error on read: %s", exc)
        if self._consumer is not None:
            self._abort(self._peer_error)
        else:
            self._peer_has_closed()
            self._fail_writes(self._peer_error)

    # -- push mode -------------------------------------------------------------------------------------------------

    def set_consumer(self, consumer: Consumer) -> None:
        """Give all octets from now on to ``consumer``, those first that are buffered.

        Raises: :exc:`AssertionError` while a read is pending or another consumer is set.
        """
        if self.reading() or self._consumer is not None:
            raise AssertionError("Already reading")
        if self._read is not None:
            self._forget_cancelled(self._read)
        self._consumer = consumer
        self._consumer_waits = self._writing_paused
        self._attach()
        self._resume_reading()
        if self._writing_paused:
            consumer.pause_writing()
        if self._buffer:
            consumer.data_received(self._buffer.take(len(self._buffer)))
        if self._consumer is consumer and not self._buffer:
            self._buffer = UNUSED
        if self._peer_closed and self._consumer is consumer:
            consumer.eof_received()
        if self._link in (LOST, CLOSED) and self._consumer is consumer:
            self._loop.call_soon(self._lose_consumer, consumer)

    def _lose_consumer(self, consumer: Consumer) -> None:
        """Push mode began when the connection had ended already."""
        if self._consumer is consumer:
            if self._link is CLOSED:
                self._consumer = None
                consumer.connection_lost(self.error)
            else:
                self._abort(self._peer_error)

    def release_consumer(self, rest: bytes = b"") -> None:
        """Back to reads. ``rest`` is what the consumer got and didn't use: it is read first."""
        self._consumer = None
        self._consumer_waits = False
        if self._buffer is UNUSED:
            self._buffer = ReadBuffer()
        self._buffer.prepend(rest)
        if self._peer_closed:
            self._loop.call_soon(self._notice_end)
        if self._buffer.size >= self.read_chunk_size:
            self._pause_reading()
        else:
            self._resume_reading()

    def unread(self, data: bytes) -> None:
        """Put octets back that were read: they are read again first."""
        self._buffer.prepend(data)

    def peer_has_gone(self) -> None:
        """In push mode: the peer, which closed its side, waits for no answer: tell who set a close callback."""
        self._schedule_close_callback()

    def peer_closed(self) -> bool:
        """Whether the peer has closed its side, or the connection broke."""
        return self._peer_closed

    def read_buffer_size(self) -> int:
        """Octets that came and haven't been read."""
        return len(self._buffer)

    def handshaking(self) -> bool:
        """Whether the peer can't have said anything yet, because there is TLS first."""
        return False

    def pause_reading(self) -> None:
        """In push mode: deliver nothing until :meth:`resume_reading`. Octets that are under way may still come."""
        self._pause_reading()

    def resume_reading(self) -> None:
        """In push mode: go on after :meth:`pause_reading`."""
        self._resume_reading()

    # -- state and end ---------------------------------------------------------------------------------------------

    def closed(self) -> bool:
        """Whether the stream is closed.  Source: Tornado."""
        return self._link is CLOSED

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once, where there is a network that knows the difference.  Source: Tornado."""

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once, in a later turn of the loop, when the stream closes; ``None`` takes it back.

        On a stream that has closed already it is called too. There is one slot.  Source: Tornado.
        """
        callback = wrap(callback)
        self._close_callback = callback
        if self._link is CLOSED:
            self._schedule_close_callback()
        elif callback is not None:
            self._attach()  # so that it notices
            if self._peer_closed:
                self._loop.call_soon(self._notice_end)

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
        self._let_consumer_send()
        self._abort(error)

    def _abort(self, error: BaseException | None) -> None:
        """The one way to the closed state."""
        link = self._link
        if link is CLOSED:
            return
        self._link = CLOSED
        if error is not None:
            self.error = error
        transport, self._transport = self._transport, None
        attaching, self._attaching = self._attaching, None
        if self._loop.is_closed():
            # Nobody can wait any more, and no transport can act: only the descriptor is left.
            self._close_unattached()
            return
        self._release(link, transport, attaching)
        something_to_read = self._settle_read(error)
        self._fail_writes(self.error)
        self._fail_others()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.connection_lost(error)
        if not something_to_read:
            self._schedule_close_callback()

    def _release(self, link: Link, transport: Any, attaching: "asyncio.Task[None] | None") -> None:
        """Let go of the descriptor or of who has it, as ``link`` was until now."""
        if attaching is not None:
            attaching.cancel()
        if link is UP:
            if transport is not None:
                transport.abort()
        elif link is NONE or link is COMING:
            self._close_unattached()

    def _close_unattached(self) -> None:
        """Close a descriptor that no transport has taken over, behind what it takes of what was written."""
        try:
            for data in self._unsent:
                if self.write_to_fd(memoryview(data)) != len(data):
                    break
        except OSError:
            pass
        try:
            self.close_fd()
        except OSError:  # somebody was faster
            pass

    def _fail_others(self) -> None:
        """Fail the futures of what else a subclass can wait for."""

    def _schedule_close_callback(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self.io_loop.add_callback(callback)
