"""A chat by WebSocket, or by long polling where that can't get through; Tornado's modules, under our name.

python -m examples.web_chat [port]        then open http://localhost:8888/ in two windows, and /?polling in a third
"""

import asyncio
import collections
import itertools
import json
import pathlib
import sys
import time

from asynchttp import web, websocket
from asynchttp.httpserver import HTTPServer

HERE = pathlib.Path(__file__).parent

# They tell a page what it has seen. It may stay open while the server starts anew: numbers never go back.
numbers = itertools.count(time.time_ns() // 1000)
messages = collections.deque(maxlen=100)
listeners = set()  # functions to call with each new message


def say(data):
    message = {"id": next(numbers), "name": str(data["name"])[:20], "text": str(data["text"])[:2000]}
    messages.append(message)
    for listener in listeners.copy():
        listener(message)


def messages_after(number):
    return [message for message in messages if message["id"] > number]


class Socket(websocket.WebSocketHandler):
    def open(self):
        for message in messages_after(int(self.get_argument("after"))):
            self.hear(message)
        listeners.add(self.hear)

    def on_message(self, message):
        say(json.loads(message))

    def on_close(self):
        listeners.discard(self.hear)

    def hear(self, message):
        try:
            self.write_message(message)
        except websocket.WebSocketClosedError:
            pass  # its on_close is on its way


class Polling(web.RequestHandler):
    async def get(self):
        """Answer as soon as there is something new."""
        after = int(self.get_argument("after"))
        self.wake = asyncio.Event()
        if not messages_after(after):
            listeners.add(self.hear)
            await self.wake.wait()
            listeners.discard(self.hear)
        self.write({"messages": messages_after(after)})

    def hear(self, message):
        self.wake.set()

    def on_connection_close(self):
        self.wake.set()

    def post(self):
        say(json.loads(self.request.body))


async def main(port):
    page = (r"/()", web.StaticFileHandler, {"path": HERE, "default_filename": "web_chat.html"})
    # A ping every 20 s finds members that vanished, and keeps proxies from hanging up.
    application = web.Application([page, ("/socket", Socket), ("/polling", Polling)], websocket_ping_interval=20)
    server = HTTPServer(application)
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
