"""Tornado's HTTPServer: a RequestHandler application, or a plain callable that uses the connection."""

import socket
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.web import Application, RequestHandler

from bench.servers._start import BODY, options, serve


class Hello(RequestHandler):
    def get(self) -> None:
        self.write(BODY)


def application() -> Application:
    return Application([(r"/", Hello)], log_function=lambda handler: None)  # no server here logs accesses


def hello(request: HTTPServerRequest) -> None:
    assert request.connection is not None
    head = HTTPHeaders({"Content-Length": str(len(BODY))})
    request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), head, BODY)
    request.connection.finish()


STYLES: dict[str, Callable[[], Any]] = {"application": application, "callable": lambda: hello}


if __name__ == "__main__":
    given = options(__doc__, style=tuple(STYLES))

    async def start(sock: socket.socket) -> HTTPServer:
        server = HTTPServer(STYLES[given.style]())
        server.add_socket(sock)
        return server

    serve(given, start)
