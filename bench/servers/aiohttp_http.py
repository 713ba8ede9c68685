"""aiohttp.web."""

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted
from bench.servers._start import BACKLOG, PATIENCE, http_options, log_to_nowhere, serve


def page(body: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body)

    return handler


async def upload(request: web.Request) -> web.Response:
    return web.Response(body=counted(len(await request.read())))


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(PIECES):
        await response.write(PIECE)
    await response.write_eof()
    return response


async def start(sock: socket.socket) -> web.AppRunner:
    app = web.Application()
    for path, body in PAGES.items():
        app.router.add_get(path, page(body))
    app.router.add_post(UPLOAD, upload)
    app.router.add_get(STREAM, stream)
    if given.access_log:
        log_to_nowhere("aiohttp.access")
        runner = web.AppRunner(app, keepalive_timeout=PATIENCE)
    else:
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=PATIENCE)
    await runner.setup()
    await web.SockSite(runner, sock, backlog=BACKLOG, ssl_context=given.context).start()
    return runner


if __name__ == "__main__":
    given = http_options(__doc__)
    serve(given, start)
