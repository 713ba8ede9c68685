"""One HTTP request of an ASGI application.  ASGI HTTP specification 2.5 (``asgi.readthedocs.io/specs/www.html``)."""

import asyncio
import enum
import os
import stat
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from asynchttp import httputil
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate
from asynchttp.iostream import StreamClosedError

__all__ = ["ASGIRequest", "Message", "headers_of"]

Message = MutableMapping[str, Any]

#: Octets of a request body that wait for the application before reading pauses.
_HIGH_WATER: Final = 65536


class Answer(enum.Enum):
    """How far the application has come."""

    START = "http.response.start"
    HEAD = "the first http.response.body"
    """the head is kept until there is something to send with it"""
    BODY = "http.response.body"
    TRAILERS = "http.response.trailers"
    DONE = "nothing: the response is complete"


_START, _HEAD, _BODY, _TRAILERS, _DONE = Answer


class ASGIRequest(HTTPMessageDelegate):
    """A request as an application sees it, by :meth:`receive` and :meth:`send`.

    It gets the body from the engine, a piece at a time; the engine waits for :attr:`_taken` when the application is
    behind.
    """

    __slots__ = (
        "_answer",
        "_chunks",
        "_complete",
        "_event",
        "_fields",
        "_gone",
        "_loop",
        "_request",
        "_size",
        "_status",
        "_taken",
        "_told_all",
        "_trailers",
    )

    _status: int
    _fields: Sequence[tuple[bytes, bytes]]

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ServerRequest) -> None:
        # HOT: once per request.
        self._loop = loop
        self._request = request
        self._answer = _START
        # Of the body: what the application hasn't received yet, and its size; it is complete; the application knows.
        self._chunks: list[bytes] = []
        self._size = 0
        self._complete = False
        self._told_all = False
        # The client has gone.
        self._gone = False
        # receive() waits for it, in however many tasks; the engine waits for the other.
        self._event: asyncio.Event | None = None
        self._taken: asyncio.Future[None] | None = None
        # What is to follow the body, if the application said that something is.
        self._trailers: list[tuple[str, str]] | None = None

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
        if self._event is not None:
            self._event.set()

    def on_connection_close(self) -> None:
        self._gone = True
        self._wake()

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    # -- the application's side --------------------------------------------------------------------------------------

    async def run(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        """Let the application answer.  What it raises, the engine turns into a 500 or a cut."""
        await app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        """``http.request`` until the body is told, then ``http.disconnect`` when the exchange is over."""
        request = self._request
        watched = False
        while not (self._gone or request.finished()):
            if not self._told_all and (self._chunks or self._complete):
                return self._next_message()
            if self._event is None:
                self._event = asyncio.Event()
            self._event.clear()  # before asking: what is asked for may come at once
            if not self._told_all:
                request.engine.want_body(request)
            elif not watched:
                watched = True
                request.engine.set_close_callback(request, self.on_connection_close)
            await self._event.wait()
        request.told_of_end = True
        return {"type": "http.disconnect"}

    def _next_message(self) -> Message:
        self._told_all = self._complete
        chunks, self._chunks = self._chunks, []
        self._size = 0
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def send(self, message: Message) -> None:
        """Take ``http.response.start`` and ``http.response.body``, and the extensions of the scope.

        Raises:
            RuntimeError: a message that can't come now.
            StreamClosedError: the client has gone; it is an :exc:`OSError`, as the specification wants.
            HTTPOutputError: more or less body than ``Content-Length`` said.
            TypeError, ValueError: a message, status, field or body that can't be sent.
        """
        # HOT: twice per response.
        kind = message.get("type")
        answer = self._answer
        if answer is not _DONE and self._request.finished():  # the server has ended it: a timeout, say
            raise StreamClosedError(real_error=self._request.engine.stream.error)
        if kind == "http.response.start" and answer is _START:
            status = message.get("status")
            # 101 would leave HTTP, and another 1xx isn't a response
            if not isinstance(status, int) or not 200 <= status <= 599:
                raise ValueError(f"'status' of http.response.start must be an int from 200 to 599, not {status!r}")
            fields = message.get("headers", ())
            self._status = status
            self._fields = fields if type(fields) is list else list(fields)
            if message.get("trailers"):
                self._trailers = []
            self._answer = _HEAD
        elif kind == "http.response.body" and (answer is _HEAD or answer is _BODY):
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = _octets(body)
            more = message.get("more_body")
            if answer is _BODY:
                await self._send_body(body, more)
            elif more or self._trailers is not None or self._status == 304 or self._request.method == "HEAD":
                await self._send_head(body, more)
            else:
                try:
                    done = self._request.engine.respond_octets(self._request, body, self._status, self._fields)
                except (AttributeError, TypeError) as error:
                    raise TypeError(_NOT_PAIRS) from error
                self._answer = _DONE
                if self._event is not None:  # another task of the application may wait for the end
                    self._event.set()
                await done
        elif kind == "http.response.pathsend" and answer is _HEAD:
            await self._send_path(message.get("path"))
        elif kind == "http.response.trailers" and answer is _TRAILERS:
            assert self._trailers is not None
            self._trailers += header_pairs(message.get("headers", ()))
            if not message.get("more_trailers"):
                self._finish(self._trailers)
        elif kind == "http.response.early_hint" and answer is _START:
            links = headers_of([(b"Link", link) for link in message.get("links", ())])
            await self._request.connection.write_headers(_start_line(103), links)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: expected {answer.value}")

    async def _send_head(self, body: bytes, more: object) -> None:
        headers = self._headers()
        if not more and body and "Content-Length" not in headers and self._trailers is None:
            headers["Content-Length"] = str(len(body))
        await self._write_headers(headers, body)
        if not more:
            self._end_body()

    def _headers(self) -> httputil.HTTPHeaders:
        """The fields of the response but those that are the server's to write."""
        headers = headers_of(self._fields)
        headers.pop("Transfer-Encoding", None)
        if self._trailers is not None:
            headers.pop("Content-Length", None)
        if "Date" not in headers:
            headers["Date"] = httputil.format_timestamp(self._request._start_time)
        return headers

    async def _write_headers(self, headers: httputil.HTTPHeaders, body: bytes = b"") -> None:
        request = self._request
        if request.method == "HEAD":
            body = b""
        done = request.engine.write_headers(request, _start_line(self._status), headers, body)
        self._answer = _BODY
        await done

    async def _send_body(self, body: bytes, more: object) -> None:
        request = self._request
        if body and request.method != "HEAD":
            await request.engine.write(request, body)
        if not more:
            self._end_body()

    async def _send_path(self, path: Any) -> None:
        """``http.response.pathsend``: the kernel sends the file, where it can.

        Of a file that has grown since the application looked, so much as its ``Content-Length`` says.
        """
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"not a regular file: {path!r}")
        headers = self._headers()
        if "Content-Length" not in headers and self._trailers is None:
            headers["Content-Length"] = str(status.st_size)
        await self._write_headers(headers)
        await self._request.engine.send_file(self._request, path, 0, None)
        self._end_body()

    def _end_body(self) -> None:
        if self._trailers is None:
            self._finish()
        else:
            self._answer = _TRAILERS

    def _finish(self, trailers: "Sequence[tuple[str, str]]" = ()) -> None:
        self._request.engine.finish(self._request, trailers)
        self._answer = _DONE
        self._wake()


_NOT_PAIRS: Final = "headers of an ASGI application are pairs of bytes"


def header_pairs(fields: "Iterable[Sequence[bytes]]") -> "list[tuple[str, str]]":
    """Fields of ASGI, which are octets, as text.

    Raises: :exc:`TypeError` for what isn't pairs of octets.
    """
    try:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(_NOT_PAIRS) from error


def headers_of(fields: "Iterable[Sequence[bytes]]") -> httputil.HTTPHeaders:
    """The same as headers, which keep the values of a repeated field apart; the engine checks them."""
    return httputil.HTTPHeaders._of_checked(header_pairs(fields))


def _octets(body: Any) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"'body' of http.response.body must be bytes, not {type(body).__name__}")


def _start_line(status: int) -> httputil.ResponseStartLine:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    return httputil.ResponseStartLine("HTTP/1.1", status, reason)
