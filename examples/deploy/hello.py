"""What the files beside this serve: who asked and who answered, a page that takes its time, an echo by WebSocket.

asynchttp hello:app --app-dir examples/deploy
"""

import asyncio
import os

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Hello(RequestHandler):
    def get(self):
        request = self.request
        whom = {"client": request.remote_ip, "scheme": request.protocol, "host": request.host}
        self.write({**whom, "process": os.getpid()})

    post = get


class Slow(RequestHandler):
    async def get(self):
        await asyncio.sleep(float(self.get_argument("seconds", "1")))
        self.write("done\n")

    post = get


class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


# Proxies hang up on a WebSocket that is silent for a minute; a ping every 20 s keeps them from it.
app = Application([("/", Hello), ("/slow", Slow), ("/echo", Echo)], websocket_ping_interval=20)
