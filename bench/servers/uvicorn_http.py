"""uvicorn with httptools and a bare ASGI application, no access log."""

import asyncio
import socket

import uvicorn

from bench.servers._start import BACKLOG, options, serve
from bench.servers.hello_asgi import asgi


async def start(sock: socket.socket) -> asyncio.Task[None]:
    config = uvicorn.Config(
        asgi,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn has no event for this)
        await asyncio.sleep(0.01)
    return running


if __name__ == "__main__":
    serve(options(__doc__), start)
