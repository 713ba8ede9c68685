"""Tornado 6: two processes behind one port, the way that its documentation recommends since 6.2."""

import asyncio
import os
import sys

from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.process import fork_processes, task_id
from tornado.tcpserver import TCPServer

over = None


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                line = await stream.read_until(b"\n")
                if line == b"quit\n":
                    over.set()
                elif line == b"die\n":
                    os._exit(3)
                elif line == b"who\n":
                    await stream.write(b"%d %d\n" % (task_id(), os.getpid()))
                else:
                    await stream.write(line)
        except StreamClosedError:
            pass


async def main():
    global over
    over = asyncio.Event()
    server = EchoServer()
    server.add_sockets(sockets)
    print(f"child {task_id()} is {os.getpid()}", flush=True)
    await over.wait()
    server.stop()


sockets = bind_sockets(int(sys.argv[1]), "127.0.0.1")
print(f"listening on tcp://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
fork_processes(2)
asyncio.run(main())
