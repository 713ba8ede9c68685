"""asyncio's own streams: ``readuntil``, ``readline`` or ``readexactly``, ``write``, ``drain``."""

import asyncio
import socket

from bench.servers._start import BACKLOG, serve
from bench.servers._streams import LONGEST_LINE, echo_options


async def echo_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            line = await reader.readuntil(b"\n")
            writer.write(line)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def echo_by_readline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def echo_octets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size: int = given.size
    try:
        while True:
            octets = await reader.readexactly(size)
            writer.write(octets)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


if __name__ == "__main__":
    given = echo_options(__doc__, line=("readuntil", "readline"))

    async def start(sock: socket.socket) -> asyncio.Server:
        by_line = echo_lines if given.line == "readuntil" else echo_by_readline
        echo = by_line if given.size is None else echo_octets
        return await asyncio.start_server(echo, sock=sock, limit=LONGEST_LINE, backlog=BACKLOG, ssl=given.context)

    serve(given, start)
