"""One process with handlers of every style, which do what the path says, and tell what happens to them.

``python lone.py '{"server": {…}, "backlog": 128, "descriptors": 1024}'``

Everything that the server logs comes out on stdout as ``record <level> <logger> <reason or -> <message>``; of stderr,
nothing is expected.
"""

import asyncio
import json
import logging
import os
import resource
import sys
import time
import urllib.parse

from asynchttp import httputil
from asynchttp.httpserver import HTTPServer
from asynchttp.ioloop import new_asyncio_loop
from asynchttp.mount import Mount

options = json.loads(sys.argv[1])
if "descriptors" in options:
    resource.setrlimit(resource.RLIMIT_NOFILE, (options["descriptors"],) * 2)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Tell(logging.Handler):
    def emit(self, record):
        message = record.getMessage().partition("\n")[0]
        say("record", record.levelname, record.name, getattr(record, "reason", "-"), message)


logger = logging.getLogger("asynchttp")
logger.setLevel(logging.DEBUG)
logger.propagate = False
logger.addHandler(Tell())

poured = 0
started = 0
kept = []
head = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")


def begin(connection, *fields):
    connection.write_headers(head, httputil.HTTPHeaders(fields))


async def coroutine(request):
    path, _, query = request.uri.partition("?")
    value = dict(urllib.parse.parse_qsl(query)).get("v", "")
    action = globals().get("do_" + path[1:])
    return "done" if action is None else await action(request, value)


async def do_order(request, value):
    global started
    started += 1
    return str(started)


async def do_sleep(request, value):
    await asyncio.sleep(float(value))
    return "slept"


async def do_block(request, value):
    say("blocking")
    time.sleep(float(value))  # noqa: ASYNC251 - the fault
    return "blocked"


async def do_block_until(request, value):
    """Until there is a file of that name."""
    say("blocking")
    while not os.path.exists(value):  # noqa: ASYNC240 - the fault
        time.sleep(0.01)  # noqa: ASYNC251
    return "blocked"


async def do_size(request, value):
    return b"x" * int(value)


async def do_sum(request, value):
    return str(len(request.body))


async def do_stats(request, value):
    tasks = len(asyncio.all_tasks()) - (asyncio.current_task() is not None)
    return json.dumps({**server.stats(), "poured": poured, "tasks": tasks})


async def do_quiet(request, value):
    begin(request.connection)
    await request.connection.write(b"first")
    await asyncio.sleep(float(value))
    await request.connection.write(b"second")
    request.connection.finish()


async def do_pour(request, value):
    """As much as the client takes."""
    global poured
    begin(request.connection)
    piece = b"x" * 65536
    while True:
        await request.connection.write(piece)
        poured += len(piece)


async def do_wait(request, value):
    """Until its client leaves."""
    left = asyncio.get_running_loop().create_future()
    request.connection.set_close_callback(lambda: left.done() or left.set_result(None))
    if value == "response":
        begin(request.connection)
        await request.connection.write(b"begun")
    say("waiting")
    try:
        await left
    finally:
        say("left", time.monotonic())


async def do_late(request, value):
    """Goes on after its end, and again when the next request is answered."""
    await request.respond(value)
    for other in [request, *kept]:
        for late in (
            lambda other=other: other.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"),
            lambda other=other: other.connection.write(b"late"),
            lambda other=other: other.respond(b"late"),
            lambda other=other: other.finish(),
        ):
            try:
                await late()
            except Exception as error:
                say("refused", type(error).__name__)
            else:
                say("allowed")
    kept.append(request)


async def do_split(request, value):
    name, _, field_value = value.partition(":")
    try:
        request.respond(b"", 200, [(name, field_value)])
    except ValueError as error:
        say("refused", ascii(str(error)))
    request.respond(b"safe")


async def do_fail(request, value):
    fail(request, value)


async def do_lie(request, value):
    """Says 5 octets, and sends as many as the value says."""
    begin(request.connection, ("Content-Length", "5"))
    await request.connection.write(b"y" * int(value))
    request.connection.finish()


def fail(request, value):
    if value == "head":
        begin(request.connection, ("Content-Length", "10"))
        request.connection.write(b"hello")
    elif value == "chunk":
        begin(request.connection)
        request.connection.write(b"hello")
    raise LookupError(f"fault {value}")


def callback(request):
    path, _, query = request.uri.partition("?")
    if path == "/callback/fail":
        fail(request, query.removeprefix("v="))
    elif path == "/callback/block":
        say("blocking")
        time.sleep(float(query.removeprefix("v=")))
        request.respond(b"blocked")
    else:
        request.connection.set_close_callback(lambda: say("left", time.monotonic()))
        if query == "v=response":
            begin(request.connection)
            request.connection.write(b"begun")
        say("waiting")


class Delegate(httputil.HTTPServerConnectionDelegate):
    def start_request(self, server_conn, request_conn):
        return Message(request_conn)


class Message(httputil.HTTPMessageDelegate):
    def __init__(self, connection):
        self.connection = connection

    def headers_received(self, start_line, headers):
        self.path = start_line.path
        if "body" in self.path:
            say("waiting")

    def data_received(self, chunk):
        if "stuck" in self.path:  # never ready for more
            return asyncio.get_running_loop().create_future()
        return None

    def finish(self):
        if "fail" in self.path:
            fail(self, self.path.partition("v=")[2])
        if "response" in self.path:
            begin(self.connection)
            self.connection.write(b"begun")
        self.connection.set_close_callback(self.on_connection_close)
        say("waiting")

    def on_connection_close(self):
        say("left", time.monotonic())


handler = Mount({"/": coroutine, "/callback": callback, "/delegate": Delegate()})
server = HTTPServer(handler, **options.get("server", {}))
server.bind(0, "127.0.0.1", backlog=options.get("backlog", 128))
say(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def serve():
    server.start()
    say("worker None", os.getpid(), time.monotonic())
    await asyncio.Event().wait()


with asyncio.Runner(loop_factory=new_asyncio_loop) as runner:
    runner.run(serve())
