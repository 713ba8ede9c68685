"""Handlers of Tornado on our server, continued: signed cookies, compression, files, clients that vanish."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import tornado.httputil
import tornado.iostream
import tornado.routing
import tornado.web
import tornado.websocket

from asynchttp import iostream
from tests.integration.helpers import run_server, until, within
from tests.support.servers import RunningServer

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("tornado_is_silent")]

CONTENT = bytes(range(256)) * 4000


class Signed(tornado.web.RequestHandler):
    def get(self) -> None:
        user = self.get_signed_cookie("user")
        if user is None:
            self.set_signed_cookie("user", "ärger", secure=False)
        self.write(user or b"nobody")


class Text(tornado.web.RequestHandler):
    async def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("hello " * 2000)
        if self.get_argument("flush", ""):
            await self.flush()
            self.write("world " * 2000)


class Endless(tornado.web.RequestHandler):
    caught: asyncio.Event

    async def get(self) -> None:
        try:
            while True:
                self.write(CONTENT)
                await self.flush()
        except tornado.iostream.StreamClosedError as error:
            assert isinstance(error, iostream.StreamClosedError)
            type(self).caught.set()


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    told: list[str] = []

    def prepare(self) -> None:
        self.told.append("prepare")

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.told.append(f"data {len(chunk)}")

    def on_connection_close(self) -> None:
        self.told.append("on_connection_close")
        super().on_connection_close()

    def post(self) -> None:
        self.write(" ".join(self.told))


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    (tmp_path / "file.bin").write_bytes(CONTENT)
    Endless.caught = asyncio.Event()
    Upload.told = []
    application = tornado.web.Application(
        [
            ("/signed", Signed),
            ("/text", Text),
            ("/endless", Endless),
            ("/upload", Upload),
            ("/static/(.*)", tornado.web.StaticFileHandler, {"path": str(tmp_path)}),
        ],
        cookie_secret="a secret",
        compress_response=True,
        log_function=lambda handler: None,
    )
    async with run_server(application) as running:
        yield running


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as client:
        yield client


# -- requests and answers ------------------------------------------------------------------------------------------


async def test_signed_cookie(server: RunningServer, session: aiohttp.ClientSession) -> None:
    for expected in ("nobody", "ärger"):
        async with session.get(server.url("/signed")) as response:
            assert await response.text() == expected
    session.cookie_jar.clear()
    async with session.get(server.url("/signed"), headers={"Cookie": "user=2|1:0|forged"}) as response:
        assert await response.text() == "nobody"


@pytest.mark.parametrize("flush", [False, True])
async def test_compressed_response(server: RunningServer, session: aiohttp.ClientSession, flush: bool) -> None:
    url = server.url("/text?flush=1" if flush else "/text")
    async with session.get(url, headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert ("Content-Length" in response.headers) is not flush
        text = gzip.decompress(await response.read())
        assert text == b"hello " * 2000 + b"world " * (2000 * flush)
    async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.read() == text


@pytest.mark.parametrize(
    ("asked", "status", "told", "begin", "end"),
    [
        ("bytes=0-0", 206, "bytes 0-0/1024000", 0, 1),
        ("bytes=-100", 206, "bytes 1023900-1023999/1024000", 1023900, 1024000),
        ("bytes=1000000-", 206, "bytes 1000000-1023999/1024000", 1000000, 1024000),
        ("bytes=500-2000000", 206, "bytes 500-1023999/1024000", 500, 1024000),
        ("bytes=0-1,5-6", 200, None, 0, 1024000),
        ("lines=1-2", 200, None, 0, 1024000),
    ],
)
async def test_ranges_of_a_file(
    server: RunningServer,
    session: aiohttp.ClientSession,
    asked: str,
    status: int,
    told: str | None,
    begin: int,
    end: int,
) -> None:
    headers = {"Range": asked, "Accept-Encoding": "identity"}
    async with session.get(server.url("/static/file.bin"), headers=headers) as response:
        assert (response.status, response.headers.get("Content-Range")) == (status, told)
        assert await response.read() == CONTENT[begin:end]
    async with session.head(server.url("/static/file.bin"), headers=headers) as response:
        assert (response.status, response.headers["Content-Length"]) == (status, str(end - begin))


async def test_range_outside_of_a_file(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.get(server.url("/static/file.bin"), headers={"Range": "bytes=1024000-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, "bytes */1024000")


async def test_unchanged_file(server: RunningServer, session: aiohttp.ClientSession) -> None:
    url = server.url("/static/file.bin")
    async with session.head(url) as response:
        etag, modified = response.headers["Etag"], response.headers["Last-Modified"]
    for headers in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"other", W/{etag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
    ):
        async with session.get(url, headers=headers) as response:
            assert (response.status, await response.read()) == (304, b""), headers
    async with session.get(url, headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200


async def test_too_many_query_arguments_are_the_clients_fault(server: RunningServer) -> None:
    async with await server.connect() as client:
        response = await client.request(b"GET /text?" + b"a=1&" * 1001 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (response.status, response.body) == (400, b"Bad Request\n")


# -- clients that vanish -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["abort", "close"])
async def test_client_that_vanishes_from_a_streamed_response(server: RunningServer, how: str) -> None:
    async with await server.connect() as client:
        await client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_exactly(100_000)
        getattr(client, how)()
        await within(Endless.caught.wait())


async def test_client_that_vanishes_from_a_file(server: RunningServer) -> None:
    async with await server.connect(receive_buffer=4096) as client:
        await client.send(b"GET /static/file.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_exactly(1000)
        client.abort()
        await until(lambda: not server.server._connections)


async def test_client_that_vanishes_from_an_upload_is_told_once(server: RunningServer) -> None:
    async with await server.connect() as client:
        await client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        await until(lambda: "data 5" in Upload.told)
        client.close()
        await until(lambda: not server.server._connections)
    assert Upload.told == ["prepare", "data 5", "on_connection_close"]
