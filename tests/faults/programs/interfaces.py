"""For the command line: an application of Tornado with a WebSocket, and one of WSGI that takes its time."""

import time

import tornado.web
import tornado.websocket

from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler


class Socket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

    def on_close(self):
        print("closed", self.close_code, flush=True)


def wsgi(environ, start_response):
    print("working", flush=True)
    time.sleep(float(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"worked"]


application = Mount({"/": tornado.web.Application([("/socket", Socket)]), "/wsgi": WSGIHandler(wsgi)})
