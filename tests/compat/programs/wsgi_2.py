"""Tornado 2: a WSGI application for old paths, handlers for the new ones."""

import logging
import sys

import tornado.httpserver
import tornado.ioloop
import tornado.web
import tornado.wsgi


def legacy(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise KeyError("broken")
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Legacy", "yes")])
    return [("%(REQUEST_METHOD)s %(PATH_INFO)s?%(QUERY_STRING)s " % environ).encode(), body]


class NewHandler(tornado.web.RequestHandler):
    @tornado.web.removeslash
    def get(self):
        self.write("new")


def main():
    logging.getLogger().setLevel(logging.ERROR)
    container = tornado.wsgi.WSGIContainer(legacy)
    application = tornado.web.Application(
        [
            (r"/new/?", NewHandler),
            (r"/away", tornado.web.RedirectHandler, dict(url="/new", permanent=False)),
            (r".*", tornado.web.FallbackHandler, dict(fallback=container)),
        ]
    )
    server = tornado.httpserver.HTTPServer(application, no_keep_alive=True)
    server.bind(int(sys.argv[1]), "127.0.0.1")
    server.start(1)
    print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
    tornado.ioloop.IOLoop.instance().start()


if __name__ == "__main__":
    main()
