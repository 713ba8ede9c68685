"""Tornado's functions for who reads messages without a connection."""

import pytest

from asynchttp.http1connection import is_transfer_encoding_chunked, parse_hex_int, parse_int
from asynchttp.httputil import HTTPHeaders, HTTPInputError


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("5", 5), ("007", 7), ("9" * 30, int("9" * 30))])
def test_number(text: str, number: int) -> None:
    assert parse_int(text) == number


@pytest.mark.parametrize("text", ["", "+5", "-5", " 5", "5 ", "5\n", "0_5", "0x5", "a", "5.0", "\u0665", "\xb2"])
def test_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        parse_int(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("a", 10), ("FF", 255), ("0010", 16)])
def test_hexadecimal_number(text: str, number: int) -> None:
    assert parse_hex_int(text) == number


@pytest.mark.parametrize("text", ["", "g", "0xa", "+a", " a", "a\n", "a_b", "\uff21"])
def test_no_hexadecimal_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a hexadecimal integer"):
        parse_hex_int(text)


@pytest.mark.parametrize(
    ("fields", "chunked"),
    [
        ({}, False),
        ({"Content-Length": "5"}, False),
        ({"Transfer-Encoding": "chunked"}, True),
        ({"transfer-encoding": " Chunked\t"}, True),
    ],
)
def test_9112_6_1_chunked(fields: dict[str, str], chunked: bool) -> None:
    assert is_transfer_encoding_chunked(HTTPHeaders(fields)) is chunked


@pytest.mark.parametrize(
    "fields",
    [
        {"Transfer-Encoding": "gzip"},
        {"Transfer-Encoding": ""},
        {"Transfer-Encoding": "chunked, chunked"},
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "\x0bchunked"},
        {"Transfer-Encoding": "chunked", "Content-Length": "5"},
    ],
)
def test_9112_6_1_other_codings(fields: dict[str, str]) -> None:
    with pytest.raises(HTTPInputError):
        is_transfer_encoding_chunked(HTTPHeaders(fields))
