import pathlib
import socket

import pytest

from tests.support.ports import free_port

RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_free_port_can_be_bound() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as sock:
        assert sock.getsockname()[1] == port


def test_free_port_is_given_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


@pytest.mark.skipif(not RANGE.exists(), reason="Linux tells what it gives out")
def test_free_port_is_none_that_the_kernel_gives_out() -> None:
    first, last = map(int, RANGE.read_text().split())
    assert not first <= free_port() <= last
