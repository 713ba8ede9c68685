"""``send_file``: files as bodies, whole or not at all, and nothing beyond what was promised."""

import asyncio
import os
import pathlib
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import trustme

from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from asynchttp.iostream import StreamClosedError
from tests.integration.helpers import (
    all_closed,
    build_request,
    expect_failure,
    only_connection,
    run_server,
    run_server_with_clock,
    until,
    within,
)

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]

START_LINE = ResponseStartLine("HTTP/1.1", 200, "OK")
#: More than any kernel takes at once, and no multiple of anything.
LARGE = os.urandom(1_000_003) * 12
SIZES = [0, 1, 65536, 65537, 1_000_003]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    return path


def head(request: Any, *fields: tuple[str, str]) -> Any:
    return request.connection.write_headers(START_LINE, HTTPHeaders(list(fields)))


def length(size: int) -> tuple[str, str]:
    return ("Content-Length", str(size))


def held(path: pathlib.Path) -> list[str]:
    """The descriptors of ``path``, or below it, that are open."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:  # that of the listing itself
            pass
    return [link for link in links if link.startswith(str(path))]


@pytest.mark.parametrize("size", [*SIZES, len(LARGE)])
@pytest.mark.parametrize("framing", ["length", "chunked", "1.0", "raw"])
async def test_file_arrives_whole_and_the_connection_lives_on(path: pathlib.Path, size: int, framing: str) -> None:
    async def handler(request: Any) -> None:
        if framing == "raw":
            request.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + 2))
        else:
            head(request, *([length(size + 2)] if framing == "length" else []))
        request.write(b"<")
        await request.send_file(path, 0, size)
        request.write(b">")
        request.finish()

    async with run_server(handler) as running, await running.connect(deadline=20) as client:
        version = "HTTP/1.0" if framing == "1.0" else "HTTP/1.1"
        for _ in range(1 if framing == "1.0" else 2):
            response = await client.request(build_request(version=version))
            assert response.body == b"<" + LARGE[:size] + b">"


@pytest.mark.parametrize("kind", ["path", "str", "file", "unbuffered"])
async def test_what_can_be_sent(path: pathlib.Path, kind: str) -> None:
    size = 300_000

    async def handler(request: Any) -> None:
        head(request, length(size))
        if kind == "path":
            await request.connection.send_file(path, offset=7, count=size)
        elif kind == "str":
            await request.connection.send_file(str(path), offset=7, count=size)
        else:
            with open(path, "rb", buffering=0 if kind == "unbuffered" else -1) as file:  # noqa: ASYNC230
                file.read(10)
                done = request.connection.send_file(file, offset=7, count=size)
                assert file.tell() == 10
            await done  # it was closed: the server has its own
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == LARGE[7 : size + 7]
        assert (await client.request(build_request())).body == LARGE[7 : size + 7]
    await until(lambda: not held(path))


async def test_rest_of_a_file_by_default(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request)
        await request.send_file(path, len(LARGE) - 100_000)
        await request.send_file(path, len(LARGE))
        await request.send_file(path, len(LARGE) + 1)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == LARGE[-100_000:]


async def test_no_more_than_the_length_of_a_file_that_has_grown(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(100_000))
        await request.send_file(path)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == LARGE[:100_000]


async def test_no_more_than_there_was_of_a_file_that_grows_meanwhile(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(LARGE)

    async def handler(request: Any) -> None:
        head(request)
        sending = request.send_file(path)
        os.truncate(path, len(LARGE) + 1)
        await sending
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == LARGE


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_file_that_shrinks_cuts_the_response(path: pathlib.Path, framing: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: the file ended [0-9]+ octets before its promised end")

    async def handler(request: Any) -> None:
        head(request, *([length(len(LARGE))] if framing == "length" else []))
        sending = request.send_file(path)
        os.truncate(path, 500_000)
        with pytest.raises(StreamClosedError) as caught:
            await sending
        assert isinstance(caught.value.real_error, Exception)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request() + build_request("/never"))
        raw = await client.read_to_end()
        body = raw.partition(b"\r\n\r\n")[2]
        if framing == "chunked":
            body = body.partition(b"\r\n")[2]
        assert body == LARGE[:500_000]
        assert not client.was_reset
        client.close()
        await all_closed(running.server)


async def test_small_file_that_is_shorter_than_asked_for_cuts(tmp_path: pathlib.Path, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: the file ended 95 octets before")
    path = tmp_path / "small"
    path.write_bytes(b"small")

    async def handler(request: Any) -> None:
        head(request, length(100))
        await request.send_file(path, count=100)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_to_end()).endswith(b"Content-Length: 100\r\n\r\n")


async def test_file_shorter_than_the_length_cuts(path: pathlib.Path, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write 3 bytes less than Content-Length")

    async def handler(request: Any) -> None:
        head(request, length(len(LARGE) + 3))
        await request.send_file(path)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_to_end()).endswith(LARGE[-1000:])


async def test_more_than_the_length_is_an_error_and_not_sent(path: pathlib.Path, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError: Tried to write more data than Content-Length")

    async def handler(request: Any) -> None:
        head(request, length(5))
        await request.send_file(path, count=6)

    async with run_server(handler) as running, await running.connect() as client:
        await client.send(build_request())
        assert (await client.read_to_end()).endswith(b"Content-Length: 5\r\n\r\n")


async def test_answer_to_head_has_no_body(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        await request.send_file(path)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request(method="HEAD"))).header("Content-Length") == str(len(LARGE))


async def test_requests_behind_it_are_answered_in_order(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        if request.uri == "/file":
            head(request, length(len(LARGE)))
            await request.send_file(path)
            request.finish()
        else:
            request.respond(request.uri)

    async with run_server(handler) as running, await running.connect(receive_buffer=4096, deadline=20) as client:
        await client.send(build_request("/1") + (build_request("/file") + build_request("/2")) * 2)
        assert (await client.read_response()).body == b"/1"
        for _ in range(2):
            assert (await client.read_response()).body == LARGE
            assert (await client.read_response()).body == b"/2"


async def test_callback_handler_may_finish_at_once(path: pathlib.Path) -> None:
    written: list[str] = []

    def handler(request: Any) -> None:
        head(request)
        assert request.connection.send_file(path, callback=lambda: written.append(request.uri)) is None
        request.finish(trailers={"X-End": "yes"})

    async with run_server(handler) as running, await running.connect() as client:
        for path_ in ("/1", "/2"):
            response = await client.request(build_request(path_))
            assert response.body == LARGE
            assert response.raw.endswith(b"\r\n0\r\nX-End: yes\r\n\r\n")
        await until(lambda: written == ["/1", "/2"])


async def test_coroutine_handler_may_finish_and_return_at_once(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        request.send_file(path)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == LARGE


async def test_nothing_comes_between(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        sending = request.send_file(path)
        with pytest.raises(Exception, match="a file is being sent"):
            request.write(b"x")
        with pytest.raises(Exception, match="a file can't be sent here"):
            request.send_file(path)
        with pytest.raises(Exception, match="the response has begun"):
            request.respond(b"x")
        request.finish()
        with pytest.raises(Exception, match="finished before"):
            request.finish()
        await sending

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == LARGE


@pytest.mark.parametrize("when", ["before the head", "behind a response"])
async def test_file_without_a_head_is_an_error(path: pathlib.Path, when: str, expect_log: ExpectLog) -> None:
    expect_failure(expect_log, "HTTPOutputError")

    async def handler(request: Any) -> None:
        if when == "behind a response":
            request.respond(b"x")
        await request.send_file(path)

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == (500 if when == "before the head" else 200)


async def test_file_that_can_t_be_sent_is_an_error_and_harms_nothing(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    async def handler(request: Any) -> None:
        head(request, length(2))
        for file, error in (
            (tmp_path / "missing", FileNotFoundError),
            (tmp_path, (IsADirectoryError, ValueError)),
            (tmp_path / "pipe", ValueError),
            ("/dev/null", ValueError),
        ):
            with pytest.raises(error):
                request.send_file(file)
        for numbers in ({"offset": -1}, {"count": -1}):
            with pytest.raises(ValueError, match="negative"):
                request.send_file(tmp_path, **numbers)
        request.write(b"ok")
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"ok"
    await until(lambda: not held(tmp_path))


@pytest.mark.parametrize("end", ["reset", "end"])
async def test_client_that_leaves_in_the_middle(path: pathlib.Path, end: str) -> None:
    outcome: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    told = asyncio.Event()

    async def handler(request: Any) -> None:
        request.connection.set_close_callback(told.set)
        head(request, length(len(LARGE)))
        try:
            await request.send_file(path)
        except StreamClosedError as error:
            outcome.set_result(error)
            raise

    async with run_server(handler) as running:
        client = await running.connect(receive_buffer=4096)
        await client.send(build_request())
        await client.read_exactly(100_000)
        await until(lambda: only_connection(running.server).stream.writing())
        client.abort() if end == "reset" else client.close()
        assert isinstance(await within(outcome), StreamClosedError)
        await within(told.wait())
        await all_closed(running.server)
    await until(lambda: not held(path))


async def test_client_that_leaves_is_silent_for_who_does_not_look(path: pathlib.Path) -> None:
    def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        request.send_file(path)
        request.finish()

    async with run_server(handler) as running:
        client = await running.connect(receive_buffer=4096)
        await client.send(build_request())
        await client.read_exactly(100_000)
        client.abort()
        await all_closed(running.server)


async def test_client_that_takes_nothing_is_cut(path: pathlib.Path) -> None:
    failed = asyncio.Event()

    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        try:
            await request.send_file(path)
        finally:
            failed.set()

    async with (
        run_server_with_clock(handler, write_timeout=10) as (running, clock),
        await running.connect(receive_buffer=4096) as client,
    ):
        await client.send(build_request())
        await until(lambda: running.server._connections and only_connection(running.server).stream.writing())
        # Who takes something lives, however slowly.
        for _ in range(5):
            clock.advance(8)
            await client.read_exactly(200_000)
            await until(lambda: only_connection(running.server).stream.writing())
        assert not failed.is_set()
        clock.advance_past(10)
        clock.advance_past(10)
        await within(failed.wait())
        await all_closed(running.server)


async def test_handler_that_gives_up_cuts_the_connection(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        try:
            async with asyncio.timeout(0.05):
                await request.send_file(path)
        except TimeoutError:
            gave_up.set()

    gave_up = asyncio.Event()
    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await within(gave_up.wait())
        raw = await client.read_to_end()
        assert len(raw) < len(LARGE)
        client.close()
        await all_closed(running.server)
    await until(lambda: not held(path))


async def test_memory_does_not_grow_with_the_file(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        await request.send_file(path)
        request.finish()

    async with run_server(handler) as running, await running.connect(receive_buffer=4096) as client:
        await client.send(build_request())
        await until(lambda: running.server._connections and only_connection(running.server).stream.writing())
        assert only_connection(running.server).stream.write_buffer_size() <= 16384
        assert (await client.read_response()).body == LARGE


async def test_others_have_their_turn_while_a_fast_client_takes_a_file(path: pathlib.Path) -> None:
    between = 0

    async def handler(request: Any) -> None:
        nonlocal between
        head(request, length(len(LARGE)))
        sending = request.send_file(path)
        while not sending.done():
            between += 1
            await asyncio.sleep(0)
        request.finish()

    async with run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == LARGE
    assert between >= len(LARGE) / 262144


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("size", [1000, 1_000_003, len(LARGE)])
async def test_over_tls_a_thread_reads(path: pathlib.Path, size: int, authority: trustme.CA) -> None:
    async def handler(request: Any) -> None:
        head(request, length(size))
        await request.send_file(path, count=size)
        request.finish()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with run_server(handler, ssl_options=context) as running, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(running.url(), ssl=trusting) as response:
                assert await response.read() == LARGE[:size]


async def test_over_tls_a_file_that_shrinks_cuts(
    path: pathlib.Path, authority: trustme.CA, expect_log: ExpectLog
) -> None:
    expect_failure(expect_log, "HTTPOutputError: the file ended")

    async def handler(request: Any) -> None:
        head(request, length(len(LARGE)))
        sending = request.send_file(path)
        os.truncate(path, 500_000)
        await sending

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        run_server(handler, ssl_options=context) as running,
        aiohttp.ClientSession() as session,
        session.get(running.url(), ssl=trusting) as response,
    ):
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_two_clients_take_different_parts_at_once(path: pathlib.Path) -> None:
    async def handler(request: Any) -> None:
        offset = int(request.uri[1:])
        head(request)
        await request.send_file(path, offset, 3_000_000)
        request.finish()

    async with run_server(handler) as running:

        async def fetch(offset: int) -> None:
            async with await running.connect(deadline=20) as client:
                response = await client.request(build_request(f"/{offset}"))
                assert response.body == LARGE[offset : offset + 3_000_000]

        await asyncio.gather(*(fetch(offset) for offset in range(0, 5_000_000, 500_000)))
