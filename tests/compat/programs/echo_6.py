"""Tornado 6: each line comes back, with await, on the loop that the IOLoop brings."""

import signal
import sys

from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError, UnsatisfiableReadError
from tornado.tcpserver import TCPServer


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                line = await stream.read_until_regex(rb"\r?\n", max_bytes=1000)
                if line.startswith(b"next "):
                    line = await stream.read_bytes(int(line.split()[1]))
                await stream.write(line)
        except StreamClosedError as e:
            print("too long" if isinstance(e.real_error, UnsatisfiableReadError) else "gone", flush=True)


if __name__ == "__main__":
    server = EchoServer(max_buffer_size=100_000)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    loop = IOLoop.current()
    signal.signal(signal.SIGTERM, lambda number, frame: loop.add_callback_from_signal(loop.stop))
    print(f"listening on tcp://127.0.0.1:{sys.argv[1]}", flush=True)
    loop.start()
    server.stop()
