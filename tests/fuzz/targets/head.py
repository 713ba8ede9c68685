"""Whatever a client sends over a connection: pipelined requests, their bodies, and what isn't HTTP at all.

* The engine, fed in any pieces, makes of it what the plain rules of ``_h1`` make of it, and raises nothing.
* The first request means to h11 and httptools what it means to us, but for the listed decisions.
"""

import collections
import functools
import itertools
import re
import types
from collections.abc import Callable
from typing import Any

from asynchttp import _dispatch
from asynchttp._h1 import head
from asynchttp._h1.errors import HTTPInputError
from asynchttp._interfaces import HTTPMessageDelegate
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp.http1connection import HTTP1ServerConnection
from tests.fuzz.targets.cuts import cuts
from tests.property.decisions import undecided
from tests.support.h1 import Call, Message, assert_modest, read_request, read_requests
from tests.support.hostile import HEADS

__all__ = ["SEEDS", "WORDS", "check"]

WORDS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/1.1\r\n",
    b"\r\n\r\n",
    b"\r\nHost: a\r\n",
    b"\r\nContent-Length: 5\r\n\r\nhello",
    b"\r\nContent-Length:",
    b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\r\nTransfer-Encoding:",
    b"chunked",
    b"\r\nConnection: close\r\n",
    b"\r\nConnection: keep-alive\r\n",
    b"\r\nExpect: 100-continue\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"http://a/",
    b"[::1]:80",
    b"\r\n ",
    b"\n",
    b"\x00",
]

SEEDS = [hostile.octets for hostile in HEADS if len(hostile.octets) < 2000]

#: Small, so that an input reaches each of them.
PARAMS = HTTP1ConnectionParameters(max_header_size=300, max_header_count=8, max_body_size=100, chunk_size=150)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class _Loop:
    """The turns of a loop, taken when it suits."""

    def __init__(self) -> None:
        self._ready: collections.deque[tuple[Callable[..., object], tuple[Any, ...]]] = collections.deque()

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        self._ready.append((callback, arguments))

    def run(self) -> None:
        while self._ready:
            callback, arguments = self._ready.popleft()
            callback(*arguments)


class _Stream:
    """A stream whose peer takes everything at once.  It counts as closed, to the engine, in the next turn."""

    error = None
    socket = None

    def __init__(self, loop: _Loop) -> None:
        self.io_loop = types.SimpleNamespace(asyncio_loop=loop, done_future=None, add_callback=loop.call_soon)
        self._loop = loop
        self.sent: list[bytes] = []
        self.paused = False
        #: nothing can be sent any more
        self.ended = False
        #: nothing is read any more
        self.gone = False

    def set_consumer(self, consumer: HTTP1ServerConnection) -> None:
        self._consumer = consumer

    def send(self, data: bytes) -> None:
        assert not self.ended
        self.sent.append(bytes(data))

    def writing(self) -> bool:
        return False

    def send_eof(self) -> bool:
        self.ended = True
        return True

    def close(self) -> None:
        if not self.gone:
            self.ended = self.gone = True
            self._loop.call_soon(self._consumer.connection_lost, None)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def _answer_at_once(loop: _Loop, request: Any) -> None:
    request.respond(status=_status(request.method))


def _answer_later(loop: _Loop, request: Any) -> None:
    loop.call_soon(_answer_at_once, loop, request)


def _status(method: str) -> int:
    """200, but behind that a CONNECT would be a tunnel."""
    return 405 if method == "CONNECT" else 200


class _Receiver(HTTPMessageDelegate):
    """Takes a body as it comes, and calls ``complete`` with the whole."""

    def __init__(self, complete: Callable[[bytes], None]) -> None:
        self._complete = complete
        self._body = b""
        self._over = False

    def data_received(self, chunk: bytes) -> None:
        assert not self._over
        assert 0 < len(chunk) <= PARAMS.chunk_size
        self._body += chunk

    def finish(self) -> None:
        assert not self._over
        self._over = True
        self._complete(self._body)

    def on_connection_close(self) -> None:
        assert not self._over
        self._over = True


def _serve(
    pieces: list[bytes], answer: Callable[[_Loop, Any], None], at_head: bool
) -> tuple[list[Call], list[int], bool]:
    """Requests that were complete, statuses that the engine sent, and whether it ended the connection."""
    loop = _Loop()
    stream = _Stream(loop)
    calls: list[Call] = []

    def complete(request: Any, body: bytes) -> None:
        calls.append((request.method, request.uri, request.tail.octets, body))
        answer(loop, request)

    def start(request: Any) -> None:
        if at_head:
            engine.receive(request, _Receiver(functools.partial(complete, request)))
        else:
            complete(request, request.body)

    sweep = types.SimpleNamespace(
        now=0.0,
        period=1.0,
        date_line=b"",
        add=lambda member: None,
        hurry=lambda member: None,
        discard=lambda member: None,
    )
    engine = HTTP1ServerConnection(stream, PARAMS, "a client")  # type: ignore[arg-type]
    engine.serve(_dispatch.Style(start, at_head), sweep, lambda connection: None)  # type: ignore[arg-type]
    for piece in pieces:
        if not stream.gone:
            assert not stream.paused, "nothing is in progress, and still it doesn't read"
            engine.data_received(piece)
            loop.run()
    statuses = [int(status) for status in STATUS.findall(b"".join(stream.sent))]
    return calls, [status for status in statuses if status != 100], stream.ended


def _check_engine(data: bytes) -> None:
    expected, refused = read_requests(data, PARAMS)
    ended = refused is not None or (bool(expected) and not head.parse_tail(expected[-1][2], 8).keep_alive)
    answers = [_status(method) for method, *_ in expected]
    for pieces in cuts(data):
        for answer, at_head in itertools.product((_answer_at_once, _answer_later), (False, True)):
            calls, statuses, has_ended = _serve(pieces, answer, at_head)
            assert calls == expected, (pieces, calls, expected)
            assert has_ended == ended, (pieces, statuses, has_ended, ended)
            if refused is None:
                assert statuses == answers, (pieces, statuses)
                continue
            assert statuses[:-1] == answers, (pieces, statuses, refused)
            # A head may be malformed and too large: which of both is seen first depends on the cut.
            either = statuses[-1] == refused or {statuses[-1], refused} <= {400, 414, 431}
            assert either, (pieces, statuses, refused)


def _check_meaning(data: bytes) -> None:
    outcomes: list[Message | HTTPInputError | None] = []
    for pieces in cuts(data):
        try:
            outcomes.append(read_request(pieces))
        except HTTPInputError as error:
            assert_modest(error, data)
            outcomes.append(error)
    refused = [isinstance(outcome, HTTPInputError) for outcome in outcomes]
    assert all(refused) or not any(refused), f"refused at some splits only: {outcomes}"
    assert all(refused) or all(outcome == outcomes[0] for outcome in outcomes), outcomes
    assert not (found := undecided(data, outcomes[0])), found


def check(data: bytes) -> None:
    _check_engine(data)
    _check_meaning(data)
