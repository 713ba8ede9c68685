"""The same with ``async def``: ``yield`` becomes ``await``, ``raise gen.Return(x)`` becomes ``return x``."""

import asyncio
import sys

from asynchttp import web
from asynchttp.httpclient import AsyncHTTPClient
from asynchttp.httpserver import HTTPServer


class Words:
    def look_up(self):
        return "hello"


class Hello(web.RequestHandler):
    async def get(self):
        self.write(await asyncio.to_thread(self.application.words.look_up))


class Twice(web.RequestHandler):
    async def fetch(self):
        response = await AsyncHTTPClient().fetch(f"http://{self.request.host}/")
        return response.body

    async def get(self):
        first, second = await asyncio.gather(self.fetch(), self.fetch())
        self.write(first + b" " + second)


async def main():
    application = web.Application([("/", Hello), ("/twice", Twice)])
    application.words = Words()
    server = HTTPServer(application)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
