"""Chunked bodies: what is encoded is decoded, and the cut of the octets never matters."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1 import chunked
from asynchttp._h1.errors import HTTPInputError
from tests.property.effort import examples
from tests.property.strategies import chunked_bodies, nearly_valid_bodies
from tests.support.h1 import assert_modest
from tests.support.splits import every_split


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


def decode(pieces: list[bytes]) -> tuple[bytes, int, list[tuple[str, str]]] | None:
    """The body, the index behind the message (-1 when it isn't complete) and the trailers; ``None``: refused."""
    decoder = chunked.ChunkedDecoder()
    body, fed = b"", 0
    for piece in pieces:
        try:
            decoded, end = decoder.feed(piece)
        except HTTPInputError as error:
            assert_modest(error, b"".join(pieces))
            return None
        body += decoded
        if end >= 0:
            return body, fed + end, decoder.trailers
        fed += len(piece)
    return body, -1, decoder.trailers


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.lists(st.integers(0, 500), max_size=10))
@examples(300)
def test_what_is_encoded_is_decoded(chunks: list[bytes], places: list[int]) -> None:
    octets = b"".join(map(chunked.encode_chunk, chunks)) + chunked.LAST_CHUNK
    assert decode(cut(octets + b"next", places)) == (b"".join(chunks), len(octets), [])


@given(st.one_of(chunked_bodies(), nearly_valid_bodies()), st.lists(st.integers(0, 500), max_size=10))
@examples(600)
def test_the_cut_never_matters(octets: bytes, places: list[int]) -> None:
    assert decode(cut(octets, places)) == decode([octets])


@given(nearly_valid_bodies())
@examples(200)
def test_every_split_means_the_same(octets: bytes) -> None:
    whole = decode([octets])
    assert all(decode(pieces) == whole for pieces in every_split(octets))


@given(st.binary(max_size=60))
@examples(300)
def test_random_octets_raise_nothing_else(octets: bytes) -> None:
    decode([octets])
