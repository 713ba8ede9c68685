"""What HTTP has beside plain requests and responses, in each style of handler."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import httputil
from tests.integration.helpers import all_closed, build_request, expect_failure, run_server

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]
#: What a handler does with (method, target, connection, body).
Act = Callable[[str, str, Any, bytes], Any]


def in_callback_style(act: Act) -> Any:
    def handler(request: Any) -> None:
        act(request.method, request.uri, request.connection, request.body)

    return handler


def in_coroutine_style(act: Act) -> Any:
    async def handler(request: Any) -> None:
        await asyncio.sleep(0)
        act(request.method, request.uri, request.connection, request.body)

    return handler


def in_delegate_style(act: Act) -> Any:
    class Message(httputil.HTTPMessageDelegate):
        def __init__(self, connection: Any) -> None:
            self.connection = connection
            self.body = b""

        def headers_received(self, start_line: Any, headers: Any) -> None:
            self.start_line = start_line

        def data_received(self, chunk: bytes) -> None:
            self.body += chunk

        def finish(self) -> None:
            act(self.start_line.method, self.start_line.path, self.connection, self.body)

    class Application(httputil.HTTPServerConnectionDelegate):
        def start_request(self, server_conn: Any, request_conn: Any) -> Message:
            return Message(request_conn)

    return Application()


styles = pytest.mark.parametrize("style", [in_callback_style, in_coroutine_style, in_delegate_style])


def write_head(connection: Any, status: int, **fields: str) -> None:
    headers = httputil.HTTPHeaders({name.replace("_", "-"): value for name, value in fields.items()})
    connection.write_headers(httputil.ResponseStartLine("HTTP/1.1", status, "Fine"), headers)


def answer(connection: Any, body: bytes) -> None:
    write_head(connection, 200, Content_Length=str(len(body)))
    connection.write(body)
    connection.finish()


def echo(method: str, target: str, connection: Any, body: bytes) -> None:
    answer(connection, f"{method} {target} ".encode() + body)


@styles
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("OPTIONS", "*"),
        ("OPTIONS", "/a"),
        ("GET", "http://test/a?b"),
        ("GET", "HTTP://other:80"),
        ("BREW", "/pot"),
        ("TRACE", "/"),
    ],
)
async def test_targets_of_each_form(style: Any, method: str, target: str) -> None:
    async with run_server(style(echo)) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request(target, method=method))).body == f"{method} {target} ".encode()


@styles
async def test_interim_responses_any_number_of_times(style: Any) -> None:
    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        for number in range(5):
            write_head(connection, 103, Link=f"</{number}.css>")
        write_head(connection, 102)
        answer(connection, b"ok")

    async with run_server(style(act)) as running, await running.connect() as client:
        for _ in range(2):
            await client.send(build_request())
            responses = [await client.read_response() for _ in range(7)]
            assert [response.status for response in responses] == [103] * 5 + [102, 200]
            assert [response.header("Link") for response in responses[:5]] == [f"</{n}.css>" for n in range(5)]
        assert (await client.request(build_request(version="HTTP/1.0"))).body == b"ok"


@styles
async def test_interim_response_goes_out_before_the_final_one_is_known(style: Any) -> None:
    connections: asyncio.Queue[Any] = asyncio.Queue()

    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        write_head(connection, 103)
        connections.put_nowait(connection)

    async def wait(request: Any) -> None:
        act(request.method, request.uri, request.connection, request.body)
        await done.wait()

    done = asyncio.Event()
    handler = wait if style is in_coroutine_style else style(act)
    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_response()).status == 103
        answer(await connections.get(), b"late")
        done.set()
        assert (await client.read_response()).body == b"late"


@styles
@pytest.mark.parametrize(
    ("status", "fields"),
    [(103, {"Content_Length": "0"}), (103, {"Transfer_Encoding": "chunked"}), (101, {"Content_Length": "0"})],
)
async def test_interim_response_with_a_length_is_an_error(
    style: Any, status: int, fields: dict[str, str], expect_log: ExpectLog
) -> None:
    expect_failure(expect_log, f"ValueError: a response with status {status}")

    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        write_head(connection, status, **fields)

    async with run_server(style(act)) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500


@styles
@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
async def test_client_that_waits_is_told_to_go_on(style: Any, framing: str) -> None:
    async with run_server(style(echo)) as running, await running.connect() as client:
        for _ in range(2):
            await client.send(build_request("/", "Expect: 100-continue", framing, method="POST"))
            assert (await client.read_response()).status == 100
            await client.send(b"hello" if "Length" in framing else b"5\r\nhello\r\n0\r\n\r\n")
            assert (await client.read_response()).body == b"POST / hello"


@styles
async def test_unknown_expectation_is_417(style: Any) -> None:
    async with run_server(style(echo)) as running, await running.connect() as client:
        octets = build_request("/", "Expect: miracles", method="POST", body=b"hello")
        assert (await client.request(octets)).status == 417
        assert await client.read_to_end() == b""


async def test_delegate_that_answers_at_the_head_tells_nobody_to_go_on() -> None:
    class Refusing(httputil.HTTPServerConnectionDelegate, httputil.HTTPMessageDelegate):
        def start_request(self, server_conn: Any, request_conn: Any) -> httputil.HTTPMessageDelegate:
            self.connection = request_conn
            return self

        def headers_received(self, start_line: Any, headers: Any) -> None:
            self.connection.respond(b"no", 403)

    async with run_server(Refusing()) as running, await running.connect() as client:
        octets = build_request("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
        response = await client.request(octets)
        assert (response.status, response.header("Connection")) == (403, "close")
        assert await client.read_to_end() == b""


async def tunnel(stream: Any) -> None:
    """Speak another protocol: a line, its echo, the end."""
    line = await stream.read_until(b"\n")
    await stream.write(b"echo " + line)
    stream.close()


class Tunnels:
    """Keeps the tasks of :func:`tunnel`."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def open(self, connection: Any) -> None:
        self.tasks.append(asyncio.ensure_future(tunnel(connection.detach())))  # type: ignore[arg-type]


@styles
@pytest.mark.parametrize("early", [False, True], ids=["waits", "sends on at once"])
@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (build_request("/", "Connection: upgrade", "Upgrade: echo"), 101),
        (build_request("a:80", method="CONNECT"), 200),
    ],
    ids=["upgrade", "CONNECT"],
)
async def test_other_protocols(style: Any, octets: bytes, status: int, early: bool) -> None:
    tunnels = Tunnels()

    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        write_head(connection, status, **({"Upgrade": "echo", "Connection": "upgrade"} if status == 101 else {}))
        connection.finish()
        tunnels.open(connection)

    async with run_server(style(act)) as running, await running.connect() as client:
        await client.send(octets + (b"hello\n" if early else b""))
        head = await client.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d Fine\r\n" % status)
        assert b"Content-Length" not in head
        assert b"Transfer-Encoding" not in head
        assert b"close" not in head
        if not early:
            await client.send(b"hello\n")
        assert await client.read_to_end() == b"echo hello\n"
        await all_closed(running.server)


@styles
async def test_stream_that_is_taken_without_a_word(style: Any) -> None:
    """The handler says itself what there is to say, as Tornado's WebSocket did."""
    tunnels = Tunnels()

    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        tunnels.open(connection)

    async with run_server(style(act)) as running, await running.connect() as client:
        await client.send(build_request() + b"hello\n")
        assert await client.read_to_end() == b"echo hello\n"


@styles
async def test_connect_may_be_refused_and_the_connection_lives_on(style: Any) -> None:
    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        if method == "CONNECT":
            connection.respond(b"not here", 405)
        else:
            echo(method, target, connection, body)

    async with run_server(style(act)) as running, await running.connect() as client:
        assert (await client.request(build_request("a:80", method="CONNECT"))).status == 405
        assert (await client.request(build_request())).body == b"GET / "


@styles
async def test_connect_with_a_length_is_an_error(style: Any, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ValueError: a response with status 200 to CONNECT")

    def act(method: str, target: str, connection: Any, body: bytes) -> None:
        write_head(connection, 200, Content_Length="0")

    async with run_server(style(act)) as running, await running.connect() as client:
        assert (await client.request(build_request("a:80", method="CONNECT"))).status == 500
