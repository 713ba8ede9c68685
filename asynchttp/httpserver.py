"""An HTTP/1.1 server for handlers in Python.

>>> def handle(request):
...     request.respond(b"Hello, world!")
>>> server = HTTPServer(handle)
"""

import asyncio
import dataclasses
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Self

from asynchttp import _dispatch, _limits, netutil, process
from asynchttp._accesslog import AccessLog
from asynchttp._admin import Admin, check_health_path, with_health_path
from asynchttp._certificates import ServerSSLOptions
from asynchttp._context import PeerContext
from asynchttp._dispatch import Style
from asynchttp._figures import Crew, Figures, Publisher, Stats
from asynchttp._h1 import serializer
from asynchttp._interfaces import HTTPConnection as ResponseConnection
from asynchttp._interfaces import HTTPMessageDelegate, HTTPServerConnectionDelegate
from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._observed import ObservedConnection, Observer, Observers, Outcome, tell
from asynchttp._proxied import PROXY_PROTOCOLS, ProxiedAddress, ProxiedConnection
from asynchttp._proxyprotocol import ProxyHeader
from asynchttp._reasons import REASONS
from asynchttp._response import TURN_SIZE
from asynchttp._sweep import Sweep
from asynchttp._tornado import close_websocket
from asynchttp._trust import AddressList
from asynchttp.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from asynchttp.httputil import HTTPRequest
from asynchttp.iostream import IOStream
from asynchttp.tcpserver import TCPServer
from asynchttp.util import Configurable

__all__ = ["AccessLog", "HTTPConnection", "HTTPRequest", "HTTPServer", "Observer", "Outcome"]

#: Seconds that a connection gets for a first or next request while the server ends. A client that has its response is
#: about to send another: it mustn't find the connection closed.
_LAST_CHANCE = 1.0


class HTTPServer(TCPServer, Configurable, HTTPServerConnectionDelegate):
    """A server that calls ``request_callback`` for each request.

    Args:
        request_callback: a function ``handle(request)`` that answers by ``request.write`` and ``request.finish``, or by
            ``request.respond``, at once or later; or a coroutine function that does so before it returns, or returns
            ``bytes``, ``str`` or :class:`~asynchttp.httputil.HTTPResponse`; or a delegate, such as a
            ``tornado.web.Application``.
        ssl_options: speak TLS: an :class:`ssl.SSLContext`, a function that makes one, or a dict with ``certfile`` and
            ``keyfile``, see :class:`~asynchttp.tcpserver.TCPServer`.
        decompress_request: undo ``Content-Encoding: gzip`` and ``deflate`` of request bodies.
        stream_request_body: start a coroutine handler at the head of the request; ``async for chunk in
            request.body_chunks()`` reads the body.
        no_keep_alive: close each connection after its first response.
        xheaders: believe ``X-Real-Ip`` or ``X-Forwarded-For``, and ``X-Scheme`` or ``X-Forwarded-Proto``: only behind a
            proxy that sets them.
        protocol: ``"http"`` or ``"https"``: what the proxy speaks, if it doesn't say; default ``"http"``.
        max_buffer_size: octets that a stream may hold; default 100 MiB.
        chunk_size: octets of input that wait behind an unfinished request before reading pauses; default 64 KiB.
        max_header_size: octets of a request head; more is ``431``, or ``414`` within the request line; default 64 KiB.
        max_header_count: fields of a request head; more is ``431``; default 100.
        max_body_size: octets of a request body; more is ``413``; default ``max_buffer_size``.
        header_timeout: seconds for a request head from its first octet, then ``408``; and for a new connection to send
            that octet, then it is closed; default 60.
        idle_connection_timeout: seconds between requests before the connection is closed; default 75.
        body_timeout: seconds for a request body, then ``408``; default: no limit.
        write_timeout: seconds without the client taking anything of what is sent to it; default 60.
        linger_timeout, linger_size: for how many seconds, and octets, a client may go on sending behind the last word
            that was said to it. They are read and dropped, so that it sees that word; default 1 and 256 KiB. A body of
            at most ``linger_size`` that its handler didn't read is dropped, and the connection lives on.
        max_connections: open connections, above which accepting rests and the kernel queues; default: no limit.
        limit_concurrency: requests in progress, above which the next is answered by ``503``; default: no limit.
        handler_timeout: seconds for a handler, from the start of a request to the end of its response, then ``503``, or
            a cut connection if its head is out; a coroutine is cancelled. Default: no limit.
        cancel_on_disconnect: cancel a coroutine handler whose client goes away before it has answered; default: it runs
            to its end, and can ask ``request.connection.closed`` or set a close callback.
        allow_bare_lf: serve very old clients, all of whose line ends in a request head are a bare LF (RFC 9112 §2.2).
            A head with both kinds is refused all the same, and so is a bare LF in chunked framing. Not behind a proxy,
            which may see other requests than we do; default: off.
        access_log: write a record for each request to the logger ``asynchttp.access``: ``"combined"``, ``"common"``,
            ``"tornado"``, ``"json"``, or a format with the atoms of :class:`AccessLog`; default: none.
        observers: are told of connections and requests: objects with methods of :class:`Observer`.
        stats: count requests, octets and durations for :meth:`stats`, too, which costs a little for each request.
        health_path: a path that is answered as ``/readyz`` of :meth:`admin` is, without the handler.
        trusted_downstream: addresses of proxies, and networks such as ``10.0.0.0/8``, to skip in ``X-Forwarded-For``.
        trusted_proxies: addresses and networks of proxies, ``*`` for all: only their ``xheaders`` and PROXY headers are
            believed, and they are skipped as well; UNIX sockets are always believed; default: every peer is.
        proxy_protocol: ``"v1"``, ``"v2"`` or ``"auto"`` (either): a connection of a trusted proxy begins with a PROXY
            header, before TLS, within ``header_timeout``; default ``"off"``.
        server_header: the ``Server`` field of responses made by ``request.respond`` (or returned by a coroutine
            function) and of refusals; default: none.
        ssl_reload: seconds between looks at the files of ``ssl_options``, to take them anew when they have changed;
            default: only :meth:`reload_certificates` does.

    Timeouts are looked at once or more a second; none comes early.
    ``HTTPServer.configure(Subclass, option=1)`` makes ``HTTPServer(...)`` return a ``Subclass``, as of
    :class:`~asynchttp.util.Configurable`.  Source: Tornado ``httpserver.HTTPServer``.
    """

    _alpn = ("http/1.1",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Not Configurable's, which would call initialize() with the arguments of a subclass's own __init__().
        implementation: Any = cls.configured_class() if cls is HTTPServer else cls
        server: Self = object.__new__(implementation)
        return server

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Subclasses of Tornado 4.2+ override initialize(), older ones __init__().
        implementation, options = HTTPServer._save_configuration()
        if options and type(self) is implementation:
            kwargs = {**options, **kwargs}
        self.initialize(*args, **kwargs)

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return HTTPServer

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return HTTPServer

    @accepts_io_loop(at=2, none_is_loop=True)
    def initialize(
        self,
        request_callback: Any,
        no_keep_alive: bool = False,
        xheaders: bool = False,
        ssl_options: ServerSSLOptions | None = None,
        protocol: str | None = None,
        decompress_request: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        trusted_downstream: "list[str] | None" = None,
        *,
        stream_request_body: bool = False,
        max_header_count: int | None = None,
        header_timeout: float | None = None,
        write_timeout: float | None = None,
        linger_timeout: float | None = None,
        linger_size: int | None = None,
        allow_bare_lf: bool = False,
        access_log: str | None = None,
        observers: Iterable[Any] = (),
        stats: bool = False,
        health_path: str | None = None,
        max_connections: int | None = None,
        limit_concurrency: int | None = None,
        handler_timeout: float | None = None,
        cancel_on_disconnect: bool = False,
        trusted_proxies: Iterable[str] | None = None,
        proxy_protocol: str | None = None,
        ssl_reload: float | None = None,
        server_header: str | None = None,
        io_loop: Any = None,
    ) -> None:
        TCPServer.__init__(
            self, ssl_options, max_buffer_size=max_buffer_size, read_chunk_size=chunk_size, io_loop=io_loop
        )
        _dispatch.check_handler(
            request_callback, decompress=decompress_request, stream_request_body=stream_request_body
        )
        self._stream_request_body = stream_request_body
        self.request_callback = request_callback
        self.xheaders = xheaders
        self.protocol = protocol
        self.trusted_downstream = AddressList(trusted_downstream or ())
        self.trusted_proxies = None if trusted_proxies is None else AddressList.checked(trusted_proxies)
        if (proxy_protocol or "off") not in PROXY_PROTOCOLS:
            raise ValueError(f"proxy_protocol={proxy_protocol!r}: expected one of {', '.join(PROXY_PROTOCOLS)}")
        self.proxy_protocol = proxy_protocol or "off"
        self.ssl_reload = ssl_reload
        self._server_line = b"" if server_header is None else serializer.encode_fields([("Server", server_header)])
        default = HTTP1ConnectionParameters()
        self.conn_params = HTTP1ConnectionParameters(
            no_keep_alive=no_keep_alive,
            chunk_size=chunk_size or default.chunk_size,
            max_header_size=max_header_size or default.max_header_size,
            max_header_count=default.max_header_count if max_header_count is None else max_header_count,
            max_body_size=(max_buffer_size or default.max_body_size) if max_body_size is None else max_body_size,
            header_timeout=header_timeout or default.header_timeout,
            idle_connection_timeout=idle_connection_timeout or default.idle_connection_timeout,
            body_timeout=body_timeout,
            decompress=decompress_request,
            write_timeout=write_timeout or default.write_timeout,
            linger_timeout=default.linger_timeout if linger_timeout is None else linger_timeout,
            linger_size=default.linger_size if linger_size is None else linger_size,
            cancel_on_disconnect=cancel_on_disconnect,
            allow_bare_lf=allow_bare_lf,
        )
        # A dictionary takes half of the memory of a set.
        self._connections: dict[HTTP1ServerConnection, None] = {}
        # One for all of them: a bound method is an object, and there would be one for each idle connection.
        self._on_closed = self._closed
        # Connections whose PROXY header isn't whole.
        self._arriving: set[ProxiedConnection] = set()
        # Streams of WebSockets of Tornado's handlers that have been told of the end.
        self._leaving: list[IOStream] = []
        self._sweep: Sweep | None = None
        self._style: Any = None
        self._accepted_count = 0
        self._refusals: Counter[str] = Counter()
        if health_path is not None:
            check_health_path(health_path)
        self._health_path = health_path
        self._stats = Stats() if stats else None
        self._observers = Observers(observers)
        if self._stats is not None:
            self._observers.add(self._stats)
        if access_log is not None:
            self._observers.add(AccessLog(access_log))
        self._max_connections = max_connections
        self._limit_concurrency = limit_concurrency
        self._handler_timeout = handler_timeout

    @property
    def no_keep_alive(self) -> bool:
        return self.conn_params.no_keep_alive

    def _take_listeners_back(self) -> None:
        super()._take_listeners_back()
        self._sweep = None  # it and the style belong to the parent's loop

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections) + len(self._arriving)

    def add_sockets(self, sockets: Any) -> None:
        sockets = list(sockets)
        for sock in sockets:
            _bound_unsent(sock)
        super().add_sockets(sockets)
        if self._sweep is None:
            assert self.io_loop is not None
            loop = self.io_loop.asyncio_loop
            shortest = self.conn_params.shortest_limit
            self._sweep = Sweep(loop, min(shortest, self._handler_timeout or shortest), self._server_line)
            self._style = self._make_style(loop, self._sweep)
        if self.ssl_reload and self._certificates is not None:
            assert self.io_loop is not None
            self._certificates.watch(self.io_loop.asyncio_loop, self.ssl_reload, self.reload_certificates)

    def _make_style(self, loop: asyncio.AbstractEventLoop, sweep: Sweep) -> Style:
        style = _dispatch.style_of(
            self._handler(),
            loop,
            decompress=self.conn_params.decompress,
            stream_request_body=self._stream_request_body,
        )
        style = self._limited(style, sweep)
        if self._health_path is not None:
            style = with_health_path(style, self._health_path, lambda: self.ready)
        return self._observers.announcing(style)

    def _limited(self, style: Style, sweep: Sweep) -> Style:
        """``style`` within the limits that were asked for."""
        if self._handler_timeout is not None:
            style = _limits.limit_time(style, self._handler_timeout, sweep)
        if self._limit_concurrency is not None:
            style = _limits.limit_concurrency(style, self._limit_concurrency)
        worker = process.worker()
        return style if worker is None else _limits.retire_after(style, worker)

    def stop(self) -> None:
        super().stop()
        if self._certificates is not None:
            self._certificates.stop_watching()

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        versions = PROXY_PROTOCOLS[self.proxy_protocol]
        if not versions or not self._trusts(connection, address):
            super()._accepted(connection, address)
            return
        assert self._sweep is not None
        assert self.io_loop is not None
        self._arriving.add(
            ProxiedConnection(
                self.io_loop.asyncio_loop,
                connection,
                address,
                versions,
                self._sweep,
                self.conn_params.header_timeout,
                self._refusals,
                self._announced,
                self._arrived,
            )
        )
        self._count_connections()

    def _arrived(self, arriving: ProxiedConnection) -> None:
        self._arriving.discard(arriving)
        self._count_connections()

    def _count_connections(self) -> None:
        """Rest or resume accepting, by ``max_connections``."""
        if self._max_connections is not None:
            self._rest_accepting(self.connections >= self._max_connections)

    def _announced(self, connection: socket.socket, address: Any, header: ProxyHeader) -> None:
        super()._accepted(connection, ProxiedAddress.of(header, address))

    def _trusts(self, connection: socket.socket, address: Any) -> bool:
        """Whether what the peer says of its client is believed."""
        if self.trusted_proxies is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
            return True
        return address[0] in self.trusted_proxies

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve HTTP on a stream."""
        assert self._sweep is not None
        context = _HTTPRequestContext(
            stream, address, self.protocol, self.xheaders, self.trusted_downstream, self.trusted_proxies
        )
        connection: HTTP1ServerConnection
        if self._observers:
            connection = ObservedConnection(stream, self.conn_params, context)
            connection.observers = self._observers
            tell(self._observers.starts, connection)
        else:
            connection = HTTP1ServerConnection(stream, self.conn_params, context)
        self._accepted_count += 1
        self._connections[connection] = None
        self._count_connections()
        connection.serve(self._style, self._sweep, self._on_closed, self._refusals)

    def _closed(self, connection: HTTP1ServerConnection) -> None:
        self._connections.pop(connection, None)
        self._count_connections()
        tell(self._observers.closes, connection)
        self.on_close(connection)

    def start_request(self, server_conn: object, request_conn: ResponseConnection) -> HTTPMessageDelegate:
        """A request has come, for a delegate.  A subclass that overrides this gets every request.  Source: Tornado."""
        message: HTTPMessageDelegate = self.request_callback.start_request(server_conn, request_conn)
        return message

    def on_close(self, server_conn: object) -> None:
        """A connection has ended.  Source: Tornado."""
        handler = self.request_callback
        if isinstance(handler, _dispatch.Starter) or _dispatch.is_delegate(handler):
            handler.on_close(server_conn)

    def _handler(self) -> Any:
        """Who gets the requests: what the server was made with, or a subclass with its own ``start_request``."""
        return self if type(self).start_request is not HTTPServer.start_request else self.request_callback

    def add_observer(self, observer: Any) -> None:
        """Tell ``observer``, an :class:`Observer`, of the connections that are accepted from now on."""
        self._observers.add(observer)
        if self._style is not None:
            assert self.io_loop is not None
            assert self._sweep is not None
            self._style = self._make_style(self.io_loop.asyncio_loop, self._sweep)

    def stats(self) -> dict[str, float]:
        """What the server counts, by name.

        Always: connections accepted and active, pauses of accepting, requests and connections refused or cut by reason,
        requests in flight, queues of the listeners, the loop's lag. With ``stats=True``: requests, responses by class
        of status, octets in and out, and a histogram of durations.
        """
        figures = self.figures()
        return {**figures.counters, **figures.gauges}

    def figures(self) -> Figures:
        """The same as :meth:`stats`, counters and gauges apart."""
        counters: dict[str, float] = {"connections_accepted_total": self._accepted_count}
        counters["accept_pauses_total"] = netutil.accept_pauses()
        for code in REASONS:
            counters[f'requests_refused_total{{reason="{code}"}}'] = self._refusals[code]
        if self._stats is not None:
            counters.update(self._stats.counters())
        gauges: dict[str, float] = {
            "connections_active": len(self._connections),
            "requests_in_flight": sum(connection.in_flight() for connection in self._connections),
            "ready": int(self.ready),
            "loop_lag_seconds": 0.0 if self._sweep is None else self._sweep.lag,
        }
        for sock in self._sockets.values():
            length = netutil.accept_queue_length(sock)
            if length is not None:
                gauges[f'accept_queue_length{{listener="{os.fstat(sock.fileno()).st_ino}"}}'] = length
        return Figures(counters, gauges)

    def publish(self, crew: Crew) -> Publisher:
        """Show the figures of this server, in a worker process, to its crew; once a second until it is closed."""
        assert self.io_loop is not None, "publish() comes after add_sockets()"
        return Publisher(self.io_loop.asyncio_loop, crew, self.figures)

    def admin(self, publisher: Publisher | None = None) -> Admin:
        """A handler with the pages ``/livez``, ``/readyz`` and ``/metrics`` of this server, for a listener of its own.

        >>> server = HTTPServer(print, stats=True)
        >>> admin = HTTPServer(server.admin())

        Args:
            publisher: of a worker process: ``/metrics`` shows the figures of its whole crew.
        """

        def figures() -> dict[str, float]:
            if publisher is None:
                return self.stats()
            counters, gauges = publisher.crew_figures()
            return {**counters, **gauges}

        return Admin(lambda: self.ready, figures)

    # -- a graceful end ----------------------------------------------------------------------------------------------

    def _begin_drain(self) -> None:
        self.conn_params = dataclasses.replace(self.conn_params, no_keep_alive=True)
        for connection in self._connections:
            connection.last_exchange(self.conn_params)
        if self._sweep is not None:
            self._sweep.draining.set()
        if isinstance(self.request_callback, _dispatch.Starter):
            self.request_callback.drain()
        if self._certificates is not None:
            self._certificates.stop_watching()

    def _drain(self) -> bool:
        if self._sweep is not None:
            assert self.io_loop is not None
            # A time by the sweep's clock may be that of the tick before.
            limit = self.io_loop.asyncio_loop.time() - _LAST_CHANCE - self._sweep.period
            for connection in list(self._connections):
                since = connection.waiting_since()
                if since is not None and since < limit and not connection.octets_wait():
                    connection.stream.close()
            for arriving in list(self._arriving):
                if arriving.since < limit:
                    arriving.close()
            for handler in list(self._sweep.websockets):
                stream = close_websocket(handler)
                if stream is not None:
                    self._leaving.append(stream)
            self._sweep.websockets.clear()
        self._leaving = [stream for stream in self._leaving if not stream.closed()]
        left = self._connections or self._arriving or self._leaving or (self._style and self._style.running)
        return not left

    def _cut(self) -> None:
        for arriving in list(self._arriving):
            arriving.close()
        for connection in list(self._connections):
            connection.cut()
        for stream in self._leaving:
            stream.close()

    async def close_all_connections(self) -> None:
        """Close all connections at once, whatever is in progress on them.  Source: Tornado."""
        for arriving in list(self._arriving):
            arriving.close()
        for connection in list(self._connections):
            await connection.close()


def _bound_unsent(sock: socket.socket) -> None:
    """Let the connections of a listening socket keep little for a client that reads slowly.

    The kernel would take up to 4 MiB for each at once: that costs its memory, and our other clients the time that it
    takes to copy. What is on the way to a fast client doesn't count.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT") and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, TURN_SIZE)


class HTTPConnection:
    """Serves ``request_callback`` on one stream, from when this is made: the engine's name in Tornado 2 and 3.

    Since Tornado 4 :class:`httputil.HTTPConnection` is the interface of ``request.connection``.

    Args:
        stream, address: as :meth:`TCPServer.handle_stream` gets them.
        request_callback, no_keep_alive, xheaders, protocol: as of :class:`HTTPServer`.
    """

    def __init__(
        self,
        stream: IOStream,
        address: Any,
        request_callback: Any,
        no_keep_alive: bool = False,
        xheaders: bool = False,
        protocol: str | None = None,
    ) -> None:
        self.stream = stream
        self.address = address
        self.request_callback = request_callback
        self.no_keep_alive = no_keep_alive
        self.xheaders = xheaders
        context = PeerContext(stream, address, protocol, xheaders)
        self.address_family = context.address_family
        self.protocol = context.protocol
        params = HTTP1ConnectionParameters(no_keep_alive=no_keep_alive, max_body_size=stream.max_buffer_size)
        loop = stream.io_loop.asyncio_loop
        style = _dispatch.style_of(request_callback, loop)
        connection = HTTP1ServerConnection(stream, params, context)
        connection.serve(style, Sweep(loop, params.shortest_limit), self._closed)

    def _closed(self, connection: HTTP1ServerConnection) -> None:
        if _dispatch.is_delegate(self.request_callback):
            self.request_callback.on_close(connection)


class _CallableAdapter(HTTPMessageDelegate):
    """A plain callable as a message delegate: for ``tornado.routing``, which mixes both."""

    def __init__(self, request_callback: Callable[[HTTPRequest], Any], request_conn: ResponseConnection) -> None:
        self._callback = request_callback
        self._connection = request_conn
        self._request = HTTPRequest()
        self._chunks: list[bytes] = []

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self._request = HTTPRequest(connection=self._connection, start_line=start_line, headers=headers)

    def data_received(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> None:
        self._request.body = b"".join(self._chunks)
        self._request._parse_body()
        self._callback(self._request)


#: Tornado's name; some programs patch it.
_HTTPRequestContext = PeerContext
