"""Tornado 2: threads do what blocks, and give the result back by ``IOLoop.instance().add_callback``."""

import functools
import queue
import sys
import threading

from tornado import ioloop
from tornado.netutil import TCPServer

jobs = queue.Queue()


def work():
    while True:
        numbers, callback = jobs.get()
        try:
            result = "%d\n" % sum(int(number) for number in numbers)
        except ValueError as e:
            result = "%s\n" % e
        # From a thread: the instance is the loop of the main thread.
        ioloop.IOLoop.instance().add_callback(functools.partial(callback, result))


class Adder(TCPServer):
    def handle_stream(self, stream, address):
        def on_line(line):
            if line == b"quit\n":
                threading.Thread(target=lambda: ioloop.IOLoop.instance().stop()).start()
            else:
                jobs.put((line.split(), on_result))

        def on_result(text):
            stream.write(text)
            stream.read_until(b"\n", on_line)

        stream.read_until(b"\n", on_line)


adder = Adder()
adder.listen(int(sys.argv[1]), "127.0.0.1")
for _ in range(3):
    worker = threading.Thread(target=work)
    worker.daemon = True
    worker.start()
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
ioloop.IOLoop.instance().start()
print("stopped")
