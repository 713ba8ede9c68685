"""asyncio's own streams reading pieces with ``readexactly``."""

import asyncio
import socket

from bench.servers._start import BACKLOG, serve
from bench.servers._streams import PIECE, bulk_options


async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pause: float = given.pause
    try:
        while True:
            piece = await reader.readexactly(PIECE)
            writer.write(piece[-1:])
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


if __name__ == "__main__":
    given = bulk_options(__doc__)

    async def start(sock: socket.socket) -> asyncio.Server:
        # A reader pauses its transport above twice its limit.
        limit = given.max_buffer_size // 2
        return await asyncio.start_server(take, sock=sock, limit=limit, backlog=BACKLOG, ssl=given.context)

    serve(given, start)
