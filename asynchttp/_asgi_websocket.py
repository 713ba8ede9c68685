"""One WebSocket connection of an ASGI application.  ASGI WebSocket specification 2.5; RFC 6455, RFC 7692.

The protocol itself is the ``websockets`` package's, which does no I/O here.
"""

import asyncio
import importlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from asynchttp import httputil
from asynchttp._asgi_http import Message, header_pairs
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate
from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.log import app_log

__all__ = ["ASGIWebSocket", "asks_for_websocket"]

#: Octets of messages that wait for the application before reading pauses.
_HIGH_WATER: Final = 65536
#: The largest message, in octets; a larger one closes the connection with 1009.
_MAX_SIZE: Final = 16 * 1024 * 1024
#: Seconds between pings, and for the answer to one.
_PING_INTERVAL: Final = 20.0
#: Seconds for the client's side of the closing handshake.
_CLOSE_TIMEOUT: Final = 10.0

_INTERNAL_ERROR, _ABNORMAL = 1011, 1006


def asks_for_websocket(request: ServerRequest) -> bool:
    """Whether a request wants to go on as a WebSocket.  RFC 6455 §4.2.1."""
    upgrade = request.headers.get("Upgrade", "").strip().lower()
    options = [option.strip() for option in request.headers.get("Connection", "").lower().split(",")]
    return request.method == "GET" and upgrade == "websocket" and "upgrade" in options


class ASGIWebSocket(HTTPMessageDelegate):
    """A connection as an application sees it, by :meth:`receive` and :meth:`send`.

    Before ``websocket.accept`` it is an HTTP request; afterwards it is the consumer of its stream.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ServerRequest) -> None:
        self._loop = loop
        self._request = request
        # What the application hasn't received yet, and its size in octets.
        self._messages: deque[Message] = deque([{"type": "websocket.connect"}])
        self._size = 0
        self._arrival: asyncio.Future[None] | None = None
        # Since accept.
        self._stream: IOStream | None = None
        self._protocol: Any = None
        self._frames: Any = None
        self._open: Any = None
        # Of a message whose last frame hasn't come.
        self._fragments: list[bytes] = []
        self._is_text = False
        # The application has said close; it knows that the connection is over; it answers by HTTP.
        self._closing = False
        self._told_end = False
        self._denial: Message | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pinged = False

    async def run(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        """Let the application have its conversation, and close what it left open."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            if self._stream is None:
                raise  # the engine answers 500
            app_log.error("Uncaught exception in a WebSocket %s", scope["path"], exc_info=True)
            self._close(_INTERNAL_ERROR, "")
        else:
            if self._stream is not None:
                self._close(1000, "")

    # -- the application's side --------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """``websocket.connect``, then each ``websocket.receive``, then ``websocket.disconnect``."""
        while not self._messages:
            if self._told_end:
                raise RuntimeError("websocket.disconnect was received: there is nothing more to wait for")
            if self._stream is None:
                self._request.engine.set_close_callback(self._request, self.on_connection_close)
            self._arrival = self._loop.create_future()
            await self._arrival
        message = self._messages.popleft()
        if message["type"] == "websocket.disconnect":
            self._told_end = True
        elif self._size:
            self._size -= len(message.get("bytes") or message.get("text") or "")
            if self._size <= _HIGH_WATER and self._stream is not None:
                self._stream.resume_reading()
        return message

    async def send(self, message: Message) -> None:
        """Take ``websocket.accept``, ``.send``, ``.close`` or the messages of a denial response.

        Raises:
            RuntimeError: a message that can't come now.
            StreamClosedError: the client has gone; it is an :exc:`OSError`, as the specification wants.
        """
        kind = message["type"]
        if self._stream is None:
            await self._send_before_accept(kind, message)
        elif self._closing:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: websocket.close was sent")
        elif kind == "websocket.send":
            if self._protocol.state is not self._open:
                raise StreamClosedError(real_error=self._stream.error)
            text, octets = message.get("text"), message.get("bytes")
            if text is not None:
                self._protocol.send_text(text.encode())
            elif octets is not None:
                self._protocol.send_binary(octets)
            else:
                raise ValueError("websocket.send needs 'text' or 'bytes'")
            await self._transmit()
        elif kind == "websocket.close":
            self._closing = True
            self._close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected websocket.send or websocket.close")

    async def _send_before_accept(self, kind: str, message: Message) -> None:
        request = self._request
        if request.finished():
            raise RuntimeError(f"unexpected ASGI message {kind!r}: the connection was refused")
        if kind == "websocket.accept":
            await self._accept(message.get("subprotocol"), message.get("headers", ()))
        elif kind == "websocket.close":
            await request.respond(b"", 403)
            self._end(_ABNORMAL)
        elif kind == "websocket.http.response.start" and self._denial is None:
            self._denial = message
        elif kind == "websocket.http.response.body" and self._denial is not None:
            self._denial.setdefault("body", bytearray()).extend(message.get("body", b""))
            if not message.get("more_body", False):
                pairs = header_pairs(self._denial.get("headers", ()))
                fields = [pair for pair in pairs if pair[0].lower() != "content-length"]
                await request.respond(self._denial["body"], self._denial["status"], fields)
                self._end(_ABNORMAL)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected websocket.accept or websocket.close")

    # -- opening and closing -----------------------------------------------------------------------------------------

    async def _accept(self, subprotocol: str | None, headers: "Iterable[tuple[bytes, bytes]]") -> None:
        request = self._request
        try:
            self._frames = importlib.import_module("websockets.frames")
        except ModuleNotFoundError:
            text = "WebSocket needs the extra 'asgi': pip install 'asynchttpd[asgi]'"
            app_log.error("%s", text)
            await request.respond(text + "\n", 501)
            self._end(_ABNORMAL)
            return
        self._open = importlib.import_module("websockets.protocol").State.OPEN
        server = importlib.import_module("websockets.server")
        deflate = importlib.import_module("websockets.extensions.permessage_deflate")
        protocol = server.ServerProtocol(
            extensions=[deflate.ServerPerMessageDeflateFactory()],
            max_size=_MAX_SIZE,
            logger=_SILENT,
        )
        protocol.receive_data(b"GET %b HTTP/1.%b" % (request.target, request.tail.octets))
        response = protocol.accept(protocol.events_received()[0])
        for name in ("Content-Length", "Date"):  # ours to say
            if name in response.headers:
                del response.headers[name]
        if response.status_code != 101:
            await request.respond(response.body, response.status_code, list(response.headers.raw_items()))
            self._end(_ABNORMAL)
            return
        fields = httputil.HTTPHeaders()
        for name, value in [*response.headers.raw_items(), *header_pairs(headers)]:
            fields.add(name, value)
        if subprotocol is not None:
            fields["Sec-WebSocket-Protocol"] = subprotocol
        line = httputil.ResponseStartLine("HTTP/1.1", 101, "Switching Protocols")
        await request.connection.write_headers(line, fields)
        request.finish()
        protocol.send_response(response)
        protocol.data_to_send()  # the engine has said it
        self._protocol = protocol
        self._stream = request.connection.detach()
        self._stream.set_consumer(self)
        self._timer = self._loop.call_later(_PING_INTERVAL, self._ping)

    def _close(self, code: int, reason: str) -> None:
        if self._protocol.state is self._open:
            self._protocol.send_close(code, reason)
            self._flush()
            self._set_timer(_CLOSE_TIMEOUT, self._give_up)

    def _give_up(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _ping(self) -> None:
        if self._pinged:  # and no answer since
            self._protocol.fail(_INTERNAL_ERROR, "keepalive ping timeout")
            self._flush()
            self._set_timer(_CLOSE_TIMEOUT, self._give_up)
            return
        self._pinged = True
        self._protocol.send_ping(b"")
        self._flush()
        self._set_timer(_PING_INTERVAL, self._ping)

    def _set_timer(self, delay: float, function: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, function)

    def _end(self, code: int, reason: str = "") -> None:
        """The connection is over."""
        if not any(message["type"] == "websocket.disconnect" for message in self._messages):
            self._messages.append({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    # -- the stream's side -------------------------------------------------------------------------------------------

    def on_connection_close(self) -> None:
        self._end(_ABNORMAL)

    def data_received(self, data: bytes) -> None:
        self._pinged = False
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            self._frame_received(frame)
        self._flush()

    def _frame_received(self, frame: Any) -> None:
        opcode = self._frames.Opcode
        if frame.opcode in (opcode.TEXT, opcode.BINARY):
            self._is_text = frame.opcode is opcode.TEXT
            self._fragments = [frame.data]
        elif frame.opcode is opcode.CONT:
            self._fragments.append(frame.data)
        else:  # the protocol has answered ping and close itself
            return
        if not frame.fin:
            return
        octets = b"".join(self._fragments)
        self._fragments = []
        message: Message = {"type": "websocket.receive"}
        try:
            message["text" if self._is_text else "bytes"] = octets.decode() if self._is_text else octets
        except UnicodeDecodeError:
            self._protocol.fail(1007, "invalid UTF-8")
            return
        self._messages.append(message)
        self._size += len(message.get("bytes") or message.get("text") or "")
        if self._size > _HIGH_WATER and self._stream is not None:
            self._stream.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        protocol = self._protocol
        if protocol.state is self._open:
            protocol.receive_eof()
        self._end(protocol.close_code or _ABNORMAL, protocol.close_reason or "")

    def pause_writing(self) -> None:
        """``send`` waits by itself."""

    def resume_writing(self) -> None:
        """``send`` waits by itself."""

    async def _transmit(self) -> None:
        done = self._flush()
        if done is not None and not done.done():
            await done

    def _flush(self) -> "asyncio.Future[None] | None":
        """Write what the protocol has to say; its last word ends the connection."""
        stream = self._stream
        done = None
        if stream is None or stream.closed():
            return None
        for data in self._protocol.data_to_send():
            if data:
                done = stream.write(data)
            elif done is None:
                stream.close()
            else:
                done.add_done_callback(lambda _: stream.close())
        return done


class _Silent:
    """The logger of the protocol: what matters is logged here."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def debug(self, *args: Any, **kwargs: Any) -> None: ...

    info = warning = error = debug


_SILENT: Final = _Silent()
