"""Tornado 2: a chat by long polling, with a login by secure cookie, templates, UI modules and static files."""

import logging
import os
import sys
import tempfile
import uuid

import tornado.escape
import tornado.httpserver
import tornado.ioloop
import tornado.web

TEMPLATES = {
    "base.html": "<title>{% block title %}{% end %}</title>{% block body %}{% end %}",
    "index.html": '{% extends "base.html" %}{% block title %}{{ current_user["name"] }}{% end %}'
    "{% block body %}<link href=\"{{ static_url('a.css') }}\">"
    "{% for message in messages %}{% module Message(message) %}{% end %}{% raw xsrf_form_html() %}{% end %}",
    "message.html": "<p>{{ message['body'] }}</p>",
}


class BaseHandler(tornado.web.RequestHandler):
    def get_current_user(self):
        user_json = self.get_secure_cookie("user")
        if not user_json:
            return None
        return tornado.escape.json_decode(user_json)


class MessageMixin(object):
    waiters = set()
    cache = []
    asked = 0

    def wait_for_messages(self, callback, cursor=None):
        cls = MessageMixin
        if cursor:
            index = [message["id"] for message in cls.cache].index(cursor)
            recent = cls.cache[index + 1 :]
            if recent:
                callback(recent)
                return
        cls.waiters.add(callback)

    def cancel_wait(self, callback):
        MessageMixin.waiters.remove(callback)

    def new_messages(self, messages):
        cls = MessageMixin
        for callback in cls.waiters:
            try:
                callback(messages)
            except Exception:
                logging.error("Error in waiter callback", exc_info=True)
        cls.waiters = set()
        cls.cache.extend(messages)


class MainHandler(BaseHandler):
    @tornado.web.authenticated
    def get(self):
        self.render("index.html", messages=MessageMixin.cache)


class MessageNewHandler(BaseHandler, MessageMixin):
    @tornado.web.authenticated
    def post(self):
        message = {"id": str(uuid.uuid4()), "body": self.get_argument("body"), "from": self.current_user["name"]}
        self.write(message)
        self.new_messages([message])


class MessageUpdatesHandler(BaseHandler, MessageMixin):
    @tornado.web.authenticated
    @tornado.web.asynchronous
    def post(self):
        MessageMixin.asked += 1
        print("waiting for answer %d" % MessageMixin.asked, flush=True)
        self.wait_for_messages(self.on_new_messages, cursor=self.get_argument("cursor", None))

    def on_new_messages(self, messages):
        if self.request.connection.stream.closed():
            return
        self.finish(dict(messages=messages))

    def on_connection_close(self):
        self.cancel_wait(self.on_new_messages)
        print("gone, %d still wait" % len(MessageMixin.waiters), flush=True)


class LoginHandler(BaseHandler):
    def get(self):
        self.set_secure_cookie("user", tornado.escape.json_encode({"name": self.get_argument("name")}))
        self.redirect(self.get_argument("next", "/"))


class LogoutHandler(BaseHandler):
    def get(self):
        self.clear_cookie("user")
        self.write("You are now logged out")


class MessageModule(tornado.web.UIModule):
    def render(self, message):
        return self.render_string("message.html", message=message)


class Application(tornado.web.Application):
    def __init__(self, directory):
        handlers = [
            (r"/", MainHandler),
            (r"/login", LoginHandler),
            (r"/logout", LogoutHandler),
            (r"/a/message/new", MessageNewHandler),
            (r"/a/message/updates", MessageUpdatesHandler),
        ]
        settings = dict(
            cookie_secret="43oETzKXQAGaYdkL5gEmGeJJFuYh7EQnp2XdTP1o/Vo=",
            login_url="/login",
            template_path=os.path.join(directory, "templates"),
            static_path=os.path.join(directory, "static"),
            xsrf_cookies=True,
            autoescape="xhtml_escape",
            ui_modules={"Message": MessageModule},
        )
        tornado.web.Application.__init__(self, handlers, **settings)


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, "templates"))
        os.mkdir(os.path.join(directory, "static"))
        for name, text in TEMPLATES.items():
            with open(os.path.join(directory, "templates", name), "w") as f:
                f.write(text)
        with open(os.path.join(directory, "static", "a.css"), "w") as f:
            f.write("p { margin: 0 }\n")
        app = Application(directory)
        app.listen(int(sys.argv[1]), "127.0.0.1")
        print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
        try:
            tornado.ioloop.IOLoop.instance().start()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
