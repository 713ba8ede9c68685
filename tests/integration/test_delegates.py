"""Delegates: what they are told, in which order, how often; and what comes back when one of them fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asynchttp import httputil
from tests.support.logs import Expectation
from tests.support.rawclient import RawClient
from tests.support.servers import run_server
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Expectation]

POST = b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
GET = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"


class Recorder(httputil.HTTPMessageDelegate):
    """Writes down what it is told, and answers when the message is complete."""

    def __init__(self, app: "App", connection: Any) -> None:
        self.app = app
        self.connection = connection

    def _told(self, name: str, what: Any = None) -> Any:
        self.app.events.append(name if what is None else (name, what))
        do = self.app.actions.get(name)
        return None if do is None else do(self)

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        result: Awaitable[None] | None = self._told("headers_received")
        return result

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        result: Awaitable[None] | None = self._told("data_received", chunk)
        return result

    def finish(self) -> None:
        self._told("finish")
        if not self.connection._request.finished() and "finish" not in self.app.actions:
            self.answer()

    def on_connection_close(self) -> None:
        self.app.closed.set()
        self._told("on_connection_close")

    def answer(self, body: bytes = b"ok") -> None:
        headers = httputil.HTTPHeaders({"Content-Length": str(len(body))})
        self.connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), headers, body)
        self.connection.finish()


class App(httputil.HTTPServerConnectionDelegate):
    """``actions``: what a Recorder does when it is told something."""

    def __init__(self, **actions: Callable[[Recorder], Any]) -> None:
        self.actions = actions
        self.events: list[Any] = []
        self.closed = asyncio.Event()
        self.connection_closed = asyncio.Event()
        self.server_connections: list[Any] = []

    def start_request(self, server_conn: Any, request_conn: Any) -> Recorder:
        self.events.append("start_request")
        self.server_connections.append(server_conn)
        return Recorder(self, request_conn)

    def on_close(self, server_conn: Any) -> None:
        assert server_conn in self.server_connections or not self.server_connections
        self.events.append("on_close")
        self.connection_closed.set()

    @property
    def names(self) -> list[str]:
        return [event if isinstance(event, str) else event[0] for event in self.events]

    @property
    def body(self) -> bytes:
        return b"".join(event[1] for event in self.events if event[0] == "data_received")


async def finished(app: App, client: RawClient | None = None) -> None:
    """Wait for the end of the connection; a client that is still there is closed first: the server would linger."""
    if client is not None:
        client.close()
    async with asyncio.timeout(5):
        await app.connection_closed.wait()


async def test_request_without_body() -> None:
    app = App()
    async with run_server(app) as server, await server.connect() as client:
        assert (await client.request(GET)).body == b"ok"
        assert app.events == ["start_request", "headers_received", "finish"]


@pytest.mark.parametrize("request_octets", [POST, CHUNKED], ids=["length", "chunked"])
async def test_body_means_the_same_however_it_is_cut(request_octets: bytes) -> None:
    app = App()
    async with run_server(app) as server, await server.connect() as client:
        for pieces in every_split(request_octets):
            app.events.clear()
            await client.send_pieces(pieces)
            assert (await client.read_response("POST")).body == b"ok"
            assert app.body == b"hello"
            assert app.names[:2] == ["start_request", "headers_received"]
            assert app.names[-1] == "finish"
            assert all(chunk for name, chunk in app.events[2:-1])


@pytest.mark.parametrize("chunked", [False, True])
async def test_pieces_are_never_larger_than_chunk_size(chunked: bool) -> None:
    app = App()
    body = bytes(range(256)) * 20
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    async with run_server(app, chunk_size=16) as server, await server.connect() as client:
        await client.request(b"POST / HTTP/1.1\r\nHost: test\r\n%b\r\n\r\n%b" % (framing, coded))
    sizes = [len(event[1]) for event in app.events if event[0] == "data_received"]
    assert app.body == body
    assert max(sizes) <= 16
    assert min(sizes) > 0


async def test_length_50_with_chunk_size_16_comes_in_exact_pieces() -> None:
    app = App()
    async with run_server(app, chunk_size=16) as server, await server.connect() as client:
        await client.request(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n" + b"x" * 50)
    assert [len(e[1]) for e in app.events if e[0] == "data_received"] == [16, 16, 16, 2]


@pytest.mark.parametrize(
    ("chunks", "pieces"),
    [
        ((7, 7, 7, 4), [7, 7, 7, 4]),  # exactly chunk_size, but for the last one: as Tornado cuts them
        ((25,), [7, 7, 7, 4]),
        ((1,) * 25, [7, 7, 7, 4]),
        ((2, 20, 3), [7, 7, 7, 4]),
    ],
    ids=["chunk_size", "large", "octets", "uneven"],
)
async def test_chunks_make_pieces_of_chunk_size(chunks: tuple[int, ...], pieces: list[int]) -> None:
    app = App()
    body = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in chunks) + b"0\r\n\r\n"
    async with run_server(app, chunk_size=7) as server, await server.connect() as client:
        await client.request(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert [len(e[1]) for e in app.events if e[0] == "data_received"] == pieces


async def test_awaitable_delays_what_follows() -> None:
    gates: list[asyncio.Future[None]] = []

    def gate(_: Recorder) -> asyncio.Future[None]:
        gates.append(asyncio.get_running_loop().create_future())
        arrived.set()
        return gates[-1]

    arrived = asyncio.Event()
    app = App(headers_received=gate, data_received=gate)
    async with run_server(app, chunk_size=2) as server, await server.connect() as client:
        await client.send(POST)
        told = ["start_request", "headers_received"]
        for piece in (b"he", b"ll", b"o"):
            await arrived.wait()
            arrived.clear()
            assert app.events == told
            told.append(("data_received", piece))  # type: ignore[arg-type]
            gates[-1].set_result(None)
        await arrived.wait()
        assert app.events == told
        gates[-1].set_result(None)
        assert (await client.read_response("POST")).body == b"ok"
        assert app.events == [*told, "finish"]


async def test_pipelined_requests_are_started_one_after_the_other() -> None:
    app = App()
    async with run_server(app) as server, await server.connect() as client:
        await client.send(POST + GET + CHUNKED)
        for method in ("POST", "GET", "POST"):
            assert (await client.read_response(method)).status == 200
    one = ["start_request", "headers_received", "data_received", "finish"]
    assert app.names[:4] == one
    assert app.names[4:7] == ["start_request", "headers_received", "finish"]
    assert len(set(map(id, app.server_connections))) == 1


async def test_delegates_around_each_other() -> None:
    class Upper(httputil.HTTPMessageDelegate):
        def __init__(self, inner: httputil.HTTPMessageDelegate) -> None:
            self.inner = inner

        def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
            return self.inner.headers_received(start_line, headers)

        async def data_received(self, chunk: bytes) -> None:
            result = self.inner.data_received(chunk.upper())
            if result is not None:
                await result

        def finish(self) -> None:
            self.inner.finish()

        def on_connection_close(self) -> None:
            self.inner.on_connection_close()

    class Outer(App):
        def start_request(self, server_conn: Any, request_conn: Any) -> Any:
            return Upper(Upper(super().start_request(server_conn, request_conn)))

    app = Outer()
    async with run_server(app) as server, await server.connect() as client:
        assert (await client.request(POST)).body == b"ok"
    assert app.body == b"HELLO"
    assert app.names.count("finish") == 1


async def test_client_that_leaves_in_the_body() -> None:
    app = App()
    async with run_server(app) as server:
        async with await server.connect() as client:
            await client.send(POST[:-2])
        await finished(app)
    assert app.names[-2:] == ["on_connection_close", "on_close"]
    assert "finish" not in app.names


async def test_client_that_leaves_behind_a_whole_request() -> None:
    started = asyncio.Event()
    app = App(finish=lambda _: started.set())
    async with run_server(app) as server:
        async with await server.connect() as client:
            await client.send(POST)
            await started.wait()
            client.abort()
        await finished(app)
    assert "on_connection_close" not in app.names  # it got finish


async def test_on_close_is_told_once_without_any_request() -> None:
    app = App()
    async with run_server(app) as server:
        (await server.connect()).close()
        await finished(app)
    assert app.events == ["on_close"]


@pytest.mark.parametrize("where", ["headers_received", "data_received", "finish"])
async def test_exception_is_logged_answered_and_told_once(where: str, expect_log: ExpectLog) -> None:
    def fail(_: Recorder) -> None:
        raise ValueError("mine")

    expect_log("asynchttp.application", "Uncaught exception.*mine", count=1)
    app = App(**{where: fail})
    async with run_server(app) as server, await server.connect() as client:
        response = await client.request(POST)
        assert response.status == 500
        assert response.header("Connection") == "close"
        await finished(app, client)
    assert app.names.count("on_connection_close") == 1
    assert app.names[-2:] == ["on_connection_close", "on_close"]


@pytest.mark.parametrize("where", ["headers_received", "data_received"])
async def test_awaitable_that_fails_is_as_if_the_method_did(where: str, expect_log: ExpectLog) -> None:
    async def fail() -> None:
        raise ValueError("mine")

    expect_log("asynchttp.application", "Uncaught exception.*mine", count=1)
    app = App(**{where: lambda _: fail()})
    async with run_server(app) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 500
        await finished(app, client)
    assert app.names.count("on_connection_close") == 1


async def test_awaitable_that_is_cancelled_ends_the_connection() -> None:
    def cancelled(_: Recorder) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    app = App(data_received=cancelled)
    async with run_server(app) as server, await server.connect() as client:
        await client.send(POST)
        assert await client.read_to_end() == b""
        await finished(app, client)
    assert app.names.count("on_connection_close") == 1


async def test_exception_in_start_request(expect_log: ExpectLog) -> None:
    class Failing(App):
        def start_request(self, server_conn: Any, request_conn: Any) -> Recorder:
            raise ValueError("mine")

    expect_log("asynchttp.application", "mine", count=1)
    async with run_server(Failing()) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 500


async def test_exception_in_on_connection_close_hides_nothing(expect_log: ExpectLog) -> None:
    def fail(_: Recorder) -> None:
        raise ValueError("first")

    def fail_again(_: Recorder) -> None:
        raise ValueError("second")

    expect_log("asynchttp.application", r"^Uncaught exception POST .*first", count=1)
    expect_log("asynchttp.application", r"^Uncaught exception\n.*second", count=1)
    app = App(headers_received=fail, on_connection_close=fail_again)
    async with run_server(app) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 500
        await finished(app, client)


async def test_input_error_of_a_delegate_is_the_peers_fault() -> None:
    def refuse(_: Recorder) -> None:
        raise httputil.HTTPInputError("no such thing")

    async with run_server(App(data_received=refuse)) as server, await server.connect() as client:
        response = await client.request(POST)
        assert response.status == 400
        assert response.body == b"no such thing\n"


async def test_early_answer_to_a_request_without_body_keeps_the_connection() -> None:
    app = App(headers_received=lambda recorder: recorder.answer(b"early"))
    async with run_server(app) as server, await server.connect() as client:
        assert (await client.request(GET)).body == b"early"
        assert (await client.request(GET)).body == b"early"


async def test_half_closed_client_gets_its_answer_though_the_receiver_is_slow() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    arrived = asyncio.Event()

    def wait(_: Recorder) -> asyncio.Future[None] | None:
        arrived.set()
        return None if gate.done() else gate

    app = App(data_received=wait)
    async with run_server(app, chunk_size=2) as server, await server.connect() as client:
        await client.send(POST)
        await arrived.wait()
        client.shutdown_write()
        await asyncio.sleep(0)
        gate.set_result(None)
        assert (await client.read_response("POST")).body == b"ok"
    assert app.body == b"hello"


async def test_half_closed_client_without_its_whole_body_is_closed() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    arrived = asyncio.Event()

    def wait(_: Recorder) -> asyncio.Future[None] | None:
        arrived.set()
        return None if gate.done() else gate

    app = App(data_received=wait)
    async with run_server(app, chunk_size=2) as server, await server.connect() as client:
        await client.send(POST[:-1])
        await arrived.wait()
        client.shutdown_write()
        gate.set_result(None)
        assert await client.read_to_end() == b""
        await finished(app)
    assert app.body == b"hell"
    assert app.names[-2:] == ["on_connection_close", "on_close"]


@pytest.mark.parametrize("request_octets", [GET, POST], ids=["without body", "with body"])
async def test_detach_takes_the_stream_and_what_follows(request_octets: bytes) -> None:
    streams: list[Any] = []

    def detach(recorder: Recorder) -> None:
        streams.append(recorder.connection.detach())
        asyncio.get_running_loop().create_task(echo(streams[0]))

    async def echo(stream: Any) -> None:
        data = await stream.read_until(b"!")
        await stream.write(b"echo " + data)
        stream.close()

    app = App(headers_received=detach)
    async with run_server(app) as server, await server.connect() as client:
        await client.send(request_octets + b"more")
        await client.send(b"!")
        rest = request_octets.partition(b"\r\n\r\n")[2]
        assert await client.read_to_end() == b"echo " + rest + b"more!"
        await finished(app, client)
    assert app.events == ["start_request", "headers_received", "on_close"]


async def test_set_max_body_size_counts_for_one_request() -> None:
    app = App(headers_received=lambda recorder: sizes and recorder.connection.set_max_body_size(sizes.pop(0)))
    sizes = [10]
    async with run_server(app, max_body_size=2) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 200
        response = await client.request(POST)
        assert response.status == 413
        assert b"Content-Length too long" in response.body


async def test_chunked_body_above_max_body_size_is_refused_once() -> None:
    app = App()
    async with run_server(app, max_body_size=4) as server, await server.connect() as client:
        response = await client.request(CHUNKED)
        assert response.status == 413
        assert await client.read_to_end() == b""
        await finished(app, client)
    assert app.names.count("on_connection_close") == 1
    assert "finish" not in app.names


async def test_refused_length_is_refused_once_though_the_body_is_here() -> None:
    app = App()
    async with run_server(app, max_body_size=4) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 413
        assert await client.read_to_end() == b""
        await finished(app, client)
    assert app.names == ["start_request", "headers_received", "on_connection_close", "on_close"]


async def test_set_body_timeout_counts_for_one_request() -> None:
    app = App(headers_received=lambda recorder: recorder.connection.set_body_timeout(0.01))
    async with run_server(app, body_timeout=30) as server, await server.connect() as client:
        response = await client.request(POST[:-1])
        assert response.status == 408
        await finished(app, client)
    assert app.names[-2:] == ["on_connection_close", "on_close"]


@pytest.mark.parametrize("where", ["headers_received", "data_received"])
@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_returned_behind_an_answer_runs_to_its_end(
    where: str, fails: bool, expect_log: ExpectLog
) -> None:
    """A coroutine that nobody awaits would be a warning, and what it has to clean up would stay."""
    if fails:
        expect_log("asynchttp.application", "Uncaught exception", count=2)
    ended = 0

    async def clean_up() -> None:
        nonlocal ended
        await asyncio.sleep(0)
        ended += 1
        if fails:
            raise ZeroDivisionError

    def answer(recorder: Recorder) -> Any:
        recorder.answer()
        return clean_up()

    async with run_server(App(**{where: answer})) as server, await server.connect() as client:
        for _ in range(2):
            assert (await client.request(POST)).body == b"ok"
    async with asyncio.timeout(5):
        while ended < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize("where", ["headers_received", "data_received"])
async def test_coroutine_that_answers_early_and_goes_on(where: str) -> None:
    release = asyncio.Event()
    ended: list[str] = []

    async def answer(recorder: Recorder) -> None:
        recorder.answer(b"early")
        await release.wait()
        ended.append("yes")

    app = App(**{where: answer})
    async with run_server(app) as server, await server.connect() as client:
        for _ in range(2):
            assert (await client.request(POST)).body == b"early"
        release.set()
        async with asyncio.timeout(5):
            while len(ended) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert app.names.count("on_connection_close") == 2
    assert "finish" not in app.names


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.abort], ids=["end", "reset"])
async def test_client_that_leaves_while_the_receiver_is_waited_for(leave: Callable[[RawClient], None]) -> None:
    release, waiting = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def wait(recorder: Recorder) -> None:
        waiting.set()
        await release.wait()
        ended.set()

    app = App(data_received=wait)
    async with run_server(app, chunk_size=2) as server:
        client = await server.connect()
        await client.send(POST[:-1])
        await waiting.wait()
        leave(client)
        if leave is RawClient.abort:
            await finished(app)
        release.set()
        await finished(app)
        async with asyncio.timeout(5):
            await ended.wait()
    assert app.names[-2:] == ["on_connection_close", "on_close"]


@pytest.mark.parametrize("how", ["abort", "close", "shutdown_write"])
async def test_client_that_leaves_in_the_body_is_told_of_once(how: str) -> None:
    called: list[str] = []
    arrived = asyncio.Event()

    def watch(recorder: Recorder) -> None:
        recorder.connection.set_close_callback(lambda: called.append("callback"))
        arrived.set()

    app = App(headers_received=watch)
    async with run_server(app) as server, await server.connect() as client:
        await client.send(POST[:-1])
        await arrived.wait()
        getattr(client, how)()
        await finished(app, client)
        await asyncio.sleep(0)
    assert app.names.count("on_connection_close") == 1
    assert called == []


async def test_client_that_leaves_behind_a_whole_request_is_told_of_by_the_callback() -> None:
    called = asyncio.Event()
    app = App(finish=lambda recorder: recorder.connection.set_close_callback(called.set))
    async with run_server(app) as server, await server.connect() as client:
        await client.send(POST)
        async with asyncio.timeout(5):
            while "finish" not in app.names:  # noqa: ASYNC110 (in this very loop)
                await asyncio.sleep(0)
            client.abort()
            await called.wait()
        await finished(app)
    assert "on_connection_close" not in app.names


async def test_streaming_handler_is_told_of_by_the_callback_in_the_body_too() -> None:
    called = asyncio.Event()

    async def handle(request: Any) -> None:
        request.connection.set_close_callback(called.set)
        started.set()
        await called.wait()  # it doesn't read

    started = asyncio.Event()
    async with run_server(handle, stream_request_body=True) as server, await server.connect() as client:
        await client.send(POST[:-1])
        await started.wait()
        client.abort()
        async with asyncio.timeout(5):
            await called.wait()
