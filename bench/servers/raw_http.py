"""The limit: a bare protocol that answers fixed octets to whatever comes, without looking."""

import asyncio
import socket

from bench.servers._start import BACKLOG, CLASSIC_ANSWER, options, serve


class Raw(asyncio.Protocol):
    """One ``write`` per ``data_received``: wrong for split or pipelined requests, on purpose."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(CLASSIC_ANSWER)


async def start(sock: socket.socket) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(Raw, sock=sock, backlog=BACKLOG)


if __name__ == "__main__":
    serve(options(__doc__), start)
