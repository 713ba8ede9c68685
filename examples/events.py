"""Server-sent events: a page with the server's clock, and how many watch it.

python -m examples.events [port]        then open http://localhost:8888/, or:  curl -N localhost:8888/events
"""

import asyncio
import json
import pathlib
import sys
import time

from asynchttp.httpserver import HTTPServer
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from asynchttp.iostream import StreamClosedError

PAGE = pathlib.Path(__file__).with_suffix(".html")

watching = set()


async def handle(request):
    if request.path == "/events":
        await watch(request)
    elif request.path == "/":
        request.respond(PAGE.read_bytes(), headers=[("Content-Type", "text/html; charset=utf-8")])
    else:
        request.respond("no such page\n", 404)


async def watch(request):
    gone = asyncio.Event()
    request.connection.set_close_callback(gone.set)
    fields = HTTPHeaders({"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), fields)
    watching.add(request)
    print(f"{len(watching)} watching", flush=True)
    try:
        while not gone.is_set():
            event = {"time": time.strftime("%H:%M:%S"), "watching": len(watching)}
            # Waits while the browser doesn't read.
            await request.write(f"data: {json.dumps(event)}\n\n")
            await wait(gone, 1)
        request.finish()
    except StreamClosedError:
        pass
    finally:
        watching.discard(request)
        print(f"{len(watching)} watching", flush=True)


async def wait(event, seconds):
    """Sleep, but not when ``event`` happens."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


async def main(port):
    server = HTTPServer(handle)
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
