"""``Content-Encoding: gzip`` taken off a message on its way to its delegate, with a bound on what comes out."""

import inspect
import zlib
from collections.abc import Awaitable, Callable

from asynchttp import httputil
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError

__all__ = ["DecompressingDelegate", "Decompressor"]

#: Octets that one step may put out: a piece of input that unfolds to more does so in several.
_STEP_SIZE = 65536


class Decompressor:
    """The gzip or deflate coding of RFC 9110 §8.4.1, undone piece by piece.

    Args:
        coding: ``"gzip"`` or ``"deflate"``.
        limit: octets of output, from all pieces together, above which :exc:`BodyTooLargeError` is raised.
    """

    def __init__(self, coding: str, limit: Callable[[], int]) -> None:
        self._coding = coding
        self._limit = limit
        self._size = 0
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16 if coding == "gzip" else zlib.MAX_WBITS)
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The output of ``data``, in pieces of at most 64 KiB.

        Raises: :exc:`HTTPInputError` for what isn't in the coding, also for anything behind its end.
        """
        pieces = []
        while data:
            self._begun = True
            if self._zlib.eof:
                if self._coding != "gzip":
                    raise HTTPInputError("invalid deflate data: more behind its end")
                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)  # RFC 1952 §2.2: several members
            try:
                piece = self._zlib.decompress(data, _STEP_SIZE)
            except zlib.error as error:
                raise HTTPInputError(f"invalid {self._coding} data") from error
            self._size += len(piece)
            if self._size > self._limit():
                raise BodyTooLargeError("decompressed body too large")
            if piece:
                pieces.append(piece)
            # A full step may have left output behind without input: an empty call would not be asked for it.
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
        return pieces

    def finish(self) -> None:
        """Raise :exc:`HTTPInputError` if the coding isn't at its end."""
        if self._begun and not self._zlib.eof:
            raise HTTPInputError(f"invalid {self._coding} data: it ends too early")


class DecompressingDelegate(httputil.HTTPMessageDelegate):
    """Stands before a delegate, which sees the body as it was before the coding.

    ``Content-Encoding`` becomes ``X-Consumed-Content-Encoding``, as in Tornado.

    Args:
        limit: tells ``max_body_size`` of the message.
    """

    def __init__(self, delegate: httputil.HTTPMessageDelegate, limit: Callable[[], int]) -> None:
        self._delegate = delegate
        self._limit = limit
        self._decompressor: Decompressor | None = None

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        coding = headers.get("Content-Encoding", "").lower()
        if coding in ("gzip", "deflate"):
            self._decompressor = Decompressor(coding, self._limit)
            headers.add("X-Consumed-Content-Encoding", headers["Content-Encoding"])
            del headers["Content-Encoding"]
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._decompressor is None:
            return self._delegate.data_received(chunk)
        pieces = self._decompressor.feed(chunk)
        return self._deliver(pieces) if pieces else None

    async def _deliver(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            result = self._delegate.data_received(piece)
            if result is not None and inspect.isawaitable(result):
                await result

    def finish(self) -> None:
        if self._decompressor is not None:
            self._decompressor.finish()
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
