"""Tornado 2: a chat of lines. The first line is the name; each other goes to all who are there."""

import functools
import logging
import sys

from tornado import ioloop, netutil


class Member(object):
    def __init__(self, room, stream):
        self.room = room
        self.stream = stream
        self.name = None
        stream.set_close_callback(functools.partial(self.room.leave, self))
        stream.write("your name?\n")
        stream.read_until(b"\n", self.on_name)

    def on_name(self, line):
        self.name = line.decode().strip()
        self.room.join(self)
        self.stream.read_until(b"\n", self.on_line)

    def on_line(self, line):
        self.room.say("%s: %s" % (self.name, line.decode().strip()))
        self.stream.read_until(b"\n", self.on_line)


class ChatServer(netutil.TCPServer):
    def __init__(self, io_loop):
        netutil.TCPServer.__init__(self, io_loop)
        self.members = set()

    def handle_stream(self, stream, address):
        Member(self, stream)

    def join(self, member):
        self.members.add(member)
        self.say("* %s came" % member.name)

    def leave(self, member):
        if member in self.members:
            self.members.discard(member)
            self.say("* %s left" % member.name)

    def say(self, text):
        for member in self.members:
            try:
                member.stream.write(text + "\n")
            except IOError:
                logging.error("can't write to %s", member.name)


if __name__ == "__main__":
    loop = ioloop.IOLoop.instance()
    server = ChatServer(loop)
    server.bind(int(sys.argv[1]), "127.0.0.1")
    server.start(1)
    print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
    try:
        loop.start()
    except KeyboardInterrupt:
        loop.stop()
        server.stop()
