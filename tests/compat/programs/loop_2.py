"""Tornado 2 to 4: one loop, started twice, with each kind of timeout, and closed in the end."""

import datetime
import functools
import time

from tornado import ioloop

loop = ioloop.IOLoop.instance()
assert loop is ioloop.IOLoop.instance() is ioloop.IOLoop.current()
ticks = []


def note(text):
    print(text, flush=True)


def tick():
    ticks.append(time.time())
    if len(ticks) == 3:
        periodic.stop()
        note("three ticks")
        loop.stop()


# First: deadlines in both forms, in the order of their time. One is taken back, even twice.
loop.add_timeout(time.time() + 0.09, functools.partial(note, "third: absolute"))
loop.add_timeout(datetime.timedelta(milliseconds=50), functools.partial(note, "second: timedelta"))
cancelled = loop.add_timeout(time.time() + 0.02, functools.partial(note, "never"))
loop.add_callback(note, "first: callback")
loop.remove_timeout(cancelled)
loop.remove_timeout(cancelled)
last = loop.add_timeout(time.time() + 0.12, loop.stop)
loop.start()
loop.remove_timeout(last)
note("stopped once")

# Again: a PeriodicCallback with its loop as third argument.
periodic = ioloop.PeriodicCallback(tick, 20, loop)
periodic.start()
loop.start()
assert 0.03 < ticks[2] - ticks[0] < 5, ticks
assert not loop.running()

# stop() before start(): it returns at once, and what was waiting has run.
loop.add_callback(note, "ran although stopped")
loop.stop()
loop.start()

ioloop.IOLoop.instance().close()
note("closed")
again = ioloop.IOLoop.instance()
assert again is not loop
again.add_callback(again.stop)
again.start()
again.close()
note("another loop")
