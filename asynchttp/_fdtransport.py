"""A transport over a file descriptor that is polled: for pipes, and for whatever a subclass of BaseIOStream reads.

It has the methods of :class:`asyncio.Transport` that a stream uses, and turns to the stream's own ``read_from_fd`` and
``write_to_fd`` for the octets.
"""

import asyncio
import collections
import errno
from typing import Any, Protocol

__all__ = ["FdTransport", "PolledStream"]


class PolledStream(Protocol):
    """What the transport asks of its stream."""

    read_chunk_size: int

    def fileno(self) -> Any: ...
    def read_from_fd(self, buf: memoryview) -> int | None: ...
    def write_to_fd(self, data: memoryview) -> int | None: ...
    def get_fd_error(self) -> Exception | None: ...
    def close_fd(self) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class FdTransport(asyncio.Transport):
    """Reads when the descriptor is readable, writes at once what it takes and the rest when it is writable."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: PolledStream) -> None:
        super().__init__()
        self._loop = loop
        # Invariant: None as soon as the descriptor is closed. Cuts the cycle of the two.
        self._stream: PolledStream | None = stream
        source = stream.fileno()
        self._fd: int = source if isinstance(source, int) else source.fileno()
        self._unsent: collections.deque[memoryview] = collections.deque()
        self._unsent_size = 0
        self._reading = False
        self._is_file = False
        self._at_end = False
        self._broken = False
        stream.connection_made(self)
        self.resume_reading()

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        if not self._reading and not self._at_end and not self.is_closing():
            self._reading = True
            try:
                self._loop.add_reader(self._fd, self._readable)
            except PermissionError:  # a file: there is nothing to wait for, it is always ready
                self._is_file = True
                self._loop.call_soon(self._readable)

    def _readable(self) -> None:
        stream = self._stream
        if not self._reading or stream is None:
            return
        buffer = memoryview(bytearray(stream.read_chunk_size))
        try:
            size = stream.read_from_fd(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            # The writing end of a pipe can't be read: it is watched for errors only.
            self._end(None if error.errno == errno.EBADF else error)
            return
        if size is None:
            return
        if size == 0:
            self.pause_reading()
            self._at_end = True
            if not stream.eof_received():
                self.abort()
            return
        stream.data_received(bytes(buffer[:size]))
        if self._is_file:
            self._loop.call_soon(self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        stream = self._stream
        if stream is None or self._broken:
            return
        rest = memoryview(data)
        if not self._unsent:
            while rest:
                try:
                    taken = stream.write_to_fd(rest)
                except BlockingIOError:
                    break
                except OSError as error:
                    # Not inside the caller's write: the stream hears of it in the next turn.
                    self._broken = True
                    self._loop.call_soon(self._end, error)
                    return
                if not taken:
                    break
                rest = rest[taken:]
            if not rest:
                return
            self._loop.add_writer(self._fd, self._writable)
        self._unsent.append(rest)
        self._unsent_size += len(rest)
        if len(self._unsent) == 1:
            stream.pause_writing()

    def _writable(self) -> None:
        stream = self._stream
        if stream is None:
            return
        while self._unsent:
            rest = self._unsent[0]
            try:
                taken = stream.write_to_fd(rest)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(error)
                return
            if not taken:
                return
            self._unsent_size -= taken
            if taken < len(rest):
                self._unsent[0] = rest[taken:]
                return
            self._unsent.popleft()
        self._loop.remove_writer(self._fd)
        stream.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self._unsent_size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limit is 0 for both, as a stream wants it."""

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._stream is None or self._broken

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self.pause_reading()
        if self._unsent:
            self._unsent.clear()
            self._unsent_size = 0
            self._loop.remove_writer(self._fd)
        try:
            stream.close_fd()
        except OSError:  # somebody was faster
            pass

    def _end(self, error: OSError | None) -> None:
        stream = self._stream
        if stream is not None:
            reason = stream.get_fd_error() or error
            self.abort()
            stream.connection_lost(reason)
