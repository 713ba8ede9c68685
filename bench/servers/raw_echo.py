"""The limit: a bare protocol that writes back what comes, without looking for the end of a line or counting octets."""

import asyncio
import socket

from bench.servers._start import BACKLOG, serve
from bench.servers._streams import echo_options


class Echo(asyncio.Protocol):
    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


if __name__ == "__main__":
    given = echo_options(__doc__)

    async def start(sock: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(Echo, sock=sock, backlog=BACKLOG, ssl=given.context)

    serve(given, start)
