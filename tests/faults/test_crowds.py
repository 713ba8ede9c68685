"""Crowds of clients that want nothing: what they cost in time and in memory."""

import asyncio
import contextlib
import pathlib
import re
import resource
import socket
import ssl
import sys
import time
from collections.abc import Iterator

import pytest
import trustme

from tests.faults.kit import memory_of, start_crew
from tests.support.processes import start_python
from tests.support.rawclient import RawClient

CONNECTIONS = 2000
#: Octets of memory for one that is idle, beyond the interpreter. A transport of asyncio's is in Python and costs more:
#: from 3.12 on it has a deque, which alone takes 760.
IDLE = {"uvloop": 3072, "asyncio": 4608}

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@contextlib.contextmanager
def descriptors(number: int) -> Iterator[None]:
    """At least so many for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip(f"the system grants {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@linux
@pytest.mark.parametrize("style", ["/pid", "/raw"])
def test_idle_connection_costs_little_memory(
    loop_name: str, style: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has had a request, and keeps nothing of it."""
    # From compiled bytecode, or the compiler's leavings would be used for some of them.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    with start_crew(loop_name, 0):
        pass
    request = f"GET {style} HTTP/1.1\r\nHost: test\r\nUser-Agent: crowd\r\nAccept: */*\r\n\r\n".encode()
    with (
        descriptors(CONNECTIONS + 500),
        start_crew(loop_name, 0, descriptors=CONNECTIONS + 500) as crew,
        contextlib.ExitStack() as stack,
    ):

        def connect(number: int) -> None:
            for _ in range(number):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", crew.port), timeout=20))
                client.sendall(request)
                assert client.recv(1000).startswith(b"HTTP/1.1 200 ")

        connect(200)  # the interpreter and its allocator have what they need
        before = memory_of(crew.pid)
        connect(CONNECTIONS)
        each = (memory_of(crew.pid) - before) / CONNECTIONS
        assert each <= IDLE[loop_name]


@pytest.mark.asyncio(loop_factories=["asyncio"])  # of the clients
async def test_stalled_tls_handshakes_do_not_slow_the_healthy(loop_name: str, tmp_path: pathlib.Path) -> None:
    """Some have said nothing, some a half of their first word; and all are gone after the time of a head."""
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    files = {"certfile": str(tmp_path / "both.pem"), "keyfile": str(tmp_path / "both.pem")}
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with start_crew(loop_name, 0, server={"ssl_options": files, "header_timeout": 3}) as crew:

        async def healthy() -> float:
            """Seconds for a handshake and a request; the best of several, for the machine has other work."""
            best = 60.0
            for _ in range(5):
                started = time.monotonic()
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", crew.port, ssl=context, server_hostname="localhost"
                )
                writer.write(b"GET /pid HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
                best = min(best, time.monotonic() - started)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            return best

        calm = await healthy()
        async with contextlib.AsyncExitStack() as stack:
            stalled: list[RawClient] = []
            for number in range(200):
                client = await stack.enter_async_context(await RawClient.connect(crew.port, deadline=20))
                if number % 2:
                    await client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                stalled.append(client)
            crowded = await healthy()
            print(f"{loop_name}: {calm * 1000:.1f} ms alone, {crowded * 1000:.1f} ms beside 200 stalled handshakes")
            assert crowded < calm + 0.2
            for client in stalled:
                assert await client.read_to_end() == b""


def test_mixed_load_with_faults(loop_name: str) -> None:
    """Nothing lost, wrong or out of order, and no traceback; slopes need minutes, which ``python -m`` gives them."""
    arguments = ("-m", "tests.faults.soak", "--minutes", "0.08", "--loop", loop_name, "--seed", "1", "--clients", "2")
    with start_python(*arguments, deadline=50) as process:
        code = process.wait()
        assert code == 0, process._evidence()
        assert re.search(r"^steady: [1-9]", process.stdout, re.MULTILINE)
        assert re.search(r"^shaken: [1-9].*\n.*[1-9] (kill|stop|reload|more|less|term)", process.stdout, re.MULTILINE)
