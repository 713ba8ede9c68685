"""What isn't a request, and what is too large: each has its own status, the last word, and the handler never runs."""

import asyncio
import gzip
import logging
import time
from typing import Any

import pytest

from tests.integration.helpers import (
    Recorder,
    all_closed,
    build_request,
    only_connection,
    run_server,
    run_server_with_clock,
    turns,
    within,
)
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio


async def refused(running: RunningServer, status: int, pieces: list[bytes]) -> bytes:
    """Send ``pieces``; there must be one answer with ``status``, then the end without a reset.  Returns its body."""
    async with await running.connect() as client:
        await client.send_pieces(pieces)
        response = await client.read_response()
        assert response.status == status, pieces
        assert response.header("Connection") == "close"
        assert response.header("Content-Length") == str(len(response.body))
        assert response.body.endswith(b"\n")
        assert response.body.count(b"\n") == 1
        assert await client.read_to_end() == b""
        assert not client.was_reset
        return response.body


GOOD = build_request("/good")
POST = "POST / HTTP/1.1\r\nHost: test\r\n"

BAD = {
    "no version": (400, b"GET /\r\n\r\n"),
    "no target": (400, b"GET HTTP/1.1\r\nHost: test\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: test\r\n\r\n"),
    "space in the target": (400, b"GET /a b HTTP/1.1\r\nHost: test\r\n\r\n"),
    "tab": (400, b"GET\t/ HTTP/1.1\r\nHost: test\r\n\r\n"),
    "method is no token": (400, b"G(T / HTTP/1.1\r\nHost: test\r\n\r\n"),
    "space before the method": (400, b" GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
    "octets beyond ASCII": (400, b"GET /\xff HTTP/1.1\r\nHost: test\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\nHost: test\r\n\r\n"),
    "fragment": (400, b"GET /#a HTTP/1.1\r\nHost: test\r\n\r\n"),
    "asterisk": (400, b"GET * HTTP/1.1\r\nHost: test\r\n\r\n"),
    "relative target": (400, b"GET path HTTP/1.1\r\nHost: test\r\n\r\n"),
    "CONNECT without port": (400, b"CONNECT test HTTP/1.1\r\nHost: test\r\n\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/0.9": (505, b"GET / HTTP/0.9\r\n\r\n"),
    "HTTP/3.0": (505, b"GET / HTTP/3.0\r\nHost: test\r\n\r\n"),
    "HTTP/1.10": (400, b"GET / HTTP/1.10\r\nHost: test\r\n\r\n"),
    "http/1.1": (400, b"GET / http/1.1\r\nHost: test\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    "two hosts in one": (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "host with a path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "host with user": (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: test\n\n"),
    "bare LF in the fields": (400, b"GET / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n"),
    "bare CR in a field": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n"),
    "NUL in a field": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX: a\0b\r\n\r\n"),
    "folded field": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n"),
    "no colon": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX\r\n\r\n"),
    "space before the colon": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX : a\r\n\r\n"),
    "empty name": (400, b"GET / HTTP/1.1\r\nHost: test\r\n: a\r\n\r\n"),
    "name is no token": (400, b"GET / HTTP/1.1\r\nHost: test\r\nX(: a\r\n\r\n"),
    "length and chunked": (400, f"{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()),
    "two lengths": (400, f"{POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello".encode()),
    "two equal lengths": (400, f"{POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello".encode()),
    "two lengths in one": (400, f"{POST}Content-Length: 5, 5\r\n\r\nhello".encode()),
    "length with sign": (400, f"{POST}Content-Length: +5\r\n\r\nhello".encode()),
    "negative length": (400, f"{POST}Content-Length: -5\r\n\r\nhello".encode()),
    "length in hex": (400, f"{POST}Content-Length: 0x5\r\n\r\nhello".encode()),
    "length with underscore": (400, f"{POST}Content-Length: 5_0\r\n\r\nhello".encode()),
    "empty length": (400, f"{POST}Content-Length: \r\n\r\nhello".encode()),
    "chunked for HTTP/1.0": (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked isn't last": (400, f"{POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n".encode()),
    "chunked twice": (400, f"{POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".encode()),
    "coding without chunked": (400, f"{POST}Transfer-Encoding: gzip\r\n\r\n".encode()),
    "identity": (400, f"{POST}Transfer-Encoding: identity\r\n\r\n".encode()),
    "unknown coding": (501, f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n".encode()),
    "expectation": (417, f"{POST}Expect: the-unexpected\r\n\r\n".encode()),
}


@pytest.mark.parametrize(("status", "octets"), BAD.values(), ids=BAD)
async def test_what_is_no_request_is_refused_however_it_is_cut(status: int, octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler) as running:
        for pieces in every_split(octets):
            await refused(running, status, pieces)
        await refused(running, status, [octets, GOOD])
    assert handler.calls == []


@pytest.mark.parametrize(("status", "octets"), BAD.values(), ids=BAD)
async def test_what_is_no_request_is_refused_behind_good_ones(status: int, octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(GOOD + GOOD + octets + GOOD)
        assert [(await client.read_response()).status for _ in range(3)] == [200, 200, status]
        assert await client.read_to_end() == b""
        assert not client.was_reset
    assert handler.paths == ["/good"] * 2


async def test_refusal_is_one_record_that_says_who_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asynchttp")
    async with run_server(Recorder()) as running:
        body = await refused(running, 400, [b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])
    (record,) = [record for record in caplog.records if record.name.startswith("asynchttp")]
    assert (record.name, record.levelname) == ("asynchttp.general", "INFO")
    assert record.getMessage() == (
        "Malformed HTTP message from 127.0.0.1: more than one Host [host_repeated, RFC 9112 §3.2]"
    )
    assert body == b"more than one Host\n"


async def test_hopeless_beginning_is_refused_before_its_end() -> None:
    """Nobody waits for a deadline to learn that he speaks the wrong protocol."""
    async with run_server(Recorder()) as running:
        for beginning in (b"\x16\x03\x01\x02", b"GET / HTTP/2.0\r\n", b"GET / HTTP/1.1\n", b"<xml>", b"GET /\r\n"):
            async with await running.connect() as client:
                await client.send(beginning)
                assert (await client.read_response()).status in (400, 505)


# Sizes


def padded(size: int, *, in_line: bool = False) -> bytes:
    """A request whose head has ``size`` octets."""
    if in_line:
        return build_request("/" + "a" * (size - len(build_request())))
    return build_request("/", "X: " + "a" * (size - len(build_request("/", "X: "))))


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("in_line", [False, True])
@pytest.mark.parametrize("piece", [1, 7, 1000, 100_000])
async def test_largest_head_is_served(in_line: bool, piece: int) -> None:
    handler = Recorder()
    octets = padded(2000, in_line=in_line)
    assert len(octets) == 2000
    async with run_server(handler, max_header_size=2000) as running, await running.connect() as client:
        for _ in range(2):  # the second time its fields equal the ones before
            await client.send_pieces(in_pieces(octets, piece))
            assert (await client.read_response()).status == 200


@pytest.mark.parametrize("piece", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("extra", [1, 2, 3, 500, 100_000])
async def test_larger_head_is_431(piece: int, extra: int) -> None:
    handler = Recorder()
    octets = padded(2000 + extra)
    async with run_server(handler, max_header_size=2000) as running:
        await refused(running, 431, in_pieces(octets[: 500 * max(piece, 6)], piece))
    assert handler.calls == []


@pytest.mark.parametrize("piece", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("extra", [100, 500, 100_000])
async def test_larger_target_is_414(piece: int, extra: int) -> None:
    handler = Recorder()
    octets = padded(2000 + extra, in_line=True)
    async with run_server(handler, max_header_size=2000) as running:
        await refused(running, 414, in_pieces(octets[: 500 * max(piece, 6)], piece))
    assert handler.calls == []


async def test_head_that_equals_the_one_before_is_still_measured() -> None:
    """The line grows; the fields, which were seen before, don't."""
    octets = padded(1990)
    async with run_server(Recorder(), max_header_size=2000) as running, await running.connect() as client:
        assert (await client.request(octets)).status == 200
        assert (await client.request(octets.replace(b"/", b"/aaa", 1))).status == 200
        assert (await client.request(octets.replace(b"/", b"/" + b"a" * 50, 1))).status == 431


@pytest.mark.parametrize("whole", [True, False])
async def test_number_of_fields(whole: bool) -> None:
    handler = Recorder()
    async with run_server(handler, max_header_count=5) as running:
        async with await running.connect() as client:
            most = build_request("/", *(f"X-{number}: 1" for number in range(4)))
            assert (await client.request(most)).status == 200
        octets = build_request("/", *(f"X-{number}: 1" for number in range(5)))
        await refused(running, 431, [octets] if whole else in_pieces(octets, 3))
    assert len(handler.calls) == 1


async def test_a_hundred_thousand_fields_are_431_at_once() -> None:
    handler = Recorder()
    octets = build_request("/", *(["X: 1"] * 100_000))
    async with run_server(handler) as running:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await refused(running, 431, [octets])
        assert loop.time() - before < 10
    assert handler.calls == []


async def test_empty_lines_before_a_request_are_skipped_within_bounds() -> None:
    handler = Recorder()
    async with run_server(handler) as running:
        async with await running.connect() as client:
            for _ in range(3):
                assert (await client.request(b"\r\n\r\n" + GOOD)).status == 200
        await refused(running, 400, [b"\r\n" * 1000])
        await refused(running, 400, [b"\r\n"] * 20)
    assert handler.paths == ["/good"] * 3


async def test_body_above_the_limit_is_413_on_its_claim() -> None:
    handler = Recorder()
    async with run_server(handler, max_body_size=1000) as running:
        async with await running.connect() as client:
            assert (await client.request(build_request(method="POST", body=b"x" * 1000))).status == 200
        await refused(running, 413, [build_request("/", "Content-Length: 1001", method="POST")])
        await refused(running, 413, [build_request("/", "Content-Length: 1001", "Expect: 100-continue", method="POST")])
        await refused(running, 413, [build_request("/", "Content-Length: 9999999999999999999", method="POST")])
    assert len(handler.calls) == 1


@pytest.mark.parametrize("piece", [1, 50, 100_000])
@pytest.mark.parametrize("chunk", [1, 99, 1001, 5000])
async def test_chunked_body_above_the_limit_is_413_on_its_sum(chunk: int, piece: int) -> None:
    handler = Recorder()
    head = build_request("/", "Transfer-Encoding: chunked", method="POST")
    chunks = b"%x\r\n%b\r\n" % (chunk, b"x" * chunk)
    async with run_server(handler, max_body_size=1000) as running:
        fits = b"".join(b"%x\r\n%b\r\n" % (size, b"y" * size) for size in (999, 1)) + b"0\r\n\r\n"
        async with await running.connect() as client:
            assert (await client.request(head + fits)).status == 200
        count = 1000 // chunk + 1
        octets = chunks * count
        await refused(running, 413, [head, *in_pieces(octets, piece)])
    assert len(handler.calls) == 1


async def test_trailers_above_the_limit_are_431() -> None:
    handler = Recorder()
    head = build_request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\n"
    async with run_server(handler, max_header_size=1000, max_header_count=20) as running:
        await refused(running, 431, [head, b"X: " + b"a" * 2000])
        await refused(running, 431, [head, b"X: 1\r\n" * 21 + b"\r\n"])
    assert handler.calls == []


# The last word is heard


async def send_until_it_fails(client: RawClient, data: bytes) -> None:
    try:
        while True:
            await client.send(data)
    except (ConnectionError, TimeoutError):
        pass


@pytest.mark.parametrize(
    "beginning",
    [
        build_request("/", "Content-Length: 100000000", method="POST"),
        build_request("/", "Transfer-Encoding: chunked", method="POST") + b"xx\r\n",
        b"NOT HTTP\r\n\r\n",
        build_request("/", "X: " + "a" * 5000),
        build_request("/" + "a" * 5000),
        build_request("/", "Transfer-Encoding: gzip, chunked", method="POST"),
        build_request(version="HTTP/2.0"),
        build_request("/", "Expect: x", "Content-Length: 1000", method="POST"),
        build_request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        build_request("/", "Content-Encoding: gzip", method="POST", body=gzip.compress(bytes(2000))),
    ],
    ids=["413", "chunk", "400", "431", "414", "501", "505", "417", "trailers", "decompressed"],
)
async def test_client_that_is_still_sending_sees_the_answer(beginning: bytes, request: pytest.FixtureRequest) -> None:
    """It reads only when it has sent a good part of its message: a reset would have thrown the answer away."""
    async with (
        run_server(Recorder(), max_body_size=1000, max_header_size=2000, decompress_request=True) as running,
        await running.connect() as client,
    ):
        await client.send(beginning)
        for _ in range(20):
            await client.send(b"x" * 10_000)
            await turns()
        response = await client.read_response()
        assert str(response.status) in ("400", *request.node.callspec.id.split("-"), "413", "431")
        assert response.header("Connection") == "close"
        assert await client.read_to_end() == b""
        assert not client.was_reset


async def test_client_that_never_stops_sending_is_cut() -> None:
    async with run_server(Recorder(), max_body_size=1000) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 100000000", method="POST"))
        sending = asyncio.create_task(send_until_it_fails(client, b"x" * 65536))
        await all_closed(running.server)
        await sending
        assert client.sock.fileno() != -1


async def test_size_that_may_be_sent_behind_the_answer_is_an_option() -> None:
    async with run_server(Recorder(), linger_size=1000) as running, await running.connect() as client:
        await client.send(b"NOT HTTP\r\n\r\n")
        assert (await client.read_response()).status == 400
        await client.send(b"x" * 1000)
        await turns(10)
        assert len(running.server._connections) == 1
        await client.send(b"x")
        await all_closed(running.server)


async def test_time_of_lingering_is_an_option() -> None:
    async with (
        run_server_with_clock(Recorder(), linger_timeout=8) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(b"NOT HTTP\r\n\r\n")
        assert (await client.read_response()).status == 400
        clock.almost(8)
        assert len(running.server._connections) == 1
        clock.advance_past(0.1)
        assert not running.server._connections


async def test_client_that_neither_sends_nor_closes_is_cut_after_the_linger_time() -> None:
    async with run_server_with_clock(Recorder()) as (running, clock), await running.connect() as client:
        await client.send(b"NOT HTTP\r\n\r\n")
        assert (await client.read_response()).status == 400
        assert await client.read_to_end() == b""
        clock.almost(1.0)
        assert len(running.server._connections) == 1
        clock.advance_past(0.1)
        assert not running.server._connections
        assert clock.timers == 0


async def test_lingering_reads_no_request() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(b"NOT HTTP\r\n\r\n")
        await client.read_response()
        for _ in range(5):
            await client.send(GOOD)
            await turns()
        connection = only_connection(running.server)
        assert not connection._input
    assert handler.calls == []


async def test_half_closed_client_that_is_refused_gets_the_answer_and_the_end() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(b"NOT HTTP\r\n\r\n")
        client.shutdown_write()
        assert (await client.read_response()).status == 400
        assert await client.read_to_end() == b""
        await all_closed(running.server)


async def test_no_connection_is_left_behind_by_refusals() -> None:
    async with run_server(Recorder()) as running:
        for _ in range(20):
            await refused(running, 400, [b"NOT HTTP\r\n\r\n"])
        await all_closed(running.server)


@pytest.mark.parametrize("size", [0, 10])
async def test_max_body_size(size: int) -> None:
    handler = Recorder()
    async with run_server(handler, max_body_size=size) as running:
        async with await running.connect() as client:
            assert (await client.request(build_request(method="POST", body=b"x" * size))).status == 200
        await refused(running, 413, [build_request(method="POST", body=b"x" * (size + 1))])


async def test_max_buffer_size_limits_bodies_too() -> None:
    async with run_server(Recorder(), max_buffer_size=100_000) as running:
        await refused(running, 413, [build_request("/", "Content-Length: 100001", method="POST")])


async def test_sweep_rests_while_nobody_is_connected() -> None:
    async with run_server_with_clock(Recorder()) as (running, clock):
        assert clock.timers == 0
        async with await running.connect() as client:
            await client.request(GOOD)
            assert clock.timers == 1
        await all_closed(running.server)
        assert clock.timers == 0


async def test_two_hundred_thousand_chunks_of_one_octet_are_cheap() -> None:
    """A parser that calls back for each, or joins the pieces again and again, needs some ten seconds."""
    count = 200_000
    octets = build_request("/", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n" * count + b"0\r\n\r\n"
    handler = Recorder()
    async with run_server(handler) as running, await running.connect(deadline=30) as client:
        before = time.process_time()
        assert (await client.request(octets)).status == 200
        assert time.process_time() - before < 3
    assert handler.calls == [("POST", "/", b"x" * count)]


@pytest.mark.parametrize("framing", ["Content-Length: 20000000", "Transfer-Encoding: chunked"])
async def test_body_behind_an_unfinished_request_is_not_read(framing: str) -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect(deadline=20) as client:
        await client.send(build_request())
        first = await within(waiting.get())
        body = bytes(20_000_000)
        if "chunked" in framing:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        sending = asyncio.create_task(client.send(build_request("/", framing, method="POST") + body))
        for _ in range(500):
            await asyncio.sleep(0)
        connection = only_connection(running.server)
        assert len(connection._input) - connection._position <= 65536 + 262144
        assert not sending.done()
        first.respond(b"1")
        assert (await client.read_response()).body == b"1"
        await sending
        second = await within(waiting.get())
        assert len(second.body) == 20_000_000
        second.respond(b"2")
        assert (await client.read_response()).body == b"2"
