"""Tornado's TCPServer and IOStream echoing lines or so many octets."""

import socket
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

from bench.servers._start import serve
from bench.servers._streams import echo_options


class Lines(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        stream.set_nodelay(True)  # the others have it from asyncio
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line)
        except StreamClosedError:
            pass


class Octets(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        stream.set_nodelay(True)
        size: int = given.size
        try:
            while True:
                octets = await stream.read_bytes(size)
                await stream.write(octets)
        except StreamClosedError:
            pass


if __name__ == "__main__":
    given = echo_options(__doc__)

    async def start(sock: socket.socket) -> TCPServer:
        server = (Lines if given.size is None else Octets)(ssl_options=given.context)
        server.add_socket(sock)
        return server

    serve(given, start)
