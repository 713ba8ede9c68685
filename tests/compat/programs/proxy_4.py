"""Tornado 4: joins two streams, with generator coroutines, futures and ``io_loop=`` wherever it went."""

import sys

from tornado import gen
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer


@gen.coroutine
def pump(source, sink):
    try:
        while True:
            data = yield source.read_bytes(64 * 1024, partial=True)
            yield sink.write(data)
    except StreamClosedError:
        pass
    finally:
        sink.close()


class Proxy(TCPServer):
    def __init__(self, io_loop=None, **kwargs):
        super(Proxy, self).__init__(io_loop=io_loop, **kwargs)
        self.connector = TCPClient(io_loop=io_loop)

    @gen.coroutine
    def handle_stream(self, stream, address):
        line = yield stream.read_until(b"\n", max_bytes=100)
        _, host, port = line.decode().split()
        try:
            upstream = yield gen.with_timeout(
                self.io_loop.time() + 10, self.connector.connect(host, int(port)), io_loop=self.io_loop
            )
        except IOError as e:
            yield stream.write(b"FAILED " + type(e).__name__.encode() + b"\n")
            stream.close()
            raise gen.Return()
        yield stream.write(b"OK\n")
        yield [pump(stream, upstream), pump(upstream, stream)]


if __name__ == "__main__":
    loop = IOLoop.current()
    server = Proxy(io_loop=loop, read_chunk_size=64 * 1024)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
    loop.start()
