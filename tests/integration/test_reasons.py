"""No silent refusal: whatever is refused or cut has one record with its reason, one count, one line of access log."""

import asyncio
import contextlib
import gzip
import logging
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from asynchttp._reasons import REASONS
from asynchttp.httpserver import HTTPServer, Observer, Outcome
from asynchttp.httputil import HTTPHeaders, HTTPInputError, ResponseStartLine
from tests.integration.helpers import Clock, all_closed, build_request, only_connection, run_server_with_clock, until
from tests.integration.test_tls import server_context
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

BIG = b"x" * 20_000_000
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
OK = ResponseStartLine("HTTP/1.1", 200, "OK")

#: What a peer can send, the status that it gets, and why.
REFUSED: dict[str, tuple[int, bytes]] = {
    "empty_lines": (400, b"\r\n" * 20 + HEAD),
    "bare_line_end": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "tls_to_plain_port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n"),
    "request_line": (400, b"GET /\r\n\r\n"),
    "method": (400, b"G@T / HTTP/1.1\r\n\r\n"),
    "target": (400, b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "target_too_long": (414, b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n"),
    "version": (400, b"GET / HTTP/1.12\r\n\r\n"),
    "version_unsupported": (505, b"GET / HTTP/2.0\r\n\r\n"),
    "head_too_large": (431, HEAD + b"X: " + b"x" * 3000 + b"\r\n\r\n"),
    "too_many_fields": (431, HEAD + b"A:\r\n" * 20 + b"\r\n"),
    "field_line": (400, HEAD + b"x\r\n\r\n"),
    "field_name": (400, HEAD + b"x(: y\r\n\r\n"),
    "field_value": (400, HEAD + b"x: \x00\r\n\r\n"),
    "space_before_colon": (400, HEAD + b"x : y\r\n\r\n"),
    "obs_fold": (400, HEAD + b" y\r\n\r\n"),
    "host_invalid": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "host_missing": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "host_repeated": (400, HEAD + b"Host: a\r\n\r\n"),
    "expectation": (417, HEAD + b"Expect: x\r\n\r\n"),
    "connect_with_body": (400, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
    "length_invalid": (400, POST + b"Content-Length: -1\r\n\r\n"),
    "length_repeated": (400, POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    "length_and_coding": (400, POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "coding_in_http_1_0": (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding_order": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n"),
    "coding_unsupported": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "chunk": (400, CHUNKED + b"x\r\n"),
    "chunk_extension": (400, CHUNKED + b"1;" + b"x" * 250 + b"\r\nx\r\n" + (b"1;" + b"x" * 250 + b"\r\nx\r\n") * 100),
    "trailer": (400, CHUNKED + b"0\r\nHost: a\r\n\r\n"),
    "body_too_large": (413, POST + b"Content-Length: 2000\r\n\r\n"),
    "content_coding": (400, POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz"),
    "too_many_members": (
        400,
        POST + b"Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n" + gzip.compress(b"") * 50,
    ),
    "bad_request": (400, build_request(method="POST", body=b"nonsense")),
}


class Ends(Observer):
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._came = asyncio.Event()

    def on_end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._came.set()

    async def first(self) -> Outcome:
        async with asyncio.timeout(5):
            await self._came.wait()
        return self.outcomes[0]


class Scene:
    """A server that is to refuse or cut one thing, and everybody who has to know of it."""

    def __init__(self, running: RunningServer, clock: Clock, ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
        self.running = running
        self.clock = clock
        self.ends = ends
        self._caplog = caplog

    @property
    def server(self) -> HTTPServer:
        return self.running.server

    async def connect(self, **options: Any) -> RawClient:
        return await self.running.connect(**options)

    def check(self, code: str) -> None:
        """Exactly one record, and one count, say that it was ``code``."""
        records = [record for record in self._caplog.records if getattr(record, "reason", None) is not None]
        told = [record for record in records if record.name != "asynchttp.access"]
        assert [(record.reason, record.section) for record in told] == [(code, REASONS[code].section)]  # type: ignore[attr-defined]
        counts = {
            name: value for name, value in self.server.stats().items() if name.startswith("requests_refused") and value
        }
        assert counts == {f'requests_refused_total{{reason="{code}"}}': 1}
        if told[0].name == "asynchttp.general":
            assert code == "tls_failed" or told[0].getMessage().endswith(f"[{code}, {REASONS[code].section}]")


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Callable[..., Any]:
    @contextlib.asynccontextmanager
    async def scene(handler: Any = None, **options: Any) -> AsyncIterator[Scene]:
        caplog.set_level(logging.DEBUG, "asynchttp")
        ends = Ends()
        settings: dict[str, Any] = {
            "max_header_size": 2000,
            "max_header_count": 10,
            "max_body_size": 1500,
            "decompress_request": True,
            "header_timeout": 10.0,
            "body_timeout": 10.0,
            "write_timeout": 10.0,
            "idle_connection_timeout": 20.0,
            "observers": [ends],
            "access_log": "combined",
            "stats": True,
        } | options
        async with run_server_with_clock(handler or respond, **settings) as (running, clock):
            yield Scene(running, clock, ends, caplog)

    return scene


def respond(request: Any) -> None:
    if request.body == b"nonsense":
        raise HTTPInputError("nonsense")
    request.respond(b"hello")


@pytest.mark.parametrize("code", REFUSED)
async def test_what_a_peer_may_not_send(code: str, play: Any, caplog: pytest.LogCaptureFixture) -> None:
    status, octets = REFUSED[code]
    async with play() as scene:
        async with await scene.connect() as client:
            await client.send(octets)
            response = await client.read_response()
            assert response.status == status
            assert await client.read_to_end() == b""
        scene.check(code)
        (outcome,) = scene.ends.outcomes
        assert (outcome.status, str(outcome.reason)) == (status, code)
        assert outcome.bytes_sent == len(response.raw)
    (line,) = [record for record in caplog.records if record.name == "asynchttp.access"]
    assert (line.status, line.reason) == (status, code)  # type: ignore[attr-defined]
    assert re.fullmatch(r'127.0.0.1 - - \[[^]]+\] ".*" \d{3} (\d+|-) "-" "-"', line.getMessage())
    assert line.getMessage().isprintable()


# What a peer, time, or our own handler does, as a drama in one scene each.


async def header_timeout(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send(HEAD)
        await until(lambda: scene.server._connections and only_connection(scene.server)._input)
        scene.clock.advance_past(10)
        assert (await client.read_response()).status == 408
        scene.check("header_timeout")
        assert (await scene.ends.first()).status == 408


async def body_timeout(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send(POST + b"Content-Length: 3\r\n\r\nx")
        await until(lambda: scene.server._connections and only_connection(scene.server).in_flight())
        assert scene.server.stats()["requests_in_flight"] == 1
        scene.clock.advance_past(10)
        assert (await client.read_response()).status == 408
        scene.check("body_timeout")
        outcome = await scene.ends.first()
        assert outcome.status == 408
        assert outcome.request is not None


async def silent_timeout(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await until(lambda: scene.server._connections)
        scene.clock.advance_past(10)
        assert await client.read_to_end() == b""
        scene.check("silent_timeout")
        assert scene.ends.outcomes == []


async def idle_timeout(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        await client.read_response()
        scene.clock.advance_past(20)
        assert await client.read_to_end() == b""
        scene.check("idle_timeout")
        assert [outcome.reason for outcome in scene.ends.outcomes] == [None]


async def write_timeout(play: Any) -> None:
    async with (
        play(lambda request: request.respond(BIG)) as scene,
        await scene.connect(receive_buffer=4096) as client,
    ):
        await client.send(HEAD + b"\r\n")
        await until(lambda: scene.server._connections and only_connection(scene.server).stream.writing())
        scene.clock.advance_past(30)
        await all_closed(scene.server)
        scene.check("write_timeout")


async def handler_timeout(play: Any) -> None:
    kept: list[Any] = []
    async with play(kept.append, handler_timeout=5.0) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        await until(lambda: kept)
        scene.clock.advance_past(5)
        response = await client.read_response()
        assert (response.status, response.has_token("Connection", "close")) == (503, True)
        assert await client.read_to_end() == b""
        scene.check("handler_timeout")
        assert str((await scene.ends.first()).reason) == "handler_timeout"


async def overloaded(play: Any) -> None:
    kept: list[Any] = []
    async with play(kept.append, limit_concurrency=1) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        await until(lambda: kept)
        async with await scene.connect() as other:
            await other.send(HEAD + b"\r\n")
            response = await other.read_response()
            assert (response.status, response.has_token("Connection", "close")) == (503, True)
            assert await other.read_to_end() == b""
        scene.check("overloaded")
        assert ((await scene.ends.first()).status, str(scene.ends.outcomes[0].reason)) == (503, "overloaded")
        kept[0].respond(b"hello")
        assert (await client.read_response()).status == 200


async def shutdown(play: Any) -> None:
    kept: list[Any] = []
    async with play(kept.append) as scene, await scene.connect() as client:
        async with await scene.connect():  # that nobody sends anything on this one is no reason
            await client.send(HEAD + b"\r\n")
            await until(lambda: kept)
            await scene.server.shutdown(0)
        assert await client.read_to_end() == b""
        scene.check("shutdown")
        assert ((await scene.ends.first()).status, str(scene.ends.outcomes[0].reason)) == (None, "shutdown")


async def tls_failed(play: Any) -> None:
    async with play(ssl_options=server_context()) as scene, await scene.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_to_end()
        await all_closed(scene.server)
        scene.check("tls_failed")


async def tls_cut_off(play: Any) -> None:
    async with play(ssl_options=server_context()) as scene:
        async with await scene.connect():
            await until(lambda: scene.server._connections)
        await all_closed(scene.server)
        scene.check("tls_cut_off")


async def tls_timeout(play: Any) -> None:
    async with play(ssl_options=server_context()) as scene, await scene.connect():
        await until(lambda: scene.server._connections)
        scene.clock.advance_past(10)
        await all_closed(scene.server)
        scene.check("tls_timeout")


async def left_in_head(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send(HEAD)
        client.shutdown_write()
        assert await client.read_to_end() == b""
        await all_closed(scene.server)
        scene.check("left_in_head")
        outcome = await scene.ends.first()
        assert (outcome.request, outcome.status, outcome.received) == (None, None, HEAD)


async def left_in_body(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send(POST + b"Content-Length: 3\r\n\r\nx")
        client.shutdown_write()
        await all_closed(scene.server)
        scene.check("left_in_body")
        outcome = await scene.ends.first()
        assert outcome.request is not None
        assert outcome.status is None


async def left_before_answer(play: Any) -> None:
    kept = []
    async with play(kept.append) as scene:
        async with await scene.connect() as client:
            await client.send(HEAD + b"\r\n")
            await until(lambda: kept)
            client.abort()
        await all_closed(scene.server)
        scene.check("left_before_answer")
        outcome = await scene.ends.first()
        assert (outcome.request, outcome.status, outcome.bytes_sent) == (kept[0], None, 0)


async def left_in_answer(play: Any) -> None:
    kept: list[Any] = []

    def begin(request: Any) -> None:
        request.connection.write_headers(OK, HTTPHeaders({"Content-Length": "10"}), b"12345")
        kept.append(request)

    async with play(begin) as scene:
        async with await scene.connect() as client:
            await client.send(HEAD + b"\r\n")
            received = await client.read_until(b"12345")
            client.abort()
        await all_closed(scene.server)
        scene.check("left_in_answer")
        outcome = await scene.ends.first()
        assert (outcome.status, outcome.bytes_sent, outcome.body_bytes_sent) == (200, len(received), 5)


async def handler_failed(play: Any, expect_log: Any) -> None:
    def fail(request: Any) -> None:
        raise ZeroDivisionError

    expect_log("asynchttp.application", "ZeroDivisionError", count=1)
    async with play(fail) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        assert (await client.read_response()).status == 500
        scene.check("handler_failed")
        assert (await scene.ends.first()).status == 500


async def no_answer(play: Any, expect_log: Any) -> None:
    expect_log("asynchttp.application", "HTTPOutputError", count=1)
    async with play(lambda request: request.finish()) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        assert (await client.read_response()).status == 500
        scene.check("no_answer")


async def answer_framing(play: Any, expect_log: Any) -> None:
    def lie(request: Any) -> None:
        request.connection.write_headers(OK, HTTPHeaders({"Content-Length": "3"}), b"12345")

    expect_log("asynchttp.application", "HTTPOutputError", count=1)
    async with play(lie) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        assert b"12345" not in await client.read_to_end()
        scene.check("answer_framing")


async def handler_cancelled(play: Any) -> None:
    async def cancel(request: Any) -> None:
        raise asyncio.CancelledError

    async with play(cancel) as scene, await scene.connect() as client:
        await client.send(HEAD + b"\r\n")
        assert await client.read_to_end() == b""
        scene.check("handler_cancelled")
        assert (await scene.ends.first()).status is None


async def not_upgraded(play: Any) -> None:
    def promise(request: Any) -> None:
        request.connection.write_headers(ResponseStartLine("", 101, "Switching Protocols"), HTTPHeaders())
        request.finish()

    async with play(promise) as scene, await scene.connect() as client:
        await client.send(HEAD + b"Upgrade: x\r\n\r\n")
        assert b" 101 " in await client.read_to_end()
        scene.check("not_upgraded")


async def closed(play: Any) -> None:
    async with (
        play(lambda request: request.connection.stream.close()) as scene,
        await scene.connect() as client,
    ):
        await client.send(HEAD + b"\r\n")
        assert await client.read_to_end() == b""
        scene.check("closed")


DRAMAS: dict[str, Callable[..., Awaitable[None]]] = {
    drama.__name__: drama
    for drama in (
        header_timeout,
        body_timeout,
        silent_timeout,
        idle_timeout,
        write_timeout,
        overloaded,
        tls_cut_off,
        tls_timeout,
        left_in_head,
        left_in_body,
        left_before_answer,
        left_in_answer,
        handler_cancelled,
        not_upgraded,
        closed,
    )
}
#: What an operator should see: a warning each.
WARNINGS: dict[str, Callable[..., Awaitable[None]]] = {drama.__name__: drama for drama in (handler_timeout, shutdown)}
FAILURES: dict[str, Callable[..., Awaitable[None]]] = {
    drama.__name__: drama for drama in (handler_failed, no_answer, answer_framing)
}


@pytest.mark.parametrize("code", DRAMAS)
async def test_what_ends_badly(code: str, play: Any) -> None:
    await DRAMAS[code](play)


@pytest.mark.parametrize("code", WARNINGS)
async def test_what_an_operator_should_see(code: str, play: Any, expect_log: Any) -> None:
    expect_log("asynchttp.general", code, level=logging.WARNING, count=1)
    await WARNINGS[code](play)


@pytest.mark.parametrize("code", FAILURES)
async def test_what_we_fail_at(code: str, play: Any, expect_log: Any) -> None:
    await FAILURES[code](play, expect_log)


async def test_failed_tls_handshake(play: Any, expect_log: Any) -> None:
    expect_log("asynchttp.general", "SSL Error", count=1)
    await tls_failed(play)


async def test_every_reason_is_tried() -> None:
    # in test_proxy_protocol.py
    before_http = {"proxy_header", "proxy_header_timeout", "left_in_proxy_header"}
    assert (
        REFUSED.keys() | DRAMAS.keys() | WARNINGS.keys() | FAILURES.keys() | {"tls_failed"} | before_http
        == REASONS.keys()
    )


async def test_decompressed_body_that_is_too_large(play: Any) -> None:
    body = zlib.compress(bytes(100_000))
    async with play() as scene, await scene.connect() as client:
        await client.send(build_request("/", "Content-Encoding: deflate", method="POST", body=body))
        assert (await client.read_response()).status == 413
        scene.check("body_too_large")


async def test_good_requests_have_no_reason(play: Any) -> None:
    async with play() as scene, await scene.connect() as client:
        await client.send((HEAD + b"\r\n") * 3)
        for _ in range(3):
            await client.read_response()
        client.shutdown_write()
        await client.read_to_end()
        await all_closed(scene.server)
        assert [outcome.reason for outcome in scene.ends.outcomes] == [None] * 3
        assert not any(value for name, value in scene.server.stats().items() if name.startswith("requests_refused"))
