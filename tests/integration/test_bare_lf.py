"""``allow_bare_lf``: heads of very old clients, and nothing that could hide a request in another."""

import asyncio
from typing import Any

import pytest

from tests.integration.helpers import Recorder, run_server, run_server_with_clock, turns
from tests.support.hostile import CHUNKED_BODIES, HEADS
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

GET = b"GET /old HTTP/1.0\nHost: a\nX: y\n\n"
KEPT = b"GET /old HTTP/1.1\nHost: a\n\n"
POST = b"POST /old HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello"
CHUNKED = b"POST /old HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"
NEW = b"GET /new HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("octets", [GET, KEPT, POST, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"\n" + KEPT])
async def test_head_with_bare_lf_is_served_however_it_is_cut(octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler, allow_bare_lf=True) as running:
        for pieces in every_split(octets):
            async with await running.connect() as client:
                await client.send_pieces(pieces)
                assert (await client.read_response()).body == b"/old\n"
    body = b"hello" if octets.startswith(b"POST") else b""
    assert set(handler.calls) == {(octets.strip()[:4].strip().decode(), "/old", body)}


@pytest.mark.parametrize("octets", [GET, KEPT, POST])
async def test_it_is_refused_unless_asked_for(octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(octets)).status == 400
        assert await client.read_to_end() == b""
    assert handler.calls == []


@pytest.mark.parametrize("packet", [10, 1000, 100_000])
async def test_old_and_new_heads_may_follow_each_other(packet: int) -> None:
    handler = Recorder()
    octets = (NEW + KEPT + POST + NEW + KEPT * 3 + POST * 2) * 20
    async with run_server(handler, allow_bare_lf=True) as running, await running.connect() as client:
        await client.send_pieces(octets[at : at + packet] for at in range(0, len(octets), packet))
        for path in ["new", "old", "old", "new", *["old"] * 5] * 20:
            assert (await client.read_response()).body == b"/%b\n" % path.encode()
    assert all(body in (b"", b"hello") for _, _, body in handler.calls)


async def test_thousands_in_one_packet_need_no_stack() -> None:
    handler = Recorder()
    async with run_server(handler, allow_bare_lf=True) as running, await running.connect() as client:
        sending = asyncio.ensure_future(client.send(KEPT * 3000))
        for _ in range(3000):
            assert (await client.read_response()).status == 200
        await sending


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"GET / HTTP/1.1\nHost: a\r\n\r\n", id="line, then CRLF"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\n\n", id="line with CRLF, then LF"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", id="LF among CRLF"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\r\nX: y\n\n", id="CRLF among LF"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\n\r\n", id="empty line with CRLF"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\n", id="empty line with LF"),
        pytest.param(b"\r\nGET / HTTP/1.1\nHost: a\n\n", id="CRLF before"),
        pytest.param(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", id="LF before"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\nX: b\rc\n\n", id="CR in a value"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\nX: b\r\r\n\n", id="two CR"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\n X: b\n\n", id="folded"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\nX : b\n\n", id="space before the colon"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\nHost: b\n\n", id="two hosts"),
        pytest.param(b"POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 6\n\nhello", id="two lengths"),
        pytest.param(
            b"POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
            id="length and chunked",
        ),
        pytest.param(b"POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\r\n\r\n", id="chunked in 1.0"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nX: y\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            id="end hidden in a value",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\nhello", id="field hidden in a value"
        ),
    ],
)
async def test_shapes_that_smuggle_are_refused_all_the_same(octets: bytes) -> None:
    handler = Recorder()
    async with run_server(handler, allow_bare_lf=True) as running:
        for pieces in every_split(octets):
            async with await running.connect() as client:
                try:
                    await client.send_pieces([*pieces, NEW])
                except ConnectionError:
                    pass
                assert (await client.read_response()).status == 400
                assert await client.read_to_end() == b""
    assert handler.calls == []


async def test_hostile_heads_are_refused_all_the_same() -> None:
    handler = Recorder()
    served = {"9112-2.2-bare-lf"}
    async with run_server(handler, allow_bare_lf=True) as running:
        for hostile in HEADS:
            async with await running.connect() as client:
                response = await client.request(hostile.octets)
                assert response.status == (200 if hostile.id in served else hostile.status), hostile.id
    assert len(handler.calls) == len(served)


@pytest.mark.parametrize("head", [CHUNKED, CHUNKED.replace(b"\n", b"\r\n")], ids=["LF", "CRLF"])
async def test_chunked_framing_is_as_strict_as_ever(head: bytes) -> None:
    handler = Recorder()
    async with run_server(handler, allow_bare_lf=True) as running:
        for hostile in CHUNKED_BODIES:
            async with await running.connect() as client:
                response = await client.request(head + hostile.octets)
                assert response.status == hostile.status, hostile.id
    assert handler.calls == []


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n" + b"A: b\n" * 101 + b"\n", 431),
        (b"GET / HTTP/1.1\nHost: a\nA: " + b"b" * 5000, 431),
        (b"GET / HTTP/1.1\nHost: a\nA: " + b"b" * 5000 + b"\n\n", 431),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\nHost: a\n\n", 414),
        (b"GET / HTTP/2.0\nHost: a\n\n", 505),
    ],
)
@pytest.mark.parametrize("packet", [1, 100_000])
async def test_limits_hold(octets: bytes, status: int, packet: int) -> None:
    async with (
        run_server(Recorder(), allow_bare_lf=True, max_header_size=4096) as running,
        await running.connect() as client,
    ):
        try:
            for at in range(0, len(octets), packet):
                await client.send(octets[at : at + packet])
        except ConnectionError:
            pass
        assert (await client.read_response()).status == status


async def test_head_that_never_ends_is_408() -> None:
    async with (
        run_server_with_clock(Recorder(), allow_bare_lf=True, header_timeout=10) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(b"GET / HTTP/1.1\nHost: a\n")
        await turns(10)
        clock.almost(9)
        await client.send(b"X: y\n")
        await turns(10)
        clock.advance_past(2)
        assert (await client.read_response()).status == 408


async def test_refusal_of_head_has_no_body() -> None:
    async with run_server(Recorder(), allow_bare_lf=True) as running, await running.connect() as client:
        await client.send(b"HEAD / HTTP/1.1\nHost: a\nHost: b\n\n")
        raw: Any = await client.read_to_end()
        assert raw.startswith(b"HTTP/1.1 400 ")
        assert raw.endswith(b"\r\n\r\n")
