"""The other way round: an application of Tornado, or any delegate, as an ASGI application.

How this works
==============

*HTTP.*  The delegate answers by plain calls, in their order, and ASGI's ``send`` has to be awaited: so the messages
queue, and one task sends them. What a delegate is given for a write is done when its message was sent: a handler that
awaits its flushes goes no faster than the client reads.

*WebSocket.*  Tornado's handlers speak RFC 6455 themselves, on the stream that they take from the connection. They get
one end of a pair of sockets; on the other a client of the ``websockets`` package, without I/O of its own, turns frames
into ASGI's messages and back. Compression is the server's.
"""

import asyncio
import importlib
import inspect
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from asynchttp import _dispatch, httputil
from asynchttp._asgi_http import Message
from asynchttp._interfaces import HTTPConnection, tell_closed
from asynchttp._tornado import in_our_terms, meet_tornado
from asynchttp.httputil import HTTPInputError
from asynchttp.iostream import IOStream, StreamClosedError

__all__ = ["TornadoASGI"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Fields of a WebSocket's handshake: the server has seen to them.
_HANDSHAKE: Final = frozenset(
    (
        "connection",
        "upgrade",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
    )
)
#: Fields that the server writes, too.
_OF_THE_SERVER: Final = frozenset(("date", "server"))


class TornadoASGI:
    """An ASGI application that is a :class:`tornado.web.Application`, for servers like uvicorn.

    Args:
        delegate: the application, or anything else with ``start_request``.

    WebSocket handlers need the extra ``asgi``.
    """

    def __init__(self, delegate: Any) -> None:
        if not _dispatch.is_delegate(delegate):
            raise TypeError(f"not an HTTPServerConnectionDelegate: {delegate!r}")
        self._delegate = delegate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        if scope["type"] not in ("http", "websocket"):
            raise ValueError(f"unknown ASGI scope: {scope['type']!r}")
        connection = _Connection(scope, receive, send)
        sending = asyncio.ensure_future(connection.send_queued())
        try:
            await self._converse(connection, scope, receive)
        finally:
            connection.close()
            await sending
            self._delegate.on_close(connection)
        if connection.bridge is not None:
            await connection.bridge

    async def _converse(self, connection: "_Connection", scope: Scope, receive: Receive) -> None:
        headers = _headers(scope)
        target = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        line = meet_tornado()(scope.get("method", "GET"), target, f"HTTP/{scope.get('http_version', '1.1')}")
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
        message = self._delegate.start_request(connection, connection)
        try:
            await _awaited(message.headers_received(line, headers))
            more = scope["type"] == "http"
            while more and not connection.finished():
                event = await receive()
                if event["type"] == "http.disconnect":
                    connection.close()
                    tell_closed(message)
                    return
                if event.get("body"):
                    await _awaited(message.data_received(event["body"]))
                more = event.get("more_body", False)
            if not connection.finished():
                message.finish()
        except Exception as error:
            refused = in_our_terms(error)
            if not isinstance(refused, HTTPInputError):
                raise
            connection.refuse(refused)
        await connection.over()


class _Context:
    """What the request is told of its peer."""

    def __init__(self, scope: Scope) -> None:
        client = scope.get("client")
        self.address = tuple(client) if client else None
        self.address_family = socket.AF_INET if client else None
        self.remote_ip = client[0] if client else "0.0.0.0"
        self.protocol = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "http"), scope.get("scheme", "http"))


class _Connection(HTTPConnection):
    """``request.connection``: queues the messages of one response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.context = _Context(scope)
        self.no_keep_alive = False
        #: runs a WebSocket, once it is detached
        self.bridge: asyncio.Task[None] | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._queue: deque[tuple[Message, asyncio.Future[None]]] = deque()
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._close_callback: Callable[[], Any] | None = None
        self._finished = False
        self._accepted = False
        #: everything was sent, or nobody is there any more
        self.done: asyncio.Future[None] = self._loop.create_future()

    # -- the delegate's side -------------------------------------------------------------------------------------------

    def write_headers(self, start_line: Any, headers: Any, chunk: bytes | None = None) -> "asyncio.Future[None]":
        pairs = [(name.lower(), value) for name, value in headers.get_all() if name.lower() not in _OF_THE_SERVER]
        if start_line.code == 101 and self._scope["type"] == "websocket":
            self._accepted = True
            protocols = [value for name, value in pairs if name == "sec-websocket-protocol"]
            accept = {
                "type": "websocket.accept",
                "subprotocol": protocols[0] if protocols else None,
                "headers": _octets([pair for pair in pairs if pair[0] not in _HANDSHAKE]),
            }
            return self._put(accept)
        done = self._put({"type": "http.response.start", "status": start_line.code, "headers": _octets(pairs)})
        return self.write(chunk) if chunk else done

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        return self._put({"type": "http.response.body", "body": bytes(chunk), "more_body": True})

    def finish(self) -> None:
        if not self._accepted:
            self._put({"type": "http.response.body", "body": b"", "more_body": False})
        self._finished = True
        self._event.set()

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        self._close_callback = callback

    def detach(self) -> IOStream:
        """The stream of a WebSocket that was accepted.

        Raises: :exc:`RuntimeError` for any other: ASGI gives an application no connection.
        """
        if not self._accepted:
            raise RuntimeError("an ASGI application has no connection of its own that could be detached")
        mine, other = socket.socketpair()
        self.bridge = asyncio.ensure_future(_bridge(self, other, self._receive, self._send))
        return IOStream(mine)

    # -- the server's side ---------------------------------------------------------------------------------------------

    def finished(self) -> bool:
        return self._finished

    def refuse(self, error: HTTPInputError) -> None:
        """Answer for a delegate that takes the request for malformed."""
        start = httputil.ResponseStartLine("HTTP/1.1", error.status, "")
        self.write_headers(start, httputil.HTTPHeaders({"Content-Type": "text/plain"}), error.public.encode() + b"\n")
        self.finish()

    def _put(self, message: Message) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        if self.done.done():
            _fail(future)
        else:
            self._queue.append((message, future))
            self._event.set()
        return future

    async def send_queued(self) -> None:
        """Send what is queued, until all of the response is sent or nobody is there any more."""
        while not self.done.done():
            self._event.clear()
            while self._queue and not self.done.done():
                message, future = self._queue.popleft()
                try:
                    await self._send_one(message)
                except OSError:
                    _fail(future)
                    self.close()
                else:
                    _resolve(future)
            if self._finished:
                _resolve(self.done)
            else:
                await self._event.wait()

    async def _send_one(self, message: Message) -> None:
        if self._scope["type"] == "websocket" and message["type"].startswith("http."):
            if "websocket.http.response" in (self._scope.get("extensions") or {}):
                message = {**message, "type": f"websocket.{message['type']}"}
            elif message["type"] == "http.response.start":
                message = {"type": "websocket.close"}
            else:
                return
        await self._send(message)

    async def over(self) -> None:
        """Wait until the response is sent, or the client has gone."""
        if self._scope["type"] == "http":
            gone = asyncio.ensure_future(self._watch())
            gone.add_done_callback(lambda _: self.close())
            await self.done
            gone.cancel()
            await asyncio.wait([gone])
        else:
            await self.done

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def close(self) -> None:
        """Nothing more is sent; a delegate that isn't done is told."""
        if self.done.done():
            return
        self.done.set_result(None)
        self._event.set()
        while self._queue:
            _fail(self._queue.popleft()[1])
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            callback()


async def _bridge(connection: _Connection, other: socket.socket, receive: Receive, send: Send) -> None:
    """Pass the messages of a WebSocket on, in both directions, until one side has closed."""
    protocols = importlib.import_module("websockets.protocol")
    protocol = protocols.Protocol(protocols.CLIENT, max_size=None)
    reader, writer = await asyncio.open_connection(sock=other)
    await connection.done  # websocket.accept was sent
    to_handler = asyncio.ensure_future(_to_handler(protocol, writer, receive))
    try:
        await _to_client(protocol, reader, writer, send)
    except OSError:  # the client has gone
        pass
    finally:
        to_handler.cancel()
        await asyncio.wait([to_handler])
        writer.close()


async def _to_handler(protocol: Any, writer: asyncio.StreamWriter, receive: Receive) -> None:
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            break
        if event.get("text") is not None:
            protocol.send_text(event["text"].encode())
        else:
            protocol.send_binary(event["bytes"])
        writer.write(b"".join(protocol.data_to_send()))
        await writer.drain()
    code = event.get("code") or 1005
    if code in (1005, 1006):  # without a close frame: RFC 6455 §7.4.1
        writer.close()
    else:
        protocol.send_close(code, event.get("reason") or "")
        writer.write(b"".join(protocol.data_to_send()))


async def _to_client(protocol: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, send: Send) -> None:
    opcodes = importlib.import_module("websockets.frames").Opcode
    pieces = bytearray()
    is_text = False
    while data := await reader.read(65536):
        protocol.receive_data(data)
        for frame in protocol.events_received():
            if frame.opcode in (opcodes.TEXT, opcodes.BINARY, opcodes.CONT):
                is_text = frame.opcode is opcodes.TEXT or (is_text and frame.opcode is opcodes.CONT)
                pieces += frame.data
                if frame.fin:
                    body: dict[str, Any] = {"text": pieces.decode()} if is_text else {"bytes": bytes(pieces)}
                    pieces = bytearray()
                    await send({"type": "websocket.send", **body})
            elif frame.opcode is opcodes.CLOSE:
                code = protocol.close_rcvd.code
                reason = protocol.close_rcvd.reason
                await send({"type": "websocket.close", "code": 1000 if code == 1005 else code, "reason": reason})
        writer.write(b"".join(protocol.data_to_send()))
        if protocol.close_rcvd is not None:
            return
    await send({"type": "websocket.close", "code": 1011})


def _headers(scope: Scope) -> httputil.HTTPHeaders:
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    if scope["type"] == "websocket":
        pairs = [pair for pair in pairs if pair[0].lower() not in _HANDSHAKE]
        pairs += [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        pairs += [("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]
        if scope.get("subprotocols"):
            pairs.append(("Sec-WebSocket-Protocol", ", ".join(scope["subprotocols"])))
    return httputil.HTTPHeaders._of_checked(pairs)


def _octets(pairs: "list[tuple[str, str]]") -> "list[tuple[bytes, bytes]]":
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


async def _awaited(result: Any) -> None:
    if result is not None and inspect.isawaitable(result):
        await result


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_exception(StreamClosedError())
        future.exception()  # nobody has to look
