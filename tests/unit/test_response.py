"""Heads of responses: how a client reads them, and what they say of the body."""

import time

import pytest

from asynchttp._h1 import framing
from asynchttp._h1.errors import HeadTooLargeError, HTTPInputError, UnsupportedVersionError
from asynchttp._h1.response import ResponseHead, ResponseHeadReader
from tests.support.splits import every_split


def read(octets: bytes, **limits: int) -> ResponseHead:
    found = ResponseHeadReader(**limits).feed(octets)
    assert found is not None
    head, end = found
    assert end == len(octets)
    return head


def parse(*fields: str, status: str = "200 OK", minor: int = 1) -> ResponseHead:
    return read("\r\n".join([f"HTTP/1.{minor} {status}", *fields, "", ""]).encode("latin-1"))


def test_parts_of_a_head() -> None:
    head = parse("A: b", "Set-Cookie:c", "set-cookie:\td ", status="404 Nicht gef\xfcnden")
    assert (head.minor, head.status, head.reason) == (1, 404, "Nicht gef\xfcnden")
    assert head.fields() == [("A", "b"), ("Set-Cookie", "c"), ("set-cookie", "d")]


@pytest.mark.parametrize(("status", "reason"), [("200", ""), ("200 ", ""), ("599 a  b\t", "a  b\t"), ("999 x", "x")])
def test_reason_phrase(status: str, reason: str) -> None:
    assert parse(status=status).reason == reason


def test_any_split_means_the_same_and_what_follows_is_left() -> None:
    octets = b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nrest"
    for pieces in every_split(octets):
        reader = ResponseHeadReader()
        position = 0
        for piece in pieces:
            found = reader.feed(piece)
            if found is not None:
                head, end = found
                assert octets[position + end :] == b"rest"
                assert head.octets == octets[:-4]
                break
            position += len(piece)
        else:
            pytest.fail("not found")


@pytest.mark.parametrize(
    "octets",
    [b"x", b"HTTQ", b"http/1.1 ", b"HTTP/2", b"\r\n", b"\n", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 20\r\n", b"\x16\x03\x01"],
)
def test_what_cannot_become_a_head_is_refused_at_once(octets: bytes) -> None:
    for pieces in every_split(octets):
        reader = ResponseHeadReader()
        with pytest.raises(HTTPInputError):
            for piece in pieces:
                reader.feed(piece)


@pytest.mark.parametrize("octets", [b"", b"H", b"HTTP/1.", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 OK\r\n\r"])
def test_what_may_become_a_head_is_waited_for(octets: bytes) -> None:
    assert ResponseHeadReader().feed(octets) is None


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"HTTP/2.0 200 OK\r\n\r\n", "unsupported version in a response: b'HTTP/2.0 200 OK'"),
        (b"HTTP/1.1 OK\r\n\r\n", "Malformed HTTP status line: b'HTTP/1.1 OK'"),
        (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "no colon in header line"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "obsolete line folding in a response"),
        (b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "a line that doesn't end with CRLF"),
    ],
)
def test_messages(octets: bytes, message: str) -> None:
    with pytest.raises(HTTPInputError) as caught:
        ResponseHeadReader().feed(octets)
    assert str(caught.value) == message
    assert isinstance(caught.value, UnsupportedVersionError) == message.startswith("unsupported")


def test_limits() -> None:
    octets = b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"
    read(octets, max_size=len(octets), max_count=2)
    with pytest.raises(HeadTooLargeError, match=f"larger than {len(octets) - 1} octets"):
        read(octets, max_size=len(octets) - 1)
    with pytest.raises(HeadTooLargeError, match="more than 1 header fields"):
        read(octets, max_count=1)


def test_head_that_never_ends_is_kept_within_its_bound() -> None:
    reader = ResponseHeadReader(max_size=100)
    assert reader.feed(b"HTTP/1.1 200 OK\r\n") is None
    with pytest.raises(HeadTooLargeError):
        reader.feed(b"A" * 1_000_000)
    assert len(reader._head) == 101


def test_dripping_head_costs_linear_time() -> None:
    def cost(size: int) -> float:
        reader = ResponseHeadReader(max_size=1 << 20)
        reader.feed(b"HTTP/1.1 200 OK\r\nA: ")
        begin = time.process_time()
        for _ in range(size):
            reader.feed(b"a")
        return time.process_time() - begin

    # Quadratic would be a hundred times as much.
    assert min(cost(60_000) for _ in range(3)) < 40 * min(cost(6_000) for _ in range(3))


@pytest.mark.parametrize(
    ("method", "head", "length"),
    [
        ("GET", parse("Content-Length: 5"), 5),
        ("GET", parse("Content-Length: 5, 5", "content-length: 5"), 5),
        ("GET", parse("Transfer-Encoding: chunked"), framing.CHUNKED),
        ("GET", parse(), None),
        ("HEAD", parse("Content-Length: 5"), 0),
        ("HEAD", parse("Content-Length: 5, 6"), 0),
        ("GET", parse("Content-Length: 5", status="304 Not Modified"), 0),
        ("GET", parse(status="204 No Content"), 0),
        ("GET", parse(status="100 Continue"), 0),
        ("CONNECT", parse("Content-Length: 5"), 0),
        ("CONNECT", parse("Content-Length: 5", status="407 Proxy Authentication Required"), 5),
    ],
)
def test_body_length(method: str, head: ResponseHead, length: int | None) -> None:
    assert head.body_length(method) == length


@pytest.mark.parametrize(
    "head",
    [
        parse("Content-Length: 5", status="100 Continue"),
        parse("Transfer-Encoding: chunked", status="103 Early Hints"),
        parse("Content-Length: 5", "Content-Length: 6"),
        parse("Content-Length: 5,"),
        parse("Content-Length: 5", "Content-Length:"),
        parse("Content-Length: +5"),
        parse("Content-Length: 5", "Transfer-Encoding: chunked"),
        parse("Transfer-Encoding: chunked", minor=0),
        parse("Transfer-Encoding: gzip"),
    ],
)
def test_framing_that_two_recipients_could_read_differently_is_refused(head: ResponseHead) -> None:
    with pytest.raises(HTTPInputError):
        head.body_length("GET")


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (parse(), True),
        (parse("Connection: close"), False),
        (parse("Connection: x, CLOSE"), False),
        (parse(minor=0), False),
        (parse("Connection: keep-alive", minor=0), True),
    ],
)
def test_keep_alive(head: ResponseHead, keep_alive: bool) -> None:
    assert head.keep_alive is keep_alive
