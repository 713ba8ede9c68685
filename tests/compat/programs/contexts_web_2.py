"""Tornado 2: a StackContext carries each request's name to all that it starts; exceptions find their handler."""

import contextlib
import sys
import time

import tornado.web
from tornado import gen, stack_context
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

PORT = int(sys.argv[1])


class Current(object):
    name = None

    @classmethod
    @contextlib.contextmanager
    def set(cls, name):
        before, cls.name = cls.name, name
        try:
            yield
        finally:
            cls.name = before


def later(callback):
    """A library that knows nothing of contexts but keeps them."""
    IOLoop.instance().add_timeout(time.time() + 0.01, stack_context.wrap(callback))


class Named(tornado.web.RequestHandler):
    @tornado.web.asynchronous
    def get(self, name):
        with stack_context.StackContext(lambda: Current.set(name)):
            later(self.step)

    def step(self):
        assert Current.name is not None
        AsyncHTTPClient().fetch("http://127.0.0.1:%d/inner" % PORT, callback=self.fetched)

    def fetched(self, response):
        IOLoop.instance().add_callback(lambda: self.finish("%s %s" % (Current.name, response.body.decode())))


class Inner(tornado.web.RequestHandler):
    def get(self):
        self.write("inner: %s" % Current.name)


class Handled(tornado.web.RequestHandler):
    """What fails inside goes to the handler's own function, not to a 500."""

    @tornado.web.asynchronous
    def get(self):
        def on_error(kind, value, traceback):
            self.set_status(409)
            self.finish("handled: %s" % value)
            return True

        with stack_context.ExceptionStackContext(on_error):
            later(self.fail)

    def fail(self):
        raise ValueError("inside")


class Background(tornado.web.RequestHandler):
    """With NullContext the failure is none of the request's."""

    @tornado.web.asynchronous
    @gen.engine
    def get(self):
        with stack_context.NullContext():
            IOLoop.instance().add_callback(self.fail)
        yield gen.Task(IOLoop.instance().add_timeout, time.time() + 0.05)
        self.finish("not disturbed")

    def fail(self):
        raise ValueError("in the background")


application = tornado.web.Application(
    [(r"/name/(\w+)", Named), (r"/inner", Inner), (r"/handled", Handled), (r"/background", Background)]
)
application.listen(PORT, "127.0.0.1")
print("listening on http://127.0.0.1:%d" % PORT, flush=True)
IOLoop.instance().start()
