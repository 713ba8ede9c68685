"""Tornado 2: raw sockets on the loop. UDP datagrams come back reversed; one descriptor by number, one as an object."""

import collections
import errno
import socket

from tornado import ioloop

loop = ioloop.IOLoop.instance()
READ, WRITE = loop.READ, ioloop.IOLoop.WRITE
answers = collections.deque()


def on_events(fd, events):
    assert fd == sock.fileno()
    if events & READ:
        while True:
            try:
                data, peer = sock.recvfrom(2000)
            except socket.error as e:
                if e.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
                    break
                raise
            answers.append((data[::-1], peer))
        loop.update_handler(fd, READ | WRITE)
    if events & WRITE:
        while answers:
            data, peer = answers.popleft()
            sock.sendto(data, peer)
            if data == b"pots":
                loop.remove_handler(fd)
                end.send(b"!")
        if sock.fileno() in handlers():
            loop.update_handler(fd, READ)


def handlers():
    """The descriptors that still have a handler, found out as old code did: by asking for forgiveness."""
    try:
        loop.update_handler(sock.fileno(), READ)
    except Exception:
        return []
    return [sock.fileno()]


def on_end(obj, events):
    assert obj is start and start.recv(10) == b"!"
    loop.remove_handler(start)
    loop.stop()


sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setblocking(0)
sock.bind(("127.0.0.1", 0))
start, end = socket.socketpair()
loop.add_handler(sock.fileno(), on_events, loop.READ)
loop.add_handler(start, on_end, loop.READ | loop.ERROR)
print("listening on udp://127.0.0.1:%d" % sock.getsockname()[1], flush=True)
loop.start()
for each in (sock, start, end):
    each.close()
print("stopped")
