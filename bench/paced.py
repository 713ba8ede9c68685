"""Latency under a fixed rate, without coordinated omission.

How this works: each request has its instant, ``1/rate`` after the one before, whatever the server does. It goes out
then on the connection that has been free for longest; with none free it waits, and the wait is part of its latency,
which counts from the *intended* instant to the last octet of the answer. A load that waits for answers before it
sends would leave out the very requests that a slow moment delays. Requests that never went out within the window
count with the time that they had waited.

The process spins on its core instead of sleeping: an event loop's timers are a millisecond coarse. How late it was
itself, with a connection free, is found too (``late``): where that comes near the latencies, they are the generator's.
"""

import collections
import select
import socket
import time

from bench.cpu import cpu_seconds
from bench.work import BenchError, Found, Work

#: Seconds of load before the measured window.
WARM_UP = 0.3

#: Seconds that the last answers may take after the window.
DRAIN_TIMEOUT = 20.0

#: Where latencies are stored: enough to draw a curve from.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 1.0)

_RECEIVE = 1 << 16


def figure_name(quantile: float) -> str:
    """As in ``p99.9``, and what it is called among ``Found.figures``."""
    return f"p{quantile * 100:.10g}"


class Connection:
    """A socket with at most one request on its way."""

    __slots__ = ("data", "due", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.due = 0.0  # the intended instant of the request on its way


class Pace:
    """The load: what is due, what is on its way, what came back."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._interval = 1 / work.rate
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        for _ in range(work.connections):
            connection = Connection(work.port)
            self._connections[connection.sock.fileno()] = connection
            self._epoll.register(connection.sock.fileno(), select.EPOLLIN)
        self._free = collections.deque(self._connections.values())
        self.due = time.perf_counter()  # the next intended instant
        self.latencies: list[float] = []
        self.late: list[float] = []

    @property
    def under_way(self) -> int:
        return len(self._connections) - len(self._free)

    def until(self, end: float) -> None:
        """Send what is due before ``end``; return then."""
        free, interval, request, now = self._free, self._interval, self._work.request, time.perf_counter
        while (instant := now()) < end:
            blocked = not free
            while self.due <= instant and free:
                connection = free.popleft()
                connection.due = self.due
                connection.sock.sendall(request)
                if not blocked:
                    self.late.append(instant - self.due)
                self.due += interval
            self._collect(0)
            if blocked and free:  # what waits now waited for the server
                while self.due <= now() and free:
                    connection = free.popleft()
                    connection.due = self.due
                    connection.sock.sendall(request)
                    self.due += interval

    def drain(self) -> None:
        """Wait for the answers to what is under way. Raises BenchError: some never come."""
        end = time.perf_counter() + DRAIN_TIMEOUT
        while self.under_way and time.perf_counter() < end:
            self._collect(0.05)
        if self.under_way:
            raise BenchError(f"{self.under_way} of {self._work.connections} connections never got a whole answer")

    def _collect(self, timeout: float) -> None:
        for fd, _ in self._epoll.poll(timeout):
            connection = self._connections[fd]
            try:
                data = connection.sock.recv(_RECEIVE)
            except OSError as error:
                raise BenchError(f"connection lost: {error}") from error
            if not data:
                raise BenchError(f"connection lost after {len(self.latencies)} answers on all: closed by the server")
            connection.data += data
            if len(connection.data) < self._work.answer.size:
                continue
            if not self._work.answer.fits(connection.data):
                raise BenchError(f"wrong answer: {connection.data[:200]!r}")
            self.latencies.append(time.perf_counter() - connection.due)
            connection.data = b""
            self._free.append(connection)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.sock.close()
        self._epoll.close()


def run(work: Work) -> Found:
    """Load the server at ``work.rate`` for ``work.seconds``."""
    pace = Pace(work)
    try:
        pace.until(pace.due + WARM_UP)
        pace.drain()
        # A slow start is none of the window's.
        pace.latencies, pace.late, pace.due = [], [], time.perf_counter()
        began, cpu, own = pace.due, cpu_seconds(work.pids), time.process_time()
        pace.until(began + work.seconds)
        seconds, cpu, own = time.perf_counter() - began, cpu_seconds(work.pids) - cpu, time.process_time() - own
        answered = len(pace.latencies)
        unsent = max(0, int((began + seconds - pace.due) * work.rate))
        pace.drain()
    finally:
        pace.close()
    waited = [seconds - (pace.due - began) - number / work.rate for number in range(unsent)]
    latencies = sorted([*pace.latencies, *waited]) or [seconds]
    figures = {figure_name(q): _at(latencies, q) * 1e6 for q in QUANTILES}
    late = sorted(pace.late) or [0.0]
    figures["late_p99"] = _at(late, 0.99) * 1e6
    figures["kept_up"] = answered / max(1, answered + unsent)
    return Found(answered, seconds, cpu, answered * work.answer.size, own, figures)


def _at(ordered: list[float], quantile: float) -> float:
    """The smallest value that so large a share of all isn't above."""
    return ordered[min(len(ordered) - 1, max(0, -int(-quantile * len(ordered) // 1) - 1))]
