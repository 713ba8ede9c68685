"""The limit: a bare protocol that writes back what comes, without looking for the end of a line."""

import asyncio
import socket

from bench.servers._start import BACKLOG, options, serve


class Echo(asyncio.Protocol):
    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def start(sock: socket.socket) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(Echo, sock=sock, backlog=BACKLOG)


if __name__ == "__main__":
    serve(options(__doc__), start)
