"""Tornado 2: the home-made shutdown. A signal handler sets a flag, and a PeriodicCallback looks at it."""

import signal
import sys
import time

from tornado import httpserver, ioloop

stopping = False


def set_flag(number, frame):
    global stopping
    stopping = True


def check_flag():
    if stopping:
        checker.stop()
        server.stop()
        print("no more connections", flush=True)
        loop.add_timeout(time.time() + 0.05, loop.stop)


def handle(request):
    text = "still here\n"
    request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    request.finish()


signal.signal(signal.SIGINT, set_flag)
signal.signal(signal.SIGTERM, set_flag)
loop = ioloop.IOLoop.instance()
server = httpserver.HTTPServer(handle)
server.listen(int(sys.argv[1]), "127.0.0.1")
checker = ioloop.PeriodicCallback(check_flag, 100)
checker.start()
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
loop.start()
loop.close()
print("stopped", flush=True)
