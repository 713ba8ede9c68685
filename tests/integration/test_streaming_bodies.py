"""``stream_request_body``: a coroutine handler that reads the body as it comes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.asgi import ASGIHandler
from asynchttp.httpserver import HTTPServer
from asynchttp.iostream import StreamClosedError
from asynchttp.mount import Mount
from tests.support.logs import Expectation
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer, run_server
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n0123456789"
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def join(request: Any) -> bytes:
    return b"".join([chunk async for chunk in request.body_chunks()])


def only_connection(server: RunningServer) -> Any:
    (connection,) = server.server._connections
    return connection


@pytest.mark.parametrize("message", [POST, CHUNKED], ids=["length", "chunked"])
async def test_body_means_the_same_however_it_is_cut(message: bytes) -> None:
    async with run_server(join, stream_request_body=True) as server, await server.connect() as client:
        for pieces in every_split(message):
            await client.send_pieces(pieces)
            assert (await client.read_response("POST")).body == b"0123456789"


async def test_request_without_body_has_no_chunks() -> None:
    async with run_server(join, stream_request_body=True) as server, await server.connect() as client:
        assert (await client.request(GET)).body == b""
        assert (await client.request(POST)).body == b"0123456789"


async def test_pipelined_uploads() -> None:
    async with run_server(join, stream_request_body=True) as server, await server.connect() as client:
        await client.send((POST + CHUNKED) * 20)
        for _ in range(40):
            assert (await client.read_response("POST")).body == b"0123456789"


async def test_body_that_nobody_reads_is_not_read_from_the_socket() -> None:
    release, started = asyncio.Event(), asyncio.Event()

    async def handler(request: Any) -> bytes:
        started.set()
        await release.wait()
        return str(sum([len(chunk) async for chunk in request.body_chunks()])).encode()

    size = 16 * 1024 * 1024
    async with (
        run_server(handler, stream_request_body=True, chunk_size=65536) as server,
        await server.connect(deadline=20) as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        sending = asyncio.get_running_loop().create_task(client.send(bytes(size)))
        await started.wait()
        connection = only_connection(server)
        for _ in range(1000):  # loop turns enough for all that it would read
            await asyncio.sleep(0)
        assert connection._pauses
        # chunk_size, and one delivery of at most 256 KiB on top of it
        assert len(connection._input) - connection._position <= 65536 + 262144
        assert not sending.done()
        release.set()
        await sending
        assert (await client.read_response("POST")).body == str(size).encode()


async def test_continue_is_sent_when_the_body_is_asked_for() -> None:
    release, started = asyncio.Event(), asyncio.Event()

    async def handler(request: Any) -> bytes:
        started.set()
        await release.wait()
        return await join(request)

    async with run_server(handler, stream_request_body=True) as server, await server.connect() as client:
        await client.send(EXPECTING)
        await started.wait()
        reading = asyncio.get_running_loop().create_task(client.read_response("POST"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not reading.done()
        release.set()
        assert (await reading).status == 100
        await client.send(b"hello")
        assert (await client.read_response("POST")).body == b"hello"


async def test_no_continue_for_a_handler_that_answers_without_reading() -> None:
    async def handler(request: Any) -> bytes:
        return b"no, thanks"

    async with run_server(handler, stream_request_body=True) as server, await server.connect() as client:
        response = await client.request(EXPECTING)
        assert (response.status, response.body) == (200, b"no, thanks")
        assert response.header("Connection") == "close"  # nobody knows whether the body will come
        assert await client.read_to_end() == b""


async def test_no_continue_for_a_body_that_is_here_already() -> None:
    async with run_server(join, stream_request_body=True) as server, await server.connect() as client:
        assert (await client.request(EXPECTING + b"hello")).body == b"hello"


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.abort], ids=["end", "reset"])
async def test_client_that_leaves_ends_the_chunks(leave: Callable[[RawClient], None]) -> None:
    told: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
    arrived = asyncio.Event()

    async def handler(request: Any) -> None:
        chunks: list[bytes] = []
        try:
            async for chunk in request.body_chunks():
                chunks.append(chunk)
                arrived.set()
        except StreamClosedError:
            told.set_result(chunks)
            raise

    async with run_server(handler, stream_request_body=True) as server:
        async with await server.connect() as client:
            await client.send(POST[:-3])
            await arrived.wait()
            leave(client)
        async with asyncio.timeout(5):
            assert b"".join(await told) == b"0123456"


async def test_handler_that_fails_before_reading(expect_log: Callable[..., Expectation]) -> None:
    async def handler(request: Any) -> bytes:
        raise ValueError("mine")

    expect_log("asynchttp.application", "mine", count=1)
    async with run_server(handler, stream_request_body=True) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 500


async def test_response_may_begin_before_the_body_ends() -> None:
    async def echo(request: Any) -> None:
        from_line = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        request.write(from_line.encode())
        async for chunk in request.body_chunks():
            await request.write(chunk)
        request.finish()

    async with run_server(echo, stream_request_body=True) as server, await server.connect() as client:
        await client.send(POST[:-3])
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.read_exactly(7) == b"0123456"
        await client.send(b"789")
        assert await client.read_exactly(3) == b"789"
        assert (await client.request(GET.replace(b"GET", b"HEAD"))).status == 200


@pytest.mark.parametrize("message", [POST, CHUNKED], ids=["length", "chunked"])
async def test_too_large_a_body_is_refused(message: bytes) -> None:
    async with run_server(join, stream_request_body=True, max_body_size=9) as server, await server.connect() as client:
        assert (await client.request(message)).status == 413
        assert await client.read_to_end() == b""


async def test_malformed_chunk_is_refused_and_not_the_handlers_error() -> None:
    async with run_server(join, stream_request_body=True) as server, await server.connect() as client:
        assert (await client.request(CHUNKED.replace(b"\r\n5\r\n5", b"\r\nxyz\r\n5"))).status == 400


async def test_body_chunks_without_the_option_is_an_error(expect_log: Callable[..., Expectation]) -> None:
    expect_log("asynchttp.application", "stream_request_body=True", count=1)
    async with run_server(join) as server, await server.connect() as client:
        assert (await client.request(POST)).status == 500


async def test_option_is_for_coroutine_functions() -> None:
    with pytest.raises(TypeError, match="coroutine functions"):
        async with run_server(lambda request: None, stream_request_body=True):
            pass


async def test_coroutines_among_mounted_handlers_read_the_body_and_others_get_it() -> None:
    begun = asyncio.Event()

    async def reader(request: Any) -> bytes:
        begun.set()
        return await join(request)

    def whole(request: Any) -> None:
        request.respond(request.body)

    inner = Mount({"/deep/read": reader})
    handler = Mount({"/read": reader, "/whole": whole, "/deep": inner})
    async with run_server(handler, stream_request_body=True) as server, await server.connect() as client:
        for place in (b"/read", b"/deep/read"):
            begun.clear()
            await client.send(POST.replace(b"/", place, 1)[:-1])
            await asyncio.wait_for(begun.wait(), 5)  # before the body is complete
            await client.send(b"9")
            assert (await client.read_response("POST")).body == b"0123456789"
        assert (await client.request(POST.replace(b"/", b"/whole", 1))).body == b"0123456789"
    with pytest.raises(TypeError, match="stream_request_body is for coroutine functions, and none of the places"):
        HTTPServer(Mount({"/": whole, "/x": Mount({"/": whole})}), stream_request_body=True)
    with pytest.raises(TypeError, match="stream_request_body isn't for ASGI and WSGI applications"):
        HTTPServer(ASGIHandler(reader), stream_request_body=True)
