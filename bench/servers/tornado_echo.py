"""Tornado's TCPServer and IOStream echoing lines."""

import socket
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

from bench.servers._start import options, serve


class Echo(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line)
        except StreamClosedError:
            pass


async def start(sock: socket.socket) -> TCPServer:
    server = Echo()
    server.add_socket(sock)
    return server


if __name__ == "__main__":
    serve(options(__doc__), start)
