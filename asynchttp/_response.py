"""The writing half of a server's connection: responses in each of their framings.

How this works
==============

*An exchange is a token.*  ``_exchange`` is the request being answered. Whatever a request or its ``connection`` asks
for is done only if it is that request; a handler that writes or finishes late gets an error and can't reach the next
response.

*One write per packet.*  While requests are being served, output is collected in ``_out`` (*corked*) and sent at the
end: a pipelined burst is answered by one ``send``. Outside of it a whole response goes to the stream at once, and the
pieces of one that come in quick succession are collected until it is complete or the loop's turn ends. A head without
body waits likewise for what the handler writes next.

*Raw mode.*  A handler may write its response head itself, as in Tornado 2. :class:`~asynchttp._h1.raw.RawResponse`
reads along, so the connection knows where that response ends. What it can't be sure of ends with the connection.

``_writing`` changes as :data:`asynchttp._h1.states.NEXT_WRITING` says.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from asynchttp import _reasons, httputil
from asynchttp._exchange import Context, Headers, ServerRequest
from asynchttp._h1 import abnf, chunked, framing, raw, serializer
from asynchttp._h1 import trailers as h1_trailers
from asynchttp._h1.errors import HTTPInputError, HTTPOutputError
from asynchttp._h1.ordinary import NO_HEAD, ordinary_head
from asynchttp._h1.states import Reading, Writing
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._sweep import Sweep
from asynchttp._tornado import in_our_terms
from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.log import app_log, gen_log

__all__ = ["CORKED_SIZE", "TURN_SIZE", "ResponseWriter", "summary"]

#: Octets of a body after which a handler that awaits its writes lets others have their turn, though the kernel would
#: take more: while 100 clients begin a large download, a small request of another waits for 100 such pieces.
TURN_SIZE: Final = 262144

#: Pieces of output that are collected; more, or one larger than the size, go out at once.
_CORKED_PIECES: Final = 32
CORKED_SIZE: Final = 65536
#: Seconds from the start of a request, or from one piece of its response to the next, within which pieces are
#: collected. What a handler that blocks the loop for longer writes goes by itself: its client needn't wait for its end.
_QUICK: Final = 100e-6

_R_HEAD, _R_DONE = Reading.HEAD, Reading.DONE

#: A response by ``respond`` with nothing said of it, which has a length, ``Date`` and ``Server``, and a body.
_ORDINARY_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n"
_ORDINARY: Final = _ORDINARY_HEAD + b"%b"

#: Requests whose successful response has no body.
_BODILESS: Final = frozenset(("HEAD", "CONNECT"))

#: What says how a body is framed: RFC 9110 §8.6, RFC 9112 §6.1: MUST NOT stand in a 204; and 205 has no content.
_FRAMING_FIELDS: Final = ("content-length", "transfer-encoding")
_EMPTY_STATUSES: Final = (204, 205)
#: Octets of an ordinary head that a connection keeps: the next response may be alike.
_MEMO_SIZE: Final = 1024

_W_IDLE, _W_HEAD, _W_LENGTH, _W_CHUNKED, _W_UNTIL_CLOSE, _W_RAW, _W_DONE, _W_CLOSED, _W_UPGRADE, _W_FILE = Writing


class ResponseWriter:
    """Writes the responses of one connection, one exchange at a time."""

    __slots__ = (
        "_close_callback",
        "_corked",
        "_done",
        "_ending",
        "_exchange",
        "_flushing",
        "_keep_alive",
        "_last_piece",
        "_left",
        "_octets_memo",
        "_out",
        "_raw",
        "_raw_memo_end",
        "_raw_memo_octets",
        "_raw_memo_size",
        "_reading",
        "_reason",
        "_refusals",
        "_since",
        "_stalled_size",
        "_sweep",
        "_unbroken",
        "_upgrading",
        "_write_waiters",
        "_writing",
        "context",
        "params",
        "stream",
    )

    _sweep: Sweep
    _reading: Reading

    def __init__(self, stream: IOStream, params: HTTP1ConnectionParameters, context: Context) -> None:
        self.stream = stream
        self.params = params
        self.context = context
        self._done = stream.io_loop.done_future
        self._writing = _W_IDLE
        #: when the present phase began, by the sweep's clock
        self._since = 0.0
        # The request being answered.
        self._exchange: ServerRequest | None = None
        self._keep_alive = True
        self._close_callback: Callable[[], Any] | None = None
        # What is collected. Not a list: an empty one for each idle connection is dear.
        self._out: tuple[bytes, ...] = ()
        self._corked = False
        # _out is sent when this turn of the loop ends.
        self._flushing = False
        # When a handler wrote a piece of a body that wasn't the last.
        self._last_piece = 0.0
        # Octets of response body still to come: LENGTH.
        self._left = 0
        # In RAW: who reads along; None when the response was seen to be whole.
        self._raw: raw.RawResponse | None = None
        # A head that this connection's handler wrote last time, and the size of the whole response then.
        self._raw_memo_octets = b""
        self._raw_memo_end = 0
        self._raw_memo_size = -1
        self._octets_memo = NO_HEAD
        # The request that was answered by 101, until its handler takes the stream.
        self._upgrading: ServerRequest | None = None
        # Invariant: empty unless the kernel hasn't taken everything.
        self._write_waiters: list[asyncio.Future[None]] | tuple[()] = ()
        # Octets of body that went out since a writer was told to wait.
        self._unbroken = 0
        # Trailers of a response that was finished while a file of it is being sent.
        self._ending: Headers | None = None
        # What will wait if the client takes nothing more of it: see check_time.
        self._stalled_size = 0
        # Why the last exchange, or the connection, ends otherwise than well.
        self._reason: _reasons.Reason | None = None
        # How often, of the server's connections together, by code.
        self._refusals: Counter[str] = Counter()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self.stream.io_loop.asyncio_loop

    def _restart(self) -> None:
        """The response is complete and the connection lives on: room for the next request."""
        raise NotImplementedError

    def _end(self) -> None:
        """The last word has been said."""
        raise NotImplementedError

    def _can_drain(self) -> bool:
        """Whether what is left of the request's body can be read and dropped."""
        raise NotImplementedError

    # -- output ----------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> "asyncio.Future[None]":
        """Send octets, or collect them while corked."""
        # HOT: once per response.
        if self._corked:
            self._out += (data,)
            if len(data) <= CORKED_SIZE and len(self._out) < _CORKED_PIECES:
                return self._done
            self._flush()
        elif self._out:
            self._out += (data,)
            self._flush()
        else:
            self.stream.send(data)
        if self.stream.writing():
            return self._wait(len(data))
        return self._done

    def _put_large(self, head: bytes, body: bytes) -> "asyncio.Future[None]":
        """:meth:`_put` for a response whose body is worth no copy."""
        self._out += (head,)
        return self._put(body)

    def _put_piece(self, exchange: ServerRequest, data: bytes) -> "asyncio.Future[None]":
        """:meth:`_put` for a piece of a body, behind which more may come."""
        complete = self._writing is _W_LENGTH and not self._left
        if complete or len(data) > CORKED_SIZE or self.stream.writing():
            return self._put(data)
        now = _now()
        quick = now - self._last_piece < _QUICK or now - exchange._start_time < _QUICK
        self._last_piece = now
        self._out += (data,)
        if quick and len(self._out) < _CORKED_PIECES:
            if not self._corked:
                self._flush_soon()
            return self._done
        self._flush()
        return self._wait(len(data)) if self.stream.writing() else self._done

    def _flush_soon(self) -> None:
        """Arrange that what is in ``_out`` when this turn of the loop ends is sent then."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_later)

    def _wait(self, size: int) -> "asyncio.Future[None]":
        """The kernel hasn't taken everything: a future for when it has.

        One for each write: who cancels his own mustn't cancel another's.
        """
        self._stalled_size += size
        future: asyncio.Future[None] = self._loop.create_future()
        waiters = self._write_waiters
        if not waiters:
            waiters = self._write_waiters = []
        waiters.append(future)
        return future

    def _next_turn(self) -> "asyncio.Future[None]":
        """A future that is done when others have had their turn."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._loop.call_soon(_resolve, future)
        return future

    def _flush(self) -> None:
        out = self._out
        if out:
            self._out = ()
            if len(out) == 1:
                self.stream.send(out[0])
            elif len(out[-1]) > CORKED_SIZE:
                self.stream.send_pieces(out)  # a copy would cost more than its octets
            else:
                self.stream.send(b"".join(out))

    def _flush_later(self) -> None:
        self._flushing = False
        self._flush()

    def send_now(self) -> None:
        """Send what is collected: the stream is about to be closed, or written to by somebody else."""
        self._flush()

    def _claim(self, exchange: ServerRequest) -> bool:
        """Whether ``exchange`` may write.  False when the client has gone; raises when it was finished before."""
        # HOT: once per response, or twice.
        if exchange is self._exchange:
            return True
        if self._writing is _W_CLOSED and not exchange.finished():
            return False
        raise HTTPOutputError("this request was finished before: nothing can be written to it any more")

    def _gone(self) -> "asyncio.Future[None]":
        """The result of a write to a client that has gone: it fails for who looks, and is silent for who doesn't."""
        future: asyncio.Future[None] = self._loop.create_future()
        future.set_exception(StreamClosedError(real_error=self.stream.error))
        future.exception()
        return future

    def respond(
        self,
        exchange: ServerRequest,
        body: Any,
        status: int,
        headers: Headers,
    ) -> "asyncio.Future[None]":
        """Write a whole response and end the exchange."""
        # HOT: once per response.
        if exchange is not self._exchange and not self._claim(exchange):
            self._seal(exchange)
            return self._gone()
        if self._writing is not _W_HEAD:
            raise HTTPOutputError("the response has begun already")
        if type(body) is not bytes:
            body = _body_octets(body)
        if (
            status == 200
            and not headers
            and self._keep_alive
            and exchange.tail.minor
            and exchange.method not in _BODILESS
            and self._reading is _R_DONE
        ):
            if len(body) <= CORKED_SIZE:
                done = self._put(_ORDINARY % (len(body), self._sweep.date_line, body))
            else:
                done = self._put_large(_ORDINARY_HEAD % (len(body), self._sweep.date_line), body)
        else:
            head, body = self._whole_response(exchange, body, status, headers)
            done = self._put(head + body) if len(body) <= CORKED_SIZE else self._put_large(head, body)
        self._finished(exchange)
        return done

    def respond_octets(
        self, exchange: ServerRequest, body: bytes, status: int, fields: Sequence[tuple[bytes, bytes]]
    ) -> "asyncio.Future[None]":
        """:meth:`respond` for fields that are octets already, and may say how the body is framed.

        Transfer-Encoding is left out, and so is a right Content-Length; a wrong one is an :exc:`HTTPOutputError`, and
        nothing was written.
        """
        # HOT: once per response of an application of ASGI or WSGI.
        # Inlined: respond, for an ordinary response. test_octets_equal_text keeps the two together.
        if (
            exchange is self._exchange
            and self._writing is _W_HEAD
            and self._keep_alive
            and exchange.tail.minor
            and exchange.method not in _BODILESS
            and self._reading is _R_DONE
            and type(body) is bytes
        ):
            size = len(body)
            memo = self._octets_memo
            if fields != memo[0] or status != memo[1] or (size != memo[2] and memo[2] >= 0):
                memo = ordinary_head(fields, status, size)
                self._octets_memo = memo if len(memo[3]) <= _MEMO_SIZE else NO_HEAD
            if memo is not NO_HEAD:
                length_line = memo[4] or b"Content-Length: %d\r\n\r\n" % size
                if size <= CORKED_SIZE:
                    done = self._put(b"".join((memo[3], self._sweep.date_line, length_line, body)))
                else:
                    done = self._put_large(b"".join((memo[3], self._sweep.date_line, length_line)), body)
                self._finished(exchange)
                return done
        length = b"%d" % len(body)
        text = []
        for name, value in fields:
            lowered = name.lower()
            if lowered == b"content-length":
                if value != length:
                    raise HTTPOutputError(f"Content-Length is {value!r}, and the body has {len(body)} octets")
            elif lowered != b"transfer-encoding":
                text.append((name.decode("latin-1"), value.decode("latin-1")))
        return self.respond(exchange, body, status, text)

    def _whole_response(
        self,
        exchange: ServerRequest,
        body: bytes,
        status: int,
        headers: Headers,
    ) -> tuple[bytes, bytes]:
        """The head of a response, and what goes out of its body."""
        if not 200 <= status <= 599:
            raise ValueError(f"not a final status code (200–599): {status!r}")
        fields = list(_pairs(headers))
        names = {name.lower() for name, _ in fields}
        if not names.isdisjoint(_FRAMING_FIELDS):
            raise ValueError("respond() sets Content-Length itself; use connection.write_headers for other framings")
        encoded = serializer.encode_fields(fields)
        own = self._sweep.date_line if names.isdisjoint(("date", "server")) else self._sweep.lines_beside(names)
        has_body = serializer.may_have_body(exchange.method or "", status)
        if self._reading is not _R_DONE and not self._can_drain():
            self._keep_alive = False
        if exchange.method == "CONNECT" and status < 300:  # a tunnel, which nobody took over (RFC 9110 §9.3.6)
            self._keep_alive = False
            has_body = False
        elif body and status in (204, 205, 304):
            raise ValueError(f"a response with status {status} can't have a body")
        elif status not in (204, 304):
            own += b"Content-Length: %d\r\n" % len(body)
        if "connection" in names:
            options = framing.list_members([v.encode("latin-1") for n, v in fields if n.lower() == "connection"])
            if b"close" in options:
                self._keep_alive = False
            elif not self._keep_alive:
                own += b"Connection: close\r\n"
        else:
            own += self._connection_field(exchange)
        return b"%b%b%b\r\n" % (serializer.status_line(status), encoded, own), body if has_body else b""

    def _connection_field(self, exchange: ServerRequest) -> bytes:
        """What the client has to be told of the connection's fate: nothing, if it is what it expects anyhow."""
        if exchange.tail.minor:
            return b"" if self._keep_alive else b"Connection: close\r\n"
        if self._keep_alive:
            return b"Connection: Keep-Alive\r\n"
        return b"Connection: close\r\n" if exchange.tail.keep_alive else b""

    def write_headers(
        self,
        exchange: ServerRequest,
        start_line: httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: Any = None,
    ) -> "asyncio.Future[None]":
        """Write a response head, whose framing follows from its fields, and the first octets of its body."""
        if not self._claim(exchange):
            return self._gone()
        if self._writing is not _W_HEAD:
            raise HTTPOutputError("the head of this response was written before")
        body = _body_octets(chunk) if chunk else b""
        status = start_line.code
        lengths, codings = headers.get_list("Content-Length"), headers.get_list("Transfer-Encoding")
        pairs = _pairs(headers)
        if status in _EMPTY_STATUSES and (lengths or codings):
            pairs = [(name, value) for name, value in pairs if name.lower() not in _FRAMING_FIELDS]
            lengths = codings = []
        head = serializer.status_line(status, start_line.reason) + serializer.encode_fields(pairs)
        # RFC 9110 §8.6, RFC 9112 §6.1: MUST NOT be there
        tunnel = exchange.method == "CONNECT" and 200 <= status < 300
        if (status < 200 or tunnel) and (body or lengths or codings):
            raise ValueError(f"a response with status {status} to {exchange.method} has no body, and no length of one")
        if codings and (lengths or framing.list_members([c.encode("latin-1") for c in codings]) != [b"chunked"]):
            raise ValueError("Transfer-Encoding of a response can only be chunked, without Content-Length")
        if lengths and (len(lengths) > 1 or abnf.CONTENT_LENGTH.fullmatch(lengths[0].encode("latin-1")) is None):
            raise ValueError(f"invalid Content-Length: {lengths!r}")
        # RFC 9110 §7.8: MUST NOT switch to what the client didn't offer, or in HTTP/1.0
        if status == 101 and not (exchange.tail.minor and "Upgrade" in exchange.headers):
            raise ValueError(f"no {exchange.version} client that didn't ask for Upgrade can get a 101")
        if status < 200 and status != 101:  # interim; HTTP/1.0 doesn't know them (RFC 9110 §15.2)
            return self._put(head + b"\r\n") if exchange.tail.minor else self._done
        if status == 101 or tunnel:
            self._writing = _W_UPGRADE
        elif not serializer.may_have_body(exchange.method or "", status):
            if body and status in (204, 304):
                raise ValueError(f"a response with status {status} can't have a body")
            self._writing, self._left = _W_LENGTH, 0
        elif codings:
            # The handler frames the body itself: hold it to what it says.
            self._writing, self._raw = _W_RAW, raw.RawResponse.chunks(exchange.method or "")
        elif lengths:
            self._writing, self._left = _W_LENGTH, int(lengths[0])
        elif status == 205:
            self._writing, self._left = _W_LENGTH, 0
            head += b"Content-Length: 0\r\n"
        elif exchange.tail.minor:
            self._writing = _W_CHUNKED
            head += b"Transfer-Encoding: chunked\r\n"
        else:
            self._writing = _W_UNTIL_CLOSE
            self._keep_alive = False
        options = framing.list_members([v.encode("latin-1") for v in headers.get_list("Connection")])
        if b"close" in options:
            self._keep_alive = False
        elif self._writing is not _W_UPGRADE and not (b"keep-alive" in options and self._keep_alive):
            head += self._connection_field(exchange)
        head += b"\r\n"
        if body:
            framed = self._framed(exchange, body)
            if len(framed) > CORKED_SIZE:
                return self._put_large(head, framed)
            return self._put_piece(exchange, head + framed)
        self._out += (head,)
        if not self._corked:
            self._flush_soon()
        return self._done

    def _framed(self, exchange: ServerRequest, data: bytes) -> bytes:
        """``data``, which isn't empty, as the framing of this response wants it."""
        if self._writing is _W_CHUNKED:
            return chunked.encode_chunk(data)
        if self._writing is _W_RAW:
            return self._raw_octets(exchange, data)
        if self._writing is _W_LENGTH:
            if len(data) > self._left:
                raise self._broken(exchange, "Tried to write more data than Content-Length")
            self._left -= len(data)
        elif self._writing is _W_FILE:
            raise HTTPOutputError("a file is being sent: wait for it")
        return data

    def write(self, exchange: ServerRequest, data: Any) -> "asyncio.Future[None]":
        """Write octets of the body; without a head before, octets as they are (raw mode)."""
        # HOT: once per response in raw mode.
        # Inlined: RawResponse.feed and .finish, when a whole response comes at once with the head of the previous one;
        # and _put for it, while corked.
        if exchange is not self._exchange and not self._claim(exchange):
            return self._gone()
        if type(data) is not bytes:
            data = _body_octets(data)
        if not data:  # nothing; and a chunk of no octets would be the last
            return self._done
        if self._writing is _W_HEAD:
            self._writing = _W_RAW
            if (
                len(data) == self._raw_memo_size
                and data[: self._raw_memo_end] == self._raw_memo_octets
                and exchange.method != "HEAD"
            ):
                self._raw = None
                if self._corked:
                    self._out += (data,)
                    return self._done
                return self._put(data)
            # A server that is made without keep-alive leaves the head as it is; one that ends tells its client.
            surprise = exchange.tail.keep_alive and not self._keep_alive and self._sweep.draining.is_set()
            self._raw = raw.RawResponse(exchange.method or "", announce_close=surprise)
            self._remember_raw(data)
        data = self._framed(exchange, data)
        if not data:
            return self._done
        done = self._put_piece(exchange, data)
        self._unbroken += len(data)
        if self._unbroken < TURN_SIZE:
            return done
        self._unbroken = 0
        return self._next_turn() if done is self._done else done

    def _raw_octets(self, exchange: ServerRequest, data: bytes) -> bytes:
        if self._raw is None:
            raise self._broken(exchange, "Tried to write more data than Content-Length")
        try:
            return self._raw.feed(data)
        except HTTPOutputError as error:
            raise self._broken(exchange, str(error)) from None

    def _remember_raw(self, data: bytes) -> None:
        """Keep the head of a raw response, if all that matters can be seen from its size."""
        end = data.find(b"\r\n\r\n") + 4
        told = serializer.parse_response_framing(data[:end]) if 4 <= end <= 1024 else None
        if (
            told is not None
            and told.keep_alive
            and told.body_length is not None
            and 0 <= told.body_length <= CORKED_SIZE - end
            and serializer.may_have_body("GET", told.status)
        ):
            self._raw_memo_octets = _shared(data[:end])
            self._raw_memo_end = end
            self._raw_memo_size = end + told.body_length

    def finish(self, exchange: ServerRequest, trailers: Headers = ()) -> None:
        """End the response."""
        # HOT: once per response in raw mode.
        if exchange is not self._exchange and not self._claim(exchange):
            self._seal(exchange)
            return
        writing = self._writing
        if trailers and writing not in (_W_CHUNKED, _W_FILE):
            self._last_chunk(exchange, trailers)  # to refuse them
        if writing is _W_RAW:
            if self._raw is not None:
                missing = self._raw.finish()
                if not self._raw.keep_alive:
                    self._keep_alive = False
                if missing is not None:
                    raise self._broken(exchange, missing)
                self._finished(exchange)
                self._raw = None  # an idle connection keeps nothing of it
                return
        elif writing is _W_HEAD:
            self.explain(_reasons.NO_ANSWER, "No answer to %s", summary(exchange))
            self._apologize(exchange, 500, "Internal Server Error")
            raise HTTPOutputError("finished without a response")
        elif writing is _W_UPGRADE:
            self._await_upgrade(exchange)
            return
        elif writing is _W_CHUNKED:
            self._put(self._last_chunk(exchange, trailers) if trailers else chunked.LAST_CHUNK)
        elif writing is _W_LENGTH and self._left:
            raise self._broken(exchange, f"Tried to write {self._left} bytes less than Content-Length")
        elif writing is _W_FILE:
            if self._ending is not None:
                raise HTTPOutputError("this request was finished before")
            self._ending = trailers
            return
        self._finished(exchange)

    def _last_chunk(self, exchange: ServerRequest, trailers: Headers) -> bytes:
        """The end of a body in chunked coding, with trailer fields.

        Where the request rules that coding out nobody sees them, and the handler needn't know.
        """
        section = h1_trailers.encode_section(_pairs(trailers))
        if self._writing is not _W_CHUNKED and exchange.tail.minor and exchange.method != "HEAD":
            raise HTTPOutputError("trailer fields need the chunked coding: a head without Content-Length")
        return chunked.LAST_CHUNK_LINE + section

    def _await_upgrade(self, exchange: ServerRequest) -> None:
        """101 was sent: :meth:`detach` may come now, in this turn of the loop."""
        self._flush()
        self._seal(exchange)
        self._upgrading = exchange
        self._loop.call_soon(self._upgrade_missed)

    def _upgrade_missed(self) -> None:
        missed, self._upgrading = self._upgrading, None
        if missed is not None and self._writing is _W_UPGRADE:
            self.explain(_reasons.NOT_UPGRADED, "Nobody took the connection after %s was upgraded", summary(missed))
            self._writing = _W_DONE
            self._end()

    def _finished(self, exchange: ServerRequest) -> None:
        """The response is complete: make room for the next exchange, or end the connection."""
        # HOT: once per response.
        # Inlined: _restart, for a request that was read to its end and is answered in the packet that brought it.
        exchange._finish_time = _now()
        self._exchange = None
        self._close_callback = None
        if self._keep_alive:
            self._writing = _W_IDLE
            if self._corked and self._reading is _R_DONE:
                self._reading = _R_HEAD
                self._since = self._sweep.now
                return
            if self._out and not self._corked:
                self._flush()
            self._restart()
        else:
            self._writing = _W_DONE
            if not self._corked:
                self._flush()
                self._end()

    def _seal(self, exchange: ServerRequest) -> None:
        """Nothing can be written to ``exchange`` any more."""
        exchange._finish_time = time.time()
        self._exchange = None
        self._close_callback = None

    # -- when it goes wrong -----------------------------------------------------------------------------------------

    def explain(self, reason: _reasons.Reason, message: str, *args: object) -> None:
        """A request is refused or cut, or the connection is: say why, in one record, and count it.

        Whatever is noted ends the connection, so there is one reason at most.
        """
        if self._reason is None:
            self._count(reason)
            gen_log.log(
                reason.level, message + " [%s, %s]", *args, reason.code, reason.section, extra=reason.attributes
            )

    def _count(self, reason: _reasons.Reason) -> None:
        self._reason = reason
        self._refusals[reason.code] += 1

    def _cut(self, exchange: ServerRequest) -> None:
        """Our own application broke the message: nothing more goes out, and the client sees that it isn't whole."""
        self._keep_alive = False
        self._tell_close()
        self._finished(exchange)

    def _broken(self, exchange: ServerRequest, fact: str) -> HTTPOutputError:
        """Cut a response that isn't what its head promised; returns what to raise."""
        self.explain(_reasons.ANSWER_FRAMING, "Cut the answer to %s: %s", summary(exchange), fact)
        self._cut(exchange)
        return HTTPOutputError(fact)

    def handler_failed(self, exchange: ServerRequest, error: BaseException) -> None:
        """A handler raised: ``500`` if nothing has gone out, a cut connection else.  Logged once.

        That its client left, or broke off the body, isn't the handler's fault; there is a record of it already.
        """
        status, message = 500, "Internal Server Error"
        error = in_our_terms(error)
        answering = self.answering(exchange)
        if isinstance(error, HTTPInputError):
            if answering:
                self.explain(error.reason, "Malformed HTTP message from %s: %s", self.context, error)
            else:
                gen_log.info("Malformed HTTP message from %s: %s", self.context, error)
            status, message = error.status, error.public
        elif not (isinstance(error, StreamClosedError) and self._writing in (_W_CLOSED, _W_DONE)):
            extra = None
            if answering and self._reason is None:
                self._count(_reasons.HANDLER_FAILED)
                extra = _reasons.HANDLER_FAILED.attributes
            app_log.error("Uncaught exception %s\n%r", summary(exchange), exchange, exc_info=error, extra=extra)
        if not answering:
            return
        if self._writing is not _W_HEAD:
            self._cut(exchange)
            return
        self._apologize(exchange, status, message)

    def _apologize(self, exchange: ServerRequest, status: int, message: str) -> None:
        """Answer in the place of a handler that can't."""
        self._out += (serializer.error_response(status, message, self._sweep.date_line, exchange.method or ""),)
        self._keep_alive = False
        self._tell_close()
        self._finished(exchange)

    def answering(self, exchange: ServerRequest) -> bool:
        """Whether ``exchange`` still has to be finished, and its client is there."""
        return exchange is self._exchange and self._ending is None

    def abandon(self, exchange: ServerRequest) -> None:
        """The handler was cancelled: its client can only be told by the end of the connection."""
        if self.answering(exchange):
            self.explain(_reasons.HANDLER_CANCELLED, "Handler was cancelled: %s", summary(exchange))
            self._cut(exchange)

    def give_up(self, exchange: ServerRequest) -> None:
        """The handler, whose exchange is in progress, takes too long: ``503`` if nothing has gone out, else a cut."""
        if self._writing is _W_HEAD:
            self._apologize(exchange, 503, "Service Unavailable")
        else:
            self._cut(exchange)

    def set_close_callback(self, exchange: ServerRequest, callback: Callable[[], Any] | None) -> None:
        if exchange is self._exchange:
            self._close_callback = callback
        elif callback is not None and self._writing is _W_CLOSED and not exchange.finished():
            self.stream.io_loop.add_callback(callback)  # it had gone before

    def _tell_close(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self.stream.io_loop.add_callback(callback)


_last_head = b""


def _shared(head: bytes) -> bytes:
    """The same octets; those that another connection keeps already, if they are equal to the last ones."""
    global _last_head
    if head != _last_head:
        _last_head = head
    return _last_head


_now = time.time


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _pairs(headers: Headers) -> Iterable[tuple[str, str]]:
    if isinstance(headers, Mapping):
        # Ours and Tornado's keep the values of a repeated field apart.
        get_all = getattr(headers, "get_all", headers.items)
        pairs: Iterable[tuple[str, str]] = get_all()
        return pairs
    return headers


def _body_octets(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"a body is bytes, bytearray, memoryview or str, not {type(data).__name__}")


def summary(exchange: ServerRequest) -> str:
    return f"{exchange.method} {exchange.uri} ({exchange.remote_ip})"
