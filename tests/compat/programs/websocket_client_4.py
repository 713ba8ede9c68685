"""Tornado 4: a WebSocket echo and its clients: with a callback, on a given loop, with on_message_callback, by yield."""

import tornado.ioloop
import tornado.web
from tornado import gen
from tornado.concurrent import Future
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import WebSocketHandler, websocket_connect


class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        print("closed: %s %s" % (self.close_code, self.close_reason))


class Client(object):
    def __init__(self, io_loop, url):
        self.io_loop = io_loop
        self.seen = []
        websocket_connect(url, io_loop, self.on_open, 5)

    def on_open(self, future):
        self.connection = future.result()
        self.connection.write_message("by callback")
        self.connection.read_message(callback=self.on_message)

    def on_message(self, future):
        print(future.result())
        self.connection.close(1000, "enough")
        self.io_loop.add_callback(self.by_yield)

    def by_yield(self):
        self.io_loop.add_future(by_yield(self.io_loop), lambda future: (future.result(), self.io_loop.stop()))


@gen.coroutine
def by_yield(io_loop):
    connection = yield websocket_connect(HTTPRequest(url, headers={"X-A": "b"}), io_loop=io_loop)
    yield connection.write_message(b"by yield", binary=True)
    print((yield connection.read_message()))
    connection.close()
    assert (yield connection.read_message()) is None
    done = Future()
    other = yield websocket_connect(url, on_message_callback=lambda message: message and done.set_result(message))
    other.write_message("by on_message_callback")
    print((yield done))
    other.close()
    try:
        yield websocket_connect(url + "/missing")
    except HTTPError as e:
        print("error %d" % e.code)


if __name__ == "__main__":
    io_loop = tornado.ioloop.IOLoop.instance()
    sock, port = bind_unused_port()
    server = HTTPServer(tornado.web.Application([("/echo", Echo)]), io_loop=io_loop)
    server.add_sockets([sock])
    url = "ws://127.0.0.1:%d/echo" % port
    Client(io_loop, url)
    io_loop.start()
