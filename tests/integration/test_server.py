"""``HTTPServer`` from the outside: listening, binding, stopping, and what goes wrong there."""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
import pytest

from asynchttp import httpserver, httputil, netutil
from asynchttp.httpserver import HTTPServer
from tests.integration.helpers import Recorder, all_closed, build_request, run_server, turns, within
from tests.support.ports import free_port
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.asyncio


def hello(request: Any) -> None:
    request.respond(b"hello")


def port_of(server: HTTPServer) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def get(port: int, host: str = "127.0.0.1") -> bytes:
    async with await RawClient.connect(port, host) as client:
        return (await client.request(build_request("/", "Connection: close"))).body


async def is_refused(port: int) -> bool:
    try:
        (await RawClient.connect(port)).close()
    except ConnectionRefusedError:
        return True
    return False


async def stop(*servers: HTTPServer) -> None:
    for server in servers:
        server.stop()
        await server.close_all_connections()


async def test_listen_on_port_0() -> None:
    server = HTTPServer(hello)
    server.listen(0, "127.0.0.1")
    assert port_of(server) > 0
    assert await get(port_of(server)) == b"hello"
    await stop(server)


async def test_listen_on_all_interfaces_has_one_port() -> None:
    server = HTTPServer(hello)
    server.listen(0)
    assert len({sock.getsockname()[1] for sock in server.sockets}) == 1
    assert await get(port_of(server)) == b"hello"
    await stop(server)


async def test_listen_on_two_ports() -> None:
    server = HTTPServer(hello)
    server.listen(0, "127.0.0.1")
    server.listen(0, "127.0.0.1")
    ports = [sock.getsockname()[1] for sock in server.sockets]
    assert len(set(ports)) == 2
    assert [await get(port) for port in ports] == [b"hello", b"hello"]
    await stop(server)


async def test_listen_twice_on_one_port_is_an_error_and_the_first_lives() -> None:
    server = HTTPServer(hello)
    server.listen(0, "127.0.0.1")
    port = port_of(server)
    with pytest.raises(OSError) as caught:
        server.listen(port, "127.0.0.1")
    assert caught.value.errno == errno.EADDRINUSE
    assert str(port) in str(caught.value)
    assert await get(port) == b"hello"
    await stop(server)


async def test_port_in_use_by_another_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = HTTPServer(hello)
        for attempt in (server.listen, server.bind):
            with pytest.raises(OSError) as caught:
                attempt(taken.getsockname()[1], "127.0.0.1")
            assert caught.value.errno == errno.EADDRINUSE
        server.stop()


async def test_bind_then_start() -> None:
    server = HTTPServer(hello)
    server.bind(0, "127.0.0.1")
    server.bind(0, "127.0.0.1")
    ports = [sock.getsockname()[1] for sock in server.sockets]
    connecting = [asyncio.create_task(get(port)) for port in ports]
    await turns(20)
    assert not any(task.done() for task in connecting)  # the kernel took the connections, we didn't
    server.start()
    assert await within(asyncio.gather(*connecting)) == [b"hello", b"hello"]
    await stop(server)


async def test_start_twice_is_an_error() -> None:
    server = HTTPServer(hello)
    server.bind(0, "127.0.0.1")
    server.start()
    with pytest.raises(AssertionError):
        server.start()
    await stop(server)


async def test_bind_behind_start_accepts_at_once() -> None:
    server = HTTPServer(hello)
    server.start()
    server.bind(0, "127.0.0.1")
    assert await get(port_of(server)) == b"hello"
    await stop(server)


async def test_sockets_made_elsewhere() -> None:
    server = HTTPServer(hello)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    server.add_socket(socket.create_server(("127.0.0.1", 0)))
    assert [await get(sock.getsockname()[1]) for sock in server.sockets] == [b"hello", b"hello"]
    await stop(server)


async def test_stop_closes_the_listeners_and_leaves_the_connections() -> None:
    server = HTTPServer(hello)
    server.listen(0, "127.0.0.1")
    port = port_of(server)
    async with await RawClient.connect(port) as client:
        assert (await client.request(build_request())).body == b"hello"
        server.stop()
        server.stop()
        assert await is_refused(port)
        assert server.sockets == []
        assert (await client.request(build_request())).body == b"hello"
        await server.close_all_connections()
        assert await client.read_to_end() == b""
    await server.close_all_connections()


async def test_stop_of_a_server_that_never_started() -> None:
    server = HTTPServer(hello)
    await stop(server)
    server = HTTPServer(hello)
    server.bind(0, "127.0.0.1")
    port = port_of(server)
    await stop(server)
    assert await is_refused(port)


async def test_stop_frees_the_port() -> None:
    port = free_port()
    for _ in range(3):
        server = HTTPServer(hello)
        server.listen(port, "127.0.0.1")
        assert await get(port) == b"hello"
        await stop(server)


async def test_several_servers_on_one_loop() -> None:
    servers = [HTTPServer(lambda request, number=number: request.respond(f"{number}")) for number in range(3)]
    for server in servers:
        server.listen(0, "127.0.0.1")
    bodies = await asyncio.gather(*(get(port_of(server)) for server in servers for _ in range(5)))
    assert bodies == [b"%d" % number for number in range(3) for _ in range(5)]
    servers[0].stop()
    assert await get(port_of(servers[1])) == b"1"
    await stop(*servers)


async def test_servers_differ_in_their_limits() -> None:
    async with run_server(Recorder(), max_body_size=1) as small, run_server(Recorder()) as large:
        request = build_request(method="POST", body=b"abc")
        async with await small.connect() as one, await large.connect() as other:
            assert (await one.request(request)).status == 413
            assert (await other.request(request)).status == 200


@pytest.mark.parametrize("handler", [None, 5, "module:handler", object(), b"hello"])
async def test_handler_that_can_t_be_called_is_an_error_at_once(handler: Any) -> None:
    with pytest.raises(TypeError, match="the handler must be callable, not"):
        HTTPServer(handler)


async def test_options_have_tornados_names_and_are_kept() -> None:
    server = HTTPServer(hello, no_keep_alive=True, xheaders=True, protocol="https", trusted_downstream=["::1"])
    assert (server.no_keep_alive, server.xheaders, server.protocol) == (True, True, "https")
    assert server.trusted_downstream == {"::1"}
    assert server.conn_params.no_keep_alive
    server = HTTPServer(
        hello,
        max_buffer_size=1000,
        chunk_size=100,
        max_header_size=200,
        max_header_count=7,
        header_timeout=1,
        idle_connection_timeout=2,
        body_timeout=3,
        write_timeout=4,
    )
    params = server.conn_params
    assert (params.chunk_size, params.max_header_size, params.max_header_count) == (100, 200, 7)
    assert (params.max_body_size, server.max_buffer_size) == (1000, 1000)
    assert (params.header_timeout, params.idle_connection_timeout) == (1, 2)
    assert (params.body_timeout, params.write_timeout) == (3, 4)


async def test_defaults() -> None:
    params = HTTPServer(hello).conn_params
    assert (params.header_timeout, params.idle_connection_timeout, params.body_timeout) == (60, 75, None)
    assert (params.max_header_size, params.max_body_size, params.chunk_size) == (65536, 104857600, 65536)
    assert params.write_timeout == 60


async def test_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="max_heder_size"):
        HTTPServer(hello, max_heder_size=5)  # type: ignore[call-arg]


async def test_request_class_has_its_old_name() -> None:
    assert httpserver.HTTPRequest is httputil.HTTPServerRequest
    seen: list[Any] = []
    async with (
        run_server(lambda request: (seen.append(request), request.respond(b""))) as running,
        await running.connect() as client,
    ):
        await client.request(build_request("/p?q=1", "Cookie: a=b"))
    (request,) = seen
    assert isinstance(request, httpserver.HTTPRequest)
    assert repr(request) == (
        "HTTPServerRequest(protocol='http', host='test', method='GET', uri='/p?q=1', version='HTTP/1.1', "
        "remote_ip='127.0.0.1')"
    )
    assert (request.path, request.query, request.arguments) == ("/p", "q=1", {"q": [b"1"]})
    assert request.cookies["a"].value == "b"
    assert request.supports_http_1_1()


async def test_http_1_0_request_without_host() -> None:
    async with (
        run_server(lambda request: request.respond(request.host)) as running,
        await running.connect() as client,
    ):
        response = await client.request(build_request(version="HTTP/1.0", host=None))
        assert response.body == b"127.0.0.1"


async def test_subclass_may_look_at_each_connection() -> None:
    addresses: list[Any] = []

    class Server(HTTPServer):
        def handle_stream(self, stream: Any, address: Any) -> None:
            addresses.append(address)
            super().handle_stream(stream, address)

    server = Server(hello)
    server.listen(0, "127.0.0.1")
    async with await RawClient.connect(port_of(server)) as client:
        await client.request(build_request())
        assert addresses == [("127.0.0.1", client.local_port)]
    await stop(server)


async def test_hundred_connections_at_once() -> None:
    async with run_server(hello) as running:
        clients = await asyncio.gather(*(running.connect() for _ in range(100)))
        responses = await asyncio.gather(*(client.request(build_request()) for client in clients))
        assert {response.body for response in responses} == {b"hello"}
        assert len(running.server._connections) == 100
        for client in clients:
            client.close()
        await all_closed(running.server)


async def test_form_by_aiohttp() -> None:
    def handler(request: Any) -> None:
        request.respond(f"{request.body_arguments} {request.query_arguments} {sorted(request.arguments)}")

    async with (
        run_server(handler) as running,
        aiohttp.ClientSession() as session,
        session.post(running.url("/?q=1"), data={"a": "ü", "b": ""}) as response,
    ):
        assert await response.text() == "{'a': [b'\\xc3\\xbc'], 'b': [b'']} {'q': [b'1']} ['a', 'b', 'q']"
