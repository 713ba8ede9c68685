"""Tornado 2 to 5: stack contexts. A connection has a name that its callbacks know, and a handler for its mistakes."""

import contextlib
import sys

from tornado import ioloop, stack_context
from tornado.tcpserver import TCPServer

names = ["nobody"]


@contextlib.contextmanager
def named(name):
    names.append(name)
    try:
        yield
    finally:
        names.pop()


class Connection(object):
    def __init__(self, stream, name):
        self.stream = stream
        with stack_context.StackContext(lambda: named(name)):
            with stack_context.ExceptionStackContext(self.on_error):
                self.read()
        with stack_context.NullContext():
            ioloop.IOLoop.instance().add_callback(lambda: self.stream.write("%s is outside\n" % names[-1]))

    def read(self):
        self.stream.read_until(b"\n", self.on_line)

    def on_line(self, line):
        # Through the loop, more than once, in every way.
        loop = ioloop.IOLoop.instance()
        loop.add_callback(lambda: loop.add_timeout(loop.time(), stack_context.wrap(lambda: self.answer(line))))

    def answer(self, line):
        if line == b"mistake\n":
            {}["a mistake"]
        self.stream.write("%s says %s" % (names[-1], line.decode()), self.read)

    def on_error(self, kind, value, traceback):
        self.stream.write("%s made a %s\n" % (names[-1], kind.__name__))
        self.read()
        return True


class Server(TCPServer):
    count = 0

    def handle_stream(self, stream, address):
        self.count += 1
        Connection(stream, "number %d" % self.count)


server = Server()
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
ioloop.IOLoop.instance().start()
