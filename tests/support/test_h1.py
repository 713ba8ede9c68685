import pytest

from tests.support.h1 import Message, assert_modest, hostile_sizes, read_head, read_request
from tests.support.splits import every_split

FIELDS = [(b"host", b"a"), (b"content-length", b"2")]


def test_read_head_finds_the_head_at_every_split() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for pieces in every_split(octets):
        found = read_head(pieces)
        assert found is not None
        assert found[1] == len(octets)


def test_read_head_of_nothing() -> None:
    assert read_head([]) is None


def test_read_request_with_length() -> None:
    octets = b"PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    for pieces in every_split(octets):
        assert read_request([*pieces, b"next"]) == Message(b"PUT", b"/b", 1, FIELDS, b"hi", len(octets), True)


def test_read_request_with_chunks() -> None:
    octets = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    for pieces in every_split(octets):
        message = read_request([*pieces, b"next"])
        assert message is not None
        assert (message.body, message.end) == (b"hi!", len(octets))


@pytest.mark.parametrize("missing", [1, 5, 30])
def test_read_request_cut_short(missing: int) -> None:
    octets = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    assert read_request([octets[:-missing]]) is None


@pytest.mark.parametrize("text", ["", "two\nlines", "bell\x07", "x" * 241])
def test_assert_modest_minds_the_form(text: str) -> None:
    with pytest.raises(AssertionError):
        assert_modest(ValueError(text))


def test_assert_modest_minds_long_quotes() -> None:
    with pytest.raises(AssertionError):
        assert_modest(ValueError("no: " + "abc" * 20), b"abc" * 20)


def test_assert_modest_takes_a_sample() -> None:
    assert_modest(ValueError("no: b'" + "abc" * 13 + "'…"), b"abc" * 20)


def test_hostile_sizes_are_no_decimal_numbers() -> None:
    assert not any(size.isdigit() and len(size) < 20 for size in hostile_sizes())
