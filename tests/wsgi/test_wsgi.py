"""WSGI applications as handlers: PEP 3333, and what applications and clients do against it."""

import asyncio
import contextlib
import io
import pathlib
import socket
import sys
import threading
import wsgiref.validate
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import aiohttp
import django.conf
import django.test.utils
import flask
import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path as django_path

from asynchttp import netutil
from asynchttp.httputil import HTTPOutputError
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler
from tests.integration.helpers import all_closed, build_request, expect_failure, run_server, until, within
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]
Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


@contextlib.asynccontextmanager
async def serve(app: Any, *, threads: int | None = None, **options: Any) -> AsyncIterator[RunningServer]:
    handler = WSGIHandler(app, threads=threads)
    async with run_server(handler, **options) as running:
        yield running
    await handler.shutdown()


def answers(body: Any, *headers: Any, status: Any = "200 OK", seen: list[Environ] | None = None) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        if seen is not None:
            seen.append(environ)
        start_response(status, list(headers))
        return body(environ) if callable(body) else body

    return app


def echo(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


class Tracked:
    """An iterable of pieces that tells when it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed.set()


def or_well(app: App) -> App:
    """``app``, but for ``/well``."""
    well = answers([b"well"])
    return lambda environ, start_response: (well if environ["PATH_INFO"] == "/well" else app)(environ, start_response)


async def serves_on(running: RunningServer) -> None:
    """Nothing of what went before is in the way of another client."""
    async with await running.connect() as client:
        response = await client.request(build_request("/well"))
        assert (response.status, response.body) == (200, b"well")


async def happened(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 5)


# -- environ --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "octets",
    [
        build_request("/"),
        build_request("/a%20b?q=%20", "X-A: 1", "X-A: 2", method="PUT", body=b"hello"),
        build_request("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0\r\n\r\n",
        build_request("/", version="HTTP/1.0", host=None),
    ],
)
async def test_environ_and_responses_pass_the_validator(octets: bytes) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        environ["wsgi.errors"].flush()
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"<" + body + b">"

    async with serve(wsgiref.validate.validator(app)) as running, await running.connect() as client:
        response = await client.request(octets)
        assert response.body == (b"<hello>" if b"hello" in octets else b"<>")


async def test_environ() -> None:
    seen: list[Environ] = []
    async with serve(answers([b""], seen=seen)) as running, await running.connect() as client:
        await client.request(
            build_request(
                "/caf%C3%A9/%2F?a=%20&b",
                "X-Two: 1",
                "X-Two: 2",
                "Cookie: a=1",
                "Cookie: b=2",
                "X_Forged: 1",
                "Content-Type: text/plain",
                method="POST",
                body=b"xyz",
            )
        )
        local_port = client.local_port
    (environ,) = seen
    wanted = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/café//".encode().decode("latin-1"),
        "QUERY_STRING": "a=%20&b",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(running.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(local_port),
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "test",
        "HTTP_X_TWO": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
    }
    assert {key: value for key, value in environ.items() if not key.startswith("wsgi.")} == wanted
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.errors"] is sys.stderr
    assert (environ["wsgi.multithread"], environ["wsgi.run_once"]) == (True, False)


async def test_what_an_application_does_to_its_environ_is_not_seen_by_the_next_request() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append({key: value for key, value in environ.items() if key != "wsgi.input"})
        for key in environ:
            environ[key] = "mine"
        environ["mine"] = "1"
        start_response("200 OK", [])
        return [b"well"]

    async with serve(app) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request("/a?b"))).body == b"well"
        await client.request(build_request("/c%20d", method="POST", body=b"x"))
    assert seen[0] == seen[1] == seen[2]
    assert [seen[3][name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")] == ["POST", "/c d", ""]


async def test_chunked_body_has_a_length() -> None:
    seen: list[Environ] = []
    async with serve(answers([b""], seen=seen)) as running, await running.connect() as client:
        octets = build_request("/", "Transfer-Encoding: chunked", method="POST")
        await client.request(octets + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert seen[0]["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in seen[0]


async def test_mounted_application_is_told_where() -> None:
    seen: list[Environ] = []
    mount = Mount({"/api": WSGIHandler(answers([b"x"], seen=seen)), "/": lambda request: request.respond(b"root")})
    async with mount, run_server(mount) as running, await running.connect() as client:
        for path in ("/api", "/api/", "/api/a%20b", "/apix"):
            await client.request(build_request(path))
    assert [(each["SCRIPT_NAME"], each["PATH_INFO"]) for each in seen] == [
        ("/api", ""),
        ("/api", "/"),
        ("/api", "/a b"),
    ]


@pytest.mark.parametrize("size", [0, 1, 524288, 524289, 3_000_000])
async def test_bodies_of_any_size(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with serve(echo) as running, await running.connect(deadline=20) as client:
        for _ in range(2):
            assert (await client.request(build_request(method="POST", body=body))).body == body


# -- responses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (lambda environ: [b"hello"], "5"),
        (lambda environ: (b"he", b"", b"llo"), "5"),
        (lambda environ: (piece for piece in [b"he", b"", b"llo"]), None),
        (lambda environ: iter([b"hello"]), None),
        (lambda environ: environ["wsgi.file_wrapper"](io.BytesIO(b"hello")), None),
        (lambda environ: environ["wsgi.file_wrapper"](io.BytesIO(b"hello"), 2), None),
    ],
)
@pytest.mark.parametrize("headers", [(), (("Content-Length", "5"),)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_bodies_of_each_kind(body: Any, length: str | None, headers: Any, method: str) -> None:
    async with serve(answers(body, *headers)) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request(method=method))
            assert response.body == (b"" if method == "HEAD" else b"hello")
            assert response.header("Content-Length") == ("5" if headers else length)
            assert response.header("Date")


async def test_repeated_fields_and_status() -> None:
    app = answers([b"x"], ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), status="404 Not Found")
    async with serve(app) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.status, response.header_list("Set-Cookie")) == (404, ["a=1", "b=2"])


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_responses_without_body(status: str) -> None:
    async with serve(answers([], ("ETag", '"a"'), status=status)) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).status == int(status[:3])


async def test_head_tells_the_length_of_a_body_that_was_never_made() -> None:
    async with serve(answers([], ("Content-Length", "1000"))) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request(method="HEAD"))).header("Content-Length") == "1000"


@pytest.mark.parametrize("more", [[], [b"c"]])
async def test_write(more: list[bytes]) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"a")
        write(b"b")
        return more

    async with serve(app) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"ab" + b"".join(more)


async def test_start_response_may_come_with_the_first_piece() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("201 Created", [])
        yield b"x"

    async with serve(app) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.status, response.body) == (201, b"x")


async def test_second_start_response_with_exc_info_replaces_the_first() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "1")])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("503 Sorry", [("X-B", "2")], sys.exc_info())
        return [b"sorry"]

    async with serve(app) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.status, response.header("X-A"), response.header("X-B")) == (503, None, "2")


async def test_exc_info_behind_the_head_is_raised(expect_log: ExpectLog) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        try:
            raise ZeroDivisionError("mine")
        except ZeroDivisionError:
            start_response("500 Sorry", [], sys.exc_info())
        yield b"never"

    expect_failure(expect_log, "ZeroDivisionError: mine")
    async with serve(app) as running, await running.connect() as client:
        await client.send(build_request())
        with pytest.raises(EOFError):
            await client.read_response()


async def test_write_behind_the_end_is_an_error_and_harms_no_response() -> None:
    kept: list[Any] = []

    def app(environ: Environ, start_response: Any) -> Any:
        kept.append(start_response("200 OK", []))
        return [b"ab"] if environ["PATH_INFO"] == "/whole" else iter([b"a", b"b"])

    async with serve(app) as running, await running.connect() as client:
        for path in ("/whole", "/pieces", "/whole"):
            assert (await client.request(build_request(path))).body == b"ab"
            with pytest.raises(HTTPOutputError, match="finished before"):
                await asyncio.to_thread(kept.pop(), b"late")


@pytest.mark.parametrize("kind", ["whole", "pieces", "raises", "leaves"])
async def test_close_is_called_whatever_happens(kind: str, expect_log: ExpectLog) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        if kind == "raises":
            raise ZeroDivisionError("mine")
        while kind == "leaves":
            yield b"x" * 65536

    class TrackedList(list[bytes]):
        closed = threading.Event()

        def close(self) -> None:
            self.closed.set()

    body: Any = TrackedList([b"x"]) if kind == "whole" else Tracked(pieces())
    if kind == "raises":
        expect_failure(expect_log, "ZeroDivisionError: mine")
    async with serve(answers(body)) as running, await running.connect() as client:
        await client.send(build_request())
        await client.read_until(b"\r\n\r\n")
        if kind == "leaves":
            client.abort()
        await happened(body.closed)


# -- what an application can do wrong -------------------------------------------------------------------------------


def twice(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def raising(environ: Environ, start_response: Any) -> list[bytes]:
    raise ZeroDivisionError("mine")


def stopping(environ: Environ, start_response: Any) -> list[bytes]:
    return [next(iter([]))]


def exiting(environ: Environ, start_response: Any) -> list[bytes]:
    sys.exit("mine")


def interrupting(environ: Environ, start_response: Any) -> list[bytes]:
    raise KeyboardInterrupt


WRONG: dict[str, tuple[Any, str]] = {
    "raises": (raising, "ZeroDivisionError: mine"),
    "raises StopIteration": (stopping, "a WSGI application raised StopIteration"),
    "exits": (exiting, "a WSGI application raised SystemExit\nSystemExit: mine"),
    "raises KeyboardInterrupt": (interrupting, "a WSGI application raised KeyboardInterrupt"),
    "start_response twice": (twice, "start_response() was called before"),
    "no start_response": (lambda environ, start_response: [b"x"], "without start_response"),
    "no start_response, in pieces": (lambda environ, start_response: iter([b"x"]), "without start_response"),
    "status an int": (answers([], status=200), "a WSGI status is a str"),
    "status without number": (answers([], status="OK"), "not a WSGI status"),
    "interim status": (answers([], status="101 Upgrade"), "not a WSGI status"),
    "status that splits": (answers([b"x"], status="200 OK\r\nA: b"), "not a WSGI status"),
    "status beyond ISO 8859-1": (answers(lambda _: iter([b"x"]), status="200 €"), "Illegal characters in reason"),
    "no headers": (lambda environ, start_response: start_response("200 OK", None), "a list of pairs, not None"),
    "not a pair": (answers([], ("a", "b", "c")), "a list of pairs, not"),
    "name not a str": (answers([], (b"a", "b")), "are str"),
    "value not a str": (answers([], ("a", 1)), "are str"),
    "hop-by-hop": (answers([], ("Connection", "close")), "may not set Connection"),
    "framing": (answers([], ("transfer-encoding", "chunked")), "may not set transfer-encoding"),
    "injection": (answers([b"x"], ("a", "b\r\nc: d")), "Illegal characters"),
    "injection, in pieces": (answers(lambda _: iter([b"x"]), ("a", "b\r\nc: d")), "Illegal characters"),
    "beyond ISO 8859-1": (answers([b"x"], ("a", "€")), "Illegal characters"),
    "piece a str": (answers(["x"]), "expected a bytes-like object, str found"),
    "piece a str, in pieces": (answers(lambda _: iter(["x"])), "yields bytes, not str"),
    "piece nothing, in pieces": (answers(lambda _: iter([None])), "yields bytes, not NoneType"),
    "body a str": (answers("x"), "yields bytes, not str"),
    "write a str": (lambda environ, start_response: start_response("200 OK", [])("x"), "yields bytes, not str"),
    "no iterable": (answers(None), "TypeError"),
    "too long a length": (answers([b"x"], ("Content-Length", "2")), "Content-Length is 2, and the body has 1"),
    "too short a length": (answers([b"xyz"], ("Content-Length", "2")), "Content-Length is 2, and the body has 3"),
    "body where none can be": (answers([b"x"], status="204 No Content"), "can't have a body"),
    "body where none can be, in pieces": (answers(lambda _: iter([b"x"]), status="304 No"), "can't have a body"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_error_is_clear_and_answered_by_500(name: str, expect_log: ExpectLog) -> None:
    app, pattern = WRONG[name]
    expect_failure(expect_log, pattern.replace("(", r"\(").replace(")", r"\)"))
    async with serve(or_well(app)) as running, await running.connect() as client:
        body = b"b" * 600_000  # in a temporary file, which must be closed
        response = await client.request(build_request(method="POST", body=body))
        assert (response.status, response.has_token("Connection", "close")) == (500, True)
        await serves_on(running)


@pytest.mark.parametrize(
    ("pieces", "pattern"),
    [([b"ab", b"cd"], "more data than Content-Length"), ([b"ab"], "bytes less than Content-Length")],
)
async def test_length_lies_in_pieces_are_cut(pieces: list[bytes], pattern: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, pattern)
    app = answers(lambda _: iter(pieces), ("Content-Length", "3"))
    async with serve(or_well(app)) as running, await running.connect() as client:
        await client.send(build_request())
        with pytest.raises(EOFError):
            await client.read_response()
        await serves_on(running)


async def test_piece_that_is_the_whole_body_does_not_wait_for_what_the_application_does_next() -> None:
    go_on = threading.Event()

    def pieces(environ: Environ) -> Iterator[bytes]:
        yield b""
        yield b"abc"
        assert go_on.wait(5)

    body = Tracked(pieces({}))
    async with serve(answers(body, ("Content-Length", "3"))) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"abc"
        assert not body.closed.is_set()
        go_on.set()
        await happened(body.closed)


def raises_in_close(environ: Environ) -> Tracked:
    class Broken(Tracked):
        def close(self) -> None:
            raise ZeroDivisionError("mine")

    return Broken([b"abc"])


def writes_behind(environ: Environ, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [("Content-Length", "3")])
    write(b"abc")
    write(b"d")
    return []


LATE: dict[str, tuple[App, str]] = {
    "a piece more": (answers(lambda _: iter([b"abc", b"d"]), ("Content-Length", "3")), "1 octets more than Content-"),
    "write": (writes_behind, "1 octets more than Content-Length"),
    "close": (answers(raises_in_close, ("Content-Length", "3")), "ZeroDivisionError: mine"),
}


@pytest.mark.parametrize("name", LATE)
async def test_error_behind_the_whole_body_is_logged_and_the_connection_goes_on(
    name: str, expect_log: ExpectLog
) -> None:
    app, pattern = LATE[name]
    record = expect_log("asynchttp.application", rf"behind the answer to GET / \(127.0.0.1\).*{pattern}")
    async with serve(or_well(app)) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"abc"
        assert (await client.request(build_request("/well"))).body == b"well"
        await record.wait()


async def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="callable"):
        WSGIHandler("app")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads"):
        WSGIHandler(echo, threads=0)


# -- threads and clients --------------------------------------------------------------------------------------------


async def test_requests_wait_for_a_thread_and_the_loop_goes_on() -> None:
    go_on = threading.Event()
    called = threading.Semaphore(0)
    running_now: list[int] = []
    most = 0

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        nonlocal most
        running_now.append(1)
        most = max(most, len(running_now))
        called.release()
        assert go_on.wait(5)
        running_now.pop()
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    mount = Mount({"/wsgi": WSGIHandler(app, threads=2), "/": lambda request: request.respond(b"loop")})
    async with mount, run_server(mount) as running, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await running.connect()) for _ in range(6)]
        for number, client in enumerate(clients):
            await client.send(build_request(f"/wsgi/{number}"))
        async with await running.connect() as other:
            assert (await other.request(build_request("/"))).body == b"loop"
        for _ in range(2):
            assert await asyncio.to_thread(called.acquire, timeout=5)
        go_on.set()
        for number, client in enumerate(clients):
            assert (await client.read_response()).body == f"/{number}".encode()
    assert most == 2


async def test_call_whose_client_left_before_a_thread_was_free_is_not_made() -> None:
    go_on, called = threading.Event(), threading.Event()
    paths: list[str] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        called.set()
        assert go_on.wait(5)
        start_response("200 OK", [])
        return []

    async with serve(app, threads=1, cancel_on_disconnect=True) as running, await running.connect() as first:
        await first.send(build_request("/first"))
        await happened(called)
        async with await running.connect() as second:
            await second.send(build_request("/second", method="POST", body=b"b" * 600_000))
            style = running.server._style
            assert style is not None and style.running is not None
            await until(lambda: len(style.running) == 2)
            second.abort()
            await until(lambda: len(style.running) == 1)
        go_on.set()
        assert (await first.read_response()).status == 200
        assert (await first.request(build_request("/third"))).status == 200
    assert paths == ["/first", "/third"]


async def test_thread_is_no_faster_than_the_client() -> None:
    sent = 0

    def pieces(environ: Environ) -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 1
            yield b"x" * 65536

    async with serve(answers(pieces)) as running, await running.connect(receive_buffer=65536, deadline=20) as client:
        await client.send(build_request())
        await client.read_until(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        assert sent < 200
        while not (await client.read_some()).endswith(b"0\r\n\r\n"):
            pass
        assert sent == 400


@pytest.mark.parametrize("size", [1000, 2_000_000])
async def test_client_that_leaves_in_the_middle_of_its_body(size: int) -> None:
    seen: list[Environ] = []
    async with serve(answers([b""], seen=seen)) as running:
        async with await running.connect() as client:
            await client.send(build_request("/", f"Content-Length: {size + 1}", method="POST") + b"x" * size)
            client.abort()
        await all_closed(running.server)
    assert seen == []


async def test_client_that_leaves_while_the_application_runs() -> None:
    called, go_on, over = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        loop.call_soon_threadsafe(called.set)
        go_on.wait(5)
        start_response("200 OK", [])
        over.set()
        return [b"x"]

    async with serve(app) as running:
        async with await running.connect() as client:
            await client.send(build_request(method="POST", body=b"b" * 600_000))
            await within(called.wait())
            client.abort()
        await all_closed(running.server)
        go_on.set()
        await happened(over)


async def test_body_that_is_too_large_is_refused() -> None:
    async with serve(echo, max_body_size=10) as running, await running.connect() as client:
        await client.send(build_request("/", "Content-Length: 11", method="POST"))
        assert (await client.read_response()).status == 413


async def test_unix_socket_has_a_name_and_a_port(tmp_path: pathlib.Path) -> None:
    seen: list[Environ] = []
    handler = WSGIHandler(answers([b"x"], seen=seen))
    async with run_server(handler) as running:
        path = str(tmp_path / "socket")
        running.server.add_sockets([netutil.bind_unix_socket(path)])
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, path)
            await loop.sock_sendall(client, build_request())
            assert (await loop.sock_recv(client, 1000)).startswith(b"HTTP/1.1 200 OK")
    await handler.shutdown()
    assert (seen[0]["SERVER_NAME"], seen[0]["SERVER_PORT"]) == ("localhost", "80")


# -- frameworks -----------------------------------------------------------------------------------------------------


async def test_flask() -> None:
    app = flask.Flask(__name__)

    @app.route("/hello/<name>")
    def hello(name: str) -> str:
        return f"hello {name} {flask.request.args.get('q', '')}"

    @app.post("/upload")
    def upload() -> dict[str, int]:
        return {"size": len(flask.request.get_data())}

    @app.post("/form")
    def form() -> dict[str, Any]:
        return {"name": flask.request.form["name"], "file": flask.request.files["file"].read().decode()}

    @app.route("/stream")
    def stream() -> Any:
        return (f"{number}\n" for number in range(3))

    @app.route("/file")
    def send_file() -> Any:
        return flask.send_file(io.BytesIO(b"f" * 100_000), download_name="f.bin")

    async with serve(app) as running, aiohttp.ClientSession() as session:
        async with session.get(running.url("/hello/caf%C3%A9?q=%C3%A9")) as response:
            assert await response.text() == "hello café é"
        async with session.head(running.url("/hello/you")) as response:
            assert response.headers["Content-Length"] == "10"
        async with session.post(running.url("/upload"), data=b"x" * 900_000) as response:
            assert await response.json() == {"size": 900_000}
        async with session.post(running.url("/form"), data={"name": "é", "file": io.BytesIO(b"abc")}) as response:
            assert await response.json() == {"name": "é", "file": "abc"}

        async def pieces() -> AsyncIterator[bytes]:
            yield b"x" * 10
            yield b"y" * 10

        async with session.post(running.url("/upload"), data=pieces()) as response:  # chunked
            assert await response.json() == {"size": 20}
        async with session.get(running.url("/stream")) as response:
            assert await response.text() == "0\n1\n2\n"
        async with session.get(running.url("/file")) as response:
            assert len(await response.read()) == 100_000
        async with session.get(running.url("/none")) as response:
            assert response.status == 404


def django_echo(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.method} {request.path} {request.body.decode()}")


def django_stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"0\n", b"1\n"]))


urlpatterns = [django_path("echo", django_echo), django_path("stream", django_stream)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_django() -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None, DATABASES={}
        )
    with django.test.utils.override_settings(ROOT_URLCONF=__name__):
        async with serve(get_wsgi_application()) as running, aiohttp.ClientSession() as session:
            async with session.post(running.url("/echo"), data=b"hello") as response:
                assert await response.text() == "POST /echo hello"

            async def pieces() -> AsyncIterator[bytes]:
                yield b"he"
                yield b"llo"

            async with session.post(running.url("/echo"), data=pieces()) as response:
                assert await response.text() == "POST /echo hello"
            async with session.get(running.url("/stream")) as response:
                assert await response.text() == "0\n1\n"
            async with session.get(running.url("/none")) as response:
                assert response.status == 404
