"""Tornado 2 to 5: two processes behind one port. ``quit`` ends the one that hears it; the parent ends with the last."""

import os
import sys

from tornado import process
from tornado.ioloop import IOLoop
from tornado.tcpserver import TCPServer


class EchoServer(TCPServer):
    def handle_stream(self, stream, address):
        def on_line(line):
            if line == b"quit\n":
                IOLoop.current().stop()
            elif line == b"die\n":
                os._exit(3)
            elif line == b"who\n":
                stream.write("%d %d\n" % (process.task_id(), os.getpid()))
            else:
                stream.write(line)
            stream.read_until(b"\n", on_line)

        stream.read_until(b"\n", on_line)


server = EchoServer()
server.bind(int(sys.argv[1]), "127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
server.start(2)
print("child %d is %d" % (process.task_id(), os.getpid()), flush=True)
IOLoop.current().start()
