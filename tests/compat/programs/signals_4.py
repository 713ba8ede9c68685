"""Tornado 4: signal handlers that reach into the loop. Nothing else happens on it: the signal has to wake it."""

import signal

from tornado.ioloop import IOLoop

loop = IOLoop.current()


def count(number, frame):
    loop.add_callback_from_signal(show)


def show():
    print("usr1", flush=True)


signal.signal(signal.SIGUSR1, count)
signal.signal(signal.SIGTERM, lambda number, frame: IOLoop.instance().stop())
loop.add_callback(print, "ready", flush=True)
loop.start()
loop.close(all_fds=True)
print("stopped")
