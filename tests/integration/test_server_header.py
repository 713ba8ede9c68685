"""``server_header``: a field of our own responses, never twice."""

from typing import Any

import pytest

from asynchttp.httpserver import HTTPServer
from tests.integration.helpers import build_request, run_server

pytestmark = pytest.mark.asyncio


def answer(request: Any) -> None:
    own = {"/plain": [], "/own": [("Server", "mine")], "/date": [("Date", "today")], "/other": [("X-Y", "z")]}
    request.respond(b"ok", 404 if request.uri == "/none" else 200, own.get(request.uri, []))


@pytest.mark.parametrize(
    ("path", "servers"),
    [("/plain", ["us/1"]), ("/other", ["us/1"]), ("/none", ["us/1"]), ("/date", ["us/1"]), ("/own", ["mine"])],
)
async def test_field_of_responses(path: str, servers: list[str]) -> None:
    async with run_server(answer, server_header="us/1") as running, await running.connect() as client:
        response = await client.request(build_request(path))
        assert response.header_list("Server") == servers
        assert len(response.header_list("Date")) == 1


async def test_field_of_refusals() -> None:
    async with run_server(answer, server_header="us/1") as running, await running.connect() as client:
        response = await client.request(b"GET / HTTP/1.1\r\n\r\n")
        assert (response.status, response.header("Server")) == (400, "us/1")


async def test_none_by_default() -> None:
    async with run_server(answer) as running, await running.connect() as client:
        for path in ("/plain", "/other"):
            assert (await client.request(build_request(path))).header("Server") is None


async def test_value_that_would_break_the_line_is_refused() -> None:
    with pytest.raises(ValueError, match="header Server"):
        HTTPServer(answer, server_header="a\r\nb: c")
