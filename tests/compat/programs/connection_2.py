"""Tornado 2: a server that takes no more than two connections, and makes the HTTPConnection of each by itself."""

import sys

from tornado import httpserver, ioloop, netutil


class BoundedServer(netutil.TCPServer):
    def __init__(self, handle, most, **kwargs):
        netutil.TCPServer.__init__(self, **kwargs)
        self.handle = handle
        self.most = most
        self.connections = []

    def handle_stream(self, stream, address):
        if len(self.connections) == self.most:
            stream.write("HTTP/1.0 503 Service Unavailable\r\n\r\nfull\n", stream.close)
            return
        connection = httpserver.HTTPConnection(stream, address, self.handle, xheaders=True)
        self.connections.append(connection)
        stream.set_close_callback(lambda: self.closed(connection))

    def closed(self, connection):
        self.connections.remove(connection)
        print("closed: %s, %d left" % (connection.address[0], len(self.connections)), flush=True)


def handle(request):
    number = [each.stream for each in server.connections].index(request.connection.stream)
    text = "%s by connection %d of %d\n" % (request.remote_ip, number, len(server.connections))
    request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    request.finish()


io_loop = ioloop.IOLoop.instance()
server = BoundedServer(handle, 2, io_loop=io_loop)
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
io_loop.start()
