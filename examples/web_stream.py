"""A response that is sent while it is made, by an application of Tornado.

python -m examples.web_stream [port]        then, for example:  curl -N 'localhost:8888/?count=20&pause=0.2'
"""

import asyncio
import sys

import tornado.web

from asynchttp.httpserver import HTTPServer
from asynchttp.iostream import StreamClosedError


class Count(tornado.web.RequestHandler):
    async def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        try:
            for number in range(int(self.get_argument("count", "10"))):
                self.write(f"{number}\n")
                # Sends what was written, and waits while the client reads more slowly than we write.
                await self.flush()
                await asyncio.sleep(float(self.get_argument("pause", "1")))
        except StreamClosedError:
            print("the client left", flush=True)


async def main(port):
    server = HTTPServer(tornado.web.Application([(r"/", Count)]))
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
