"""Feeding the protocol rules as a connection would: piece by piece, looking at whatever came so far."""

import dataclasses
from collections.abc import Iterable, Iterator

from asynchttp._h1 import chunked, framing, head
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError
from asynchttp._parameters import HTTP1ConnectionParameters

__all__ = ["Call", "Message", "assert_modest", "hostile_sizes", "read_head", "read_request", "read_requests"]


@dataclasses.dataclass(frozen=True)
class Message:
    """One request as a parser understood it."""

    method: bytes
    target: bytes
    minor: int
    fields: list[tuple[bytes, bytes]]  #: names in lower case, values without the whitespace around them
    body: bytes
    end: int  #: index behind the message
    keep_alive: bool


def read_head(
    pieces: Iterable[bytes], max_header_size: int = 65536, max_header_count: int = 100
) -> tuple[head.RequestHead, int] | None:
    """What ``parse_request_head`` says as soon as it says something; ``None`` when the octets end before."""
    data = b""
    for piece in pieces:
        data += piece
        found = head.parse_request_head(data, 0, max_header_size, max_header_count)
        if found is not None:
            return found
    return None


def read_request(pieces: Iterable[bytes]) -> Message | None:
    """The first request of a connection; ``None`` when the octets end before it does."""
    rest: Iterator[bytes] = iter(pieces)
    data = b""
    found = None
    while found is None:
        piece = next(rest, None)
        if piece is None:
            return None
        data += piece
        found = head.parse_request_head(data, 0, 65536, 100)
    (method, target, tail), end = found
    body = b""
    if tail.body_length == framing.CHUNKED:
        decoder = chunked.ChunkedDecoder()
        body, done = decoder.feed(data, end)
        while done < 0:
            piece = next(rest, None)
            if piece is None:
                return None
            received, data = len(data), data + piece
            more, done = decoder.feed(data, received)
            body += more
        end = done
    else:
        while len(data) < end + tail.body_length:
            piece = next(rest, None)
            if piece is None:
                return None
            data += piece
        body = data[end : end + tail.body_length]
        end += tail.body_length
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in head.split_fields(tail.octets)]
    return Message(method.encode(), target.encode(), tail.minor, fields, body, end, tail.keep_alive)


#: Method, target, tail and body of a request.
Call = tuple[str, str, bytes, bytes]


def read_requests(octets: bytes, params: HTTP1ConnectionParameters) -> tuple[list[Call], int | None]:
    """What the plain rules say of a connection's octets: the requests, and the status of what is refused behind."""
    calls: list[Call] = []
    position = 0
    try:
        while position < len(octets):
            found = head.parse_request_head(octets, position, params.max_header_size, params.max_header_count)
            if found is None:
                break
            (method, target, tail), position = found
            if tail.body_length > params.max_body_size:
                raise BodyTooLargeError
            if tail.body_length == framing.CHUNKED:
                decoder = chunked.ChunkedDecoder(params.max_header_size, params.max_header_count)
                body, position = decoder.feed(octets, position)
                if len(body) > params.max_body_size:
                    raise BodyTooLargeError
                if not decoder.complete:
                    break
            else:
                body = octets[position : position + tail.body_length]
                position += tail.body_length
                if position > len(octets):
                    break
            calls.append((method, target, tail.octets, body))
            if not tail.keep_alive:
                break
    except HTTPInputError as error:
        return calls, error.status
    return calls, None


def assert_modest(error: Exception, sent: bytes = b"") -> None:
    """The message of an error is one line of plain text, and repeats at most a short escaped sample of what came."""
    text = str(error)
    assert text
    assert text.isprintable(), text
    assert len(text) <= 240, text
    # A sample is shorter than that; a backslash in it is escaped by another one.
    octets = text.replace(r"\\", "\\").encode()
    assert not any(octets.find(sent[i : i + 48]) >= 0 for i in range(len(sent) - 47)), text


def hostile_sizes() -> list[bytes]:
    """What isn't the size of anything, although ``int()`` or ``strtol()`` takes most of it for one."""
    return [
        b"",
        b"+5",
        b"-5",
        b"-0",
        b"0x5",
        b"0X5",
        b"5_0",
        b"_5",
        b"5 5",
        b"5,5",
        b"5, 6",
        b"5;",
        b"5.0",
        b"5e1",
        b'"5"',
        b"5\x0b",
        b"\x0c5",
        b"5\xa0",
        b"\xd9\xa5",  # ARABIC-INDIC DIGIT FIVE
        b"\xef\xbc\x95",  # FULLWIDTH DIGIT FIVE
        b"\xb2",  # SUPERSCRIPT TWO in ISO 8859-1: "²".isdigit()
        b"0b1",
        b"0o5",
        b"5L",
        b"NaN",
        b"inf",
        b"99999999999999999999",
        b"9" * 400,
    ]
