"""Tornado 6: an HTTP server without a framework, under asyncio.run, that ends by SIGTERM."""

import asyncio
import signal
import sys

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, ResponseStartLine

tasks = set()


async def answer(request):
    await asyncio.sleep(0.005)
    body = f"{request.method} {request.path} {request.query_arguments}\n".encode()
    headers = HTTPHeaders({"Content-Type": "text/plain", "Content-Length": str(len(body))})
    await request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
    request.connection.finish()


def handle(request):
    task = asyncio.create_task(answer(request))
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    server = HTTPServer(handle, idle_connection_timeout=10)
    server.listen(int(sys.argv[1]), address="127.0.0.1")
    print(f"listening on http://127.0.0.1:{sys.argv[1]}", flush=True)
    await over.wait()
    server.stop()
    await server.close_all_connections()


if __name__ == "__main__":
    asyncio.run(main())
