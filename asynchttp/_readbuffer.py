"""The octets that arrived and that nobody has read yet.

Octets that come whole are passed on whole: as long as the buffer holds what one delivery brought, it keeps that very
``bytes`` object, and a read that wants all of it gets it without a copy. Large deliveries are kept as they came and
joined once, by the read that takes them; small ones are gathered in a ``bytearray``, so that octets that come one by
one don't cost an object each.
"""

from collections.abc import Iterator
from typing import Final

__all__ = ["UNUSED", "ReadBuffer"]

#: Octets read already at the front of the bytearray, above which they are cut off: below it moving costs nothing.
_COMPACT_SIZE = 65536
#: Octets from which on a delivery is kept as it came.
_LARGE = 16384


class ReadBuffer:
    """A queue of octets with one owner.  ``len(buffer)`` is what is in it.

    Invariant: what is in the buffer is ``_data[_start:]`` and then ``_more``, one after the other; ``size`` is its
    length; ``_data[_start:]`` is empty only if the buffer is.
    """

    __slots__ = ("_data", "_more", "_start", "size")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._start = 0
        self._more: list[bytes | bytearray] | tuple[()] = ()
        #: octets in the buffer
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def append(self, data: bytes) -> None:
        """Put octets at the end."""
        if self.size == 0:
            self._data = data
            self._start = 0
            self.size = len(data)
            return
        self.size += len(data)
        more = self._more
        if more:
            last = more[-1]
            if len(data) >= _LARGE:
                more.append(data)
            elif isinstance(last, bytearray):
                last += data
            else:
                more.append(bytearray(data))
        elif len(data) >= _LARGE:
            self._more = [data]
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(memoryview(self._data)[self._start :])
                self._start = 0
            self._data += data

    def prepend(self, data: bytes) -> None:
        """Put octets back at the front."""
        if data:
            self._set(data + self.peek())

    def peek(self) -> bytes:
        """Everything in the buffer, which keeps it."""
        if self._more:
            return b"".join([memoryview(self._data)[self._start :], *self._more])
        if isinstance(self._data, bytes):
            return self._data[self._start :]
        return bytes(memoryview(self._data)[self._start :])

    def find(self, delimiter: bytes, searched: int = 0) -> int:
        """Index behind the first ``delimiter``, counted from the front; -1 if it isn't there.

        Args:
            searched: octets at the front that were searched before without a hit.
        """
        begin = max(0, searched - len(delimiter) + 1)
        if self._more:
            return self._find_in_parts(delimiter, begin)
        found = self._data.find(delimiter, self._start + begin)
        return -1 if found < 0 else found + len(delimiter) - self._start

    def _find_in_parts(self, delimiter: bytes, begin: int) -> int:
        """:meth:`find` from ``begin`` on, which costs no look at the parts before it."""
        across = len(delimiter) - 1
        # The last octets of the parts before, where a delimiter may begin.
        tail = b""
        for position, part in self._parts_from(begin):
            first = max(0, begin - position)
            if tail:
                found = (tail + part[:across]).find(delimiter)
                if found >= 0:
                    return position - len(tail) + found + len(delimiter)
            found = part.find(delimiter, first)
            if found >= 0:
                return position + found + len(delimiter)
            if across:
                tail = (tail + part[max(first, len(part) - across) :])[-across:]
        return -1

    def _parts_from(self, begin: int) -> "Iterator[tuple[int, bytes | bytearray]]":
        """The parts in which the octets from ``begin`` on lie, each with the index of its own first octet."""
        position = self.size
        index = len(self._more)
        while index and position > begin:
            index -= 1
            position -= len(self._more[index])
        if position > begin:
            yield -self._start, self._data
        for part in self._more[index:]:
            yield position, part
            position += len(part)

    def take(self, size: int) -> bytes:
        """Remove and return ``size`` octets, which must be there."""
        if self._more:
            return self._take_from_parts(size)
        start = self._start
        data = self._data
        if size == self.size:
            self._set(b"")
            if isinstance(data, bytes):
                return data[start:] if start else data
            return bytes(memoryview(data)[start:])
        end = start + size
        self.size -= size
        self._start = end
        if isinstance(data, bytes):
            return data[start:end]
        taken = bytes(memoryview(data)[start:end])
        if end > _COMPACT_SIZE and end * 2 > len(data):
            del data[:end]
            self._start = 0
        return taken

    def _take_from_parts(self, size: int) -> bytes:
        """:meth:`take`, with one copy of each octet."""
        self.size -= size
        parts: list[memoryview] = []
        part: bytes | bytearray = self._data
        start = self._start
        index = 0
        while size >= len(part) - start:
            parts.append(memoryview(part)[start:])
            size -= len(part) - start
            start = 0
            if index == len(self._more):
                part = b""
                break
            part = self._more[index]
            index += 1
        if size:
            parts.append(memoryview(part)[start : start + size])
        self._data = part
        self._start = start + size
        self._more = list(self._more[index:]) or ()
        return b"".join(parts)

    def take_into(self, target: memoryview) -> int:
        """Move as many octets as fit into ``target``; returns how many."""
        size = min(len(target), self.size)
        if size:
            target[:size] = self.take(size)
        return size

    def view(self) -> memoryview:
        """What is in the buffer, without a copy. Release it before the buffer is used again."""
        if self._more:
            self._set(self.peek())
        return memoryview(self._data)[self._start :]

    def _set(self, data: bytes) -> None:
        self._data = data
        self._start = 0
        self._more = ()
        self.size = len(data)


class _Unused(ReadBuffer):
    """Empty for ever."""

    __slots__ = ()

    def append(self, data: bytes) -> None:
        raise AssertionError("octets for a buffer that isn't used")

    def prepend(self, data: bytes) -> None:
        if data:
            raise AssertionError("octets for a buffer that isn't used")


#: The one buffer of all streams whose octets go elsewhere.
UNUSED: Final = _Unused()
