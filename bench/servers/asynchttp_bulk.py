"""asynchttp's TCPServer and IOStream reading pieces with ``read_bytes``, in await and in callback style."""

import asyncio
import socket
from typing import Any

from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.tcpserver import TCPServer
from bench.servers._start import serve
from bench.servers._streams import PIECE, bulk_options


class AwaitTake(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        pause: float = given.pause
        try:
            while True:
                piece = await stream.read_bytes(PIECE)
                await stream.write(piece[-1:])
                if pause:
                    await asyncio.sleep(pause)
        except StreamClosedError:
            pass


class CallbackTake(TCPServer):
    def handle_stream(self, stream: IOStream, address: Any) -> None:
        pause: float = given.pause

        def read() -> None:
            if not stream.closed():  # during a pause
                stream.read_bytes(PIECE, callback=on_piece)  # type: ignore[call-arg] # Tornado 2 to 5; not in the types

        def on_piece(piece: bytes) -> None:
            stream.write(piece[-1:])
            if pause:
                stream.io_loop.call_later(pause, read)
            else:
                read()

        read()


SERVERS: dict[str, type[TCPServer]] = {"await": AwaitTake, "callback": CallbackTake}


if __name__ == "__main__":
    given = bulk_options(__doc__, style=tuple(SERVERS))

    async def start(sock: socket.socket) -> TCPServer:
        server = SERVERS[given.style](ssl_options=given.context, max_buffer_size=given.max_buffer_size)
        server.add_socket(sock)
        return server

    serve(given, start)
