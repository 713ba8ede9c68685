"""asynchttp's TCPServer and IOStream echoing lines or so many octets, in await and in callback style."""

import socket
from typing import Any

from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.tcpserver import TCPServer
from bench.servers._start import serve
from bench.servers._streams import echo_options


class AwaitLines(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line)
        except StreamClosedError:
            pass


class AwaitOctets(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        size: int = given.size
        try:
            while True:
                octets = await stream.read_bytes(size)
                await stream.write(octets)
        except StreamClosedError:
            pass


# ``callback`` is Tornado 2's to 5's: the types know it not.
class CallbackLines(TCPServer):
    def handle_stream(self, stream: IOStream, address: Any) -> None:
        def on_line(line: bytes) -> None:
            stream.write(line)
            stream.read_until(b"\n", callback=on_line)  # type: ignore[call-arg]

        stream.read_until(b"\n", callback=on_line)  # type: ignore[call-arg]


class CallbackOctets(TCPServer):
    def handle_stream(self, stream: IOStream, address: Any) -> None:
        size: int = given.size

        def on_octets(octets: bytes) -> None:
            stream.write(octets)
            stream.read_bytes(size, callback=on_octets)  # type: ignore[call-arg]

        stream.read_bytes(size, callback=on_octets)  # type: ignore[call-arg]


#: By style: what reads lines, what reads octets.
SERVERS: dict[str, tuple[type[TCPServer], type[TCPServer]]] = {
    "await": (AwaitLines, AwaitOctets),
    "callback": (CallbackLines, CallbackOctets),
}


if __name__ == "__main__":
    given = echo_options(__doc__, style=tuple(SERVERS))

    async def start(sock: socket.socket) -> TCPServer:
        lines, octets = SERVERS[given.style]
        server = (lines if given.size is None else octets)(ssl_options=given.context)
        server.add_socket(sock)
        return server

    serve(given, start)
