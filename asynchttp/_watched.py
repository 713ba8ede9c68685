"""What a server's connection is asked from outside: by the kernel, the clock, its peer's leaving, a server that ends.

How this works
==============

*Pausing.*  Reading rests for named reasons, set and cleared by :meth:`WatchedConnection._pause` and ``_unpause`` alone.

*Time.*  The sweep calls :meth:`WatchedConnection.check_time` once or more a second: which deadline holds follows from
what the connection is doing.

*Reasons.*  Whoever sees the end of a connection first says why: each of these methods does so before it closes.
"""

import asyncio
import enum
from typing import Final

from asynchttp import _peerwatch, _reasons
from asynchttp._exchange import Context, ServerRequest
from asynchttp._h1.errors import HTTPInputError, RequestTimeoutError
from asynchttp._h1.head import Tail
from asynchttp._h1.states import Reading, Writing
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._request_body import RequestBodyReader
from asynchttp._response import summary
from asynchttp._tls import handshake_was_cut_off
from asynchttp.iostream import IOStream

__all__ = ["HEAD_SAMPLE", "NO_PAUSE", "Pause", "WatchedConnection"]

#: Octets of a refused head that are kept to tell what it was.
HEAD_SAMPLE: Final = 256
#: Seconds after which a half-closed peer counts as gone: long enough for ``printf … | nc`` to get its answer.
_HALF_CLOSED_GRACE: Final = 1.0

_R_HEAD, _R_BODY, _R_LINGER, _R_DRAIN = Reading.HEAD, Reading.BODY, Reading.LINGER, Reading.DRAIN
_W_HEAD: Final = Writing.HEAD


class Pause(enum.Flag):
    """Why a connection doesn't read."""

    PIPELINE = enum.auto()
    """requests wait behind an unfinished one"""
    WRITE = enum.auto()
    """the client doesn't read what we send"""


NO_PAUSE: Final = Pause(0)


class WatchedConnection(RequestBodyReader):
    """The part of a server's connection that isn't fed by its stream."""

    __slots__ = ("_memo", "_pauses", "_stalled_since")

    def __init__(self, stream: IOStream, params: HTTP1ConnectionParameters, context: Context) -> None:
        super().__init__(stream, params, context)
        self._pauses = NO_PAUSE
        # Since when the client has taken nothing of what is written.
        self._stalled_since = 0.0
        # The previous tail of this connection: there was a request.
        self._memo: Tail | None = None

    def _continue_later(self) -> None:
        """Arrange that what waits is looked at again."""
        raise NotImplementedError

    def _client_left(self, exchange: ServerRequest | None) -> None:
        """Nobody waits for the answer to ``exchange`` any more."""
        raise NotImplementedError

    def _refuse(
        self,
        error: HTTPInputError,
        record: str = "Malformed HTTP message from %s: %s",
        head: bytes | bytearray = b"",
    ) -> None:
        """Answer a message that breaks the rules, and close.  ``head`` is its beginning, if that was refused."""
        raise NotImplementedError

    # -- pausing and time ------------------------------------------------------------------------------------------

    def _pause(self, reason: Pause) -> None:
        # Invariant: the stream is paused exactly while there is a reason.
        if not self._pauses:
            self.stream.pause_reading()
            self._sweep.hurry(self)
        self._pauses |= reason

    def _unpause(self, reason: Pause) -> None:
        if self._pauses & reason:
            self._pauses &= ~reason
            if not self._pauses:
                self.stream.resume_reading()

    def pause_writing(self) -> None:
        self._stalled_size = -1  # not known yet: the next tick will count as progress
        self._stalled_since = self._sweep.now
        self._pause(Pause.WRITE)

    def resume_writing(self) -> None:
        waiters, self._write_waiters = self._write_waiters, ()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._unpause(Pause.WRITE)
        if self._reading is _R_HEAD:
            self._since = self._sweep.now
            self._continue_later()
        elif self._reading is _R_LINGER:
            self._since = self._sweep.now
            if self._eof_since is not None or not self.stream.send_eof():
                self.stream.close()

    def set_body_timeout(self, exchange: ServerRequest, timeout: float | None) -> None:
        if exchange is self._exchange:
            self._body_timeout = timeout
            self._sweep.hurry(self)

    def check_time(self, now: float) -> float:
        """Called by the sweep: has a deadline passed?

        Phases begin without a word to the sweep if their limit is one of :attr:`.HTTP1ConnectionParameters.patience`;
        the others hurry it.
        """
        # No loop polls a socket that isn't read, so a reset behind so much input is only seen here.
        if self._pauses is Pause.PIPELINE and _peerwatch.lost(self.stream.socket):
            self._explain_loss(gone=True)
            self.stream.close()
            return 0
        params = self.params
        left = 0.0
        if self._pauses is NO_PAUSE and self._eof_since is None:
            left = params.patience
            if self._body_timeout is not None and self._body_timeout < left:
                left = max(0.0, self._body_timeout)
        # `_since` may lag behind by one period: no deadline comes early.
        elapsed = now - self._since - self._sweep.period
        if self._pauses is not NO_PAUSE and self._pauses & Pause.WRITE:
            waiting = self.stream.write_buffer_size() + _peerwatch.unacknowledged(self.stream.socket)
            if waiting != self._stalled_size:
                self._stalled_size = waiting
                self._stalled_since = now
            elif now - self._stalled_since - self._sweep.period > params.write_timeout:
                record = "Timeout writing to %s: no progress for %s s"
                self.explain(_reasons.WRITE_TIMEOUT, record, self.context, params.write_timeout)
                self.stream.close()
        elif self._reading is _R_HEAD:
            if self._input:
                left = min(left, params.header_timeout - elapsed)
                if left < 0:
                    error = RequestTimeoutError(f"request head not complete after {params.header_timeout} s")
                    self._refuse(error, head=self._input[:HEAD_SAMPLE])
            else:
                limit = params.idle_connection_timeout
                if self._memo is None:
                    limit = min(limit, params.header_timeout)
                left = min(left, limit - elapsed)
                # Where the loop was busy for so long, uvloop calls its timers before it looks at what came meanwhile.
                if left < 0 and not self.octets_wait():
                    self._explain_silence()
                    self.stream.close()
        elif self._reading is _R_BODY:
            if self._body_timeout is not None:
                left = min(left, self._body_timeout - elapsed)
                if left < 0:
                    fact = f"request body not complete after {self._body_timeout} s"
                    error = RequestTimeoutError(fact, reason=_reasons.BODY_TIMEOUT)
                    self._refuse(error, "Timeout reading body from %s: %s")
        elif self._reading is _R_LINGER:
            left = 0
            if elapsed > params.linger_timeout:
                self.stream.close()
        elif self._reading is _R_DRAIN:
            left = min(left, params.header_timeout - elapsed)
            if left < 0:
                self.stream.close()
        elif self._eof_since is not None and now - self._eof_since > _HALF_CLOSED_GRACE:
            self._client_left(self._exchange)
            self.stream.peer_has_gone()
            if _peerwatch.lost(self.stream.socket):
                self.stream.close()
        return left

    def in_flight(self) -> bool:
        """Whether a request is being received or answered."""
        return self._exchange is not None or self._head_request is not None

    # -- the end of the server -------------------------------------------------------------------------------------

    @property
    def draining(self) -> "asyncio.Event":
        """Set when the server begins to end."""
        return self._sweep.draining

    def last_exchange(self, params: HTTP1ConnectionParameters) -> None:
        """Go on by ``params``, which allow no keep-alive: the next response that begins is the last."""
        self.params = params
        if self._writing is _W_HEAD:
            self._keep_alive = False
        self._raw_memo_size = -1  # a raw response has to be looked at, to tell in it that it is the last

    def waiting_since(self) -> float | None:
        """Since when nothing has come of a next request, by the sweep's clock; ``None``: something is in progress."""
        if self._reading is _R_HEAD and not self._input and self._pauses is NO_PAUSE:
            return self._since
        return None

    def octets_wait(self) -> bool:
        """Whether the kernel holds octets of the client that weren't read yet."""
        return _peerwatch.unread(self.stream.socket) > 0

    def cut(self) -> None:
        """Close at once: the server's time is over."""
        request = self._exchange or self._head_request
        if request is not None:
            self.explain(_reasons.SHUTDOWN, "Cut at the end of the server: %s", summary(request))
        elif (self._reading is _R_HEAD and self._input) or self._pauses & Pause.WRITE:
            self.explain(_reasons.SHUTDOWN, "Cut at the end of the server: %s", self.context)
        self.stream.close()

    # -- reasons -----------------------------------------------------------------------------------------------------

    def _explain_silence(self) -> None:
        """Nothing has come for too long."""
        if self.stream.handshaking():
            self.explain(_reasons.TLS_TIMEOUT, "Timeout of the TLS handshake with %s", self.context)
        elif self._memo is None:
            self.explain(_reasons.SILENT_TIMEOUT, "Timeout waiting for a request of %s", self.context)
        else:
            self.explain(_reasons.IDLE_TIMEOUT, "Closed an idle connection of %s", self.context)

    def _explain_loss(self, error: BaseException | None = None, *, gone: bool = False) -> None:
        """The connection ends, or the client's side of it: was anybody waiting for something?

        Args:
            gone: it is the client's side, although the stream doesn't know that.
        """
        request = self._exchange or self._head_request
        if request is None:
            self._explain_loss_between_requests(error)
        elif not gone and not self.stream.peer_closed():
            self.explain(_reasons.CLOSED, "Closed the connection before the end of %s", summary(request))
        elif self._reading is _R_BODY:
            self.explain(_reasons.LEFT_IN_BODY, "Client left in the body of its request: %s", summary(request))
        elif self._writing is _W_HEAD:
            self.explain(_reasons.LEFT_BEFORE_ANSWER, "Client left before its answer: %s", summary(request))
        else:
            self.explain(_reasons.LEFT_IN_ANSWER, "Client left in the middle of its answer: %s", summary(request))

    def _explain_loss_between_requests(self, error: BaseException | None) -> None:
        if self._reading is _R_HEAD and self._input:
            if self.stream.peer_closed():
                self.explain(_reasons.LEFT_IN_HEAD, "Client left in the head of a request: %s", self.context)
            else:
                self.explain(_reasons.CLOSED, "Closed the connection in the head of a request: %s", self.context)
        elif self._pauses & Pause.WRITE:
            self.explain(_reasons.LEFT_IN_ANSWER, "Client left without all of its answer: %s", self.context)
        elif error is not None and self.stream.handshaking():
            if isinstance(error, TimeoutError):
                self._explain_silence()
            elif handshake_was_cut_off(error):
                self.explain(_reasons.TLS_CUT_OFF, "Client left in the TLS handshake: %s", self.context)
            else:
                self._count(_reasons.TLS_FAILED)  # the stream has said what was wrong
