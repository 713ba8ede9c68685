"""Tornado 3: lines over TLS, with a dict of options. ``tls_echo_3.py PORT CERTFILE KEYFILE CA``

The line ``self`` makes the server connect to itself as a client that verifies, and tell what it heard.
"""

import socket
import ssl
import sys

from tornado.ioloop import IOLoop
from tornado.iostream import SSLIOStream
from tornado.tcpserver import TCPServer

port, certfile, keyfile, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Client(object):
    """Says one line to ourselves."""

    def __init__(self, callback):
        self.callback = callback
        options = dict(ca_certs=ca, cert_reqs=ssl.CERT_REQUIRED)
        self.stream = SSLIOStream(socket.socket(socket.AF_INET), ssl_options=options)
        self.stream.connect(("127.0.0.1", port), self.on_connect, server_hostname="localhost")

    def on_connect(self):
        assert self.stream.socket.getpeercert()["subjectAltName"], "no certificate after the handshake"
        self.stream.write(b"hello, self\n")
        self.stream.read_until(b"\n", self.on_answer)

    def on_answer(self, answer):
        self.stream.close()
        self.callback(answer)


class TLSEchoServer(TCPServer):
    def handle_stream(self, stream, address):
        def on_line(line):
            if line == b"self\n":
                Client(reply)
            else:
                reply(line)

        def reply(line):
            stream.write(b"%s says %s" % (stream.socket.cipher()[1][:3].encode(), line))
            stream.read_until(b"\n", on_line)

        stream.read_until(b"\n", on_line)


server = TLSEchoServer(ssl_options={"certfile": certfile, "keyfile": keyfile})
server.listen(port, "127.0.0.1")
print("listening on tls://127.0.0.1:%d" % port, flush=True)
IOLoop.instance().start()
