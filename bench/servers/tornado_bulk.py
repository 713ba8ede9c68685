"""Tornado's TCPServer and IOStream reading pieces with ``read_bytes``."""

import asyncio
import socket
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

from bench.servers._start import serve
from bench.servers._streams import PIECE, bulk_options


class Take(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        stream.set_nodelay(True)  # the others have it from asyncio
        pause: float = given.pause
        try:
            while True:
                piece = await stream.read_bytes(PIECE)
                await stream.write(piece[-1:])
                if pause:
                    await asyncio.sleep(pause)
        except StreamClosedError:
            pass


if __name__ == "__main__":
    given = bulk_options(__doc__)

    async def start(sock: socket.socket) -> TCPServer:
        server = Take(ssl_options=given.context, max_buffer_size=given.max_buffer_size)
        server.add_socket(sock)
        return server

    serve(given, start)
