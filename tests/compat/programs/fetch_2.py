"""Tornado 2: an HTTP fetch by hand. ``fetch_2.py PORT PATH`` prints the status line and the body."""

import socket
import sys

from tornado import ioloop, iostream


class Fetch(object):
    def __init__(self, port, path, io_loop):
        self.io_loop = io_loop
        self.path = path
        self.headers = {}
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
        self.stream = iostream.IOStream(sock, io_loop)
        self.stream.set_close_callback(self.on_close)
        self.stream.connect(("127.0.0.1", port), self.on_connect)

    def on_connect(self):
        self.stream.write("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" % self.path)
        self.stream.read_until("\r\n\r\n", self.on_head)

    def on_head(self, data):
        lines = data.decode("latin1").split("\r\n")
        print(lines[0])
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            self.headers[name.lower()] = value.strip()
        if "content-length" in self.headers:
            self.stream.read_bytes(int(self.headers["content-length"]), self.on_body)
        else:
            self.stream.read_until_close(self.on_body)

    def on_body(self, data):
        print("%d octets: %s" % (len(data), data.decode("utf8")))
        self.stream.close()

    def on_close(self):
        if self.stream.error is not None:
            print("error: %s" % self.stream.error.__class__.__name__)
        self.io_loop.stop()


main_loop = ioloop.IOLoop.instance()
Fetch(int(sys.argv[1]), sys.argv[2], main_loop)
main_loop.start()
main_loop.close()
