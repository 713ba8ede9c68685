"""Tornado 2's ``request.write``: the handler writes its response as octets, head and all.

A client must see exactly what the handler wrote, or the end of the connection: never an octet that it would take for
the beginning of the next response.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from asynchttp.httputil import HTTPOutputError
from tests.integration.helpers import build_request, expect_failure, run_server, turns, within
from tests.support.servers import RunningServer
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

OK = b"HTTP/1.1 200 OK\r\n"


def demo(request: Any) -> None:
    """The classic demo, as it has always been."""
    message = "You requested %s\n" % request.uri  # noqa: UP031
    request.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(message), message))  # noqa: UP031
    request.finish()


def writes(*pieces: bytes | str) -> Callable[[Any], None]:
    """A handler that writes these pieces and finishes."""

    def handler(request: Any) -> None:
        for piece in pieces:
            request.write(piece)
        request.finish()

    return handler


async def exchange(running: RunningServer, request: bytes | None = None) -> tuple[bytes, bool]:
    """(what came in answer to one request, whether the connection lived on).  The handler must be ``stoppable``."""
    request = request or build_request()
    async with await running.connect() as client:
        await client.send(request)
        # Whatever comes before the answer to this one answers the request.
        await turns(10)
        await client.send(build_request("/stop"))
        octets = await client.read_to_end()
        assert not client.was_reset
    before, stopper, after = octets.partition(STOP)
    assert not after
    return before, bool(stopper)


STOP = b"HTTP/1.1 299 Stop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def stoppable(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    def stop_or_handle(request: Any) -> None:
        if request.uri == "/stop":
            request.write(STOP)
            request.finish()
        else:
            handler(request)

    return stop_or_handle


async def test_classic_demo() -> None:
    async with run_server(demo) as running, await running.connect() as client:
        for path in ("/", "/longer?with=query", "/"):
            response = await client.request(build_request(path))
            text = f"You requested {path}\n".encode()
            assert response.raw == OK + b"Content-Length: %d\r\n\r\n%b" % (len(text), text)


async def test_classic_demo_with_pipelined_requests_of_one_length() -> None:
    """From the second answer on its head equals the one before: the short way."""
    async with run_server(demo) as running, await running.connect() as client:
        await client.send(b"".join(build_request(f"/{number:03}") for number in range(200)))
        for number in range(200):
            assert (await client.read_response()).body == b"You requested /%03d\n" % number


async def test_classic_demo_by_aiohttp() -> None:
    async with run_server(demo) as running, aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(running.url("/x")) as response:
                assert (response.status, await response.text()) == (200, "You requested /x\n")


async def test_str_is_sent_as_utf_8() -> None:
    async with (
        run_server(writes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nüé")) as running,
        await running.connect() as client,
    ):
        assert (await client.request(build_request())).body == "üé".encode()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_any_octets_can_be_written(kind: Any) -> None:
    response = OK + b"Content-Length: 2\r\n\r\nok"
    async with run_server(stoppable(writes(kind(response)))) as running:
        assert await exchange(running) == (response, True)


async def test_what_is_no_octets_is_an_error_and_the_client_gets_500(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "TypeError: a body is bytes, bytearray, memoryview or str, not int")

    def handler(request: Any) -> None:
        request.write(5)

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 500
        assert await client.read_to_end() == b""


WHOLE = {
    "length": OK + b"Content-Length: 5\r\n\r\nhello",
    "length 0": OK + b"Content-Length: 0\r\n\r\n",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked with trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    "not modified with the length of what was not": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
    "interim first": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
    "two interims": b"HTTP/1.1 102 Processing\r\n\r\n" * 2 + OK + b"Content-Length: 2\r\n\r\nhi",
    "no reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi",
    "head in the body": OK + b"Content-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("response", WHOLE.values(), ids=WHOLE)
async def test_response_with_a_known_end_leaves_the_connection_open(response: bytes) -> None:
    async with run_server(stoppable(writes(response))) as running:
        assert await exchange(running) == (response, True)


@pytest.mark.parametrize("response", WHOLE.values(), ids=WHOLE)
async def test_response_may_be_written_in_any_pieces(response: bytes) -> None:
    splits = list(every_split(response))
    count = 0

    def handler(request: Any) -> None:
        nonlocal count
        for piece in splits[count]:
            request.write(piece)
        count += 1
        request.finish()

    async with run_server(stoppable(handler)) as running, await running.connect() as client:
        for _ in splits:
            await client.send(build_request())
            assert await client.read_exactly(len(response)) == response
        await client.send(build_request("/stop"))
        assert await client.read_to_end() == STOP


async def test_response_may_be_written_over_many_turns() -> None:
    response = OK + b"Content-Length: 5\r\n\r\nhello"

    async def handler(request: Any) -> None:
        for i in range(len(response)):
            request.write(response[i : i + 1])
            await asyncio.sleep(0)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request())).raw == response


async def test_empty_writes_are_nothing() -> None:
    whole = OK + b"Content-Length: 2\r\n\r\nhi"

    async with run_server(stoppable(writes(b"", whole, b"", ""))) as running, await running.connect() as client:
        for _ in range(3):  # from the second time on the head is the one before
            assert (await client.request(build_request())).raw == whole


UNSURE = {
    "no framing": OK + b"\r\nhello",
    "no fields and no body": OK + b"\r\n",
    "connection: close": OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "length is no number": OK + b"Content-Length: five\r\n\r\nhello",
    "unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "typo in the version": b"HTTP1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "space before the colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "no head at all": b"hello",
    "head without its end": OK + b"Content-Length: 5\r\n",
    "only an interim": b"HTTP/1.1 100 Continue\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nx-octets",
}


@pytest.mark.parametrize("response", UNSURE.values(), ids=UNSURE)
@pytest.mark.parametrize("cut", [False, True])
async def test_response_whose_end_isn_t_sure_ends_with_the_connection(response: bytes, cut: bool) -> None:
    pieces = [response[i : i + 1] for i in range(len(response))] if cut else [response]
    async with run_server(stoppable(writes(*pieces))) as running:
        assert await exchange(running) == (response, False)


async def test_response_that_asks_for_the_end_gets_it_although_its_head_was_seen_before() -> None:
    responses = [OK + b"Content-Length: 2\r\n\r\nhi", OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"]

    def handler(request: Any) -> None:
        request.write(responses[0] if request.uri == "/open" else responses[1])
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request("/open"))).body == b"hi"
        assert (await client.request(build_request("/close"))).body == b"hi"
        assert await client.read_to_end() == b""


TOO_MUCH = {
    "length": [OK + b"Content-Length: 5\r\n\r\nhello!"],
    "length, later": [OK + b"Content-Length: 5\r\n\r\nhello", b"!"],
    "a second response": [OK + b"Content-Length: 5\r\n\r\nhello", OK + b"Content-Length: 0\r\n\r\n"],
    "behind the last chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"x"],
    "behind the last chunk, at once": [OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx"],
    "not a chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\nhello"],
}


@pytest.mark.parametrize("pieces", TOO_MUCH.values(), ids=TOO_MUCH)
@pytest.mark.parametrize("repeat", [False, True])
async def test_octets_behind_the_end_are_an_error_and_not_sent(
    pieces: list[bytes], repeat: bool, expect_log: ExpectLog
) -> None:
    whole = OK + b"Content-Length: 5\r\n\r\nhello"
    expect_failure(expect_log, "HTTPOutputError")
    handler = writes(*pieces)

    def first_a_good_one(request: Any) -> None:
        if request.uri == "/good":
            request.write(whole)
            request.finish()
        else:
            handler(request)

    async with run_server(first_a_good_one) as running, await running.connect() as client:
        if repeat:  # so that the head has been seen before
            for _ in range(2):
                await client.request(build_request("/good"))
        await client.send(build_request() + build_request("/good"))
        sent = await client.read_to_end()
        assert not client.was_reset
    written = b"".join(pieces)
    assert written.startswith(sent)
    assert len(sent) < len(written)


@pytest.mark.parametrize(
    "pieces",
    [
        [OK + b"Content-Length: 5\r\n\r\nhell"],
        [OK + b"Content-Length: 5\r\n\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"0\r\n"],
    ],
)
async def test_too_little_is_an_error_and_cuts_the_connection(pieces: list[bytes], expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError")
    async with run_server(stoppable(writes(*pieces))) as running:
        assert await exchange(running) == (b"".join(pieces), False)


async def test_error_tells_how_much_is_missing(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write 3 bytes less than Content-Length")
    async with run_server(writes(OK + b"Content-Length: 5\r\n\r\nhe")) as running:
        await exchange(running)


@pytest.mark.parametrize(
    ("response", "sent"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", OK + b"Content-Length: 5\r\n\r\n"),
        (OK + b"Content-Length: 5\r\n\r\n", OK + b"Content-Length: 5\r\n\r\n"),
        (OK + b"\r\n", OK + b"\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_answer_to_head_has_no_body_whatever_the_handler_writes(response: bytes, sent: bytes, cut: bool) -> None:
    """A handler of Tornado 2's time doesn't look at the method."""
    pieces = [response[i : i + 1] for i in range(len(response))] if cut else [response]
    async with run_server(stoppable(writes(*pieces))) as running, await running.connect() as client:
        for _ in range(2):
            await client.send(build_request(method="HEAD"))
            assert await client.read_exactly(len(sent)) == sent
        await client.send(build_request("/stop"))
        assert await client.read_to_end() == STOP


async def test_head_request_behind_a_get_with_the_same_answer_gets_no_body() -> None:
    whole = OK + b"Content-Length: 5\r\n\r\nhello"
    async with run_server(stoppable(writes(whole))) as running, await running.connect() as client:
        for method in ("GET", "GET", "HEAD", "GET", "HEAD"):
            response = await client.request(build_request(method=method))
            assert response.raw == (whole if method == "GET" else whole[:-5])
        await client.send(build_request("/stop"))
        assert await client.read_to_end() == STOP


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", False),  # RFC 9110 §8.6: MUST NOT be there
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
    ],
)
async def test_status_without_body_drops_the_body(head: bytes, keep_alive: bool) -> None:
    async with run_server(stoppable(writes(head + b"hello"))) as running:
        assert await exchange(running) == (head, keep_alive)


async def test_finish_without_a_word_is_500(expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: finished without a response")
    async with run_server(writes()) as running, await running.connect() as client:
        response = await client.request(build_request())
        assert (response.status, response.header("Connection")) == (500, "close")
        assert await client.read_to_end() == b""


async def test_client_that_asked_for_the_end_gets_it() -> None:
    whole = OK + b"Content-Length: 2\r\n\r\nhi"
    async with run_server(writes(whole)) as running, await running.connect() as client:
        await client.send(build_request("/", "Connection: close"))
        assert await client.read_to_end() == whole


async def test_no_keep_alive_ends_a_raw_response_too() -> None:
    whole = OK + b"Content-Length: 2\r\n\r\nhi"
    async with run_server(writes(whole), no_keep_alive=True) as running, await running.connect() as client:
        await client.send(build_request())
        assert await client.read_to_end() == whole


async def test_write_tells_when_the_octets_are_on_their_way() -> None:
    written: asyncio.Queue[str] = asyncio.Queue()

    def handler(request: Any) -> None:
        inside = True

        def on_written() -> None:
            assert not inside
            written.put_nowait("callback")
            request.finish()

        assert request.write(OK + b"Content-Length: 2\r\n\r\nhi", on_written) is None
        inside = False

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"hi"
            assert await within(written.get()) == "callback"


async def test_write_returns_a_future_without_callback() -> None:
    async def handler(request: Any) -> None:
        assert await request.write(OK + b"Content-Length: 2\r\n\r\n") is None
        assert await request.write(b"hi") is None
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"hi"


async def test_two_clients_don_t_share_what_was_remembered_of_a_head() -> None:
    def handler(request: Any) -> None:
        body = b"x" * int(request.uri[1:])
        request.write(OK + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        request.finish()

    async with run_server(handler) as running, await running.connect() as one, await running.connect() as other:
        for size in (1, 1, 2, 22, 1, 333):
            for client in (one, other):
                assert len((await client.request(build_request(f"/{size}"))).body) == size


async def test_late_write_reaches_neither_client_nor_next_response() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        if kept:
            with pytest.raises(HTTPOutputError, match="finished before"):
                kept[-1].write(b"late")
        kept.append(request)
        request.write(OK + b"Content-Length: 2\r\n\r\n")
        if len(kept) > 1:
            with pytest.raises(HTTPOutputError, match="finished before"):
                kept[-2].write(b"later")
        request.write(b"hi")
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request())).raw == OK + b"Content-Length: 2\r\n\r\nhi"
