"""A TCP server that sends each line back, written with callbacks as in Tornado 2 to 5.

    python -m examples.echo_callback [port]        then, for example:  nc 127.0.0.1 8888

``echo.py`` beside it does the same with await.
"""

import signal
import sys

from asynchttp.ioloop import IOLoop
from asynchttp.tcpserver import TCPServer


class EchoConnection:
    def __init__(self, stream):
        self.stream = stream
        self.read_line()

    # A callback comes a turn of the loop after what it tells of: the peer may be gone by then.

    def read_line(self):
        if not self.stream.closed():
            self.stream.read_until(b"\n", self.on_line, max_bytes=64 * 1024)

    def on_line(self, line):
        if not self.stream.closed():
            # The next line is read when this one is on its way.
            self.stream.write(line, self.read_line)


class EchoServer(TCPServer):
    def handle_stream(self, stream, address):
        EchoConnection(stream)


def main(port):
    server = EchoServer()
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on tcp://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    loop = IOLoop.instance()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: loop.add_callback_from_signal(loop.stop))
    loop.start()
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888)
