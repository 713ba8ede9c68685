"""Tornado 2: a chat over WebSocket, its members kept in the handler's class."""

import sys

from tornado import escape, httpserver, ioloop, web, websocket


class ChatSocket(websocket.WebSocketHandler):
    members = set()

    def check_origin(self, origin):
        return True

    def allow_draft76(self):
        return True

    def open(self, name):
        self.name = name
        self.stream.set_nodelay(True)
        ChatSocket.members.add(self)
        ChatSocket.say({"came": name})

    def on_message(self, message):
        parsed = escape.json_decode(message)
        if parsed.get("leave"):
            self.close()
            return
        if parsed.get("fail"):
            raise ValueError("told to fail")
        ChatSocket.say({"from": self.name, "body": escape.linkify(parsed["body"])})

    def on_close(self):
        ChatSocket.members.remove(self)
        ChatSocket.say({"left": self.name})
        print("left: %s" % self.name, flush=True)

    @classmethod
    def say(cls, message):
        for member in cls.members:
            try:
                member.write_message(message)
            except websocket.WebSocketClosedError:
                pass


class CountHandler(web.RequestHandler):
    def get(self):
        self.write(str(len(ChatSocket.members)))


application = web.Application([(r"/", CountHandler), (r"/chat/(\w+)", ChatSocket)])

if __name__ == "__main__":
    http_server = httpserver.HTTPServer(application)
    http_server.listen(int(sys.argv[1]), address="127.0.0.1")
    print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
    ioloop.IOLoop.instance().start()
