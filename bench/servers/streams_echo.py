"""asyncio's own streams: ``readuntil``, ``write``, ``drain``."""

import asyncio
import socket

from bench.servers._start import BACKLOG, options, serve

#: Longest line taken, in octets: well above the largest ``--size`` in use; 64 KiB, the default, is below it.
LIMIT = 1 << 20


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(await reader.readuntil(b"\n"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def start(sock: socket.socket) -> asyncio.Server:
    return await asyncio.start_server(echo, sock=sock, limit=LIMIT, backlog=BACKLOG)


if __name__ == "__main__":
    serve(options(__doc__), start)
