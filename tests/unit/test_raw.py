"""Responses that a handler writes as they are: what goes out, and whether the connection may live on."""

import pytest

from asynchttp._h1.errors import HTTPOutputError
from asynchttp._h1.raw import RawResponse
from tests.support.splits import every_split

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def write(pieces: list[bytes], method: str = "GET") -> tuple[bytes, str | None, bool]:
    """What goes out, what is missing at the end, and whether the connection may live on."""
    response = RawResponse(method)
    sent = b"".join(response.feed(piece) for piece in pieces)
    return sent, response.finish(), response.keep_alive


@pytest.mark.parametrize(
    "octets",
    [
        HELLO,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO,
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + HELLO,
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_whole_response_goes_out_and_the_connection_lives_on(octets: bytes) -> None:
    for pieces in every_split(octets):
        assert write(pieces) == (octets, None, True)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + HELLO + b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nA: b\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 20\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        b"hello\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_response_without_a_sure_end_ends_with_the_connection(octets: bytes) -> None:
    for pieces in every_split(octets):
        assert write(pieces) == (octets, None, False)


@pytest.mark.parametrize(
    "head", [HELLO[:-5], CHUNKED, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"]
)
def test_9112_6_3_head_request_gets_no_body(head: bytes) -> None:
    for pieces in every_split(head + b"5\r\nhello\r\n0\r\n\r\n"):
        sent, missing, keep_alive = write(pieces, "HEAD")
        assert (sent, missing) == (head, None)
        assert keep_alive == (b"close" not in head)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_9112_6_3_body_behind_a_status_without_one_stays_here(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\n\r\n"
    for pieces in every_split(head + b"hello"):
        assert write(pieces) == (head, None, True)


def test_more_than_the_length_never_goes_out() -> None:
    for pieces in every_split(HELLO + b"HTTP/1.1 200 OK\r\n\r\n"):
        sent = b""
        response = RawResponse("GET")
        with pytest.raises(HTTPOutputError, match="Tried to write more data than Content-Length"):
            for piece in pieces:
                sent += response.feed(piece)
        assert HELLO.startswith(sent)


@pytest.mark.parametrize("rest", [b"x", b"\r\n", b"5\r\nhello\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_more_behind_the_last_chunk_never_goes_out(rest: bytes) -> None:
    body = b"2\r\nhi\r\n0\r\n\r\n"
    for pieces in every_split(CHUNKED + body + rest):
        sent = b""
        response = RawResponse("GET")
        with pytest.raises(HTTPOutputError, match="more data behind the last chunk"):
            for piece in pieces:
                sent += response.feed(piece)
        assert (CHUNKED + body).startswith(sent)


@pytest.mark.parametrize(
    "body",
    [b"hello", b"5\r\nhelloX", b"+5\r\nhello\r\n", b"5\nhello\n", b"0\r\nA\r\n\r\n", b"1 ;a\r\nx", b"1;a = b\r\nx"],
)
def test_malformed_chunks_are_our_own_fault(body: bytes) -> None:
    with pytest.raises(HTTPOutputError, match="malformed chunked body: "):
        write([CHUNKED + body + b"\r\n\r\n"])


@pytest.mark.parametrize("octets", [1, 3, 5])
def test_less_than_the_length_is_told(octets: int) -> None:
    assert write([HELLO[:-octets]])[1] == f"Tried to write {octets} bytes less than Content-Length"


@pytest.mark.parametrize("body", [b"", b"5\r\n", b"5\r\nhello\r\n", b"0\r\n"])
def test_missing_last_chunk_is_told(body: bytes) -> None:
    assert write([CHUNKED + body])[1] == "the last chunk is missing"


def test_length_is_known_behind_the_head() -> None:
    response = RawResponse("GET")
    response.feed(HELLO[:-5])
    assert response.length == 5


def test_head_beyond_all_measure_passes_and_ends_with_the_connection() -> None:
    octets = b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000
    assert write([octets[:1000], octets[1000:], b"\r\n\r\nhello"]) == (octets + b"\r\n\r\nhello", None, False)


def test_thousands_of_interim_responses() -> None:
    octets = b"HTTP/1.1 102 Processing\r\n\r\n" * 5000 + HELLO
    assert write([octets]) == (octets, None, True)


def test_chunks_behind_a_head_that_was_written_before() -> None:
    response = RawResponse.chunks("GET")
    assert response.feed(b"2\r\nhi\r\n0\r\n\r\n") == b"2\r\nhi\r\n0\r\n\r\n"
    assert response.finish() is None
    assert response.keep_alive


def test_chunks_behind_a_head_that_was_written_before_must_end() -> None:
    response = RawResponse.chunks("GET")
    response.feed(b"2\r\nhi\r\n")
    assert response.finish() == "the last chunk is missing"
