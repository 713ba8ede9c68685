"""Coroutine handlers: what they return is the response, what they raise becomes 500 or the end of the connection."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from asynchttp.httputil import (
    BodyTooLargeError,
    HTTPHeaders,
    HTTPInputError,
    HTTPOutputError,
    HTTPResponse,
    ResponseStartLine,
)
from asynchttp.iostream import StreamClosedError
from tests.integration.helpers import (
    all_closed,
    build_request,
    expect_failure,
    run_server,
    turns,
    within,
)
from tests.support.rawclient import RawResponse

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


async def ask(handler: Any, method: str = "GET") -> tuple[RawResponse, bool]:
    """(the response, whether the connection lived on)."""
    async with run_server(handler) as running, await running.connect() as client:
        response = await client.request(build_request(method=method))
        if response.has_token("Connection", "close"):
            assert await client.read_to_end() == b""
            assert not client.was_reset
            return response, False
        return response, (await client.request(build_request())).status == response.status


@pytest.fixture(params=["at once", "later"])
def pause(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """What a handler awaits first: nothing, or a turn of the loop."""

    async def nothing() -> None:
        pass

    async def turn() -> None:
        await asyncio.sleep(0)

    return nothing if request.param == "at once" else turn


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        (b"hello", 200, b"hello"),
        (b"", 200, b""),
        ("üé", 200, "üé".encode()),
        (bytearray(b"ab"), 200, b"ab"),
        (memoryview(b"ab"), 200, b"ab"),
        (HTTPResponse(), 200, b""),
        (HTTPResponse(404, {"X-A": "1"}, "nothing here"), 404, b"nothing here"),
        (HTTPResponse(body=b"x", headers=[("X-A", "1"), ("X-A", "2")]), 200, b"x"),
    ],
)
async def test_result_is_the_response(result: Any, status: int, body: bytes, pause: Callable[[], Any]) -> None:
    async def handler(request: Any) -> Any:
        await pause()
        return result

    response, alive = await ask(handler)
    assert (response.status, response.body, alive) == (status, body, True)
    if isinstance(result, HTTPResponse) and result.headers:
        assert response.header("X-A") == "1"


async def test_respond_and_return_nothing(pause: Callable[[], Any]) -> None:
    async def handler(request: Any) -> None:
        await pause()
        request.respond(b"hello", 201)

    response, alive = await ask(handler)
    assert (response.status, response.body, alive) == (201, b"hello", True)


async def test_raw_and_structured_writes(pause: Callable[[], Any]) -> None:
    async def handler(request: Any) -> None:
        await request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await pause()
        await request.write(b"hello")
        request.finish()

    response, alive = await ask(handler)
    assert (response.body, alive) == (b"hello", True)


async def test_handler_runs_as_a_task_of_its_own(pause: Callable[[], Any]) -> None:
    tasks: list[Any] = []

    async def handler(request: Any) -> bytes:
        tasks.append(asyncio.current_task())
        await pause()
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        return b""

    await ask(handler)
    assert len(tasks) == 4
    assert tasks[0] is tasks[1] is not None
    assert tasks[2] is tasks[3] is not tasks[0]


async def test_nothing_at_all_is_500_and_one_record(pause: Callable[[], Any], expect_log: ExpectLog) -> None:
    failure = expect_failure(expect_log, "the handler returned without finishing its response")

    async def handler(request: Any) -> None:
        await pause()

    response, alive = await ask(handler)
    assert (response.status, alive) == (500, False)
    assert b"the handler" not in response.body
    assert "GET /" in failure.records[0].getMessage()


async def test_nothing_at_the_end_of_a_begun_response_cuts_it(pause: Callable[[], Any], expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "the handler returned without finishing its response")

    async def handler(request: Any) -> None:
        request.write(BEGUN)
        await pause()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == BEGUN


@pytest.mark.parametrize("result", [5, object(), ["a"], (200, b"x")])
async def test_result_that_is_no_response_is_500(result: Any, pause: Callable[[], Any], expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "TypeError: a body is bytes")

    async def handler(request: Any) -> Any:
        await pause()
        return result

    response, alive = await ask(handler)
    assert (response.status, alive) == (500, False)


async def test_response_that_can_t_be_sent_is_500(pause: Callable[[], Any], expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ValueError: Illegal characters .* X-A")

    async def handler(request: Any) -> Any:
        await pause()
        return HTTPResponse(200, {"X-A": "1\r\n"}, b"x")

    assert (await ask(handler))[0].status == 500


async def test_exception_before_the_head_is_500_and_one_record(pause: Callable[[], Any], expect_log: ExpectLog) -> None:
    failure = expect_failure(expect_log, "ZeroDivisionError: secret")

    async def handler(request: Any) -> bytes:
        await pause()
        raise ZeroDivisionError("secret")

    response, alive = await ask(handler)
    assert (response.status, response.header("Content-Length"), alive) == (500, str(len(response.body)), False)
    assert b"secret" not in response.raw
    assert failure.records[0].exc_info is not None
    assert failure.records[0].getMessage().startswith("Uncaught exception GET / (127.0.0.1)")


@pytest.mark.parametrize("begin", ["raw", "length", "chunked"])
async def test_exception_behind_the_head_cuts_and_one_record(
    begin: str, pause: Callable[[], Any], expect_log: ExpectLog
) -> None:
    expect_failure(expect_log, "ZeroDivisionError")

    async def handler(request: Any) -> None:
        if begin == "raw":
            request.write(BEGUN)
        else:
            fields = HTTPHeaders({"Content-Length": "5"} if begin == "length" else {})
            request.connection.write_headers(ResponseStartLine("", 200, "OK"), fields, b"he")
        await pause()
        raise ZeroDivisionError

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request() + build_request("/never"))
        raw = await client.read_to_end()
        assert not client.was_reset
    if begin == "chunked":
        assert raw == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"
    else:
        assert raw == BEGUN


async def test_exception_behind_the_response_is_logged_and_harms_nothing(
    pause: Callable[[], Any], expect_log: ExpectLog
) -> None:
    failure = expect_failure(expect_log, "ZeroDivisionError")

    async def handler(request: Any) -> None:
        request.respond(b"fine")
        await pause()
        if request.uri == "/fails":
            raise ZeroDivisionError

    async with run_server(handler) as running, await running.connect() as client:
        for path in ("/fails", "/works"):
            assert (await client.request(build_request(path))).body == b"fine"
        await failure.wait()


async def test_exception_in_answer_to_head_has_no_body(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ZeroDivisionError")

    async def handler(request: Any) -> bytes:
        raise ZeroDivisionError

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request(method="HEAD"))
        raw = await client.read_to_end()
        assert raw.startswith(b"HTTP/1.1 500 ")
        assert raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("error", "status"), [(HTTPInputError, 400), (BodyTooLargeError, 413)])
async def test_input_error_of_a_handler_is_the_peers(
    error: type[HTTPInputError], status: int, pause: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asynchttp")

    async def handler(request: Any) -> bytes:
        await pause()
        raise error("no such thing")

    response, alive = await ask(handler)
    assert (response.status, response.body, alive) == (status, b"no such thing\n", False)
    records = [record for record in caplog.records if record.name.startswith("asynchttp")]
    assert [(record.name, record.levelname) for record in records] == [("asynchttp.general", "INFO")]


async def test_too_many_arguments_are_400() -> None:
    async def handler(request: Any) -> bytes:
        return str(len(request.arguments)).encode()

    async with run_server(handler) as running, await running.connect() as client:
        query = "&".join(f"a{number}=1" for number in range(1100))
        assert (await client.request(build_request("/?" + query))).status == 400


async def test_exception_group_is_handled_as_an_exception(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ExceptionGroup: odd")

    async def handler(request: Any) -> bytes:
        raise ExceptionGroup("odd", [ValueError("inside")])

    assert (await ask(handler))[0].status == 500


@pytest.mark.parametrize("begun", [False, True])
async def test_cancelled_handler_ends_the_connection_without_a_record(begun: bool) -> None:
    tasks: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(request: Any) -> bytes:
        if begun:
            request.write(BEGUN)
        tasks.put_nowait(asyncio.current_task())
        await asyncio.get_running_loop().create_future()
        return b"never"

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request() + build_request("/never"))
        task = await within(tasks.get())
        task.cancel()
        assert await client.read_to_end() == (BEGUN if begun else b"")
        await turns()
        assert task.cancelled()
        assert tasks.empty()


async def test_handler_that_cancels_itself_ends_the_connection() -> None:
    async def handler(request: Any) -> bytes:
        raise asyncio.CancelledError

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == b""


async def test_cancellation_behind_the_response_harms_nothing() -> None:
    tasks: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(request: Any) -> None:
        request.respond(b"fine")
        tasks.put_nowait(asyncio.current_task())
        await asyncio.get_running_loop().create_future()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request())).body == b"fine"
            (await within(tasks.get())).cancel()


async def test_client_that_leaves_does_not_cancel_the_handler() -> None:
    proceed, ended = asyncio.Event(), asyncio.Event()
    entered = asyncio.Event()

    async def handler(request: Any) -> bytes:
        entered.set()
        await proceed.wait()
        ended.set()
        return b"nobody reads this"

    async with run_server(handler) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(entered.wait())
        await turns(20)
        assert not ended.is_set()
        proceed.set()
        await within(ended.wait())
        await turns()
        await all_closed(running.server)


@pytest.mark.parametrize("then", ["return nothing", "raise"])
async def test_end_of_a_handler_whose_client_has_gone(then: str, expect_log: ExpectLog) -> None:
    """It has nobody to answer, so no answer is no error; a failure still is one."""
    failure = expect_failure(expect_log, "ZeroDivisionError") if then == "raise" else None
    entered, proceed, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(request: Any) -> None:
        entered.set()
        await proceed.wait()
        done.set()
        if then == "raise":
            raise ZeroDivisionError

    async with run_server(handler) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(entered.wait())
            client.abort()
        await all_closed(running.server)
        proceed.set()
        await within(done.wait())
        if failure is not None:
            await failure.wait()


@pytest.mark.parametrize("swallow", [False, True])
async def test_client_that_leaves_during_an_awaited_write_is_no_error_of_the_handler(
    swallow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asynchttp")
    outcome: asyncio.Queue[str] = asyncio.Queue()

    async def handler(request: Any) -> None:
        request.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await request.write(b"x" * 1_000_000)
        except StreamClosedError:
            outcome.put_nowait("told")
            if not swallow:
                raise

    async with run_server(handler) as running:
        async with await running.connect(receive_buffer=4096) as client:
            await client.send(build_request())
            await client.read_until(b"\r\n\r\n")
            client.abort()
        assert await within(outcome.get()) == "told"
        await all_closed(running.server)
        await turns()
    noise = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert noise == []


async def test_stream_of_the_handlers_own_that_closes_is_its_error(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "StreamClosedError")

    async def handler(request: Any) -> bytes:
        raise StreamClosedError(real_error=ConnectionResetError("of a database, say"))

    assert (await ask(handler))[0].status == 500


async def test_late_write_of_a_task_that_the_handler_left_behind_is_an_error() -> None:
    late: asyncio.Queue[BaseException | None] = asyncio.Queue()
    release = asyncio.Event()
    background: set[asyncio.Task[None]] = set()

    async def handler(request: Any) -> bytes:
        async def write_later() -> None:
            await release.wait()
            try:
                request.write(b"late")
            except BaseException as error:
                late.put_nowait(error)

        background.add(asyncio.get_running_loop().create_task(write_later()))
        return b"in time"

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"in time"
        release.set()
        assert isinstance(await within(late.get()), HTTPOutputError)
        release.clear()
        assert (await client.request(build_request())).body == b"in time"
        release.set()
        await within(asyncio.gather(*background))


async def test_result_behind_an_own_answer_is_an_error(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "finished before", count=2)

    async def handler(request: Any) -> bytes:
        request.respond(b"first")
        return b"second"

    response, alive = await ask(handler)
    assert (response.body, alive) == (b"first", True)


async def test_handler_that_goes_on_after_its_response_doesn_t_hold_back_the_next() -> None:
    """And the end of the first doesn't touch the second: each has its own task."""
    release = [asyncio.Event(), asyncio.Event()]
    ended: list[str] = []

    async def handler(request: Any) -> None:
        number = int(request.uri[1:])
        if number == 0:
            request.respond(b"0")
            await release[0].wait()
        else:
            await release[1].wait()
            request.respond(b"1")
        ended.append(request.uri)

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request("/0"))).body == b"0"
        await client.send(build_request("/1"))
        await turns(20)
        release[0].set()
        await turns()
        assert ended == ["/0"]
        release[1].set()
        assert (await client.read_response()).body == b"1"
        assert ended == ["/0", "/1"]


# What counts as a coroutine handler


class Handlers:
    async def __call__(self, request: Any) -> bytes:
        return b"object"

    async def method(self, request: Any) -> bytes:
        return b"method"


async def with_argument(argument: str, request: Any) -> bytes:
    return argument.encode()


def returns_a_coroutine(request: Any) -> Any:
    return with_argument("plain function", request)


@pytest.mark.parametrize(
    ("handler", "body"),
    [
        (Handlers(), b"object"),
        (Handlers().method, b"method"),
        (functools.partial(with_argument, "partial"), b"partial"),
        (functools.partial(functools.partial(with_argument), "partial"), b"partial"),
        (returns_a_coroutine, b"plain function"),
        (functools.partial(returns_a_coroutine), b"plain function"),
    ],
)
async def test_kinds_of_coroutine_handlers(handler: Any, body: bytes) -> None:
    response, alive = await ask(handler)
    assert (response.body, alive) == (body, True)


async def test_plain_function_may_return_a_future() -> None:
    def handler(request: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, b"later")
        return future

    assert (await ask(handler))[0].body == b"later"


async def test_result_of_a_plain_function_that_isn_t_awaitable_is_ignored() -> None:
    def handler(request: Any) -> Any:
        request.respond(b"this")
        return b"not this"

    assert (await ask(handler))[0].body == b"this"


async def test_exception_of_a_plain_function_is_500_and_one_record(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ZeroDivisionError")

    def handler(request: Any) -> None:
        raise ZeroDivisionError

    response, alive = await ask(handler)
    assert (response.status, alive) == (500, False)


async def test_input_error_of_a_plain_function_is_400() -> None:
    def handler(request: Any) -> None:
        raise HTTPInputError("bad cookie")

    response, _ = await ask(handler)
    assert (response.status, response.body) == (400, b"bad cookie\n")


async def test_tasks_are_made_by_the_loops_own_factory() -> None:
    made: list[str] = []
    loop = asyncio.get_running_loop()

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def handler(request: Any) -> bytes:
        return b"x"

    loop.set_task_factory(factory)
    try:
        response, alive = await ask(handler)
    finally:
        loop.set_task_factory(None)
    assert (response.body, alive) == (b"x", True)
    assert made.count("_answer") == 2


async def test_many_clients_at_once() -> None:
    async def handler(request: Any) -> bytes:
        for _ in range(3):
            await asyncio.sleep(0)
        return request.uri.encode()

    async with run_server(handler) as running, aiohttp.ClientSession() as session:

        async def get(number: int) -> bytes:
            async with session.get(running.url(f"/{number}")) as response:
                return await response.read()

        assert await asyncio.gather(*map(get, range(200))) == [b"/%d" % number for number in range(200)]


async def test_handlers_own_error_after_its_client_left_is_logged(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "clean-up")

    async def handler(request: Any) -> None:
        request.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await request.write(b"x" * 1_000_000)
        except StreamClosedError:
            raise KeyError("clean-up") from None

    async with run_server(handler) as running:
        async with await running.connect(receive_buffer=4096) as client:
            await client.send(build_request())
            await client.read_until(b"\r\n\r\n")
            client.abort()
        await all_closed(running.server)
        await turns()
