"""``xheaders``: what a proxy says of the client, believed only when asked to."""

import json
import socket
from typing import Any

import pytest

from asynchttp import httpserver, netutil
from tests.integration.helpers import build_request, run_server
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio


def tell(request: Any) -> None:
    request.respond(json.dumps([request.remote_ip, request.protocol, request.full_url()]))


async def ask(*fields: str, **options: Any) -> tuple[str, str]:
    async with run_server(tell, **options) as running, await running.connect() as client:
        ip, protocol, url = json.loads((await client.request(build_request("/p?q", *fields))).body)
        assert url == f"{protocol}://test/p?q"
        return ip, protocol


HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("fields", "ip"),
    [
        ((), HERE),
        (("X-Real-IP: 4.4.4.4",), "4.4.4.4"),
        (("X-Real-IP: 2620:0:1cfe:face:b00c::3",), "2620:0:1cfe:face:b00c::3"),
        (("X-Forwarded-For: 4.4.4.4",), "4.4.4.4"),
        (("X-Forwarded-For: 127.0.0.2, 4.4.4.4",), "4.4.4.4"),
        (("X-Forwarded-For: 4.4.4.4 ,  ::1 ",), "::1"),
        (("X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 4.4.4.4"), "4.4.4.4"),
        (("X-Forwarded-For: 1.1.1.1", "X-Real-IP: 4.4.4.4"), "4.4.4.4"),
        (("X-Real-IP: 4.4.4.4<script>",), HERE),
        (("X-Real-IP: www.google.com",), HERE),
        (("X-Real-IP: 300.1.1.1",), HERE),
        (("X-Real-IP:",), HERE),
        (("X-Forwarded-For: ",), HERE),
        (("X-Forwarded-For: 4.4.4.4, unknown",), HERE),
        (("X-Real-IP: 4.4.4.4", "X-Real-IP: 5.5.5.5"), HERE),
        (("X-Forwarded-For: " + "1.1.1.1," * 2000 + "4.4.4.4",), "4.4.4.4"),
    ],
)
async def test_address(fields: tuple[str, ...], ip: str) -> None:
    assert await ask(*fields, xheaders=True) == (ip, "http")
    assert await ask(*fields) == (HERE, "http")


@pytest.mark.parametrize(
    ("fields", "ip"),
    [
        (("X-Forwarded-For: 4.4.4.4, 5.5.5.5",), "4.4.4.4"),
        (("X-Forwarded-For: 4.4.4.4, 5.5.5.5, 6.6.6.6",), "4.4.4.4"),
        (("X-Forwarded-For: 5.5.5.5, 4.4.4.4",), "4.4.4.4"),
        (("X-Forwarded-For: 6.6.6.6, 5.5.5.5",), "6.6.6.6"),
        (("X-Forwarded-For: 4.4.4.4",), "4.4.4.4"),
    ],
)
async def test_trusted_proxies_are_passed_over(fields: tuple[str, ...], ip: str) -> None:
    assert await ask(*fields, xheaders=True, trusted_downstream=["5.5.5.5", "6.6.6.6"]) == (ip, "http")


@pytest.mark.parametrize(
    ("fields", "protocol"),
    [
        (("X-Scheme: https",), "https"),
        (("X-Scheme: http",), "http"),
        (("X-Forwarded-Proto: https",), "https"),
        (("X-Forwarded-Proto: http, https",), "https"),
        (("X-Forwarded-Proto: https,http ",), "http"),
        (("X-Scheme: http", "X-Forwarded-Proto: https"), "http"),
        (("X-Scheme: unknown",), "http"),
        (("X-Forwarded-Proto: ",), "http"),
    ],
)
async def test_protocol(fields: tuple[str, ...], protocol: str) -> None:
    assert await ask(*fields, xheaders=True) == (HERE, protocol)
    assert await ask(*fields) == (HERE, "http")


async def test_protocol_that_the_operator_says() -> None:
    assert await ask(protocol="https") == (HERE, "https")
    assert await ask("X-Scheme: http", protocol="https") == (HERE, "https")
    assert await ask("X-Scheme: http", protocol="https", xheaders=True) == (HERE, "http")
    assert await ask("X-Scheme: odd", protocol="https", xheaders=True) == (HERE, "https")


async def test_each_request_of_a_connection_has_its_own_client() -> None:
    async with run_server(tell, xheaders=True) as running, await running.connect() as client:
        for ip in ("4.4.4.4", "5.5.5.5", "4.4.4.4"):
            response = await client.request(build_request("/", f"X-Real-IP: {ip}", "X-Scheme: https"))
            assert json.loads(response.body)[:2] == [ip, "https"]
        assert json.loads((await client.request(build_request())).body)[:2] == [HERE, "http"]


async def test_unix_socket_has_no_address(tmp_path: Any) -> None:
    """``remote_ip`` is never something that could be taken for one."""
    server = httpserver.HTTPServer(tell)
    server.add_socket(netutil.bind_unix_socket(tmp_path / "socket"))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(tmp_path / "socket"))
    async with RawClient(sock) as client:
        assert json.loads((await client.request(build_request())).body)[:2] == ["0.0.0.0", "http"]
    server.stop()
    await server.close_all_connections()


async def test_ipv6_address() -> None:
    server = httpserver.HTTPServer(tell)
    try:
        sockets = netutil.bind_sockets(0, "::1")
    except OSError:
        pytest.skip("no IPv6 here")
    server.add_sockets(sockets)
    async with await RawClient.connect(sockets[0].getsockname()[1], "::1") as client:
        assert json.loads((await client.request(build_request())).body)[0] == "::1"
    server.stop()
    await server.close_all_connections()
