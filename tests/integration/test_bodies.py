"""Bodies of requests: by length, chunked, in whatever pieces they arrive.  RFC 9112 §§6–7."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.integration.helpers import Recorder, all_closed, build_request, only_connection, run_server, turns, within
from tests.support.rawclient import RawClient
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio


def chunked(*chunks: bytes, path: str = "/", fields: tuple[str, ...] = (), trailers: bytes = b"") -> bytes:
    head = build_request(path, "Transfer-Encoding: chunked", *fields, method="POST")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


SMALL = {
    "no body": (build_request("/p"), ("GET", "/p", b"")),
    "HTTP/1.0": (build_request("/p", "Connection: keep-alive", version="HTTP/1.0", host=None), ("GET", "/p", b"")),
    "length": (build_request("/p", method="PUT", body=b"ab\r\n\r\ncd"), ("PUT", "/p", b"ab\r\n\r\ncd")),
    "length 0": (build_request("/p", method="PUT", body=b""), ("PUT", "/p", b"")),
    "chunked": (chunked(b"ab", b"\r\n0\r\n\r\n", path="/p"), ("POST", "/p", b"ab\r\n0\r\n\r\n")),
    "empty chunked": (chunked(path="/p"), ("POST", "/p", b"")),
    "trailers": (chunked(b"a", path="/p", trailers=b"X-T: 1\r\n"), ("POST", "/p", b"a")),
    "extensions": (
        build_request("/p", "Transfer-Encoding: chunked", method="POST") + b'2;a="b;c"\r\nab\r\n00;x\r\n\r\n',
        ("POST", "/p", b"ab"),
    ),
    "empty lines before": (b"\r\n\r\n" + build_request("/p"), ("GET", "/p", b"")),
    "body that looks like a request": (
        build_request("/p", method="POST", body=build_request("/smuggled")),
        ("POST", "/p", build_request("/smuggled")),
    ),
}


@pytest.mark.parametrize(("octets", "call"), SMALL.values(), ids=SMALL)
async def test_request_means_the_same_at_every_split(octets: bytes, call: tuple[str, str, bytes]) -> None:
    handler = Recorder()
    splits = list(every_split(octets))
    async with run_server(handler) as running, await running.connect() as client:
        for pieces in splits:
            await client.send_pieces(pieces)
            response = await client.read_response()
            assert (response.status, response.body) == (200, b"/p\n"), pieces
        await client.request(build_request("/after"))
    assert handler.calls == [call] * len(splits) + [("GET", "/after", b"")]


async def test_two_pipelined_requests_mean_the_same_at_every_split() -> None:
    handler = Recorder()
    octets = build_request("/1", method="POST", body=b"abc") + chunked(b"de", path="/2")
    async with run_server(handler) as running, await running.connect() as client:
        splits = list(every_split(octets))
        for pieces in splits:
            await client.send_pieces(pieces)
            assert [(await client.read_response()).body for _ in range(2)] == [b"/1\n", b"/2\n"]
    assert handler.calls == [("POST", "/1", b"abc"), ("POST", "/2", b"de")] * len(splits)


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 1_000_000, 20_000_000])
async def test_body_by_length_of_any_size(size: int) -> None:
    received: list[bytes] = []

    def handler(request: Any) -> None:
        assert type(request.body) is bytes
        received.append(request.body)
        request.respond(b"")

    body = bytes(range(256)) * (size // 256 + 1)
    async with run_server(handler) as running, await running.connect() as client:
        await client.request(build_request(method="POST", body=body[:size]))
    assert received == [body[:size]]


async def test_chunked_body_of_many_chunks() -> None:
    handler = Recorder()
    chunks = [bytes([65 + n % 26]) * (n % 700 + 1) for n in range(5000)]
    async with run_server(handler) as running, await running.connect() as client:
        await client.request(chunked(*chunks))
    assert handler.calls == [("POST", "/", b"".join(chunks))]


async def test_body_that_comes_in_tiny_pieces_costs_no_more_memory_than_its_size() -> None:
    handler = Recorder()
    body = b"ab" * 1000
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request(method="POST", body=body)[: -len(body)])
        await turns(20)
        connection = only_connection(running.server)
        for start in range(0, 1000, 2):
            connection.data_received(body[start : start + 2])
        assert isinstance(connection._body, bytearray)
        assert len(connection._body) == 1000
        await client.send(body[1000:])
        await client.read_response()
    assert handler.calls[0][2] == body


async def test_head_of_the_next_request_may_come_with_the_end_of_a_body() -> None:
    handler = Recorder()
    first, second = build_request("/1", method="POST", body=b"abcdef"), build_request("/2")
    async with run_server(handler) as running, await running.connect() as client:
        await client.send_pieces([first[:-3], first[-3:] + second[:10], second[10:]])
        for _ in range(2):
            await client.read_response()
    assert handler.calls == [("POST", "/1", b"abcdef"), ("GET", "/2", b"")]


# Expect: 100-continue, RFC 9110 §10.1.1


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_client_that_waits_is_told_to_go_on(coding: str) -> None:
    handler = Recorder()
    head, body = build_request("/", "Expect: 100-continue", "Content-Length: 3", method="POST"), b"abc"
    if coding == "chunked":
        head = build_request("/", "Expect: 100-Continue", "Transfer-Encoding: chunked", method="POST")
        body = b"3\r\nabc\r\n0\r\n\r\n"
    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            await client.send(head)
            assert (await client.read_response()).raw == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(body)
            assert (await client.read_response()).status == 200
    assert handler.calls == [("POST", "/", b"abc")] * 2


async def test_client_whose_body_is_there_already_is_told_nothing() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(build_request("/", "Expect: 100-continue", method="POST", body=b"abc"))
        assert (await client.read_response()).status == 200


async def test_continue_comes_behind_the_answers_before_it() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        head = build_request("/2", "Expect: 100-continue", "Content-Length: 1", method="POST")
        await client.send(build_request("/1") + head)
        assert [(await client.read_response()).status for _ in range(2)] == [200, 100]
        await client.send(b"x")
        assert (await client.read_response()).body == b"/2\n"


@pytest.mark.parametrize(
    "head",
    [
        build_request("/", "Expect: 100-continue"),
        build_request("/", "Expect: 100-continue", "Content-Length: 0", method="POST"),
        build_request("/", "Expect: 100-continue", "Connection: keep-alive", version="HTTP/1.0"),
        build_request("/", "Expect: whatever", "Connection: keep-alive", version="HTTP/1.0"),
    ],
)
async def test_request_without_a_body_to_wait_for_is_told_nothing(head: bytes) -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.send(head)
        assert (await client.read_response()).status == 200


async def test_unknown_expectation_is_417() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/", "Expect: a-miracle", method="POST", body=b"abc"))
        response = await client.read_response()
        assert (response.status, response.header("Connection")) == (417, "close")
        assert await client.read_to_end() == b""
    assert handler.calls == []


async def test_aiohttp_client_waits_for_continue() -> None:
    handler = Recorder()
    async with (
        run_server(handler) as running,
        aiohttp.ClientSession() as session,
        session.put(running.url(), data=b"x" * 100_000, expect100=True) as response,
    ):
        assert response.status == 200
    assert handler.calls == [("PUT", "/", b"x" * 100_000)]


async def test_aiohttp_client_sends_chunks() -> None:
    handler = Recorder()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d," % number

    async with (
        run_server(handler) as running,
        aiohttp.ClientSession() as session,
        session.post(running.url(), data=pieces()) as response,
    ):
        assert response.status == 200
    assert handler.calls == [("POST", "/", b"".join(b"%d," % number for number in range(100)))]


# The end comes too early: the handler doesn't run.

LONG = build_request("/", method="POST", body=b"x" * 50)
CHUNKS = chunked(b"x" * 20, b"y" * 20)


@pytest.mark.parametrize("octets", [LONG, CHUNKS], ids=["length", "chunked"])
@pytest.mark.parametrize("how", ["half-close", "close", "reset"])
async def test_handler_does_not_run_for_a_request_that_isn_t_whole(octets: bytes, how: str) -> None:
    handler = Recorder()
    async with run_server(handler) as running:
        for end in range(1, len(octets), 3):
            async with await running.connect() as client:
                await client.send(octets[:end])
                await turns(3)
                if how == "half-close":
                    client.shutdown_write()
                    assert await client.read_to_end() == b""
                    assert not client.was_reset
                elif how == "reset":
                    client.abort()
            await all_closed(running.server)
    assert handler.calls == []


async def test_premature_end_behind_requests_that_wait_for_their_turn_ends_the_connection() -> None:
    """The client's end is known before the beginning of its last, cut request is even looked at."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request("/1") + build_request("/2") + LONG[:-1])
        client.shutdown_write()
        for number in (1, 2):
            request = await within(waiting.get())
            await turns(10)
            request.respond(b"%d" % number)
            assert (await client.read_response()).body == b"%d" % number
        assert await client.read_to_end() == b""
        await all_closed(running.server)
        assert waiting.empty()


# What isn't a chunked body.  RFC 9112 §7.1


@pytest.mark.parametrize(
    "body",
    [
        b"g\r\n",
        b"+1\r\na\r\n0\r\n\r\n",
        b"0x1\r\na\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n",
        b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
        b"-1\r\na\r\n0\r\n\r\n",
        b"\r\na\r\n0\r\n\r\n",
        b"1\na\r\n0\r\n\r\n",
        b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1\r\na0\r\n\r\n",
        b"1;\r\na\r\n0\r\n\r\n",
        b"1;a=\n\r\na\r\n0\r\n\r\n",
        b"00000000000000001\r\na\r\n0\r\n\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\nX : 1\r\n\r\n",
        b"0\r\nX: 1\n\r\n",
        b"0\n\n",
    ],
)
async def test_malformed_chunks_are_400_at_every_split(body: bytes) -> None:
    handler = Recorder()
    head = build_request("/", "Transfer-Encoding: chunked", method="POST")
    async with run_server(handler) as running:
        for pieces in every_split(body):
            async with await running.connect() as client:
                await client.send(head)
                await client.send_pieces(pieces)
                response = await client.read_response()
                assert (response.status, response.header("Connection")) == (400, "close"), pieces
                assert await client.read_to_end() == b""
                assert not client.was_reset
    assert handler.calls == []


async def test_octets_behind_a_body_are_the_next_request_and_never_part_of_it() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/1", method="POST", body=b"abc") + b"garbage\r\n\r\n")
        assert (await client.read_response()).body == b"/1\n"
        assert (await client.read_response()).status == 400
        assert await client.read_to_end() == b""
    assert handler.calls == [("POST", "/1", b"abc")]


async def drip(client: RawClient, data: bytes) -> None:
    await client.send_pieces(data[i : i + 1] for i in range(len(data)))


async def test_request_dripped_octet_by_octet_behind_an_unfinished_one() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request("/1"))
        first = await within(waiting.get())
        await drip(client, chunked(b"abc", b"de", path="/2") + build_request("/3"))
        first.respond(b"")
        second = await within(waiting.get())
        assert (second.uri, second.body) == ("/2", b"abcde")
        second.respond(b"")
        assert (await within(waiting.get())).uri == "/3"
