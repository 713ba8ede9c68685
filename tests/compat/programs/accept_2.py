"""Tornado 2: no server class, a socket of one's own, and ``add_accept_handler`` with the loop as third argument."""

import socket
import sys

from tornado import ioloop, iostream, netutil

io_loop = ioloop.IOLoop.instance()


def on_accept(connection, address):
    stream = iostream.IOStream(connection, io_loop, 1000000, 4096)

    def on_line(line):
        if line == b"quit\n":
            io_loop.remove_handler(listener)
            stream.write(b"no more\n", io_loop.stop)
        else:
            stream.write(line.upper())
            stream.read_until(b"\n", on_line)

    stream.read_until(b"\n", on_line)


listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setblocking(0)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(128)
netutil.add_accept_handler(listener, on_accept, io_loop)
print("listening on tcp://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
io_loop.start()
listener.close()
print("stopped")
