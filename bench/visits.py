"""A new connection for each request: connect, shake hands, ask, and close or see that the server does.

Bare sockets and one epoll: an event loop's way of connecting would cost more than the server's way of accepting.
"""

import enum
import select
import socket
import ssl
import time

from bench.cpu import cpu_seconds
from bench.tls import client_context
from bench.work import BenchError, Found, Work

#: Seconds of load before the measured window.
WARM_UP = 0.15

#: Seconds that the last visits may take after the window.
DRAIN_TIMEOUT = 20.0

_RECEIVE = 1 << 16


class _Step(enum.Enum):
    HANDSHAKE = enum.auto()
    ANSWER = enum.auto()
    END = enum.auto()  # the server is to close


class Visit:
    """One connection, from connecting to closing."""

    __slots__ = ("_data", "_sock", "_step", "_work")

    def __init__(self, work: Work, context: ssl.SSLContext | None) -> None:
        self._work = work
        self._data = b""
        try:
            # Blocking: over the loopback interface the handshake of TCP is over when the system call is.
            sock = socket.create_connection(("127.0.0.1", work.port))
        except OSError as error:
            raise BenchError(f"can't connect: {error}") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        if context is None:
            self._ask()
            return
        sock.setblocking(False)
        self._sock = context.wrap_socket(sock, server_hostname="127.0.0.1", do_handshake_on_connect=False)
        self._step = _Step.HANDSHAKE
        self.advance()

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def _ask(self) -> None:
        self._sock.sendall(self._work.request)
        self._step = _Step.ANSWER

    def advance(self) -> bool:
        """The socket is readable. Returns whether the visit is over. Raises BenchError: not as it should be."""
        try:
            if self._step is _Step.HANDSHAKE:
                self._sock.do_handshake()  # type: ignore[attr-defined] # it is one of TLS
                self._ask()
                return False
            data = self._sock.recv(_RECEIVE)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except ssl.SSLEOFError:
            data = b""
        except OSError as error:
            raise BenchError(f"connection lost: {error}") from error
        if not data and self._step is not _Step.END:
            raise BenchError(f"closed after {len(self._data)} of {self._work.answer.size} octets")
        if not data:
            return True
        self._data += data
        if len(self._data) < self._work.answer.size:
            return False
        if not self._work.answer.fits(self._data):
            raise BenchError(f"wrong answer: {self._data[:200]!r}")
        if b"\r\nConnection: close\r\n" not in self._work.request:
            return True
        self._step = _Step.END
        return False


class Visits:
    """So many at the same time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._context = client_context(work.authority) if work.authority else None
        self._epoll = select.epoll()
        self._open: dict[int, Visit] = {}
        self.done = 0

    def start(self) -> None:
        visit = Visit(self._work, self._context)
        self._open[visit.fileno()] = visit
        self._epoll.register(visit.fileno(), select.EPOLLIN)

    def until(self, deadline: float, again: bool) -> int:
        """Go on until then; with ``again`` each visit is followed by another. Returns how many are under way."""
        while self._open and time.perf_counter() < deadline:
            for fd, _ in self._epoll.poll(0.05):
                visit = self._open[fd]
                if visit.advance():
                    del self._open[fd]
                    visit.close()  # epoll forgets it
                    self.done += 1
                    if again:
                        self.start()
        return len(self._open)

    def close(self) -> None:
        for visit in self._open.values():
            visit.close()
        self._epoll.close()


def run(work: Work) -> Found:
    """Visit the server for ``work.seconds``."""
    visits = Visits(work)
    try:
        for _ in range(work.connections):
            visits.start()
        visits.until(time.perf_counter() + WARM_UP, again=True)
        done, began, cpu, own = visits.done, time.perf_counter(), cpu_seconds(work.pids), time.process_time()
        visits.until(began + work.seconds, again=True)
        done, seconds, cpu = visits.done - done, time.perf_counter() - began, cpu_seconds(work.pids) - cpu
        own = time.process_time() - own
        if left := visits.until(time.perf_counter() + DRAIN_TIMEOUT, again=False):
            raise BenchError(f"{left} of {work.connections} connections never came to their end")
    finally:
        visits.close()
    return Found(done, seconds, cpu, done * work.answer.size, own)
