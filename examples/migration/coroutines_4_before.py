"""Tornado 4: ``gen.coroutine``, ``gen.Return``, ``io_loop`` arguments, ``run_on_executor``."""

import sys
from concurrent.futures import ThreadPoolExecutor

from tornado import gen, web
from tornado.concurrent import run_on_executor
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop


class Words(object):
    def __init__(self, io_loop=None):
        self.io_loop = io_loop or IOLoop.current()
        self.executor = ThreadPoolExecutor(max_workers=2)

    @run_on_executor
    def look_up(self):
        return "hello"


class Hello(web.RequestHandler):
    @gen.coroutine
    def get(self):
        word = yield self.application.words.look_up()
        self.write(word)


class Twice(web.RequestHandler):
    @gen.coroutine
    def fetch(self):
        client = AsyncHTTPClient(IOLoop.current())
        response = yield client.fetch("http://%s/" % self.request.host)
        raise gen.Return(response.body)

    @web.asynchronous
    @gen.coroutine
    def get(self):
        first, second = yield [self.fetch(), self.fetch()]
        self.finish(first + b" " + second)


if __name__ == "__main__":
    io_loop = IOLoop.current()
    application = web.Application([("/", Hello), ("/twice", Twice)])
    application.words = Words(io_loop=io_loop)
    server = HTTPServer(application, io_loop=io_loop)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    io_loop.start()
