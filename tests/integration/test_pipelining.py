"""Requests that don't wait for the answers before them.  RFC 9112 §9.3.2."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asynchttp import iostream
from tests.integration.helpers import (
    Recorder,
    all_closed,
    build_request,
    only_connection,
    run_server,
    turns,
    until,
    within,
)
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio

#: What a transport of either loop delivers at most at once.
DELIVERY = 256 * 1024


async def read_bodies(client: RawClient, count: int) -> list[bytes]:
    return [(await client.read_response()).body for _ in range(count)]


def numbered(count: int) -> list[bytes]:
    return [b"/%d\n" % number for number in range(count)]


def burst(count: int, **options: Any) -> bytes:
    return b"".join(build_request(f"/{number}", **options) for number in range(count))


@pytest.mark.parametrize("count", [2, 15, 16, 17, 33, 500])
async def test_answers_come_in_order(count: int) -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(burst(count))
        assert await read_bodies(client, count) == numbered(count)
    assert handler.paths == [f"/{number}" for number in range(count)]


async def test_bodies_stay_with_their_requests() -> None:
    handler = Recorder()
    requests = [build_request(f"/{n}", method="POST", body=b"x" * n) for n in range(40)]
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(b"".join(requests))
        await read_bodies(client, 40)
    assert handler.calls == [("POST", f"/{n}", b"x" * n) for n in range(40)]


async def test_two_connections_with_full_bursts_take_turns() -> None:
    handler = Recorder()
    async with (
        run_server(handler) as running,
        await running.connect() as one,
        await running.connect() as other,
    ):
        for client in (one, other):  # so that both are accepted
            await client.request(build_request("/hello"))
        handler.calls.clear()
        await one.send(burst(320))
        await other.send(b"".join(build_request(f"/other{number}") for number in range(320)))
        await read_bodies(one, 320)
        await read_bodies(other, 320)
    first_of_other = handler.paths.index("/other0")
    last_of_one = handler.paths.index("/319")
    assert first_of_other <= 64  # a few turns may pass before its octets arrive
    assert last_of_one >= 500


async def test_no_more_than_sixteen_in_one_turn() -> None:
    turn = 0
    served: dict[int, int] = {}

    def handler(request: Any) -> None:
        served[turn] = served.get(turn, 0) + 1
        request.respond(b"")

    def count_turns() -> None:
        nonlocal turn
        turn += 1
        asyncio.get_running_loop().call_soon(count_turns)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(burst(200))
        counting = asyncio.get_running_loop().call_soon(count_turns)
        await read_bodies(client, 200)
        counting.cancel()
    assert sum(served.values()) == 200
    assert max(served.values()) == 16


async def test_handlers_that_answer_later_hold_back_those_behind_them() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        if request.uri == "/slow":
            waiting.put_nowait(request)
        else:
            request.respond(request.uri)

    async with run_server(handler) as running, await running.connect() as client:
        parts = [build_request(path) for path in ("/1", "/slow", "/2", "/slow", "/slow", "/3")]
        await client.send(b"".join(parts))
        answered = await read_bodies(client, 1)
        for text in ("first", "second", "third"):
            request = await within(waiting.get())
            assert waiting.empty()
            await turns()
            request.respond(text)
            answered += await read_bodies(client, 1)
            if text == "first":
                answered += await read_bodies(client, 1)
        answered += await read_bodies(client, 1)
    assert answered == [b"/1", b"first", b"/2", b"second", b"third", b"/3"]


async def coroutine(request: Any) -> bytes:
    await asyncio.sleep(0)
    return request.uri.encode() + b"\n"


async def eager_coroutine(request: Any) -> bytes:
    return request.uri.encode() + b"\n"


def mixed() -> Callable[[Any], Any]:
    count = 0

    def handler(request: Any) -> Awaitable[bytes] | None:
        nonlocal count
        count += 1
        if count % 3 == 0:
            return coroutine(request)
        request.respond(f"{request.uri}\n")
        return None

    return handler


@pytest.mark.parametrize("make", [lambda: coroutine, lambda: eager_coroutine, mixed], ids=["waits", "eager", "mixed"])
async def test_coroutine_handlers_answer_in_order(make: Callable[[], Any]) -> None:
    async with run_server(make()) as running, await running.connect() as client:
        await client.send(burst(200))
        assert await read_bodies(client, 200) == numbered(200)


async def test_client_that_does_not_read_is_not_served_on_and_then_gets_all_answers() -> None:
    """10,000 requests on one connection whose client doesn't read: what waits is bounded on both sides."""
    count = 10_000
    answer = b"x" * 2000
    served = 0

    def handler(request: Any) -> None:
        nonlocal served
        served += 1
        request.respond(answer, headers=[("X-Number", request.uri[1:])])

    async with run_server(handler) as running, await running.connect(receive_buffer=4096, deadline=30) as client:
        sending = asyncio.create_task(client.send(burst(count)))
        await until(lambda: running.server._connections and only_connection(running.server).stream.writing())
        connection = only_connection(running.server)
        largest_input = largest_output = 0
        while True:  # until nothing moves any more
            before = served
            await turns(50)
            largest_input = max(largest_input, len(connection._input) - connection._position)
            largest_output = max(largest_output, connection.stream.write_buffer_size())
            if served == before:
                break
        assert served < count
        assert largest_input <= connection.params.chunk_size + DELIVERY
        assert largest_output <= 64 * 1024 + 32 * 2200
        for number in range(count):
            response = await client.read_response()
            assert response.header("X-Number") == str(number)
            assert response.body == answer
        await sending
        assert served == count
        assert connection.stream.write_buffer_size() == 0
        assert not connection._input


async def test_flood_of_requests_behind_an_unfinished_one_is_not_read() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    flood = build_request() * 500_000  # more than the kernel's buffers hold
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request("/first"))
        first = await within(waiting.get())
        sending = asyncio.create_task(client.send(flood))
        await turns(300)
        assert not sending.done()
        connection = only_connection(running.server)
        assert len(connection._input) <= connection.params.chunk_size + DELIVERY
        assert waiting.empty()
        sending.cancel()
        client.abort()
        await asyncio.gather(sending, return_exceptions=True)
        first.respond(b"")


async def test_flood_of_requests_that_are_answered_at_once_is_read_as_it_is_served() -> None:
    """A client may send faster than sixteen in a turn; what wasn't served waits in the kernel, not in our memory."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    count = 40_000
    largest = deliveries = 0

    def handler(request: Any) -> None:
        request.write(answer)
        request.finish()

    async with run_server(handler, chunk_size=8192) as running, await running.connect(deadline=40) as client:
        sending = asyncio.create_task(client.send(build_request() * count))
        received = 0
        while received < len(answer) * count:
            data = await client.read_some()
            assert data
            received += len(data)
            deliveries += 1
            connection = only_connection(running.server)
            waiting = len(connection._input) - connection._position
            assert waiting <= 8192 or connection._pauses  # nothing is read behind so much
            largest = max(largest, waiting)
        await sending
    assert largest <= 8192 + DELIVERY
    assert deliveries < count / 8  # sixteen answers in one, but for the last of each of our packets


async def test_reading_rests_while_a_delivery_holds_more_than_may_wait() -> None:
    async with run_server(Recorder()) as running, await running.connect() as client:
        await client.request(build_request())
        connection = only_connection(running.server)
        connection.data_received(burst(5000))
        assert connection._pauses
        assert await read_bodies(client, 5000) == numbered(5000)
        assert not connection._pauses


async def test_body_behind_a_flood_is_read() -> None:
    """Reading paused because requests waited; a request that isn't whole must start it again."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        if request.uri == "/slow":
            waiting.put_nowait(request)
        else:
            request.respond(f"{len(request.body)}")

    async with run_server(handler, chunk_size=1024) as running, await running.connect() as client:
        await client.send(build_request("/slow"))
        slow = await within(waiting.get())
        body = b"x" * 1_000_000
        sending = asyncio.create_task(
            client.send(build_request(method="POST", body=b"y" * 3000) + build_request(method="POST", body=body))
        )
        connection = only_connection(running.server)
        await until(lambda: connection._pauses)
        slow.respond(b"slow")
        assert await read_bodies(client, 3) == [b"slow", b"3000", b"1000000"]
        await sending


async def test_head_larger_than_what_may_wait_is_read() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        if request.uri == "/slow":
            waiting.put_nowait(request)
        else:
            request.respond(request.headers["X-A"][-3:])

    async with run_server(handler, chunk_size=1024) as running, await running.connect() as client:
        await client.send(build_request("/slow"))
        slow = await within(waiting.get())
        head = build_request("/", "X-A: " + "a" * 20_000 + "end")
        await client.send(head[:10_000])
        await turns()
        slow.respond(b"slow")
        await turns()
        await client.send(head[10_000:])
        assert await read_bodies(client, 2) == [b"slow", b"end"]


async def test_requests_behind_connection_close_are_not_served() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/1") + build_request("/2", "Connection: close") + build_request("/3"))
        assert await read_bodies(client, 2) == [b"/1\n", b"/2\n"]
        assert await client.read_to_end() == b""
        assert not client.was_reset
    assert handler.paths == ["/1", "/2"]


async def test_malformed_request_behind_good_ones_is_answered_in_its_turn() -> None:
    handler = Recorder()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(burst(20) + b"BROKEN\r\n\r\n" + build_request("/never"))
        assert await read_bodies(client, 20) == numbered(20)
        response = await client.read_response()
        assert (response.status, response.header("Connection")) == (400, "close")
        assert await client.read_to_end() == b""
        assert not client.was_reset
    assert len(handler.calls) == 20


async def test_client_that_leaves_in_the_middle_stops_the_service_of_its_requests() -> None:
    served = 0

    def handler(request: Any) -> None:
        nonlocal served
        served += 1
        request.respond(b"x" * 100_000)

    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(burst(1000))
        await until(lambda: served)
        await turns(20)
        client.abort()
        await all_closed(running.server)
    assert served < 1000


async def test_handler_that_closes_the_connection_ends_the_service_of_what_is_behind() -> None:
    handler = Recorder()

    def closing(request: Any) -> None:
        if request.uri == "/close":
            request.connection.close()
        else:
            handler(request)

    async with run_server(closing) as running, await running.connect() as client:
        await client.send(build_request("/1") + build_request("/close") + build_request("/2"))
        await client.read_to_end()
    assert handler.paths == ["/1"]


@pytest.mark.parametrize("later", [False, True])
async def test_stream_that_is_detached_has_what_stood_behind_the_request(later: bool) -> None:
    detached: asyncio.Queue[iostream.IOStream] = asyncio.Queue()

    def handler(request: Any) -> None:
        if request.uri != "/detach":
            request.respond(request.uri)
        elif later:
            asyncio.get_running_loop().call_soon(lambda: detached.put_nowait(request.connection.detach()))
        else:
            detached.put_nowait(request.connection.detach())

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/1") + build_request("/detach") + b"line\nrest")
        assert await read_bodies(client, 1) == [b"/1"]
        stream = await within(detached.get())
        assert await within(stream.read_until(b"\n")) == b"line\n"
        await client.send(b" of it")
        assert await within(stream.read_bytes(10)) == b"rest of it"
        await stream.write(b"answer")
        assert await client.read_exactly(6) == b"answer"
        assert not running.server._connections
        stream.close()


async def test_read_started_by_the_handler_that_detaches_gets_what_stood_behind_the_request() -> None:
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(request: Any) -> None:
        stream = request.connection.detach()
        lines.put_nowait(await stream.read_until(b"\n"))
        stream.close()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/detach") + b"line\n")
        assert await within(lines.get()) == b"line\n"
        assert await client.read_to_end() == b""


async def test_detached_stream_of_a_half_closed_client_ends() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request("/detach") + b"rest")
        client.shutdown_write()
        request = await within(waiting.get())
        await turns(20)
        stream = request.connection.detach()
        assert await within(stream.read_until_close()) == b"rest"
