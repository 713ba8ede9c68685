"""New handshakes are ignored while a queue is emptied, and those that are under way come to their end."""

import asyncio
import errno
import select
import socket
import sys

import pytest

from asynchttp import netutil
from asynchttp._drain import _ignore_new
from asynchttp.httpserver import HTTPServer
from tests.support.rawclient import RawClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_new_handshakes_are_ignored_and_the_rest_is_served(address: str) -> None:
    try:
        [listener] = netutil.bind_sockets(0, address)
    except OSError:
        pytest.skip(f"no {address} here")
    where = listener.getsockname()
    with socket.create_connection(where[:2]) as early, socket.socket(listener.family) as late:
        assert _ignore_new(listener)
        late.setblocking(False)
        assert late.connect_ex(where) == errno.EINPROGRESS
        connection, _ = listener.accept()
        with connection:
            early.send(b"ping")
            connection.setblocking(True)
            assert connection.recv(4) == b"ping"
            connection.send(b"pong")
            assert early.recv(4) == b"pong"
        assert not select.select([], [late], [], 0.3)[1]  # neither accepted nor refused
        with pytest.raises(BlockingIOError):
            listener.accept()
        listener.close()
        # The kernel repeats it after a second, and finds nobody.
        assert select.select([], [late], [], 5)[1]
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@pytest.mark.asyncio
async def test_listeners_that_somebody_else_has_go_on() -> None:
    """What a service manager keeps, or a successor has inherited, isn't touched."""

    async def serve(request: object) -> bytes:
        return b"done"

    [listener] = netutil.bind_sockets(0, "127.0.0.1")
    with listener.dup() as kept:
        first = HTTPServer(serve)
        first.add_sockets([listener])
        await first.shutdown()
        async with await RawClient.connect(kept.getsockname()[1]) as client:
            second = HTTPServer(serve)
            second.add_sockets([kept])
            assert (await client.request(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")).body == b"done"
            client.close()
        await second.shutdown()


@pytest.mark.asyncio
async def test_connections_made_in_every_moment_of_a_shutdown_are_served_or_refused() -> None:
    """Nobody gets a reset behind a handshake that was finished."""

    async def serve(request: object) -> bytes:
        return b"done"

    outcomes: dict[str, int] = {"served": 0, "refused": 0}

    async def visit(port: int) -> None:
        while not outcomes["refused"]:
            try:
                client = await RawClient.connect(port)
            except ConnectionRefusedError:
                outcomes["refused"] += 1
                return
            async with client:
                response = await client.request(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                assert response.body == b"done"
                outcomes["served"] += 1

    server = HTTPServer(serve)
    server.listen(0, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    visitors = [asyncio.create_task(visit(port)) for _ in range(16)]
    while outcomes["served"] < 100:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await server.shutdown()
    await asyncio.gather(*visitors)
    assert outcomes["refused"]
