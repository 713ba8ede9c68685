"""The server's side of a connection, one request at a time: for programs that drive their connections themselves.

::

    conn.read_response(delegate) ─► an engine for one request ─► delegate ─► conn.write_headers, write, finish
                ▲                                                                    │
                └──────────── True: the stream is in pull mode again ◄───────────────┘

The engine is the server's own, so the rules, limits and timeouts are, too. When its exchange is over and the connection
lives on, it gives the stream back, with what arrived behind the request.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from asynchttp import _dispatch
from asynchttp._exchange import Exchange, ServerRequest
from asynchttp._h1.errors import HTTPOutputError
from asynchttp._h1.states import Reading, Writing
from asynchttp._interfaces import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._request_body import RequestBodyReader
from asynchttp._sweep import Sweep
from asynchttp.iostream import IOStream

__all__ = ["DrivenConnection", "ServesOne"]


class ServesOne(RequestBodyReader):
    """What makes an engine stop behind its first exchange; to be mixed in before the engine's class."""

    __slots__ = ()

    detach: Callable[[ServerRequest], IOStream]

    def _finished(self, exchange: ServerRequest) -> None:
        super()._finished(exchange)
        if self._reading is Reading.HEAD and self._writing is Writing.IDLE:  # the connection lives on, without us
            self._upgrading = exchange
            self.detach(exchange)
            self._start.over(True)  # type: ignore[attr-defined]  # of _Starter

    def _can_drain(self) -> bool:
        """Nothing is dropped behind an early answer: whoever has the stream next couldn't begin within a body."""
        return False

    def _end(self) -> None:
        super()._end()
        self._start.over(False)  # type: ignore[attr-defined]


class _Starter:
    """Starts the request, and tells how the exchange ended."""

    def __init__(self, start: Callable[[ServerRequest], object], future: "asyncio.Future[bool]") -> None:
        self._start = start
        self._future = future

    def __call__(self, request: ServerRequest) -> None:
        self._start(request)

    def over(self, alive: bool) -> None:
        if not self._future.done():
            self._future.set_result(alive)


class DrivenConnection(HTTPConnection):
    """Reads a request from a stream and answers it.

    Args:
        stream: this connection's own while :meth:`read_response` is in progress.
        engine: a class: :class:`ServesOne` mixed into the server's engine.
        params: limits and timeouts.
        context: stands for the peer in log records; requests take ``remote_ip`` and ``protocol`` from it.

    Source: Tornado ``HTTP1Connection(stream, is_client=False)``.
    """

    is_client = False

    def __init__(
        self, stream: IOStream, engine: Callable[..., Any], params: HTTP1ConnectionParameters | None, context: Any
    ) -> None:
        self.stream: IOStream | None = stream
        self.params = params or HTTP1ConnectionParameters()
        self.context = context
        self.no_keep_alive = self.params.no_keep_alive
        self._engine_class = engine
        self._exchange: Exchange | None = None

    def read_response(self, delegate: HTTPMessageDelegate) -> "asyncio.Future[bool]":
        """Read one request, and give it to ``delegate``, which answers through this connection.

        Returns: a future, done when the answer is complete: whether another request may be read from the connection.
        A peer that breaks the rules is answered, or goes away: ``False``, never an exception. So does a delegate that
        detached the stream. Cancelling it changes nothing; :meth:`close` ends it.
        Raises: :exc:`AssertionError` while the stream is being read by somebody else.
        """
        stream = self.stream
        assert stream is not None
        loop = stream.io_loop.asyncio_loop
        future: asyncio.Future[bool] = loop.create_future()
        style = _dispatch.delegate_style(_OneRequest(self, delegate), self.params.decompress)
        starter = _Starter(style.start, future)
        engine = self._engine_class(stream, self.params, self.context)
        sweep = Sweep(loop, self.params.shortest_limit)
        engine.serve(_dispatch.Style(starter, True), sweep, lambda _: loop.call_soon(starter.over, False))
        return future

    @property
    def _present(self) -> Exchange:
        if self._exchange is None:
            raise HTTPOutputError("no request has been read from this connection")
        return self._exchange

    def write_headers(self, *args: Any, **kwargs: Any) -> Any:
        """:meth:`.Exchange.write_headers`, of the request that was read."""
        return self._present.write_headers(*args, **kwargs)

    def write(self, *args: Any, **kwargs: Any) -> Any:
        """:meth:`.Exchange.write`."""
        return self._present.write(*args, **kwargs)

    def finish(self, *args: Any, **kwargs: Any) -> None:
        """:meth:`.Exchange.finish`."""
        self._present.finish(*args, **kwargs)

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """:meth:`.Exchange.set_close_callback`."""
        self._present.set_close_callback(callback)

    def set_body_timeout(self, timeout: float | None) -> None:
        """:meth:`.Exchange.set_body_timeout`."""
        self._present.set_body_timeout(timeout)

    def set_max_body_size(self, max_body_size: int) -> None:
        """:meth:`.Exchange.set_max_body_size`."""
        self._present.set_max_body_size(max_body_size)

    def detach(self) -> IOStream:
        """:meth:`.Exchange.detach`."""
        stream = self._present.detach()
        self.stream = None
        return stream

    def close(self) -> None:
        """Close the connection at once."""
        if self.stream is not None:
            self.stream.close()


class _OneRequest(HTTPServerConnectionDelegate):
    def __init__(self, connection: DrivenConnection, delegate: HTTPMessageDelegate) -> None:
        self._connection = connection
        self._delegate = delegate

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        assert isinstance(request_conn, Exchange)
        self._connection._exchange = request_conn
        return self._delegate
