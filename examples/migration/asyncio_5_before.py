"""Tornado 5: on asyncio, with callbacks for the last time: streams, ``flush``, ``fetch``."""

import asyncio
import functools
import sys

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import AsyncIOMainLoop
from tornado.web import Application, RequestHandler, asynchronous


class Hello(RequestHandler):
    async def get(self):
        await asyncio.sleep(0.01)
        self.write("hello")


class Twice(RequestHandler):
    @asynchronous
    def get(self):
        url = "http://%s/" % self.request.host
        AsyncHTTPClient().fetch(url, functools.partial(self.on_first, url))

    def on_first(self, url, response):
        self.write(response.body + b" ")
        self.flush(callback=lambda: AsyncHTTPClient().fetch(url, callback=self.on_second))

    def on_second(self, response):
        self.finish(response.body)


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    AsyncIOMainLoop().install()
    server = HTTPServer(Application([("/", Hello), ("/twice", Twice)]))
    server.listen(int(sys.argv[1]), "127.0.0.1")
    IOLoop.current().start()
