"""An application for the command line, in which handlers of every style are side by side."""

import asyncio
import os

from asynchttp.asgi import ASGIHandler
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler


async def coroutine(request):
    if request.path == "/sleep":
        print("sleeping", flush=True)
        await asyncio.sleep(0.2)
    return str(os.getpid())


def callback(request):
    request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw")
    request.finish()


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"asgi", "more_body": number < 2})


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"wsgi"


application = Mount(
    {"/": coroutine, "/callback": callback, "/asgi": ASGIHandler(asgi, lifespan="on"), "/wsgi": WSGIHandler(wsgi)}
)
