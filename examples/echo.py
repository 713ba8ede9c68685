"""A TCP server that sends each line back, written with await.

    python -m examples.echo [port]        then, for example:  nc 127.0.0.1 8888

``echo_callback.py`` beside it does the same with callbacks.
"""

import asyncio
import sys

from asynchttp.iostream import StreamClosedError
from asynchttp.tcpserver import TCPServer


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                line = await stream.read_until(b"\n", max_bytes=64 * 1024)
                # Waits while the peer doesn't read, so what is kept for it stays small.
                await stream.write(line)
        except StreamClosedError:
            pass


async def main(port):
    server = EchoServer()
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on tcp://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
