"""The client's side of an HTTP/1.1 connection: one request out, its response in.

Not hot, so it is written over the stream's reads, in the order in which a response comes. The rules are those of
:mod:`asynchttp._h1`; what they demand of a request holds for a response too, with RFC 9112 §6.3 for where it ends.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asynchttp import httputil
from asynchttp._decompress import DecompressingDelegate
from asynchttp._h1 import abnf, chunked, framing, serializer
from asynchttp._h1 import head as h1_head
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError, HTTPOutputError
from asynchttp._interfaces import tell_closed
from asynchttp._legacy.callbacks import accepts_callback
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp.iostream import IOStream, StreamClosedError, UnsatisfiableReadError
from asynchttp.log import app_log, gen_log

__all__ = ["ClientConnection"]

#: Interim responses before the final one.
_MAX_1XX_RESPONSES: Final = 10
#: Requests whose body is sent in chunks when its length isn't told (RFC 9110 §8.6: others have no body).
_METHODS_WITH_BODY: Final = ("POST", "PUT", "PATCH")


class ClientConnection(httputil.HTTPConnection):
    """Sends a request on a stream and reads its response.

    Args:
        stream: connected, and this connection's own until :meth:`detach`.
        is_client: must be true: a server's side is :class:`~asynchttp.http1connection.HTTP1ServerConnection`.
        context: stands for the peer in log records.

    Source: Tornado ``HTTP1Connection(stream, is_client=True)``.
    """

    def __init__(
        self,
        stream: IOStream,
        is_client: bool = True,
        params: HTTP1ConnectionParameters | None = None,
        context: object = None,
    ) -> None:
        if not is_client:
            raise ValueError("HTTP1Connection is the client's side; HTTP1ServerConnection(stream) is the server's")
        self.is_client = is_client
        self.stream: IOStream | None = stream
        self.params = params or HTTP1ConnectionParameters()
        self.context = context
        self.no_keep_alive = self.params.no_keep_alive
        self._max_body_size = self.params.max_body_size
        self._body_timeout = self.params.body_timeout
        self._method = ""
        # Octets of the request's body still to come; None: as many as there are.
        self._left: int | None = None
        self._chunked = False
        self._close_callback: Callable[[], Any] | None = None

    # -- the request -----------------------------------------------------------------------------------------------

    @accepts_callback(at=3, with_result=False)
    def write_headers(
        self,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """Send the head of a request, and the first octets of its body.

        A body is sent in chunks if the method has one and ``headers`` tell no length.

        Returns: a future that is done when the octets have been handed to the kernel; it has failed with
        :exc:`StreamClosedError` if the peer has gone.
        Raises: :exc:`ValueError` for a head that would split the message.
        """
        method, target, _ = start_line
        line = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
        match = abnf.REQUEST_LINE.match(line)
        if match is None or match.end() != len(line) - 3:
            raise ValueError(f"Illegal characters in request line: {line!r}")
        self._method = method
        lengths = headers.get_list("Content-Length")
        self._chunked = method in _METHODS_WITH_BODY and not lengths and "Transfer-Encoding" not in headers
        if self._chunked:
            headers["Transfer-Encoding"] = "chunked"
        self._left = _told_length(lengths)
        head = line + serializer.encode_fields(headers.get_all()) + b"\r\n"
        return self._send(head + self._framed(chunk) if chunk else head)

    @accepts_callback(at=1, with_result=False)
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
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StreamClosedError())
        future.exception()
        return future

    def finish(self) -> None:
        """End the request.  Raises :exc:`HTTPOutputError` for less than ``Content-Length``."""
        if self._left:
            self.close()
            raise HTTPOutputError(f"Tried to write {self._left} bytes less than Content-Length")
        if self._chunked:
            self._send(chunked.LAST_CHUNK)
        if self.stream is not None and not self.stream.closed():
            self.stream.set_nodelay(True)

    # -- the response ----------------------------------------------------------------------------------------------

    def read_response(self, delegate: httputil.HTTPMessageDelegate) -> "asyncio.Future[bool]":
        """Read one response, and give it to ``delegate`` as it comes.

        Returns: a future: whether the connection can carry another message. A peer that breaks the rules or goes away
        makes it ``False``, and never raises.
        """
        if self.params.decompress:
            delegate = DecompressingDelegate(delegate, self._limit_of_body, self.params.chunk_size)
        assert self.stream is not None
        return self.stream.io_loop.asyncio_loop.create_task(self._read_response(delegate))

    def _limit_of_body(self) -> int:
        return self._max_body_size

    async def _read_response(self, delegate: httputil.HTTPMessageDelegate) -> bool:
        stream = self.stream
        assert stream is not None
        finished = False
        try:
            for _ in range(_MAX_1XX_RESPONSES + 1):
                status, headers, minor = await self._read_head(delegate, stream)
                if self.stream is None:  # detached
                    return False
                if not 100 <= status < 200:
                    break
            else:
                raise HTTPInputError(f"more than {_MAX_1XX_RESPONSES} interim responses")
            keep_alive = framing.keep_alive(minor, [v.encode("latin-1") for v in headers.get_list("Connection")])
            length = self._body_length(status, minor, headers)
            reading = self._read_body(delegate, stream, length)
            if self._body_timeout is None:
                await reading
            else:
                try:
                    await asyncio.wait_for(reading, self._body_timeout)
                except TimeoutError:
                    gen_log.info("Timeout reading body from %s", self.context)
                    return False
            delegate.finish()
            finished = True
            return keep_alive and length is not None and not self.no_keep_alive
        except HTTPInputError as error:
            gen_log.info("Malformed HTTP message from %s: %s", self.context, error)
            return False
        except UnsatisfiableReadError:
            return False
        except StreamClosedError:
            return False
        except Exception:
            app_log.error("Uncaught exception", exc_info=True)
            return False
        finally:
            if self.stream is not None:
                if not finished:
                    tell_closed(delegate)
                    self.close()
                elif self.no_keep_alive:
                    self.close()

    async def _read_head(
        self, delegate: httputil.HTTPMessageDelegate, stream: IOStream
    ) -> tuple[int, httputil.HTTPHeaders, int]:
        octets = await stream.read_until(b"\r\n\r\n", max_bytes=self.params.max_header_size)
        octets = octets.lstrip(b"\r\n")
        line, _, _ = octets.partition(b"\r\n")
        start_line = httputil.parse_response_start_line(line.decode("latin-1"))
        fields = octets[len(line) :]
        if abnf.FIELD_LINES.fullmatch(fields, 2) is None:
            raise HTTPInputError("malformed header field in a response")
        headers = httputil.HTTPHeaders._of_checked(h1_head.split_fields(fields))
        if 100 <= start_line.code < 200 and ("Content-Length" in headers or "Transfer-Encoding" in headers):
            raise HTTPInputError(f"a response with status {start_line.code} can't have a body")
        await _wait_for(delegate.headers_received(start_line, headers))
        return start_line.code, headers, int(start_line.version[-1])

    def _body_length(self, status: int, minor: int, headers: httputil.HTTPHeaders) -> int | None:
        """Octets of the body, ``framing.CHUNKED``, or ``None``: until the connection closes.  RFC 9112 §6.3."""
        if not serializer.may_have_body(self._method, status):
            return 0
        lengths = [value.encode("latin-1") for value in headers.get_list("Content-Length")]
        codings = [value.encode("latin-1") for value in headers.get_list("Transfer-Encoding")]
        if not lengths and not codings:
            return None
        length = framing.body_length(minor, lengths, codings)
        if length > self._max_body_size:
            raise BodyTooLargeError("Content-Length too long")
        return length

    async def _read_body(self, delegate: httputil.HTTPMessageDelegate, stream: IOStream, length: int | None) -> None:
        size = self.params.chunk_size
        if length == framing.CHUNKED:
            await self._read_chunks(delegate, stream)
        elif length is not None:
            while length:
                piece = await stream.read_bytes(min(size, length), partial=True)
                length -= len(piece)
                await _wait_for(delegate.data_received(piece))
        else:
            total = 0
            while True:
                try:
                    piece = await stream.read_bytes(size, partial=True)
                except StreamClosedError as error:
                    if error.real_error is not None:
                        raise
                    return
                total += len(piece)
                if total > self._max_body_size:
                    raise BodyTooLargeError("response body too large")
                await _wait_for(delegate.data_received(piece))

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
                await _wait_for(delegate.data_received(body))
            if end >= 0:
                stream.unread(data[end:])
                return

    # -- the connection --------------------------------------------------------------------------------------------

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call ``callback`` once when the connection closes; ``None`` takes it back."""
        if self.stream is not None:
            self.stream.set_close_callback(callback)

    def set_body_timeout(self, timeout: float) -> None:
        """Set ``body_timeout``, in seconds, for the present message."""
        self._body_timeout = timeout

    def set_max_body_size(self, max_body_size: int) -> None:
        """Set ``max_body_size``, in octets, for the present message."""
        self._max_body_size = max_body_size

    def detach(self) -> IOStream:
        """Take the stream out of this connection's hands, for another protocol."""
        stream, self.stream = self.stream, None
        if stream is None:
            raise StreamClosedError
        stream.set_close_callback(None)
        return stream

    def close(self) -> None:
        """Close the connection at once."""
        if self.stream is not None:
            self.stream.close()


async def _wait_for(result: Awaitable[None] | None) -> None:
    if result is not None and inspect.isawaitable(result):
        await result


def _told_length(lengths: list[str]) -> int | None:
    if not lengths:
        return None
    if len(lengths) > 1 or abnf.CONTENT_LENGTH.fullmatch(lengths[0].encode("latin-1")) is None:
        raise ValueError(f"invalid Content-Length: {lengths!r}")
    return int(lengths[0])
