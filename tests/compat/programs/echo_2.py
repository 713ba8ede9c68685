"""Tornado 2: each line comes back. Callbacks by position; the server, the loop and the stream all from netutil."""

import sys

from tornado.netutil import IOLoop, IOStream, TCPServer


class EchoConnection(object):
    def __init__(self, stream, address):
        assert isinstance(stream, IOStream)
        self.stream = stream
        self.address = address
        self.stream.set_close_callback(self.on_close)
        self.read_line()

    def read_line(self):
        self.stream.read_until("\n", self.on_line)

    def on_line(self, line):
        if line == b"quit\n":
            self.stream.write("bye\n", self.stream.close)
        elif line.startswith(b"next "):
            self.stream.read_bytes(int(line.split()[1]), self.on_octets)
        else:
            self.stream.write(line, self.read_line)

    def on_octets(self, data):
        self.stream.write(data)
        self.read_line()

    def on_close(self):
        print("gone: %s" % self.address[0], flush=True)


class EchoServer(TCPServer):
    def handle_stream(self, stream, address):
        EchoConnection(stream, address)


server = EchoServer(io_loop=IOLoop.instance())
server.listen(int(sys.argv[1]), address="127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
IOLoop.instance().start()
