"""The HTTP/1 engine: one object per connection, fed by its stream in push mode.

How this works
==============

::

    stream ─► data_received ─► _consume ─► handler(request) ─► request.write / respond / finish ─► _out ─► stream.send
                  │               ▲
                  └► _input ──────┘   what can't be used yet: a head without its end, requests behind an unfinished one

*States.*  ``_reading`` and ``_writing`` are the two states of :mod:`asynchttp._h1.states`. A request is started when
its head and body are complete; its answer may come at once or at any later time.

*An exchange is a token.*  ``_exchange`` is the request being answered. Whatever a request or its ``connection`` does is
done only if it is that request; a handler that writes or finishes late gets an error and can't reach the next response.

*One write per packet.*  While ``_consume`` runs, output is collected in ``_out`` (*corked*) and sent when it returns: a
pipelined burst is answered by one ``send``. Outside of it output goes to the stream at once, except a head without
body, which waits for what the handler writes next in the same turn.

*Raw mode.*  A handler may write its response head itself, as in Tornado 2. The engine reads along, so it knows where
that response ends. What it can't be sure of ends with the connection.

*Bounds.*  ``_input`` holds at most one head, or ``chunk_size`` and one delivery; then reading pauses. Nothing is parsed
ahead of an unfinished exchange. Sixteen pipelined requests in a turn, then others have theirs.

*Time.*  No timer per request: :class:`asynchttp._sweep.Sweep` calls ``check_time``.

What must never happen: an octet of one exchange in the response of another; a handler run for a request that wasn't
whole and valid; two requests of one connection in progress.
"""

import asyncio
import dataclasses
import enum
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from asynchttp import httputil
from asynchttp._h1 import abnf, chunked, framing, raw, serializer
from asynchttp._h1 import head as h1_head
from asynchttp._h1.errors import (
    BodyTooLargeError,
    HeadTooLargeError,
    HTTPInputError,
    HTTPOutputError,
    RequestTimeoutError,
)
from asynchttp._h1.states import Reading, Writing
from asynchttp._legacy.callbacks import accepts_callback
from asynchttp._sweep import Sweep
from asynchttp.httputil import lazy
from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.log import app_log, gen_log

__all__ = ["Exchange", "HTTP1ConnectionParameters", "HTTP1ServerConnection", "ServerRequest"]

#: Pipelined requests that one connection gets answered before other connections have their turn.
_REQUESTS_PER_TURN: Final = 16
#: Pieces of output that are collected while corked; more, or one larger than the stream's chunk, go out at once.
_CORKED_PIECES: Final = 32
_CORKED_SIZE: Final = 65536
#: Seconds after which a half-closed peer counts as gone: long enough for ``printf … | nc`` to get its answer.
_HALF_CLOSED_GRACE: Final = 1.0

_R_HEAD, _R_BODY, _R_DONE, _R_TUNNEL, _R_LINGER, _R_CLOSED = Reading
_W_IDLE, _W_HEAD, _W_LENGTH, _W_CHUNKED, _W_UNTIL_CLOSE, _W_RAW, _W_DONE, _W_CLOSED = Writing


class Pause(enum.Flag):
    """Why a connection doesn't read."""

    PIPELINE = enum.auto()
    """requests wait behind an unfinished one"""
    WRITE = enum.auto()
    """the client doesn't read what we send"""


_NO_PAUSE: Final = Pause(0)


@dataclasses.dataclass(frozen=True, slots=True)
class HTTP1ConnectionParameters:
    """What a connection has to know of its server's options.  Sizes in octets, times in seconds.

    Source: Tornado ``http1connection.HTTP1ConnectionParameters``, for the names that it has.
    """

    no_keep_alive: bool = False
    #: input that waits behind an unfinished exchange before reading pauses
    chunk_size: int = 65536
    max_header_size: int = 65536
    #: from the first octet of a head to its last; and from accept, for a connection that sends nothing
    header_timeout: float = 60.0
    max_body_size: int = 104857600
    #: from a head to the end of its body; ``None``: no limit
    body_timeout: float | None = None
    #: between requests
    idle_connection_timeout: float = 75.0
    max_header_count: int = 100
    #: without the client taking one octet of what waits for it
    write_timeout: float = 60.0
    #: after an early last word: how long, and how much, is read and dropped
    linger_timeout: float = 1.0
    linger_size: int = 262144


class Context(Protocol):
    """What a connection knows of its peer; ``str()`` of it stands in log records."""

    remote_ip: str
    protocol: str

    def client_of(self, headers: httputil.HTTPHeaders) -> tuple[str, str]:
        """(remote ip, protocol) of the client of a request, with what trusted proxies say."""


class HTTP1ServerConnection:
    """The server's side of one connection.

    Args:
        stream: becomes this connection's own.
        start: is called with each complete request; may raise.
        on_close: is called once, when the connection has ended.

    Source: Tornado ``http1connection.HTTP1ServerConnection``.
    """

    __slots__ = (
        "__weakref__",
        "_body",
        "_body_left",
        "_body_size",
        "_close_callback",
        "_continuing",
        "_corked",
        "_decoder",
        "_done",
        "_eof_since",
        "_exchange",
        "_flushing",
        "_head_request",
        "_input",
        "_keep_alive",
        "_left",
        "_linger_left",
        "_loop",
        "_memo",
        "_memo_octets",
        "_on_close",
        "_out",
        "_pauses",
        "_progress",
        "_raw",
        "_raw_memo_octets",
        "_raw_memo_size",
        "_reading",
        "_searched",
        "_since",
        "_start",
        "_sweep",
        "_write_waiter",
        "_writing",
        "context",
        "params",
        "stream",
        "task",
    )

    def __init__(
        self,
        stream: IOStream,
        params: HTTP1ConnectionParameters,
        context: Context,
        sweep: Sweep,
        start: "Callable[[ServerRequest], object]",
        on_close: "Callable[[HTTP1ServerConnection], object]",
    ) -> None:
        self.stream = stream
        self.params = params
        self.context = context
        #: the task of a coroutine handler, while it runs
        self.task: asyncio.Task[None] | None = None
        self._sweep = sweep
        self._start = start
        self._on_close = on_close
        self._loop = stream.io_loop.asyncio_loop
        self._done = stream.io_loop.done_future

        self._reading = _R_HEAD
        self._writing = _W_IDLE
        self._pauses = _NO_PAUSE
        #: when the present phase began, by the sweep's clock
        self._since = sweep.now
        self._eof_since: float | None = None
        # Octets that wait. In HEAD: the beginning of a head, of which `_searched` octets hold no end.
        self._input = bytearray()
        self._searched = 0
        # A turn of the loop is arranged in which _input is looked at again.
        self._continuing = False
        # The previous tail of this connection, and its octets: equal octets need no parsing.
        self._memo: h1_head.Tail | None = None
        self._memo_octets = b"\0"
        # The request whose body is being read, and that body.
        self._head_request: ServerRequest | None = None
        self._body: list[bytes] = []
        self._body_size = 0
        self._body_left = 0
        self._decoder: chunked.ChunkedDecoder | None = None

        # The request being answered.
        self._exchange: ServerRequest | None = None
        self._keep_alive = True
        self._close_callback: Callable[[], Any] | None = None
        self._out: list[bytes] = []
        self._corked = False
        self._flushing = False
        # Octets of response body still to come: LENGTH.
        self._left = 0
        # In RAW: who reads along; None when the response was seen to be whole.
        self._raw: raw.RawResponse | None = None
        # A head that this connection's handler wrote last time, and the size of the whole response then.
        self._raw_memo_octets = b""
        self._raw_memo_size = -1
        self._write_waiter: asyncio.Future[None] | None = None
        # (octets not yet taken by the kernel, since when that number hasn't changed)
        self._progress = (0, 0.0)
        self._linger_left = params.linger_size
        sweep.add(self)
        stream.set_consumer(self)

    # -- input -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._reading is not _R_HEAD or self._input or self._pauses:
            self._data_between(data)
        else:
            self._consume(data)

    def _data_between(self, data: bytes) -> None:
        """Data in any other state than at the beginning of a request."""
        if self._reading is _R_BODY:
            self._consume(data)
        elif self._reading is _R_LINGER:
            self._linger_left -= len(data)
            if self._linger_left < 0:
                self.stream.close()
        elif self._reading is not _R_CLOSED:
            self._input += data
            if self._reading is _R_HEAD and not self._pauses:
                self._continue_head()
            elif len(self._input) > self.params.chunk_size:
                self._pause(Pause.PIPELINE)

    def _keep(self, data: bytes) -> None:
        """Keep what can't be used yet."""
        self._input += data
        self._searched = 0
        if len(self._input) > self.params.chunk_size and self._reading is _R_DONE:
            self._pause(Pause.PIPELINE)

    def _continue_head(self) -> None:
        """Go on with ``_input`` if there is a whole head in it now."""
        found = self._input.find(b"\r\n\r\n", max(0, self._searched - 3))
        if found < 0:
            searched, self._searched = self._searched, len(self._input)
            try:
                # Only what is new is looked at again, and the first line while it has no end.
                if len(self._input) > self.params.max_header_size or searched < 1024:
                    h1_head.refuse_early(bytes(self._input), self.params.max_header_size)
                elif abnf.BARE_LINE_END.search(self._input, max(0, searched - 1)):
                    raise HTTPInputError("a line that doesn't end with CRLF")
            except HTTPInputError as error:
                self._refuse(error)
            return
        data = bytes(self._input)
        self._input = bytearray()
        self._searched = 0
        self._consume(data)

    def _continue_later(self) -> None:
        if not self._continuing:
            self._continuing = True
            self._loop.call_soon(self._continue)

    def _continue(self) -> None:
        """Look at ``_input`` again, now that the exchange before it is over or the client reads again."""
        self._continuing = False
        if self._reading is not _R_HEAD or self._pauses & Pause.WRITE:
            return
        if self._input:
            data = bytes(self._input)
            self._input = bytearray()
            self._searched = 0
            self._consume(data)
        if self._reading is _R_HEAD and not self._continuing:
            if len(self._input) <= self.params.chunk_size:
                self._unpause(Pause.PIPELINE)
            if self._eof_since is not None:
                self.stream.close_after_writing()

    def _consume(self, data: bytes) -> None:
        """Serve the requests in ``data``, which begins where ``_reading`` says; ``_input`` is empty.

        HOT: once per packet. Entry: _out is empty, not corked. Exit: the same.
        Inlined: ``head.parse_request_head`` for a head that came whole, and without ``parse_tail`` when the tail equals
        the previous one of this connection. ``test_fast_path_equals_plain_path`` keeps the two together.
        """
        position = 0
        size = len(data)
        requests = 0
        self._corked = True
        try:
            while True:
                if self._reading is _R_BODY:
                    position = self._read_body(data, position)
                    if position < 0:
                        break
                    request = self._complete_body()
                else:
                    match = _match_request_line(data, position)
                    if match is None:
                        position = self._plain_head(data, position)
                        if position < 0:
                            break
                        continue
                    start = match.end()
                    if data.startswith(self._memo_octets, start):
                        tail = self._memo
                        end = start + len(self._memo_octets)
                    else:
                        end = data.find(b"\r\n\r\n", start) + 4
                        if end < 4:
                            self._incomplete_head(data, position)
                            break
                        octets = data[start:end]
                        tail = h1_head.parse_tail(octets, self.params.max_header_count)
                        self._memo = tail
                        self._memo_octets = octets
                    if end - position > self.params.max_header_size:
                        raise HeadTooLargeError(f"request head larger than {self.params.max_header_size} octets")
                    method, target = match.groups()
                    if target[0] != 47 or method == b"CONNECT":  # "/": all ordinary targets begin with it
                        h1_head.check_target(method, target)
                    position = end
                    request = ServerRequest(self, method.decode(), target.decode(), tail)  # type: ignore[arg-type]
                    if tail.body_length:  # type: ignore[union-attr]
                        self._begin_body(request, tail, position == size)  # type: ignore[arg-type]
                        if position == size:
                            break
                        continue
                self._reading = _R_DONE
                self._writing = _W_HEAD
                self._exchange = request
                self._keep_alive = request._tail.keep_alive and not self.params.no_keep_alive
                try:
                    self._start(request)
                except Exception as error:
                    self.handler_failed(request, error)
                if self._reading is not _R_HEAD:  # not answered yet; or it was the last
                    if position < size:
                        self._keep(data[position:])
                    break
                if position == size:
                    break
                requests += 1
                if requests == _REQUESTS_PER_TURN or self._pauses:
                    self._keep(data[position:])
                    if not self._pauses:
                        self._continue_later()
                    break
        except HTTPInputError as error:
            self._refuse(error)
        finally:
            self._corked = False
            if self._out:
                self._flush()
            if self._writing is _W_DONE:
                self._end()

    def _plain_head(self, data: bytes, position: int) -> int:
        """A head that isn't the ordinary case: skip empty lines before it, wait for its rest, or refuse it.

        Returns: where the head begins; -1 when it isn't complete.
        """
        head = h1_head.parse_request_head(data, position, self.params.max_header_size, self.params.max_header_count)
        if head is None:
            self._incomplete_head(data, position)
            return -1
        while data.startswith(b"\r\n", position):
            position += 2
        return position

    def _incomplete_head(self, data: bytes, position: int) -> None:
        rest = data[position:]
        h1_head.refuse_early(rest, self.params.max_header_size)
        self._input += rest
        self._searched = len(rest)
        self._since = self._sweep.now

    def _begin_body(self, request: "ServerRequest", tail: h1_head.Tail, nothing_yet: bool) -> None:
        limit = self.params.max_body_size
        if tail.body_length > limit:
            raise BodyTooLargeError(f"Content-Length too long: more than {limit} octets")
        self._reading = _R_BODY
        self._since = self._sweep.now
        self._head_request = request
        self._body_left = tail.body_length
        self._decoder = None
        if tail.body_length == framing.CHUNKED:
            self._decoder = chunked.ChunkedDecoder(self.params.max_header_size, self.params.max_header_count)
        if tail.expect_continue and nothing_yet:
            self._out.append(serializer.CONTINUE)

    def _read_body(self, data: bytes, position: int) -> int:
        """Take body from ``data``; returns the index behind it, -1 when more is to come."""
        if self._decoder is not None:
            piece, position = self._decoder.feed(data, position)
            self._body_size += len(piece)
            if self._body_size > self.params.max_body_size:
                raise BodyTooLargeError(f"chunked body too large: more than {self.params.max_body_size} octets")
            if piece:
                self._body.append(piece)
            return position
        piece = data[position : position + self._body_left]
        self._body.append(piece)
        self._body_left -= len(piece)
        return -1 if self._body_left else position + len(piece)

    def _complete_body(self) -> "ServerRequest":
        request, self._head_request = self._head_request, None
        assert request is not None
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        self._body_size = 0
        self._decoder = None
        return request

    def eof_received(self) -> None:
        """The client won't send any more. A complete request still gets its answer."""
        self._eof_since = self._sweep.now
        if self._reading is _R_DONE or (self._reading is _R_HEAD and (self._continuing or self._pauses)):
            return
        # A premature end: the handler doesn't run.
        self.stream.close_after_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._reading = _R_CLOSED
        self._writing = _W_CLOSED
        self._input = bytearray()
        self._out = []
        self._body = []
        self._head_request = None
        self._sweep.discard(self)
        waiter, self._write_waiter = self._write_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(StreamClosedError(real_error=exc))
            waiter.exception()
        self._tell_close()
        self._on_close(self)

    def _tell_close(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self.stream.io_loop.add_callback(callback)

    # -- pausing and time ------------------------------------------------------------------------------------------

    def _pause(self, reason: Pause) -> None:
        # Invariant: the stream is paused exactly while there is a reason.
        if not self._pauses:
            self.stream.pause_reading()
        self._pauses |= reason

    def _unpause(self, reason: Pause) -> None:
        if self._pauses & reason:
            self._pauses &= ~reason
            if not self._pauses:
                self.stream.resume_reading()

    def pause_writing(self) -> None:
        self._progress = (self.stream.write_buffer_size(), self._sweep.now)
        self._pause(Pause.WRITE)

    def resume_writing(self) -> None:
        waiter, self._write_waiter = self._write_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        self._unpause(Pause.WRITE)
        if self._reading is _R_HEAD:
            self._continue_later()

    def check_time(self, now: float) -> None:
        """Called by the sweep: has a deadline passed?"""
        params = self.params
        # `_since` may lag behind by one period: no deadline comes early.
        elapsed = now - self._since - self._sweep.period
        if self._pauses & Pause.WRITE:
            size, since = self._progress
            waiting = self.stream.write_buffer_size()
            if waiting != size:
                self._progress = (waiting, now)
            elif now - since > params.write_timeout:
                gen_log.info("Timeout writing to %s: no progress for %s s", self.context, params.write_timeout)
                self.stream.close()
        elif self._reading is _R_HEAD:
            if self._input:
                if elapsed > params.header_timeout:
                    self._refuse(RequestTimeoutError(f"request head not complete after {params.header_timeout} s"))
            elif elapsed > (params.idle_connection_timeout if self._memo is not None else params.header_timeout):
                self.stream.close()
        elif self._reading is _R_BODY:
            if params.body_timeout is not None and elapsed > params.body_timeout:
                gen_log.info("Timeout reading body from %s", self.context)
                self._refuse(RequestTimeoutError(f"request body not complete after {params.body_timeout} s"))
        elif self._reading is _R_LINGER:
            if elapsed > params.linger_timeout:
                self.stream.close()
        elif self._eof_since is not None and now - self._eof_since > _HALF_CLOSED_GRACE:
            self._tell_close()

    # -- output ----------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> "asyncio.Future[None]":
        """Send octets, or collect them while corked."""
        # HOT: once per response.
        if self._corked:
            self._out.append(data)
            if len(data) <= _CORKED_SIZE and len(self._out) < _CORKED_PIECES:
                return self._done
            self._flush()
        elif self._out:
            self._out.append(data)
            self._flush()
        else:
            self.stream.send(data)
        if self._pauses & Pause.WRITE:
            if self._write_waiter is None:
                self._write_waiter = self._loop.create_future()
            return self._write_waiter
        return self._done

    def _flush(self) -> None:
        out = self._out
        if out:
            self._out = []
            self.stream.send(out[0] if len(out) == 1 else b"".join(out))

    def _flush_later(self) -> None:
        self._flushing = False
        self._flush()

    def _claim(self, exchange: "ServerRequest") -> bool:
        """Whether ``exchange`` may write.  False when the client has gone; raises when it was finished before."""
        if exchange is not self._exchange:
            raise HTTPOutputError("this request was finished before: nothing can be written to it any more")
        return self._writing is not _W_CLOSED

    def _gone(self) -> "asyncio.Future[None]":
        """The result of a write to a client that has gone: it fails for who looks, and is silent for who doesn't."""
        future: asyncio.Future[None] = self._loop.create_future()
        future.set_exception(StreamClosedError(real_error=self.stream.error))
        future.exception()
        return future

    def respond(
        self,
        exchange: "ServerRequest",
        body: Any,
        status: int,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
    ) -> "asyncio.Future[None]":
        """Write a whole response and end the exchange."""
        # HOT: once per response.
        if not self._claim(exchange):
            self._exchange = None
            return self._gone()
        if self._writing is not _W_HEAD:
            raise HTTPOutputError("the response has begun already")
        if type(body) is not bytes:
            body = _body_octets(body)
        if status == 200 and not headers and self._keep_alive and exchange._tail.minor and exchange.method != "HEAD":
            message = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), self._sweep.date_line, body)
        else:
            message = self._whole_response(exchange, body, status, headers)
        done = self._put(message)
        self._finished()
        return done

    def _whole_response(
        self,
        exchange: "ServerRequest",
        body: bytes,
        status: int,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
    ) -> bytes:
        if not 200 <= status <= 599:
            raise ValueError(f"not a final status code (200–599): {status!r}")
        fields = list(_pairs(headers))
        names = {name.lower() for name, _ in fields}
        if not names.isdisjoint(("content-length", "transfer-encoding")):
            raise ValueError("respond() sets Content-Length itself; use connection.write_headers for other framings")
        encoded = serializer.encode_fields(fields)
        own = b"" if "date" in names else self._sweep.date_line
        has_body = serializer.may_have_body(exchange.method or "", status)
        if status not in (204, 304):
            own += b"Content-Length: %d\r\n" % len(body)
        elif body:
            raise ValueError(f"a response with status {status} can't have a body")
        if "connection" in names:
            options = framing.list_members([v.encode("latin-1") for n, v in fields if n.lower() == "connection"])
            self._keep_alive = self._keep_alive and b"close" not in options
        else:
            own += self._connection_field(exchange)
        return b"%b%b%b\r\n%b" % (serializer.status_line(status), encoded, own, body if has_body else b"")

    def _connection_field(self, exchange: "ServerRequest") -> bytes:
        if not self._keep_alive:
            return b"Connection: close\r\n"
        return b"" if exchange._tail.minor else b"Connection: keep-alive\r\n"

    def write_headers(
        self,
        exchange: "ServerRequest",
        start_line: httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: Any = None,
    ) -> "asyncio.Future[None]":
        """Write a response head, whose framing follows from its fields, and the first octets of its body."""
        if not self._claim(exchange):
            return self._gone()
        if self._writing is not _W_HEAD:
            raise HTTPOutputError("the head of this response was written before")
        status = start_line.code
        head = serializer.status_line(status, start_line.reason) + serializer.encode_fields(_pairs(headers))
        if status < 200 and status != 101:
            return self._put(head + b"\r\n")
        lengths, codings = headers.get_list("Content-Length"), headers.get_list("Transfer-Encoding")
        if not serializer.may_have_body(exchange.method or "", status):
            self._writing, self._left = _W_LENGTH, 0
        elif codings:
            # The handler frames the body itself: hold it to what it says.
            if lengths or framing.list_members([c.encode("latin-1") for c in codings]) != [b"chunked"]:
                raise ValueError("Transfer-Encoding of a response can only be chunked, without Content-Length")
            self._writing, self._raw = _W_RAW, raw.RawResponse.chunks(exchange.method or "")
        elif lengths:
            if len(lengths) > 1 or abnf.CONTENT_LENGTH.fullmatch(lengths[0].encode("latin-1")) is None:
                raise ValueError(f"invalid Content-Length: {lengths!r}")
            self._writing, self._left = _W_LENGTH, int(lengths[0])
        elif exchange._tail.minor:
            self._writing = _W_CHUNKED
            head += b"Transfer-Encoding: chunked\r\n"
        else:
            self._writing = _W_UNTIL_CLOSE
            self._keep_alive = False
        options = framing.list_members([v.encode("latin-1") for v in headers.get_list("Connection")])
        if b"close" in options:
            self._keep_alive = False
        elif status != 101 and not (b"keep-alive" in options and self._keep_alive):
            head += self._connection_field(exchange)
        head += b"\r\n"
        if chunk:
            return self._put(head + self._framed(_body_octets(chunk)))
        self._out.append(head)
        if not self._corked and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_later)
        return self._done

    def _framed(self, data: bytes) -> bytes:
        """``data`` as the framing of this response wants it."""
        if self._writing is _W_CHUNKED:
            return chunked.encode_chunk(data)
        if self._writing is _W_RAW:
            return self._raw_octets(data)
        if self._writing is _W_LENGTH:
            if len(data) > self._left:
                self._cut()
                raise HTTPOutputError("Tried to write more data than Content-Length")
            self._left -= len(data)
        return data

    def write(self, exchange: "ServerRequest", data: Any) -> "asyncio.Future[None]":
        """Write octets of the body; without a head before, octets as they are (raw mode)."""
        # HOT: once per response in raw mode.
        # Inlined: RawResponse.feed and .finish, when a whole response comes at once and its head equals the previous
        one. if not self._claim(exchange):
            return self._gone()
        if type(data) is not bytes:
            data = _body_octets(data)
        if self._writing is _W_HEAD:
            if not data:
                return self._done
            self._writing = _W_RAW
            if (
                len(data) == self._raw_memo_size
                and data.startswith(self._raw_memo_octets)
                and exchange.method != "HEAD"
            ):
                self._raw = None
                return self._put(data)
            self._raw = raw.RawResponse(exchange.method or "")
            self._remember_raw(data)
        data = self._framed(data)
        return self._put(data) if data else self._done

    def _raw_octets(self, data: bytes) -> bytes:
        if self._raw is None:
            self._cut()
            raise HTTPOutputError("Tried to write more data than Content-Length")
        try:
            return self._raw.feed(data)
        except HTTPOutputError:
            self._cut()
            raise

    def _remember_raw(self, data: bytes) -> None:
        """Keep the head of a raw response, if all that matters can be seen from its size."""
        end = data.find(b"\r\n\r\n") + 4
        told = serializer.parse_response_framing(data[:end]) if 4 <= end <= 1024 else None
        if (
            told is not None
            and told.keep_alive
            and told.body_length is not None
            and told.body_length >= 0
            and serializer.may_have_body("GET", told.status)
        ):
            self._raw_memo_octets = data[:end]
            self._raw_memo_size = end + told.body_length

    def finish(self, exchange: "ServerRequest") -> None:
        """End the response."""
        # HOT: once per response in raw mode.
        if not self._claim(exchange):
            self._exchange = None
            return
        writing = self._writing
        if writing is _W_RAW:
            if self._raw is not None:
                missing = self._raw.finish()
                if not self._raw.keep_alive:
                    self._keep_alive = False
                if missing is not None:
                    self._cut()
                    raise HTTPOutputError(missing)
        elif writing is _W_HEAD:
            self._apologize(500, "Internal Server Error")
            raise HTTPOutputError("finished without a response")
        elif writing is _W_CHUNKED:
            self._put(chunked.LAST_CHUNK)
        elif writing is _W_LENGTH and self._left:
            self._cut()
            raise HTTPOutputError(f"Tried to write {self._left} bytes less than Content-Length")
        self._finished()

    def _finished(self) -> None:
        """The response is complete: make room for the next exchange, or end the connection."""
        # HOT: once per response.
        exchange = self._exchange
        exchange._finish_time = time.time()  # type: ignore[union-attr]
        self._exchange = None
        self._close_callback = None
        if self._keep_alive:
            self._reading = _R_HEAD
            self._writing = _W_IDLE
            self._since = self._sweep.now
            if not self._corked:
                if self._out:
                    self._flush()
                if self._input or self._eof_since is not None:
                    self._continue_later()
        else:
            self._writing = _W_DONE
            if not self._corked:
                self._flush()
                self._end()

    def _cut(self) -> None:
        """Our own application broke the message: nothing more goes out, and the client sees that it isn't whole."""
        self._exchange = None
        self._keep_alive = False
        self._flush()
        self.stream.close_after_writing()

    def _end(self) -> None:
        """The last word has been said.

        If the client may still be sending, its octets are read and dropped for a while: a close that finds unread input
        resets the connection, and the reset may overtake our answer.  RFC 9112 §9.6.
        """
        if self._reading is _R_LINGER or self._reading is _R_CLOSED:
            return
        unread = bool(self._input) or self._reading is not _R_DONE
        if unread and self._eof_since is None and self.stream.send_eof():
            self._reading = _R_LINGER
            self._since = self._sweep.now
            self._input = bytearray()
            self._unpause(Pause.PIPELINE)
        else:
            self.stream.close_after_writing()

    def _refuse(self, error: HTTPInputError) -> None:
        """Answer a message that breaks the rules, and close."""
        gen_log.info("Malformed HTTP message from %s: %s", self.context, error)
        self._out.append(serializer.error_response(error.status, str(error)))
        self._body = []
        self._head_request = None
        self._keep_alive = False
        self._writing = _W_DONE
        if not self._corked:
            self._flush()
            self._end()

    def handler_failed(self, exchange: "ServerRequest", error: BaseException) -> None:
        """A handler raised: ``500`` if nothing has gone out, a cut connection else.  Logged once."""
        if isinstance(error, HTTPInputError):
            gen_log.info("Malformed HTTP message from %s: %s", self.context, error)
            status, message = error.status, str(error)
        else:
            app_log.error("Uncaught exception %s\n%r", _summary(exchange), exchange, exc_info=error)
            status, message = 500, "Internal Server Error"
        if exchange is not self._exchange or self._writing is _W_CLOSED:
            return
        if self._writing is not _W_HEAD:
            self._cut()
            return
        self._apologize(status, message)

    def _apologize(self, status: int, message: str) -> None:
        """Answer in the place of a handler that can't."""
        self._out.append(serializer.error_response(status, message))
        self._keep_alive = False
        self._finished()

    def answering(self, exchange: "ServerRequest") -> bool:
        """Whether ``exchange`` still has to be finished by a client that is there."""
        return exchange is self._exchange and self._writing is not _W_CLOSED

    def abandon(self, exchange: "ServerRequest") -> None:
        """The handler was cancelled: its client can only be told by the end of the connection."""
        if self.answering(exchange):
            self._cut()

    # -- what the connection of a request offers -------------------------------------------------------------------

    def set_close_callback(self, exchange: "ServerRequest", callback: Callable[[], Any] | None) -> None:
        if exchange is self._exchange:
            self._close_callback = callback
            if self._writing is _W_CLOSED:
                self._tell_close()

    def detach(self, exchange: "ServerRequest") -> IOStream:
        """Leave HTTP: the stream is the caller's, with what arrived behind the request."""
        if not self._claim(exchange):
            raise StreamClosedError(real_error=self.stream.error)
        self._flush()
        rest = bytes(self._input)
        self._exchange = None
        self._close_callback = None
        self._reading = _R_TUNNEL
        self._writing = _W_CLOSED
        self._input = bytearray()
        self._sweep.discard(self)
        self._pauses = _NO_PAUSE
        self.stream.release_consumer(rest)
        self._on_close(self)
        return self.stream

    def close(self) -> None:
        """Close at once, whatever is in progress."""
        self.stream.close()


class ServerRequest(httputil.HTTPServerRequest):
    """A request as the engine makes it: what it can tell only when asked is computed only when asked.

    It is its own exchange's token: :meth:`write` and the others reach the connection only while it is being answered.
    """

    def __init__(self, engine: HTTP1ServerConnection, method: str, uri: str, tail: h1_head.Tail) -> None:
        # HOT: once per request.
        self.method = method
        self.uri = uri
        self.body = b""
        self._engine = engine
        self._tail = tail
        self._start_time = _now()

    @lazy
    def version(self) -> str:
        return f"HTTP/1.{self._tail.minor}"

    @lazy
    def headers(self) -> httputil.HTTPHeaders:
        return httputil.HTTPHeaders._of_checked(h1_head.split_fields(self._tail.octets))

    @lazy
    def remote_ip(self) -> str:
        return self._engine.context.client_of(self.headers)[0]

    @lazy
    def protocol(self) -> str:
        return self._engine.context.client_of(self.headers)[1]

    @lazy
    def host(self) -> str:
        return self._tail.host or "127.0.0.1"

    @lazy
    def connection(self) -> "Exchange":
        return Exchange(self._engine, self)

    @lazy
    def server_connection(self) -> HTTP1ServerConnection:
        return self._engine

    def write(self, chunk: Any, callback: Callable[[], Any] | None = None) -> "asyncio.Future[None] | None":
        if callback is None:
            return self._engine.write(self, chunk)
        return self.connection.write(chunk, callback)  # type: ignore[call-arg]  # of accepts_callback

    def finish(self) -> None:
        self._engine.finish(self)

    def respond(
        self,
        body: bytes | bytearray | memoryview | str = b"",
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> "asyncio.Future[None]":
        return self._engine.respond(self, body, status, headers)


# In repr() a request is what the documentation calls it.
ServerRequest.__name__ = "HTTPServerRequest"


class Exchange:
    """``request.connection``: the structured way to answer a request.  Source: Tornado ``httputil.HTTPConnection``."""

    __slots__ = ("__weakref__", "_engine", "_request")

    def __init__(self, engine: HTTP1ServerConnection, request: ServerRequest) -> None:
        self._engine = engine
        self._request = request

    @property
    def stream(self) -> IOStream:
        """The stream of the connection."""
        return self._engine.stream

    @property
    def context(self) -> Context:
        """What is known of the peer: ``address``, ``remote_ip``, ``protocol``."""
        return self._engine.context

    @property
    def params(self) -> HTTP1ConnectionParameters:
        return self._engine.params

    @property
    def no_keep_alive(self) -> bool:
        return self._engine.params.no_keep_alive

    @property
    def io_loop(self) -> Any:
        return self._engine.stream.io_loop

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        return self._engine.stream.closed()

    @accepts_callback(at=3, with_result=False)
    def write_headers(
        self,
        start_line: httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | str | None = None,
    ) -> "asyncio.Future[None]":
        """Write the head of the response, and the first octets of its body.

        The body's framing follows from the head: ``Content-Length`` if it is there, else chunked coding for HTTP/1.1,
        else the end of the connection. Nothing else is added but ``Connection`` where the connection's fate differs
        from what the client expects.

        Returns: a future that is done when the octets have been handed to the kernel; it has failed with
        :exc:`StreamClosedError` if the client has gone.
        Raises:
            HTTPOutputError: the head was written before, or the request was finished.
            ValueError: a field that would split the response; nothing was sent.
        """
        return self._engine.write_headers(self._request, start_line, headers, chunk)

    @accepts_callback(at=1, with_result=False)
    def write(self, chunk: bytes | bytearray | memoryview | str) -> "asyncio.Future[None]":
        """Write octets of the body; before any head, octets as they are.

        Returns: as :meth:`write_headers`.
        Raises: :exc:`HTTPOutputError` for more than ``Content-Length``, or after :meth:`finish`.
        """
        return self._engine.write(self._request, chunk)

    def finish(self) -> None:
        """End the response.  Raises :exc:`HTTPOutputError` if it isn't whole, or was ended before."""
        self._engine.finish(self._request)

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once if the client goes away before the response is finished; ``None`` takes it back."""
        self._engine.set_close_callback(self._request, callback)

    def detach(self) -> IOStream:
        """Take the stream out of the server's hands, for another protocol.  Source: Tornado
        ``HTTP1Connection.detach``.""" return self._engine.detach(self._request)

    def close(self, exc_info: Any = False) -> None:
        """Close the connection at once."""
        self._engine.stream.close(exc_info=exc_info)

    def respond(
        self,
        body: bytes | bytearray | memoryview | str = b"",
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> "asyncio.Future[None]":
        """:meth:`httputil.HTTPServerRequest.respond`."""
        return self._engine.respond(self._request, body, status, headers)


_match_request_line = abnf.REQUEST_LINE.match
_now = time.time


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if isinstance(headers, httputil.HTTPHeaders):
        return headers.get_all()
    if isinstance(headers, Mapping):
        return headers.items()
    return headers


def _body_octets(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"a body is bytes, bytearray, memoryview or str, not {type(data).__name__}")


def _summary(exchange: ServerRequest) -> str:
    return f"{exchange.method} {exchange.uri} ({exchange.remote_ip})"
