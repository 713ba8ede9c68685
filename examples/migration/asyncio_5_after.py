"""The same with what ``flush`` and ``fetch`` return, and ``asyncio.run`` for the loop."""

import asyncio
import sys

from asynchttp.httpclient import AsyncHTTPClient
from asynchttp.httpserver import HTTPServer
from asynchttp.web import Application, RequestHandler


class Hello(RequestHandler):
    async def get(self):
        await asyncio.sleep(0.01)
        self.write("hello")


class Twice(RequestHandler):
    async def get(self):
        url = f"http://{self.request.host}/"
        first = await AsyncHTTPClient().fetch(url)
        self.write(first.body + b" ")
        await self.flush()
        second = await AsyncHTTPClient().fetch(url)
        self.write(second.body)


async def main():
    server = HTTPServer(Application([("/", Hello), ("/twice", Twice)]))
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
