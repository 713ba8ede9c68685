"""An application of Tornado 6 as it is, on our server: routing, forms, streaming, WebSocket, files, templates."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import tornado.web
import tornado.websocket

from tests.support.servers import RunningServer, run_server

pytestmark = pytest.mark.asyncio


class Hello(tornado.web.RequestHandler):
    def get(self, name: str = "world") -> None:
        self.write(f"Hello, {name}, {self.get_argument('greeting', 'none')}!")


class Echo(tornado.web.RequestHandler):
    def post(self) -> None:
        files = {
            name: [(f.filename, f.content_type, len(f.body)) for f in fs] for name, fs in self.request.files.items()
        }
        arguments = {name: self.get_body_arguments(name) for name in self.request.body_arguments}
        self.write({"arguments": arguments, "files": files, "size": len(self.request.body)})


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    def prepare(self) -> None:
        self.request.connection.set_max_body_size(50_000_000)  # type: ignore[union-attr]
        self.size = 0

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.size += len(chunk)

    def put(self) -> None:
        self.write(str(self.size))


class Download(tornado.web.RequestHandler):
    async def get(self) -> None:
        for number in range(100):
            self.write(b"%4d" % number * 1000)
            await self.flush()


class Chat(tornado.websocket.WebSocketHandler):
    members: set["Chat"] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        self.members.add(self)

    def on_message(self, message: str | bytes) -> None:
        for member in self.members:
            member.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.members.discard(self)


class Form(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write(self.xsrf_form_html())

    def post(self) -> None:
        self.write("posted " + self.get_argument("what"))


class Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_cookie("seen", "yes")
        self.render("page.html", items=["a", "<b>"], seen=self.get_cookie("seen", "no"))


class Broken(tornado.web.RequestHandler):
    def get(self) -> None:
        raise ValueError("mine")


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    (tmp_path / "file.txt").write_bytes(b"0123456789" * 100)
    (tmp_path / "page.html").write_text("<p>{{ seen }}{% for item in items %}<i>{{ item }}</i>{% end %}</p>")
    app = tornado.web.Application(
        [
            (r"/", Hello),
            (r"/hello/(\w+)", Hello),
            (r"/echo", Echo),
            (r"/upload", Upload),
            (r"/download", Download),
            (r"/chat", Chat),
            (r"/page", Page),
            (r"/broken", Broken),
            (r"/static/(.*)", tornado.web.StaticFileHandler, {"path": str(tmp_path)}),
        ],
        template_path=str(tmp_path),
        log_function=lambda handler: None,
    )
    async with run_server(app, max_body_size=100_000) as running:
        yield running


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        yield client


async def test_routing_and_arguments(server: RunningServer, session: aiohttp.ClientSession) -> None:
    for path, text in (("/", "world, none"), ("/hello/you?greeting=hi", "you, hi"), ("/?greeting=%C3%A9", "world, é")):
        async with session.get(server.url(path)) as response:
            assert await response.text() == f"Hello, {text}!"
            assert response.headers["Server"].startswith("TornadoServer/")


async def test_unchanged_page_is_304(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.get(server.url()) as response:
        etag = response.headers["Etag"]
    async with session.get(server.url(), headers={"If-None-Match": etag}) as response:
        assert response.status == 304
    async with session.get(server.url()) as response:  # on the same connection
        assert response.status == 200


async def test_head_of_a_page(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.head(server.url("/static/file.txt")) as response:
        assert response.headers["Content-Length"] == "1000"


async def test_forms(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.post(server.url("/echo"), data={"a": "1", "b": "é"}) as response:
        assert await response.json() == {"arguments": {"a": ["1"], "b": ["é"]}, "files": {}, "size": 12}
    form = aiohttp.FormData()
    form.add_field("a", "é")
    form.add_field("file", b"x" * 5000, filename="näme.bin", content_type="application/octet-stream")
    async with session.post(server.url("/echo"), data=form) as response:
        told = await response.json()
        assert told["arguments"] == {"a": ["é"]}
        ((name, content_type, size),) = told["files"]["file"]
        assert (content_type, size) == ("application/octet-stream", 5000)
        assert name in ("näme.bin", "n%C3%A4me.bin")


async def test_too_large_a_form(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.post(server.url("/echo"), data=b"x" * 100_001) as response:
        assert response.status == 413


async def test_streamed_upload_and_download(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 20_000

    async with session.put(server.url("/upload"), data=pieces()) as response:
        assert await response.text() == "2000000"
    async with session.put(server.url("/upload"), data=pieces(), expect100=True) as response:
        assert await response.text() == "2000000"
    async with session.get(server.url("/download")) as response:
        assert await response.read() == b"".join(b"%4d" % number * 1000 for number in range(100))


async def test_chat_by_websocket(server: RunningServer, session: aiohttp.ClientSession) -> None:
    url = server.url("/chat")
    async with session.ws_connect(url) as one, session.ws_connect(url) as other:
        async with asyncio.timeout(5):
            while len(Chat.members) < 2:  # the second may not be open on the server's side yet
                await one.ping()
                await asyncio.sleep(0)
            for message in ("hello", "é" * 100_000):
                await one.send_str(message)
                assert await one.receive_str() == message
                assert await other.receive_str() == message
            await other.send_bytes(b"\0" * 200_000)
            assert await one.receive_bytes() == b"\0" * 200_000
            await one.close(code=4000, message=b"bye")
    assert one.close_code == 4000


async def test_websocket_that_is_none(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.get(server.url("/chat")) as response:
        assert response.status == 400
        assert "WebSocket" in await response.text()


async def test_static_files(server: RunningServer, session: aiohttp.ClientSession) -> None:
    url = server.url("/static/file.txt")
    async with session.get(url) as response:
        assert await response.read() == b"0123456789" * 100
        etag = response.headers["Etag"]
    async with session.get(url, headers={"Range": "bytes=5-14"}) as response:
        assert (response.status, await response.read()) == (206, b"5678901234")
        assert response.headers["Content-Range"] == "bytes 5-14/1000"
    async with session.get(url, headers={"Range": "bytes=2000-"}) as response:
        assert response.status == 416
    async with session.get(url, headers={"If-None-Match": etag}) as response:
        assert response.status == 304


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/nothing", 404),
        ("GET", "/static/%2e%2e/secret", 403),
        ("DELETE", "/", 405),
        ("BREW", "/", 405),
    ],
)
@pytest.mark.filterwarnings("ignore")
async def test_errors_by_the_application(
    server: RunningServer, session: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with await server.connect() as client:
        response = await client.request(f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert response.status == status


async def test_handler_that_fails(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.get(server.url("/broken")) as response:  # logged by Tornado, on its own loggers
        assert response.status == 500
        assert "500: Internal Server Error" in await response.text()
    async with session.get(server.url()) as response:
        assert response.status == 200


async def test_template_and_cookie(server: RunningServer, session: aiohttp.ClientSession) -> None:
    for seen in ("no", "yes"):
        async with session.get(server.url("/page")) as response:
            assert await response.text() == f"<p>{seen}<i>a</i><i>&lt;b&gt;</i></p>"


async def test_xsrf_cookie(session: aiohttp.ClientSession) -> None:
    app = tornado.web.Application([(r"/", Form)], xsrf_cookies=True, log_function=lambda handler: None)
    async with run_server(app) as server:
        async with session.post(server.url(), data={"what": "this"}) as response:
            assert response.status == 403
        async with session.get(server.url()) as response:
            found = re.search(r'value="([^"]+)"', await response.text())
        assert found is not None
        async with session.post(server.url(), data={"what": "this", "_xsrf": found[1]}) as response:
            assert await response.text() == "posted this"


async def test_too_many_arguments_are_the_clients_fault(server: RunningServer, session: aiohttp.ClientSession) -> None:
    async with session.post(server.url("/echo"), data="a=1&" * 1001, headers={"Content-Type": _FORM}) as response:
        assert response.status == 400


async def test_half_an_upload(server: RunningServer) -> None:
    async with await server.connect() as client:
        await client.send(b"PUT /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
        client.shutdown_write()
        assert await client.read_to_end() == b""


_FORM = "application/x-www-form-urlencoded"
