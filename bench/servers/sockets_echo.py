"""A loop's own ``sock_recv`` and ``sock_sendall``: writes back what comes, a task for each connection."""

import asyncio
import socket

from bench.servers._start import serve
from bench.servers._streams import echo_options

#: Octets that are received at once: the largest size that is usually asked for comes whole.
CHUNK = 1 << 18


async def echo(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    with sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # transports do it by themselves
        try:
            while data := await loop.sock_recv(sock, CHUNK):
                await loop.sock_sendall(sock, data)
        except ConnectionError:
            pass


async def accept(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        while True:
            connection, _ = await loop.sock_accept(sock)
            tasks.create_task(echo(loop, connection))


if __name__ == "__main__":
    given = echo_options(__doc__)

    async def start(sock: socket.socket) -> asyncio.Task[None]:
        return asyncio.create_task(accept(sock))

    serve(given, start)
