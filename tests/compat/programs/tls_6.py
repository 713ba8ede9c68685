"""Tornado 6: a line server that goes on with TLS when asked to, and its client. ``tls_6.py CERTFILE KEYFILE CA``"""

import asyncio
import ssl
import sys

from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets, ssl_options_to_context
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer

certfile, keyfile, ca = sys.argv[1:]


class Server(TCPServer):
    def __init__(self):
        super().__init__()
        self.ends = asyncio.Queue()
        self.context = ssl_options_to_context({"certfile": certfile, "keyfile": keyfile}, server_side=True)

    async def handle_stream(self, stream, address):
        try:
            while True:
                line = await stream.read_until(b"\n")
                if line == b"STARTTLS\n":
                    await stream.write(b"go ahead\n")
                    stream = await stream.start_tls(server_side=True, ssl_options=self.context)
                else:
                    await stream.write(b"tls " + line if hasattr(stream.socket, "cipher") else b"plain " + line)
        except (StreamClosedError, ssl.SSLError) as e:
            self.ends.put_nowait(e)


async def ask(stream, line):
    await stream.write(line)
    return await stream.read_until(b"\n")


async def main():
    server = Server()
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]

    stream = await TCPClient().connect("127.0.0.1", port)
    print(await ask(stream, b"one\n"))
    print(await ask(stream, b"STARTTLS\n"))
    context = ssl.create_default_context(cafile=ca)
    stream = await stream.start_tls(False, context, "localhost")
    print(await ask(stream, b"two\n"))
    stream.close()

    # A client that doesn't know who signed the certificate goes away.
    stream = await TCPClient().connect("127.0.0.1", port)
    await ask(stream, b"STARTTLS\n")
    try:
        await stream.start_tls(False, ssl.create_default_context(), "localhost")
    except ssl.SSLCertVerificationError as e:
        print("refused:", e.verify_message)
    # The server learns why by TLS's own alert, or that the connection is closed; not more of either.
    for _ in range(2):
        assert isinstance(await server.ends.get(), (StreamClosedError, ssl.SSLError))
    server.stop()


IOLoop.current().run_sync(main, timeout=10)
