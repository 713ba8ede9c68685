"""Tornado 3: a login at somebody else's, with callbacks; that somebody is in the same process."""

import sys

import tornado.auth
import tornado.ioloop
import tornado.web

BASE = "http://127.0.0.1:%s" % sys.argv[1]


class Provider(tornado.web.RequestHandler):
    def get(self, what):
        if self.get_argument("access_token", "") == "bad" or self.get_argument("code", "") == "bad":
            raise tornado.web.HTTPError(400)
        if what == "oauth/access_token":
            self.write({"access_token": "token of " + self.get_argument("code"), "expires_in": 60})
        else:
            self.write({"id": what, "name": "You", "token": self.get_argument("access_token")})


class Graph(tornado.web.RequestHandler, tornado.auth.FacebookGraphMixin):
    _FACEBOOK_BASE_URL = BASE + "/provider"
    _OAUTH_ACCESS_TOKEN_URL = BASE + "/provider/oauth/access_token?"


class Login(Graph):
    @tornado.web.asynchronous
    def get(self):
        if self.get_argument("code", False):
            self.get_authenticated_user(
                redirect_uri=BASE + "/login",
                client_id="id",
                client_secret="secret",
                code=self.get_argument("code"),
                callback=self.async_callback(self._on_login),
            )
            return
        self.authorize_redirect(redirect_uri=BASE + "/login", client_id="id", extra_params={"scope": "read_stream"})

    def _on_login(self, user):
        if user is None:
            self.finish("no login")
            return
        self.finish("%(name)s with %(access_token)s" % user)


class Me(Graph):
    @tornado.web.asynchronous
    def get(self):
        self.facebook_request("/me", self.on_me, access_token=self.get_argument("token"))

    def on_me(self, me):
        self.finish("%(id)s by %(token)s" % me)


if __name__ == "__main__":
    application = tornado.web.Application([("/login", Login), ("/me", Me), ("/provider/(.*)", Provider)])
    application.listen(int(sys.argv[1]), "127.0.0.1")
    print("listening on %s" % BASE, flush=True)
    tornado.ioloop.IOLoop.instance().start()
