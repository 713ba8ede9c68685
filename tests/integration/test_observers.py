"""Observers, and the figures that one of them counts."""

import asyncio
import contextlib
from typing import Any

import pytest

from asynchttp import http1connection
from asynchttp._observed import ObservedConnection
from asynchttp.httpserver import HTTPServer, Observer, Outcome
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from tests.integration.helpers import (
    Recorder,
    all_closed,
    build_request,
    only_connection,
    run_server,
    until,
)

pytestmark = pytest.mark.asyncio


class Diary(Observer):
    """Everything that an observer is told, in its order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.outcomes: list[Outcome] = []

    def on_start(self, connection: Any) -> None:
        self.events.append("start")

    def on_head(self, request: Any) -> None:
        self.events.append(f"head {request.uri}")

    def on_end(self, outcome: Outcome) -> None:
        self.events.append(f"end {outcome.request.uri if outcome.request else None} {outcome.status}")
        self.outcomes.append(outcome)

    def on_close(self, connection: Any) -> None:
        self.events.append("close")


async def test_order_of_events() -> None:
    diary = Diary()
    async with run_server(Recorder(), observers=[diary]) as running:
        async with await running.connect() as client:
            await client.send(build_request("/a") + build_request("/b", method="POST", body=b"12") + b"nonsense\r\n")
            for _ in range(3):
                await client.read_response()
            await client.read_to_end()
        await all_closed(running.server)
    assert diary.events == [
        "start",
        "head /a",
        "end /a 200",
        "head /b",
        "end /b 200",
        "end None 400",
        "close",
    ]


async def test_head_is_told_before_a_body_that_is_refused() -> None:
    diary = Diary()
    async with run_server(Recorder(), observers=[diary], max_body_size=1) as running:
        async with await running.connect() as client:
            await client.send(build_request("/b", method="POST", body=b"12"))
            assert (await client.read_response()).status == 413
        await all_closed(running.server)
    assert diary.events == ["start", "head /b", "end /b 413", "close"]


async def test_head_of_a_streamed_body_is_told_once() -> None:
    diary = Diary()

    async def handler(request: Any) -> bytes:
        return b"".join([chunk async for chunk in request.body_chunks()])

    async with (
        run_server(handler, observers=[diary], stats=True, stream_request_body=True) as running,
        await running.connect() as client,
    ):
        octets = build_request("/b", method="POST", body=b"12345")
        await client.send(octets[:-3])
        await until(lambda: diary.events[1:])
        await client.send(octets[-3:])
        assert (await client.read_response()).body == b"12345"
        assert diary.events == ["start", "head /b", "end /b 200"]
        assert running.server.stats()["received_bytes_total"] == len(octets)


async def test_upgrade_ends_the_request_and_the_connection() -> None:
    diary = Diary()

    def handler(request: Any) -> None:
        connection = request.connection
        connection.write_headers(ResponseStartLine("", 101, "Switching Protocols"), HTTPHeaders())
        connection.finish()
        connection.detach().close()

    async with run_server(handler, observers=[diary]) as running:
        async with await running.connect() as client:
            await client.send(build_request("/", "Upgrade: x"))
            assert b" 101 " in await client.read_to_end()
        await all_closed(running.server)
    assert diary.events == ["start", "head /", "end / 101", "close"]
    assert diary.outcomes[0].reason is None


@pytest.mark.parametrize("method", ["on_start", "on_head", "on_end", "on_close"])
async def test_observer_that_fails_harms_nothing(method: str, expect_log: Any) -> None:
    class Broken(Observer):
        pass

    def fail(self: Any, news: Any) -> None:
        raise ZeroDivisionError

    setattr(Broken, method, fail)
    diary = Diary()
    expect_log("asynchttp.application", "ZeroDivisionError")
    async with run_server(Recorder(), observers=[Broken(), diary]) as running:
        async with await running.connect() as client:
            assert (await client.request(build_request())).status == 200
            assert (await client.request(build_request())).status == 200
        await all_closed(running.server)
    assert diary.events == ["start", "head /", "end / 200", "head /", "end / 200", "close"]


async def test_observer_needs_only_what_it_wants_to_know() -> None:
    class Ends:
        def __init__(self) -> None:
            self.statuses: list[int | None] = []

        def on_end(self, outcome: Outcome) -> None:
            self.statuses.append(outcome.status)

    ends = Ends()
    async with run_server(Recorder()) as running:
        running.server.add_observer(ends)
        async with await running.connect() as client:
            await client.request(build_request())
    assert ends.statuses == [200]
    with pytest.raises(TypeError, match="not an observer"):
        HTTPServer(Recorder(), observers=[object()])


async def test_server_without_observers_has_plain_connections() -> None:
    async with run_server(Recorder(), stats=False) as running, await running.connect() as client:
        await client.request(build_request())
        connection = only_connection(running.server)
        assert type(connection) is http1connection.HTTP1ServerConnection
    async with run_server(Recorder(), stats=True) as running, await running.connect() as client:
        await client.request(build_request())
        assert type(only_connection(running.server)) is ObservedConnection


# Figures


async def test_figures_of_requests() -> None:
    async with (
        run_server(lambda request: request.respond(b"x" * 100, int(request.path[1:])), stats=True) as running,
        await running.connect() as client,
    ):
        octets = [build_request(f"/{status}") for status in (200, 201, 304, 404, 500)]
        octets.append(build_request("/200", method="POST", body=b"1234567"))
        answers = [await client.request(each) for each in octets if b"/304" not in each]
        figures = running.server.stats()
        assert figures["requests_total"] == len(answers)
        assert figures["received_bytes_total"] == sum(len(each) for each in octets if b"/304" not in each)
        assert figures["sent_bytes_total"] == sum(len(answer.raw) for answer in answers)
        told = {name: value for name, value in figures.items() if name.startswith("responses_total") and value}
        assert told == {
            'responses_total{status="2xx"}': 3,
            'responses_total{status="4xx"}': 1,
            'responses_total{status="5xx"}': 1,
        }
        assert figures["request_duration_seconds_count"] == len(answers)
        assert figures['request_duration_seconds_bucket{le="+Inf"}'] == len(answers)
        assert 0 < figures["request_duration_seconds_sum"] < 5


async def test_figures_of_connections() -> None:
    kept: list[Any] = []
    async with run_server(kept.append) as running:
        server = running.server
        assert server.stats()["connections_active"] == 0
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(await running.connect()) for _ in range(3)]
            await until(lambda: server.stats()["connections_active"] == 3)
            await clients[0].send(build_request())
            await until(lambda: kept)
            assert server.stats()["requests_in_flight"] == 1
            kept[0].respond(b"")
            assert server.stats()["requests_in_flight"] == 0
        await all_closed(server)
        assert server.stats()["connections_active"] == 0
        assert server.stats()["connections_accepted_total"] == 3
        assert "requests_total" not in server.stats()


@pytest.mark.skipif(not hasattr(__import__("socket"), "TCP_INFO"), reason="the kernel doesn't tell")
async def test_queue_of_a_listener() -> None:
    async with run_server(Recorder()) as running, contextlib.AsyncExitStack() as stack:
        server = running.server
        for acceptor in server._acceptors.values():  # accept no more, keep listening
            acceptor.remove()
        for _ in range(3):
            await stack.enter_async_context(await running.connect())
        queues = [value for name, value in server.stats().items() if name.startswith("accept_queue_length")]
        assert queues == [3]
        for sock in running.sockets:
            connection, _ = sock.accept()
            connection.close()
        queues = [value for name, value in server.stats().items() if name.startswith("accept_queue_length")]
        assert queues == [2]


async def test_lag_of_the_loop() -> None:
    async with run_server(Recorder(), header_timeout=0.8) as running, await running.connect():
        await until(lambda: running.server._connections)
        sweep = running.server._sweep
        assert sweep is not None
        sweep._due -= 0.5  # as if the loop had been busy for half a second
        sweep._tick()
        assert running.server.stats()["loop_lag_seconds"] >= 0.3
    await asyncio.sleep(0)
