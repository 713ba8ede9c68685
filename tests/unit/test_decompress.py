"""Content codings undone piece by piece: what comes out, what is refused, and how much is held at once."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest

from asynchttp import _reasons
from asynchttp._decompress import CODINGS, Decompressor
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError
from tests.support.splits import every_split

TEXT = b"hello, hello, hello " * 20
EMPTY = gzip.compress(b"")


def raw_deflate(data: bytes) -> bytes:
    """Without the zlib wrapper: what some took for "deflate"."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def undo(pieces: Iterable[bytes], coding: str = "gzip", limit: int = 10**9, piece_size: int = 65536) -> bytes:
    decompressor = Decompressor(coding, lambda: limit, piece_size)
    result = []
    for piece in pieces:
        for output in decompressor.feed(piece):
            assert 0 < len(output) <= piece_size
            result.append(output)
    decompressor.finish()
    return b"".join(result)


CODED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("x-gzip", gzip.compress(TEXT)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "stored": ("gzip", gzip.compress(TEXT, 0)),
    "members": ("gzip", gzip.compress(TEXT[:100]) + EMPTY + gzip.compress(TEXT[100:])),
    "empty members behind": ("gzip", gzip.compress(TEXT) + EMPTY * 3),
    "empty members before": ("gzip", EMPTY * 3 + gzip.compress(TEXT)),
}


@pytest.mark.parametrize(("coding", "octets"), CODED.values(), ids=CODED)
def test_9110_8_4_1_every_split_means_the_same(coding: str, octets: bytes) -> None:
    for pieces in every_split(octets):
        assert undo(pieces, coding) == TEXT


@pytest.mark.parametrize("piece_size", [1, 2, 7, 399, 400, 401])
@pytest.mark.parametrize(("coding", "octets"), CODED.values(), ids=CODED)
def test_pieces_are_no_larger_than_asked_for(coding: str, octets: bytes, piece_size: int) -> None:
    assert undo([octets], coding, piece_size=piece_size) == TEXT
    assert undo([octets[i : i + 1] for i in range(len(octets))], coding, piece_size=piece_size) == TEXT


def test_1952_2_3_1_name_and_comment_of_a_member() -> None:
    body = raw_deflate(TEXT) + zlib.crc32(TEXT).to_bytes(4, "little") + len(TEXT).to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x03\x00abc" + b"name\0" + b"comment\0"
    octets = head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") + body
    for pieces in every_split(octets):
        assert undo(pieces) == TEXT


@pytest.mark.parametrize("coding", CODINGS)
def test_nothing_at_all_is_nothing(coding: str) -> None:
    assert undo([], coding) == undo([b"", b""], coding) == b""


REFUSED: dict[str, tuple[str, bytes]] = {
    "text": ("gzip", b"hello"),
    "text in deflate": ("deflate", b"hello"),
    "zlib as gzip": ("gzip", zlib.compress(TEXT)),
    "gzip as deflate": ("deflate", gzip.compress(TEXT)),
    "raw deflate": ("deflate", raw_deflate(TEXT)),
    "preset dictionary": ("deflate", zlib.compressobj(zdict=b"hello").compress(b"") + b"\x78\xbb" + bytes(8)),
    "reserved flag": ("gzip", b"\x1f\x8b\x08\xe0" + gzip.compress(TEXT)[4:]),
    "other method": ("gzip", b"\x1f\x8b\x07" + gzip.compress(TEXT)[3:]),
    "checksum": ("gzip", gzip.compress(TEXT)[:-8] + bytes(4) + len(TEXT).to_bytes(4, "little")),
    "length": ("gzip", gzip.compress(TEXT)[:-4] + bytes(4)),
    "checksum of the first member": ("gzip", gzip.compress(TEXT)[:-8] + bytes(8) + gzip.compress(TEXT)),
    "adler": ("deflate", zlib.compress(TEXT)[:-4] + bytes(4)),
    "garbage behind": ("gzip", gzip.compress(TEXT) + b"x"),
    "zeros behind": ("gzip", gzip.compress(TEXT) + bytes(8)),
    "text behind": ("gzip", gzip.compress(TEXT) + b"\x1f\x8b" + b"x" * 20),
    "garbage behind deflate": ("deflate", zlib.compress(TEXT) + b"x"),
    "another behind deflate": ("deflate", zlib.compress(TEXT) * 2),
}


@pytest.mark.parametrize(("coding", "octets"), REFUSED.values(), ids=REFUSED)
def test_9110_8_4_1_not_in_the_coding(coding: str, octets: bytes) -> None:
    for pieces in every_split(octets):
        with pytest.raises(HTTPInputError, match=f"^invalid {coding} data"):
            undo(pieces, coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_cut_at_any_octet(coding: str) -> None:
    octets = gzip.compress(TEXT) if coding == "gzip" else zlib.compress(TEXT)
    for end in range(1, len(octets)):
        with pytest.raises(HTTPInputError, match=f"invalid {coding} data: it ends too early"):
            undo([octets[:end]], coding)


def test_second_member_cut_at_any_octet() -> None:
    octets = gzip.compress(TEXT)
    for end in range(1, len(octets)):
        with pytest.raises(HTTPInputError, match="it ends too early"):
            undo([octets + octets[:end]])


# -- bombs ---------------------------------------------------------------------------------------------------------

Bomb = Callable[[int], bytes]
BOMBS: dict[str, Bomb] = {
    "one member": lambda size: gzip.compress(bytes(size)),
    "many members": lambda size: gzip.compress(bytes(size // 50)) * 50,
    "members of nothing": lambda size: EMPTY * 30 + gzip.compress(bytes(size)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_limit_holds_for_all_members_together(bomb: Bomb) -> None:
    octets = bomb(100_000)
    assert len(undo([octets], limit=100_000)) == 100_000
    with pytest.raises(BodyTooLargeError, match="decompressed body too large: more than 99999 octets"):
        undo([octets], limit=99_999)
    with pytest.raises(BodyTooLargeError):
        undo([octets[i : i + 3] for i in range(0, len(octets), 3)], limit=99_999)


def test_limit_may_change_meanwhile() -> None:
    limit = 10**6
    decompressor = Decompressor("gzip", lambda: limit, 1000)
    pieces = decompressor.feed(gzip.compress(bytes(100_000)))
    next(pieces)
    limit = 1500
    with pytest.raises(BodyTooLargeError, match="more than 1500"):
        next(pieces)


def test_bomb_is_not_unfolded_before_it_is_refused() -> None:
    octets = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            for _ in Decompressor("gzip", lambda: 200_000).feed(octets):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A window, a piece, and what is left of the input.
    assert peak < 3 * len(octets) + 300_000


def test_1952_2_2_members_may_be_many_if_they_hold_something() -> None:
    lines = [b"%06d " % number + TEXT for number in range(2000)]
    assert undo([b"".join(map(gzip.compress, lines))]) == b"".join(lines)
    assert undo(gzip.compress(bytes(1000)) for _ in range(2000)) == bytes(2_000_000)


@pytest.mark.parametrize("member", [EMPTY, gzip.compress(b"x"), gzip.compress(b"x" * 40)], ids=len)
@pytest.mark.parametrize("size", [1, 20, 1 << 20])
def test_1952_2_2_members_of_nothing_are_refused_early(member: bytes, size: int) -> None:
    octets = member * 1000
    fed = 0
    decompressor = Decompressor("gzip", lambda: 10**9)
    with pytest.raises(HTTPInputError, match="too many gzip members") as refused:
        for fed in range(0, len(octets), size):
            for _ in decompressor.feed(octets[fed : fed + size]):
                pass
    assert refused.value.reason is _reasons.TOO_MANY_MEMBERS
    assert fed <= 100 * len(member)


def test_piece_is_made_when_it_is_wanted() -> None:
    decompressor = Decompressor("gzip", lambda: 10**9, 1000)
    assert len(next(decompressor.feed(gzip.compress(bytes(10**7))))) == 1000
