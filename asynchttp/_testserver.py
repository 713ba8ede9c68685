"""A server for the length of a test, in the running loop or in a thread: what :mod:`asynchttp.pytest_plugin` starts.

How this works
==============
The port is bound, and the kernel queues connections, before anything else: so it can be told at once. One coroutine,
:meth:`LocalServer._serve`, is the server's life, as a task of the test's loop or as all that a thread does. A loop that
is closed cancels its tasks first, and so ends a server that nobody stopped.
"""

import asyncio
import concurrent.futures
import contextlib
import importlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from asynchttp import ioloop, netutil
from asynchttp._adapters import adapt, interface_of
from asynchttp._dispatch import Starter
from asynchttp.httpserver import HTTPServer

__all__ = ["LocalServer"]


class LocalServer:
    """A server on a free port of 127.0.0.1.

    Args:
        handler: as of :func:`~asynchttp.pytest_plugin.asynchttp_server`.
        options: keyword arguments of :class:`~asynchttp.httpserver.HTTPServer`.
        tls: with a certificate of its own.
        loop_name: ``"asyncio"`` or ``"uvloop"``, for a thread; ``None``: the running loop, or any in a thread.

    Attributes:
        url: without a slash at its end.
        ssl_context: for clients: trusts the certificate of ``tls``; ``None`` without.
    """

    def __init__(self, handler: Any, options: dict[str, Any], *, tls: bool, loop_name: str | None) -> None:
        self.ssl_context: ssl.SSLContext | None = None
        if tls:
            options["ssl_options"], self.ssl_context = _make_contexts()
        self._handler = adapt(handler, interface_of(handler))
        self._server = HTTPServer(self._handler, **options)
        self._loop = _running_loop() if loop_name is None else None
        self._make_loop = _maker_of_loops(loop_name)
        self._stopping = asyncio.Event()
        #: in the test's loop
        self._task: asyncio.Task[None] | None = None
        #: in a loop of its own
        self._thread: threading.Thread | None = None
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._error: BaseException | None = None
        self._sockets = netutil.bind_sockets(0, "127.0.0.1")
        self.host: str
        self.port: int
        self.host, self.port = self._sockets[0].getsockname()[:2]
        self.url = f"{'https' if options.get('ssl_options') else 'http'}://{self.host}:{self.port}"

    def start(self) -> None:
        """Start it.  In a thread it has started when this returns; raises what its start-up raised."""
        if self._loop is not None:
            self._task = self._loop.create_task(self._serve())
            return
        self._thread = threading.Thread(target=self._run, name="asynchttp-server", daemon=True)
        self._thread.start()
        self._started.result()

    def stop(self) -> Awaitable[None]:
        """Stop listening and close all connections, whatever is in progress on them.  A second call does nothing.

        Returns: something that can be awaited. In a thread all is over when this returns.
        """
        if self._thread is None:
            self._stopping.set()
        elif self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        return _End(self._task)

    @property
    def in_thread(self) -> bool:
        return self._thread is not None

    def end(self) -> BaseException | None:
        """Stop it when the test is over and its loop doesn't run.

        Returns: what the application raised at start-up or shutdown: once, and unless :meth:`start` has raised it.
        """
        ended = self.stop()
        if self._task is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.run_until_complete(ended)
            if self._task.done() and not self._task.cancelled():
                self._error = self._task.exception()
            self._task = None
        for sock in self._sockets:  # of a task that was cancelled before it began
            sock.close()
        error, self._error = self._error, None
        return error

    def _run(self) -> None:
        """What the thread does."""
        try:
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                self._error = error
            else:
                self._started.set_exception(error)

    async def _serve(self) -> None:
        starter = self._handler if isinstance(self._handler, Starter) else None
        try:
            if starter is not None:
                await starter.startup()
            try:
                self._server.add_sockets(self._sockets)
                self._started.set_result(None)
                await self._stopping.wait()
            finally:
                self._server.stop()
                await self._server.close_all_connections()
                if starter is not None:
                    await starter.shutdown()
        finally:
            for sock in self._sockets:
                sock.close()


class _End:
    """Can be awaited: the end of a task, or of what is over already."""

    def __init__(self, task: "asyncio.Task[None] | None") -> None:
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        if self._task is not None:
            yield from asyncio.wait([self._task]).__await__()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _maker_of_loops(name: str | None) -> Callable[[], asyncio.AbstractEventLoop]:
    if name is None:
        return ioloop.new_asyncio_loop
    if name == "asyncio":
        return asyncio.new_event_loop
    if name == "uvloop":
        maker: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return maker
    raise ValueError(f"a loop is 'asyncio' or 'uvloop', not {name!r}")


def _make_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A context for a server, with a certificate of a new authority, and one for clients that trusts it."""
    try:
        trustme: Any = importlib.import_module("trustme")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("tls=True needs trustme: pip install trustme", name="trustme") from error
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client
