"""asynchttp's TCPServer and IOStream echoing lines, in await and in callback style."""

import socket
from typing import Any

from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.tcpserver import TCPServer
from bench.servers._start import options, serve


class AwaitEcho(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line)
        except StreamClosedError:
            pass


class CallbackEcho(TCPServer):
    def handle_stream(self, stream: IOStream, address: Any) -> None:
        def on_line(line: bytes) -> None:
            stream.write(line)
            stream.read_until(b"\n", callback=on_line)  # type: ignore[call-arg] # Tornado 2 to 5; not in the types

        stream.read_until(b"\n", callback=on_line)  # type: ignore[call-arg] # Tornado 2 to 5; not in the types


SERVERS: dict[str, type[TCPServer]] = {"await": AwaitEcho, "callback": CallbackEcho}


if __name__ == "__main__":
    given = options(__doc__, style=tuple(SERVERS))

    async def start(sock: socket.socket) -> TCPServer:
        server = SERVERS[given.style]()
        server.add_socket(sock)
        return server

    serve(given, start)
