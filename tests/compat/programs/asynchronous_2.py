"""Tornado 2: @asynchronous handlers, AsyncHTTPClient with callbacks, gen.engine, options; each way to fail is a 500."""

import time

import tornado.gen
import tornado.httpclient
import tornado.httpserver
import tornado.ioloop
import tornado.options
import tornado.web
from tornado.options import define, options

define("port", default=8888, help="run on the given port", type=int)
define("greeting", default="hello")


class BaseHandler(tornado.web.RequestHandler):
    def get_error_html(self, status_code, exception=None, **kwargs):
        return "oops %d %s" % (status_code, exception.__class__.__name__)

    def url(self, path):
        return "http://127.0.0.1:%d%s" % (options.port, path)


class HelloHandler(BaseHandler):
    def get(self):
        self.write(options.greeting)


class ProxyHandler(BaseHandler):
    @tornado.web.asynchronous
    def get(self, path):
        http = tornado.httpclient.AsyncHTTPClient()
        http.fetch(self.url("/" + path), callback=self.async_callback(self.on_response))

    def on_response(self, response):
        if response.error:
            self.set_status(502)
            self.write("upstream said %d: %s" % (response.code, response.error))
        else:
            self.write("got %d octets" % len(response.body))
        self.finish()


class PositionalHandler(BaseHandler):
    @tornado.web.asynchronous
    def get(self):
        client = tornado.httpclient.AsyncHTTPClient(tornado.ioloop.IOLoop.instance())
        request = tornado.httpclient.HTTPRequest(self.url("/"), method="GET", connect_timeout=5)
        assert client.fetch(request, self.on_response) is None

    def on_response(self, response):
        response.rethrow()
        self.finish(response.body.upper())


class EngineHandler(BaseHandler):
    @tornado.web.asynchronous
    @tornado.gen.engine
    def get(self):
        http = tornado.httpclient.AsyncHTTPClient()
        one, other = yield [
            tornado.gen.Task(http.fetch, self.url("/")),
            tornado.gen.Task(http.fetch, self.url("/missing")),
        ]
        yield tornado.gen.Task(tornado.ioloop.IOLoop.instance().add_timeout, time.time() + 0.01)
        http.fetch(self.url("/?again"), callback=(yield tornado.gen.Callback("key")))
        again = yield tornado.gen.Wait("key")
        self.write("%d %d %s" % (one.code, other.code, again.body.decode()))
        self.finish()


class FailingHandler(BaseHandler):
    @tornado.web.asynchronous
    def get(self, how):
        if how == "now":
            raise KeyError(how)
        if how == "callback":
            tornado.ioloop.IOLoop.instance().add_callback(self.fail)
        elif how == "timeout":
            tornado.ioloop.IOLoop.instance().add_timeout(time.time() + 0.01, self.async_callback(self.fail, how))
        elif how == "fetch":
            http = tornado.httpclient.AsyncHTTPClient()
            http.fetch(self.url("/missing"), lambda response: response.rethrow())
        elif how == "forbidden":
            tornado.ioloop.IOLoop.instance().add_callback(self.forbid)

    def fail(self, how="callback"):
        raise ValueError(how)

    def forbid(self):
        raise tornado.web.HTTPError(403)


class FailingEngineHandler(BaseHandler):
    @tornado.web.asynchronous
    @tornado.gen.engine
    def get(self):
        yield tornado.gen.Task(tornado.ioloop.IOLoop.instance().add_callback)
        raise RuntimeError("engine")


class QuitHandler(BaseHandler):
    def get(self):
        self.write("bye")
        self.finish()
        tornado.ioloop.IOLoop.instance().add_timeout(time.time() + 0.05, tornado.ioloop.IOLoop.instance().stop)


def main():
    tornado.options.parse_command_line()
    application = tornado.web.Application(
        [
            (r"/", HelloHandler),
            (r"/proxy/(.*)", ProxyHandler),
            (r"/positional", PositionalHandler),
            (r"/engine", EngineHandler),
            (r"/fail/(.*)", FailingHandler),
            (r"/fail_engine", FailingEngineHandler),
            (r"/quit", QuitHandler),
        ]
    )
    http_server = tornado.httpserver.HTTPServer(application)
    http_server.listen(options.port, "127.0.0.1")
    print("listening on http://127.0.0.1:%d" % options.port, flush=True)
    tornado.ioloop.IOLoop.instance().start()
    print("stopped")


if __name__ == "__main__":
    main()
