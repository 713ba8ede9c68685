"""The sockets of a crew: who has which, and that nothing is lost when they change hands."""

import os
import pathlib
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from asynchttp import netutil
from asynchttp._listeners import KINDS, Listeners, _backlog
from tests.support.logs import Expectation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets of a port")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    [sock] = netutil.bind_sockets(0, "127.0.0.1", backlog=77)
    with sock:
        yield sock


def queue(sock: socket.socket) -> int:
    """Take all connections that wait; how many there were."""
    count = 0
    while True:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="per-worker, shared, reuse-port"):
        Listeners([], "each")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_port_of_another_server_is_refused(listener: socket.socket, kind: str) -> None:
    with pytest.raises(OSError, match="in use"):
        netutil.bind_sockets(listener.getsockname()[1], "127.0.0.1", reuse_port=kind != "shared")


def test_each_place_has_its_own_queue_and_the_kernel_spreads(listener: socket.socket) -> None:
    address = listener.getsockname()
    early = socket.create_connection(address)
    listeners = Listeners([listener], "per-worker")
    listeners.prepare(4)
    clients = [early, *(socket.create_connection(address) for _ in range(200))]
    counts = [queue(sock) for place in range(4) for sock in listeners.of(place)]
    assert sum(counts) == 201
    assert min(counts) >= 20
    for client in clients:
        client.close()
    listeners.close()


def test_all_queues_have_the_backlog_of_the_first(listener: socket.socket) -> None:
    listeners = Listeners([listener], "per-worker")
    listeners.prepare(3)
    assert [_backlog(sock) for place in range(3) for sock in listeners.of(place)] == [77] * 3
    listeners.close()


def test_worker_with_its_own_port_has_the_backlog_too(listener: socket.socket) -> None:
    address = listener.getsockname()
    listeners = Listeners([listener], "reuse-port")
    listeners.prepare(1)
    with pytest.raises(ConnectionRefusedError):  # what keeps the port doesn't listen
        socket.create_connection(address)
    [mine] = listeners.take(0)
    assert (mine.getsockname(), _backlog(mine)) == (address, 77)
    mine.close()


def test_worker_keeps_nothing_of_others(listener: socket.socket) -> None:
    listeners = Listeners([listener], "per-worker")
    listeners.prepare(3)
    others = [sock for place in (0, 2) for sock in listeners.of(place)]
    [mine] = listeners.take(1)
    assert [sock.fileno() for sock in others] == [-1, -1]
    assert mine.fileno() >= 0
    mine.close()


def test_places_come_and_go_also_the_first(listener: socket.socket) -> None:
    address = listener.getsockname()
    listeners = Listeners([listener], "per-worker")
    listeners.prepare(2)
    listeners.close(0)
    listeners.open(2)
    clients = [socket.create_connection(address) for _ in range(50)]
    assert sum(queue(sock) for place in (1, 2) for sock in listeners.of(place)) == 50
    for client in clients:
        client.close()
    listeners.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_unix_socket_is_shared_beside_a_port_that_is_not(listener: socket.socket, tmp_path: pathlib.Path) -> None:
    unix = netutil.bind_unix_socket(tmp_path / "socket")
    listeners = Listeners([listener, unix], "per-worker")
    listeners.prepare(2)
    assert listeners.of(1) != [listener]
    listeners.close(0)
    assert unix.fileno() >= 0
    [port, shared] = listeners.take(1)
    assert shared is unix
    port.close()
    unix.close()


def test_both_families(listener: socket.socket) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    both = netutil.bind_sockets(0, "localhost")
    listeners = Listeners(both)
    listeners.prepare(2)
    assert [sock.family for sock in listeners.of(1)] == [sock.family for sock in both]
    listeners.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("kind", ["per-worker", "reuse-port"])
def test_socket_of_another_user_is_shared(
    listener: socket.socket, kind: Literal["per-worker", "reuse-port"], expect_log: Callable[..., Expectation]
) -> None:
    expect_log("asynchttp.general", "all workers share one socket", count=1)
    listeners = Listeners([listener], kind)
    os.seteuid(65534)
    try:
        listeners.prepare(3)
        assert listeners.kind == "shared"
        assert listeners.take(2) == [listener]
        socket.create_connection(listener.getsockname()).close()
        assert queue(listener) == 1
    finally:
        os.seteuid(0)
