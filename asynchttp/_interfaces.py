"""The interfaces between a server, its applications and its connections: Tornado 4's delegates.

::

    HTTPServerConnectionDelegate.start_request ─► HTTPMessageDelegate: headers_received, data_received*, finish
                                                     └─ answers through ─► HTTPConnection: write_headers, write, finish

After ``headers_received`` exactly one of ``finish`` and ``on_connection_close`` is called.
"""

from collections.abc import Awaitable
from typing import Any

from asynchttp.log import app_log

__all__ = ["HTTPConnection", "HTTPMessageDelegate", "HTTPServerConnectionDelegate", "tell_closed"]


class HTTPServerConnectionDelegate:
    """An application: is asked for a delegate for each request.  Source: Tornado."""

    def start_request(self, server_conn: object, request_conn: "HTTPConnection") -> "HTTPMessageDelegate":
        """A request has come.

        Args:
            server_conn: stands for the connection; the same for all its requests.
            request_conn: the way to answer this one.
        """
        raise NotImplementedError

    def on_close(self, server_conn: object) -> None:
        """The connection has ended.  Called once."""


class HTTPMessageDelegate:
    """Gets a message as it comes.  Source: Tornado."""

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        """The head is here.  The body is read when what is returned has been awaited."""

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body, never empty.  The next is read when what is returned has been awaited."""

    def finish(self) -> None:
        """The message is complete."""

    def on_connection_close(self) -> None:
        """The message won't be complete: the peer has gone, or broke the rules."""


class HTTPConnection:
    """The way to write one message.  Source: Tornado."""

    def write_headers(self, start_line: Any, headers: Any, chunk: bytes | None = None) -> Any:
        """Write the head, and the first octets of the body; returns a future."""
        raise NotImplementedError

    def write(self, chunk: bytes) -> Any:
        """Write octets of the body; returns a future."""
        raise NotImplementedError

    def finish(self) -> None:
        """End the message."""
        raise NotImplementedError


def tell_closed(delegate: HTTPMessageDelegate) -> None:
    """Tell a delegate that its message won't be complete.  What it raises is logged: nobody else could want it."""
    try:
        delegate.on_connection_close()
    except Exception:
        app_log.error("Uncaught exception", exc_info=True)
