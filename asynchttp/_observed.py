"""Connections that tell observers what happens on them: the one way for logs, figures and a program's own hooks.

How this works
==============
The server chooses the class of its connections when one is accepted: without observers it is the plain engine, which
knows nothing of this module and pays nothing for it. :class:`ObservedConnection` is the same engine with an ear at the
few places where octets leave and exchanges end.

*Octets.*  What went to the stream is ``_sent``, what waits is in ``_out``; both together, less what it was when the
previous exchange ended, are the octets of an exchange.

*Status.*  ``_first`` is the piece of output that begins with the response's final head: the head says all that is to
be known, whichever way it was written.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from asynchttp import _reasons
from asynchttp._dispatch import Style
from asynchttp._exchange import ServerRequest
from asynchttp._h1 import serializer
from asynchttp._h1.errors import HTTPInputError
from asynchttp._h1.head import Tail
from asynchttp._h1.raw import RawResponse
from asynchttp._h1.states import Reading, Writing
from asynchttp._reasons import Reason
from asynchttp._response import CORKED_SIZE
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.log import app_log

__all__ = ["ObservedConnection", "Observer", "Observers", "Outcome", "PartsObserver"]

_R_HEAD, _R_DONE = Reading.HEAD, Reading.DONE
_W_IDLE, _W_RAW = Writing.IDLE, Writing.RAW

#: Octets of the beginning of a response that are remembered.
_MEMO_SIZE: Final = 1024


class Outcome(NamedTuple):
    """How a request ended."""

    #: on which it came
    connection: HTTP1ServerConnection
    #: ``None`` if what came wasn't a whole and valid head
    request: ServerRequest | None
    #: of the final response; ``None`` without one
    status: int | None
    #: octets of the response that were handed over for sending, head and framing of the body included
    bytes_sent: int
    #: in seconds since the epoch
    ended_at: float
    #: seconds from the request's head to the end of its response
    duration: float
    #: why the request was refused or cut; ``None`` if nothing went wrong
    reason: Reason | None
    #: the octets with which that response began: its head, mostly; ``b""`` when they aren't known
    first: bytes
    #: without a request: the first octets of what came instead, at most 256; else ``b""``
    received: bytes
    #: octets of the response's head, through its empty line, within :attr:`first`; less than 4: it isn't all there
    head_size: int

    @property
    def head(self) -> bytes:
        """The head of the final response, through its empty line; ``b""`` when it isn't known."""
        return self.first[: self.head_size] if self.head_size >= 4 else b""

    @property
    def body_bytes_sent(self) -> int:
        """:attr:`bytes_sent` without the head."""
        return self.bytes_sent - self.head_size if self.bytes_sent > self.head_size >= 4 else 0

    @property
    def remote_ip(self) -> str:
        """The client's address: the request's, else the connection's."""
        return self.connection.context.remote_ip if self.request is None else self.request.remote_ip or ""


class Observer:
    """Is told what happens on a server.  A subclass overrides what it wants to know; the rest costs nothing.

    All are called by the loop and mustn't block. What one raises is logged and harms nothing.
    """

    def on_start(self, connection: HTTP1ServerConnection) -> None:
        """A connection was accepted.  With TLS its handshake comes next."""

    def on_head(self, request: ServerRequest) -> None:
        """The valid head of a request has come."""

    def on_end(self, outcome: Outcome) -> None:
        """A request ended: answered, refused or cut.  Once for each :meth:`on_head` and each invalid head."""

    def on_close(self, connection: HTTP1ServerConnection) -> None:
        """A connection ended, or was handed over to its handler."""


class PartsObserver(Observer):
    """An observer that does without the object: it is told what an :class:`Outcome` is made of."""

    def on_end(self, outcome: Outcome) -> None:
        self.on_parts(*outcome)

    def on_parts(
        self,
        connection: HTTP1ServerConnection,
        request: ServerRequest | None,
        status: int | None,
        bytes_sent: int,
        ended_at: float,
        duration: float,
        reason: Reason | None,
        first: bytes,
        received: bytes,
        head_size: int,
    ) -> None:
        """:meth:`on_end`.  Isn't called where a subclass has an ``on_end`` of its own."""
        raise NotImplementedError


class Observers:
    """The observers of a server, with what each wants to know."""

    def __init__(self, observers: Iterable[Any] = ()) -> None:
        self.starts: list[Callable[[HTTP1ServerConnection], object]] = []
        self.heads: list[Callable[[ServerRequest], object]] = []
        self.ends: list[Callable[[Outcome], object]] = []
        self.parts: list[Callable[..., object]] = []
        self.closes: list[Callable[[HTTP1ServerConnection], object]] = []
        # The first octets of a response, and what look_at() said of them: the next response may be alike.
        self.first = b""
        self.status: int | None = None
        self.head_size = 0
        for observer in observers:
            self.add(observer)

    def add(self, observer: Any) -> None:
        """Raises: :exc:`TypeError` for something that has none of an observer's methods."""
        found = False
        for name, calls in (
            ("on_start", self.starts),
            ("on_head", self.heads),
            ("on_end", self.ends),
            ("on_close", self.closes),
        ):
            call = getattr(observer, name, None)
            if callable(call):
                found = True
                function = getattr(call, "__func__", None)
                if function is PartsObserver.on_end:
                    self.parts.append(observer.on_parts)
                elif function is not getattr(Observer, name):
                    calls.append(call)
        if not found:
            raise TypeError(f"not an observer: {observer!r}")

    def __bool__(self) -> bool:
        return bool(self.starts or self.heads or self.ends or self.parts or self.closes)

    def look_at(self, first: bytes) -> None:
        """Find :attr:`status` and :attr:`head_size` of a response that begins with ``first``."""
        self.first = first if len(first) <= _MEMO_SIZE else b"\0"
        digits = first[9:12]
        self.status = int(digits) if digits.isdigit() else None
        self.head_size = first.find(b"\r\n\r\n") + 4

    def announcing(self, style: Style) -> Style:
        """``style`` with word to the observers at the head of each request; itself if nobody wants it."""
        if not self.heads:
            return style
        start, at_head = style.start, style.at_head

        def tell_and_start(request: ServerRequest) -> None:
            if at_head or not request.tail.body_length:  # else it was told before the body
                tell(self.heads, request)
            start(request)

        return style._replace(start=tell_and_start)


def tell(calls: list[Callable[[Any], object]], news: Any) -> None:
    """Call each of ``calls``, whatever they raise."""
    for call in calls:
        try:
            call(news)
        except Exception:
            app_log.error("Exception in observer %r", call, exc_info=True)


class ObservedConnection(HTTP1ServerConnection):
    """A connection that tells :attr:`observers`, which its server sets, what happens."""

    __slots__ = ("_first", "_sent", "_told", "observers")

    observers: Observers

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Octets that were given to the stream, and those of them and of _out that belong to exchanges that have ended.
        self._sent = 0
        self._told = 0
        # What began with the head of the present response.
        self._first: bytes | None = None

    # -- octets ------------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> Any:
        # HOT: once per response.
        # Inlined: ResponseWriter._put, for a piece that simply joins those that wait.
        out = self._out
        if self._first is None and data is not serializer.CONTINUE:
            self._first = data
        if self._corked:
            if not out and len(data) <= CORKED_SIZE:
                self._out = (data,)
                return self._done
        elif not out:
            self._sent += len(data)
        return _put(self, data)

    def _put_large(self, head: bytes, body: bytes) -> Any:
        if self._first is None:
            self._first = head
        return super()._put_large(head, body)

    def _put_piece(self, exchange: ServerRequest, data: bytes) -> Any:
        if self._first is None:
            self._first = data
        return super()._put_piece(exchange, data)

    def _flush(self) -> None:
        # HOT: once per packet.
        # Inlined: ResponseWriter._flush, for one piece.
        out = self._out
        if len(out) == 1:
            self._out = ()
            self._sent += len(out[0])
            self.stream.send(out[0])
        elif out:
            self._sent += sum(map(len, out))
            super()._flush()

    def write_headers(self, exchange: ServerRequest, start_line: Any, headers: Any, chunk: Any = None) -> Any:
        done = super().write_headers(exchange, start_line, headers, chunk)
        if start_line.code < 200 and start_line.code != 101:
            self._first = None
        else:
            self._take_first()
        return done

    def _take_first(self) -> None:
        """A head that didn't go through :meth:`_put` is the last of what waits."""
        if self._first is None and self._out and self._out[-1] is not serializer.CONTINUE:
            self._first = self._out[-1]

    async def _send_pieces(self, exchange: ServerRequest, fd: int, offset: int, end: int, framing: Writing) -> None:
        await super()._send_pieces(exchange, fd, offset, end, framing)
        self._sent += end - offset + (2 if framing is Writing.CHUNKED else 0)

    # -- heads and ends ----------------------------------------------------------------------------------------------

    def _begin_body(self, request: ServerRequest, tail: Tail, nothing_yet: bool) -> None:
        if not self._at_head:
            tell(self.observers.heads, request)
        super()._begin_body(request, tail, nothing_yet)

    def _finished(self, exchange: ServerRequest) -> None:
        # HOT: once per response.
        # Inlined: ResponseWriter._finished, as far as that has inlined _restart.
        if self._corked and self._reading is _R_DONE and self._keep_alive and self._first and self._raw is None:
            now = exchange._finish_time = _now()
            self._exchange = None
            self._close_callback = None
            self._writing = _W_IDLE
            self._reading = _R_HEAD
            self._since = self._sweep.now
            self._tell_end(exchange, now, None)
            return
        if self._first is None:
            self._take_first()
        raw = self._raw if self._writing is _W_RAW else None
        _finished(self, exchange)
        self._tell_end(exchange, exchange._finish_time, raw)

    def _seal(self, exchange: ServerRequest) -> None:
        present = exchange is self._exchange
        self._take_first()
        raw = self._raw if self._writing is _W_RAW else None
        super()._seal(exchange)
        if present:
            self._tell_end(exchange, exchange._finish_time, raw)

    def _refuse(
        self,
        error: HTTPInputError,
        record: str = "Malformed HTTP message from %s: %s",
        head: bytes | bytearray = b"",
    ) -> None:
        without_exchange = self._exchange is None
        request = self._head_request
        waited = self._sweep.now - self._since
        super()._refuse(error, record, head)
        if without_exchange:
            self._tell_end_without(request, error.status, bytes(head), waited)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._reason is None:
            self._explain_loss(exc)
        if self._exchange is not None:
            raw = self._raw if self._writing is _W_RAW else None
            self._tell_end(self._exchange, time.time(), raw)
        elif (
            self._head_request is not None
            or self._reason is _reasons.LEFT_IN_HEAD
            or (self._reason in (_reasons.CLOSED, _reasons.SHUTDOWN) and self._reading is Reading.HEAD and self._input)
        ):
            head = self._input[self._position : self._position + 256] if self._head_request is None else b""
            self._tell_end_without(self._head_request, None, bytes(head), self._sweep.now - self._since)
        super().connection_lost(exc)

    def _tell_end(self, request: ServerRequest, now: float, raw: RawResponse | None) -> None:
        # HOT: once per response.
        first = self._first or b""
        self._first = None
        observers = self.observers
        if first != observers.first:
            observers.look_at(first)
        status = observers.status
        if raw is not None and raw.status:  # the head may have come in pieces, or behind an interim one
            status = raw.status
        total = self._sent
        out = self._out
        if out:
            total += len(out[0]) if len(out) == 1 else sum(map(len, out))
        size = total - self._told
        self._told = total
        duration, head_size = now - request._start_time, observers.head_size
        for on_parts in observers.parts:
            try:
                on_parts(self, request, status, size, now, duration, self._reason, first, b"", head_size)
            except Exception:
                app_log.error("Exception in observer %r", on_parts, exc_info=True)
        if observers.ends:
            outcome = Outcome(self, request, status, size, now, duration, self._reason, first, b"", head_size)
            tell(observers.ends, outcome)

    def _tell_end_without(self, request: ServerRequest | None, status: int | None, head: bytes, waited: float) -> None:
        """Of a request whose handler wasn't started."""
        now = time.time()
        total = self._sent + sum(map(len, self._out))
        size = max(0, total - self._told)
        self._told = total
        duration = now - request._start_time if request is not None else max(0.0, waited)
        outcome = Outcome(self, request, status, size, now, duration, self._reason, b"", head, 0)
        for on_parts in self.observers.parts:
            try:
                on_parts(*outcome)
            except Exception:
                app_log.error("Exception in observer %r", on_parts, exc_info=True)
        tell(self.observers.ends, outcome)


_now = time.time
# Looked up here they cost a third of what super() does.
_put = HTTP1ServerConnection._put
_finished = HTTP1ServerConnection._finished
