"""Tornado 6: joins two streams, with await."""

import asyncio
import sys

from tornado.iostream import StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer


async def pump(source, sink):
    buffer = bytearray(65536)
    try:
        while True:
            size = await source.read_into(buffer, partial=True)
            await sink.write(bytes(buffer[:size]))
    except StreamClosedError:
        pass
    finally:
        sink.close()


class Proxy(TCPServer):
    async def handle_stream(self, stream, address):
        line = await stream.read_until(b"\n", max_bytes=100)
        _, host, port = line.decode().split()
        try:
            upstream = await TCPClient().connect(host, int(port), timeout=10)
        except OSError as e:
            await stream.write(b"FAILED " + type(e).__name__.encode() + b"\n")
            stream.close()
            return
        await stream.write(b"OK\n")
        await asyncio.gather(pump(stream, upstream), pump(upstream, stream))


async def main():
    server = Proxy()
    server.listen(int(sys.argv[1]), "127.0.0.1")
    print(f"listening on tcp://127.0.0.1:{sys.argv[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
