"""Await handlers: one that waits for something, one that returns its body.

    python -m examples.hello_await [port]
    python -m asynchttp examples.hello_await:tiny

The first line runs ``main``, the second serves a handler by its name.
"""

import asyncio
import pathlib
import sys

from asynchttp.httpserver import HTTPServer


async def handle(request):
    """Answer with the source of this file.  Files block, so a thread reads it while the loop goes on."""
    source = await asyncio.to_thread(pathlib.Path(__file__).read_bytes)
    request.respond(source, headers=[("Content-Type", "text/x-python; charset=utf-8")])


async def tiny(request):
    """What is returned becomes the body."""
    return b"Hello, world!\n"


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
