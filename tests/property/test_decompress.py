"""``Decompressor`` against :mod:`gzip` and :mod:`zlib`, whatever the octets and however they arrive."""

import gzip
import itertools
import zlib

from hypothesis import given
from hypothesis import strategies as st

from asynchttp._decompress import Decompressor
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError
from tests.property.effort import examples

DATA = st.lists(st.one_of(st.binary(max_size=20), st.builds(bytes.__mul__, st.binary(max_size=4), st.integers(0, 500))))
PLACES = st.lists(st.integers(0, 10_000), max_size=8)
SIZES = st.sampled_from([1, 3, 100, 65536])


def undo(coding: str, octets: bytes, places: list[int], piece_size: int, limit: int = 10**9) -> bytes | type:
    """What comes out of ``octets``, cut at ``places``; the type of the error if they are refused."""
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    decompressor = Decompressor(coding, lambda: limit, piece_size)
    output = b""
    try:
        for start, end in itertools.pairwise(edges):
            for piece in decompressor.feed(octets[start:end]):
                assert 0 < len(piece) <= piece_size
                output += piece
                assert len(output) <= limit
        decompressor.finish()
    except HTTPInputError as error:
        return type(error)
    return output


@given(DATA, st.integers(0, 9), PLACES, SIZES)
@examples(300)
def test_gzip_members(members: list[bytes], level: int, places: list[int], piece_size: int) -> None:
    octets = b"".join(gzip.compress(member, level) for member in members)
    assert undo("gzip", octets, places, piece_size) == b"".join(members)


@given(DATA.map(b"".join), st.integers(0, 9), st.integers(9, 15), PLACES, SIZES)
@examples(300)
def test_deflate(data: bytes, level: int, window: int, places: list[int], piece_size: int) -> None:
    compressor = zlib.compressobj(level, wbits=window)
    octets = compressor.compress(data) + compressor.flush()
    assert undo("deflate", octets, places, piece_size) == data


@given(DATA, st.sampled_from(["gzip", "deflate"]), st.data(), PLACES, SIZES)
@examples(600)
def test_damaged(members: list[bytes], coding: str, data: st.DataObject, places: list[int], piece_size: int) -> None:
    """Octets changed, lost or added: refused, unless the standard library finds nothing wrong."""
    compress = gzip.compress if coding == "gzip" else zlib.compress
    octets = b"".join(compress(member) for member in members)
    place = data.draw(st.integers(0, len(octets)))
    octets = octets[:place] + data.draw(st.binary(max_size=3)) + octets[place + data.draw(st.integers(0, 3)) :]
    try:
        expected: bytes | type = gzip.decompress(octets) if coding == "gzip" else decompress_all(octets)
    except (OSError, EOFError, zlib.error):
        expected = HTTPInputError
    # It skips zeros behind a member; a request has none.
    if coding == "gzip" and isinstance(expected, bytes) and octets.endswith(b"\0") and ends_in_padding(octets):
        expected = HTTPInputError
    assert undo(coding, octets, places, piece_size) == expected


def decompress_all(octets: bytes) -> bytes:
    """One stream in its wrapper, and nothing behind it; nothing at all is nothing."""
    if not octets:
        return b""
    decompressor = zlib.decompressobj()
    output = decompressor.decompress(octets)
    if not decompressor.eof or decompressor.unused_data:
        raise EOFError
    return output


def ends_in_padding(octets: bytes) -> bool:
    while octets:
        if not octets.strip(b"\0"):
            return True
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            decompressor.decompress(octets)
        except zlib.error:
            return True
        octets = decompressor.unused_data
    return False


@given(DATA, PLACES, SIZES, st.integers(0, 3000))
@examples(300)
def test_limit(members: list[bytes], places: list[int], piece_size: int, limit: int) -> None:
    data = b"".join(members)
    octets = b"".join(map(gzip.compress, members))
    expected = data if len(data) <= limit else BodyTooLargeError
    assert undo("gzip", octets, places, piece_size, limit) == expected
