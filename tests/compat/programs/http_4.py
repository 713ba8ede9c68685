"""Tornado 4: structured responses: a head, a body in pieces with futures, and proxies that tell who asked."""

import sys

from tornado import gen, httputil
from tornado.httpserver import HTTPRequest, HTTPServer
from tornado.ioloop import IOLoop


@gen.coroutine
def answer(request):
    assert isinstance(request, HTTPRequest)
    yield gen.Task(IOLoop.current().add_timeout, IOLoop.current().time() + 0.005)
    body = [("%s://%s%s\n" % (request.protocol, request.host, request.uri)).encode(), request.remote_ip.encode()]
    start_line = httputil.ResponseStartLine("HTTP/1.1", 203, "Hearsay")
    headers = httputil.HTTPHeaders({"Content-Type": "text/plain"})
    if request.path == "/length":
        headers["Content-Length"] = str(sum(map(len, body)))
    yield request.connection.write_headers(start_line, headers)
    for piece in body:
        yield request.connection.write(piece)
        yield gen.moment
    request.connection.finish()


def handle(request):
    if request.method == "POST":
        request.connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 200, "OK"),
            httputil.HTTPHeaders({"Content-Length": str(len(request.body))}),
            chunk=request.body[::-1],
            callback=request.connection.finish,
        )
    else:
        IOLoop.current().add_future(answer(request), lambda future: future.result())


server = HTTPServer(handle, xheaders=True)
server.listen(int(sys.argv[1]), address="127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
IOLoop.current().start()
