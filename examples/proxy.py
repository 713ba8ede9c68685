"""A TCP proxy: what comes on one connection goes out on another, both ways.

    python -m examples.proxy [port [target]]        the target is 127.0.0.1:8888, say of  python -m examples.echo

A side that ends is told to the other, which may go on talking. A side that reads slowly slows the other down, so what
is kept for both stays small.
"""

import asyncio
import sys

from asynchttp.tcpclient import TCPClient
from asynchttp.tcpserver import TCPServer


class Side:
    """Takes what one stream receives, and gives it to the stream of the other side: a consumer."""

    def __init__(self, stream):
        self.stream = stream
        self.ended = False

    def join(self, other):
        self.other = other
        self.stream.set_consumer(self)

    def data_received(self, data):
        self.other.stream.send(data)

    def eof_received(self):
        self.ended = True
        if self.other.ended or not self.other.stream.send_eof():
            self.other.stream.close_after_writing()
            self.stream.close_after_writing()

    def connection_lost(self, error):
        if not self.ended:  # it broke: there is nobody to answer to
            self.other.stream.close()

    def pause_writing(self):
        self.other.stream.pause_reading()

    def resume_writing(self):
        self.other.stream.resume_reading()


class Proxy(TCPServer):
    def __init__(self, host, port):
        super().__init__()
        self.target = host, port
        self.client = TCPClient()

    async def handle_stream(self, stream, address):
        try:
            await stream.write(b"")  # when this is done the stream is ready to pass an end on
            upstream = await self.client.connect(*self.target, timeout=10)
        except (OSError, TimeoutError) as error:
            print(f"cannot join {address} and the target: {error}", flush=True)
            stream.close()
            return
        one, other = Side(stream), Side(upstream)
        one.join(other)
        other.join(one)


async def main(port, target="127.0.0.1:8888"):
    host, _, target_port = target.rpartition(":")
    server = Proxy(host, int(target_port))
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on tcp://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8889, *sys.argv[2:3]))
    except KeyboardInterrupt:
        pass
