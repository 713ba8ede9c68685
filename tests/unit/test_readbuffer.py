"""The read buffer: what goes in comes out, in order, and copies only when it must."""

import tracemalloc

import pytest

from asynchttp import _readbuffer
from asynchttp._readbuffer import UNUSED, ReadBuffer


@pytest.fixture(params=[None, 1, 2, 3], autouse=True)
def large(request, monkeypatch) -> None:
    """What counts as large, so that a few octets are held in all the ways in which many are."""
    if request.param is not None:
        monkeypatch.setattr(_readbuffer, "_LARGE", request.param)


def filled(*pieces: bytes, taken: int = 0) -> ReadBuffer:
    buffer = ReadBuffer()
    for piece in pieces:
        buffer.append(piece)
    buffer.take(taken)
    return buffer


def test_new_one_is_empty() -> None:
    buffer = ReadBuffer()
    assert (len(buffer), buffer.peek(), buffer.take(0)) == (0, b"", b"")


# The same content, held in each of the ways in which it may be held.
ABCDEF = {
    "bytes": lambda: filled(b"abcdef"),
    "bytes-begun": lambda: filled(b"xyabcdef", taken=2),
    "bytearray": lambda: filled(b"abc", b"def"),
    "bytearray-begun": lambda: filled(b"xyab", b"cdef", taken=2),
    "begun-then-more": lambda: (buffer := filled(b"xyab", taken=2)).append(b"cdef") or buffer,
    "emptied-then-more": lambda: (buffer := filled(b"xy", taken=2)).append(b"abcdef") or buffer,
    "prepended": lambda: (buffer := filled(b"xycd", b"ef", taken=2)).prepend(b"ab") or buffer,
    "prepended-to-nothing": lambda: (buffer := filled()).prepend(b"abcdef") or buffer,
    "prepended-to-parts": lambda: (buffer := filled(b"xc", b"de", b"f", taken=1)).prepend(b"ab") or buffer,
    "first-part-gone": lambda: filled(b"xyz", b"uab", b"cd", b"ef", taken=4),
    "parts-of-one": lambda: filled(b"ab", b"c", b"d", b"ef"),
    "many": lambda: filled(*(b"%c" % octet for octet in b"abcdef")),
}
held = pytest.mark.parametrize("make", ABCDEF.values(), ids=ABCDEF.keys())


@held
def test_length(make) -> None:
    assert len(make()) == make().size == 6


@held
def test_peek_keeps(make) -> None:
    buffer = make()
    assert (buffer.peek(), buffer.peek(), len(buffer)) == (b"abcdef", b"abcdef", 6)


@held
def test_take_all(make) -> None:
    buffer = make()
    assert (buffer.take(6), len(buffer), buffer.peek()) == (b"abcdef", 0, b"")


@held
@pytest.mark.parametrize("size", range(7))
def test_take_some(make, size: int) -> None:
    buffer = make()
    assert (buffer.take(size), buffer.peek(), len(buffer)) == (b"abcdef"[:size], b"abcdef"[size:], 6 - size)


@held
def test_what_is_taken_is_bytes(make) -> None:
    buffer = make()
    assert [type(buffer.take(2)), type(buffer.peek()), type(buffer.take(4))] == [bytes, bytes, bytes]


@held
def test_append_behind(make) -> None:
    buffer = make()
    buffer.append(b"ghi")
    assert (buffer.peek(), len(buffer)) == (b"abcdefghi", 9)


@held
def test_prepend_before(make) -> None:
    buffer = make()
    buffer.prepend(b"xyz")
    assert (buffer.peek(), len(buffer)) == (b"xyzabcdef", 9)


@held
@pytest.mark.parametrize("method", ["append", "prepend"])
def test_nothing_changes_nothing(make, method: str) -> None:
    buffer = make()
    getattr(buffer, method)(b"")
    assert (buffer.peek(), len(buffer)) == (b"abcdef", 6)


@held
@pytest.mark.parametrize(
    ("delimiter", "end"), [(b"a", 1), (b"f", 6), (b"cd", 4), (b"abcdef", 6), (b"xa", -1), (b"y", -1), (b"fg", -1)]
)
def test_find(make, delimiter: bytes, end: int) -> None:
    assert make().find(delimiter) == end


@held
@pytest.mark.parametrize("searched", range(4))
def test_find_where_the_delimiter_was_cut(make, searched: int) -> None:
    assert make().find(b"cde", searched) == 5


@held
def test_find_passes_over_what_was_searched(make) -> None:
    assert make().find(b"abc", 6) == -1


@held
def test_view(make) -> None:
    with make().view() as view:
        assert view == b"abcdef"


@held
@pytest.mark.parametrize("size", [0, 1, 6, 10])
def test_take_into(make, size: int) -> None:
    buffer, target = make(), bytearray(b"-" * size)
    assert buffer.take_into(memoryview(target)) == min(size, 6)
    assert target == b"abcdef"[:size].ljust(size, b"-")
    assert buffer.peek() == b"abcdef"[size:]


def test_what_comes_whole_is_passed_on_whole() -> None:
    octets = bytes(1000)
    assert filled(octets).take(1000) is octets


def test_what_is_buffered_is_the_buffers_own() -> None:
    buffer = filled(b"ab", b"cd")
    taken = buffer.peek()
    buffer.append(b"ef")
    assert taken == b"abcd"


def test_bytearray_in_use_does_not_grow_for_ever() -> None:
    buffer = filled(b"x" * 1000, b"y" * 1000)
    for _ in range(1000):
        buffer.append(b"z" * 1000)
        buffer.take(1000)
    assert len(buffer) == 2000
    assert len(buffer._data) < 150_000


@pytest.mark.parametrize("large", [None], indirect=True)
def test_octets_that_come_one_by_one_take_no_object_each() -> None:
    buffer = filled(b"x" * 20_000, b"y" * 20_000)
    tracemalloc.start()
    for _ in range(50_000):
        buffer.append(b"z")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 100_000


def test_unused_buffer_takes_no_octets() -> None:
    """All streams whose octets go elsewhere share it: what came into it would reach a stranger."""
    assert not UNUSED
    UNUSED.prepend(b"")
    for put in (UNUSED.append, UNUSED.prepend):
        with pytest.raises(AssertionError, match="isn't used"):
            put(b"x")
    assert UNUSED.peek() == b""
