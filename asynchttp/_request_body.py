"""The bodies of requests on a server's connection: collected, or passed on as they come.

How this works
==============

*Collected*, for handlers that start when their request is complete: the octets grow in ``_body``, within
``max_body_size``.

*Passed on*, for delegates and ``stream_request_body``, whose request starts at its head: a *receiver* gets the pieces,
none larger than ``chunk_size``, none empty. What it returns is awaited before it gets more; until then octets wait in
``_input``, and reading pauses above ``chunk_size`` of them.

A receiver gets exactly one of ``finish`` and ``on_connection_close``, the last thing it gets; and nothing any more once
its exchange was answered. One whose ``finish`` raised hasn't got it.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from asynchttp import httputil
from asynchttp._exchange import Context, ServerRequest
from asynchttp._filebody import FileWriter
from asynchttp._h1 import chunked, framing, serializer
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError
from asynchttp._h1.head import Tail
from asynchttp._h1.states import Reading, Writing
from asynchttp._interfaces import HTTPMessageDelegate, tell_closed
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp.iostream import IOStream

__all__ = ["RequestBodyReader"]

_R_HEAD, _R_BODY, _R_DONE, _R_TUNNEL = Reading.HEAD, Reading.BODY, Reading.DONE, Reading.TUNNEL
_R_DRAIN = Reading.DRAIN
_W_HEAD, _W_DONE = Writing.HEAD, Writing.DONE


class RequestBodyReader(FileWriter):
    """Reads the bodies of the requests of one connection, one at a time."""

    __slots__ = (
        "_at_head",
        "_awaited",
        "_body",
        "_body_left",
        "_body_size",
        "_body_timeout",
        "_decoder",
        "_expecting",
        "_head_request",
        "_max_body_size",
        "_receiver",
        "_start",
    )

    _start: Callable[[ServerRequest], object]
    _input: bytes | bytearray
    _eof_since: float | None

    def __init__(self, stream: IOStream, params: HTTP1ConnectionParameters, context: Context) -> None:
        super().__init__(stream, params, context)
        self._reading = _R_HEAD
        # Requests are started at their head: _start gives receive() a receiver.
        self._at_head = False
        # The request whose body is being collected, and that body: one piece as it came, or a bytearray that grows.
        self._head_request: ServerRequest | None = None
        self._body: bytes | bytearray = b""
        self._body_left = 0  # octets still to come of it, or to drop at the end of the connection
        # None: a body with Content-Length.
        self._decoder: chunked.ChunkedDecoder | None = None
        # Who gets the body as it comes.
        self._receiver: HTTPMessageDelegate | None = None
        # What the receiver wants to be awaited before it gets more.
        self._awaited: asyncio.Future[Any] | None = None
        self._body_size = 0
        # The client waits for 100 (Continue).
        self._expecting = False
        # Of the present request.
        self._max_body_size = params.max_body_size
        self._body_timeout = params.body_timeout

    def _keep(self, data: bytes, position: int) -> None:
        """Keep ``data[position:]`` for later."""
        raise NotImplementedError

    def _continue_later(self) -> None:
        """Look at what was kept in another turn of the loop."""
        raise NotImplementedError

    def _refuse(self, error: HTTPInputError) -> None:
        """Answer a message that breaks the rules, and close."""
        raise NotImplementedError

    def _begin_body(self, request: ServerRequest, tail: Tail, nothing_yet: bool) -> None:
        self._reading = _R_BODY
        self._since = self._sweep.now
        self._body_left = tail.body_length
        self._body_size = 0
        self._max_body_size = self.params.max_body_size
        self._body_timeout = self.params.body_timeout
        self._decoder = None
        if tail.body_length == framing.CHUNKED:
            self._decoder = chunked.ChunkedDecoder(self.params.max_header_size, self.params.max_header_count)
        if not self._at_head:
            self._head_request = request
            self._check_claim()
            if tail.expect_continue and nothing_yet:
                self._out += (serializer.CONTINUE,)
            return
        self._expecting = tail.expect_continue and nothing_yet
        self._writing = _W_HEAD
        self._exchange = request
        self._keep_alive = tail.keep_alive and not self.params.no_keep_alive
        try:
            self._start(request)
        except Exception as error:
            self.handler_failed(request, error)

    def _check_claim(self) -> None:
        if self._body_left > self._max_body_size:
            raise BodyTooLargeError(f"Content-Length too long: more than {self._max_body_size} octets")

    def _body_cut(self) -> bool:
        """Whether the client, who won't send any more, left a body without its end."""
        if self._reading is _R_DRAIN:
            return not self._input
        return self._reading is _R_BODY and self._awaited is None and not self._input

    # -- answered early ----------------------------------------------------------------------------------------------

    def _can_drain(self) -> bool:
        """Whether what is left of the body can be read and dropped, so that the connection lives on.

        It must be little, and sure to come: not if the client waits for 100 (Continue) before it sends any.
        """
        return self._decoder is None and not self._expecting and self._body_left <= self.params.linger_size

    def _begin_drain(self) -> None:
        """Read the rest of the body for nobody."""
        self._reading = _R_DRAIN
        self._since = self._sweep.now
        self._awaited = None
        self._drop_receiver()
        if self._input or self._corked or self._eof_since is not None:
            self._continue_later()

    def _drain(self, data: bytes | bytearray, position: int) -> int:
        """Drop body; returns the index behind it."""
        size = min(len(data) - position, self._body_left)
        self._body_left -= size
        if not self._body_left:
            self._reading = _R_HEAD
            self._since = self._sweep.now
        return position + size

    # -- collected ---------------------------------------------------------------------------------------------------

    def _read_body(self, data: bytes, position: int) -> int:
        """Take body from ``data``; returns the index behind it, -1 when more is to come."""
        if self._at_head:
            return -1 if self._receiver is None else self._pass_body(self._receiver, data, position)
        if self._decoder is not None:
            piece, position = self._decoder.feed(data, position)
            if len(self._body) + len(piece) > self.params.max_body_size:
                raise BodyTooLargeError(f"chunked body too large: more than {self.params.max_body_size} octets")
        else:
            piece = data[position : position + self._body_left]
            self._body_left -= len(piece)
            position = -1 if self._body_left else position + len(piece)
        if not self._body:
            self._body = piece
        else:
            # Never a list of pieces: a peer that sends two octets at a time would make us keep fifty for each.
            if not isinstance(self._body, bytearray):
                self._body = bytearray(self._body)
            self._body += piece
        return position

    def _complete_body(self) -> ServerRequest | None:
        """The request that can be started now; ``None`` if it was started before."""
        request, self._head_request = self._head_request, None
        if request is None:
            if self._reading is _R_BODY:
                self._reading = _R_DONE
            return None
        request.body = bytes(self._body)
        self._body = b""
        if self._decoder is not None:
            self._take_trailers(request, self._decoder)
            self._decoder = None
        return request

    @staticmethod
    def _take_trailers(request: ServerRequest, decoder: chunked.ChunkedDecoder) -> None:
        if decoder.trailers:
            request.trailers = httputil.HTTPHeaders._of_checked(decoder.trailers)

    def _drop_body(self) -> None:
        self._body = b""
        self._head_request = None
        self._decoder = None

    # -- passed on ---------------------------------------------------------------------------------------------------

    def receive(
        self, exchange: ServerRequest, receiver: HTTPMessageDelegate, awaited: Any = None, *, wanted: bool = True
    ) -> None:
        """Give the body of a request, and then its end, to ``receiver``.  Called by what starts a request at its head.

        Args:
            awaited: an awaitable to wait for before that, or ``None``.
            wanted: whether the body is waited for at once; otherwise :meth:`want_body` says when.
        """
        if self._receiver is not None:  # of the request before, which was answered while its receiver was waited for
            self._drop_receiver()
        self._awaited = None
        if exchange is not self._exchange:  # answered, or detached, in headers_received
            if self._reading is not _R_TUNNEL:
                tell_closed(receiver)
            if awaited is not None and inspect.isawaitable(awaited):
                self._run_to_its_end(exchange, awaited)
            return
        if self._reading is _R_DONE and awaited is None:
            # HOT: once per request without a body. Inlined: what follows.
            try:
                receiver.finish()
            except Exception as error:
                self.handler_failed(exchange, error)
                tell_closed(receiver)
            return
        self._receiver = receiver
        if awaited is not None and inspect.isawaitable(awaited):
            self._wait_for_receiver(exchange, awaited, wanted)
        else:
            self._head_received(wanted)

    def _head_received(self, wanted: bool) -> None:
        if self._reading is _R_BODY:
            self._check_claim()
            if wanted:
                self._send_continue()
        else:
            self._finish_receiver()

    def want_body(self, exchange: ServerRequest) -> None:
        """The handler waits for the body."""
        if exchange is self._exchange:
            self._send_continue()

    def _send_continue(self) -> None:
        if self._expecting and self._writing is _W_HEAD:
            self._expecting = False
            self._put(serializer.CONTINUE)

    def _run_to_its_end(self, exchange: ServerRequest, awaitable: Any) -> "asyncio.Future[Any]":
        """Let go on what the receiver wants to be awaited: also behind the end of its exchange, to clean up.

        It is never cancelled, as in Tornado.
        """

        def ended(future: "asyncio.Future[Any]") -> None:
            if future.cancelled():
                self.abandon(exchange)
            elif (error := future.exception()) is not None:
                self.handler_failed(exchange, error)

        future: asyncio.Future[Any] = asyncio.ensure_future(awaitable, loop=self._loop)
        future.add_done_callback(ended)
        return future

    def _wait_for_receiver(self, exchange: ServerRequest, awaitable: Any, wanted: bool | None = None) -> None:
        """Pass on nothing until ``awaitable`` is done.  ``wanted`` is that of :meth:`receive` if it was the head."""

        def ready(future: "asyncio.Future[Any]") -> None:
            if self._awaited is not future:  # another request's turn
                return
            self._awaited = None
            if exchange is not self._exchange or self._receiver is None:
                self._drop_receiver()
                return
            try:
                if wanted is not None:
                    self._head_received(wanted)
                elif self._reading is _R_DONE:
                    self._finish_receiver()
            except HTTPInputError as refused:
                self._refuse(refused)
                return
            if self._reading is _R_BODY and (self._input or self._eof_since is not None):
                self._continue_later()

        self._awaited = self._run_to_its_end(exchange, awaitable)
        self._awaited.add_done_callback(ready)

    def _pass_body(self, receiver: HTTPMessageDelegate, data: bytes, position: int) -> int:
        """Pass the body in ``data`` on, in pieces of at most ``chunk_size``.

        Returns: the index behind it; -1 when more is to come, when nobody wants the rest, or when the receiver has to
        be waited for: what it doesn't get now is kept.
        """
        size = self.params.chunk_size
        while position < len(data) and self._reading is _R_BODY and self._writing is not _W_DONE:
            if self._awaited is not None:
                self._keep(data, position)
                return -1
            if self._decoder is not None:
                piece, position, complete = _decode(self._decoder, data, position, size)
            else:
                piece = data[position : position + min(size, self._body_left)]
                position += len(piece)
                self._body_left -= len(piece)
                complete = self._body_left == 0
            self._body_size += len(piece)
            if self._body_size > self._max_body_size:
                raise BodyTooLargeError(f"chunked body too large: more than {self._max_body_size} octets")
            self._expecting = False
            if piece:
                exchange = self._exchange
                try:
                    awaitable = receiver.data_received(piece)
                except Exception as error:
                    assert exchange is not None
                    self.handler_failed(exchange, error)
                    return -1
                if awaitable is not None and inspect.isawaitable(awaitable):
                    assert exchange is not None
                    self._wait_for_receiver(exchange, awaitable)
            if complete:
                return position
        if self._reading is _R_DRAIN and position < len(data):
            self._keep(data, position)
        return -1

    def _finish_receiver(self) -> None:
        """The body is complete: say so, unless the receiver has to be waited for."""
        exchange = self._exchange
        if self._awaited is None and self._receiver is not None and exchange is not None:
            receiver, self._receiver = self._receiver, None
            if self._decoder is not None:
                self._take_trailers(exchange, self._decoder)
                self._decoder = None
            try:
                receiver.finish()
            except Exception as error:
                self.handler_failed(exchange, error)
                tell_closed(receiver)

    def _drop_receiver(self, exchange: ServerRequest | None = None) -> None:
        """The body won't be complete, or nobody wants the rest.  ``exchange``: its request, if the client has gone."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            if exchange is not None and not hasattr(exchange, "chunks"):
                self._close_callback = None  # a delegate is told once, by on_connection_close
            tell_closed(receiver)

    def max_body_size(self, exchange: ServerRequest) -> int:
        """The limit of this request's body, before and after decompression."""
        return self._max_body_size

    def set_max_body_size(self, exchange: ServerRequest, size: int) -> None:
        if exchange is self._exchange:
            self._max_body_size = size


def _decode(decoder: chunked.ChunkedDecoder, data: bytes, position: int, size: int) -> tuple[bytes, int, bool]:
    """As much of the body in ``data[position:]`` as fills a piece of ``size`` octets, or almost: whatever the chunks.

    Returns: the piece, the index behind what it was made of, and whether the message is complete.
    """
    pieces = []
    room, end = size, -1
    # What is left of the room when it is an eighth isn't worth a copy of the rest.
    while room > size // 8 and end < 0 and position < len(data):
        # No more octets than there is room: they can't become more.
        piece, end = decoder.feed(data[position : position + room])
        position = position + end if end >= 0 else min(len(data), position + room)
        if piece:
            pieces.append(piece)
            room -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces), position, end >= 0
