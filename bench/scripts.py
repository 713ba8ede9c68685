"""Fixed scripts of requests, played inside one process to the real servers: no kernel in between, so nothing varies.

``python -m bench.scripts REQUESTS NAME…`` plays some of them, for a program that counts: see ``instructions.py``.

How this works
==============
The loop makes its transports in memory (:class:`MemoryLoop`), and its time stands still. All else is the product:
``HTTPServer``, ``TCPServer`` and ``IOStream`` run as they are. :class:`Player` is the client: it delivers the octets of
one request, lets the loop turn until the answer was written, and delivers the next.

Where the answer is there at once the loop isn't asked to turn: what is to be counted is what the server does for a
request, not what a loop does to find it. ``raw`` shows what the client and its transport cost themselves.

WSGI applications run in the loop's thread: when another thread would get its turn is the kernel's choice, and varies.
So ``wsgi`` is all of it but the way to a thread and back.
"""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from asynchttp.httpserver import AccessLog, HTTPServer
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, StreamClosedError
from bench.http_scenarios import ROWS
from bench.servers._site import BODY
from bench.servers.asynchttp_http import HELLO, callback, coroutine, coroutine_bytes, respond

_REQUEST: Final = ROWS["hello"].request
_BROWSER: Final = ROWS["browser"].request
_LINE: Final = b"x" * 1023 + b"\n"
_PEER: Final = ("127.0.0.1", 50000)

#: The access log's own: nobody else finds it, and adds a handler.
LOG: Final = logging.Logger("bench", logging.INFO)
LOG.propagate = False


class MemoryTransport(asyncio.Transport):
    """Takes all that is written at once, as a socket does that has room."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.written = b""

    def write(self, data: Any) -> None:
        self.written = data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self.protocol.connection_lost(None)


class MemoryLoop(asyncio.BaseEventLoop):
    """A loop of asyncio without descriptors, whose time stands still: no timer ever comes.

    A turn costs next to nothing, as uvloop's does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.transport: Any = None

    def time(self) -> float:
        return 1000.0

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined] # BaseEventLoop's
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _write_to_self(self) -> None:
        """``call_soon_threadsafe`` would wake a loop that waits; this one never does."""

    async def connect_accepted_socket(  # type: ignore[override] # no more than what IOStream calls
        self, factory: Any, sock: Any, **options: Any
    ) -> Any:
        """What ``IOStream`` asks for."""
        protocol = factory()
        self.transport = MemoryTransport(protocol)
        protocol.connection_made(self.transport)
        return self.transport, protocol


class Player:
    """One connection to a server, made by ``start``, on which :meth:`play` sends the same request again and again."""

    def __init__(
        self, start: Callable[["Player"], object], request: bytes, answer: bytes, loop: MemoryLoop | None = None
    ) -> None:
        self.request = request
        self.loop = loop or MemoryLoop()
        self.io_loop = IOLoop(asyncio_loop=self.loop)
        #: what ends with the connection
        self.resources = contextlib.ExitStack()
        self._socks = [self.resources.enter_context(sock) for sock in socket.socketpair()]
        self._left = 0
        # Kept: some servers close when collected.
        self._server = start(self)
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        while self.loop.transport is None:
            self.loop.run_until_complete(asyncio.sleep(0))
        self.transport = self.loop.transport
        self.play(1)
        if not self.transport.written.startswith(answer[:15]) or not self.transport.written.endswith(answer[-13:]):
            raise AssertionError(f"{self.transport.written!r}, not {answer!r}")

    def stream(self) -> IOStream:
        """The server's end."""
        return IOStream(self._socks[0], io_loop=self.io_loop)

    def play(self, requests: int) -> None:
        """Send so many requests, each when the answer to the one before was written."""
        self._left = requests
        self.transport.written = b"-"
        self.loop.call_soon(self._turn)
        self.loop.run_forever()

    def _turn(self) -> None:
        transport, request, left = self.transport, self.request, self._left
        while transport.written:
            if not left:
                self.loop.stop()
                return
            left -= 1
            transport.written = b""
            transport.protocol.data_received(request)
        self._left = left
        self.loop.call_soon(self._turn)

    def close(self) -> None:
        """End the connection, the server and the loop."""
        self.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.io_loop.close()
        self.resources.close()


class _Raw(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(HELLO)


class _Naive(_Raw):
    """A server of a dozen lines: what Python takes to split a head. The yardstick for builds of the interpreter."""

    def data_received(self, data: bytes) -> None:
        head, _, self._rest = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        self._method, self._target, self._version = line.split(" ")
        headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        self._length = int(headers.get("content-length", "0"))
        body = bytes(BODY)
        answer = f"{self._version} 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(answer.encode("latin-1") + body)


def _bare(protocol: Callable[[], _Raw]) -> Callable[[Player], object]:
    def start(player: Player) -> object:
        return player.loop.create_task(player.loop.connect_accepted_socket(protocol, None))

    return start


def _http(handler: Any, **options: Any) -> Callable[[Player], object]:
    def start(player: Player) -> HTTPServer:
        server = HTTPServer(handler, io_loop=player.io_loop, **options)
        server.add_sockets([])
        server.handle_stream(player.stream(), _PEER)
        return server

    return start


def _logged(player: Player) -> object:
    from asynchttp._loghandlers import AccessStreamHandler  # not all commits that one may compare with have it

    nowhere = player.resources.enter_context(open(os.devnull, "w"))  # noqa: SIM115 (closed by close())
    handler = AccessStreamHandler(nowhere)
    LOG.addHandler(handler)
    player.resources.callback(handler.close)
    player.resources.callback(handler.flush)
    player.resources.callback(LOG.removeHandler, handler)
    return _http(respond, observers=[AccessLog("combined", LOG)])(player)


def _application(player: Player) -> object:
    from bench.servers._application import application  # needs Tornado

    return _http(application(access_log=False))(player)


def _asgi(player: Player) -> object:
    from asynchttp.asgi import ASGIHandler
    from bench.servers._asgi import hello

    return _http(ASGIHandler(hello, lifespan="off"))(player)


def _starlette(player: Player) -> object:
    from asynchttp.asgi import ASGIHandler
    from bench.servers._starlette import app  # needs Starlette

    return _http(ASGIHandler(app, lifespan="off"))(player)


class _NoThreads:
    def start(self, call: Any) -> None:
        call.run()


def _wsgi_hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", str(len(BODY)))])
    return [BODY]


def _wsgi(player: Player) -> object:
    from asynchttp.wsgi import WSGIHandler

    handler = WSGIHandler(_wsgi_hello)
    handler._pool = _NoThreads()  # type: ignore[assignment]
    return _http(handler)(player)


async def _echo_lines(stream: IOStream) -> None:
    try:
        while True:
            await stream.write(await stream.read_until(b"\n"))
    except StreamClosedError:
        pass


def _echo(player: Player) -> object:
    return player.loop.create_task(_echo_lines(player.stream()))


def _echo_callback(player: Player) -> object:
    stream: Any = player.stream()

    def on_line(line: bytes) -> None:
        stream.write(line)
        stream.read_until(b"\n", on_line)

    stream.read_until(b"\n", on_line)
    return stream


_ENDS: Final = b"HTTP/1.1 200 OK\r\n\r\nHello, world!"

#: By name: what starts the server, what is sent, what comes back.
SCRIPTS: Final[dict[str, tuple[Callable[[Player], object], bytes, bytes]]] = {
    "raw": (_bare(_Raw), _REQUEST, _ENDS),
    "naive": (_bare(_Naive), _BROWSER, _ENDS),
    "callback": (_http(callback), _REQUEST, _ENDS),
    "callback-14": (_http(callback), _BROWSER, _ENDS),
    "respond": (_http(respond), _REQUEST, _ENDS),
    "respond-log": (_logged, _REQUEST, _ENDS),
    "await": (_http(coroutine), _REQUEST, _ENDS),
    "await-bytes": (_http(coroutine_bytes), _REQUEST, _ENDS),
    "application": (_application, _REQUEST, _ENDS),
    "asgi": (_asgi, _REQUEST, _ENDS),
    "starlette": (_starlette, _REQUEST, _ENDS),
    "wsgi": (_wsgi, _REQUEST, _ENDS),
    "echo": (_echo, _LINE, _LINE),
    "echo-callback": (_echo_callback, _LINE, _LINE),
}


def player(name: str, loop: MemoryLoop | None = None) -> Player:
    """A connection on which the script of that name can be played; ``loop``: a new one of that kind."""
    return Player(*SCRIPTS[name], loop)


def _main(requests: int, names: list[str]) -> None:
    """Play each script. A call of ``getppid``, which nobody else makes, marks both ends of what counts."""
    for name in names:
        played = player(name)
        for _ in range(25):  # one long loop wouldn't do: calls have the interpreter specialise its bytecode, too
            played.play(20)
        gc.collect()
        os.getppid()
        played.play(requests)
        os.getppid()
        played.close()


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
