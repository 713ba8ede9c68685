"""What many wrote by mistake: ``listen``, which is for one process, and then ``start`` with two."""

import os
import sys

from tornado import httpserver, ioloop, process


def handle(request):
    text = "%d\n" % os.getpid()
    request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    request.finish()
    if request.path == "/quit":
        ioloop.IOLoop.instance().add_callback(ioloop.IOLoop.instance().stop)


server = httpserver.HTTPServer(handle)
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
server.start(2)
print("child %d is %d" % (process.task_id(), os.getpid()), flush=True)
ioloop.IOLoop.instance().start()
