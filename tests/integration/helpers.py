"""What the tests of this directory share: requests as octets, and a clock that a test turns by hand."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.httpserver import HTTPServer
from tests.support import servers
from tests.support.servers import RunningServer

__all__ = [
    "APPLICATION",
    "Clock",
    "Recorder",
    "all_closed",
    "attributes",
    "build_request",
    "expect_failure",
    "only_connection",
    "run_server",
    "run_server_with_clock",
    "turns",
    "until",
    "within",
]

APPLICATION = "asynchttp.application"


def build_request(
    path: str = "/",
    *fields: str,
    method: str = "GET",
    version: str = "HTTP/1.1",
    host: str | None = "test",
    body: bytes | None = None,
) -> bytes:
    """The octets of a request; with a ``body`` its Content-Length is added."""
    lines = [f"{method} {path} {version}", *([f"Host: {host}"] if host is not None else ()), *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Recorder:
    """A handler that answers with the target, and notes (method, uri, body) of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bytes]] = []

    def __call__(self, request: Any) -> None:
        self.calls.append((request.method, request.uri, request.body))
        request.respond(f"{request.uri}\n")

    @property
    def paths(self) -> list[str]:
        return [uri for _, uri, _ in self.calls]


async def within(awaitable: Any, seconds: float = 5.0) -> Any:
    """Wait for something that must happen soon."""
    async with asyncio.timeout(seconds):
        return await awaitable


async def turns(count: int = 5) -> None:
    """Let the loop run a few times: for what must *not* happen."""
    for _ in range(count):
        await asyncio.sleep(0)


class Connections(dict[HTTP1ServerConnection, None]):
    """A server's connections, which tell when they have all gone."""

    def __init__(self) -> None:
        super().__init__()
        self._waiters: list[asyncio.Event] = []

    def pop(self, connection: HTTP1ServerConnection, default: None = None) -> None:  # type: ignore[override]
        super().pop(connection, default)
        if not self:
            for event in self._waiters:
                event.set()

    async def gone(self) -> None:
        if self:
            event = asyncio.Event()
            self._waiters.append(event)
            await event.wait()


@contextlib.asynccontextmanager
async def run_server(handler: Any, **options: Any) -> AsyncIterator[RunningServer]:
    """:func:`tests.support.servers.run_server`, for a server whose connections can be waited for."""
    async with servers.run_server(handler, **options) as running:
        running.server._connections = Connections()
        yield running


async def all_closed(server: HTTPServer, seconds: float = 5.0) -> None:
    """Wait until the server has no connection left."""
    assert isinstance(server._connections, Connections)
    await within(server._connections.gone(), seconds)


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until ``condition`` holds, for what no event tells: the inside of a connection."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


def only_connection(server: HTTPServer) -> HTTP1ServerConnection:
    (connection,) = server._connections
    return connection


def expect_failure(expect_log: Callable[..., Any], pattern: str = "", count: int = 1) -> Any:
    """Announce that a handler fails: an error on the application's logger, ``count`` times and no more."""
    return expect_log(APPLICATION, pattern, level=logging.ERROR, count=count)


class Clock:
    """The time of one server's deadlines. It stands still until :meth:`advance`."""

    def __init__(self, server: HTTPServer) -> None:
        assert server._sweep is not None
        assert not server._connections, "its timer runs already"
        self._now = 1000.0
        self._timers: list[tuple[float, _Timer]] = []
        self.sweep = server._sweep
        self.sweep._loop = self  # type: ignore[assignment]
        self.sweep._renew()

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> "_Timer":
        timer = _Timer(self, callback)
        self._timers.append((self._now + delay, timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        end = self._now + seconds
        while due := [entry for entry in self._timers if entry[0] <= end]:
            entry = min(due, key=lambda entry: entry[0])
            self._timers.remove(entry)
            self._now = entry[0]
            entry[1].callback()
        self._now = end

    def advance_past(self, limit: float) -> None:
        """Let ``limit`` seconds pass, and as much more as a coarse clock may need to notice."""
        self.advance(limit + 3 * self.sweep.period)

    def almost(self, limit: float) -> None:
        """Let ``limit`` seconds pass but for a hundredth."""
        self.advance(limit * 0.99)

    @property
    def timers(self) -> int:
        return len(self._timers)


class _Timer:
    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self.callback = callback

    def cancel(self) -> None:
        self._clock._timers = [entry for entry in self._clock._timers if entry[1] is not self]


@contextlib.asynccontextmanager
async def run_server_with_clock(handler: Any, **options: Any) -> AsyncIterator[tuple[RunningServer, Clock]]:
    async with run_server(handler, **options) as running:
        yield running, Clock(running.server)


@contextlib.contextmanager
def attributes(target: Any, **values: Any) -> Iterator[None]:
    """Set attributes of a module for the length of a block."""
    before = {name: getattr(target, name) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)
