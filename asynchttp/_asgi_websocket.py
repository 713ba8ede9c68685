"""One WebSocket connection of an ASGI application.  ASGI WebSocket specification 2.5; RFC 6455, RFC 7692.

The protocol itself is the ``websockets`` package's, which does no I/O here.

How this works
==============

::

    stream ─► data_received ─► _input ─► protocol ─► _messages ─► receive()        send() ─► protocol ─► stream

*Bounds.*  Octets go to the protocol in small slices, and only while few messages wait for the application: what a slice
holds can grow a thousandfold when it is decompressed. What is left waits in ``_input``, and reading pauses. It pauses,
too, while the client doesn't take what is written, for each of its pings is answered.

*The end.*  The application learns of it when the client says close, when the client breaks the rules, or when the
connection is lost, whatever comes first. After a close frame of both sides the stream is closed; otherwise it is
half-closed and what comes is dropped for a while, so that no reset overtakes our close frame (RFC 6455 §7.1.1).
"""

import asyncio
import importlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from asynchttp import httputil
from asynchttp._asgi_http import ASGIRequest, Message, headers_of
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate
from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.log import app_log

__all__ = ["ASGIWebSocket", "asks_for_websocket", "websockets_installed"]

#: Octets of messages that wait for the application before reading pauses; what keeping one costs is added to each.
_HIGH_WATER: Final = 65536
_MESSAGE_COST: Final = 256
#: Octets that the protocol gets at a time.
_SLICE_SIZE: Final = 8192
#: The largest message, in octets; a larger one closes the connection with 1009.
_MAX_SIZE: Final = 16 * 1024 * 1024
#: Seconds between pings, and for the answer to one.
_PING_INTERVAL: Final = 20.0
#: Seconds for the client's side of the closing handshake.
_CLOSE_TIMEOUT: Final = 10.0
#: Of the answer that opens a WebSocket: the protocol's to write.
_HANDSHAKE_FIELDS: Final = frozenset(("connection", "upgrade", "sec-websocket-accept", "sec-websocket-extensions"))

_NORMAL, _ABNORMAL, _INVALID_DATA, _INTERNAL_ERROR, _SERVICE_RESTART = 1000, 1006, 1007, 1011, 1012


def asks_for_websocket(request: ServerRequest) -> bool:
    """Whether a request wants to go on as a WebSocket.  RFC 6455 §4.2.1."""
    upgrade = request.headers.get("Upgrade", "").strip().lower()
    options = [option.strip() for option in request.headers.get("Connection", "").lower().split(",")]
    return (
        request.method == "GET"
        and upgrade == "websocket"
        and "upgrade" in options
        and bool(request.tail.minor)
        and not request.tail.body_length
    )


def websockets_installed() -> bool:
    """Whether the extra ``asgi`` is there; if so it is imported from now on."""
    try:
        importlib.import_module("websockets.server")
        importlib.import_module("websockets.extensions.permessage_deflate")
    except ModuleNotFoundError:
        return False
    return True


class ASGIWebSocket(HTTPMessageDelegate):
    """A connection as an application sees it, by :meth:`receive` and :meth:`send`.

    Before ``websocket.accept`` it is an HTTP request; afterwards it is the consumer of its stream.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ServerRequest) -> None:
        self._loop = loop
        self._request = request
        self._frames = importlib.import_module("websockets.frames")
        self._open = importlib.import_module("websockets.protocol").State.OPEN
        deflate = importlib.import_module("websockets.extensions.permessage_deflate")
        self._protocol = importlib.import_module("websockets.server").ServerProtocol(
            extensions=[deflate.ServerPerMessageDeflateFactory()], max_size=_MAX_SIZE, logger=_SILENT
        )
        # What the application hasn't received yet, and its size in octets.
        self._messages: deque[tuple[Message, int]] = deque([({"type": "websocket.connect"}, 0)])
        self._size = 0
        self._event = asyncio.Event()
        # Since accept.
        self._stream: IOStream | None = None
        # What the protocol hasn't got yet.
        self._input = bytearray()
        self._eof = False
        self._lost = False
        self._stalled = False
        # Of a message whose last frame hasn't come.
        self._fragments = bytearray()
        self._is_text = False
        # The application has said close; the end is among the messages; the application knows of it.
        self._closing = False
        self._ended = False
        self._told_end = False
        # The application has returned: messages are dropped.
        self._over = False
        # The server ends: what is accepted now is closed at once.
        self._restarting = False
        self._denial: ASGIRequest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pinged = False
        self._response: Any = None

    def shake_hands(self) -> bool:
        """Whether the client's handshake is right; it gets the answer if it isn't.  RFC 6455 §4.2.2."""
        http11 = importlib.import_module("websockets.http11")
        request = self._request
        headers = importlib.import_module("websockets.datastructures").Headers(request.headers.get_all())
        # Its parser has to get beyond a request; the real one, which may be larger than it likes, is parsed already.
        self._protocol.receive_data(b"GET / HTTP/1.1\r\n\r\n")
        self._protocol.events_received()
        response = self._response = self._protocol.accept(http11.Request(request.uri, headers))
        for name in ("Content-Length", "Date"):  # ours to say
            if name in response.headers:
                del response.headers[name]
        if response.status_code == 101:
            return True
        request.respond(response.body or b"", response.status_code, list(response.headers.raw_items()))
        return False

    async def run(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        """Let the application have its conversation, and close what it left open."""
        code = _SERVICE_RESTART
        try:
            await app(scope, self.receive, self.send)
            code = _NORMAL
        except Exception as error:
            if self._stream is None:
                raise  # the engine answers 500
            if not isinstance(error, StreamClosedError):
                app_log.error("Uncaught exception in a WebSocket %s", scope["path"], exc_info=True)
            code = _INTERNAL_ERROR
        finally:
            self._close(code, "")
            self._over = True
            # What waits is in the way of the client's close frame. A task that the application left behind may want
            # to know of the end.
            self._messages = deque(each for each in self._messages if not each[1])
            self._size = 0
            self._go_on()

    # -- the application's side --------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """``websocket.connect``, then each ``websocket.receive``, then ``websocket.disconnect``."""
        while not self._messages:
            if self._told_end:
                raise RuntimeError("websocket.disconnect was received: there is nothing more to wait for")
            if self._stream is None:
                self._request.engine.set_close_callback(self._request, self.on_connection_close)
            self._event.clear()
            await self._event.wait()
        message, size = self._messages.popleft()
        if message["type"] == "websocket.disconnect":
            self._told_end = self._request.told_of_end = True
        elif size:
            self._size -= size
            if self._size <= _HIGH_WATER:
                self._go_on()
        return message

    async def send(self, message: Message) -> None:
        """Take ``websocket.accept``, ``.send``, ``.close`` or the messages of a denial response.

        Raises:
            RuntimeError: a message that can't come now.
            StreamClosedError: the client has gone; it is an :exc:`OSError`, as the specification wants.
            TypeError, ValueError: a message that can't be sent.
        """
        kind = str(message.get("type"))
        if self._stream is None:
            await self._send_before_accept(kind, message)
        elif self._closing:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: websocket.close was sent")
        elif kind == "websocket.send":
            text, octets = message.get("text"), message.get("bytes")
            if text is None and octets is None:
                raise ValueError("websocket.send needs 'text' or 'bytes'")
            if not isinstance(text, str | None) or not isinstance(octets, bytes | bytearray | memoryview | None):
                raise TypeError("'text' of websocket.send must be a str, 'bytes' octets")
            if self._protocol.state is not self._open or self._stream.closed():
                raise StreamClosedError(real_error=self._stream.error)
            if text is not None:
                self._protocol.send_text(text.encode())
            else:
                self._protocol.send_binary(octets)
            await self._transmit()
        elif kind == "websocket.close":
            code, reason = message.get("code", _NORMAL), message.get("reason") or ""
            self._close(code, reason)
            self._closing = True
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected websocket.send or websocket.close")

    async def _send_before_accept(self, kind: str, message: Message) -> None:
        request = self._request
        if kind.startswith("websocket.http.response."):
            if self._denial is None:
                self._denial = ASGIRequest(self._loop, request)
            await self._denial.send({**message, "type": kind.removeprefix("websocket.")})
            if request.finished():
                self._end(_ABNORMAL)
        elif request.finished():
            raise RuntimeError(f"unexpected ASGI message {kind!r}: the connection was refused")
        elif self._denial is not None:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected websocket.http.response.body")
        elif kind == "websocket.accept":
            await self._accept(message)
        elif kind == "websocket.close":
            await request.respond(b"", 403)
            self._end(_ABNORMAL)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected websocket.accept or websocket.close")

    # -- opening and closing -----------------------------------------------------------------------------------------

    async def _accept(self, message: Message) -> None:
        request = self._request
        own = list(headers_of(message.get("headers", ())).get_all())
        for name, _ in own:
            if name.lower() in _HANDSHAKE_FIELDS:
                raise ValueError(f"websocket.accept can't set {name}, which is the handshake's own")
        fields = httputil.HTTPHeaders._of_checked([*self._response.headers.raw_items(), *own])
        subprotocol = message.get("subprotocol")
        if subprotocol is not None:
            fields["Sec-WebSocket-Protocol"] = subprotocol
        line = httputil.ResponseStartLine("HTTP/1.1", 101, "Switching Protocols")
        await request.connection.write_headers(line, fields)
        request.finish()
        self._protocol.send_response(self._response)
        self._protocol.data_to_send()  # the engine has said it
        self._stream = request.connection.detach()
        self._timer = self._loop.call_later(_PING_INTERVAL, self._ping)
        self._stream.set_consumer(self)
        if self._restarting:
            self._close(_SERVICE_RESTART, "")

    def restart_service(self) -> None:
        """The server ends."""
        self._restarting = True
        self._close(_SERVICE_RESTART, "")

    def _close(self, code: int, reason: str) -> None:
        if self._stream is not None and self._protocol.state is self._open:
            self._protocol.send_close(code, reason)
            self._transmit_closing()

    def _fail(self, code: int, reason: str) -> None:
        self._protocol.fail(code, reason)
        self._transmit_closing()

    def _transmit_closing(self) -> None:
        self._set_timer(_CLOSE_TIMEOUT, self._give_up)
        self._look_for_end()
        self._flush()

    def _give_up(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _ping(self) -> None:
        self._set_timer(_PING_INTERVAL, self._ping)
        if self._protocol.state is not self._open:
            return
        if self._pinged:  # and nothing came since
            if self._size <= _HIGH_WATER and not self._input:  # else it is we who don't read
                self._fail(_INTERNAL_ERROR, "keepalive ping timeout")
            return
        self._pinged = True
        self._protocol.send_ping(b"")
        self._flush()

    def _set_timer(self, delay: float, function: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._lost:
            return
        self._timer = self._loop.call_later(delay, function)

    def _end(self, code: int, reason: str = "") -> None:
        """Nothing more will be received."""
        if not self._ended:
            self._ended = True
            self._messages.append(({"type": "websocket.disconnect", "code": code, "reason": reason}, 0))
            self._event.set()

    # -- the stream's side -------------------------------------------------------------------------------------------

    def on_connection_close(self) -> None:
        self._end(_ABNORMAL)

    def data_received(self, data: bytes) -> None:
        self._pinged = False
        if self._ended:
            return
        self._input += data
        self._go_on()

    def _go_on(self) -> None:
        """Give the protocol what has come, as far as the application is ready for it."""
        while self._input and self._size <= _HIGH_WATER and not self._ended:
            piece = bytes(self._input[:_SLICE_SIZE])
            del self._input[:_SLICE_SIZE]
            self._protocol.receive_data(piece)
            for frame in self._protocol.events_received():
                self._frame_received(frame)
            self._look_for_end()
        if self._ended:
            self._input.clear()
        self._flush()
        if self._eof and not self._input:
            self._protocol.receive_eof()
            self._end(_ABNORMAL)
            self._give_up()
        self._update_reading()

    def _look_for_end(self) -> None:
        protocol = self._protocol
        if protocol.state is self._open:
            return
        if protocol.close_rcvd is not None:
            code, reason = protocol.close_rcvd.code, protocol.close_rcvd.reason
        elif protocol.parser_exc is not None or protocol.eof_sent:  # it broke the rules, and was told so
            sent = protocol.close_sent
            code, reason = (sent.code, sent.reason) if sent is not None else (_ABNORMAL, "")
        else:
            return
        self._end(code, reason)
        self._set_timer(_CLOSE_TIMEOUT, self._give_up)

    def _frame_received(self, frame: Any) -> None:
        opcode = self._frames.Opcode
        if frame.opcode is opcode.CONT:
            self._fragments += frame.data
            octets = bytes(self._fragments) if frame.fin else b""
        elif frame.opcode is opcode.TEXT or frame.opcode is opcode.BINARY:
            self._is_text = frame.opcode is opcode.TEXT
            if frame.fin:
                octets = bytes(frame.data)
            else:
                self._fragments += frame.data
        else:  # the protocol has answered ping and close itself
            return
        if not frame.fin:
            return
        self._fragments = bytearray()
        if self._over:
            return
        message: Message = {"type": "websocket.receive"}
        try:
            message["text" if self._is_text else "bytes"] = octets.decode() if self._is_text else octets
        except UnicodeDecodeError:
            self._protocol.fail(_INVALID_DATA, "invalid UTF-8")
            return
        size = len(octets) + _MESSAGE_COST
        self._messages.append((message, size))
        self._size += size
        self._event.set()

    def _update_reading(self) -> None:
        # Invariant: the stream is paused exactly while the application or the client is behind.
        if self._stream is None or self._lost:
            return
        if not self._ended and (self._size > _HIGH_WATER or self._stalled):
            self._stream.pause_reading()
        else:
            self._stream.resume_reading()

    def eof_received(self) -> None:
        self._eof = True
        self._go_on()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._eof = self._lost = True
        self._go_on()

    def pause_writing(self) -> None:
        self._stalled = True
        self._update_reading()

    def resume_writing(self) -> None:
        self._stalled = False
        self._update_reading()

    async def _transmit(self) -> None:
        done = self._flush()
        if done is not None:
            await done

    def _flush(self) -> "asyncio.Future[None] | None":
        """Write what the protocol has to say."""
        stream = self._stream
        done = None
        if stream is None or stream.closed():
            return None
        for data in self._protocol.data_to_send():
            if data:
                done = stream.write(data)
            elif self._protocol.close_rcvd is not None or not stream.send_eof():  # both said close; or over TLS
                stream.close_after_writing()
        return done


class _Silent:
    """The logger of the protocol: what matters is logged here."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def debug(self, *args: Any, **kwargs: Any) -> None: ...

    info = warning = error = debug


_SILENT: Final = _Silent()
