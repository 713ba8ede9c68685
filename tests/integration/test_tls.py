"""HTTPServer with ``ssl_options``."""

import asyncio
import io
import ssl
from typing import Any

import aiohttp
import pytest
import trustme

from asynchttp.iostream import SSLIOStream
from asynchttp.tcpclient import TCPClient
from tests.support.servers import run_server

pytestmark = pytest.mark.asyncio

CA = trustme.CA()
SERVER = CA.issue_cert("localhost", "127.0.0.1")
CLIENT = CA.issue_cert("client@example.org")


def server_context(**options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SERVER.configure_cert(context)
    CA.configure_trust(context)
    for name, value in options.items():
        setattr(context, name, value)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def describe(request: Any) -> None:
    certificate = request.get_ssl_certificate()
    names = certificate and [value for kind, value in certificate.get("subjectAltName", ())]
    binary = request.get_ssl_certificate(binary_form=True)
    request.respond(repr((request.protocol, names, type(binary).__name__)))


async def test_request_over_tls() -> None:
    async with run_server(describe, ssl_options=server_context()) as server, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url(), ssl=client_context()) as response:
                assert await response.text() == "('https', None, 'NoneType')"


async def test_options_as_a_dict() -> None:
    with SERVER.private_key_and_cert_chain_pem.tempfile() as path:
        options = {"certfile": path, "keyfile": path}
        async with (
            run_server(describe, ssl_options=options) as server,
            aiohttp.ClientSession() as session,
            session.get(server.url(), ssl=client_context()) as response,
        ):
            assert response.status == 200


async def test_certificate_of_the_client() -> None:
    context = client_context()
    CLIENT.configure_cert(context)
    options = server_context(verify_mode=ssl.CERT_REQUIRED)
    async with (
        run_server(describe, ssl_options=options) as server,
        aiohttp.ClientSession() as session,
        session.get(server.url(), ssl=context) as response,
    ):
        assert await response.text() == "('https', ['client@example.org'], 'bytes')"


async def test_client_without_the_certificate_that_is_required(expect_log: Any) -> None:
    expect_log("asynchttp.general", "SSL Error", optional=True)
    options = server_context(verify_mode=ssl.CERT_REQUIRED)
    async with run_server(describe, ssl_options=options) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            async with session.get(server.url(), ssl=client_context()):
                pass


async def test_protocol_by_alpn() -> None:
    def handler(request: Any) -> None:
        request.respond(str(request.connection.stream.socket.selected_alpn_protocol()))

    options, context = server_context(), client_context()
    options.set_alpn_protocols(["http/1.1"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with (
        run_server(handler, ssl_options=options) as server,
        aiohttp.ClientSession() as session,
        session.get(server.url(), ssl=context) as response,
    ):
        assert await response.text() == "http/1.1"


async def test_context_by_server_name() -> None:
    asked: list[str | None] = []
    other = server_context()

    def by_name(sock: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        asked.append(name)
        sock.context = other

    options = server_context()
    options.sni_callback = by_name  # type: ignore[assignment]
    async with run_server(describe, ssl_options=options) as server, aiohttp.ClientSession() as session:
        url = server.url().replace("127.0.0.1", "localhost")
        async with session.get(url, ssl=client_context(), server_hostname="localhost") as response:
            assert response.status == 200
    assert asked == ["localhost"]


async def test_plain_client_on_a_tls_port(expect_log: Any) -> None:
    expect_log("asynchttp.general", "SSL Error", optional=True)
    async with run_server(describe, ssl_options=server_context()) as server, await server.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert b"200" not in await client.read_to_end()


async def test_tls_client_on_a_plain_port(expect_log: Any) -> None:
    expect_log("asynchttp.general", "SSL Error")
    async with run_server(describe) as server:
        with pytest.raises((ssl.SSLError, OSError)):
            async with asyncio.timeout(5):
                await TCPClient().connect(server.host, server.port, ssl_options=client_context())


async def test_client_that_leaves_in_the_handshake() -> None:
    async with run_server(describe, ssl_options=server_context()) as server:
        async with await server.connect() as client:
            await client.send(b"\x16\x03\x01")
        async with await server.connect():
            pass
        async with aiohttp.ClientSession() as session, session.get(server.url(), ssl=client_context()) as response:
            assert response.status == 200


async def test_large_bodies_both_ways() -> None:
    async with run_server(lambda request: request.respond(request.body), ssl_options=server_context()) as server:
        body = bytes(range(256)) * 16384
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.url(), data=io.BytesIO(body), ssl=client_context()) as response,
        ):
            assert await response.read() == body


async def test_stream_of_our_own_client_starts_tls_behind_connect() -> None:
    async with run_server(describe, ssl_options=server_context()) as server:
        for _ in range(10):
            stream = await TCPClient().connect(server.host, server.port, ssl_options=client_context())
            assert isinstance(stream, SSLIOStream)
            await stream.write(b"GET / HTTP/1.0\r\n\r\n")
            assert b"https" in await stream.read_until_close()
