"""The client's side of an HTTP/1.1 connection: one request out, its response in.

Not hot, so it is written over the stream's reads, in the order in which a response comes. What a response means is
:mod:`asynchttp._h1.response`'s business.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Final, Self

from asynchttp import httputil
from asynchttp._decompress import DecompressingDelegate
from asynchttp._h1 import abnf, chunked, framing, serializer
from asynchttp._h1.errors import BodyTooLargeError, HeadTooLargeError, HTTPInputError, HTTPOutputError
from asynchttp._h1.response import ResponseHead, ResponseHeadReader
from asynchttp._legacy.responses import tells_when_written
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp.iostream import IOStream, StreamClosedError, UnsatisfiableReadError
from asynchttp.log import app_log, gen_log

__all__ = ["MAX_1XX_RESPONSES", "ClientConnection"]

#: Interim responses before the final one.
MAX_1XX_RESPONSES: Final = 10
#: Requests whose body is sent in chunks when its length isn't told (RFC 9110 §8.6: others have no body).
_METHODS_WITH_BODY: Final = ("POST", "PUT", "PATCH")


class ClientConnection(httputil.HTTPConnection):
    """Sends a request on a stream and reads its response.

    Args:
        stream: connected, and this connection's own until :meth:`detach`.
        params: limits and timeouts. ``header_timeout``, if it is given, is the time from :meth:`read_response` (or
            from an interim response) to the end of the next head; a response may be long in coming, so there is no
            default.
        context: stands for the peer in log records.

    Source: Tornado ``HTTP1Connection(stream, is_client=True)``.
    """

    is_client = True

    def __init__(
        self,
        stream: IOStream,
        is_client: bool = True,
        params: HTTP1ConnectionParameters | None = None,
        context: object = None,
    ) -> None:
        self.stream: IOStream | None = stream
        self.io_loop = stream.io_loop
        self.params = params or HTTP1ConnectionParameters()
        self.context = context
        self.no_keep_alive = self.params.no_keep_alive
        self._max_body_size = self.params.max_body_size
        self._body_timeout = self.params.body_timeout
        self._method = ""
        # Octets of the request's body still to come; None: as many as there are.
        self._left: int | None = None
        self._chunked = False
        # Requests that no final response was read for.
        self._unanswered = 0
        # A head was sent, and finish() hasn't been called since.
        self._sending = False
        # Held, because asyncio holds its tasks weakly. None: no response is being read.
        self._reading: asyncio.Task[bool] | None = None
        self._close_callback: Callable[[], Any] | None = None
        # The delegate has got a head.
        self._begun = False
        # close() was called: an end that isn't the peer's.
        self._cut = False
        # Tornado does so, too: tornado.simple_httpclient would raise stream.error in the one that it has set before.
        stream.set_close_callback(None)

    # -- the request -----------------------------------------------------------------------------------------------

    @tells_when_written(at=3)
    def write_headers(
        self,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """Send the head of a request, and the first octets of its body.

        The body is sent in chunks if ``headers`` say so, or if the method has one and they tell no length.

        Returns: a future that is done when the octets have been handed to the kernel; it has failed with
        :exc:`StreamClosedError` if the peer has gone, or spoke before it was asked.
        Raises: :exc:`ValueError` for a head that would split the message, or leave it open where it ends.
        """
        method, target, _ = start_line
        line = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
        match = abnf.REQUEST_LINE.match(line)
        if match is None or match.end() != len(line) - 3:
            raise ValueError(f"Illegal characters in request line: {line!r}")
        fields = [(name, _text(value)) for name, value in headers.get_all()]
        lengths = [value for name, value in fields if name.lower() == "content-length"]
        codings = [value for name, value in fields if name.lower() == "transfer-encoding"]
        if codings and (lengths or [coding.lower() for coding in codings] != ["chunked"]):
            raise ValueError("Transfer-Encoding of a request can only be chunked, without Content-Length")
        self._left = _told_length(lengths)
        self._chunked = bool(codings) or (method in _METHODS_WITH_BODY and not lengths)
        if self._chunked and not codings:
            fields.append(("Transfer-Encoding", "chunked"))
        head = line + serializer.encode_fields(fields) + b"\r\n"
        self._refuse_unasked()
        self._unanswered += 1
        self._method = method
        self._sending = True
        return self._send(head + self._framed(chunk) if chunk else head)

    def _unasked(self) -> bool:
        """Whether the server said something that nobody asked for.  RFC 9112 §9.2: MUST NOT be taken for a response."""
        return self.stream is not None and not self._unanswered and self.stream.read_buffer_size() > 0

    def _refuse_unasked(self) -> None:
        if self._unasked():
            gen_log.info("Malformed HTTP message from %s: it came before its request", self.context)
            self.close()

    @tells_when_written(at=1)
    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """Send octets of the body.  Raises :exc:`HTTPOutputError` for more than ``Content-Length``."""
        return self._send(self._framed(chunk)) if chunk else self._send(b"")

    def _framed(self, chunk: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                self.close()
                raise HTTPOutputError("Tried to write more data than Content-Length")
        return chunked.encode_chunk(chunk) if self._chunked else chunk

    def _send(self, data: bytes) -> "asyncio.Future[None]":
        if self.stream is not None and not self.stream.closed():
            return self.stream.write(data)
        future: asyncio.Future[None] = self.io_loop.asyncio_loop.create_future()
        future.set_exception(StreamClosedError())
        future.exception()  # nobody has to look
        return future

    def finish(self) -> None:
        """End the request.  Raises :exc:`HTTPOutputError` for less than ``Content-Length``."""
        self._sending = False
        if self.stream is None or self.stream.closed():
            return
        if self._left:
            self.close()
            raise HTTPOutputError(f"Tried to write {self._left} bytes less than Content-Length")
        if self._chunked:
            self._send(chunked.LAST_CHUNK)
        self.stream.set_nodelay(True)

    @property
    def _request(self) -> Self:
        """Who keeps a write's callback until it is called: see ``_legacy/responses.py``."""
        return self

    # -- the response ----------------------------------------------------------------------------------------------

    def read_response(self, delegate: httputil.HTTPMessageDelegate) -> "asyncio.Future[bool]":
        """Read one response, and give it to ``delegate`` as it comes.

        Interim responses come to ``headers_received`` as they are, up to 10 of them. The delegate may :meth:`detach`
        there, as it must behind a ``101``. Then, unless it did, it gets ``finish`` or ``on_connection_close``; the
        latter also when the peer broke the rules, or took too long, before there was a head.

        Returns: a future: whether the connection can carry another request; ``False`` if the peer broke the rules, the
        delegate failed, which is logged, or something follows that no request was sent for. Cancelling it closes the
        connection.
        Raises:
            StreamClosedError: the connection ended before the response did. The delegate was told if it had a head.
            AssertionError: another response is being read.
        """
        if self._reading is not None:
            raise AssertionError("Already reading")
        if self.params.decompress:
            delegate = DecompressingDelegate(delegate, self._limit_of_body, self.params.chunk_size)
        self._reading = self.io_loop.asyncio_loop.create_task(self._read_response(delegate))
        self._reading.add_done_callback(self._response_over)
        return self._reading

    def _response_over(self, task: "asyncio.Task[bool]") -> None:
        self._reading = None
        if task.cancelled():
            self.close()  # perhaps before the task began
        else:
            task.exception()  # looked at: who doesn't wait for it doesn't want to read of it in the log, either

    def _limit_of_body(self) -> int:
        return self._max_body_size

    async def _read_response(self, delegate: httputil.HTTPMessageDelegate) -> bool:
        stream = self.stream
        if stream is None or self._cut:
            raise StreamClosedError
        finished = self._begun = False
        try:
            head = await self._read_heads(delegate, stream)
            if self.stream is None:  # detached
                return False
            if head.status == 101:
                raise HTTPInputError("the protocol was switched, and nobody took the connection")
            length = head.body_length(self._method)
            if length is not None and length > self._max_body_size:
                raise BodyTooLargeError("Content-Length too long")
            deadline = asyncio.timeout(self._body_timeout)
            try:
                async with deadline:
                    await self._read_body(delegate, stream, length)
            except TimeoutError:
                if not deadline.expired():  # the delegate's own
                    raise
                gen_log.info("Timeout reading body from %s", self.context)
                return False
            self._unanswered = max(0, self._unanswered - 1)  # some read without having asked
            delegate.finish()
            finished = True
            tunnel = self._method == "CONNECT" and 200 <= head.status < 300
            alive = head.keep_alive and length is not None and not (tunnel or self._sending or self.no_keep_alive)
            return alive and self.stream is not None and not self._unasked()
        except HTTPInputError as error:
            gen_log.info("Malformed HTTP message from %s: %s", self.context, error)
            return False
        except StreamClosedError:
            finished = not self._begun  # the delegate knows of nothing
            raise
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # in a task there is one
                raise
            app_log.error("Uncaught exception", exc_info=True)  # what the delegate waited for was cancelled
            return False
        except Exception:
            app_log.error("Uncaught exception", exc_info=True)
            return False
        finally:
            if self.stream is not None:
                self._forget_close_callback()
                if not finished or self.no_keep_alive:
                    self.close()
                if not finished:
                    _tell_closed(delegate, self.stream)

    async def _read_heads(self, delegate: httputil.HTTPMessageDelegate, stream: IOStream) -> ResponseHead:
        """Read the interim responses and the head of the final one."""
        for _ in range(MAX_1XX_RESPONSES + 1):
            try:
                async with asyncio.timeout(self.params.response_timeout):
                    head = await self._read_head(stream)
            except TimeoutError:
                raise HTTPInputError(f"no response after {self.params.response_timeout} s") from None
            if head.status < 200:
                head.body_length(self._method)  # it can't have any
            start_line = httputil.ResponseStartLine(f"HTTP/1.{head.minor}", head.status, head.reason)
            headers = httputil.HTTPHeaders._of_checked(head.fields())
            self._begun = True
            result = delegate.headers_received(start_line, headers)
            if result is not None and inspect.isawaitable(result):
                await result
            if self.stream is None or head.status >= 200 or head.status == 101:
                return head
        raise HTTPInputError("Too many 1xx responses")

    async def _read_head(self, stream: IOStream) -> ResponseHead:
        reader = ResponseHeadReader(self.params.max_header_size, self.params.max_header_count)
        while True:
            data = await stream.read_bytes(self.params.chunk_size, partial=True)
            try:
                found = reader.feed(data)
            except HeadTooLargeError as error:
                gen_log.info("Unsatisfiable read, closing connection: %s", error)
                self.close(UnsatisfiableReadError(str(error)))
                raise StreamClosedError(real_error=stream.error) from None
            if found is not None:
                head, end = found
                stream.unread(data[end:])
                return head

    async def _read_body(self, delegate: httputil.HTTPMessageDelegate, stream: IOStream, length: int | None) -> None:
        if length == framing.CHUNKED:
            await self._read_chunks(delegate, stream)
        elif length is None:
            await self._read_until_close(delegate, stream)
        else:
            while length:
                piece = await stream.read_bytes(min(self.params.chunk_size, length), partial=True)
                length -= len(piece)
                await self._pass_on(delegate, piece)

    async def _pass_on(self, delegate: httputil.HTTPMessageDelegate, piece: bytes) -> None:
        result = delegate.data_received(piece)
        if result is not None and inspect.isawaitable(result):
            await result
        if self.stream is None:  # detached
            raise StreamClosedError

    async def _read_until_close(self, delegate: httputil.HTTPMessageDelegate, stream: IOStream) -> None:
        total = 0
        while True:
            try:
                piece = await stream.read_bytes(self.params.chunk_size, partial=True)
            except StreamClosedError as error:
                if error.real_error is not None or self._cut:
                    raise
                return
            total += len(piece)
            if total > self._max_body_size:
                raise BodyTooLargeError("Body too long")
            await self._pass_on(delegate, piece)

    async def _read_chunks(self, delegate: httputil.HTTPMessageDelegate, stream: IOStream) -> None:
        decoder = chunked.ChunkedDecoder(self.params.max_header_size, self.params.max_header_count)
        total = 0
        while True:
            data = await stream.read_bytes(self.params.chunk_size, partial=True)
            body, end = decoder.feed(data)
            total += len(body)
            if total > self._max_body_size:
                raise BodyTooLargeError("chunked body too large")
            if body:
                await self._pass_on(delegate, body)
            if end >= 0:
                stream.unread(data[end:])
                return

    # -- the connection --------------------------------------------------------------------------------------------

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once if the connection closes before its response was read; ``None`` takes it back.

        Not while it is being read: then the delegate is told.
        """
        if self.stream is not None:
            self._close_callback = callback
            self.stream.set_close_callback(None if callback is None else self._closed)

    def _closed(self) -> Any:
        callback, self._close_callback = self._close_callback, None
        return callback() if callback is not None and self._reading is None else None

    def _forget_close_callback(self) -> None:
        # The stream's slot may hold one that isn't ours.
        if self._close_callback is not None and self.stream is not None:
            self._close_callback = None
            self.stream.set_close_callback(None)

    def set_body_timeout(self, timeout: float | None) -> None:
        """Set ``body_timeout``, in seconds, for the next body; ``None``: no limit."""
        self._body_timeout = timeout

    def set_max_body_size(self, max_body_size: int) -> None:
        """Set ``max_body_size``, in octets, before and after decompression."""
        self._max_body_size = max_body_size

    def detach(self) -> IOStream:
        """Take the stream out of this connection's hands, for another protocol.

        What came behind the head is still in its buffer.  Raises :exc:`StreamClosedError` when it was taken before.
        """
        stream = self.stream
        if stream is None:
            raise StreamClosedError
        self._forget_close_callback()
        self.stream = None
        return stream

    def close(self, exc_info: Any = False) -> None:
        """Close the connection at once."""
        self._cut = True
        if self.stream is not None:
            self.stream.close(exc_info=exc_info)


def _tell_closed(delegate: httputil.HTTPMessageDelegate, stream: IOStream) -> None:
    try:
        delegate.on_connection_close()
    except Exception as error:
        if error is not stream.error:  # some raise what they find there, as tornado.simple_httpclient does
            app_log.error("Uncaught exception", exc_info=True)


def _text(value: Any) -> str:
    """A field's value; as ``bytes``, which slip into headers, its octets are meant."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _told_length(lengths: list[str]) -> int | None:
    if not lengths:
        return None
    if len(lengths) > 1 or abnf.CONTENT_LENGTH.fullmatch(lengths[0].encode("latin-1")) is None:
        raise ValueError(f"invalid Content-Length: {lengths!r}")
    return int(lengths[0])
