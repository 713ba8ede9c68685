"""The reading half of a stream in pull mode: what arrived and nobody has read, and the one read that waits."""

import asyncio
import numbers
import re
from collections.abc import Callable
from typing import Any, cast

from asynchttp._legacy.callbacks import accepts_read_callback, guarded
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
from asynchttp._streamtypes import CLOSED, LOST, StreamClosedError, StreamParts, fail, is_disconnect, octets
from asynchttp._wakeup import Bystander, is_awaited, resolve
from asynchttp.log import gen_log

__all__ = ["ReadingHalf"]

_BUFFER_FULL = "Reached maximum read buffer size"


class ReadingHalf(StreamParts):
    """Reads of a stream: see "Reading" in :mod:`asynchttp._basestream`."""

    __slots__ = ()

    def __init__(self) -> None:
        self._buffer = ReadBuffer()
        # The read that waits. A cancelled one stays here until the next octets or the next read find it.
        self._read: Read | None = None
        # A Receiver, while the read is being started that it waits for; _legacy/callbacks.py sets it.
        self._receiver: Any = None
        # The last read_until, to be used again: a line-based protocol has one delimiter.
        self._until: Until | None = None
        # Without a transport: it will be paused as soon as there is one.
        self._reading_paused = False
        # The peer has closed; octets that it sent before may still lie in the buffer.
        self._peer_closed = False
        self._peer_error: BaseException | None = None
        # Callbacks that were registered and haven't run; _legacy/callbacks.py counts them.
        self._callbacks_due = 0

    # -- for users -------------------------------------------------------------------------------------------------

    @accepts_read_callback(at=1)
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
        until = self._until
        if self._read is not None or until is None or until.delimiter != delimiter or until.max_bytes != max_bytes:
            until = self._until = Until(delimiter, max_bytes)
        until.searched = 0
        return self._start_read(until)

    @accepts_read_callback(at=1)
    def read_until_regex(self, regex: bytes | re.Pattern[bytes], max_bytes: int | None = None) -> asyncio.Future[bytes]:
        """Read up to and including the first match of ``regex``, a ``str`` taken as UTF-8; else as :meth:`read_until`.

        Each delivery is searched from the front: where the peer isn't trusted, ``max_bytes`` bounds the work.
        Source: Tornado ``BaseIOStream.read_until_regex``.
        """
        pattern = re.compile(octets(regex) if isinstance(regex, str) else regex)
        if not isinstance(pattern.pattern, bytes):
            raise TypeError(f"a pattern of bytes is needed, not {pattern!r}")
        return self._start_read(UntilMatch(pattern, max_bytes))

    @accepts_read_callback(at=1)
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
        if type(num_bytes) is not int and not isinstance(num_bytes, numbers.Integral):
            raise AssertionError(f"num_bytes must be an integer, not {num_bytes!r}")
        if num_bytes < 0:
            raise ValueError(f"num_bytes must not be negative: {num_bytes}")
        if num_bytes == 0 and not self.reading():
            return self._satisfied(b"")
        if streaming_callback is not None:
            return self._behind_chunks(self._start_read(Streaming(num_bytes, self._streaming(streaming_callback))))
        return self._start_read(Partial(num_bytes) if partial else Exactly(num_bytes))

    @accepts_read_callback(at=1)
    def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> asyncio.Future[int]:
        """Fill ``buf``, a writable buffer, and return the number of octets.

        Args:
            buf: is in use, and can't be resized, until the read is over.
            partial: be content with fewer octets, but at least one, as soon as there are any.

        Raises: as :meth:`read_until`.  Cancelling loses no octets: they are read again.
        Source: Tornado ``BaseIOStream.read_into``.
        """
        if not buf and not self.reading():
            return self._satisfied(0)
        target = memoryview(buf).cast("B")
        if target.readonly:
            raise TypeError(f"read_into needs a writable buffer, not {type(buf).__name__}")
        read = Into(target, partial)
        future = self._start_read(read)
        if not future.done():
            # Before anybody who waits for the future can touch the buffer.
            future.add_done_callback(Bystander(self._read_into_is_over, read))
        return future

    @accepts_read_callback(at=0, rest_at_failure=True)
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
        if self._link is CLOSED:
            future = self._satisfied(read.take(self._buffer, read.at_close(self._buffer)))
        else:
            future = self._start_read(read)
        return future if streaming_callback is None else self._behind_chunks(future)

    def reading(self) -> bool:
        """Whether a read is pending.  Source: Tornado."""
        return self._read is not None and not self._read.future.done()

    # -- the read that waits ---------------------------------------------------------------------------------------

    def _streaming(self, callback: Callable[[bytes], Any]) -> Callable[[bytes], None]:
        callback = guarded(self, callback)

        def deliver(data: bytes) -> None:
            self.io_loop.spawn_callback(callback, data)

        return deliver

    def _behind_chunks(self, future: asyncio.Future[bytes]) -> asyncio.Future[bytes]:
        """A future that is never done before the callback has got all its chunks."""
        if not future.done() or future.exception() is not None:
            return future
        later: asyncio.Future[bytes] = self._loop.create_future()
        self._loop.call_soon(_satisfy, later, b"")
        return later

    def _satisfied(self, result: Any) -> asyncio.Future[Any]:
        """What a read that needs no octets returns."""
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_result(result)
        return future

    def _start_read(self, read: Read) -> asyncio.Future[Any]:
        # HOT: once per read.
        pending = self._read
        if pending is not None:
            if not pending.future.done():
                raise AssertionError("Already reading")
            self._forget_cancelled(pending)
        read.future = future = self._receiver or self._loop.create_future()
        buffer = self._buffer
        if not buffer.size and self._transport is not None and not (self._reading_paused or self._peer_closed):
            if self._consumer is not None:
                raise AssertionError("the octets of this stream go to a consumer")
            self._read = read  # the ordinary case: nothing is there yet
            return future
        return self._start_uncommon_read(read)

    def _start_uncommon_read(self, read: Read) -> asyncio.Future[Any]:
        """Something is in the buffer, or nothing can arrive at the moment."""
        if self._consumer is not None:
            raise AssertionError("the octets of this stream go to a consumer")
        future = read.future
        try:
            size = read.size(self._buffer)
        except UnsatisfiableReadError as error:
            if self._link is CLOSED:
                raise StreamClosedError(real_error=error) from None
            self._read = read
            self._unsatisfiable(error)
            return future
        if size >= 0:
            future.set_result(read.take(self._buffer, size))
            if not self._buffer:
                if self._peer_closed:
                    self._loop.call_soon(self._notice_end)
                else:
                    self._resume_reading()  # so that an idle stream notices that its peer leaves
            return future
        if self._link is CLOSED:
            read.give_back(self._buffer)
            raise StreamClosedError(real_error=self.error)
        if self._buffer.size > self.max_buffer_size:
            full = StreamBufferFullError(_BUFFER_FULL)
            gen_log.error(_BUFFER_FULL)
            self._abort(full)
            raise full
        self._read = read
        if self._peer_closed:
            self._abort(self._peer_error)
        else:
            self._resume_reading()
            self._attach()
        return future

    def _serve_read(self) -> None:
        # HOT: once per delivery with a read pending. Entry: a read is in the slot.
        read = cast(Read, self._read)
        buffer = self._buffer
        if read.future.done():
            self._forget_cancelled(read)
        else:
            try:
                size = read.size(buffer)
            except UnsatisfiableReadError as error:
                self._unsatisfiable(error)
                return
            if size < 0:
                if buffer.size > self.max_buffer_size:
                    gen_log.error(_BUFFER_FULL)
                    gen_log.warning("error on read: %s", _BUFFER_FULL)
                    self._abort(StreamBufferFullError(_BUFFER_FULL))
                return
            self._read = None
            result = read.take(buffer, size)
            if isinstance(read, Streaming):  # it ends behind what the loop was given for its function
                read.future.set_result(result)
            else:
                resolve(self._loop, read.future, result)
        if buffer.size >= self.read_chunk_size and self._read is None and self._consumer is None:
            self._pause_reading()

    def _forget_cancelled(self, read: Read) -> None:
        """Empty the slot if ``read`` is in it and was cancelled: the next read gets its octets."""
        if self._read is read and read.future.done():
            self._read = None
            read.give_back(self._buffer)

    def _read_into_is_over(self, read: Read, future: asyncio.Future[int]) -> None:
        self._forget_cancelled(read)

    def _unsatisfiable(self, error: UnsatisfiableReadError) -> None:
        gen_log.info("Unsatisfiable read, closing connection: %s", error)
        self._abort(error)

    def _peer_has_closed(self) -> None:
        """The peer has closed or reset the connection."""
        if self.reading():
            self._abort(self._peer_error)
        else:
            self._loop.call_soon(self._notice_end)

    def _notice_end(self) -> None:
        """The peer has gone: close, unless something is still to be done; that leads here again.

        Tornado looks for the peer's end only when it reads, or is idle and has a close callback. So what its programs
        have to write to a peer that is merely silent arrives, and a callback that goes on to read finds the end there.
        """
        if not (self._peer_closed and self._link is not CLOSED):
            return
        if self._buffer or self._callbacks_due or self._consumer is not None or self.writing():
            return
        if self._link is LOST or self._close_callback is not None:
            self._abort(self._peer_error)

    def _settle_read(self, error: BaseException | None) -> bool:
        """The stream has closed: give the pending read the bad news, or what there is.

        Returns: True when somebody waits for what there is. The loop brings it in its next turn, for this may be inside
        a ``close()`` of the program; until then a cancelled task loses nothing. The close callback comes behind it.
        """
        read = self._read
        if read is None:
            return False
        if read.future.done():
            self._forget_cancelled(read)
            return False
        if not is_disconnect(error) or read.at_close(self._buffer) < 0:
            self._read = None
            read.give_back(self._buffer)
            fail(read.future, StreamClosedError(real_error=self.error))
            return False
        if not is_awaited(read.future):
            self._end_read(read)
            return False
        self._loop.call_soon(self._end_read_and_tell, read)
        return True

    def _end_read_and_tell(self, read: Read) -> None:
        self._end_read(read)
        self._schedule_close_callback()

    def _end_read(self, read: Read) -> None:
        """Nothing more will come."""
        if read.future.done():
            self._forget_cancelled(read)
        else:
            self._read = None
            resolve(self._loop, read.future, read.take(self._buffer, read.at_close(self._buffer)))

    # -- the transport's side --------------------------------------------------------------------------------------

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            if self._transport is not None:
                self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if self._transport is not None:
                self._transport.resume_reading()


def _satisfy(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)
