"""An exchange ends once: nobody can write behind its end, and who writes to a client that has gone is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.httputil import HTTPHeaders, HTTPOutputError, ResponseStartLine
from asynchttp.iostream import StreamClosedError
from tests.integration.helpers import (
    all_closed,
    build_request,
    expect_failure,
    only_connection,
    run_server,
    run_server_with_clock,
    turns,
    until,
    within,
)
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

OK_2 = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
START_LINE = ResponseStartLine("HTTP/1.1", 200, "OK")


def respond(request: Any) -> None:
    request.respond(b"hi")


def raw(request: Any) -> None:
    request.write(OK_2 + b"hi")
    request.finish()


def structured(request: Any) -> None:
    request.connection.write_headers(START_LINE, HTTPHeaders({"Content-Length": "2"}), b"hi")
    request.connection.finish()


def chunked(request: Any) -> None:
    request.connection.write_headers(START_LINE, HTTPHeaders(), b"hi")
    request.connection.finish()


#: All that a handler can do to its response.
ATTEMPTS: dict[str, Callable[[Any], Any]] = {
    "write": lambda request: request.write(b"late"),
    "write with callback": lambda request: request.write(b"late", pytest.fail),
    "write nothing": lambda request: request.write(b""),
    "finish": lambda request: request.finish(),
    "respond": lambda request: request.respond(b"late"),
    "connection.write": lambda request: request.connection.write(b"late"),
    "connection.write_headers": lambda request: request.connection.write_headers(START_LINE, HTTPHeaders()),
    "connection.finish": lambda request: request.connection.finish(),
    "connection.respond": lambda request: request.connection.respond(b"late"),
    "connection.detach": lambda request: request.connection.detach(),
}
answers = pytest.mark.parametrize("answer", [respond, raw, structured, chunked])
attempts = pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)


@answers
@attempts
async def test_late_attempt_is_an_error_and_never_reaches_the_wire(
    answer: Callable[[Any], None], attempt: Callable[[Any], Any]
) -> None:
    """In the same call, between two requests, and while the next request is answered."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        if request.uri == "/wait":
            waiting.put_nowait(request)
            return
        answer(request)
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(request)
        waiting.put_nowait(request)

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"hi"
        first = await within(waiting.get())
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(first)
        await client.send(build_request("/wait"))
        second = await within(waiting.get())
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(first)
        second.write(OK_2)
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(first)
        second.write(b"hi")
        second.finish()
        assert (await client.read_response()).raw == OK_2 + b"hi"


@attempts
async def test_late_attempt_behind_the_end_of_the_connection_is_an_error_too(attempt: Callable[[Any], Any]) -> None:
    """A program that is wrong is wrong whether or not its client has gone meanwhile."""
    done: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        request.respond(b"hi")
        done.put_nowait(request)

    async with run_server(handler) as running:
        async with await running.connect() as client:
            await client.request(build_request())
        await all_closed(running.server)
        request = await within(done.get())
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(request)


@attempts
async def test_attempt_behind_a_failure_is_an_error(attempt: Callable[[Any], Any], expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "Tried to write more data", count=1)
    kept: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        kept.put_nowait(request)
        request.write(OK_2 + b"hi!")

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        await client.read_to_end()
        request = await within(kept.get())
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(request)


@attempts
async def test_attempt_behind_detach_is_an_error(attempt: Callable[[Any], Any]) -> None:
    kept: asyncio.Queue[Any] = asyncio.Queue()

    def handler(request: Any) -> None:
        kept.put_nowait((request, request.connection.detach()))

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        request, stream = await within(kept.get())
        with pytest.raises(HTTPOutputError, match="finished before"):
            attempt(request)
        stream.close()
        assert await client.read_to_end() == b""


# The client goes away


class Gone:
    """A server whose handler keeps its requests, and a client that leaves in one of several ways."""

    def __init__(self, begin: Callable[[Any], Any] | None = None) -> None:
        self.requests: asyncio.Queue[Any] = asyncio.Queue()
        self.told: asyncio.Queue[float] = asyncio.Queue()
        self.begin = begin

    def __call__(self, request: Any) -> None:
        request.connection.set_close_callback(self.on_close)
        if self.begin is not None:
            self.begin(request)
        self.requests.put_nowait(request)

    def on_close(self) -> None:
        self.told.put_nowait(asyncio.get_running_loop().time())

    async def lose(self, running: RunningServer, how: str = "reset") -> Any:
        """Have a request whose client has gone, known to the server."""
        client = await running.connect()
        await client.send(build_request())
        request = await within(self.requests.get())
        leave(client, how)
        await all_closed(running.server)
        return request


def leave(client: RawClient, how: str) -> None:
    if how == "reset":
        client.abort()
    else:
        client.close()


BEGINNINGS: dict[str, Callable[[Any], Any] | None] = {
    "before the head": None,
    "in a raw response": lambda request: request.write(OK_2),
    "in a response by length": lambda request: request.connection.write_headers(
        START_LINE, HTTPHeaders({"Content-Length": "2"}), b"h"
    ),
    "in a chunked response": lambda request: request.connection.write_headers(START_LINE, HTTPHeaders(), b"h"),
}
beginnings = pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)


@beginnings
async def test_reset_is_told_within_a_tenth_of_a_second(begin: Callable[[Any], Any] | None) -> None:
    durations = []
    for _ in range(5):
        handler = Gone(begin)
        loop = asyncio.get_running_loop()
        async with run_server(handler) as running:
            client = await running.connect()
            await client.send(build_request())
            await within(handler.requests.get())
            await turns(10)
            before = loop.time()
            client.abort()
            durations.append(await within(handler.told.get()) - before)
            await turns()
            assert handler.told.empty()
    # Never so soon if somebody has to look; a busy machine may be late, but not each time.
    assert min(durations) < 0.1


async def test_close_is_told_after_the_grace_of_a_half_closed_client() -> None:
    """A close and a half-close look the same until something is sent: see test_half_close."""
    handler = Gone()
    async with run_server_with_clock(handler) as (running, clock):
        client = await running.connect()
        await client.send(build_request())
        request = await within(handler.requests.get())
        client.close()
        await until(lambda: only_connection(running.server)._eof_since is not None)
        clock.advance(0.9)
        await turns()
        assert handler.told.empty()
        clock.advance(0.5)
        await within(handler.told.get())
        clock.advance(5)
        request.respond(b"nobody reads this")
        await all_closed(running.server)
        assert handler.told.empty()


async def test_reset_of_a_client_that_pipelined_is_told() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        client = await running.connect()
        await client.send(build_request("/1") + build_request("/2"))
        await within(handler.requests.get())
        client.abort()
        await within(handler.told.get())


@beginnings
async def test_write_to_a_client_that_has_gone_fails_and_finish_is_silent(begin: Callable[[Any], Any] | None) -> None:
    handler = Gone(begin)
    async with run_server(handler) as running:
        request = await handler.lose(running)
        for attempt in (
            lambda: request.write(b"x"),
            lambda: request.connection.write(b"x"),
            lambda: request.connection.write_headers(START_LINE, HTTPHeaders()),
        ):
            with pytest.raises(StreamClosedError) as caught:
                await attempt()
            assert isinstance(caught.value.real_error, ConnectionResetError)
        assert request.write(b"x", pytest.fail) is None
        assert request.connection.closed
        request.finish()
        await turns()


async def test_respond_to_a_client_that_has_gone_fails_and_ends_the_exchange() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        request = await handler.lose(running)
        with pytest.raises(StreamClosedError):
            await request.respond(b"x")
        with pytest.raises(HTTPOutputError):
            request.respond(b"x")


async def test_second_finish_is_an_error_also_for_a_client_that_has_gone() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        request = await handler.lose(running)
        request.finish()
        with pytest.raises(HTTPOutputError):
            request.finish()


async def test_failed_write_that_nobody_awaits_is_silent() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        request = await handler.lose(running)
        request.write(b"x")
        request.respond(b"x")
        del request
        await turns()


async def test_detach_from_a_client_that_has_gone_fails() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        request = await handler.lose(running)
        with pytest.raises(StreamClosedError):
            request.connection.detach()


async def test_pending_write_fails_when_the_client_goes() -> None:
    results: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(request: Any) -> None:
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        writes = [request.write(b"x" * 25_000_000) for _ in range(2)]
        results.put_nowait("started")
        for outcome in await asyncio.gather(*writes, return_exceptions=True):
            results.put_nowait(outcome)
        request.finish()

    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await within(results.get())
        await client.read_until(b"\r\n\r\n")
        client.abort()
        for _ in range(2):
            outcome = await within(results.get())
            assert isinstance(outcome, StreamClosedError)


async def test_close_callback_set_too_late_is_called_all_the_same() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        request = await handler.lose(running)
        await within(handler.told.get())
        late = asyncio.Event()
        request.connection.set_close_callback(late.set)
        assert not late.is_set()
        await within(late.wait())


async def test_close_callback_can_be_taken_back() -> None:
    handler = Gone(lambda request: request.connection.set_close_callback(None))
    async with run_server(handler) as running:
        await handler.lose(running)
        await turns()
        assert handler.told.empty()


@answers
async def test_close_callback_is_forgotten_with_the_end_of_the_response(answer: Callable[[Any], None]) -> None:
    handler = Gone(answer)
    async with run_server(handler) as running:
        async with await running.connect() as client:
            await client.request(build_request())
        await all_closed(running.server)
        await turns()
        assert handler.told.empty()
        request = await within(handler.requests.get())
        request.connection.set_close_callback(handler.on_close)
        await turns()
        assert handler.told.empty()


async def test_exception_in_a_close_callback_is_logged_and_the_server_lives(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ZeroDivisionError")

    def fail() -> None:
        raise ZeroDivisionError

    handler = Gone(lambda request: request.connection.set_close_callback(fail))
    async with run_server(handler) as running:
        await handler.lose(running)
        await turns()
        handler.begin = respond
        async with await running.connect() as client:
            assert (await client.request(build_request())).body == b"hi"


async def test_connection_closed_by_the_handler_is_told_too() -> None:
    handler = Gone()
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        request = await within(handler.requests.get())
        request.connection.close()
        await within(handler.told.get())
        assert await client.read_to_end() == b""


async def test_all_connections_can_be_closed_at_once() -> None:
    handler = Gone()
    async with run_server(handler) as running:
        clients = [await running.connect() for _ in range(3)]
        for client in clients:
            await client.send(build_request())
            await within(handler.requests.get())
        await running.server.close_all_connections()
        assert not running.server._connections
        for client in clients:
            assert await client.read_to_end() == b""
            await within(handler.told.get())
            client.close()


async def test_exchanges_of_two_connections_don_t_mix() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with (
        run_server(waiting.put_nowait) as running,
        await running.connect() as one,
        await running.connect() as other,
    ):
        await one.send(build_request("/one"))
        first = await within(waiting.get())
        await other.send(build_request("/other"))
        second = await within(waiting.get())
        second.respond(second.uri)
        assert (await other.read_response()).body == b"/other"
        first.respond(first.uri)
        assert (await one.read_response()).body == b"/one"
