"""Tornado 2: flush(callback=), an endless response that notices its client's end, and a stream's own close callback."""

import functools
import sys
import time

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback


class Numbers(tornado.web.RequestHandler):
    """A line a time, each when the one before has gone to the kernel."""

    @tornado.web.asynchronous
    def get(self, count):
        self.left = int(count)
        self.set_header("Content-Type", "text/plain")
        self.next()

    def next(self):
        if self.left == 0:
            self.finish("end\n")
            return
        self.write("%d %s\n" % (self.left, "x" * 100000))
        self.left -= 1
        assert self.flush(callback=self.next) is None


class Ticker(tornado.web.RequestHandler):
    """Server-sent events until the client is gone."""

    @tornado.web.asynchronous
    def get(self):
        self.count = 0
        self.set_header("Content-Type", "text/event-stream")
        self.timer = PeriodicCallback(self.tick, 20)
        self.timer.start()

    def tick(self):
        self.count += 1
        self.write("data: %d\n\n" % self.count)
        self.flush(False, functools.partial(self.flushed, self.count))

    def flushed(self, number):
        if number == 1:
            print("first is out", flush=True)

    def on_connection_close(self):
        self.timer.stop()
        print("ticker stopped", flush=True)


class Waiting(tornado.web.RequestHandler):
    """Looks after its connection by itself."""

    @tornado.web.asynchronous
    def get(self):
        self.request.connection.stream.set_close_callback(self.on_close)
        self.handle = IOLoop.instance().add_timeout(time.time() + 60, self.finish)
        print("waiting", flush=True)

    def on_close(self):
        IOLoop.instance().remove_timeout(self.handle)
        print("closed: %s" % self.request.connection.stream.closed(), flush=True)


if __name__ == "__main__":
    server = HTTPServer(
        tornado.web.Application([(r"/numbers/(\d+)", Numbers), (r"/ticker", Ticker), (r"/waiting", Waiting)])
    )
    server.listen(int(sys.argv[1]), "127.0.0.1")
    print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
    IOLoop.instance().start()
