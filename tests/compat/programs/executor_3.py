"""Tornado 3: what blocks goes to a pool (run_on_executor), what calls back becomes a future (return_future)."""

import hashlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from tornado import gen, ioloop, tcpserver
from tornado.concurrent import Future, return_future, run_on_executor
from tornado.iostream import StreamClosedError


class Store(object):
    executor = ThreadPoolExecutor(max_workers=2)

    def __init__(self, io_loop=None):
        self.io_loop = io_loop or ioloop.IOLoop.current()

    @run_on_executor
    def digest(self, data):
        assert threading.current_thread() is not threading.main_thread()
        if data == b"fail":
            raise ValueError("no digest of that")
        return hashlib.md5(data).hexdigest()

    @return_future
    def later(self, value, callback=None):
        self.io_loop.add_callback(callback, value)


class Server(tcpserver.TCPServer):
    @gen.coroutine
    def handle_stream(self, stream, address):
        store = Store()
        try:
            while True:
                line = yield stream.read_until(b"\n")
                answer = yield self.answer(store, line.strip())
                yield stream.write(answer.encode() + b"\n")
        except StreamClosedError:
            pass

    @gen.coroutine
    def answer(self, store, line):
        if line.startswith(b"callback "):
            # The same functions, as if there were no futures.
            done = Future()
            store.digest(line[9:], callback=lambda text: store.later(text, callback=done.set_result))
            raise gen.Return((yield done))
        try:
            first, second = yield [store.digest(line), store.later("later")]
        except ValueError as e:
            raise gen.Return("error: %s" % e)
        raise gen.Return("%s %s" % (first, second))


@gen.coroutine
def check():
    """Some work before the server begins."""
    text = yield Store().digest(b"")
    raise gen.Return(text[:4])


assert ioloop.IOLoop.current().run_sync(check) == "d41d"
server = Server()
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
ioloop.IOLoop.current().start()
