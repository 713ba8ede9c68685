"""The limit: a bare protocol that answers fixed octets to whatever comes, without looking.

Where hello won't do, it looks at the first request of each connection, and counts octets from then on.
"""

import asyncio
import re
import socket

from bench.servers._site import BODY, CHUNKED_HEAD, LAST_CHUNK, PAGES, PIECE, PIECES, STREAM, UPLOAD, chunk, classic
from bench.servers._site import counted as counted_body
from bench.servers._start import BACKLOG, http_options, serve

HELLO = classic(BODY)
ANSWERS = {path.encode(): classic(body) for path, body in PAGES.items()}
ANSWERS[STREAM.encode()] = CHUNKED_HEAD + chunk(PIECE) * PIECES + LAST_CHUNK
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
CHUNK = re.compile(rb"([0-9a-f]+)\r\n")


class Hello(asyncio.Protocol):
    """One ``write`` per ``data_received``: wrong for split or pipelined requests, on purpose."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(HELLO)


class Count(asyncio.Protocol):
    """Right for requests that are all as long as the first one of their connection."""

    __slots__ = ("_answer", "_close", "_left", "_size", "_so_far", "_transport")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport
        self._size = 0
        self._so_far = b""

    def data_received(self, data: bytes) -> None:
        if not self._size:
            data = self._so_far = self._so_far + data
            if not self._learn(data):
                return
        self._left -= len(data)
        if self._left > 0:
            return
        whole = 1 - self._left // self._size
        self._left += whole * self._size
        self._transport.write(self._answer * whole)
        if self._close:
            self._transport.close()

    def _learn(self, data: bytes) -> bool:
        """The size of a request and its answer, once the first one is here far enough to know."""
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            return False
        path = head.split(b" ", 2)[1]
        length = LENGTH.search(head + b"\r\n")
        octets = int(length[1]) if length else 0
        size = len(head) + 4 + octets
        if b"\r\nTransfer-Encoding: chunked" in head:
            if not body.endswith(LAST_CHUNK):
                return False
            size, octets = len(data), _chunked_octets(body)
        self._close = b"\r\nConnection: close" in head
        self._answer = classic(counted_body(octets)) if path == UPLOAD.encode() else ANSWERS[path]
        self._size = self._left = size
        return True


def _chunked_octets(body: bytes) -> int:
    octets = position = 0
    while (line := CHUNK.match(body, position)) and (size := int(line[1], 16)):
        octets += size
        position = line.end() + size + 2
    return octets


if __name__ == "__main__":
    given = http_options(__doc__)

    async def start(sock: socket.socket) -> asyncio.Server:
        kind = Count if given.site else Hello
        return await asyncio.get_running_loop().create_server(kind, sock=sock, backlog=BACKLOG, ssl=given.context)

    serve(given, start)
