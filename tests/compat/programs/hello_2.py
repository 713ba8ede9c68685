"""Tornado 2: raw responses as str, one that comes later, one in pieces, and one whose client doesn't wait."""

import sys
import time

from tornado import httpserver, ioloop

loop = ioloop.IOLoop.instance()


def send(request, text):
    request.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(text.encode("utf8")), text)
    )
    request.finish()


def count(request, number):
    """The next piece when the one before has been written; the end of the connection ends the body."""
    if number == 0:
        request.finish()
    else:
        request.write("%d\n" % number, lambda: count(request, number - 1))


def handle_request(request):
    if request.path == "/later":
        loop.add_timeout(time.time() + 0.05, lambda: send(request, "at last\n"))
    elif request.path == "/pieces":
        request.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        count(request, 3)
    elif request.path == "/poll":
        # A long poll: nothing happens for a long time, and the client may lose patience.
        request.connection.stream.set_close_callback(lambda: print("lost patience", flush=True))
        print("polling", flush=True)
    elif request.path == "/bug":
        {}["a bug"]
    else:
        words = request.arguments.get("word", [])
        send(request, "%s %s %s: %s\n" % (request.method, request.path, request.remote_ip, b"+".join(words).decode()))


server = httpserver.HTTPServer(handle_request)
server.bind(int(sys.argv[1]))
server.start()
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
loop.start()
