"""asynchttp's HTTPServer with a hello handler in each of its styles."""

import socket

from asynchttp.httpserver import HTTPServer
from asynchttp.httputil import HTTPServerRequest
from bench.servers._start import BODY, CLASSIC_ANSWER, options, serve


def callback(request: HTTPServerRequest) -> None:
    """Tornado 2's way: the handler writes the whole response itself."""
    request.write(CLASSIC_ANSWER)
    request.finish()


def respond(request: HTTPServerRequest) -> None:
    """A plain function; the server makes the head."""
    request.respond(BODY)


async def coroutine(request: HTTPServerRequest) -> None:
    """A coroutine; the server makes the head."""
    request.respond(BODY)


async def coroutine_bytes(request: HTTPServerRequest) -> bytes:
    """A coroutine that returns the body."""
    return BODY


HANDLERS = {"callback": callback, "respond": respond, "await": coroutine, "await-bytes": coroutine_bytes}


if __name__ == "__main__":
    given = options(__doc__, style=tuple(HANDLERS))

    async def start(sock: socket.socket) -> HTTPServer:
        server = HTTPServer(HANDLERS[given.style])
        server.add_socket(sock)
        return server

    serve(given, start)
