"""One request with its response, as a handler sees it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

from asynchttp import httputil
from asynchttp._h1 import head
from asynchttp._interfaces import HTTPConnection, HTTPMessageDelegate
from asynchttp._legacy.contexts import wrap
from asynchttp._legacy.responses import tells_when_written
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._reasons import Reason
from asynchttp.httputil import lazy
from asynchttp.iostream import IOStream, StreamClosedError

__all__ = ["Context", "Engine", "Exchange", "ServerRequest"]

Body = bytes | bytearray | memoryview | str
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Context(Protocol):
    """What a connection knows of its peer; ``str()`` of it stands in log records."""

    address: Any
    remote_ip: str
    protocol: str
    believes_proxies: bool

    def local_address(self) -> "tuple[str, int | None] | None":
        """Where the connection arrived."""

    def forwarded(self, headers: httputil.HTTPHeaders) -> "Context":
        """The peer of one request, with what trusted proxies say of it."""


class Engine(Protocol):
    """The connection of a request.  Each method takes the request that asks, and refuses one that has been answered."""

    stream: IOStream
    params: HTTP1ConnectionParameters
    context: Context

    @property
    def draining(self) -> asyncio.Event: ...

    def respond(
        self, exchange: "ServerRequest", body: Any, status: int, headers: Headers
    ) -> "asyncio.Future[None]": ...

    def respond_octets(
        self, exchange: "ServerRequest", body: bytes, status: int, fields: "Sequence[tuple[bytes, bytes]]"
    ) -> "asyncio.Future[None]": ...

    def write_headers(
        self,
        exchange: "ServerRequest",
        start_line: httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: Any = None,
    ) -> "asyncio.Future[None]": ...

    def write(self, exchange: "ServerRequest", data: Any) -> "asyncio.Future[None]": ...

    def finish(self, exchange: "ServerRequest", trailers: Headers = ()) -> None: ...

    def send_file(
        self, exchange: "ServerRequest", file: Any, offset: int, count: int | None
    ) -> "asyncio.Future[None]": ...

    def set_close_callback(self, exchange: "ServerRequest", callback: Callable[[], Any] | None) -> None: ...

    def detach(self, exchange: "ServerRequest") -> IOStream: ...

    def set_max_body_size(self, exchange: "ServerRequest", size: int) -> None: ...

    def set_body_timeout(self, exchange: "ServerRequest", timeout: float | None) -> None: ...

    def receive(
        self, exchange: "ServerRequest", receiver: HTTPMessageDelegate, awaited: Any = None, *, wanted: bool = True
    ) -> None: ...

    def want_body(self, exchange: "ServerRequest") -> None: ...

    def max_body_size(self, exchange: "ServerRequest") -> int: ...

    def answering(self, exchange: "ServerRequest") -> bool: ...

    def abandon(self, exchange: "ServerRequest") -> None: ...

    def give_up(self, exchange: "ServerRequest") -> None: ...

    def explain(self, reason: Reason, message: str, *args: object) -> None: ...

    def handler_failed(self, exchange: "ServerRequest", error: BaseException) -> None: ...


class BodyChunks(HTTPMessageDelegate):
    """The body of a request as an asynchronous iterator: each piece is taken before the next is read from the socket.

    Args:
        wanted: is called when the handler asks for the first piece.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wanted: Callable[[], None]) -> None:
        self._loop = loop
        self._wanted = wanted
        self._chunk: bytes | None = None
        self._taken: asyncio.Future[None] | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._complete = False
        self._cut = False

    def data_received(self, chunk: bytes) -> "asyncio.Future[None]":
        self._chunk = chunk
        self._taken = self._loop.create_future()
        self._wake()
        return self._taken

    def finish(self) -> None:
        self._complete = True
        self._wake()

    def on_connection_close(self) -> None:
        self._cut = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._chunk is None:
            if self._complete:
                raise StopAsyncIteration
            if self._cut:
                raise StreamClosedError
            self._wanted()
            self._arrival = self._loop.create_future()
            await self._arrival
        chunk, self._chunk = self._chunk, None
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)
        return chunk


class _Facade:
    """``request.connection``: made anew each time, for a request that kept it would be kept by it.

    Assigning the attribute replaces it: no ``__set__``, as with :class:`~asynchttp.httputil.lazy`.
    """

    def __get__(self, request: "ServerRequest", owner: type) -> "Exchange":
        return Exchange(request.engine, request)


class ServerRequest(httputil.HTTPServerRequest):
    """A request as the engine makes it: what it can tell only when asked is computed only when asked.

    It is its own exchange's token: :meth:`write` and the others reach the connection only while it is being answered.
    """

    _finish_time: float
    #: with ``stream_request_body``
    chunks: BodyChunks
    #: of the path, where the handler is mounted
    prefix = ""
    #: whether an application was told that its client left: it need not answer
    told_of_end = False
    #: the message delegate of a request that may become a WebSocket
    delegate: Any = None

    def __init__(self, engine: Engine, method: str, target: bytes, tail: head.Tail) -> None:
        # HOT: once per request.
        self.method = method
        self.target = target
        self.body = b""
        self.engine = engine
        self.tail = tail
        self._start_time = _now()

    @lazy
    def uri(self) -> str:
        return self.target.decode("ascii")

    @lazy
    def version(self) -> str:
        return f"HTTP/1.{self.tail.minor}"

    @lazy
    def headers(self) -> httputil.HTTPHeaders:
        return httputil.HTTPHeaders._of_checked(head.split_fields(self.tail.octets))

    def context(self) -> Context:
        """The peer of this request."""
        context = self.engine.context
        return context.forwarded(self.headers) if context.believes_proxies else context

    @lazy
    def remote_ip(self) -> str:
        return self.context().remote_ip

    @lazy
    def protocol(self) -> str:
        return self.context().protocol

    @lazy
    def host(self) -> str:
        target = self.uri or ""
        if target[:1] != "/" and "://" in target:  # the target's own host counts (RFC 9112 §3.2.2)
            return target.partition("://")[2].partition("/")[0].partition("?")[0]
        return self.tail.host or "127.0.0.1"

    connection = _Facade()

    @lazy
    def server_connection(self) -> Engine:
        return self.engine

    def write(self, chunk: Any, callback: Callable[[], Any] | None = None) -> "asyncio.Future[None] | None":
        if callback is None:
            return self.engine.write(self, chunk)
        return self.connection.write(chunk, callback)  # type: ignore[call-arg]  # of tells_when_written

    def finish(self, trailers: Headers = ()) -> None:
        self.engine.finish(self, trailers)

    def send_file(self, file: Any, offset: int = 0, count: int | None = None) -> "asyncio.Future[None]":
        return self.engine.send_file(self, file, offset, count)

    def body_chunks(self) -> BodyChunks:
        """The pieces of the body as they come: ``async for chunk in request.body_chunks()``.

        Only with ``HTTPServer(..., stream_request_body=True)``. A piece is read from the socket when the one before it
        was taken. Ends with :exc:`StreamClosedError` when the client goes away in the middle.
        """
        try:
            return self.chunks
        except AttributeError:
            raise RuntimeError("body_chunks() needs HTTPServer(..., stream_request_body=True)") from None

    def finished(self) -> bool:
        """Whether the exchange is over: nothing can be written any more."""
        return hasattr(self, "_finish_time")

    def respond(
        self,
        body: Body = b"",
        status: int = 200,
        headers: Headers = (),
    ) -> "asyncio.Future[None]":
        return self.engine.respond(self, body, status, headers)


# In repr() a request is what the documentation calls it.
ServerRequest.__name__ = "HTTPServerRequest"


class Exchange(HTTPConnection):
    """``request.connection``: the structured way to answer a request.  Source: Tornado ``httputil.HTTPConnection``."""

    __slots__ = ("_engine", "_request")

    def __init__(self, engine: Engine, request: ServerRequest) -> None:
        self._engine = engine
        self._request = request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exchange) and other._request is self._request

    def __hash__(self) -> int:
        return hash(self._request)

    @property
    def stream(self) -> IOStream:
        """The stream of the connection."""
        return self._engine.stream

    @property
    def context(self) -> Context:
        """What is known of the peer: ``address``, ``remote_ip``, ``protocol``."""
        return self._engine.context.forwarded(self._request.headers)

    @property
    def address(self) -> Any:
        """Of the peer, as :meth:`socket.socket.accept` gave it.  This and the next are of Tornado 2 and 3."""
        return self._engine.context.address

    @property
    def address_family(self) -> Any:
        return getattr(self._engine.context, "address_family", None)

    @property
    def xheaders(self) -> bool:
        return self._engine.context.believes_proxies

    @property
    def protocol(self) -> str:
        return self.context.protocol

    @property
    def params(self) -> HTTP1ConnectionParameters:
        return self._engine.params

    @property
    def no_keep_alive(self) -> bool:
        return self._engine.params.no_keep_alive

    @property
    def io_loop(self) -> Any:
        return self._engine.stream.io_loop

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        return self._engine.stream.closed()

    @property
    def draining(self) -> asyncio.Event:
        """Set when the server begins to end; the same for all its connections.

        A handler whose response has no end of its own looks at it, or waits for it, and ends; what isn't over at the
        end of :meth:`HTTPServer.shutdown`'s time is cut. Take it before :meth:`detach`.
        """
        return self._engine.draining

    @tells_when_written(at=3)
    def write_headers(
        self,
        start_line: httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | str | None = None,
    ) -> "asyncio.Future[None]":
        """Write the head of the response, and the first octets of its body.

        The body's framing follows from the head: ``Content-Length`` if it is there, else chunked coding for HTTP/1.1,
        else the end of the connection. Nothing else is added but ``Connection`` where the connection's fate differs
        from what the client expects.

        An interim response (``103 Early Hints``, any ``1xx`` but 101) has no body, and may be written any number of
        times before the head; HTTP/1.0 clients don't get it. Behind ``101``, and ``2xx`` to CONNECT, :meth:`finish` and
        then :meth:`detach` take the stream.

        Returns: a future that is done when the octets have been handed to the kernel; it has failed with
        :exc:`StreamClosedError` if the client has gone.
        Raises:
            HTTPOutputError: the head was written before, or the request was finished.
            ValueError: a field that would split the response; nothing was sent.
        """
        return self._engine.write_headers(self._request, start_line, headers, chunk)

    @tells_when_written(at=1)
    def write(self, chunk: bytes | bytearray | memoryview | str) -> "asyncio.Future[None]":
        """Write octets of the body; before any head, octets as they are.

        Returns: as :meth:`write_headers`.
        Raises: :exc:`HTTPOutputError` for more than ``Content-Length``, or after :meth:`finish`.
        """
        return self._engine.write(self._request, chunk)

    @tells_when_written(at=3)
    def send_file(self, file: Any, offset: int = 0, count: int | None = None) -> "asyncio.Future[None]":
        """Write octets of a file into the body: behind :meth:`write_headers`, among writes, framed as they are.

        The kernel moves the octets where it can (``sendfile``, without TLS), a thread reads them elsewhere. Others have
        their turn after each 256 KiB; but while the kernel reads a piece from the disk all wait.

        Args:
            file: a path, or an open regular file; it may be closed at once, and its position doesn't matter.
            offset: octet of the file to begin with.
            count: octets; default: all that there are, or all that ``Content-Length`` leaves. Of a file that grows
                meanwhile no more is sent. One that shrinks is an error: logged, and the connection is cut.

        Returns: as :meth:`write`. Until it is done nothing may be written; :meth:`finish` may be called, and takes
            effect behind the file. Cancelling it cuts the connection. Nothing is sent in answer to HEAD.
        Raises:
            HTTPOutputError: no head was written; ``count`` is more than ``Content-Length`` leaves.
            OSError: the file can't be opened. ValueError: it isn't a regular one.
        """
        return self._engine.send_file(self._request, file, offset, count)

    def finish(self, trailers: Headers = ()) -> None:
        """End the response.

        Args:
            trailers: fields to send behind the body (RFC 9110 §6.5): what is known only now, as a checksum. The head
                should announce their names in ``Trailer``. Left out for HEAD and for HTTP/1.0.

        Raises:
            HTTPOutputError: it isn't whole, or was ended before; or there are trailers, and the response isn't in
                chunked coding.
            ValueError: a trailer that isn't allowed to be one, or would split the response; nothing was sent.
        """
        self._engine.finish(self._request, trailers)

    @property
    def trailers(self) -> httputil.HTTPHeaders:
        """The trailer fields of the request, once its body is complete: ``HTTPServerRequest.trailers``."""
        return self._request.trailers

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once if the client goes away before the response is finished; ``None`` takes it back."""
        callback = wrap(callback)
        self._engine.set_close_callback(self._request, callback)

    def detach(self) -> IOStream:
        """Take the stream out of the server's hands, for another protocol.  Source: Tornado."""
        return self._engine.detach(self._request)

    def set_max_body_size(self, max_body_size: int) -> None:
        """Set ``max_body_size``, in octets, for this request; before its body is read.  Source: Tornado."""
        self._engine.set_max_body_size(self._request, max_body_size)

    def set_body_timeout(self, timeout: float | None) -> None:
        """Set ``body_timeout``, in seconds, for this request.  Source: Tornado."""
        self._engine.set_body_timeout(self._request, timeout)

    def close(self, exc_info: Any = False) -> None:
        """Close the connection at once."""
        self._engine.stream.close(exc_info=exc_info)

    def respond(
        self,
        body: Body = b"",
        status: int = 200,
        headers: Headers = (),
    ) -> "asyncio.Future[None]":
        """:meth:`httputil.HTTPServerRequest.respond`."""
        return self._engine.respond(self._request, body, status, headers)


_now = time.time
