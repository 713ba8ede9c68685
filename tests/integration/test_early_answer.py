"""An answer before the request's body was read: a little that is left is dropped, else the end is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import httputil
from tests.integration.helpers import all_closed, build_request, run_server, run_server_with_clock, turns, until, within
from tests.integration.test_delegates import App, finished
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

#: Octets of body that are read and dropped: HTTP1ConnectionParameters.linger_size.
LITTLE = 262144
GET = build_request("/next")
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def post(size: int, *fields: str) -> bytes:
    return build_request("/", f"Content-Length: {size}", *fields, method="POST")


async def respond(request: Any) -> bytes:
    return request.uri.encode()


async def respond_behind_one_piece(request: Any) -> bytes:
    async for _ in request.body_chunks():
        break
    return request.uri.encode()


def structured(request: Any) -> None:
    headers = httputil.HTTPHeaders({"Content-Length": str(len(request.uri))})
    request.connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), headers, request.uri.encode())
    request.connection.finish()


async def write_structured(request: Any) -> None:
    structured(request)


Handler = Callable[[Any], Any]
HANDLERS = [respond, respond_behind_one_piece, write_structured]


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("size", [1, 5, LITTLE])
@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_little_is_dropped_and_the_connection_lives_on(handler: Handler, size: int, pieces: int) -> None:
    octets = post(size) + bytes(size) + GET
    step = -(-len(octets) // pieces)
    async with run_server(handler, stream_request_body=True) as running, await running.connect() as client:
        for _ in range(3):
            await client.send_pieces(octets[at : at + step] for at in range(0, len(octets), step))
            first = await client.read_response()
            assert (first.body, first.header("Connection")) == (b"/", None)
            assert (await client.read_response()).body == b"/next"


@pytest.mark.parametrize("handler", HANDLERS)
async def test_little_is_dropped_however_it_is_cut(handler: Handler) -> None:
    async with (
        run_server(handler, stream_request_body=True, chunk_size=2) as running,
        await running.connect() as client,
    ):
        for pieces in every_split(post(5) + b"GET /" + GET + post(1) + b"x" + GET):
            await client.send_pieces(pieces)
            for path in (b"/", b"/next", b"/", b"/next"):
                assert (await client.read_response()).body == path


@pytest.mark.parametrize("handler", [respond, respond_behind_one_piece])
@pytest.mark.parametrize(
    "octets",
    [post(LITTLE + 2) + b"x", CHUNKED + b"5\r\nhello\r\n"],
    ids=["length", "chunked"],
)
async def test_much_or_nobody_knows_how_much_ends_the_connection_and_it_is_told(
    handler: Handler, octets: bytes
) -> None:
    async with run_server(handler, stream_request_body=True) as running, await running.connect() as client:
        response = await client.request(octets)
        assert (response.body, response.header("Connection")) == (b"/", "close")
        assert await client.read_to_end() == b""
        assert not client.was_reset
        client.close()
        await all_closed(running.server)


async def test_body_that_was_read_to_its_end_changes_nothing() -> None:
    async def handler(request: Any) -> bytes:
        return b"%d" % sum([len(chunk) async for chunk in request.body_chunks()])

    async with run_server(handler, stream_request_body=True) as running, await running.connect() as client:
        for octets in (post(LITTLE * 2) + bytes(LITTLE * 2), CHUNKED + b"1\r\nx\r\n0\r\n\r\n", post(0)):
            response = await client.request(octets)
            assert response.status == 200
            assert response.header("Connection") is None


async def test_head_before_the_body_was_read_leaves_the_connection_to_who_reads_it() -> None:
    async def echo(request: Any) -> None:
        headers = httputil.HTTPHeaders({"Content-Length": request.headers["Content-Length"]})
        await request.connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), headers)
        async for chunk in request.body_chunks():
            await request.connection.write(chunk)
        request.connection.finish()

    body = b"x" * (2 * LITTLE)
    async with run_server(echo, stream_request_body=True) as running, await running.connect() as client:
        for _ in range(2):
            sending = asyncio.ensure_future(client.send(post(len(body)) + body))
            response = await client.read_response("POST")
            await sending
            assert (response.body, response.header("Connection")) == (body, None)


@pytest.mark.parametrize("where", ["headers_received", "data_received"])
async def test_delegate_gets_no_more_and_is_told_once(where: str) -> None:
    app = App(**{where: lambda recorder: recorder.answer(b"enough") if app.early else None})  # type: ignore[attr-defined]
    app.early = True  # type: ignore[attr-defined]
    async with run_server(app, chunk_size=2) as running, await running.connect() as client:
        assert (await client.request(post(5) + b"hello")).body == b"enough"
        await turns(10)
        assert app.names.count("data_received") == (where == "data_received")
        assert "finish" not in app.names
        assert app.names.count("on_connection_close") == 1
        app.early = False  # type: ignore[attr-defined]
        assert (await client.request(post(5) + b"hello")).body == b"ok"
        assert app.names.count("finish") == 1
        assert app.names.count("on_connection_close") == 1
        await finished(app, client)


async def test_delegate_that_is_waited_for_when_it_is_answered_holds_back_nothing() -> None:
    """What the first request's receiver waits for has nothing to do with the second's."""
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    recorders: list[Any] = []

    def wait(recorder: Any) -> Any:
        recorders.append(recorder)
        return gate if len(recorders) == 1 else None

    app = App(headers_received=wait)
    async with run_server(app, chunk_size=2) as running, await running.connect() as client:
        await client.send(post(5) + b"hello" + post(3))
        await until(lambda: recorders)
        recorders[0].answer(b"early")
        assert (await client.read_response()).body == b"early"
        await until(lambda: len(recorders) == 2)
        gate.set_result(None)
        await turns(10)
        assert "finish" not in app.names
        await client.send(b"abc")
        assert (await client.read_response()).body == b"ok"
        assert app.body == b"abc"


@pytest.mark.parametrize("end", ["end", "reset"])
async def test_client_that_leaves_while_its_body_is_dropped(end: str) -> None:
    async with run_server(respond, stream_request_body=True) as running:
        client = await running.connect()
        assert (await client.request(post(5) + b"hel")).body == b"/"
        if end == "end":
            client.shutdown_write()
            assert await client.read_to_end() == b""
        else:
            client.abort()
        await all_closed(running.server)
        client.close()


async def test_client_that_sleeps_while_its_body_is_dropped() -> None:
    async with (
        run_server_with_clock(respond, stream_request_body=True, header_timeout=10) as (running, clock),
        await running.connect() as client,
    ):
        assert (await client.request(post(5) + b"hel")).body == b"/"
        clock.almost(9)
        await client.send(b"l")
        await turns(10)
        clock.advance_past(10)
        assert await client.read_to_end() == b""


async def test_slow_reader_whose_body_is_dropped_gets_his_next_answer() -> None:
    body = b"x" * 5_000_000

    async def handler(request: Any) -> Any:
        return body

    async with (
        run_server(handler, stream_request_body=True) as running,
        await running.connect(receive_buffer=4096, deadline=20) as client,
    ):
        sending = asyncio.ensure_future(client.send((post(200_000) + bytes(200_000)) * 3 + GET))
        for _ in range(4):
            assert (await client.read_response()).body == body
        await within(sending)
