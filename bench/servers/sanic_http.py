"""Sanic in a single process."""

import socket
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, raw

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted
from bench.servers._start import BACKLOG, PATIENCE, http_options, log_to_nowhere, serve


def page(body: bytes) -> Any:
    async def handler(request: Request) -> HTTPResponse:
        return raw(body)

    return handler


async def upload(request: Request) -> HTTPResponse:
    return raw(counted(len(request.body)))


async def stream(request: Request) -> None:
    response = await request.respond(content_type="application/octet-stream")
    for _ in range(PIECES):
        await response.send(PIECE)
    await response.eof()


async def start(sock: socket.socket) -> object:
    app = Sanic("bench", configure_logging=False)
    app.config.ACCESS_LOG = given.access_log
    app.config.KEEP_ALIVE_TIMEOUT = PATIENCE
    for number, (path, body) in enumerate(PAGES.items()):
        app.add_route(page(body), path, name=f"page{number}")
    app.add_route(upload, UPLOAD, methods=["POST"])
    app.add_route(stream, STREAM)
    if given.access_log:
        log_to_nowhere("sanic.access")
    server = await app.create_server(
        sock=sock, backlog=BACKLOG, ssl=given.context, access_log=given.access_log, return_asyncio_server=True
    )
    assert server is not None
    await server.startup()  # type: ignore[no-untyped-call]
    await server.start_serving()  # type: ignore[no-untyped-call]
    return server


if __name__ == "__main__":
    given = http_options(__doc__)
    serve(given, start)
