"""The octets that arrived and that nobody has read yet.

Octets that come whole are passed on whole: as long as the buffer holds what one delivery brought, it keeps that very
``bytes`` object, and a read that wants all of it gets it without a copy. Only a second delivery on top of a rest makes
a ``bytearray`` of both.
"""

__all__ = ["ReadBuffer"]

#: Octets read already at the front of the bytearray, above which they are cut off: below it moving costs nothing.
_COMPACT_SIZE = 65536


class ReadBuffer:
    """A queue of octets with one owner.  ``len(buffer)`` is what is in it.

    Invariant: what is in the buffer is ``_data[_start:]``; ``size == len(_data) - _start``.
    """

    __slots__ = ("_data", "_start", "size")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._start = 0
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
        if isinstance(self._data, bytes):
            self._data = bytearray(memoryview(self._data)[self._start :])
            self._start = 0
        self._data += data
        self.size += len(data)

    def prepend(self, data: bytes) -> None:
        """Put octets back at the front."""
        if data:
            self._data = data + self.peek()
            self._start = 0
            self.size = len(self._data)

    def peek(self) -> bytes:
        """Everything in the buffer, which keeps it."""
        if isinstance(self._data, bytes):
            return self._data[self._start :]
        return bytes(memoryview(self._data)[self._start :])

    def find(self, delimiter: bytes, searched: int = 0) -> int:
        """Index behind the first ``delimiter``, counted from the front; -1 if it isn't there.

        Args:
            searched: octets at the front that were searched before without a hit.
        """
        begin = self._start + max(0, searched - len(delimiter) + 1)
        found = self._data.find(delimiter, begin)
        return -1 if found < 0 else found + len(delimiter) - self._start

    def take(self, size: int) -> bytes:
        """Remove and return ``size`` octets, which must be there."""
        start = self._start
        data = self._data
        if size == self.size:
            self._data = b""
            self._start = 0
            self.size = 0
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

    def take_into(self, target: memoryview) -> int:
        """Move as many octets as fit into ``target``; returns how many."""
        size = min(len(target), self.size)
        if size:
            target[:size] = self.take(size)
        return size

    def view(self) -> memoryview:
        """What is in the buffer, without a copy. Release it before the buffer is used again."""
        return memoryview(self._data)[self._start :]
