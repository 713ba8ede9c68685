"""An application of Tornado, as it is, on this server: routing and arguments.

python -m examples.web_hello [port]        then, for example:  curl 'localhost:8888/you?greeting=Hi'
"""

import asyncio
import sys

import tornado.web

from asynchttp.httpserver import HTTPServer


class Hello(tornado.web.RequestHandler):
    def get(self, name):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        greeting = self.get_argument("greeting", "Hello")
        self.write(f"{greeting}, {name or 'world'}!\n")


async def main(port):
    server = HTTPServer(tornado.web.Application([(r"/(\w*)", Hello)]))
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
