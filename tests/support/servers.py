"""Our HTTP server on a port of the kernel's choice, for the length of a ``with`` block."""

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator
from typing import Any

from asynchttp import httpserver, netutil
from tests.support.ports import free_port
from tests.support.rawclient import RawClient

__all__ = ["RunningServer", "free_port", "run_server"]


@dataclasses.dataclass(frozen=True)
class RunningServer:
    server: httpserver.HTTPServer
    sockets: list[socket.socket]
    host: str
    port: int
    scheme: str = "http"

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    async def connect(self, **options: Any) -> RawClient:
        """A raw connection; the options are ``RawClient.connect``'s."""
        return await RawClient.connect(self.port, self.host, **options)


@contextlib.asynccontextmanager
async def run_server(handler: Any, **options: Any) -> AsyncIterator[RunningServer]:
    """Serve ``handler`` on port 0 of 127.0.0.1 in the running loop; at the end stop and close what is open.

    ``options`` are ``HTTPServer``'s keyword arguments.
    """
    server = httpserver.HTTPServer(handler, **options)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    host, port = sockets[0].getsockname()[:2]
    try:
        yield RunningServer(server, sockets, host, port, "https" if options.get("ssl_options") else "http")
    finally:
        server.stop()
        await server.close_all_connections()
