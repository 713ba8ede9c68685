"""Tornado 5: the year of change. Callbacks, generators and async functions in one program, on one asyncio loop."""

import asyncio
import sys

from tornado import gen
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer


class CallbackServer(TCPServer):
    def handle_stream(self, stream, address):
        def on_line(line):
            stream.write(b"callback " + line, lambda: stream.read_until(b"\n", on_line))

        stream.read_until(b"\n", on_line)


class GeneratorServer(TCPServer):
    @gen.coroutine
    def handle_stream(self, stream, address):
        try:
            while True:
                line = yield stream.read_until(b"\n")
                yield gen.sleep(0.001)
                yield stream.write(b"generator " + line)
        except StreamClosedError:
            pass


class NativeServer(TCPServer):
    async def handle_stream(self, stream, address):
        try:
            async for line in self.lines(stream):
                await asyncio.sleep(0.001)
                await stream.write(b"native " + line)
        except StreamClosedError:
            pass

    async def lines(self, stream):
        while True:
            yield await stream.read_until(b"\n")


async def ask(port, line):
    stream = await TCPClient().connect("127.0.0.1", port)
    await stream.write(line)
    answer = await stream.read_until(b"\n")
    stream.close()
    return answer.decode().strip()


ports = [int(argument) for argument in sys.argv[1:]]
servers = [CallbackServer(), GeneratorServer(), NativeServer()]
for server, port in zip(servers, ports):
    server.listen(port, "127.0.0.1")

# Either kind of function may wait for the other.
print(IOLoop.current().run_sync(lambda: gen.multi([ask(port, b"hello\n") for port in ports])))
assert IOLoop.current().asyncio_loop is not None
beats = []
heart = PeriodicCallback(lambda: beats.append(1), 5)
heart.start()
IOLoop.current().run_sync(lambda: gen.sleep(0.1))
heart.stop()
assert len(beats) >= 2, beats
print("listening on tcp://127.0.0.1:%d" % ports[0], flush=True)
IOLoop.current().start()
