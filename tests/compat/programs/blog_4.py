"""Tornado 4: a small site: login by form and XSRF cookie, locales, error pages, uploads, reversed URLs."""

import os

import tornado.escape
import tornado.httpserver
import tornado.ioloop
import tornado.locale
import tornado.template
import tornado.web
from tornado.options import define, options

define("port", default=8888, type=int)
define("title", default="A blog", metavar="TEXT")


class Loader(tornado.template.DictLoader):
    pages = {
        "error.html": "{{ handler.settings['title'] }}: {{ status }}",
        "login.html": '{% autoescape None %}<form>{{ xsrf_form_html() }}</form>{{ _("Sign in") }}',
        "home.html": "{% for entry in entries %}<h1>{{ entry }}</h1>{% else %}none{% end %}"
        "{% if current_user %}{{ current_user }}{% end %}{{ reverse_url('entry', 5) }}",
    }


class Base(tornado.web.RequestHandler):
    @property
    def entries(self):
        return self.application.entries

    def get_current_user(self):
        name = self.get_secure_cookie("name", max_age_days=1)
        return tornado.escape.to_unicode(name) if name else None

    def get_user_locale(self):
        return tornado.locale.get(self.get_argument("lang", "en_US"))

    def write_error(self, status_code, **kwargs):
        self.render("error.html", status=status_code)


class Home(Base):
    def get(self):
        self.render("home.html", entries=self.entries)


class Entry(Base):
    def get(self, number):
        try:
            self.write(self.entries[int(number)])
        except IndexError:
            raise tornado.web.HTTPError(404)

    def head(self, number):
        self.set_header("X-Length", len(self.entries[int(number)]))


class Compose(Base):
    @tornado.web.authenticated
    def post(self):
        upload = self.request.files["text"][0]
        self.entries.append("%s: %s" % (upload["filename"], upload["body"].decode()))
        self.set_status(201)
        self.set_header("Location", self.reverse_url("entry", len(self.entries) - 1))


class Login(Base):
    def get(self):
        self.render("login.html")

    def post(self):
        self.set_secure_cookie("name", self.get_body_argument("name"), httponly=True)
        self.redirect(self.get_argument("next", "/"))


class Missing(Base):
    def prepare(self):
        raise tornado.web.HTTPError(404)


class Application(tornado.web.Application):
    def __init__(self):
        self.entries = []
        super(Application, self).__init__(
            [
                (r"/", Home),
                tornado.web.URLSpec(r"/entry/(\d+)", Entry, name="entry"),
                (r"/compose", Compose),
                (r"/login", Login),
                (r"/source/(.*)", tornado.web.StaticFileHandler, {"path": os.path.dirname(os.path.abspath(__file__))}),
            ],
            title=options.title,
            cookie_secret="__TODO:_GENERATE_YOUR_OWN_RANDOM_VALUE_HERE__",
            login_url="/login",
            xsrf_cookies=True,
            template_loader=Loader(Loader.pages),
            default_handler_class=Missing,
            gzip=True,
        )


if __name__ == "__main__":
    tornado.options.parse_command_line()
    tornado.httpserver.HTTPServer(Application(), xheaders=True).listen(options.port, "127.0.0.1")
    print("listening on http://127.0.0.1:%d" % options.port, flush=True)
    tornado.ioloop.IOLoop.current().start()
