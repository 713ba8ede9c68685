"""Forms through the server: what clients send is what a handler reads, and a bad one is answered by 400."""

import ast
import io
import logging
from typing import Any

import aiohttp
import pytest

from tests.property.form_decisions import CONTENT_TYPE, FIELD, body
from tests.support.forms import Part, encode
from tests.support.servers import run_server

pytestmark = pytest.mark.asyncio


def describe(request: Any) -> bytes:
    files = {
        name: [(file.filename, file.content_type, file.body) for file in values]
        for name, values in request.files.items()
    }
    return repr((request.query_arguments, request.body_arguments, request.arguments, files)).encode()


async def told(response: aiohttp.ClientResponse) -> Any:
    """What :func:`describe` told."""
    return ast.literal_eval((await response.read()).decode())


def callback(request: Any) -> None:
    request.respond(describe(request))


async def coroutine(request: Any) -> bytes:
    return describe(request)


STYLES = pytest.mark.parametrize("handler", [callback, coroutine])


def post(octets: bytes, content_type: str = CONTENT_TYPE, uri: str = "/", *fields: str) -> bytes:
    lines = [f"POST {uri} HTTP/1.1", "Host: test", f"Content-Type: {content_type}", *fields]
    return "\r\n".join([*lines, f"Content-Length: {len(octets)}", "", ""]).encode() + octets


@STYLES
async def test_form_of_aiohttp(handler: Any) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("ä", "€")
    form.add_field("file", io.BytesIO(bytes(range(256)) * 1000), filename="ö b.bin", content_type="image/png")
    form.add_field("file", io.BytesIO(b""), filename="c", content_type="text/plain")
    async with (
        run_server(handler) as server,
        aiohttp.ClientSession() as session,
        session.post(server.url("/?a=1&ä=2"), data=form) as response,
    ):
        query, fields, both, files = await told(response)
    assert (query, fields) == ({"a": [b"1"], "ä": [b"2"]}, {"ä": ["€".encode()]})
    assert both == {"a": [b"1"], "ä": [b"2", "€".encode()]}
    assert files == {"file": [("ö b.bin", "image/png", bytes(range(256)) * 1000), ("c", "text/plain", b"")]}


@STYLES
async def test_urlencoded_form_of_aiohttp(handler: Any) -> None:
    async with (
        run_server(handler) as server,
        aiohttp.ClientSession() as session,
        session.post(server.url(), data={"a": "1 &=+%", "ä": ""}) as response,
    ):
        _, fields, _, _ = await told(response)
    assert fields == {"a": [b"1 &=+%"], "ä": [b""]}


@STYLES
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_form_with_any_method(handler: Any, method: str) -> None:
    message = post(body(FIELD)).replace(b"POST", method.encode(), 1)
    async with run_server(handler) as server, await server.connect() as client:
        response = await client.request(message)
        assert ast.literal_eval(response.body.decode())[1] == {"a": [b"1"]}


@STYLES
@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (post(body(FIELD, end=b"")), b"no final boundary found"),
        (post(body(FIELD), "multipart/form-data"), b"no boundary in Content-Type"),
        (post(encode([Part("a", b"")] * 101, "x")), b"too many parts"),
        (post(body(FIELD, b"A: " + b"b" * 10240)), b"part header too large"),
        (post(b"&" * 1000, "application/x-www-form-urlencoded"), b"more than 1000"),
        (post(b"", "text/plain", "/?" + "&" * 1000), b"more than 1000"),
        (post(body(FIELD), CONTENT_TYPE, "/", "Content-Encoding: br"), b"Unsupported Content-Encoding"),
    ],
    ids=["no end", "no boundary", "parts", "part header", "fields", "query", "coding"],
)
async def test_bad_form_is_answered_by_400(
    handler: Any, message: bytes, reason: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asynchttp.general")
    async with run_server(handler) as server, await server.connect() as client:
        response = await client.request(message)
        assert response.status == 400
        assert reason in response.body
    assert [record.levelname for record in caplog.records] == ["INFO"]


async def test_form_that_nobody_looks_at_is_not_read() -> None:
    async def look_away(request: Any) -> Any:
        return request.body

    async with run_server(look_away) as server, await server.connect() as client:
        response = await client.request(post(b"--x"))
        assert response.body == b"--x"
