"""Tornado 6: a chat of lines, with await. The first line is the name; each other goes to all who are there."""

import asyncio
import sys

from tornado.iostream import StreamClosedError
from tornado.tcpserver import TCPServer


class ChatServer(TCPServer):
    def __init__(self):
        super().__init__()
        self.members = {}

    async def handle_stream(self, stream, address):
        name = None
        try:
            await stream.write(b"your name?\n")
            name = (await stream.read_until(b"\n", max_bytes=100)).decode().strip()
            self.members[name] = stream
            await self.say(f"* {name} came")
            while True:
                line = await stream.read_until(b"\n", max_bytes=1000)
                await self.say(f"{name}: {line.decode().strip()}")
        except StreamClosedError:
            pass
        finally:
            if self.members.pop(name, None):
                await self.say(f"* {name} left")

    async def say(self, text):
        for member in list(self.members.values()):
            try:
                await member.write(text.encode() + b"\n")
            except StreamClosedError:
                pass


async def main():
    server = ChatServer()
    server.listen(int(sys.argv[1]), "127.0.0.1")
    print(f"listening on tcp://127.0.0.1:{sys.argv[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
