"""``decompress_request``: the coding is taken off for every style of handler, within ``max_body_size``."""

import gzip
import zlib
from typing import Any

import pytest

from asynchttp import httputil
from asynchttp.asgi import ASGIHandler
from asynchttp.httpserver import HTTPServer
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler
from tests.support.servers import run_server
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

TEXT = b"hello, hello, hello " * 50


def post(body: bytes, coding: str = "gzip") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: test\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def describe(request: Any, body: bytes) -> bytes:
    codings = request.headers.get("Content-Encoding"), request.headers.get("X-Consumed-Content-Encoding")
    return repr((codings, body)).encode()


def callback(request: Any) -> None:
    request.respond(describe(request, request.body))


async def coroutine(request: Any) -> bytes:
    return describe(request, request.body)


async def streaming(request: Any) -> bytes:
    pieces = [piece async for piece in request.body_chunks()]
    assert all(pieces)
    assert max(map(len, pieces), default=0) <= 64
    return describe(request, b"".join(pieces))


class Delegate(httputil.HTTPServerConnectionDelegate, httputil.HTTPMessageDelegate):
    def start_request(self, server_conn: Any, request_conn: Any) -> "Delegate":
        self.connection = request_conn
        self.body = b""
        return self

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self.headers = headers

    def data_received(self, chunk: bytes) -> None:
        assert 0 < len(chunk) <= 64
        self.body += chunk

    def finish(self) -> None:
        self.connection.respond(describe(self, self.body))


STYLES: list[Any] = [callback, coroutine, streaming, Delegate()]
MOUNTED: list[Any] = [Mount({"/": handler}) for handler in STYLES]
STREAMING = (streaming, MOUNTED[STYLES.index(streaming)])
IDS = ["callback", "coroutine", "streaming", "delegate"]
IDS += [f"mounted {name}" for name in IDS]
STYLES += MOUNTED


def options(handler: Any) -> dict[str, Any]:
    return {"decompress_request": True, "chunk_size": 64, "stream_request_body": handler in STREAMING}


@pytest.mark.parametrize("handler", STYLES, ids=IDS)
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:500]) + gzip.compress(b"") + gzip.compress(TEXT[500:])),
    ],
    ids=["gzip", "any case", "x-gzip", "deflate", "several members"],
)
async def test_coding_is_taken_off(handler: Any, coding: str, body: bytes) -> None:
    async with run_server(handler, **options(handler)) as server, await server.connect() as client:
        response = await client.request(post(body, coding))
        assert response.body == repr(((None, coding), TEXT)).encode()


@pytest.mark.parametrize("handler", STYLES, ids=IDS)
async def test_every_cut_means_the_same(handler: Any) -> None:
    message = post(gzip.compress(b"hello"))
    async with run_server(handler, **options(handler)) as server, await server.connect() as client:
        for pieces in every_split(message):
            await client.send_pieces(pieces)
            response = await client.read_response("POST")
            assert response.body == b"((None, 'gzip'), b'hello')"


@pytest.mark.parametrize("handler", STYLES, ids=IDS)
async def test_other_codings_are_left_alone(handler: Any) -> None:
    async with run_server(handler, **options(handler)) as server, await server.connect() as client:
        response = await client.request(post(b"xyz", "br"))
        assert response.body == b"(('br', None), b'xyz')"


@pytest.mark.parametrize("handler", STYLES, ids=IDS)
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:20]),
        ("gzip", gzip.compress(TEXT) + b"garbage"),
        ("gzip", gzip.compress(TEXT)[:-8] + bytes(8)),
        ("deflate", zlib.compress(TEXT) + b"garbage"),
        ("deflate", zlib.compress(TEXT)[:-1]),
    ],
    ids=["no gzip", "cut trailer", "cut data", "garbage behind", "checksum", "deflate, garbage", "deflate, cut"],
)
async def test_what_is_not_in_the_coding_is_refused(handler: Any, coding: str, body: bytes) -> None:
    async with run_server(handler, **options(handler)) as server, await server.connect() as client:
        response = await client.request(post(body, coding))
        assert response.status == 400
        assert response.body.startswith(f"invalid {coding} data".encode())


@pytest.mark.parametrize("handler", STYLES, ids=IDS)
@pytest.mark.parametrize("members", [1, 40])
async def test_bomb_is_refused(handler: Any, members: int) -> None:
    bomb = gzip.compress(bytes(1_000_000 // members)) * members
    limits = options(handler) | {"max_body_size": 100_000}
    async with run_server(handler, **limits) as server, await server.connect() as client:
        response = await client.request(post(bomb))
        assert response.status == 413
        assert response.body.startswith(b"decompressed body too large")


def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (ASGIHandler(asgi), ""),
        (WSGIHandler(asgi), ""),
        (Mount({"/": callback, "/api": ASGIHandler(asgi)}), "at the place '/api': "),
        (Mount({"example.org/": Mount({"/w": WSGIHandler(asgi)})}), "at the place 'example.org/': at the place '/w': "),
    ],
    ids=["ASGI", "WSGI", "mounted ASGI", "mounted WSGI"],
)
async def test_application_that_would_not_get_what_was_asked_for_is_refused(handler: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}decompress_request isn't for ASGI and WSGI applications"):
        HTTPServer(handler, decompress_request=True)


async def test_body_is_left_in_its_coding_unless_asked() -> None:
    async with run_server(callback) as server, await server.connect() as client:
        response = await client.request(post(b"xyz"))
        assert response.body == b"(('gzip', None), b'xyz')"
