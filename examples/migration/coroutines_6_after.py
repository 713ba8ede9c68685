"""The same with only the server changed: application, client and handlers stay Tornado's own."""

import asyncio
import sys

import tornado.httpclient
import tornado.web

from asynchttp.httpserver import HTTPServer


class Hello(tornado.web.RequestHandler):
    async def get(self):
        self.write("hello")


class Twice(tornado.web.RequestHandler):
    async def get(self):
        client = tornado.httpclient.AsyncHTTPClient()
        url = f"http://{self.request.host}/"
        first, second = await asyncio.gather(client.fetch(url), client.fetch(url))
        self.write(first.body + b" " + second.body)


async def main():
    server = HTTPServer(tornado.web.Application([("/", Hello), ("/twice", Twice)]))
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
