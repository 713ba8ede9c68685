"""A room for everybody, by sockjs-tornado, in each of its transports.  Arguments: port, package of the server."""

import importlib
import sys

import tornado.web
from sockjs.tornado import SockJSConnection, SockJSRouter

package = sys.argv[2]
IOLoop = importlib.import_module(package + ".ioloop").IOLoop
HTTPServer = importlib.import_module(package + ".httpserver").HTTPServer


class Room(SockJSConnection):
    members = set()

    def on_open(self, info):
        self.members.add(self)
        self.send("welcome from " + info.ip)

    def on_message(self, message):
        if message == "go":
            self.close()
        else:
            self.broadcast(self.members, message)

    def on_close(self):
        self.members.discard(self)
        print("gone, %d left" % len(self.members), flush=True)


IOLoop.current()
router = SockJSRouter(Room, "/room", {"heartbeat_delay": 60})
server = HTTPServer(tornado.web.Application(router.urls))
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
IOLoop.current().start()
