"""Tornado 2: joins two streams. The first line is ``CONNECT HOST PORT``; after ``OK`` the octets go both ways."""

import socket
import sys

from tornado import ioloop, iostream, netutil


class Tunnel(object):
    def __init__(self, client, io_loop):
        self.client = client
        self.upstream = None
        self.io_loop = io_loop
        client.read_until(b"\n", self.on_command)

    def on_command(self, line):
        _, host, port = line.decode().split()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.upstream = iostream.IOStream(sock, io_loop=self.io_loop)
        self.upstream.set_close_callback(self.on_failure)
        self.upstream.connect((host, int(port)), self.on_connect)

    def on_failure(self):
        self.client.write("FAILED %s\n" % self.upstream.error.__class__.__name__, self.client.close)

    def on_connect(self):
        self.upstream.set_close_callback(None)
        self.client.write("OK\n")
        self.join(self.client, self.upstream)
        self.join(self.upstream, self.client)

    def join(self, source, sink):
        def on_data(data):
            if not sink.closed():
                sink.write(data)

        def on_end(rest):
            # An empty write is done when all before it is.
            if not sink.closed():
                sink.write(rest, sink.close)

        source.read_until_close(on_end, streaming_callback=on_data)


class Proxy(netutil.TCPServer):
    def handle_stream(self, stream, address):
        Tunnel(stream, self.io_loop)


proxy = Proxy()
proxy.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
ioloop.IOLoop.instance().start()
