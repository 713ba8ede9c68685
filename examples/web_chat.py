"""A chat by WebSocket, with a page to chat on; an application of Tornado.

python -m examples.web_chat [port]        then open http://localhost:8888/ in two windows
"""

import asyncio
import sys

import tornado.web
import tornado.websocket

from asynchttp.httpserver import HTTPServer

PAGE = """<!doctype html>
<title>Chat</title>
<pre id="lines"></pre>
<form><input autofocus></form>
<script>
  const socket = new WebSocket("ws://" + location.host + "/chat");
  const [lines, form, input] = ["#lines", "form", "input"].map(name => document.querySelector(name));
  socket.onmessage = event => { lines.textContent += event.data + "\\n"; };
  form.onsubmit = event => { event.preventDefault(); socket.send(input.value); input.value = ""; };
</script>
"""


class Page(tornado.web.RequestHandler):
    def get(self):
        self.write(PAGE)


class Chat(tornado.websocket.WebSocketHandler):
    members = set()

    def open(self):
        self.members.add(self)
        self.tell_all(f"* somebody came, {len(self.members)} here")

    def on_message(self, message):
        self.tell_all(message)

    def on_close(self):
        self.members.discard(self)
        self.tell_all(f"* somebody left, {len(self.members)} here")

    def tell_all(self, message):
        for member in self.members.copy():
            try:
                member.write_message(message)
            except tornado.websocket.WebSocketClosedError:
                pass  # its on_close is on its way


async def main(port):
    # A ping every 20 s finds members that vanished, and keeps proxies from hanging up.
    server = HTTPServer(tornado.web.Application([(r"/", Page), (r"/chat", Chat)], websocket_ping_interval=20))
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
