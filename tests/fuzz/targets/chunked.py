"""Whatever stands where a chunked body is expected.

* The decoder, fed in any pieces, gives the same body, end and trailers, or refuses; it raises nothing else.
* What it decoded is decoded again from our own encoding of it.
* h11 and httptools read the same in it, but for the listed decisions.
"""

from asynchttp._h1 import chunked
from asynchttp._h1.errors import HTTPInputError
from tests.fuzz.targets.cuts import cuts
from tests.property.decisions import CHUNKED, undecided
from tests.support.h1 import Message, assert_modest, read_request
from tests.support.hostile import CHUNKED_BODIES

__all__ = ["SEEDS", "WORDS", "check"]

WORDS = [
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b";a=b",
    b';a="b"',
    b';a="\\""',
    b"A: b\r\n",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"FFFFFFFFFFFFFFFF\r\n",
    b"0000000000000000",
    b"\n",
    b"\x00",
    b"5;" + b"a" * 252,
]

SEEDS = [hostile.octets for hostile in CHUNKED_BODIES if len(hostile.octets) < 2000]

Decoded = tuple[bytes, int, list[tuple[str, str]]]


def _decode(pieces: list[bytes], max_trailer_size: int = 65536, max_trailer_count: int = 100) -> Decoded | type | None:
    """Body, index behind it and trailers; ``None`` when it isn't complete; the error's type when it is refused."""
    decoder = chunked.ChunkedDecoder(max_trailer_size, max_trailer_count)
    body, fed = b"", 0
    for piece in pieces:
        try:
            decoded, end = decoder.feed(piece)
        except HTTPInputError as error:
            assert_modest(error, b"".join(pieces))
            return type(error)
        body += decoded
        if end >= 0:
            return body, fed + end, decoder.trailers
        fed += len(piece)
    assert not decoder.complete
    return None


def check(data: bytes) -> None:
    ways = cuts(data)
    whole = _decode([data])
    small = _decode([data], 40, 3)
    for pieces in ways:
        assert _decode(pieces) == whole, pieces
        # A trailer section may be malformed and too large.
        assert isinstance(small, type) == isinstance(limited := _decode(pieces, 40, 3), type), pieces
        assert isinstance(small, type) or limited == small, pieces
    if isinstance(whole, tuple):
        body = whole[0]
        octets = b"".join(chunked.encode_chunk(body[index : index + 7]) for index in range(0, len(body), 7))
        octets += chunked.LAST_CHUNK
        assert _decode([octets]) == (body, len(octets), [])
    ours: Message | HTTPInputError | None
    try:
        ours = read_request([CHUNKED + data])
    except HTTPInputError as error:
        ours = error
    assert not (found := undecided(CHUNKED + data, ours)), found
