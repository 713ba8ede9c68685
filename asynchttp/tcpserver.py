"""A server of streams: accepts connections and gives each to ``handle_stream``."""

import asyncio
import inspect
import socket
import ssl
from collections.abc import Iterable
from typing import Any

from asynchttp import netutil, process
from asynchttp._certificates import Certificates, ServerSSLOptions, checked_ssl_options
from asynchttp._crewserver import obey
from asynchttp._drain import Drain
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._listeners import Kind, Listeners
from asynchttp._supervisor import Supervisor
from asynchttp._worker import Recycling
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, SSLIOStream
from asynchttp.log import app_log

__all__ = ["TCPServer"]


class TCPServer:
    """Accepts connections; subclasses say in :meth:`handle_stream` what happens on one.

    >>> class EchoServer(TCPServer):
    ...     async def handle_stream(self, stream, address):
    ...         while True:
    ...             await stream.write(await stream.read_until(b"\\n"))

    Args:
        ssl_options: speak TLS: an :class:`ssl.SSLContext`, a function that makes one, or a dict for
            :func:`~asynchttp.netutil.ssl_options_to_context` with at least ``certfile``. The dict may have ``sni`` too:
            names of servers, or ``*.example.org``, with dicts that name other files for them.
        max_buffer_size, read_chunk_size: of each :class:`~asynchttp.iostream.IOStream`.

    With TLS :meth:`handle_stream` is called before the handshake.

    Raises: :exc:`KeyError` for ``ssl_options`` without ``certfile``, :exc:`ValueError` for a file that doesn't exist.
    Source: Tornado ``tcpserver.TCPServer``.
    """

    #: what TLS clients are offered by ALPN
    _alpn: tuple[str, ...] = ()

    @accepts_io_loop(at=0, none_is_loop=True)
    def __init__(
        self,
        ssl_options: ServerSSLOptions | None = None,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        *,
        io_loop: IOLoop | None = None,
    ) -> None:
        self.ssl_options = checked_ssl_options(ssl_options)
        self.max_buffer_size = max_buffer_size
        self.read_chunk_size = read_chunk_size
        #: the loop that accepts, once there is one
        self.io_loop: IOLoop | None = io_loop
        self._certificates: Certificates | None = None
        self._ssl_context: ssl.SSLContext | None = None
        self._sockets: dict[int, socket.socket] = {}
        self._acceptors: dict[int, netutil._Acceptor] = {}
        self._pending: list[socket.socket] = []
        # Listeners that nobody else accepts on, as far as we know: those that this object opened.
        self._own: set[int] = set()
        self._started = False
        # Asyncio holds its tasks weakly.
        self._tasks: set[asyncio.Future[Any]] = set()

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind and accept at once.  May be called several times.

        Args:
            port: 0 takes a free one, the same for all addresses.
            address: IP address or host name; ``None`` or ``""``: all interfaces.
            family: ``AF_INET`` or ``AF_INET6`` to have only that.
            backlog: connections that the kernel queues for each socket.
            flags: ``AI_*`` flags for ``getaddrinfo``; ``None``: ``AI_PASSIVE``.
            reuse_port: let other processes listen on the same port (``SO_REUSEPORT``).

        Raises: :exc:`OSError` for a port in use, an address that isn't ours, a broken file of ``ssl_options``.
        """
        self._read_certificates()  # before there is anything to close
        self.add_sockets(self._bind(port, address, family, backlog, flags, reuse_port))

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind now, accept when :meth:`start` is called; at once, if it was.

        Arguments and errors: :meth:`listen`. Up to Tornado 6.1 ``reuse_port`` stood where ``flags`` is; a ``bool``
        there is taken as it.
        """
        if isinstance(flags, bool):
            reuse_port = flags
            flags = None
        sockets = self._bind(port, address, family, backlog, flags, reuse_port)
        if self._started:
            self.add_sockets(sockets)
        else:
            self._pending.extend(sockets)

    def _bind(self, *where: Any) -> list[socket.socket]:
        sockets = netutil.bind_sockets(*where)
        self._own.update(sock.fileno() for sock in sockets)
        return sockets

    def start(
        self,
        num_processes: int | None = 1,
        max_restarts: int | None = None,
        *,
        listeners: Kind | None = None,
        graceful_timeout: float = 30.0,
        shutdown_delay: float = 0.0,
        restart_window: float = 120.0,
        worker_timeout: float | None = None,
        recycling: Recycling | None = None,
    ) -> None:
        """Accept on what was bound; with more than one process, fork them first.

        Args:
            num_processes: ``None`` or 0: one for each core. With more than one this call returns in the children only,
                and must come before any loop runs. The parent supervises them, obeys signals (SIGTERM and SIGINT stop
                without losing a request, SIGHUP replaces the children, SIGTTIN and SIGTTOU change their number) and
                ends with exit code 0. A child's loop stops when it is told to end; one that ends by itself with exit
                code 0 isn't replaced.
            max_restarts: of children that died within 5 s of their start, within ``restart_window`` seconds, before
                all end with exit code 1; ``None``: 20.
            listeners: ``"per-worker"``: a socket for each process, which spreads connections best; ``"shared"``: one
                for all; ``"reuse-port"``: each process opens its own. ``None``: the first where the kernel can
                (Linux), else the second. What each costs: :mod:`asynchttp._listeners`.
            graceful_timeout: seconds for what is in progress when a child is told to end.
            shutdown_delay: seconds of full service before that, at the end of all, in which :attr:`ready` is false.
            worker_timeout: seconds for which a child's loop may be stuck before its stack is logged, and it is killed
                and replaced; ``None``: for ever.
            recycling: when children are replaced by fresh ones.

        With one process nothing but accepting begins: signals are the program's.

        Raises: :exc:`AssertionError` the second time.
        """
        if self._started:
            raise AssertionError("start() was called before")
        self._started = True
        if num_processes != 1:
            self._take_listeners_back()
            supervisor = Supervisor(
                None,
                process.number_of_processes(num_processes),
                Listeners(
                    self._pending, listeners, exclusive=self._own.issuperset(sock.fileno() for sock in self._pending)
                ),
                graceful_timeout=graceful_timeout,
                shutdown_delay=shutdown_delay,
                max_restarts=20 if max_restarts is None else max_restarts,
                restart_window=restart_window,
                ready_timeout=None,
                worker_timeout=worker_timeout,
                recycling=recycling,
                replace_finished=False,
            )
            self._pending = process.fork_crew(supervisor).sockets
        self.add_sockets(self._pending)  # if this raises, they are still there for stop()
        self._pending = []

    def _read_certificates(self) -> None:
        if self.ssl_options is not None and self._ssl_context is None:
            self._certificates = Certificates(self.ssl_options, self._alpn)
            self._ssl_context = self._certificates.context

    def _take_listeners_back(self) -> None:
        """Undo ``listen``, which many programs call before ``start(n)``: each child accepts on a loop of its own."""
        for fd, sock in self._sockets.items():
            self._acceptors[fd].remove()
            self._pending.append(sock)
        self._sockets.clear()
        self._acceptors.clear()
        self.io_loop = None

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept on listening sockets, which become the server's own."""
        if self.io_loop is None:
            self.io_loop = IOLoop.current()
        self._read_certificates()
        for sock in sockets:
            fd = sock.fileno()
            self._sockets[fd] = sock
            self._acceptors[fd] = acceptor = netutil._Acceptor(sock, self._accepted, self.io_loop)
            acceptor.rest(self._accepting_rests)
        if (worker := process.worker()) is not None:
            obey(worker, self.io_loop, self)

    def reload_certificates(self) -> bool:
        """Read the files of ``ssl_options`` again, for connections from now on; open ones aren't touched.

        Returns: whether they are in force now. If one is missing or broken, that is logged as an error and the old ones
            stay. ``False``, too, for a server without TLS, and before it listens.
        Raises: :exc:`ValueError` if ``ssl_options`` is a context: nobody knows its files.
        """
        if self._certificates is None or not self._certificates.reload():
            return False
        self._ssl_context = self._certificates.context
        return True

    def add_socket(self, socket: socket.socket) -> None:
        """Accept on one listening socket."""
        self.add_sockets([socket])

    @property
    def sockets(self) -> list[socket.socket]:
        """The listening sockets, for their addresses."""
        return [*self._sockets.values(), *self._pending]

    def stop(self) -> None:
        """Accept no more, and close the listening sockets.  Open connections live on; :meth:`listen` may come again."""
        for fd, sock in self._sockets.items():
            if sock.fileno() == fd:
                self._acceptors[fd].remove()
                sock.close()
        for sock in self._pending:
            sock.close()
        self._sockets.clear()
        self._acceptors.clear()
        self._pending.clear()
        self._own.clear()

    # -- accepting ---------------------------------------------------------------------------------------------------

    _accepting_rests = False

    def _rest_accepting(self, rest: bool) -> None:
        """Leave new connections to the kernel's queues, or go on accepting."""
        if rest is not self._accepting_rests:
            self._accepting_rests = rest
            for acceptor in self._acceptors.values():
                acceptor.rest(rest)

    # -- a graceful end ----------------------------------------------------------------------------------------------

    _ending = False
    _drain_of_this: Drain | None = None

    @property
    def ready(self) -> bool:
        """Whether connections are accepted, and :meth:`shutdown` hasn't begun: what a balancer should be told."""
        return bool(self._sockets) and not self._ending

    async def shutdown(
        self, timeout: float | None = None, *, delay: float = 0.0, exclusive: bool | None = None
    ) -> None:
        """End without losing anything: accept no more, but who waits already is served; finish what is in progress.

        Args:
            timeout: seconds for what is in progress, then it is cut; ``None``: no limit. 0 cuts at once.
            delay: seconds of full service before that, in which :attr:`ready` is false.
            exclusive: whether nobody else accepts, or will accept, on these listeners. Then (on Linux) handshakes that
                begin now are ignored, so that none is cut in its middle. ``None``: true of those that :meth:`listen`
                and :meth:`bind` opened.

        May be called again, to give less time. Cancelling stops the waiting, not the end. The server can't be used
        again. What it finishes: here, coroutines of :meth:`handle_stream`; of an HTTP server, requests.
        """
        self._ending = True
        if self._drain_of_this is None:
            own = self._own
            self._drain_of_this = Drain(
                self, timeout, delay, lambda sock: sock.fileno() in own if exclusive is None else exclusive
            )
        else:
            self._drain_of_this.limit(timeout)
        await self._drain_of_this.wait()

    def _adopt(self, sock: socket.socket) -> None:
        """Accept on a socket of a neighbour that has gone."""
        self.add_sockets([sock])

    def _stop_polling(self) -> list[socket.socket]:
        sockets = self.sockets
        for acceptor in self._acceptors.values():
            acceptor.remove()
        self._sockets.clear()
        self._acceptors.clear()
        self._pending.clear()
        return sockets

    def _begin_drain(self) -> None:
        """Called once: from now on, connections only end."""

    def _drain(self) -> bool:
        return not self._tasks

    def _cut(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    # -- connections -------------------------------------------------------------------------------------------------

    def handle_stream(self, stream: IOStream, address: Any) -> Any:
        """Serve one connection; a subclass says how, as a plain method or a coroutine.

        Args:
            address: of the peer, as :meth:`socket.socket.accept` gives it.
        """
        raise NotImplementedError

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        stream = None
        try:
            stream = self._make_stream(connection)
            result = self.handle_stream(stream, address)
            if result is not None and inspect.isawaitable(result):
                self._run(stream, result)
        except Exception:
            app_log.error("Error in connection callback", exc_info=True)
            (connection if stream is None else stream).close()

    def _make_stream(self, connection: socket.socket) -> IOStream:
        sizes = {"max_buffer_size": self.max_buffer_size, "read_chunk_size": self.read_chunk_size}
        if self._ssl_context is None:
            return IOStream(connection, **sizes, io_loop=self.io_loop)
        stream = SSLIOStream(connection, **sizes, ssl_options=self._ssl_context, server_side=True, io_loop=self.io_loop)
        stream._attach()  # the handshake begins, whatever handle_stream does
        return stream

    def _run(self, stream: IOStream, awaitable: Any) -> None:
        """Keep a coroutine of ``handle_stream`` alive.

        Its stream is closed if it is cancelled, or fails, which is logged.
        """
        assert self.io_loop is not None

        def ended(future: "asyncio.Future[Any]") -> None:
            self._tasks.discard(future)
            if future.cancelled():
                stream.close()  # nobody serves it any more
            elif (error := future.exception()) is not None:
                app_log.error("Exception in callback %r", self.handle_stream, exc_info=error)
                stream.close()

        future = asyncio.ensure_future(awaitable, loop=self.io_loop.asyncio_loop)
        self._tasks.add(future)
        future.add_done_callback(ended)
