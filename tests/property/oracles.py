"""Two independent parsers of HTTP/1 requests, made to say what they understood in the same words as ours."""

import h11
import httptools

from tests.support.h1 import Message

__all__ = ["ORACLES", "Refused", "read_with_h11", "read_with_httptools"]


class Refused(Exception):
    """The oracle doesn't accept the octets."""


def read_with_h11(data: bytes) -> Message | None:
    """The first request in ``data``; ``None`` when it ends before the request does."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    request = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return None
    except h11.RemoteProtocolError as error:
        raise Refused(str(error)) from error
    assert request is not None
    major, _, minor = request.http_version.partition(b".")
    if major != b"1":
        raise Refused(f"version {request.http_version!r}")
    fields = [(name, value.strip(b" \t")) for name, value in request.headers]
    end = len(data) - len(connection.trailing_data[0])
    keep_alive = connection.their_state is h11.DONE
    return Message(request.method, request.target, int(minor), fields, body, end, keep_alive)


class _Collector:
    """What llhttp calls back with, up to the end of the first message."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.in_head = True
        self.complete = False
        self.keep_alive = False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        (self.fields if self.in_head else self.trailers).append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.in_head = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self.parser.should_keep_alive()


def read_with_httptools(data: bytes) -> Message | None:
    """The first request in ``data``, fed octet by octet: so the end of the message is seen exactly."""
    seen = _Collector()
    parser = seen.parser
    for index in range(len(data)):
        try:
            parser.feed_data(data[index : index + 1])
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise Refused(str(error)) from error
        if seen.complete:
            minor = int(parser.get_http_version().partition(".")[2])
            return Message(
                parser.get_method(),
                seen.target,
                minor,
                seen.fields,
                seen.body,
                index + 1,
                seen.keep_alive,
            )
    return None


ORACLES = {"h11": read_with_h11, "httptools": read_with_httptools}
