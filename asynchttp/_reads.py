"""What a pending read of a stream waits for: one small class for each kind of read.

A read is asked, whenever something arrived, how many octets at the front of the buffer would satisfy it.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from asynchttp._readbuffer import ReadBuffer

__all__ = [
    "Exactly",
    "Into",
    "Partial",
    "Read",
    "StreamBufferFullError",
    "UnsatisfiableReadError",
    "Until",
    "UntilClose",
    "UntilMatch",
]


class UnsatisfiableReadError(Exception):
    """A read can't be satisfied within its ``max_bytes``.

    Seen as ``stream.error`` and as ``StreamClosedError.real_error``, never raised by a read itself. Source: Tornado.
    """


class StreamBufferFullError(Exception):
    """More octets than a buffer may hold.  Source: Tornado."""


class Read:
    """A pending read, of one octet or more."""

    __slots__ = ("future",)

    future: asyncio.Future[Any]

    def size(self, buffer: ReadBuffer) -> int:
        """Octets that satisfy the read now, -1 for not yet.  Raises :exc:`UnsatisfiableReadError`."""
        raise NotImplementedError

    def is_whole(self, data: bytes) -> bool:
        """Whether ``data``, which came into an empty buffer, is itself the result, all of it and nothing more."""
        return False

    def take(self, buffer: ReadBuffer, size: int) -> Any:
        """The result of the read: ``size`` octets of the buffer, which are removed."""
        return buffer.take(size)

    def at_close(self, buffer: ReadBuffer) -> int:
        """Octets that satisfy the read now that nothing more will come, -1 for a read that fails then: most do."""
        return -1

    def give_back(self, buffer: ReadBuffer) -> None:
        """The read won't end well: put octets that it has taken out of the buffer back."""


class Until(Read):
    __slots__ = ("_length", "delimiter", "max_bytes", "searched")

    def __init__(self, delimiter: bytes, max_bytes: int | None) -> None:
        self.delimiter = delimiter
        self.max_bytes = max_bytes
        self._length = len(delimiter)
        #: octets of the buffer that hold no delimiter
        self.searched = 0

    def is_whole(self, data: bytes) -> bool:
        # HOT: once per delivery. A limit is left to size().
        if self.max_bytes is not None:
            return False
        begin = data.find(self.delimiter)
        return begin + self._length == len(data) and begin >= 0

    def size(self, buffer: ReadBuffer) -> int:
        end = buffer.find(self.delimiter, self.searched)
        if end < 0:
            self.searched = len(buffer)
        if self.max_bytes is not None and (end if end >= 0 else self.searched) > self.max_bytes:
            raise UnsatisfiableReadError(f"delimiter {self.delimiter!r} not found within {self.max_bytes} bytes")
        return end


class UntilMatch(Read):
    """``read_until_regex``.  A regular expression can't go on where it stopped: each delivery searches from the
    front."""

    __slots__ = ("_max_bytes", "_pattern")

    def __init__(self, pattern: re.Pattern[bytes], max_bytes: int | None) -> None:
        self._pattern = pattern
        self._max_bytes = max_bytes

    def size(self, buffer: ReadBuffer) -> int:
        with buffer.view() as view:
            match = self._pattern.search(view)
            end = -1 if match is None else match.end()
            del match
        if self._max_bytes is not None and (end if end >= 0 else len(buffer)) > self._max_bytes:
            raise UnsatisfiableReadError(f"delimiter {self._pattern!r} not found within {self._max_bytes} bytes")
        return end


class Exactly(Read):
    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def is_whole(self, data: bytes) -> bool:
        return len(data) == self._size

    def size(self, buffer: ReadBuffer) -> int:
        return self._size if len(buffer) >= self._size else -1


class Partial(Exactly):
    __slots__ = ()

    def is_whole(self, data: bytes) -> bool:
        return len(data) <= self._size

    def size(self, buffer: ReadBuffer) -> int:
        return min(len(buffer), self._size) or -1


class Into(Read):
    """``read_into``: the octets go to the caller's memory, the result is their number."""

    __slots__ = ("_filled", "_partial", "_target")

    def __init__(self, target: memoryview, partial: bool) -> None:
        self._target = target
        self._partial = partial
        self._filled = 0

    def size(self, buffer: ReadBuffer) -> int:
        self._filled += buffer.take_into(self._target[self._filled :])
        done = self._filled == len(self._target) or (self._partial and self._filled)
        return 0 if done else -1

    def take(self, buffer: ReadBuffer, size: int) -> int:
        self._target.release()
        return self._filled

    def give_back(self, buffer: ReadBuffer) -> None:
        buffer.prepend(bytes(self._target[: self._filled]))
        self._target.release()


class UntilClose(Read):
    __slots__ = ()

    def size(self, buffer: ReadBuffer) -> int:
        return -1

    def at_close(self, buffer: ReadBuffer) -> int:
        return len(buffer)


class Streaming(Read):
    """A read whose octets go to a function as they come; its result is ``b""``."""

    __slots__ = ("_deliver", "_left")

    def __init__(self, size: int | None, deliver: Callable[[bytes], None]) -> None:
        #: octets still to come; ``None``: until the stream closes
        self._left = size
        self._deliver = deliver

    def size(self, buffer: ReadBuffer) -> int:
        size = len(buffer) if self._left is None else min(self._left, len(buffer))
        if size:
            self._deliver(buffer.take(size))
        if self._left is not None:
            self._left -= size
            if self._left == 0:
                return 0
        return -1

    def at_close(self, buffer: ReadBuffer) -> int:
        return 0 if self.size(buffer) == 0 or self._left is None else -1
