"""Tornado 4: a server in its own thread with its own loop; the main thread uses the blocking HTTPClient."""

import threading

from tornado import httpclient, httpserver, ioloop, web
from tornado.testing import bind_unused_port


class Main(web.RequestHandler):
    def initialize(self, owner):
        self.owner = owner

    def get(self):
        assert threading.current_thread() is self.owner
        assert ioloop.IOLoop.current() is self.owner.io_loop
        self.write("hello from %s" % threading.current_thread().name)

    def post(self):
        self.set_status(201)
        self.write(self.request.body[::-1])


class ServerThread(threading.Thread):
    def __init__(self):
        super(ServerThread, self).__init__(name="server")
        self.ready = threading.Event()

    def run(self):
        self.io_loop = ioloop.IOLoop()
        self.io_loop.make_current()
        sock, self.port = bind_unused_port()
        application = web.Application([("/", Main, dict(owner=self))])
        self.server = httpserver.HTTPServer(application, io_loop=self.io_loop)
        self.server.add_socket(sock)
        self.io_loop.add_callback(self.ready.set)
        self.io_loop.start()
        self.io_loop.close(all_fds=True)

    def stop(self):
        def stop():
            self.server.stop()
            self.io_loop.stop()

        self.io_loop.add_callback(stop)
        self.join()


if __name__ == "__main__":
    thread = ServerThread()
    thread.start()
    thread.ready.wait(5)
    url = "http://127.0.0.1:%d/" % thread.port
    client = httpclient.HTTPClient()
    print(client.fetch(url).body.decode())
    response = client.fetch(url, method="POST", body="abc")
    print(response.code, response.body.decode())
    try:
        client.fetch(url + "missing")
    except httpclient.HTTPError as e:
        print(e.code, e.response.reason)
    client.close()
    thread.stop()
    print("alive:", thread.is_alive())
