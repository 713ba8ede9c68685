"""HTTP requests of ASGI applications: bodies both ways, disconnects, and what an application can do wrong."""

import asyncio
import contextlib
import os
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from asynchttp.asgi import ASGIHandler
from asynchttp.httputil import HTTPOutputError
from asynchttp.iostream import StreamClosedError
from tests.integration.helpers import all_closed, build_request, expect_failure, only_connection, run_server, within
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@contextlib.asynccontextmanager
async def serve(app: Any, **options: Any) -> AsyncIterator[RunningServer]:
    async with ASGIHandler(app, lifespan="off") as handler, run_server(handler, **options) as running:
        yield running


def start(status: Any = 200, *headers: Any, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(octets: Any = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": octets, "more_body": more}


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    """Answers with the body of the request, as it comes."""
    await send(start())
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        more = message["more_body"]
        await send(body(message["body"], more))


async def serves_on(running: RunningServer) -> None:
    """Nothing of what went before is in the way of another client."""
    async with await running.connect() as client:
        response = await client.request(build_request("/well"))
        assert (response.status, response.body) == (200, b"well")


def or_well(app: Any) -> Any:
    """``app``, but for ``/well``."""

    async def application(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == "/well":
            await send(start())
            await send(body(b"well"))
        else:
            await app(scope, receive, send)

    return application


# -- bodies ----------------------------------------------------------------------------------------------------------


async def test_head_waits_for_the_body_and_leaves_with_it() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(201, (b"x-a", b"1"), (b"x-a", b"2")))
        await send(body(b"hello"))

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request())
            assert (response.status, response.body) == (201, b"hello")
            assert response.header_list("x-a") == ["1", "2"]
            assert response.header("Content-Length") == "5"
            assert response.header("Date")


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
async def test_body_comes_and_goes_in_pieces(version: str) -> None:
    async with serve(echo) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 10", method="POST", version=version))
        await client.send_pieces([b"he", b"llo", b"12345"])
        response = await client.read_response()
        assert response.body == b"hello12345"
        assert response.header("Transfer-Encoding") == ("chunked" if version == "HTTP/1.1" else None)


async def test_response_streams_while_the_request_does() -> None:
    async with serve(echo) as running, await running.connect() as client:
        await client.send(build_request("/", "Transfer-Encoding: chunked", method="POST"))
        for piece in (b"one", b"two"):
            await client.send(b"3\r\n%b\r\n" % piece)
            await client.read_until(b"3\r\n%b\r\n" % piece)
        await client.send(b"0\r\n\r\n")
        await client.read_until(b"0\r\n\r\n")


async def test_body_that_the_application_does_not_read_stays_with_the_client() -> None:
    called, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        called.set()
        await go_on.wait()
        await echo(scope, receive, send)

    size = 8_000_000
    async with serve(app) as running, await running.connect(deadline=20) as client:
        await client.send(build_request("/", f"Content-Length: {size}", method="POST"))
        await within(called.wait())
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sending = asyncio.ensure_future(client.send(b"x" * size))
        await asyncio.sleep(0.3)  # time in which it could all come, if it were read
        assert not sending.done()
        connection = only_connection(running.server)
        assert connection._receiver is not None
        assert connection._receiver._size < 500_000  # type: ignore[attr-defined]
        assert len(connection._input) < 500_000
        go_on.set()
        response = await client.read_response()
        assert len(response.body) == size
        await sending


async def test_application_waits_for_a_client_that_does_not_read() -> None:
    sent = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        for number in range(400):
            await send(body(b"x" * 65536, number < 399))
            sent += 65536

    async with serve(app) as running, await running.connect(deadline=20, receive_buffer=65536) as client:
        await client.send(build_request())
        await client.read_until(b"\r\n\r\n")
        await asyncio.sleep(0.3)  # time in which it could all go, if nothing held it back
        assert sent < 8_000_000
        assert only_connection(running.server).stream.write_buffer_size() < 1_000_000
        rest = 0
        while not (await client.read_some()).endswith(b"0\r\n\r\n"):
            rest += 1
        assert sent == 400 * 65536


async def test_continue_is_sent_when_the_application_asks_for_the_body() -> None:
    async with serve(echo) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 2", "Expect: 100-continue", method="POST"))
        assert (await client.read_response()).status == 100
        await client.send(b"hi")
        assert (await client.read_response()).body == b"hi"


async def test_no_continue_for_an_application_that_refuses() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(403))
        await send(body(b"no"))

    async with serve(app) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 2", "Expect: 100-continue", method="POST"))
        response = await client.read_response()
        assert (response.status, response.has_token("Connection", "close")) == (403, True)
        assert await client.read_to_end() == b""


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5")], [(b"transfer-encoding", b"chunked")]])
@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], [b"", b"hello", b""]])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_head_has_the_fields_of_get_and_no_body(headers: Any, pieces: list[bytes], method: str) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, *headers))
        for number, piece in enumerate(pieces, 1):
            await send(body(piece, number < len(pieces)))

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request(method=method))
            assert response.body == (b"" if method == "HEAD" else b"hello")
            known = len(pieces) == 1 or headers[:1] == [(b"content-length", b"5")]
            assert response.header("Content-Length") == ("5" if known else None)


@pytest.mark.parametrize("length", [None, b"0", b"1000"])
async def test_head_may_tell_the_length_of_a_body_that_was_never_made(length: bytes | None) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, *([(b"Content-Length", length)] if length else [])))
        await send(body())

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request(method="HEAD"))
            assert response.header("Content-Length") == (length.decode() if length else None)


@pytest.mark.parametrize("status", [204, 304])
async def test_responses_without_body(status: int) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(status, (b"etag", b'"a"')))
        await send(body())

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request())
            assert (response.status, response.header("Content-Length")) == (status, None)


async def test_background_work_goes_on_behind_the_response() -> None:
    go_on, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"early"))
        assert await receive() == {"type": "http.disconnect"}
        await go_on.wait()
        done.set()

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"early"
        go_on.set()
        await within(done.wait())


async def test_shutdown_waits_for_background_work() -> None:
    done = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"early"))
        await asyncio.sleep(0.05)
        done.set()

    async with serve(app) as running, await running.connect() as client:
        await client.request(build_request())
        assert not done.is_set()
    assert done.is_set()


async def test_request_body_of_a_response_that_came_early_is_disconnected() -> None:
    received: list[Any] = []
    done = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"early"))
        received.append(await receive())
        done.set()

    async with serve(app) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 5", method="POST"))
        assert (await client.read_response()).body == b"early"
        await within(done.wait())
        await client.send(b"hello")
        assert (await client.request(build_request())).body == b"early"
    assert received[0] == {"type": "http.disconnect"}


# -- the client leaves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["body", "before the head", "between pieces"])
async def test_disconnect_is_received_and_sending_fails(phase: str) -> None:
    ready = asyncio.Event()
    told: list[Any] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            if phase == "between pieces":
                await send(start())
                await send(body(b"piece", True))
            ready.set()
            message = await receive()
            while message["type"] == "http.request":
                message = await receive()
            told.append(message)
            if phase != "between pieces":
                await send(start())
            with pytest.raises(OSError) as caught:
                await send(body(b"late"))
            told.append(isinstance(caught.value, StreamClosedError))
        finally:
            over.set()

    async with serve(app) as running:
        async with await running.connect() as client:
            fields = ["Content-Length: 5"] if phase == "body" else []
            await client.send(build_request("/", *fields, method="POST" if fields else "GET"))
            await within(ready.wait())
            client.abort()
        await within(over.wait())
        await all_closed(running.server)
    assert told == [{"type": "http.disconnect"}, True]


async def test_client_that_leaves_is_no_error_of_an_application_that_goes_on_sending() -> None:
    over = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await send(start())
            while True:
                await send(body(b"x" * 65536, True))
        finally:
            over.set()

    async with serve(app) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await client.read_until(b"\r\n\r\n")
            client.abort()
        await within(over.wait())


async def test_two_tasks_may_wait_for_the_end() -> None:
    told: list[Any] = []
    done = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            await receive()
            waiting = [group.create_task(receive()) for _ in range(2)]
            await asyncio.sleep(0)
            await send(start())
            await send(body(b"x"))
            told.extend([await task for task in waiting])
        done.set()

    async with serve(app) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"x"
        await within(done.wait())
    assert told == [{"type": "http.disconnect"}] * 2


async def test_body_timeout_reads_as_a_disconnect() -> None:
    told: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        told.append(await receive())
        try:
            await send(start())
        except OSError as error:
            told.append(isinstance(error, StreamClosedError))

    async with serve(app, body_timeout=0.2) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 5", method="POST"))
        assert (await client.read_response()).status == 408
        await client.read_to_end()
    assert told == [{"type": "http.disconnect"}, True]


async def test_body_that_is_too_large_is_refused() -> None:
    async with serve(echo, max_body_size=10) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 11", method="POST"))
        assert (await client.read_response()).status == 413


# -- what an application can do wrong ----------------------------------------------------------------------------------

WRONG: dict[str, tuple[list[Any], str]] = {
    "body before start": ([body(b"x")], "expected http.response.start"),
    "start twice": ([start(), start()], "expected the first http.response.body"),
    "no type": ([{}], "unexpected ASGI message None"),
    "unknown type": ([{"type": "http.response.push"}], "unexpected ASGI message 'http.response.push'"),
    "of a WebSocket": ([{"type": "websocket.accept"}], "unexpected ASGI message 'websocket.accept'"),
    "pathsend before start": ([{"type": "http.response.pathsend", "path": "/"}], "expected http.response.start"),
    "trailers unannounced": ([start(), {"type": "http.response.trailers"}], "expected the first http.response.body"),
    "no status": ([{"type": "http.response.start"}], "'status' of http.response.start must be an int"),
    "status a str": ([start("200")], "must be an int from 200 to 599, not '200'"),
    "status interim": ([start(101)], "must be an int from 200 to 599, not 101"),
    "status too large": ([start(600)], "must be an int from 200 to 599, not 600"),
    "body a str": ([start(), body("x")], "'body' of http.response.body must be bytes, not str"),
    "body an int": ([start(), body(5)], "'body' of http.response.body must be bytes, not int"),
    "name a str": ([start(200, ("a", b"b")), body()], "are pairs of bytes"),
    "value a str": ([start(200, (b"a", "b")), body()], "are pairs of bytes"),
    "value a str, in pieces": ([start(200, (b"a", "b")), body(b"x", True)], "are pairs of bytes"),
    "not a pair": ([start(200, (b"a",)), body(b"x", True)], "are pairs of bytes"),
    "injection": ([start(200, (b"a", b"b\r\nc: d")), body()], "Illegal characters"),
    "injection, in pieces": ([start(200, (b"a", b"b\r\nc: d")), body(b"x", True)], "Illegal characters"),
    "injection by a name": ([start(200, (b"a: b\r\nc", b"d")), body()], "Illegal characters"),
    "name with a colon": ([start(200, (b"content-length:", b"9")), body()], "Illegal characters"),
    "too long a length": ([start(200, (b"content-length", b"3")), body(b"x")], "Content-Length is b'3', and the body"),
    "too short a length": ([start(200, (b"Content-Length", b"0")), body(b"x")], "Content-Length is b'0', and the body"),
    "not a length": ([start(200, (b"content-length", b"-1")), body(b"x", True)], "invalid Content-Length"),
    "two lengths": (
        [start(200, (b"content-length", b"1"), (b"content-length", b"2")), body(b"x", True)],
        "invalid Content-Length",
    ),
    "body where none can be": ([start(204), body(b"x")], "can't have a body"),
    "body where none can be, in pieces": ([start(204), body(b"x", True)], "can't have a body"),
    "body of what wasn't modified": ([start(304), body(b"x")], "can't have a body"),
    "returned without a word": ([], "returned without finishing its response"),
    "returned after start": ([start()], "returned without finishing its response"),
    "no such file": ([start(), {"type": "http.response.pathsend", "path": "/nosuchfile"}], "FileNotFoundError"),
    "path a directory": ([start(), {"type": "http.response.pathsend", "path": "/"}], "not a regular file"),
    "no path": ([start(), {"type": "http.response.pathsend"}], "TypeError"),
    "hint a str": ([{"type": "http.response.early_hint", "links": ["a"]}], "are pairs of bytes"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_error_is_clear_and_answered_by_500(name: str, expect_log: ExpectLog) -> None:
    messages, pattern = WRONG[name]

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    expect_failure(expect_log, pattern)
    async with serve(or_well(app)) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.status, response.has_token("Connection", "close")) == (500, True)
        assert await client.read_to_end() == b""
        await serves_on(running)


CUT: dict[str, tuple[list[Any], str]] = {
    "more than the length": (
        [start(200, (b"content-length", b"3")), body(b"ab", True), body(b"cd")],
        "more data than Content-Length",
    ),
    "less than the length": ([start(200, (b"content-length", b"3")), body(b"ab", True), body()], "less than"),
    "returned in the middle": ([start(), body(b"ab", True)], "returned without finishing"),
    "body a str": ([start(), body(b"ab", True), body("x")], "must be bytes, not str"),
    "start in the middle": ([start(), body(b"ab", True), start()], "expected http.response.body"),
    "pathsend in the middle": (
        [start(), body(b"ab", True), {"type": "http.response.pathsend", "path": "/"}],
        "expected http.response.body",
    ),
    "returned before the trailers": ([start(200, trailers=True), body(b"ab")], "returned without finishing"),
}


@pytest.mark.parametrize("name", CUT)
async def test_error_in_the_middle_cuts(name: str, expect_log: ExpectLog) -> None:
    messages, pattern = CUT[name]

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    expect_failure(expect_log, pattern)
    async with serve(or_well(app)) as running, await running.connect() as client:
        await client.send(build_request())
        with pytest.raises(EOFError):
            await client.read_response()
        await serves_on(running)


async def test_message_behind_the_end_is_an_error_and_harms_no_response(expect_log: ExpectLog) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"x"))
        await send(body(b"y"))

    expect_failure(expect_log, "unexpected ASGI message 'http.response.body': expected nothing", count=2)
    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"x"


async def test_caught_error_lets_nothing_out_that_is_no_response(expect_log: ExpectLog) -> None:
    """A body whose head was refused must not go out in the place of a head."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"a", b"b\r\n")))
        for _ in range(2):
            with contextlib.suppress(ValueError):
                await send(body(b"HTTP/1.1 200 Bad\r\nContent-Length: 0\r\n\r\n", True))

    expect_failure(expect_log, "returned without finishing")
    async with serve(app) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500


@pytest.mark.parametrize("sent", [[], [start()], [start(), body(b"x", True)], [start(), body(b"x")]])
async def test_exception_is_logged_once(sent: list[Any], expect_log: ExpectLog) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in sent:
            await send(message)
        raise ZeroDivisionError("mine")

    expect_failure(expect_log, "ZeroDivisionError: mine")
    async with serve(or_well(app)) as running, await running.connect() as client:
        await client.send(build_request())
        if len(sent) == 2 and sent[1]["more_body"]:
            with pytest.raises(EOFError):
                await client.read_response()
        else:
            assert (await client.read_response()).status == (200 if len(sent) == 2 else 500)
        await serves_on(running)


async def test_application_that_exits_does_not_end_the_server(expect_log: ExpectLog) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise SystemExit("mine")

    expect_failure(expect_log, "SystemExit: mine")
    async with serve(or_well(app)) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500
        await serves_on(running)


@pytest.mark.parametrize("app", [lambda scope: None, lambda scope, receive, send: None])
async def test_what_is_no_application_of_asgi_3_answers_500(app: Any, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "TypeError")
    async with serve(app) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500


@pytest.mark.parametrize(
    "messages",
    [[], [start()], [start(), body(b"x", True)], [start(200, (b"content-length", b"1")), body(b"xy", True)]],
)
async def test_task_that_an_application_leaves_behind_is_told_of_the_end(
    messages: list[Any], expect_log: ExpectLog
) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        tasks.append(asyncio.create_task(receive()))
        await asyncio.sleep(0)
        for message in messages:
            await send(message)
        raise HTTPOutputError("mine")

    expect_failure(expect_log, "HTTPOutputError")
    async with serve(or_well(app)) as running, await running.connect() as client:
        await client.send(build_request())
        await client.read_to_end()
        assert await within(tasks[0]) == {"type": "http.disconnect"}
        await serves_on(running)


async def test_application_that_never_answers_is_left_behind() -> None:
    called = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        called.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serve(or_well(app)) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(called.wait())
            await serves_on(running)
        await all_closed(running.server)


async def test_application_that_returns_at_a_half_close_is_no_error() -> None:
    """The client may still be reading; that nothing comes is told by the end."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serve(app) as running, await running.connect() as client:
        await client.send(build_request())
        client.shutdown_write()
        assert await client.read_to_end() == b""


async def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="callable"):
        ASGIHandler("app")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lifespan must be"):
        ASGIHandler(echo, lifespan="maybe")  # type: ignore[arg-type]


# -- extensions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 5_000_000])
@pytest.mark.parametrize("framing", ["ours", "own", "HEAD"])
async def test_pathsend(tmp_path: pathlib.Path, size: int, framing: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert "http.response.pathsend" in scope["extensions"]
        await send(start(200, *([(b"Content-Length", b"%d" % size)] if framing == "own" else [])))
        await send({"type": "http.response.pathsend", "path": str(path)})

    async with serve(app) as running, await running.connect(deadline=20) as client:
        for _ in range(2):
            response = await client.request(build_request(method="HEAD" if framing == "HEAD" else "GET"))
            assert response.body == (b"" if framing == "HEAD" else path.read_bytes())
            assert response.header("Content-Length") == str(size)


async def test_pathsend_of_a_file_that_has_grown(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"Content-Length", b"4")))
        await send({"type": "http.response.pathsend", "path": str(path)})

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"0123"


async def test_early_hints() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert "http.response.early_hint" in scope["extensions"]
        await send({"type": "http.response.early_hint", "links": [b"</a>; rel=preload", b"</b>; rel=preload"]})
        await send(start())
        await send(body(b"x"))

    async with serve(app) as running, await running.connect() as client:
        hints = await client.request(build_request())
        assert (hints.status, hints.header_list("Link")) == (103, ["</a>; rel=preload", "</b>; rel=preload"])
        assert (await client.read_response()).body == b"x"
        assert (await client.request(build_request(version="HTTP/1.0"))).status == 200


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"]])
async def test_trailers(pieces: list[bytes]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert "http.response.trailers" in scope["extensions"]
        await send(start(200, (b"trailer", b"x-sum"), (b"content-length", b"5"), trailers=True))
        for number, piece in enumerate(pieces, 1):
            await send(body(piece, number < len(pieces)))
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request())
            assert response.body == b"hello"
            assert response.raw.endswith(b"0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n")
        assert (await client.request(build_request(method="HEAD"))).status == 200
        assert (await client.request(build_request(version="HTTP/1.0"))).body == b"hello"


async def test_endless_response_learns_of_the_end_of_the_server_at_its_start() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        draining = scope["extensions"]["asynchttp.draining"]
        await send(start())
        await send(body(b"data: hello\n\n", more=True))
        await draining.wait()
        await send(body(b"data: bye\n\n"))

    async with serve(app) as running, await running.connect() as client:
        await client.send(build_request())
        await client.read_until(b"hello\n\n")
        shutdown = asyncio.create_task(running.server.shutdown(20))
        await client.read_until(b"bye\n\n\r\n0\r\n\r\n")
        await within(shutdown)
