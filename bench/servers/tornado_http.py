"""Tornado's HTTPServer: a RequestHandler application, or a plain callable that uses the connection."""

import socket
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine

from bench.servers._application import application
from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted
from bench.servers._start import http_options, log_to_nowhere, serve

OK = ResponseStartLine("HTTP/1.1", 200, "OK")


def site(request: HTTPServerRequest) -> None:
    connection = request.connection
    assert connection is not None
    if request.path == STREAM:
        connection.write_headers(OK, HTTPHeaders())
        for _ in range(PIECES):
            connection.write(PIECE)
    else:
        body = counted(len(request.body)) if request.path == UPLOAD else PAGES[request.path]
        connection.write_headers(OK, HTTPHeaders({"Content-Length": str(len(body))}), body)
    connection.finish()


STYLES: dict[str, Callable[[bool], Any]] = {"application": application, "callable": lambda access_log: site}


if __name__ == "__main__":
    given = http_options(__doc__, style=tuple(STYLES))
    if given.access_log:
        log_to_nowhere("tornado.access")

    async def start(sock: socket.socket) -> HTTPServer:
        server = HTTPServer(STYLES[given.style](given.access_log), ssl_options=given.context)
        server.add_socket(sock)
        return server

    serve(given, start)
