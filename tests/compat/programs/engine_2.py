"""Tornado 2: gen.engine over functions that call back, with Task, Callback, Wait and WaitAll."""

import sys
import time

from tornado import gen
from tornado.ioloop import IOLoop
from tornado.netutil import TCPServer

loop = IOLoop.instance()


def look_up(key, callback):
    """A database as they were: answers by a callback, some time later."""
    if key == b"broken":
        raise ValueError("broken key")
    loop.add_timeout(time.time() + 0.01, lambda: callback(key.upper()))


class Lookup(TCPServer):
    @gen.engine
    def handle_stream(self, stream, address):
        while not stream.closed():
            line = yield gen.Task(stream.read_until, b"\n")
            words = line.split()
            try:
                if len(words) == 1:
                    answer = yield gen.Task(look_up, words[0])
                else:
                    # All at once, then in their order.
                    for number, word in enumerate(words):
                        look_up(word, callback=(yield gen.Callback(number)))
                    answers = yield gen.WaitAll(range(len(words)))
                    answer = b" ".join(answers)
                begin = time.time()
                yield gen.Task(loop.add_timeout, time.time() + 0.01)
                assert time.time() - begin > 0.005
            except ValueError as e:
                answer = str(e).encode()
            stream.write(answer + b"\n", (yield gen.Callback("written")))
            yield gen.Wait("written")


server = Lookup()
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
loop.start()
