"""Places to cut octets at, which follow from the octets: the same input is cut the same way each time."""

import itertools
import random
import zlib

__all__ = ["cuts"]


def cuts(data: bytes, ways: int = 2) -> list[list[bytes]]:
    """The octets as one piece, octet by octet if they are few, and cut at random places in ``ways`` ways."""
    generator = random.Random(zlib.crc32(data))
    found = [[data]] if data else [[]]
    if len(data) <= 300:
        found.append([data[index : index + 1] for index in range(len(data))])
    for _ in range(ways):
        count = generator.choice([1, 2, 7])
        places = sorted({0, len(data), *(generator.randrange(len(data) + 1) for _ in range(count))})
        found.append([data[start:end] for start, end in itertools.pairwise(places)])
    return found
