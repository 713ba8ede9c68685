"""The chunked coding: what is decoded, what is refused, and that it is the same however the octets arrive."""

from collections.abc import Iterable

import pytest

from asynchttp._h1 import chunked
from asynchttp._h1.errors import HeadTooLargeError, HTTPInputError
from tests.support.h1 import assert_modest
from tests.support.hostile import CHUNKED_BODIES, Hostile
from tests.support.splits import every_split

EXAMPLE = b"4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nChecksum: 17\r\nB:c\r\n\r\n"


def decode(
    pieces: Iterable[bytes], max_trailer_size: int = 65536, max_trailer_count: int = 100
) -> tuple[bytes, bytes | None, list[tuple[str, str]]]:
    """The body, what follows the message (``None`` when it isn't complete), and the trailers."""
    decoder = chunked.ChunkedDecoder(max_trailer_size, max_trailer_count)
    body = b""
    rest: bytes | None = None
    for piece in pieces:
        if rest is not None:
            rest += piece
            continue
        decoded, end = decoder.feed(piece)
        body += decoded
        assert decoder.complete == (end >= 0)
        if end >= 0:
            rest = piece[end:]
    return body, rest, decoder.trailers


def splits_of(octets: bytes) -> Iterable[list[bytes]]:
    """Every split of a short message; of a long one whole and octet by octet."""
    if len(octets) <= 1000:
        return every_split(octets)
    return [[octets], [octets[i : i + 1] for i in range(len(octets))]]


def test_9112_7_1_example_at_every_split() -> None:
    for pieces in every_split(EXAMPLE):
        assert decode(pieces) == (b"Wikipedia", b"", [("Checksum", "17"), ("B", "c")])


@pytest.mark.parametrize("rest", [b"G", b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n"])
def test_9112_7_1_stops_behind_the_message(rest: bytes) -> None:
    for pieces in every_split(b"2\r\nhi\r\n0\r\n\r\n" + rest):
        assert decode(pieces) == (b"hi", rest, [])


def test_begins_where_told() -> None:
    decoder = chunked.ChunkedDecoder()
    data = b"5\r\nhead!2\r\nhi\r\n0\r\n\r\nnext"
    assert decoder.feed(data, 8) == (b"hi", len(data) - 4)


def test_nothing_is_fed_behind_the_end() -> None:
    decoder = chunked.ChunkedDecoder()
    assert decoder.feed(b"0\r\n\r\n") == (b"", 5)
    assert decoder.feed(b"5\r\nhello\r\n") == (b"", 0)


@pytest.mark.parametrize(
    "octets", [b"", b"5", b"5\r", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r", b"5\r\nhello\r\n"]
)
def test_incomplete(octets: bytes) -> None:
    for pieces in every_split(octets):
        body, rest, _ = decode(pieces)
        assert (body, rest) == (b"hello"[: max(0, len(octets) - 3)], None)


@pytest.mark.parametrize(
    "octets", [b"0", b"0\r", b"0\r\n", b"0\r\n\r", b"0\r\nA", b"0\r\nA: b", b"0\r\nA: b\r\n", b"0\r\nA: b\r\n\r"]
)
def test_incomplete_end(octets: bytes) -> None:
    for pieces in every_split(octets):
        assert decode(pieces) == (b"", None, [])


@pytest.mark.parametrize("size", [b"5", b"05", b"0000000000000005"])
def test_9112_7_1_leading_zeros(size: bytes) -> None:
    assert decode([size + b"\r\nhello\r\n0\r\n\r\n"])[0] == b"hello"


@pytest.mark.parametrize("size", [b"a", b"A", b"0a"])
def test_9112_7_1_digits_of_any_case(size: bytes) -> None:
    assert decode([size + b"\r\n0123456789\r\n0\r\n\r\n"])[0] == b"0123456789"


@pytest.mark.parametrize("last", [b"0", b"00", b"0000000000000000", b"0;a=b"])
def test_9112_7_1_last_chunk(last: bytes) -> None:
    for pieces in every_split(last + b"\r\n\r\n"):
        assert decode(pieces) == (b"", b"", [])


@pytest.mark.parametrize("data", [b"\r\n", b"0\r\n\r\n", b"\r\n0\r\n\r\n", bytes(range(256))])
def test_9112_7_1_data_is_opaque(data: bytes) -> None:
    for pieces in every_split(chunked.encode_chunk(data) + chunked.LAST_CHUNK):
        assert decode(pieces) == (data, b"", [])


@pytest.mark.parametrize(
    "extension",
    [
        b";a",
        b";a=b",
        b";a;b;c",
        b';a="b;c=\\"\\\\d"',
        b';a=""',
        b";1=2",
        b';a="\t\xe9"',
        b" ;a",
        b"\t; a = b ;c",
        b' ; a="b" ;\tc',
    ],
)
def test_9112_7_1_1_extensions_are_ignored(extension: bytes) -> None:
    for pieces in every_split(b"2" + extension + b"\r\nhi\r\n0" + extension + b"\r\n\r\n"):
        assert decode(pieces) == (b"hi", b"", [])


def test_9112_7_1_1_longest_header() -> None:
    header = b"2;" + b"a" * (chunked.MAX_HEADER_SIZE - 4) + b"\r\n"
    for pieces in every_split(header + b"hi\r\n0\r\n\r\n"):
        assert decode(pieces) == (b"hi", b"", [])


def test_9112_7_1_1_header_longer_than_that() -> None:
    header = b"2;" + b"a" * (chunked.MAX_HEADER_SIZE - 3) + b"\r\n"
    for pieces in every_split(header + b"hi\r\n0\r\n\r\n"):
        with pytest.raises(HTTPInputError, match="chunk header longer than 256 octets"):
            decode(pieces)


def test_9112_7_1_1_extensions_up_to_their_bound() -> None:
    body = (b"1;" + b"a" * 127 + b"\r\nx\r\n") * (chunked.MAX_EXTENSIONS_SIZE // 128) + chunked.LAST_CHUNK
    assert decode([body])[0] == b"x" * 32


def test_9112_7_1_1_extensions_beyond_their_bound() -> None:
    body = (b"1;" + b"a" * 127 + b"\r\nx\r\n") * (chunked.MAX_EXTENSIONS_SIZE // 128) + b"1;a\r\n"
    with pytest.raises(HTTPInputError, match="more than 4096 octets of chunk extensions"):
        decode([body])


@pytest.mark.parametrize(
    ("section", "trailers"),
    [
        (b"A: b\r\n", [("A", "b")]),
        (b"a:b\r\nA: \tc \t\r\n", [("a", "b"), ("A", "c")]),
        (b"A:\r\nB: \xe9\r\n", [("A", ""), ("B", "é")]),
        (b"X-Content-Length: 5\r\n", [("X-Content-Length", "5")]),
        (b"Set-Cookie: a=b\r\nA: b\r\nauthorization: x\r\nTRAILER: c\r\n", [("A", "b")]),
    ],
)
def test_9112_7_1_2_trailers(section: bytes, trailers: list[tuple[str, str]]) -> None:
    for pieces in every_split(b"0\r\n" + section + b"\r\nnext"):
        assert decode(pieces) == (b"", b"next", trailers)


def test_9112_7_1_2_trailers_are_told_only_when_complete() -> None:
    assert decode([b"0\r\nA: b\r\n"])[2] == []


def test_9112_7_1_2_trailers_of_the_largest_size() -> None:
    section = b"A: bcdef\r\n\r\n"
    for pieces in every_split(b"0\r\n" + section + b"next"):
        assert decode(pieces, max_trailer_size=len(section))[1] == b"next"


def test_9112_7_1_2_trailers_one_octet_larger() -> None:
    section = b"A: bcdef\r\n\r\n"
    for pieces in every_split(b"0\r\n" + section + b"next"):
        with pytest.raises(HeadTooLargeError, match="trailers larger than 11 octets"):
            decode(pieces, max_trailer_size=len(section) - 1)


def test_9112_7_1_2_as_many_trailers_as_allowed() -> None:
    assert len(decode([b"0\r\n" + b"A: b\r\n" * 3 + b"\r\n"], max_trailer_count=3)[2]) == 3


def test_9112_7_1_2_more_trailers_than_allowed() -> None:
    with pytest.raises(HeadTooLargeError, match="more than 3 trailer fields"):
        decode([b"0\r\n" + b"A: b\r\n" * 4 + b"\r\n"], max_trailer_count=3)


@pytest.mark.parametrize("hostile", CHUNKED_BODIES, ids=[hostile.id for hostile in CHUNKED_BODIES])
def test_refused_with_its_status_at_every_split(hostile: Hostile) -> None:
    for pieces in splits_of(hostile.octets):
        with pytest.raises(HTTPInputError) as caught:
            decode(pieces)
        assert caught.value.status == hostile.status
        assert_modest(caught.value, hostile.octets)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"+", "invalid chunk size or extension: b'\\+'"),
        (b"\n", "invalid chunk size or extension"),
        (b"5\n", "invalid chunk size or extension"),
        (b"5\r\nhelloX", "doesn't end with CRLF"),
        (b"5\r\nhello\rX", "doesn't end with CRLF"),
        (b"0\r\n\n", "doesn't end with CRLF"),
        (b"0\r\nA: b\n", "doesn't end with CRLF"),
        (b"5;" + b"a" * 254, "chunk header longer than 256 octets"),
    ],
)
def test_refused_before_more_arrives(octets: bytes, message: str) -> None:
    for pieces in every_split(octets):
        with pytest.raises(HTTPInputError, match=message):
            decode(pieces)


def test_claim_of_the_largest_chunk_is_a_claim() -> None:
    assert decode([b"FFFFFFFFFFFFFFFF\r\nhello"])[:2] == (b"hello", None)


@pytest.mark.parametrize("size", [1, 9, 10, 15, 16, 255, 256, 65536])
def test_encoded_chunks_decode(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert decode([chunked.encode_chunk(data[:size]) + chunked.LAST_CHUNK]) == (data[:size], b"", [])


def test_encoded_chunk() -> None:
    assert chunked.encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_one_chunk_that_came_whole_is_not_copied_twice() -> None:
    data = b"x" * 100_000
    decoder = chunked.ChunkedDecoder()
    decoder.feed(b"186a0\r\n")
    assert decoder.feed(data)[0] is data


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"4",
        b"4\r\n",
        b"4\r\nWiki",
        b"4\r\nWiki\r",
        b"4\r\nWiki\n\n",
        b"4\r\nWik\r\n",
        b"4\r\nWikis\r\n",
        b"4\nWiki\r\n",
        b"+4\r\nWiki\r\n",
        b"0x4\r\nWiki\r\n",
        b"4;a\r\nWiki\r\n",
        b"4 \r\nWiki\r\n",
        b"4\r\nWiki\r\n4\r\nWiki\r\n",
        b"0\r\n\r\n",
        b"00\r\n\r\n",
        b"0\r\nA: b\r\n\r\n",
    ],
)
def test_what_isnt_one_plain_chunk_is_not_skipped(octets: bytes) -> None:
    assert not chunked.ChunkedDecoder().skips(octets)


def test_chunk_is_skipped_only_where_one_begins() -> None:
    chunk = b"4\r\nWiki\r\n"
    message = chunk + b"A\r\n" + chunk + b"x\r\n" + chunk + b"0\r\n\r\n"
    assert decode([message])[:2] == (b"Wiki" + chunk + b"xWiki", b"")
    for end in range(len(message) + 1):
        decoder = chunked.ChunkedDecoder()
        decoder.feed(message[:end])
        begins = message[:end] in (b"", chunk, chunk + b"A\r\n" + chunk + b"x\r\n", message[:-5])
        assert decoder.skips(chunk) == begins
        # It changed nothing, or is as if it had been fed.
        assert decoder.feed(message[end:])[1] == len(message) - end
