"""The HTTP/1 engine: one object per connection, fed by its stream in push mode.

How this works
==============

::

    stream ─► data_received ─► _consume ─► handler(request) ─► request.write / respond / finish ─► _out ─► stream.send
                  │               ▲
                  └► _input ──────┘   what can't be used yet: a head without its end, requests behind an unfinished one

*States.*  ``_reading`` and ``_writing`` are the two states of :mod:`asynchttp._h1.states`. A request is started when
its head and body are complete; its answer may come at once or at any later time.

*Writing*, *bodies* and *what comes from outside*, such as time, are the other parts of the same object:
:class:`asynchttp._response.ResponseWriter`, :class:`asynchttp._request_body.RequestBodyReader` and
:class:`asynchttp._watched.WatchedConnection`.

*Bounds.*  ``_input`` holds at most one head, or ``chunk_size`` and one delivery; then reading pauses. Nothing is parsed
ahead of an unfinished exchange. Sixteen pipelined requests in a turn, then others have theirs.

*The end* is a half-close, and a while in which what still comes is read and dropped, unless the client said that it
won't send any more. So the last answer isn't overtaken by a reset, and a client that doesn't take it stays watched.

*Time.*  No timer per request: :class:`asynchttp._sweep.Sweep` calls ``check_time``.

*The budget* of a small request, in thousands of instructions (callgrind, CPython 3.11; about seven are a nanosecond on
the machines that were tried). ``python -m bench instructions`` counts the whole, ``tests/budget`` holds it:

======================================================  =====
a callback that writes a whole response, 2 fields        14.6
of that: is it the packet of before?                      0.5
of that: the request object (0.5: its clock)              2.9
of that: the ways in and out, handler, clock, ``send``   11.2
another target: request line, is it the tail before?     +6.2
other fields, and few: ``parse_tail``                   +11.3
the task of a coroutine, from Python 3.12 on            +10.7
the same on 3.11, with a turn of the loop               +34
an access log                                           +10.7
======================================================  =====

What must never happen: an octet of one exchange in the response of another; a handler run for a request that wasn't
whole and valid; two requests of one connection in progress.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from asynchttp import _dispatch, _peerwatch, _reasons
from asynchttp._client import MAX_1XX_RESPONSES, ClientConnection
from asynchttp._context import context_of
from asynchttp._dispatch import Style
from asynchttp._driven import DrivenConnection, ServesOne
from asynchttp._exchange import Exchange, ServerRequest
from asynchttp._h1 import abnf, serializer
from asynchttp._h1 import head as h1_head
from asynchttp._h1.errors import HTTPInputError
from asynchttp._h1.states import Reading, Writing
from asynchttp._http1functions import DIGITS, HEXDIGITS, is_transfer_encoding_chunked, parse_hex_int, parse_int
from asynchttp._interfaces import HTTPServerConnectionDelegate
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._sweep import Sweep
from asynchttp._tornado import websocket_handler
from asynchttp._watched import HEAD_SAMPLE, NO_PAUSE, Pause, WatchedConnection
from asynchttp.iostream import IOStream, StreamClosedError

__all__ = [
    "DIGITS",
    "HEXDIGITS",
    "Exchange",
    "HTTP1Connection",
    "HTTP1ConnectionParameters",
    "HTTP1ServerConnection",
    "is_transfer_encoding_chunked",
    "parse_hex_int",
    "parse_int",
]

#: Octets of a packet up to which it is remembered: it costs memory while the connection is idle.
_MEMO_SIZE: Final = 512

#: Pipelined requests that one connection gets answered before other connections have their turn.
_REQUESTS_PER_TURN: Final = 16

_R_HEAD, _R_BODY, _R_DONE, _R_TUNNEL, _R_LINGER, _R_CLOSED, _R_DRAIN = Reading
_W_HEAD, _W_DONE, _W_CLOSED = Writing.HEAD, Writing.DONE, Writing.CLOSED


class HTTP1ServerConnection(WatchedConnection):
    """The server's side of one connection.

    Args:
        stream: becomes this connection's own when :meth:`start_serving` or :meth:`serve` is called.
        params: limits and timeouts; default: those of :class:`HTTP1ConnectionParameters`.
        context: stands for the peer: ``str()`` of it in log records, and requests take ``remote_ip`` and ``protocol``
            from it; default: from the stream.

    Source: Tornado ``http1connection.HTTP1ServerConnection``.
    """

    __slots__ = (
        "__weakref__",
        "_continuing",
        "_eof_since",
        "_input",
        "_memo_method",
        "_memo_octets",
        "_memo_packet",
        "_memo_size",
        "_memo_target",
        "_on_close",
        "_position",
        "_running",
        "_searched",
    )

    def __init__(
        self,
        stream: IOStream,
        params: HTTP1ConnectionParameters | None = None,
        context: Any = None,
    ) -> None:
        params = params or HTTP1ConnectionParameters()
        super().__init__(stream, params, context_of(stream, context))
        self._on_close: Callable[[HTTP1ServerConnection], object]
        self._eof_since: float | None = None
        # Octets that wait, from _position on: a packet whose first requests were served, as it came; or a bytearray
        # that grows. While nothing else is in the way: the beginning of a head, of which _searched octets hold no end.
        self._input: bytes | bytearray = b""
        self._position = 0
        self._searched = 0
        # A turn of the loop is arranged in which _input is looked at again.
        self._continuing = False
        # The octets of _memo: equal octets need no parsing.
        self._memo_octets = b"\0"
        self._memo_size = 1
        # A packet that was nothing but the head of a request without a body, whose tail is _memo: an equal packet is an
        # equal request.
        self._memo_packet = b""
        self._memo_method = ""
        self._memo_target = b""

    def start_serving(self, delegate: HTTPServerConnectionDelegate) -> None:
        """Serve ``delegate`` on this connection, by a clock of its own.  Source: Tornado."""
        if not _dispatch.is_delegate(delegate):
            raise AssertionError(f"not an HTTPServerConnectionDelegate: {delegate!r}")
        sweep = Sweep(self._loop, self.params.shortest_limit)
        self.serve(_dispatch.delegate_style(delegate, self.params.decompress), sweep, delegate.on_close)

    def serve(
        self,
        style: Style,
        sweep: Sweep,
        on_close: "Callable[[HTTP1ServerConnection], object]",
        refusals: Counter[str] | None = None,
    ) -> None:
        """Begin to read.

        Args:
            style: how requests are started.
            sweep: watches the time.
            on_close: is called once, when the connection has ended.
            refusals: counts, by :attr:`Reason.code`, what is refused or cut; default: a counter of its own.
        """
        if refusals is not None:
            self._refusals = refusals
        self._start, self._at_head = style.start, style.at_head
        # The tasks of handlers, if they are to be cancelled when the client goes.
        self._running = style.running if self.params.cancel_on_disconnect else None
        self._on_close = on_close
        self._sweep = sweep
        sweep.add(self)  # first: it may have to set the clock
        self._since = sweep.now
        self.stream.set_consumer(self)

    # -- input -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._reading is not _R_HEAD or self._input or self._pauses is not NO_PAUSE:
            self._data_between(data)
        else:
            self._consume(data, 0)

    def _data_between(self, data: bytes) -> None:
        """Data in any other state than at the beginning of a request."""
        if self._reading is _R_BODY and self._awaited is None and not self._input:
            self._consume(data, 0)
        elif self._reading is _R_LINGER:
            self._body_left -= len(data)
            if self._body_left < 0:
                self.stream.close()
        elif self._reading is _R_DRAIN and not self._input:
            position = self._drain(data, 0)
            if position < len(data):
                if self._pauses & Pause.WRITE:
                    self._keep(data, position)
                else:
                    self._consume(data, position)
        elif self._reading is not _R_CLOSED:
            buffer = self._append(data)
            if self._reading is _R_HEAD and not self._continuing and self._pauses is NO_PAUSE:
                self._continue_head(buffer)
            elif len(buffer) > self.params.chunk_size:
                self._pause(Pause.PIPELINE)

    def _append(self, data: bytes) -> bytearray:
        buffer = self._input
        if not isinstance(buffer, bytearray):
            buffer = self._input = bytearray(memoryview(buffer)[self._position :])
            self._position = 0
        buffer += data
        return buffer

    def _keep(self, data: bytes, position: int) -> None:
        """Keep what stands behind a request: it isn't its turn yet.  Not copied: a packet may hold thousands."""
        if self._reading is _R_TUNNEL:
            self.stream.data_received(data[position:])  # the handler took the stream, and this belongs to it
        elif self._reading is not _R_CLOSED:
            self._input = data
            self._position = position
            if len(data) - position > self.params.chunk_size:
                self._pause(Pause.PIPELINE)

    def _drop_input(self) -> None:
        self._input = b""
        self._position = 0

    def _continue_head(self, buffer: bytearray) -> None:
        """Go on with ``_input`` if there is a whole head in it now."""
        begin = 0
        if buffer[0] == 13:  # "\r": an empty line before the request isn't its end
            begin = abnf.EMPTY_LINES.match(buffer).end()  # type: ignore[union-attr]  # it matches nothing, too
        if buffer.find(b"\r\n\r\n", max(begin, self._searched - 3)) < 0:
            searched, self._searched = self._searched, len(buffer)
            try:
                # Only what is new is looked at again, and the first line while it has no end.
                if len(buffer) > self.params.max_header_size or searched < 1024:
                    h1_head.refuse_early(bytes(buffer), self.params.max_header_size)
                elif abnf.BARE_LINE_END.search(buffer, max(0, searched - 1)):
                    raise HTTPInputError("a line that doesn't end with CRLF", reason=_reasons.BARE_LINE_END)
            except HTTPInputError as error:
                self._refuse_head(error, buffer, begin, searched)
            return
        self._drop_input()
        self._consume(bytes(buffer), 0)

    def _continue_later(self) -> None:
        if not self._continuing:
            self._continuing = True
            self._loop.call_soon(self._continue)

    def _continue(self) -> None:
        """Look at ``_input`` again, now that the exchange before it is over or the client reads again."""
        self._continuing = False
        if self._reading is _R_DRAIN:
            self._position = self._drain(self._input, self._position)
            if self._position == len(self._input):
                self._drop_input()
            if self._reading is _R_DRAIN:
                self._unpause(Pause.PIPELINE)
                if self._eof_since is not None:
                    self._end()
                return
        if self._reading is _R_BODY:
            if self._awaited is not None or self._receiver is None:
                return
        elif self._reading is not _R_HEAD or self._pauses & Pause.WRITE:
            return
        data, position = self._input, self._position
        if data:
            self._drop_input()
            self._consume(bytes(data), position)
        # DONE: another request is being answered. Otherwise what is left in _input is less than a message, or waits for
        # the receiver of its body.
        whole_ones_left = self._continuing or (self._reading is not _R_HEAD and not self._body_cut())
        if not whole_ones_left or len(self._input) - self._position <= self.params.chunk_size:
            self._unpause(Pause.PIPELINE)
        writable = not self._pauses & Pause.WRITE or self._reading is _R_BODY
        if self._eof_since is not None and not whole_ones_left and writable:
            self._end()  # the rest won't come

    def _consume(self, data: bytes, position: int) -> None:
        """Serve the requests in ``data[position:]``, which begins where ``_reading`` says; ``_input`` is empty.

        HOT: once per packet. Entry: _out is empty, not corked. Exit: the same.
        Inlined: ``head.parse_request_head`` for a head that came whole, without ``parse_tail`` when the tail equals the
        previous one of this connection, and not at all for a packet that equals the previous one: a client that asks
        again and again. ``test_fast_path_equals_plain_path`` keeps the two together.
        """
        size = len(data)
        start_request = self._start
        requests = 0
        self._corked = True
        try:
            while True:
                if self._reading is _R_BODY:
                    position = self._read_body(data, position)
                    if position < 0:
                        break
                    request = self._complete_body()
                    if request is None:  # it was started at its head
                        self._finish_receiver()
                        if self._reading is not _R_HEAD:
                            if position < size:
                                self._keep(data, position)
                            break
                        if position == size:
                            break
                        continue
                elif not position and data == self._memo_packet:
                    position = size
                    request = ServerRequest(self, self._memo_method, self._memo_target, self._memo)  # type: ignore[arg-type]  # it's that packet's
                else:
                    match = _match_request_line(data, position)
                    if match is None:
                        position = self._plain_head(data, position)
                        if position < 0:
                            break
                        continue
                    start = match.end()
                    end = start + self._memo_size
                    if data[start:end] == self._memo_octets:  # startswith costs twice as much
                        tail = self._memo
                    else:
                        tail = None
                        end = data.find(b"\r\n\r\n", start) + 4
                        if end < 4:
                            self._incomplete_head(data, position)
                            break
                    if end - position > self.params.max_header_size:
                        h1_head.refuse_early(data[position:end], self.params.max_header_size)
                    if tail is None:
                        octets = data[start:end]
                        tail = h1_head.parse_tail(octets, self.params.max_header_count)
                        self._memo = tail
                        self._memo_octets = octets
                        self._memo_size = len(octets)
                        self._memo_packet = b""
                    method, target = match.groups()
                    if target[0] != 47 or method == b"CONNECT":  # "/": all ordinary targets begin with it
                        h1_head.check_target(method, target, tail.body_length)
                    name = _METHODS.get(method) or method.decode()
                    request = ServerRequest(self, name, target, tail)
                    whole_packet = end - position == size
                    position = end
                    if not tail.body_length:
                        if whole_packet and size <= _MEMO_SIZE:
                            self._memo_packet = data
                            self._memo_method = name
                            self._memo_target = target
                    else:
                        self._begin_body(request, tail, position == size)
                        if position == size:
                            break
                        if self._reading is not _R_BODY or self._writing is _W_DONE:  # answered at its head
                            self._keep(data, position)
                            break
                        continue
                self._reading = _R_DONE
                self._writing = _W_HEAD
                self._exchange = request
                self._keep_alive = request.tail.keep_alive and not self.params.no_keep_alive
                try:
                    start_request(request)
                except Exception as error:
                    self.handler_failed(request, error)
                if self._reading is not _R_HEAD:  # not answered yet; or it was the last
                    if position < size:
                        self._keep(data, position)
                    break
                if position == size:
                    break
                requests += 1
                blocked = self._pauses is not NO_PAUSE and Pause.WRITE in self._pauses
                if blocked or requests == _REQUESTS_PER_TURN:
                    self._keep(data, position)
                    if not blocked:
                        self._continue_later()
                    break
        except HTTPInputError as error:
            self._refuse_head(error, data, position, 0)
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
        return abnf.EMPTY_LINES.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too

    def _incomplete_head(self, data: bytes, position: int) -> None:
        rest = data[position:]
        h1_head.refuse_early(rest, self.params.max_header_size)
        self._input = bytearray(rest)
        self._searched = len(rest)
        self._since = self._sweep.now

    def _refuse_head(self, error: HTTPInputError, data: bytes | bytearray, position: int, searched: int) -> None:
        """Refuse what begins at ``position``; unless it is the head of a very old client, and those are served."""
        kept = data is self._input
        if self.params.allow_bare_lf and self._reading is _R_HEAD and not (kept and position):
            try:
                found = h1_head.with_crlf(data, position, searched, self.params.max_header_size)
            except HTTPInputError as of_that:
                found, error = None, of_that
            if found is not None:
                head, end = found
                if end >= 0:  # one in a turn: its octets are copied
                    self._input = head + data[end:]
                    self._continue_later()
                elif not kept:
                    self._input = bytearray(data[position:])
                    self._searched = len(self._input)
                    self._since = self._sweep.now
                return
        self._refuse(error, head=data[position : position + HEAD_SAMPLE])

    def eof_received(self) -> None:
        """The client won't send any more. A complete request still gets its answer."""
        self._eof_since = self._sweep.now
        self._sweep.hurry(self)
        if self._body_cut() or (self._reading is _R_HEAD and not self._continuing and self._pauses is NO_PAUSE):
            self._end()  # between requests; or a premature end: the handler doesn't run
        elif self._reading is _R_LINGER and not self.stream.writing():
            self.stream.close()
        else:
            # The answer may never come, and a client that has really gone doesn't wait for it.
            _peerwatch.probe(self.stream.socket)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._reason is None:
            self._explain_loss(exc)
        exchange = self._exchange
        self._reading = _R_CLOSED
        self._writing = _W_CLOSED
        # Forgotten, or the two would keep each other: _claim knows what it means.
        exchange, self._exchange = self._exchange, None
        self._drop_input()
        self._out = ()
        self._drop_body()
        self._drop_receiver(exchange)
        self._sweep.discard(self)
        waiters, self._write_waiters = self._write_waiters, ()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(StreamClosedError(real_error=exc))
                waiter.exception()  # nobody has to look
        self._client_left(exchange)
        self._on_close(self)

    def _client_left(self, exchange: ServerRequest | None) -> None:
        """Nobody waits for the answer to ``exchange`` any more."""
        self._tell_close()
        if self._running is not None and exchange is not None:
            running, self._running = self._running, None
            if (task := running.get(exchange)) is not None:
                task.cancel()

    # -- the end of an exchange ------------------------------------------------------------------------------------

    def _restart(self) -> None:
        # HOT: once per response.
        if self._reading is not _R_DONE:  # answered before the request was read: the rest is of no use
            if self._can_drain():
                self._begin_drain()
                return
            self._keep_alive = False
            self._writing = _W_DONE
            if not self._corked:
                self._end()
            return
        self._reading = _R_HEAD
        self._since = self._sweep.now
        if not self._corked and (self._input or self._eof_since is not None):
            self._continue_later()

    def _end(self) -> None:
        """The last word has been said.

        If the client may still be sending, its octets are read and dropped for a while: a close that finds unread input
        resets the connection, and the reset may overtake our answer.  RFC 9112 §9.6.
        """
        reading = self._reading
        if reading is _R_LINGER or reading is _R_CLOSED or reading is _R_TUNNEL:
            return
        self._flush()
        if self._writing is not _W_DONE and self._reason is None:
            self._explain_loss()
        self._drop_receiver(self._exchange)
        more = self._eof_since is None and (
            reading is not _R_DONE or bool(self._input) or self._memo.keep_alive  # type: ignore[union-attr]  # DONE: there was a head
        )
        unsent = self.stream.writing()
        if (more or unsent) and (self.stream.send_eof() or unsent):
            self._reading = _R_LINGER
            self._body_left = self.params.linger_size
            self._since = self._sweep.now
            self._sweep.hurry(self)
            self._drop_input()
            self._unpause(Pause.PIPELINE)
        else:
            self.stream.close()

    def _refuse(
        self,
        error: HTTPInputError,
        record: str = "Malformed HTTP message from %s: %s",
        head: bytes | bytearray = b"",
    ) -> None:
        """Answer a message that breaks the rules, and close.  ``head`` is its beginning, if that was refused."""
        self.explain(error.reason, record, self.context, error)
        request = self._exchange or self._head_request
        method = request.method or "" if request is not None else head[:5].decode("latin-1").partition(" ")[0]
        if self._exchange is None or self._writing is _W_HEAD:  # else the handler is answering already: cut it
            self._out += (serializer.error_response(error.status, error.public, self._sweep.date_line, method),)
        if self._exchange is not None:
            self._seal(self._exchange)
        self._drop_body()
        self._keep_alive = False
        self._writing = _W_DONE
        if not self._corked:
            self._end()

    def detach(self, exchange: ServerRequest) -> IOStream:
        """Leave HTTP: the stream is the caller's, with what arrived behind the request."""
        if exchange is not self._upgrading and not self._claim(exchange):
            raise StreamClosedError(real_error=self.stream.error)
        self._upgrading = None
        self._flush()
        rest = bytes(self._input[self._position :])
        self._seal(exchange)
        self._reading = _R_TUNNEL
        self._writing = _W_CLOSED
        self._drop_input()
        self._sweep.discard(self)
        self._pauses = NO_PAUSE
        self._receiver = None
        self.stream.release_consumer(rest)
        handler, exchange.delegate = websocket_handler(exchange.delegate), None
        if handler is not None:
            self._sweep.websockets.add(handler)
        self._on_close(self)
        return self.stream

    async def close(self) -> None:
        """Close at once, whatever is in progress.  Source: Tornado."""
        self.stream.close()


class _OneExchange(ServesOne, HTTP1ServerConnection):
    """The engine of :class:`.DrivenConnection`."""

    __slots__ = ()


class HTTP1Connection(ClientConnection):
    """A connection that a program drives itself; with ``is_client=False`` it is a :class:`.DrivenConnection`.

    Source: Tornado ``http1connection.HTTP1Connection``.
    """

    def __new__(
        cls,
        stream: IOStream,
        is_client: bool = True,
        params: HTTP1ConnectionParameters | None = None,
        context: object = None,
    ) -> Any:
        if is_client:
            return super().__new__(cls)
        return DrivenConnection(stream, _OneExchange, params, context)


#: Tornado's tests import it.
_MAX_1XX_RESPONSES = MAX_1XX_RESPONSES

#: Decoding the usual ones again and again costs more than looking them up.
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")}
_match_request_line = abnf.REQUEST_LINE.match
