"""The threads of a WSGI handler at the end of their process, which is another than the tests'."""

import pytest

from tests.support.processes import start_python

PROGRAM = """
import asyncio, atexit, gc, socket, threading
from asynchttp.httpserver import HTTPServer
from asynchttp.wsgi import WSGIHandler

called, go_on = threading.Event(), threading.Event()

def app(environ, start_response):
    called.set()
    go_on.wait(10)
    print("complete", flush=True)
    start_response("200 OK", [])
    return []

async def ask(handler):
    server = HTTPServer(handler)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        server.add_socket(sock)
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        await asyncio.to_thread(called.wait, 10)

handler = WSGIHandler(app, threads=3)
asyncio.run(ask(handler))
"""


@pytest.mark.parametrize("collected", [False, True])
def test_end_of_the_process_waits_for_calls_that_run(collected: bool) -> None:
    # What was registered last is called first.
    end = f"{'del handler; gc.collect()' if collected else ''}\natexit.register(go_on.set)\n"
    with start_python("-c", PROGRAM + end) as process:
        assert process.wait() == 0
        assert process.stdout == "complete\n"


def test_shutdown_waits_for_calls_that_run_and_ends_the_threads() -> None:
    end = """
before = {thread for thread in threading.enumerate() if "wsgi" in thread.name}
async def end():
    ending = asyncio.ensure_future(handler.shutdown())
    await asyncio.sleep(0)
    go_on.set()
    await ending
asyncio.run(end())
print(len(before), sum(thread.is_alive() for thread in before))
"""
    with start_python("-c", PROGRAM + end) as process:
        assert process.wait() == 0
        assert process.stdout == "complete\n3 0\n"
