"""aiohttp.web with one route and no access log."""

import socket

from aiohttp import web

from bench.servers._start import BACKLOG, BODY, options, serve


async def hello(request: web.Request) -> web.Response:
    return web.Response(body=BODY)


async def start(sock: socket.socket) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, sock, backlog=BACKLOG).start()
    return runner


if __name__ == "__main__":
    serve(options(__doc__), start)
