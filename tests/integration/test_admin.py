"""The pages for who operates a server: its health, and its figures as Prometheus reads them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from asynchttp import netutil
from asynchttp._reasons import REASONS
from asynchttp.httpserver import HTTPServer
from tests.integration.helpers import Recorder, build_request, run_server
from tests.support.rawclient import RawClient, RawResponse
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def run_both(handler: Any, **options: Any) -> AsyncIterator[tuple[RunningServer, RunningServer]]:
    """A server, and the listener for its operator."""
    async with run_server(handler, **options) as running, run_server(running.server.admin()) as admin:
        yield running, admin


async def get(running: RunningServer, path: str, *fields: str, method: str = "GET") -> RawResponse:
    async with await running.connect() as client:
        await client.send(build_request(path, *fields, method=method))
        return await client.read_response(method)


async def test_alive_and_ready() -> None:
    async with run_both(Recorder()) as (running, admin):
        assert (await get(admin, "/livez")).status == 200
        assert (await get(admin, "/readyz")).status == 200
        ending = asyncio.create_task(running.server.shutdown(delay=60))
        await asyncio.sleep(0)
        assert (await get(admin, "/readyz")).status == 503
        assert (await get(admin, "/livez")).status == 200
        assert (await get(running, "/")).status == 200
        await running.server.shutdown(0)
        await ending


async def test_not_ready_when_stopped() -> None:
    async with run_both(Recorder()) as (running, admin):
        running.server.stop()
        assert (await get(admin, "/readyz")).status == 503


async def test_other_pages_and_methods() -> None:
    async with run_both(Recorder()) as (_, admin):
        assert (await get(admin, "/")).status == 404
        assert (await get(admin, "/metrics", method="POST")).header("Allow") == "GET, HEAD"
        head = await get(admin, "/metrics", method="HEAD")
        assert (head.status, head.body) == (200, b"")


async def test_unix_socket(tmp_path: Any) -> None:
    path = str(tmp_path / "admin")
    async with run_server(Recorder()) as running:
        admin = HTTPServer(running.server.admin())
        admin.add_socket(netutil.bind_unix_socket(path))
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        async with RawClient(sock) as client:
            assert (await client.request(build_request("/readyz"))).status == 200
        admin.stop()
        await admin.close_all_connections()


@pytest.mark.parametrize("style", ["callback", "coroutine", "streamed", "delegate"])
async def test_health_on_the_applications_port(style: str) -> None:
    recorder = Recorder()

    async def coroutine(request: Any) -> None:
        recorder(request)

    handler: Any = recorder if style == "callback" else coroutine
    if style == "delegate":
        handler = HTTPServer(recorder)
        handler.start_request = lambda server, connection: pytest.fail("a request reached the delegate")
    options = {"stream_request_body": True} if style == "streamed" else {}
    async with run_server(handler, health_path="/healthz", **options) as running:
        assert (await get(running, "/healthz")).body == b"ready\n"
        assert (await get(running, "/healthz", method="HEAD")).status == 200
        ending = asyncio.create_task(running.server.shutdown(delay=60))
        await asyncio.sleep(0)
        assert (await get(running, "/healthz")).status == 503
        assert recorder.calls == []
        if style != "delegate":
            assert (await get(running, "/healthz?x")).status == 200
            assert recorder.paths == ["/healthz?x"]
        await running.server.shutdown(0)
        await ending


@pytest.mark.parametrize("path", ["healthz", "/a b", "/a?b", "/ä", ""])
async def test_health_path_that_no_request_can_have(path: str) -> None:
    with pytest.raises(ValueError, match="health path"):
        HTTPServer(Recorder(), health_path=path)


def samples(families: Any) -> dict[str, float]:
    """By name and labels, as our own figures are named."""
    found = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("text/plain", False),
        ("*/*", False),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.5", False),
        ("application/openmetrics-text;q=x", False),
    ],
)
async def test_page_is_what_prometheus_reads(accept: str, openmetrics: bool) -> None:
    async with run_both(Recorder(), stats=True) as (running, admin):
        for path in ("/a", "/b"):
            await get(running, path)
        async with await running.connect() as client:
            await client.send(b"nonsense\r\n\r\n")
            await client.read_to_end()
        page = await get(admin, "/metrics", f"Accept: {accept}")
        expected = running.server.stats()
    text = page.body.decode()
    kind = page.header("Content-Type") or ""
    if openmetrics:
        assert kind.startswith("application/openmetrics-text; version=1.0.0")
        families = list(parse_openmetrics(text))
    else:
        assert kind.startswith("text/plain; version=0.0.4")
        families = list(parse_plain(text))
    read = samples(families)
    for name in ("connections_accepted_total", "requests_total", "request_duration_seconds_count", "ready"):
        assert read[f"asynchttp_{name}"] == expected[name]
    assert read["asynchttp_requests_total"] == 3
    assert read['asynchttp_requests_refused_total{reason="request_line"}'] == 1
    assert {name for name in read if "refused" in name} == {
        f'asynchttp_requests_refused_total{{reason="{code}"}}' for code in REASONS
    }
    assert read['asynchttp_request_duration_seconds_bucket{le="+Inf"}'] == 3
    kinds = {family.name.removesuffix("_total"): family.type for family in families}
    assert kinds["asynchttp_request_duration_seconds"] == "histogram"
    assert kinds["asynchttp_requests"] == "counter"
    assert kinds["asynchttp_connections_active"] == "gauge"
    assert "unknown" not in kinds.values()
