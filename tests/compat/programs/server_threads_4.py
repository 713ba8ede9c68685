"""Tornado 4: servers in threads of their own, each with a loop of its own, while the main thread waits."""

import sys
import threading

from tornado import gen
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer


class ServerThread(threading.Thread):
    def __init__(self, name):
        super(ServerThread, self).__init__(name=name)
        self.ready = threading.Event()
        self.loop = None

    def run(self):
        self.loop = IOLoop()
        self.loop.make_current()
        assert IOLoop.current() is self.loop
        sockets = bind_sockets(0, "127.0.0.1")
        server = self.make_server()
        server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]
        self.loop.add_callback(self.ready.set)
        self.loop.start()
        server.stop()
        self.loop.close(all_fds=True)


class TCPThread(ServerThread):
    def make_server(self):
        return NameServer(io_loop=self.loop)


class HTTPThread(ServerThread):
    def make_server(self):
        return HTTPServer(self.handle)

    def handle(self, request):
        text = "%s on its loop: %s\n" % (threading.current_thread().name, IOLoop.current() is self.loop)
        request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        request.finish()
        if request.path == "/quit":
            self.loop.add_callback(self.loop.stop)


class NameServer(TCPServer):
    @gen.coroutine
    def handle_stream(self, stream, address):
        try:
            while True:
                line = yield stream.read_until(b"\n")
                if line == b"quit\n":
                    self.io_loop.stop()
                name = threading.current_thread().name
                yield stream.write(("%s on its loop: %s\n" % (name, IOLoop.current() is self.io_loop)).encode())
        except StreamClosedError:
            pass


threads = [TCPThread("tcp"), HTTPThread("http")]
for thread in threads:
    thread.start()
    thread.ready.wait()
    print("%s is listening on 127.0.0.1 port %d" % (thread.name, thread.port), flush=True)
for thread in threads:
    thread.join()
print("all threads are over")
sys.exit(0)
