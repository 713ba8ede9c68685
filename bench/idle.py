"""What an idle connection costs: memory, and CPU time for doing nothing.

How this works: the server answers some requests on a few connections, so that what it makes once is made. Then its
memory is read; so many connections are opened, each sends one request and gets its answer; they are left alone for a
moment, and the memory is read again. During the window nothing is sent: CPU time in it is the price of having them.
"""

import contextlib
import resource
import socket
import ssl
import time

from bench.cpu import cpu_seconds
from bench.memory import resident
from bench.tls import client_context
from bench.work import BenchError, Found, Work

#: Connections and requests on each before the memory is read first; few, for what they leave behind is used again.
FEW, REQUESTS = 4, 250

#: Seconds in which a server may do what it does after an answer.
SETTLE = 0.5

#: Descriptors beside the connections, of the server or of us.
SPARE = 200


def raise_limit(connections: int) -> None:
    """Allow this process, and those that it starts from now on, so many descriptors.

    Raises: BenchError: the hard limit is lower.
    """
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError):  # above the hard limit, or above what the kernel has at all
        raise BenchError(
            f"{connections:,} connections need {needed:,} open files, the hard limit is {hard:,}"
        ) from None


def run(work: Work) -> Found:
    """Open the connections, use each once, leave them alone for ``work.seconds``."""
    raise_limit(work.connections)
    context = client_context(work.authority) if work.authority else None
    with contextlib.ExitStack() as few:
        for _ in range(FEW):
            sock = few.enter_context(_connected(work, context))
            for _ in range(REQUESTS):
                _ask(sock, work)
    time.sleep(SETTLE)
    before = resident(work.pids)
    with contextlib.ExitStack() as many:
        socks = [many.enter_context(_connected(work, context)) for _ in range(work.connections)]
        for sock in socks:
            _ask(sock, work)
        time.sleep(SETTLE)
        after = resident(work.pids)
        cpu, began = cpu_seconds(work.pids), time.perf_counter()
        time.sleep(work.seconds)
        cpu, seconds = cpu_seconds(work.pids) - cpu, time.perf_counter() - began
        for sock in socks:  # they are still there, and served
            _ask(sock, work)
    figures = {"octets": (after - before) / work.connections, "first": before, "last": after}
    return Found(work.connections, seconds, cpu, work.connections * work.answer.size, figures=figures)


def _connected(work: Work, context: ssl.SSLContext | None) -> socket.socket:
    try:
        sock = socket.create_connection(("127.0.0.1", work.port), timeout=60)
        return sock if context is None else context.wrap_socket(sock, server_hostname="127.0.0.1")
    except OSError as error:
        raise BenchError(f"can't connect: {error}") from error


def _ask(sock: socket.socket, work: Work) -> None:
    data = b""
    try:
        sock.sendall(work.request)
        while len(data) < work.answer.size:
            received = sock.recv(1 << 16)
            if not received:
                raise BenchError(f"closed by the server after {data[:100]!r}")
            data += received
    except OSError as error:
        raise BenchError(f"{error}, after {data[:100]!r}") from error
    if not work.answer.fits(data):
        raise BenchError(f"wrong answer: {data[:200]!r}")
