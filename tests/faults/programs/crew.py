"""A server of several processes whose handler does what the path says.

``python crew.py '{"workers": 2, "start": {…}, "server": {…}, "loop": "ioloop"}'``

"loop" is who runs the loop: ``ioloop`` or ``asyncio``. "gate": a file; workers wait until there is one. "fork":
"before" forks with ``fork_processes`` before there is a server. "workers": 0 is one process that shuts itself down
at SIGTERM. "log": a file for the log. "descriptors": how many there may be.
"""

import asyncio
import hashlib
import json
import logging
import os
import resource
import signal
import sys
import time
import urllib.parse

from asynchttp import netutil, process
from asynchttp._worker import Recycling
from asynchttp.httpserver import HTTPServer
from asynchttp.ioloop import IOLoop

options = json.loads(sys.argv[1])
workers = options.get("workers", 2)
if "descriptors" in options:
    resource.setrlimit(resource.RLIMIT_NOFILE, (options["descriptors"],) * 2)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def handle(request):
    path, _, query = request.uri.partition("?")
    value = dict(urllib.parse.parse_qsl(query)).get("v", "")
    if path == "/pid":
        return f"{process.task_id()} {os.getpid()}"
    if path == "/sleep":
        say("sleeping")
        await asyncio.sleep(float(value))
        return "slept"
    if path == "/sha":
        return hashlib.sha256(request.body).hexdigest()
    if path == "/check":
        # A token, the digest of the body, and so many octets more: whoever gets this knows whose answer it is.
        token, _, size = value.partition(".")
        return f"{token} {hashlib.sha256(request.body).hexdigest()} ".encode() + b"x" * int(size)
    if path == "/size":
        return b"x" * int(value)
    if path == "/endless":
        # Until the server says that it ends.
        connection = request.connection
        connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), httputil.HTTPHeaders())
        number = 0
        while not connection.draining.is_set():
            await connection.write(b"%d\n" % number)
            number += 1
            try:
                async with asyncio.timeout(0.05):
                    await connection.draining.wait()
            except TimeoutError:
                pass
        await connection.write(b"bye\n")
        connection.finish()
        return None
    if path == "/ready":
        request.respond(b"", 200 if server.ready else 503)
        return None
    if path == "/raw":
        await request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw")
        request.finish()
        return None
    if path == "/block":
        say("blocking")
        time.sleep(float(value))  # noqa: ASYNC251 - the fault
    elif path == "/exit":
        os._exit(int(value))
    elif path == "/log":
        logging.getLogger("test").warning("logged by %d", os.getpid())
    return "done"


def make_server():
    return HTTPServer(handle, **options.get("server", {}))


def tell():
    say("worker", process.task_id(), os.getpid(), time.monotonic())


if options.get("log"):
    logging.basicConfig(filename=options["log"])
elif options.get("info"):
    logging.basicConfig(level=logging.INFO)

from asynchttp import httputil  # noqa: E402

arguments = options.get("start", {})
if "recycling" in arguments:
    arguments["recycling"] = Recycling(**arguments["recycling"])
if options.get("fork") == "before":
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    say(f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}")
    process.fork_processes(workers, options.get("max_restarts"))
    if options.get("crash"):
        sys.exit(options["crash"])
    server = make_server()
    server.add_sockets(sockets)
else:
    server = make_server()
    server.bind(0, "127.0.0.1", backlog=options.get("backlog", 128))
    say(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    if workers:
        server.start(workers, **arguments)
        if options.get("crash"):
            say("life", time.monotonic())
            sys.exit(options["crash"])


if options.get("gate"):
    say("gated", os.getpid())
    while not os.path.exists(options["gate"]):
        time.sleep(0.01)


async def serve():
    """One process, or a loop that isn't ours to stop."""
    tell()
    if workers:
        await asyncio.Event().wait()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server.start()
    await stop.wait()
    await server.shutdown(options.get("timeout", 30), delay=options.get("delay", 0))


if workers == 0 or options.get("loop") == "asyncio":
    with asyncio.Runner(loop_factory=lambda: IOLoop.current().asyncio_loop) as runner:
        runner.run(serve())
else:
    IOLoop.current().add_callback(tell)
    IOLoop.current().start()
say("end", process.task_id(), os.getpid())
