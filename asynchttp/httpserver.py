"""An HTTP/1.1 server for handlers in Python.

>>> def handle(request):
...     request.respond(b"Hello, world!")
>>> server = HTTPServer(handle)
"""

import socket
from typing import Any

from asynchttp import _dispatch, httputil, netutil
from asynchttp._sweep import Sweep
from asynchttp.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from asynchttp.httputil import HTTPRequest
from asynchttp.iostream import IOStream
from asynchttp.tcpserver import TCPServer

__all__ = ["HTTPRequest", "HTTPServer"]


class HTTPServer(TCPServer):
    """A server that calls ``request_callback`` for each request.

    Args:
        request_callback: a function ``handle(request)`` that answers by ``request.write`` and ``request.finish``, or by
            ``request.respond``, at once or later; or a coroutine function that does so before it returns, or returns
            ``bytes``, ``str`` or :class:`~asynchttp.httputil.HTTPResponse`.
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
        trusted_downstream: addresses of proxies to skip in ``X-Forwarded-For``.

    Timeouts are looked at once or more a second; none comes early.  Source: Tornado ``httpserver.HTTPServer``.
    """

    def __init__(
        self,
        request_callback: Any,
        no_keep_alive: bool = False,
        xheaders: bool = False,
        *,
        protocol: str | None = None,
        max_buffer_size: int | None = None,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        max_header_count: int | None = None,
        max_body_size: int | None = None,
        header_timeout: float | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        write_timeout: float | None = None,
        trusted_downstream: "list[str] | None" = None,
    ) -> None:
        super().__init__(max_buffer_size=max_buffer_size, read_chunk_size=chunk_size)
        _dispatch.check_handler(request_callback)
        self.request_callback = request_callback
        self.xheaders = xheaders
        self.protocol = protocol
        self.trusted_downstream = frozenset(trusted_downstream or ())
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
            write_timeout=write_timeout or default.write_timeout,
        )
        self._connections: set[HTTP1ServerConnection] = set()
        self._sweep: Sweep | None = None
        self._start: Any = None

    @property
    def no_keep_alive(self) -> bool:
        return self.conn_params.no_keep_alive

    def add_sockets(self, sockets: Any) -> None:
        super().add_sockets(sockets)
        if self._sweep is None:
            assert self.io_loop is not None
            loop = self.io_loop.asyncio_loop
            params = self.conn_params
            limits = (
                params.header_timeout,
                params.idle_connection_timeout,
                params.body_timeout,
                params.write_timeout,
                params.linger_timeout,
            )
            self._sweep = Sweep(loop, min(limit for limit in limits if limit))
            self._start = _dispatch.style_of(self.request_callback, loop)

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve HTTP on a stream."""
        assert self._sweep is not None
        context = _HTTPRequestContext(stream, address, self.protocol, self.xheaders, self.trusted_downstream)
        self._connections.add(
            HTTP1ServerConnection(
                stream, self.conn_params, context, self._sweep, self._start, self._connections.discard
            )
        )

    async def close_all_connections(self) -> None:
        """Close all connections at once, whatever is in progress on them.  Source: Tornado."""
        for connection in list(self._connections):
            connection.close()


class _HTTPRequestContext:
    """What is known of the peer of a connection; ``str()`` of it stands in log records."""

    __slots__ = ("_trusted", "_xheaders", "address", "address_family", "protocol", "remote_ip")

    def __init__(
        self,
        stream: IOStream,
        address: Any,
        protocol: str | None,
        xheaders: bool = False,
        trusted_downstream: frozenset[str] = frozenset(),
    ) -> None:
        self.address = address
        self.address_family = stream.socket.family if stream.socket is not None else None
        if self.address_family in (socket.AF_INET, socket.AF_INET6) and address:
            self.remote_ip = str(address[0])
        else:
            # A UNIX socket has no address that could be taken for one.
            self.remote_ip = "0.0.0.0"
        self.protocol = protocol or "http"
        self._xheaders = xheaders
        self._trusted = trusted_downstream

    def client_of(self, headers: httputil.HTTPHeaders) -> tuple[str, str]:
        """(remote ip, protocol) of the client of a request, with what trusted proxies say (``xheaders``)."""
        if not self._xheaders:
            return self.remote_ip, self.protocol
        ip = self.remote_ip
        for candidate in reversed(headers.get("X-Forwarded-For", ip).split(",")):
            ip = candidate.strip()
            if ip not in self._trusted:
                break
        ip = headers.get("X-Real-Ip", ip)
        if not netutil.is_valid_ip(ip):
            ip = self.remote_ip
        protocol = headers.get("X-Scheme", headers.get("X-Forwarded-Proto", self.protocol))
        protocol = protocol.split(",")[-1].strip()
        return ip, protocol if protocol in ("http", "https") else self.protocol

    def __str__(self) -> str:
        if self.address_family in (socket.AF_INET, socket.AF_INET6):
            return self.remote_ip
        return self.address.decode("utf-8", "replace") if isinstance(self.address, bytes) else str(self.address)
