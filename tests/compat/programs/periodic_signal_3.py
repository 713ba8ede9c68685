"""Tornado 3: the home-made shutdown: a signal sets a flag, a PeriodicCallback looks at it, requests get some time."""

import logging
import signal
import time

from tornado import gen, web
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.options import define, options, parse_command_line

define("port", type=int)
MAX_WAIT_SECONDS = 3
is_closing = False


def signal_handler(signum, frame):
    global is_closing
    is_closing = True


class Slow(web.RequestHandler):
    running = 0

    @web.asynchronous
    @gen.coroutine
    def get(self):
        Slow.running += 1
        print("slow request", flush=True)
        yield gen.Task(IOLoop.instance().add_timeout, time.time() + 0.3)
        self.write("slow")
        Slow.running -= 1


def try_exit():
    if is_closing:
        checker.stop()
        server.stop()
        print("closing", flush=True)
        deadline = time.time() + MAX_WAIT_SECONDS
        io_loop = IOLoop.instance()

        def stop_loop():
            if time.time() < deadline and Slow.running:
                io_loop.add_timeout(time.time() + 0.05, stop_loop)
            else:
                io_loop.add_callback(io_loop.stop)

        stop_loop()


if __name__ == "__main__":
    parse_command_line()
    logging.getLogger().setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, signal_handler)
    signal.signal(signal.SIGINT, signal_handler)
    server = HTTPServer(web.Application([(r"/slow", Slow)], debug=False))
    server.bind(options.port, address="127.0.0.1")
    server.start()
    checker = PeriodicCallback(try_exit, 50, IOLoop.instance())
    checker.start()
    print("listening on http://127.0.0.1:%d" % options.port, flush=True)
    IOLoop.instance().start()
    print("exit")
