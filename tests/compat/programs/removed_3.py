"""A small job server of the time of Tornado 3, built on names that later ones no longer have."""

import os
import subprocess
import sys

from tornado import concurrent, gen, httpserver, ioloop, netutil


class JobLoop(ioloop.PollIOLoop):
    """A loop that counts what goes wrong in its callbacks."""

    failures = 0

    def handle_callback_exception(self, callback):
        JobLoop.failures += 1
        print("callback failed: %s" % sys.exc_info()[0].__name__, flush=True)


class Turns(gen.YieldPoint):
    """Goes on after some turns of the loop."""

    def __init__(self, turns):
        self.turns = turns

    def start(self, runner):
        self.runner = runner
        runner.register_callback(self)
        self.next()

    def next(self):
        self.turns -= 1
        if self.turns:
            io_loop.add_callback(self.next)
        else:
            self.runner.set_result(self, "turned")

    def is_ready(self):
        return self.runner.is_ready(self)

    def get_result(self):
        return self.runner.pop_result(self)


def job(number):
    future = concurrent.TracebackFuture()
    io_loop.add_callback(lambda: future.set_result(number * 2) if number >= 0 else future.set_exception(ValueError()))
    return future


@concurrent.return_future
def later(number, callback):
    io_loop.add_callback(callback, number + 1)


@gen.engine
def run(request):
    turned = yield Turns(3)
    doubled = yield job(20)
    more = yield gen.Task(later, doubled)
    try:
        yield job(-1)
    except ValueError:
        answer(request, "%s %d HTTP/1.1: %s" % (turned, more, request.supports_http_1_1()))


def answer(request, text):
    request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    request.finish()


def handle(request):
    if request.path == "/fail":
        io_loop.add_callback(lambda: 1 / 0)
        io_loop.add_callback(lambda: answer(request, "failures: %d" % JobLoop.failures))
    elif request.path == "/child":
        read, write = os.pipe()
        os.set_inheritable(write, True)
        netutil.set_close_exec(write)
        closed = subprocess.call([sys.executable, "-c", "import os; os.fstat(%d)" % write], stderr=subprocess.DEVNULL)
        answer(request, "not passed on: %s" % bool(closed))
        os.close(read)
        os.close(write)
    else:
        run(request)


print("initialized: %s" % ioloop.IOLoop.initialized(), flush=True)
io_loop = JobLoop()
io_loop.install()
io_loop.set_blocking_log_threshold(5)
print("initialized: %s, running: %s" % (ioloop.IOLoop.initialized(), io_loop.running()), flush=True)
server = httpserver.HTTPServer(handle, io_loop=io_loop)
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
ioloop.IOLoop.instance().start()
