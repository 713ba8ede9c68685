"""``request.respond``: a whole response in one call."""

import asyncio
import http
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp.httputil import HTTPHeaders, HTTPOutputError
from tests.integration.helpers import build_request, expect_failure, run_server, run_server_with_clock, within
from tests.support.rawclient import RawResponse

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


async def ask(
    answer: Callable[[Any], object], *fields: str, method: str = "GET", version: str = "HTTP/1.1"
) -> tuple[RawResponse, bool]:
    """(the response, whether the connection lived on)."""

    def handler(request: Any) -> None:
        if request.uri == "/after":
            request.respond(b"after")
        else:
            answer(request)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request("/", *fields, method=method, version=version) + build_request("/after"))
        response = await client.read_response(method)
        rest = await client.read_some()
        return response, rest.endswith(b"after")


async def test_plain_response_octet_by_octet() -> None:
    response, alive = await ask(lambda request: request.respond(b"hello"))
    date = response.header("Date")
    assert date is not None
    assert DATE.fullmatch(date)
    assert response.raw == f"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: {date}\r\n\r\nhello".encode()
    assert alive


async def test_date_follows_the_clock() -> None:
    dates: set[str | None] = set()
    async with run_server_with_clock(lambda request: request.respond(b"")) as (running, clock):
        with pytest.MonkeyPatch.context() as patch:
            async with await running.connect() as client:
                for second in range(3):
                    patch.setattr("asynchttp._sweep.time.time", lambda second=second: 1_800_000_000 + second)
                    clock.advance(1.1)
                    dates.add((await client.request(build_request())).header("Date"))
    assert dates == {f"Fri, 15 Jan 2027 08:00:0{second} GMT" for second in range(3)}


@pytest.mark.parametrize(
    ("body", "sent"),
    [(b"", b""), ("", b""), ("üé€", "üé€".encode()), (bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab")],
)
async def test_kinds_of_body(body: Any, sent: bytes) -> None:
    for status in (200, 404):
        response, alive = await ask(lambda request, status=status: request.respond(body, status))
        assert (response.status, response.body, alive) == (status, sent, True)
        assert response.header_list("Content-Length") == [str(len(sent))]


@pytest.mark.parametrize("status", [200, 201, 206, 299, 302, 404, 418, 500, 503, 599, http.HTTPStatus.NOT_FOUND])
async def test_status(status: int) -> None:
    response, alive = await ask(lambda request: request.respond(b"x", status))
    assert (response.status, response.body, alive) == (status, b"x", True)
    known = status in {known.value for known in http.HTTPStatus}
    assert response.reason == (http.HTTPStatus(status).phrase if known else "Unknown")


@pytest.mark.parametrize("status", [0, -200, 99, 100, 101, 199, 600, 1000])
async def test_status_that_is_not_final_is_an_error(status: int, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, f"ValueError: not a final status code.*{status}")
    response, alive = await ask(lambda request: request.respond(b"x", status))
    assert (response.status, alive) == (500, False)


def pairs() -> Iterator[tuple[str, str]]:
    yield "X-A", "1"
    yield "x-a", "2"


def headers() -> HTTPHeaders:
    fields = HTTPHeaders()
    fields.add("X-A", "1")
    fields.add("X-A", "2")
    return fields


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"X-A": "1", "B": "ü"}, [("X-A", "1"), ("B", "ü")]),
        ([("X-A", "1"), ("X-A", "2")], [("X-A", "1"), ("X-A", "2")]),
        (pairs, [("X-A", "1"), ("x-a", "2")]),
        (headers, [("X-A", "1"), ("X-A", "2")]),
        ({}, []),
        ({"X-Empty": ""}, [("X-Empty", "")]),
    ],
    ids=["mapping", "pairs", "generator", "HTTPHeaders", "none", "empty value"],
)
async def test_kinds_of_headers(given: Any, sent: list[tuple[str, str]]) -> None:
    fields = given() if callable(given) else given
    response, alive = await ask(lambda request: request.respond(b"x", headers=fields))
    assert [field for field in response.headers if field[0] not in ("Date", "Content-Length")] == sent
    assert response.header_list("Content-Length") == ["1"]
    assert len(response.header_list("Date")) == 1
    assert alive


async def test_date_of_the_handler_is_kept() -> None:
    response, _ = await ask(lambda request: request.respond(b"x", headers={"date": "yesterday"}))
    assert response.header_list("Date") == ["yesterday"]


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding"])
async def test_framing_is_not_the_handlers(name: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ValueError: .*Content-Length")
    response, _ = await ask(lambda request: request.respond(b"x", headers={name: "1"}))
    assert response.status == 500


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("X-A", "a\r\nSet-Cookie: x=1", "X-A"),
        ("X-A", "a\nb", "X-A"),
        ("X-A", "a\rb", "X-A"),
        ("X-A", "a\0b", "X-A"),
        ("X-A", "a\x7fb", "X-A"),
        ("X-A", "a\x1bb", "X-A"),
        ("X-A", "\u20ac", "X-A"),
        ("X A", "1", "X A"),
        ("X-A:", "1", "X-A:"),
        ("X-A\r\nX-B", "1", "X-A"),
        ("", "1", "name"),
        ("X-Ä", "1", "X-Ä"),
    ],
)
async def test_field_that_would_split_the_response_is_refused_by_name(
    name: str, value: str, told: str, expect_log: ExpectLog
) -> None:
    expect_failure(expect_log, f"ValueError: Illegal characters.*{re.escape(told)}")
    response, alive = await ask(lambda request: request.respond(b"x", headers=[(name, value)]))
    assert (response.status, alive) == (500, False)
    assert response.header("Set-Cookie") is None


async def test_refused_field_leaves_the_exchange_open() -> None:
    def handler(request: Any) -> None:
        with pytest.raises(ValueError, match="X-A"):
            request.respond(b"x", 404, {"X-A": "\n", "Connection": "close"})
        request.respond(b"sorry", 503)

    response, alive = await ask(handler)
    assert (response.status, response.body, alive) == (503, b"sorry", True)


@pytest.mark.parametrize("status", [200, 404])
async def test_answer_to_head_tells_the_length_and_has_no_body(status: int) -> None:
    response, alive = await ask(lambda request: request.respond(b"hello", status), method="HEAD")
    assert (response.status, response.header("Content-Length"), alive) == (status, "5", True)
    assert response.raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_body(status: int) -> None:
    response, alive = await ask(lambda request: request.respond(b"", status, {"ETag": "x"}))
    assert (response.status, response.header("Content-Length"), alive) == (status, None, True)
    assert response.header("ETag") == "x"


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_body_refuses_one(status: int, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, f"ValueError: a response with status {status} can't have a body")
    response, _ = await ask(lambda request: request.respond(b"x", status))
    assert response.status == 500


@pytest.mark.parametrize("body", [None, 5, ["a"], object()])
async def test_body_that_is_no_octets_is_an_error(body: Any, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "TypeError: a body is bytes, bytearray, memoryview or str, not")
    response, _ = await ask(lambda request: request.respond(body))
    assert response.status == 500


@pytest.mark.parametrize(
    ("asked", "version", "given", "told", "lives"),
    [
        ((), "HTTP/1.1", {"Connection": "close"}, ["close"], False),
        ((), "HTTP/1.1", {"connection": "x-a, Close"}, ["x-a, Close"], False),
        ((), "HTTP/1.1", {"Connection": "keep-alive"}, ["keep-alive"], True),
        (("Connection: close",), "HTTP/1.1", {}, ["close"], False),
        (("Connection: close",), "HTTP/1.1", {"Connection": "keep-alive"}, ["keep-alive", "close"], False),
        ((), "HTTP/1.0", {}, [], False),
        (("Connection: keep-alive",), "HTTP/1.0", {}, ["Keep-Alive"], True),
        (("Connection: keep-alive",), "HTTP/1.0", {"Connection": "close"}, ["close"], False),
    ],
)
async def test_connection_field(
    asked: tuple[str, ...], version: str, given: dict[str, str], told: list[str], lives: bool
) -> None:
    for status in (200, 404):
        response, alive = await ask(
            lambda request, status=status: request.respond(b"x", status, given), *asked, version=version
        )
        assert (response.header_list("Connection"), alive) == (told, lives)


async def test_second_respond_is_an_error_and_harms_nothing(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: this request was finished before")

    def handler(request: Any) -> None:
        request.respond(b"first")
        request.respond(b"second")

    response, alive = await ask(handler)
    assert (response.body, alive) == (b"first", True)


async def test_respond_in_the_middle_of_a_response_is_an_error_and_cuts(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: the response has begun already")

    def handler(request: Any) -> None:
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        request.respond(b"x")

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


async def test_respond_later() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request())
        request = await within(waiting.get())
        asyncio.get_running_loop().call_soon(request.respond, b"later", 404, {"X-A": "1"})
        response = await client.read_response()
        assert (response.status, response.body, response.header("X-A")) == (404, b"later", "1")
        with pytest.raises(HTTPOutputError):
            request.respond(b"again")


async def test_await_of_respond_waits_for_a_slow_reader() -> None:
    body = b"x" * 10_000_000
    done = asyncio.Event()

    async def handler(request: Any) -> None:
        await request.respond(body)
        done.set()

    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await client.read_until(b"\r\n\r\n")
        assert not done.is_set()
        assert await client.read_exactly(len(body)) == body
        await within(done.wait())


async def test_request_time_stops_with_the_response() -> None:
    times: list[float] = []

    def handler(request: Any) -> None:
        request.respond(b"")
        times.extend((request.request_time(), request.request_time()))

    await ask(handler)
    assert times[0] == times[1] >= 0
