"""Tornado 3: threads do the work, and finish requests by IOLoop.instance().add_callback."""

import sys
import threading
import time
from functools import partial, wraps

try:
    import Queue as queue
except ImportError:
    import queue

import tornado.ioloop
import tornado.web

jobs = queue.Queue()


def worker():
    while True:
        function, callback = jobs.get()
        try:
            result = function()
        except Exception as e:
            result = e
        tornado.ioloop.IOLoop.instance().add_callback(partial(callback, result))


def unblock(f):
    @tornado.web.asynchronous
    @wraps(f)
    def wrapper(self, *args, **kwargs):
        def callback(result):
            if isinstance(result, Exception):
                raise result
            self.write(result)
            self.finish()

        jobs.put((partial(f, self, *args, **kwargs), callback))

    return wrapper


class WorkHandler(tornado.web.RequestHandler):
    @unblock
    def get(self, what):
        assert threading.current_thread().daemon
        if what == "fail":
            raise tornado.web.HTTPError(418)
        time.sleep(0.01)
        return "done: " + what


class ThreadHandler(tornado.web.RequestHandler):
    @tornado.web.asynchronous
    def get(self):
        threading.Thread(target=self.work, args=(self.on_done,)).start()

    def work(self, callback):
        tornado.ioloop.IOLoop.instance().add_callback(lambda: callback(threading.current_thread().name))

    def on_done(self, name):
        self.finish("on " + name)


if __name__ == "__main__":
    for _ in range(2):
        thread = threading.Thread(target=worker)
        thread.daemon = True
        thread.start()
    application = tornado.web.Application([(r"/work/(\w+)", WorkHandler), (r"/thread", ThreadHandler)])
    application.listen(int(sys.argv[1]), "127.0.0.1")
    print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
    tornado.ioloop.IOLoop.instance().start()
