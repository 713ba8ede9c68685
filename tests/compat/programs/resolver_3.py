"""Tornado 3: names are looked up with a callback, by gen.Task and by a future; a Resolver is made for a loop."""

import socket

from tornado import gen, ioloop, netutil


def show(what, found):
    print("%s: %s" % (what, ", ".join("%s %d" % address for family, address in found)))


def by_callback(callback):
    resolver = netutil.ThreadedResolver(io_loop=io_loop)
    resolver.resolve("127.0.0.1", 80, socket.AF_INET, callback)


@gen.engine
def run():
    names = {"example.org": "127.0.0.2"}
    resolver = netutil.OverrideResolver(resolver=netutil.Resolver(io_loop=io_loop), mapping=names)
    found = yield gen.Task(by_callback)
    show("by callback", found)
    found = yield gen.Task(resolver.resolve, "example.org", 443)
    show("by Task", found)
    found, both = yield [
        gen.YieldFuture(resolver.resolve("127.0.0.3", 8080, socket.AF_INET)),
        gen.Multi({number: gen.Task(resolver.resolve, "127.0.0.%d" % number, 8080) for number in (4, 5)}),
    ]
    show("by future", found)
    show("both", both[4] + both[5])
    io_loop.stop()


io_loop = ioloop.IOLoop.instance()
netutil.Resolver.configure("tornado.netutil.BlockingResolver")
io_loop.add_callback(run)
io_loop.start()
