"""Tornado 6: an HTTP fetch by hand, with await. ``fetch_6.py PORT PATH`` prints the status line and the body."""

import sys

from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.tcpclient import TCPClient


async def fetch(port, path):
    try:
        stream = await TCPClient().connect("127.0.0.1", port, timeout=10)
    except StreamClosedError as e:
        print(f"error: {type(e.real_error).__name__}")
        return
    await stream.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    head = (await stream.read_until(b"\r\n\r\n")).decode("latin1")
    status, *lines = head.strip().split("\r\n")
    print(status)
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    if "content-length" in headers:
        body = await stream.read_bytes(int(headers["content-length"]))
    else:
        body = await stream.read_until_close()
    print(f"{len(body)} octets: {body.decode()}")
    stream.close()


IOLoop.current().run_sync(lambda: fetch(int(sys.argv[1]), sys.argv[2]))
