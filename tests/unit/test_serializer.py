"""Heads that we write, and what we understand of heads that a handler wrote."""

import http

import pytest

from asynchttp._h1 import framing, serializer
from tests.support.h1 import assert_modest

UNREADABLE = (200, None, False)


def told(head: bytes) -> tuple[int, int | None, bool]:
    answer = serializer.parse_response_framing(head)
    return answer.status, answer.body_length, answer.keep_alive


# -- status lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(http.HTTPStatus))
def test_9112_4_status_line_of_a_known_status(status: http.HTTPStatus) -> None:
    assert serializer.status_line(status) == b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())


@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [
        (200, "Fine", b"HTTP/1.1 200 Fine\r\n"),
        (200, "", b"HTTP/1.1 200 \r\n"),
        (299, None, b"HTTP/1.1 299 Unknown\r\n"),
        (599, "Café\tau lait", b"HTTP/1.1 599 Caf\xe9\tau lait\r\n"),
        (100, "x", b"HTTP/1.1 100 x\r\n"),
    ],
)
def test_9112_4_status_line(status: int, reason: str | None, line: bytes) -> None:
    assert serializer.status_line(status, reason) == line


@pytest.mark.parametrize("status", [-200, 0, 1, 99, 600, 1000, 200.5, "200", None])
def test_9110_15_status_out_of_range(status: int) -> None:
    with pytest.raises(ValueError, match="status code outside 100–599"):
        serializer.status_line(status)


@pytest.mark.parametrize("reason", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "a\x7f", "Ā", "\u2028"])
def test_9112_4_reason_can_not_split_the_head(reason: str) -> None:
    with pytest.raises(ValueError, match="Illegal characters in reason phrase"):
        serializer.status_line(200, reason)


# -- fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "octets"),
    [
        ([], b""),
        ([("A", "b")], b"A: b\r\n"),
        ([("A", "b"), ("A", "c")], b"A: b\r\nA: c\r\n"),
        ([("a-B", "")], b"a-B: \r\n"),
        ([("A", "b\tc é")], b"A: b\tc \xe9\r\n"),
    ],
)
def test_9112_5_encode_fields(fields: list[tuple[str, str]], octets: bytes) -> None:
    assert serializer.encode_fields(fields) == octets


@pytest.mark.parametrize(
    "value",
    ["a\r\nB: c", "a\nb", "a\rb", "\n", "a\r\n\r\n<html>", "a\0b", "a\x0bb", "a\x1b[2J", "a\x7f", "Ā", "€", "\ud800"],
)
def test_9110_5_5_value_can_not_split_the_message(value: str) -> None:
    with pytest.raises(ValueError, match=r"Illegal characters .* in header X-Name: "):
        serializer.encode_fields([("X-Name", value)])


@pytest.mark.parametrize("name", ["", "A B", "A:", "A\r\nB", "A\nB", "A\0", "Ä", "\u212a", "(A)", " A", "A "])
def test_9110_5_6_2_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="Illegal characters in header name: "):
        serializer.encode_fields([(name, "b")])


def test_long_illegal_value_is_sampled() -> None:
    value = "secret" * 1000 + "\n"
    with pytest.raises(ValueError) as caught:
        serializer.encode_fields([("Cookie", value)])
    assert_modest(caught.value, value.encode())


def test_nothing_is_encoded_when_one_field_is_illegal() -> None:
    with pytest.raises(ValueError):
        serializer.encode_fields([("A", "b"), ("B", "\n")])


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 500, 501, 505])
def test_error_response(status: int) -> None:
    head, _, body = serializer.error_response(status, "a ‘reason’").partition(b"\r\n\r\n")
    assert body == "a ‘reason’\n".encode()
    assert head.splitlines()[1:] == [
        b"Connection: close",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(body),
    ]


@pytest.mark.parametrize(
    ("method", "status", "may"),
    [
        ("GET", 200, True),
        ("POST", 404, True),
        ("HEAD", 200, False),
        ("HEAD", 500, False),
        ("head", 200, True),  # methods are case-sensitive
        ("GET", 100, False),
        ("GET", 101, False),
        ("GET", 204, False),
        ("GET", 205, True),
        ("GET", 304, False),
    ],
)
def test_9112_6_3_may_have_body(method: str, status: int, may: bool) -> None:
    assert serializer.may_have_body(method, status) == may


# -- heads that a handler wrote ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", (200, 5, True)),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length:0 \r\nA: b\r\n\r\n", (404, 0, True)),
        (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", (200, 5, True)),
        (b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", (200, 5, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", (200, framing.CHUNKED, True)),
        (b"HTTP/1.1 200 OK\r\n\r\n", (200, None, True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, None, True)),
        (b"HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\n", (999, 5, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", (200, 5, False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", (200, 5, False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", (200, 5, True)),
    ],
)
def test_9112_6_3_response_head(head: bytes, expected: tuple[int, int | None, bool]) -> None:
    assert told(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"Hello\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 \xb200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\nA: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 6\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nnot a field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: \x00\r\n\r\n",
    ],
)
def test_unclear_response_head_ends_with_the_connection(head: bytes) -> None:
    assert told(head) == UNREADABLE
