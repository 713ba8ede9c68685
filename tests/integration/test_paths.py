"""The engine's short ways mean the same as the plain rules of ``_h1``, however the octets arrive.

Here octets are fed to a connection by hand, over a transport that only takes notes: thousands of cuts are quick so.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import random
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from asynchttp import _dispatch, httpserver, ioloop
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._sweep import Sweep
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from asynchttp.iostream import IOStream
from tests.integration.helpers import build_request, turns, until
from tests.support.h1 import Call, read_requests
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

PARAMS = HTTP1ConnectionParameters(max_header_size=600, max_header_count=8, max_body_size=300, chunk_size=1000)

#: No body of ours looks like one.
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z]")


class Wire(asyncio.Transport):
    """A transport that takes everything at once and notes it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = False

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@dataclasses.dataclass
class Outcome:
    calls: list[Call]
    output: bytes
    ended: bool

    @property
    def last_status(self) -> int:
        return int(STATUS_LINE.findall(self.output)[-1])

    def without_last(self) -> bytes:
        """The output before the last response: why something was refused may be known sooner or later."""
        *_, last = STATUS_LINE.finditer(self.output)
        return self.output[: last.start()]


def answer(request: Any) -> None:
    """One of the ways to answer, chosen by the method."""
    text = request.uri.encode() + b" " + request.body[:20]
    if request.method == "GET":
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        request.finish()
    elif request.method == "PUT":
        request.connection.write_headers(ResponseStartLine("", 201, "Created"), HTTPHeaders(), text)
        request.connection.write(text)
        request.connection.finish()
    else:
        request.respond(text)


def later(request: Any) -> None:
    asyncio.get_running_loop().call_soon(answer, request)


async def coroutine(request: Any) -> None:
    if request.method == "PUT":
        await asyncio.sleep(0)
    answer(request)


class WiredStream(IOStream):
    """A stream over a :class:`Wire`."""

    async def _make_transport(self) -> None:
        self.wire = Wire()
        self.connection_made(self.wire)


@contextlib.asynccontextmanager
async def connection(handler: Callable[[Any], Any]) -> AsyncIterator[tuple[IOStream, Wire, HTTP1ServerConnection]]:
    io_loop = ioloop.IOLoop.current()
    near, far = socket.socketpair()
    stream = WiredStream(near, io_loop=io_loop)
    sweep = Sweep(io_loop.asyncio_loop, 60)
    context = httpserver._HTTPRequestContext(stream, ("127.0.0.1", 1), None)
    start = _dispatch.style_of(handler, io_loop.asyncio_loop)
    engine = HTTP1ServerConnection(stream, PARAMS, context)
    engine.serve(start, sweep, lambda connection: None)
    sweep.date_line = b"Date: now\r\n"
    await turns(2)
    try:
        yield stream, stream.wire, engine
    finally:
        stream.close()
        near.close()
        far.close()


async def serve(pieces: list[bytes], handler: Callable[[Any], Any] = answer) -> Outcome:
    """Feed ``pieces`` to a connection, with turns of the loop between if the handler needs them."""
    calls: list[Call] = []

    def note(request: Any) -> Any:
        calls.append((request.method, request.uri, request.tail.octets, request.body))
        return handler(request)

    async with connection(note) as (stream, wire, engine):
        for piece in pieces:
            stream.data_received(piece)
            if handler is not answer:
                await turns(3)
        await until(lambda: not engine._continuing and engine._exchange is None)
        return Outcome(calls, b"".join(wire.written), wire.ended)


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


CHUNKED = build_request("/c", "Transfer-Encoding: chunked", method="PUT")

GOOD = {
    "get": build_request("/a"),
    "get with query": build_request("/a?b=c&d"),
    "get with a field": build_request("/b", "X-A: 1"),
    "other host": build_request("/a", host="other:8080"),
    "HTTP/1.0": build_request("/a", "Connection: keep-alive", version="HTTP/1.0", host=None),
    "head": build_request("/a", method="HEAD"),
    "post": build_request("/p", method="POST", body=b"hello\r\n\r\n"),
    "empty post": build_request("/p", method="POST", body=b""),
    "post that looks like two": build_request("/p", method="POST", body=build_request("/no")),
    "chunked": CHUNKED + chunks(b"hel", b"lo"),
    "empty chunked": CHUNKED + chunks(),
    "trailers": CHUNKED + chunks(b"x", trailers=b"X-T: 1\r\n"),
    "options": build_request("*", method="OPTIONS"),
    "absolute": build_request("http://test/a"),
    "empty line before": b"\r\n" + build_request("/a"),
}
LAST = {
    "close": build_request("/z", "Connection: close"),
    "HTTP/1.0 without keep-alive": build_request("/z", version="HTTP/1.0"),
    "half a head": build_request("/z")[:-3],
    "half a line": b"GET /z HT",
    "half a body": build_request("/z", method="POST", body=b"hello")[:-2],
    "half a chunk": CHUNKED + b"5\r\nhel",
    "bad line": b"GET /z\r\nHost: test\r\n\r\n",
    "bad version": build_request("/z", version="HTTP/2.0"),
    "bad field": build_request("/z", "X A: 1"),
    "bare LF": b"GET /z HTTP/1.1\nHost: test\n\n",
    "two hosts": build_request("/z", "Host: two"),
    "bad target": build_request("z"),
    "bad target and bad field": build_request("z", "X A: 1"),
    "bad chunk": CHUNKED + b"z\r\n",
    "smuggling": build_request("/z", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\n"),
    "unknown coding": build_request("/z", "Transfer-Encoding: x, chunked", method="POST"),
    "head too large": build_request("/z", "X: " + "a" * 600),
    "target too large": build_request("/" + "z" * 700),
    "too many fields": build_request("/z", *(f"X-{number}: 1" for number in range(10))),
    "body too large": build_request("/z", method="POST", body=b"x" * 301),
    "chunked body too large": CHUNKED + chunks(b"x" * 150, b"x" * 151),
    "largest body": build_request("/z", "Connection: close", method="POST", body=b"x" * 300),
}


def check(octets: bytes, whole: Outcome, outcome: Outcome, pieces: list[bytes], *, two_faults: bool = False) -> None:
    """``two_faults``: a head may be malformed *and* too large; which of both is seen first depends on the cut."""
    expected, status = read_requests(octets, PARAMS)
    assert outcome.calls == expected, pieces
    assert outcome.ended == whole.ended, pieces
    if status is None:
        assert outcome.output == whole.output, pieces
    else:
        assert outcome.last_status == status or (two_faults and outcome.last_status in (400, 414, 431)), pieces
        assert outcome.without_last() == whole.without_last(), pieces
        assert outcome.ended


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
@pytest.mark.parametrize("handler", [answer, later, coroutine])
async def test_fast_path_equals_plain_path(last: bytes, handler: Callable[[Any], Any]) -> None:
    """The whole at once, cut in two at each octet, and octet by octet; behind good ones, so that there is a memo."""
    octets = GOOD["get"] + GOOD["get"] + last
    whole = await serve([octets], handler)
    check(octets, whole, whole, [octets])
    splits = list(every_split(octets))
    if handler is not answer:
        splits = splits[:: max(1, len(splits) // 40)] + splits[-1:]
    for pieces in splits:
        check(octets, whole, await serve(pieces, handler), pieces)


@pytest.mark.parametrize("first", GOOD.values(), ids=GOOD)
async def test_fast_path_equals_plain_path_for_pairs(first: bytes) -> None:
    """Each kind of request behind each other kind: what is remembered of the first must not show in the second."""
    for second in GOOD.values():
        octets = first + second + first
        whole = await serve([octets])
        assert len(whole.calls) == 3
        check(octets, whole, whole, [octets])
        check(octets, whole, await serve([octets[i : i + 1] for i in range(len(octets))]), [])
        # A packet each, so that equal packets come behind each other and with another between them.
        packets = [first, first, second, first, second, second]
        octets = b"".join(packets)
        check(octets, await serve([octets]), await serve(packets), packets)


@pytest.mark.parametrize("body_size", [1, 5, len(GOOD["get"]) - 2, len(GOOD["get"])])
async def test_a_body_may_look_like_the_packet_before(body_size: int) -> None:
    """What is remembered of a packet holds where a request begins, and nowhere else."""
    head = b"POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % body_size
    packets = [GOOD["get"], GOOD["get"], head, GOOD["get"], GOOD["get"]]
    octets = b"".join(packets)
    check(octets, await serve([octets]), await serve(packets), packets)


async def test_a_head_may_end_as_the_packet_before() -> None:
    packets = [GOOD["get"], b"G", GOOD["get"], GOOD["get"]]
    outcome = await serve(packets)
    assert [call[0] for call in outcome.calls] == ["GET", "GGET", "GET"]


def random_messages(generator: random.Random) -> Iterator[bytes]:
    """Good requests, and sometimes one with an octet changed, lost or doubled."""
    for _ in range(generator.randrange(1, 25)):
        octets = generator.choice(list(GOOD.values()))
        if generator.random() < 0.06:
            place = generator.randrange(len(octets))
            what = generator.choice(
                [b"", b"\r", b"\n", b"\0", b" ", b":", b"x", b"\xff", octets[place : place + 1] * 2]
            )
            octets = octets[:place] + what + octets[place + 1 :]
        yield octets
    if generator.random() < 0.3:
        yield generator.choice(list(LAST.values()))


def random_cuts(generator: random.Random, octets: bytes) -> list[bytes]:
    count = generator.choice([0, 1, 2, 5, 20, len(octets) // 2])
    places = sorted({0, len(octets), *(generator.randrange(len(octets)) for _ in range(count))})
    return [octets[a:b] for a, b in itertools.pairwise(places)]


@pytest.mark.parametrize("seed", range(40))
async def test_fast_path_equals_plain_path_for_random_traffic(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(8):
        octets = b"".join(random_messages(generator))
        handler = generator.choice([answer, later, coroutine])
        whole = await serve([octets], handler)
        check(octets, whole, whole, [octets], two_faults=True)
        for _ in range(4):
            pieces = random_cuts(generator, octets)
            check(octets, whole, await serve(pieces, handler), pieces, two_faults=True)


async def test_pipelined_burst_is_one_write() -> None:
    """Unless the machine takes its time between two pieces of a response, and the first isn't kept waiting."""
    fewest = 99
    for _ in range(20):
        async with connection(answer) as (stream, wire, _):
            stream.data_received(b"".join(list(GOOD.values())[:8]))
            fewest = min(fewest, len(wire.written))
        if fewest == 1:
            break
    assert fewest == 1
