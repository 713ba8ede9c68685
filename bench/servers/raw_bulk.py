"""The limit: a bare protocol that counts the octets of a stream and keeps none; each piece is answered."""

import asyncio
import socket

from bench.servers._start import BACKLOG, serve
from bench.servers._streams import PIECE, bulk_options


class Count(asyncio.Protocol):
    __slots__ = ("_left", "_transport")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport
        self._left = PIECE

    def data_received(self, data: bytes) -> None:
        # No loop, for a delivery is never longer than a piece.
        self._left -= len(data)
        if self._left > 0:
            return
        last = len(data) - 1 + self._left
        self._left += PIECE
        self._transport.write(data[last : last + 1])
        if given.pause:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(given.pause, self._transport.resume_reading)


if __name__ == "__main__":
    given = bulk_options(__doc__)

    async def start(sock: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(Count, sock=sock, backlog=BACKLOG, ssl=given.context)

    serve(given, start)
