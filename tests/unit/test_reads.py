"""Pending reads: how many octets satisfy each of them."""

import re
from collections.abc import Iterable

import pytest

from asynchttp._readbuffer import ReadBuffer
from asynchttp._reads import (
    Exactly,
    Into,
    Partial,
    Read,
    Streaming,
    UnsatisfiableReadError,
    Until,
    UntilClose,
    UntilMatch,
)
from tests.support.splits import every_split


def deliver(read: Read, pieces: Iterable[bytes]) -> tuple[object, bytes]:
    """What the read gives and what is left, when the pieces arrive one after the other; ``(None, …)`` for not yet."""
    buffer = ReadBuffer()
    result: object = None
    for piece in pieces:
        if result is None and not len(buffer) and read.is_whole(piece):
            result = piece
            continue
        buffer.append(piece)
        if result is None and (size := read.size(buffer)) >= 0:
            result = read.take(buffer, size)
    return result, buffer.peek()


def buffered(octets: bytes) -> ReadBuffer:
    buffer = ReadBuffer()
    buffer.append(octets)
    return buffer


@pytest.mark.parametrize(
    ("delimiter", "octets", "size"),
    [
        (b"\n", b"a\nb", 2),
        (b"\r\n", b"a\r\nb\r\n", 3),
        (b"\r\n\r\n", b"a\r\n\r\n", 5),
        (b"aab", b"aaab", 4),
        (b"\r\n", b"\r\r\n", 3),
        (b"\n", b"\n", 1),
        (b"abc", b"abc", 3),
    ],
)
def test_until_at_every_split(delimiter: bytes, octets: bytes, size: int) -> None:
    for pieces in every_split(octets):
        assert deliver(Until(delimiter, None), pieces) == (octets[:size], octets[size:])


@pytest.mark.parametrize("octets", [b"a", b"\r", b"abc", b"\r\n\r", b"\n\r\n\r", b"a\r\n\rb\n"])
def test_until_waits_for_the_delimiter(octets: bytes) -> None:
    for pieces in every_split(octets):
        assert deliver(Until(b"\r\n\r\n", None), pieces) == (None, octets)


@pytest.mark.parametrize("size", range(1, 8))
def test_until_is_not_satisfied_by_octets_one_shorter_than_the_delimiter(size: int) -> None:
    assert not Until(b"x" * (size + 1), None).is_whole(b"a" * size)


@pytest.mark.parametrize(
    ("octets", "whole"),
    [(b"a\r\n", True), (b"\r\n", True), (b"a\r\nb\r\n", False), (b"a\r\nb", False), (b"a", False), (b"", False)],
)
def test_until_is_whole(octets: bytes, whole: bool) -> None:
    assert Until(b"\r\n", None).is_whole(octets) == whole


def test_until_within_max_bytes() -> None:
    for pieces in every_split(b"abc\r\nd"):
        assert deliver(Until(b"\r\n", 5), pieces) == (b"abc\r\n", b"d")


@pytest.mark.parametrize("octets", [b"abc\r\n", b"abcde", b"abcdefgh"])
def test_until_beyond_max_bytes(octets: bytes) -> None:
    for pieces in every_split(octets):
        with pytest.raises(UnsatisfiableReadError, match=r"delimiter b'\\r\\n' not found within 4 bytes"):
            deliver(Until(b"\r\n", 4), pieces)


def test_until_waits_up_to_max_bytes() -> None:
    assert deliver(Until(b"\r\n", 4), [b"a", b"b", b"c", b"\r"]) == (None, b"abc\r")


@pytest.mark.parametrize(
    ("regex", "octets", "size"), [(rb"b+c", b"abbbcd", 5), (rb"\r?\n\r?\n", b"a\n\r\nb", 4), (rb"[0-9]{3}", b"a123", 4)]
)
def test_until_match_at_every_split(regex: bytes, octets: bytes, size: int) -> None:
    for pieces in every_split(octets):
        assert deliver(UntilMatch(re.compile(regex), None), pieces) == (octets[:size], octets[size:])


def test_until_match_beyond_max_bytes() -> None:
    with pytest.raises(UnsatisfiableReadError, match="not found within 2 bytes"):
        deliver(UntilMatch(re.compile(rb"c"), 2), [b"abc"])


@pytest.mark.parametrize("size", [1, 3, 6])
def test_exactly_at_every_split(size: int) -> None:
    for pieces in every_split(b"abcdef"):
        assert deliver(Exactly(size), pieces) == (b"abcdef"[:size], b"abcdef"[size:])


def test_exactly_waits() -> None:
    for pieces in every_split(b"abcdef"):
        assert deliver(Exactly(7), pieces) == (None, b"abcdef")


@pytest.mark.parametrize(("pieces", "result"), [([b"a", b"bc"], (b"a", b"bc")), ([b"abc"], (b"ab", b"c"))])
def test_partial_takes_what_there_is(pieces: list[bytes], result: tuple[bytes, bytes]) -> None:
    assert deliver(Partial(2), pieces) == result


def test_partial_is_never_satisfied_by_nothing() -> None:
    assert Partial(2).size(ReadBuffer()) == -1


@pytest.mark.parametrize(
    ("size", "partial", "pieces", "result"),
    [
        (3, False, [b"ab", b"cd"], (3, b"d")),
        (3, True, [b"ab", b"cd"], (2, b"cd")),
        (3, False, [b"ab"], (None, b"")),
    ],
)
def test_into(size: int, partial: bool, pieces: list[bytes], result: tuple[int | None, bytes]) -> None:
    target = bytearray(size)
    assert deliver(Into(memoryview(target), partial), pieces) == result
    assert target.rstrip(b"\0") == b"".join(pieces)[: len(target.rstrip(b"\0"))]


def test_into_lets_go_of_the_target() -> None:
    target = bytearray(2)
    deliver(Into(memoryview(target), False), [b"ab"])
    target.append(0)  # impossible while somebody holds a view


def test_until_close_waits_for_the_end() -> None:
    read, buffer = UntilClose(), buffered(b"ab")
    assert (read.size(buffer), read.at_close(buffer)) == (-1, 2)


def test_until_close_may_give_nothing() -> None:
    assert UntilClose().at_close(ReadBuffer()) == 0


@pytest.mark.parametrize(
    ("size", "pieces", "delivered", "result"),
    [
        (3, [b"ab", b"cd"], [b"ab", b"c"], (b"", b"d")),
        (3, [b"ab"], [b"ab"], (None, b"")),
        (None, [b"ab", b"cd"], [b"ab", b"cd"], (None, b"")),
        (2, [b"ab"], [b"ab"], (b"", b"")),
    ],
)
def test_streaming(
    size: int | None, pieces: list[bytes], delivered: list[bytes], result: tuple[bytes | None, bytes]
) -> None:
    got: list[bytes] = []
    assert deliver(Streaming(size, got.append), pieces) == result
    assert got == delivered


@pytest.mark.parametrize(("size", "end"), [(None, 0), (2, 0), (3, -1)])
def test_streaming_at_close(size: int | None, end: int) -> None:
    got: list[bytes] = []
    assert Streaming(size, got.append).at_close(buffered(b"ab")) == end
    assert got == [b"ab"]


@pytest.mark.parametrize(
    "read", [Until(b"c", None), UntilMatch(re.compile(rb"c"), None), Exactly(3)], ids=["until", "match", "exactly"]
)
def test_at_close_other_reads_fail(read: Read) -> None:
    assert read.at_close(buffered(b"ab")) == -1
