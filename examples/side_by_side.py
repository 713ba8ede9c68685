"""Old code, new code and other people's code on one port, while a program moves from one to the other.

python -m examples.side_by_side [port]     then, for example:  curl localhost:8888/ localhost:8888/asgi/you
"""

import asyncio
import sys

import tornado.web

from asynchttp.asgi import ASGIHandler
from asynchttp.httpserver import HTTPServer
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler


def callback(request):
    request.respond(f"callback: {request.path}\n")


class Hello(tornado.web.RequestHandler):
    def get(self):
        self.write(f"tornado: {self.request.path}\n")


async def asgi(scope, receive, send):  # or FastAPI(), Starlette(), Django's
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    text = f"asgi: {scope['path']} below {scope['root_path']}\n"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


def wsgi(environ, start_response):  # or Flask(), Django's; runs in a thread
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"wsgi: {environ['PATH_INFO']} below {environ['SCRIPT_NAME']}\n".encode()]


async def main(port):
    handlers = {
        "/": callback,
        "/tornado": tornado.web.Application([("/tornado/.*", Hello)]),
        "/asgi": ASGIHandler(asgi),
        "/wsgi": WSGIHandler(wsgi),
    }
    async with Mount(handlers) as mount:  # start-up and shutdown of the ASGI applications
        server = HTTPServer(mount)
        server.listen(port, "127.0.0.1")
        for sock in server.sockets:
            print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
