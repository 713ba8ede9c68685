"""Tornado 3: a download that is counted while it comes: streaming callbacks by position, by keyword, without an end."""

import hashlib
import socket
import sys

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

loop = IOLoop.instance()
port, form = int(sys.argv[1]), sys.argv[2]
digest = hashlib.sha256()
pieces = []


def on_piece(data):
    assert data, "a piece is never empty"
    pieces.append(len(data))
    digest.update(data)


def on_end(rest):
    assert rest == b"", rest
    show()


def show():
    print("%d %s" % (sum(pieces), digest.hexdigest()))
    loop.stop()


def on_head(head):
    if form == "position":
        stream.read_until_close(on_end, on_piece)
    elif form == "keyword":
        stream.read_until_close(callback=on_end, streaming_callback=on_piece)
    elif form == "none":
        # What some programs did that only wanted the pieces.
        stream.set_close_callback(show)
        stream.read_until_close(None, on_piece)
    else:
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        stream.read_bytes(length, on_end, streaming_callback=on_piece)


def on_connect():
    stream.write(b"GET /file HTTP/1.0\r\n\r\n")
    stream.read_until(b"\r\n\r\n", callback=on_head)


stream = IOStream(socket.socket(socket.AF_INET, socket.SOCK_STREAM), io_loop=loop, max_buffer_size=1 << 20)
stream.connect(("127.0.0.1", port), callback=on_connect)
loop.start()
