"""All the ways in which one message may arrive."""

from collections.abc import Iterator

__all__ = ["every_split"]


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """Whole, cut at each place, and octet by octet: all must mean the same."""
    yield [data]
    yield from ([data[:i], data[i:]] for i in range(1, len(data)))
    yield [data[i : i + 1] for i in range(len(data))]
