"""``request.connection``: the head by ``write_headers``, the body by ``write``, the end by ``finish``."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from tests.integration.helpers import build_request, expect_failure, only_connection, run_server, turns, within

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]


def head(
    request: Any, *fields: tuple[str, str], code: int = 200, reason: str = "OK", chunk: Any = None, callback: Any = None
) -> Any:
    headers = HTTPHeaders()
    for name, value in fields:
        headers.add(name, value)
    return request.connection.write_headers(ResponseStartLine("HTTP/1.1", code, reason), headers, chunk, callback)


def length(size: int) -> tuple[str, str]:
    return ("Content-Length", str(size))


async def test_chunked_is_chosen_without_a_length() -> None:
    def handler(request: Any) -> None:
        head(request, ("X-A", "1"))
        request.connection.write(b"hello ")
        request.connection.write(b"")
        request.connection.write(b"world")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).raw == (
                b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
            )


async def test_length_is_kept() -> None:
    def handler(request: Any) -> None:
        head(request, length(5), chunk=b"he")
        request.connection.write(bytearray(b"l"))
        request.connection.write("lo")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            raw = (await client.request(build_request())).raw
            assert raw == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_methods_of_the_request_and_its_connection_are_the_same() -> None:
    def handler(request: Any) -> None:
        head(request, length(4))
        request.write(b"ab")
        request.connection.write(b"cd")
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"abcd"


async def test_fields_go_out_in_order_and_repeated_ones_too() -> None:
    def handler(request: Any) -> None:
        head(request, ("B", "1"), ("Set-Cookie", "a=1"), ("A", "ü"), ("Set-Cookie", "b=2"), length(0))
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        raw = (await client.request(build_request())).raw
    fields = b"B: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nA: \xfc\r\nContent-Length: 0\r\n"
    assert raw == b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


async def test_reason_is_the_handlers_and_version_ours() -> None:
    def handler(request: Any) -> None:
        line = ResponseStartLine("HTTP/1.0", 299, "Fine, really")
        request.connection.write_headers(line, HTTPHeaders({"Content-Length": "0"}))
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.version, response.status, response.reason) == ((1, 1), 299, "Fine, really")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), b""),
        ((length(5),), b"Content-Length: 5\r\n"),
    ],
)
async def test_http_1_0_ends_with_the_connection(fields: tuple[tuple[str, str], ...], expected: bytes) -> None:
    def handler(request: Any) -> None:
        head(request, *fields, chunk=b"hello")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request(version="HTTP/1.0"))
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\n" + expected + b"\r\nhello"


async def test_http_1_0_with_keep_alive_needs_a_length() -> None:
    def handler(request: Any) -> None:
        head(request, *((length(5),) if request.uri == "/length" else ()), chunk=b"hello")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request("/length", "Connection: keep-alive", version="HTTP/1.0"))
            assert (response.header("Connection"), response.body) == ("Keep-Alive", b"hello")
        await client.send(build_request("/", "Connection: keep-alive", version="HTTP/1.0"))
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


async def test_http_1_0_gets_no_interim_response() -> None:
    def handler(request: Any) -> None:
        head(request, ("Link", "x"), code=103, reason="Early Hints")
        head(request, length(0))
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request(version="HTTP/1.0"))).status == 200


async def test_interim_responses_come_before_the_final_one() -> None:
    def handler(request: Any) -> None:
        head(request, code=102, reason="Processing")
        head(request, ("Link", "x"), code=103, reason="Early Hints")
        head(request, length(2), chunk=b"hi")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            await client.send(build_request())
            assert [(await client.read_response()).status for _ in range(3)] == [102, 103, 200]


@pytest.mark.parametrize(
    ("asked", "fields", "expected", "alive"),
    [
        ((), (("Connection", "close"),), ["close"], False),
        ((), (("Connection", "keep-alive"),), ["keep-alive"], True),
        ((), (("Connection", "x-a"),), ["x-a"], True),
        (("Connection: close",), (), ["close"], False),
        (("Connection: close",), (("Connection", "keep-alive"),), ["keep-alive", "close"], False),
        (("Connection: close",), (("Connection", "close"),), ["close"], False),
    ],
)
async def test_connection_field(
    asked: tuple[str, ...], fields: tuple[tuple[str, str], ...], expected: list[str], alive: bool
) -> None:
    def handler(request: Any) -> None:
        head(request, length(0), *fields)
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        response = await client.request(build_request("/", *asked))
        assert response.header_list("Connection") == expected
        if alive:
            assert (await client.request(build_request())).status == 200
        else:
            assert await client.read_to_end() == b""


@pytest.mark.parametrize(("code", "reason"), [(204, "No Content"), (304, "Not Modified")])
async def test_status_without_body_has_no_framing(code: int, reason: str) -> None:
    def handler(request: Any) -> None:
        head(request, ("ETag", "x"), code=code, reason=reason)
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            raw = (await client.request(build_request())).raw
            assert raw == f"HTTP/1.1 {code} {reason}\r\nETag: x\r\n".replace("ETag", "Etag").encode() + b"\r\n"


@pytest.mark.parametrize("fields", [(), (length(1000),)])
async def test_answer_to_head_has_a_head_only(fields: tuple[tuple[str, str], ...]) -> None:
    def handler(request: Any) -> None:
        head(request, *fields)
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            response = await client.request(build_request(method="HEAD"))
            assert response.headers == list(fields)


@pytest.mark.parametrize(("code", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
async def test_body_where_there_can_be_none_is_an_error(code: int, method: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write more data than Content-Length")

    def handler(request: Any) -> None:
        head(request, length(2), code=code, reason="x")
        request.connection.write(b"hi")

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request(method=method))
        told = b"" if code == 204 else b"Content-Length: 2\r\n"  # RFC 9110 §8.6: MUST NOT stand in a 204
        assert await client.read_to_end() == b"HTTP/1.1 %d x\r\n%b\r\n" % (code, told)


async def test_more_than_the_length_is_an_error_and_not_sent(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write more data than Content-Length")

    def handler(request: Any) -> None:
        head(request, length(2))
        request.connection.write(b"h")
        request.connection.write(b"i!")

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request() + build_request("/never"))
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh"
        assert not client.was_reset


async def test_less_than_the_length_is_an_error_and_cuts_the_connection(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write 3 bytes less than Content-Length")

    def handler(request: Any) -> None:
        head(request, length(5), chunk=b"he")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request() + build_request("/never"))
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


async def test_finish_without_a_head_is_500(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: finished without a response")

    async with run_server(lambda request: request.connection.finish()) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500


async def test_second_head_is_an_error(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: the head of this response was written before")

    def handler(request: Any) -> None:
        head(request, length(2))
        head(request, length(2))

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


async def test_handler_may_frame_the_chunks_itself() -> None:
    def handler(request: Any) -> None:
        head(request, ("Transfer-Encoding", "chunked"), chunk=b"5\r\nhello")
        request.connection.write(b"\r\n0\r\n\r\n")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"hello"


async def test_handler_that_frames_the_chunks_itself_is_held_to_it(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError")

    def handler(request: Any) -> None:
        head(request, ("Transfer-Encoding", "chunked"), chunk=b"5\r\nhello\r\n")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_to_end()).endswith(b"5\r\nhello\r\n")


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ((("Transfer-Encoding", "gzip"),), "Transfer-Encoding"),
        ((("Transfer-Encoding", "chunked"), ("Content-Length", "5")), "Transfer-Encoding"),
        ((("Content-Length", "five"),), "Content-Length"),
        ((("Content-Length", "+5"),), "Content-Length"),
        ((("Content-Length", "5"), ("Content-Length", "5")), "Content-Length"),
    ],
)
async def test_framing_that_makes_no_sense_is_an_error_and_500(
    fields: tuple[tuple[str, str], ...], pattern: str, expect_log: ExpectLog
) -> None:
    expect_failure(expect_log, f"ValueError: .*{pattern}")
    async with run_server(lambda request: head(request, *fields)) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\0b", "\u20ac"])
async def test_field_that_would_split_the_response_is_an_error_that_names_it(value: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ValueError: Illegal characters .* X-Split")

    def handler(request: Any) -> None:
        headers = HTTPHeaders({"Content-Length": "0"})
        headers["X-Split"] = value  # setting an item checks nothing
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        raw = await client.read_to_end()
        assert raw.startswith(b"HTTP/1.1 500 ")
        assert b"plit" not in raw


async def test_reason_that_would_split_the_response_is_an_error(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "ValueError: .*reason")

    async with (
        run_server(lambda request: head(request, length(0), reason="OK\r\nX-Split: 1")) as running,
        await running.connect() as client,
    ):
        assert (await client.request(build_request())).status == 500


async def test_chunk_of_the_wrong_type_is_an_error_and_500(expect_log: ExpectLog) -> None:
    """Found before the head is gone: the client can still be told."""
    expect_failure(expect_log, "TypeError: a body is bytes")
    async with (
        run_server(lambda request: head(request, length(1), chunk=5)) as running,
        await running.connect() as client,
    ):
        assert (await client.request(build_request())).status == 500


async def test_head_waits_for_the_body_of_the_same_turn() -> None:
    """One write, also for a handler that answers later."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request())
        request = await within(waiting.get())
        await turns()
        head(request, length(2))
        request.write(b"hi")
        request.finish()
        assert await client.read_some() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def test_head_goes_out_before_a_body_that_comes_later() -> None:
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(waiting.put_nowait) as running, await running.connect() as client:
        await client.send(build_request())
        request = await within(waiting.get())
        head(request, length(2))
        assert await client.read_until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        request.write(b"hi")
        assert await client.read_exactly(2) == b"hi"
        request.finish()


async def test_callbacks_come_in_later_turns_and_in_order() -> None:
    events: asyncio.Queue[str] = asyncio.Queue()

    def handler(request: Any) -> None:
        connection = request.connection

        def head_written() -> None:
            events.put_nowait("head")
            assert connection.write(b"hel", body_written) is None

        def body_written() -> None:
            events.put_nowait("body")
            assert connection.write(b"lo", callback=rest_written) is None

        def rest_written() -> None:
            events.put_nowait("rest")
            connection.finish()

        assert head(request, length(5), callback=head_written) is None
        assert events.empty()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"hello"
        assert [await within(events.get()) for _ in range(3)] == ["head", "body", "rest"]


async def test_later_callback_replaces_one_that_was_not_called_yet() -> None:
    """As in Tornado: programs write several times with the callback that goes on."""
    calls: list[str] = []

    def handler(request: Any) -> None:
        head(request, length(4), callback=lambda: calls.append("head"))
        request.write(b"ab", lambda: calls.append("first"))

        def second() -> None:
            calls.append("second")
            request.finish()

        request.write(b"cd", callback=second)

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"abcd"
    assert calls == ["second"]


async def test_exception_in_a_callback_is_logged_and_cuts_the_connection(expect_log: ExpectLog) -> None:
    """As in Tornado 2 to 5: said once by the stream, once by the loop."""
    expect_failure(expect_log, "Uncaught exception, closing connection", count=1)
    expect_failure(expect_log, "Exception in callback", count=1)

    def handler(request: Any) -> None:
        def written() -> None:
            raise ZeroDivisionError("in a callback")

        head(request, length(5), chunk=b"he", callback=written)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


async def test_await_of_write_waits_for_a_slow_reader() -> None:
    piece = b"x" * 500_000
    written = 0

    async def handler(request: Any) -> None:
        nonlocal written
        await head(request, length(len(piece) * 40))
        for _ in range(40):
            await request.connection.write(piece)
            written += 1
        request.connection.finish()

    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await client.read_until(b"\r\n\r\n")
        await turns(100)
        assert written < 40
        connection = only_connection(running.server)
        assert connection.stream.write_buffer_size() <= len(piece) + 100
        assert await client.read_exactly(len(piece) * 40) == piece * 40
        assert written == 40


async def test_cancelled_wait_for_a_write_harms_no_other() -> None:
    """A handler that gives up waiting (a timeout, say) goes on writing, and so does its other task."""
    piece = b"x" * 8_000_000
    results: list[str] = []

    async def handler(request: Any) -> None:
        await head(request, length(3 * len(piece)))
        first = asyncio.ensure_future(request.write(piece))
        second = asyncio.ensure_future(request.write(piece))
        await asyncio.sleep(0)
        assert not first.done()
        first.cancel()
        third = asyncio.ensure_future(request.write(piece))
        started.set()
        await second
        await third
        results.append("written")
        request.finish()

    started = asyncio.Event()
    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await within(started.wait())
        await client.read_until(b"\r\n\r\n")
        assert await client.read_exactly(3 * len(piece)) == piece * 3
        await turns()
        assert results == ["written"]


async def test_large_response_by_aiohttp() -> None:
    async def handler(request: Any) -> None:
        await head(request)
        for number in range(1000):
            await request.connection.write(b"%d," % number * 100)
        request.connection.finish()

    async with run_server(handler) as running, aiohttp.ClientSession() as session, session.get(running.url()) as answer:
        assert await answer.read() == b"".join(b"%d," % number * 100 for number in range(1000))


async def test_facade_knows_its_connection() -> None:
    facts: list[Any] = []

    def handler(request: Any) -> None:
        connection = request.connection
        facts.append((connection == request.connection, hash(connection) == hash(request.connection)))
        facts.append((connection.context.remote_ip, str(connection.context)))
        facts.append((connection.no_keep_alive, connection.params.max_header_size, connection.closed))
        facts.append(connection.stream.socket.getpeername()[0])
        facts.append(connection.io_loop.asyncio_loop is asyncio.get_running_loop())
        request.connection.respond(b"x")

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"x"
    assert facts == [(True, True), ("127.0.0.1", "127.0.0.1"), (False, 65536, False), "127.0.0.1", True]


async def test_connection_attribute_can_be_replaced() -> None:
    """Programs wrap it."""

    def handler(request: Any) -> None:
        own = request.connection
        request.connection = "mine"
        assert request.connection == "mine"
        own.respond(b"x")

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"x"


async def test_write_of_nothing_before_the_head_is_nothing() -> None:
    def handler(request: Any) -> None:
        request.connection.write(b"")
        head(request, length(1), chunk=b"")
        request.connection.write(b"x")
        request.connection.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"x"
