"""Tornado 2: callbacks, ``@asynchronous``, ``gen.engine``, the loop as a singleton."""

import sys
import time

import tornado.gen
import tornado.httpclient
import tornado.httpserver
import tornado.ioloop
import tornado.web


class Hello(tornado.web.RequestHandler):
    @tornado.web.asynchronous
    def get(self):
        tornado.ioloop.IOLoop.instance().add_timeout(time.time() + 0.01, self.async_callback(self.answer, "hello"))

    def answer(self, word):
        self.write(word)
        self.finish()


class Twice(tornado.web.RequestHandler):
    @tornado.web.asynchronous
    @tornado.gen.engine
    def get(self):
        client = tornado.httpclient.AsyncHTTPClient()
        url = "http://%s/" % self.request.host
        first, second = yield [tornado.gen.Task(client.fetch, url), tornado.gen.Task(client.fetch, url)]
        self.finish(first.body + b" " + second.body)


application = tornado.web.Application([("/", Hello), ("/twice", Twice)])

if __name__ == "__main__":
    server = tornado.httpserver.HTTPServer(application, xheaders=True)
    server.bind(int(sys.argv[1]), "127.0.0.1")
    server.start(1)
    tornado.ioloop.IOLoop.instance().start()
