"""hypercorn (h11) with a bare ASGI application."""

import asyncio
import socket
import ssl

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from bench.servers import _asgi
from bench.servers._start import BACKLOG, PATIENCE, http_options, log_to_nowhere, serve


class Settings(Config):
    def create_ssl_context(self) -> ssl.SSLContext | None:
        context: ssl.SSLContext | None = given.context
        return context


async def start(sock: socket.socket) -> asyncio.Task[None]:
    config = Settings()
    config.bind = [f"fd://{sock.detach()}"]
    config.backlog = BACKLOG
    config.keep_alive_timeout = PATIENCE
    config.keep_alive_max_requests = 1 << 60  # the connections are to be kept
    config.alpn_protocols = ["http/1.1"]
    config.loglevel = "ERROR"  # it warns of an application without lifespan
    if given.tls:
        config.certfile = config.keyfile = given.tls
    if given.access_log:
        log_to_nowhere("hypercorn.access")
        config.accesslog = "-"
    application = _asgi.site if given.site else _asgi.hello
    return asyncio.create_task(hypercorn_serve(application, config, shutdown_trigger=asyncio.Event().wait))


if __name__ == "__main__":
    given = http_options(__doc__)
    serve(given, start)
