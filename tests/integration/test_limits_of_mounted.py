"""Limits, cancelling and the end of a server, for handlers of every style: mounted, ASGI and WSGI."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from asynchttp.asgi import ASGIHandler
from asynchttp.mount import Mount
from asynchttp.wsgi import WSGIHandler
from tests.integration.helpers import all_closed, build_request, run_server, run_server_with_clock, turns, until, within

pytestmark = pytest.mark.asyncio


class Slow:
    """A coroutine handler, and an ASGI application, that wait to be released; and what became of them."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.started = asyncio.Event()
        self.ends: list[str] = []

    async def _wait(self) -> None:
        self.started.set()
        try:
            await self.release.wait()
            self.ends.append("done")
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise

    async def handle(self, request: Any) -> bytes:
        await self._wait()
        return b"at last"

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        await self._wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"at last"})

    def in_style(self, style: str) -> Any:
        if style == "mounted coroutine":
            return Mount({"/": self.handle})
        handler = ASGIHandler(self.app, lifespan="off")
        return Mount({"/": handler}) if style == "mounted ASGI" else handler


STYLES = ("mounted coroutine", "ASGI", "mounted ASGI")


@pytest.mark.parametrize("style", STYLES)
async def test_slow_handler_is_cancelled_and_answered_with_503(style: str, expect_log: Any) -> None:
    expect_log("asynchttp.general", "handler_timeout", level=logging.WARNING, count=1)
    slow = Slow()
    async with (
        run_server_with_clock(slow.in_style(style), handler_timeout=5) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request())
        await within(slow.started.wait())
        clock.almost(5)
        await turns()
        assert slow.ends == []
        clock.advance_past(5)
        assert (await client.read_response()).status == 503
        assert await client.read_to_end() == b""
        await until(lambda: slow.ends)
        assert slow.ends == ["cancelled"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("cancel", [True, False])
async def test_handler_is_cancelled_when_its_client_leaves_only_if_asked_for(style: str, cancel: bool) -> None:
    slow = Slow()
    async with run_server(slow.in_style(style), cancel_on_disconnect=cancel) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(slow.started.wait())
            client.abort()
        await all_closed(running.server)
        if cancel:
            await until(lambda: slow.ends)
        slow.release.set()
        await until(lambda: not running.server._style.running)
        assert slow.ends == ["cancelled" if cancel else "done"]


@pytest.mark.parametrize("style", STYLES)
async def test_shutdown_waits_for_a_handler_whose_client_left(style: str) -> None:
    slow = Slow()
    async with run_server(slow.in_style(style)) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(slow.started.wait())
            client.abort()
        await all_closed(running.server)
        ended = asyncio.create_task(running.server.shutdown())
        await asyncio.sleep(0.2)
        assert not ended.done()
        slow.release.set()
        await within(ended)
        assert slow.ends == ["done"]


@pytest.mark.parametrize("style", STYLES)
async def test_mounted_handlers_count_for_the_limit_of_concurrency(style: str) -> None:
    slow = Slow()
    async with run_server(slow.in_style(style), limit_concurrency=1) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await within(slow.started.wait())
            client.abort()
        await all_closed(running.server)
        async with await running.connect() as client:
            assert (await client.request(build_request())).status == 503
        slow.release.set()
        await until(lambda: not running.server._style.running)
        async with await running.connect() as client:
            assert (await client.request(build_request())).status == 200


@pytest.mark.parametrize("mounted", [False, True])
async def test_slow_wsgi_application_is_answered_with_503(mounted: bool, expect_log: Any) -> None:
    expect_log("asynchttp.general", "handler_timeout", level=logging.WARNING, count=1)
    started, release = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        started.set()
        release.wait(10)
        start_response("200 OK", [])
        return [b"too late"]

    handler: Any = WSGIHandler(app, threads=1)
    if mounted:
        handler = Mount({"/": handler})
    async with (
        run_server_with_clock(handler, handler_timeout=5) as (running, clock),
        await running.connect() as client,
    ):
        await client.send(build_request())
        await until(started.is_set)
        clock.advance_past(5)
        assert (await client.read_response()).status == 503
        assert await client.read_to_end() == b""
        release.set()
        await until(lambda: not running.server._style.running)


async def test_shutdown_waits_for_a_wsgi_application_whose_client_left() -> None:
    started, release = threading.Event(), threading.Event()
    ends: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        started.set()
        release.wait(10)
        ends.append("done")
        start_response("200 OK", [])
        return [b""]

    async with run_server(WSGIHandler(app, threads=1)) as running:
        async with await running.connect() as client:
            await client.send(build_request())
            await until(started.is_set)
            client.abort()
        await all_closed(running.server)
        ended = asyncio.create_task(running.server.shutdown())
        await asyncio.sleep(0.2)
        assert not ended.done()
        release.set()
        await within(ended)
        assert ends == ["done"]
