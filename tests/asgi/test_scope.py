"""The scope of a request: what an application does with it stays its own, and the extension for TLS."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import trustme

from asynchttp.asgi import ASGIHandler
from asynchttp.mount import Mount
from tests.integration.helpers import build_request, run_server
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio


class Scopes:
    """An application that keeps what it is told, and answers."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})


@contextlib.asynccontextmanager
async def serve(app: Any, **options: Any) -> AsyncIterator[RunningServer]:
    async with ASGIHandler(app, lifespan="off") as handler, run_server(handler, **options) as running:
        yield running


async def test_what_an_application_does_to_its_scope_is_not_seen_by_the_next_request() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(repr(scope))
        for key, value in list(scope.items()):
            if isinstance(value, dict):
                for each in value.values():
                    if isinstance(each, dict):
                        each["mine"] = 1
                value["mine"] = 1
            elif isinstance(value, list):
                value.append((b"mine", b"1"))
            else:
                scope[key] = "mine"
        scope["mine"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})

    async with serve(app) as running, await running.connect() as client:
        for _ in range(3):
            assert (await client.request(build_request("/a?b"))).body == b"well"
    assert len(set(seen)) == 1


async def test_each_request_of_a_connection_has_its_own_scope() -> None:
    app = Scopes()
    async with serve(app) as running, await running.connect() as client:
        for request in (
            build_request("/a?b=1"),
            build_request("/c%20d"),
            build_request("/", method="POST", body=b"x"),
            build_request("/a?b=1", "Cookie: a=1"),
            build_request("/a?b=1", "Cookie: a=2"),
            build_request("/", version="HTTP/1.0"),
        ):
            await client.request(request)
    told = [
        (
            scope["method"],
            scope["http_version"],
            scope["path"],
            scope["raw_path"],
            scope["query_string"],
            dict(scope["headers"]).get(b"cookie"),
        )
        for scope in app.seen
    ]
    assert told == [
        ("GET", "1.1", "/a", b"/a", b"b=1", None),
        ("GET", "1.1", "/c d", b"/c%20d", b"", None),
        ("POST", "1.1", "/", b"/", b"", None),
        ("GET", "1.1", "/a", b"/a", b"b=1", b"a=1"),
        ("GET", "1.1", "/a", b"/a", b"b=1", b"a=2"),
        ("GET", "1.0", "/", b"/", b"", None),
    ]


async def test_applications_that_share_a_connection_have_scopes_of_their_own() -> None:
    one, other = Scopes(), Scopes()
    with_root = ASGIHandler(other, lifespan="off", root_path="/root")
    handler = ASGIHandler(one, lifespan="off")
    mount = Mount({"/one": handler, "/also": handler, "/other": with_root})
    async with mount, run_server(mount) as running, await running.connect() as client:
        for path in ("/one/a", "/also/a", "/other/a", "/one/b"):
            assert (await client.request(build_request(path))).body == b"well"
    assert [(scope["root_path"], scope["path"]) for scope in one.seen] == [
        ("/one", "/one/a"),
        ("/also", "/also/a"),
        ("/one", "/one/b"),
    ]
    assert [(scope["root_path"], scope["path"]) for scope in other.seen] == [("/root/other", "/root/other/a")]


async def test_believed_proxy_tells_the_client_of_each_request() -> None:
    app = Scopes()
    async with serve(app, xheaders=True) as running, await running.connect() as client:
        for ip in ("1.2.3.4", "1.2.3.4", "5.6.7.8"):
            await client.request(build_request("/", f"X-Real-Ip: {ip}", "X-Scheme: https"))
    assert [(scope["client"], scope["scheme"]) for scope in app.seen] == [
        (("1.2.3.4", 0), "https"),
        (("1.2.3.4", 0), "https"),
        (("5.6.7.8", 0), "https"),
    ]


@pytest.mark.parametrize("with_certificate", [True, False])
async def test_tls_extension(with_certificate: bool) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    client_context = ssl.create_default_context()
    client_context.minimum_version = ssl.TLSVersion.TLSv1_3
    authority.configure_trust(client_context)
    certificate = authority.issue_cert("client@example.org", common_name="client")
    if with_certificate:
        certificate.configure_cert(client_context)
    app = Scopes()
    async with serve(app, ssl_options=context) as running, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(running.url("/"), ssl=client_context) as response:
                assert response.status == 200
    first, second = (scope["extensions"]["tls"] for scope in app.seen)
    assert first == second
    assert first is not second
    assert first["tls_version"] == 0x0304
    assert first["cipher_suite"] in (0x1301, 0x1302, 0x1303)  # RFC 8446 appendix B.4
    assert (first["server_cert"], first["client_cert_error"]) == (None, None)
    if with_certificate:
        (chain,) = first["client_cert_chain"]
        assert ssl.PEM_cert_to_DER_cert(chain) == ssl.PEM_cert_to_DER_cert(
            certificate.cert_chain_pems[0].bytes().decode()
        )
        assert "CN=client" in first["client_cert_name"]
    else:
        assert (first["client_cert_chain"], first["client_cert_name"]) == ([], None)
    assert app.seen[0]["scheme"] == "https"


async def test_without_tls_there_is_no_extension_of_it() -> None:
    app = Scopes()
    async with serve(app) as running, await running.connect() as client:
        await client.request(build_request())
    assert "tls" not in app.seen[0]["extensions"]
