"""uvicorn with httptools, and a bare ASGI application, or one of Starlette or blacksheep."""

import asyncio
import socket
from typing import Any

import uvicorn

from bench.servers import _asgi
from bench.servers._start import BACKLOG, PATIENCE, http_options, log_to_nowhere, serve


def application() -> Any:
    if given.application == "blacksheep":
        from bench.servers._blacksheep import app  # needs blacksheep

        return app
    if given.application == "starlette":
        from bench.servers import _starlette  # needs Starlette

        return _starlette.app
    return _asgi.site if given.site else _asgi.hello


async def start(sock: socket.socket) -> asyncio.Task[None]:
    config = uvicorn.Config(
        application(),
        http="httptools",
        ws="none",
        lifespan="on" if given.application == "blacksheep" else "off",  # blacksheep starts itself there
        log_level="info" if given.access_log else "warning",
        access_log=given.access_log,
        backlog=BACKLOG,
        timeout_keep_alive=PATIENCE,
        ssl_context_factory=(lambda config, default: given.context) if given.context else None,
    )
    if given.access_log:
        for name in ("uvicorn.access", "uvicorn.error"):
            log_to_nowhere(name)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn has no event for this)
        await asyncio.sleep(0.01)
    return running


if __name__ == "__main__":
    given = http_options(__doc__, application=("bare", "starlette", "blacksheep"))
    serve(given, start)
