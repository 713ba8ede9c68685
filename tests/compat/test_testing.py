"""``asynchttp.testing``: Tornado's test cases on our stack."""

import asyncio
import unittest
from typing import Any

from asynchttp import httpserver, testing, web


class Hello(web.RequestHandler):
    async def get(self) -> None:
        await asyncio.sleep(0)
        self.write(f"Hello, {self.get_argument('name', 'world')}!")


class ApplicationTest(testing.AsyncHTTPTestCase):
    def get_app(self) -> web.Application:
        return web.Application([("/", Hello)])

    def test_server_is_ours(self) -> None:
        assert type(self.http_server) is httpserver.HTTPServer
        assert self.fetch("/?name=you").body == b"Hello, you!"

    @testing.gen_test
    async def test_coroutine(self) -> None:
        response = await self.http_client.fetch(self.get_url("/"))
        assert response.body == b"Hello, world!"


class HandlerTest(testing.AsyncHTTPTestCase):
    """``get_app`` may return a handler of any style."""

    def get_app(self) -> Any:
        async def handle(request: Any) -> bytes:
            return request.body or b"no body"

        return handle

    def get_httpserver_options(self) -> dict[str, Any]:
        return {"max_body_size": 5}

    def test_handler(self) -> None:
        assert self.fetch("/").body == b"no body"
        assert self.fetch("/", method="POST", body=b"12345").body == b"12345"
        assert self.fetch("/", method="POST", body=b"123456").code == 413


class TLSTest(testing.AsyncHTTPSTestCase):
    def get_app(self) -> web.Application:
        return web.Application([("/", Hello)])

    def test_tls(self) -> None:
        assert self.get_url("/").startswith("https://")
        assert self.fetch("/").body == b"Hello, world!"


def test_they_are_test_cases_of_unittest() -> None:
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(HandlerTest)
    result = unittest.TestResult()
    suite.run(result)
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])
