"""``proxy_protocol``: connections that begin with what a proxy says of its client."""

import asyncio
import json
import pathlib
import socket
import ssl
import struct
from typing import Any

import pytest
import trustme

from asynchttp import httpserver, netutil
from asynchttp._proxied import ProxiedAddress
from tests.integration.helpers import Clock, build_request, run_server, turns, until, within
from tests.support.proxyheaders import binary, tcp_binary, tlv
from tests.support.rawclient import RawClient
from tests.support.servers import RunningServer
from tests.support.splits import every_split

pytestmark = pytest.mark.asyncio

CA = trustme.CA()
SERVER = CA.issue_cert("localhost")

CLIENT = ("192.0.2.7", 56324)
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
BINARY = tcp_binary(CLIENT, ("198.51.100.1", 443))


def tell(request: Any) -> None:
    request.respond(json.dumps([request.remote_ip, request.protocol, str(request.connection.context)]))


async def ask(header: bytes, *fields: str, **options: Any) -> list[str]:
    options.setdefault("proxy_protocol", "auto")
    async with run_server(tell, **options) as running, await running.connect() as client:
        await client.send(header)
        return list(json.loads((await client.request(build_request("/", *fields))).body))


def counted(running: RunningServer, reason: str) -> float:
    return running.server.stats()[f'requests_refused_total{{reason="{reason}"}}']


async def refused(octets: bytes, **options: Any) -> None:
    """The connection ends without an answer, and is counted."""
    options.setdefault("proxy_protocol", "auto")
    async with run_server(tell, **options) as running, await running.connect() as client:
        await client.send(octets)
        assert await client.read_to_end() == b""
        assert not running.server._arriving
        assert counted(running, "proxy_header") == 1


@pytest.mark.parametrize(("header", "versions"), [(LINE, ["v1", "auto"]), (BINARY, ["v2", "auto"])])
async def test_address_of_the_client(header: bytes, versions: list[str]) -> None:
    for version in versions:
        assert await ask(header, proxy_protocol=version) == ["192.0.2.7", "http", "192.0.2.7"]


async def test_version_that_was_not_asked_for_ends_the_connection() -> None:
    await refused(LINE, proxy_protocol="v2")
    await refused(BINARY, proxy_protocol="v1")


@pytest.mark.parametrize(
    "octets",
    [
        build_request(),
        b"\x16\x03\x01\x00\x00",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 99999\r\n" + build_request(),
        b"PROXY UNKNOWN " + b"x" * 500,
        b"PROXY UNKNOWN\n" + build_request(),
        binary(0x21, 0x11, b"\1\2\3") + build_request(),
        binary(0x21, 0x11, bytes(60000)),
    ],
)
async def test_connection_without_a_good_header_ends_without_an_answer(octets: bytes) -> None:
    await refused(octets)


async def test_header_in_pieces() -> None:
    for header in (LINE, tcp_binary(CLIENT, ("198.51.100.1", 443), tlv(1, b"h2"))):
        octets = header + build_request()
        async with run_server(tell, proxy_protocol="auto") as running:
            for pieces in list(every_split(octets))[::7]:
                async with await running.connect() as client:
                    await client.send_pieces(pieces)
                    assert b"192.0.2.7" in (await client.read_response()).body


async def test_header_octet_by_octet() -> None:
    async with run_server(tell, proxy_protocol="auto") as running, await running.connect() as client:
        await client.send_pieces([LINE[i : i + 1] for i in range(len(LINE))])
        assert b"192.0.2.7" in (await client.request(build_request())).body


async def test_header_counts_for_every_request_of_its_connection() -> None:
    async with run_server(tell, proxy_protocol="v1") as running, await running.connect() as client:
        await client.send(LINE)
        for _ in range(3):
            assert json.loads((await client.request(build_request())).body)[0] == "192.0.2.7"
        # and there is only one
        await client.send(LINE)
        assert (await client.read_response()).status == 400


@pytest.mark.parametrize(
    "header", [b"PROXY UNKNOWN\r\n", binary(0x20, 0x00, b""), binary(0x20, 0x11, b"x" * 40), binary(0x21, 0x00, b"")]
)
async def test_proxy_that_speaks_for_itself(header: bytes) -> None:
    assert await ask(header) == ["127.0.0.1", "http", "127.0.0.1"]


async def test_client_over_ipv6() -> None:
    ip = "2001:db8::7"
    assert await ask(tcp_binary((ip, 1), ("::1", 2))) == [ip, "http", ip]


async def test_client_of_a_unix_socket() -> None:
    header = binary(0x21, 0x31, b"/run/client".ljust(108, b"\0") + bytes(108))
    assert await ask(header) == ["0.0.0.0", "http", "/run/client"]


async def test_path_that_is_told_cannot_break_the_lines_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever may speak first chooses it."""
    path = b"/run/x\n2026-12-01 12:00:00 INFO asynchttp.general: all is well\x1b[2J\xff"
    header = binary(0x21, 0x31, path.ljust(108, b"\0") + bytes(108))
    assert (await ask(header))[2] == ascii(path)[2:-1]
    caplog.set_level("INFO", "asynchttp")
    async with run_server(tell, proxy_protocol="auto") as running, await running.connect() as client:
        await client.send(header + b"NONSENSE\r\n\r\n")
        assert (await client.read_response()).status == 400
    assert "/run/x" in caplog.text
    assert all(record.getMessage().isprintable() for record in caplog.records)


async def test_client_that_came_to_the_proxy_over_tls() -> None:
    header = tcp_binary(CLIENT, ("198.51.100.1", 443), tlv(0x20, struct.pack("!BI", 1, 0)))
    assert (await ask(header))[1] == "https"
    assert (await ask(header, protocol="http"))[1] == "http"


async def test_handler_sees_all_that_was_told() -> None:
    seen: list[Any] = []

    def handler(request: Any) -> None:
        seen.append(request.connection.context.address)
        request.respond()

    async with run_server(handler, proxy_protocol="v2") as running, await running.connect() as client:
        await client.send(tcp_binary(CLIENT, ("198.51.100.1", 443), tlv(0x02, b"example.org")))
        await client.request(build_request())
        (address,) = seen
        assert isinstance(address, ProxiedAddress)
        assert address == CLIENT
        assert address.own == client.sock.getsockname()
        assert address.header.destination == ("198.51.100.1", 443)
        assert address.header.tlvs == ((0x02, b"example.org"),)


@pytest.mark.parametrize("together", [True, False])
async def test_header_before_tls(together: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SERVER.configure_cert(context)
    trust = ssl.create_default_context()
    CA.configure_trust(trust)
    async with run_server(tell, proxy_protocol="auto", ssl_options=context) as running:
        # The header and the client's first record in one segment: not one octet too much may be taken.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
        async with await running.connect() as client:
            await client.send_pieces([BINARY] if not together else [])
            first = BINARY if together else b""
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await client.send(first + outgoing.read())
                    first = b""
                    incoming.write(await client.read_some())
            tls.write(build_request())
            await client.send(outgoing.read())
            answer = b""
            while b"192.0.2.7" not in answer:
                incoming.write(await client.read_some())
                try:
                    answer += tls.read(65536)
                except ssl.SSLWantReadError:
                    pass
            assert b'"https"' in answer


# Who is believed


async def test_peer_that_is_not_trusted_has_no_header() -> None:
    elsewhere = {"trusted_proxies": ["192.0.2.0/24"]}
    async with run_server(tell, proxy_protocol="auto", **elsewhere) as running:
        async with await running.connect() as client:
            assert json.loads((await client.request(build_request())).body)[0] == "127.0.0.1"
        async with await running.connect() as client:
            await client.send(LINE + build_request())
            assert (await client.read_response()).status == 400


@pytest.mark.parametrize("trusted", [["127.0.0.1"], ["127.0.0.0/8"], ["*"], ["::1", "0.0.0.0/0"]])
async def test_peer_that_is_trusted(trusted: list[str]) -> None:
    assert (await ask(LINE, trusted_proxies=trusted))[0] == "192.0.2.7"


async def test_xheaders_of_a_proxied_client_are_believed_only_if_it_is_trusted() -> None:
    """Behind two proxies: the address that the first tells is the second's."""
    forwarded = "X-Forwarded-For: 203.0.113.9"
    assert (await ask(LINE, forwarded, xheaders=True, trusted_proxies=["127.0.0.1"]))[0] == "192.0.2.7"
    both = ["127.0.0.1", "192.0.2.0/24"]
    assert (await ask(LINE, forwarded, xheaders=True, trusted_proxies=both))[0] == "203.0.113.9"


async def test_unix_socket_is_trusted(tmp_path: pathlib.Path) -> None:
    server = httpserver.HTTPServer(tell, proxy_protocol="v1", trusted_proxies=["192.0.2.1"])
    server.add_socket(netutil.bind_unix_socket(tmp_path / "socket"))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(tmp_path / "socket"))
    async with RawClient(sock) as client:
        await client.send(LINE)
        assert json.loads((await client.request(build_request())).body) == ["192.0.2.7", "http", "192.0.2.7"]
    server.stop()
    await server.close_all_connections()


# Time and ends


@pytest.mark.parametrize("sent", [b"", b"P", LINE[:-1], BINARY[:13], BINARY[:-1]])
async def test_header_that_does_not_become_whole_is_given_up(sent: bytes) -> None:
    async with run_server(tell, proxy_protocol="auto", header_timeout=10) as running:
        clock = Clock(running.server)
        async with await running.connect() as client:
            await client.send(sent)
            await until(lambda: running.server._arriving)
            (arriving,) = running.server._arriving
            await until(lambda: arriving._data == sent)
            clock.almost(10)
            await turns()
            assert running.server._arriving
            clock.advance_past(0.1)
            assert await client.read_to_end() == b""
            assert counted(running, "proxy_header_timeout") == 1
        assert not running.server._arriving
        assert clock.timers == 0


async def test_request_has_its_own_time_behind_the_header() -> None:
    async with run_server(tell, proxy_protocol="auto", header_timeout=10) as running:
        clock = Clock(running.server)
        async with await running.connect() as client:
            await until(lambda: running.server._arriving)
            clock.almost(10)
            await client.send(LINE)
            await until(lambda: running.server._connections)
            clock.almost(10)
            assert (await client.request(build_request())).status == 200


@pytest.mark.parametrize("sent", [b"", LINE[:20]])
@pytest.mark.parametrize("how", ["close", "abort", "shutdown_write"])
async def test_proxy_that_leaves_in_the_middle(sent: bytes, how: str) -> None:
    async with run_server(tell, proxy_protocol="auto") as running:
        async with await running.connect() as client:
            await client.send(sent)
            await until(lambda: running.server._arriving)
            getattr(client, how)()
            await until(lambda: not running.server._arriving)
            assert counted(running, "left_in_proxy_header") == (1 if sent else 0)
        async with await running.connect() as client:
            await client.send(LINE)
            assert (await client.request(build_request())).status == 200


async def test_closing_all_connections_closes_those_without_their_header() -> None:
    async with run_server(tell, proxy_protocol="auto") as running, await running.connect() as client:
        await until(lambda: running.server._arriving)
        await running.server.close_all_connections()
        assert await client.read_to_end() == b""


async def test_dripping_proxies_do_not_spin_the_loop() -> None:
    """A look that takes nothing would come again at once, for ever."""
    async with run_server(tell, proxy_protocol="auto") as running, await running.connect() as client:
        await client.send(LINE[:30])
        await until(lambda: running.server._arriving)
        (arriving,) = running.server._arriving
        await until(lambda: len(arriving._data) == 30)
        looks = 0
        read = arriving._read

        def counted() -> None:
            nonlocal looks
            looks += 1
            read()

        loop = asyncio.get_running_loop()
        loop.add_reader(arriving.sock.fileno(), counted)
        await turns(50)
        assert looks == 0
        await client.send(LINE[30:40])
        await until(lambda: looks)
        await turns(50)
        assert looks == 1


async def test_pipelined_behind_the_header() -> None:
    async with run_server(tell, proxy_protocol="v2") as running, await running.connect() as client:
        await client.send(BINARY + build_request() * 3)
        for _ in range(3):
            assert (await within(client.read_response())).status == 200


async def test_unknown_value_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy_protocol='v3': expected one of off, v1, v2, auto"):
        httpserver.HTTPServer(tell, proxy_protocol="v3")
    with pytest.raises(ValueError, match="is not an address, a network, or"):
        httpserver.HTTPServer(tell, trusted_proxies=["10.0.0.1/8"])
