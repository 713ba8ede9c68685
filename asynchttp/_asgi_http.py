"""One HTTP request of an ASGI application.  ASGI HTTP specification 2.5 (``asgi.readthedocs.io/specs/www.html``)."""

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from asynchttp import httputil
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate

__all__ = ["ASGIRequest", "Message", "header_pairs"]

Message = MutableMapping[str, Any]

#: Octets of a request body that wait for the application before reading pauses.
_HIGH_WATER: Final = 65536

#: Fields that are the server's to write.
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))

_REQUEST_WITHOUT_BODY: Final = {"type": "http.request", "body": b"", "more_body": False}


class ASGIRequest(HTTPMessageDelegate):
    """A request as an application sees it, by :meth:`receive` and :meth:`send`.

    It gets the body from the engine, a piece at a time; the engine waits for :attr:`_taken` when the application is
    behind.
    """

    __slots__ = (
        "_arrival",
        "_chunks",
        "_complete",
        "_gone",
        "_head",
        "_loop",
        "_request",
        "_size",
        "_started",
        "_taken",
        "_told_all",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ServerRequest) -> None:
        # HOT: once per request.
        self._loop = loop
        self._request = request
        self._chunks: list[bytes] = []
        self._size = 0
        # The body is complete; the client has gone; the application knows the end of the body.
        self._complete = False
        self._gone = False
        self._told_all = False
        # receive() waits for it; the engine does.
        self._arrival: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        # http.response.start, until there is something to send with it; then whether it was sent.
        self._head: Message | None = None
        self._started = False

    # -- the engine's side -------------------------------------------------------------------------------------------

    def headers_received(self, start_line: Any, headers: Any) -> None:
        """The application got these as its scope."""

    def data_received(self, chunk: bytes) -> "asyncio.Future[None] | None":
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._wake()
        if self._size <= _HIGH_WATER:
            return None
        self._taken = self._loop.create_future()
        return self._taken

    def finish(self) -> None:
        self._complete = True
        self._wake()

    def on_connection_close(self) -> None:
        self._gone = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def run(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        """Let the application answer.  What it raises, the engine turns into a 500 or a cut."""
        await app(scope, self.receive, self.send)

    # -- the application's side --------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """``http.request`` until the body is told, then ``http.disconnect`` when the exchange is over."""
        request = self._request
        while not self._told_all and not self._gone:
            if self._chunks or self._complete:
                return self._next_message()
            request.engine.want_body(request)
            await self._wait()
        if not self._gone and not request.finished():
            request.engine.set_close_callback(request, self.on_connection_close)
            while not self._gone and not request.finished():
                await self._wait()
        return {"type": "http.disconnect"}

    def _next_message(self) -> Message:
        self._told_all = self._complete
        if not self._chunks:
            return dict(_REQUEST_WITHOUT_BODY)
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def _wait(self) -> None:
        self._arrival = self._loop.create_future()
        await self._arrival

    async def send(self, message: Message) -> None:
        """Take ``http.response.start`` and ``http.response.body``, and the extensions of the scope.

        Raises:
            RuntimeError: a message that can't come now.
            StreamClosedError: the client has gone; it is an :exc:`OSError`, as the specification wants.
            TypeError, ValueError: a status, field or body that can't be sent.
        """
        kind = message["type"]
        request = self._request
        if kind == "http.response.start" and self._head is None and not self._started:
            self._head = message
        elif kind == "http.response.body" and (self._head is not None or self._started) and not request.finished():
            await self._send_body(message.get("body", b""), bool(message.get("more_body", False)))
            if request.finished():
                self._wake()  # another task of the application may wait for the end
        elif kind == "http.response.early_hint" and self._head is None and not self._started:
            links = httputil.HTTPHeaders()
            for link in message.get("links", ()):
                links.add("Link", link.decode("latin-1"))
            await request.connection.write_headers(_start_line(103), links)
        elif kind == "http.response.pathsend" and self._head is not None:
            await self._send_file(message["path"])
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: {self._expected()}")

    def _expected(self) -> str:
        if self._request.finished():
            return "the response is complete"
        if self._started or self._head is not None:
            return "expected http.response.body"
        return "expected http.response.start"

    async def _send_body(self, body: bytes, more: bool) -> None:
        request = self._request
        head, self._head = self._head, None
        if head is None:
            if body:
                await request.engine.write(request, body)
            if not more:
                request.engine.finish(request)
            return
        self._started = True
        fields = head.get("headers", ())
        if more:
            await self._send_head(head["status"], header_pairs(fields), body)
            return
        length = b"%d" % len(body)
        others = []
        for name, value in fields:
            lowered = name.lower()
            if lowered == b"content-length" and value != length:  # of HEAD, say; or a lie, which the engine will find
                await self._send_head(head["status"], header_pairs(fields), body)
                request.engine.finish(request)
                return
            if lowered not in _FRAMING:
                others.append((lowered, value))
        done = request.engine.respond_octets(request, body, head["status"], others)
        if not done.done():
            await done

    async def _send_head(self, status: int, pairs: "list[tuple[str, str]]", body: bytes) -> None:
        headers = httputil.HTTPHeaders()
        for name, value in pairs:
            if name.lower() != "transfer-encoding":  # it is the server's to choose
                headers.add(name, value)
        request = self._request
        if "Date" not in headers:
            headers["Date"] = httputil.format_timestamp(request._start_time)
        await request.engine.write_headers(request, _start_line(status), headers, body)

    async def _send_file(self, path: str) -> None:
        """``http.response.pathsend``: the file is read in a thread, and never all at once."""
        with await self._loop.run_in_executor(None, open, path, "rb") as file:
            while chunk := await self._loop.run_in_executor(None, file.read, 262144):
                await self._send_body(chunk, True)
        await self._send_body(b"", False)


def header_pairs(fields: "Iterable[tuple[bytes, bytes]]") -> "list[tuple[str, str]]":
    """Fields of ASGI, which are octets, as text.

    Raises: :exc:`TypeError` for what isn't octets.
    """
    try:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    except AttributeError:
        raise TypeError("header names and values of an ASGI application are bytes") from None


def _start_line(status: int) -> httputil.ResponseStartLine:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    return httputil.ResponseStartLine("HTTP/1.1", status, reason)
