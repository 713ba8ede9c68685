"""Pages behind a password, by tornado-http-auth.  Arguments: port, package of the server."""

import importlib
import sys

import tornado.web
from tornado_http_auth import BasicAuthMixin, DigestAuthMixin, auth_required

package = sys.argv[2]
IOLoop = importlib.import_module(package + ".ioloop").IOLoop
HTTPServer = importlib.import_module(package + ".httpserver").HTTPServer

PASSWORDS = {"user": "secret"}


class Digest(DigestAuthMixin, tornado.web.RequestHandler):
    @auth_required(realm="Protected", auth_func=PASSWORDS.get)
    def get(self):
        self.write("Hello %s" % self._current_user)


class Basic(BasicAuthMixin, tornado.web.RequestHandler):
    @auth_required(realm="Protected", auth_func=PASSWORDS.get)
    def get(self):
        self.write("Hello %s" % self._current_user)


server = HTTPServer(tornado.web.Application([("/digest", Digest), ("/basic", Basic)]))
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
IOLoop.current().start()
