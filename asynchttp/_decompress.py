"""``Content-Encoding: gzip`` taken off a message on its way to its delegate, with a bound on what comes out."""

import inspect
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from asynchttp import _reasons, httputil
from asynchttp._h1.errors import BodyTooLargeError, HTTPInputError

__all__ = ["CODINGS", "DecompressingDelegate", "Decompressor"]

#: The codings that can be undone, as ``Content-Encoding`` names them, in lower case.  RFC 9110 §8.4.1.3: the one with
#: ``x-`` is the same as the one without.
CODINGS: Final = ("gzip", "x-gzip", "deflate")

#: Octets that zlib gets at once. It copies what it leaves, for each piece of output and each member.
_SLICE_SIZE: Final = 8192
#: A member of nothing has 20 octets, and costs as much as some KiB of another. So members may be as many as these,
#: and one for so many octets of what comes and what it unfolds to.
_MEMBERS: Final = 32
_OCTETS_PER_MEMBER: Final = 256


class Decompressor:
    """The gzip or deflate coding of RFC 9110 §8.4.1, undone piece by piece.

    What a peer can make us compute is bounded by the octets it sends and those that come of them.

    Args:
        coding: one of :data:`CODINGS`. Deflate is in its zlib wrapper, as §8.4.1.2 says; without it's refused.
        limit: octets of output, from all pieces together, above which :exc:`BodyTooLargeError` is raised.
        piece_size: octets of one piece of output. What unfolds to more comes in several, each made when it is wanted.
    """

    def __init__(self, coding: str, limit: Callable[[], int], piece_size: int = 65536) -> None:
        self._coding = coding.removeprefix("x-")
        self._limit = limit
        self._piece_size = piece_size
        self._size = 0
        # Octets that came, and members that ended.
        self._taken = 0
        self._members = 0
        self._zlib = self._new_member()
        self._begun = False

    def _new_member(self) -> "zlib._Decompress":
        return zlib.decompressobj(zlib.MAX_WBITS | 16 if self._coding == "gzip" else zlib.MAX_WBITS)

    def _next_member(self) -> None:
        """RFC 1952 §2.2: there may be several."""
        self._members += 1
        if self._members > _MEMBERS + (self._taken + self._size) // _OCTETS_PER_MEMBER:
            raise HTTPInputError("too many gzip members for so little data", reason=_reasons.TOO_MANY_MEMBERS)
        self._zlib = self._new_member()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The output of ``data``, in pieces that aren't empty.  All must be taken before the next call.

        Raises: :exc:`HTTPInputError` for what isn't in the coding, also for anything behind its end, and for members
        that are many and small.
        """
        for start in range(0, len(data), _SLICE_SIZE):
            self._taken += min(_SLICE_SIZE, len(data) - start)
            yield from self._feed(data[start : start + _SLICE_SIZE])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        more = True
        while more:
            self._begun = True
            if self._zlib.eof:
                if self._coding != "gzip":
                    raise HTTPInputError("invalid deflate data: more behind its end", reason=_reasons.CONTENT_CODING)
                self._next_member()
            try:
                piece = self._zlib.decompress(data, self._piece_size)
            except zlib.error as error:
                raise HTTPInputError(f"invalid {self._coding} data", reason=_reasons.CONTENT_CODING) from error
            self._size += len(piece)
            if self._size > self._limit():
                raise BodyTooLargeError(f"decompressed body too large: more than {self._limit()} octets")
            if piece:
                yield piece
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            # A full piece may leave output behind though its input is used up.
            more = bool(data) or (len(piece) == self._piece_size and not self._zlib.eof)

    def finish(self) -> None:
        """Raise :exc:`HTTPInputError` if the coding isn't at its end."""
        if self._begun and not self._zlib.eof:
            raise HTTPInputError(f"invalid {self._coding} data: it ends too early", reason=_reasons.CONTENT_CODING)


class DecompressingDelegate(httputil.HTTPMessageDelegate):
    """Stands before a delegate, which sees the body as it was before the coding.

    ``Content-Encoding`` becomes ``X-Consumed-Content-Encoding``, as in Tornado.

    Args:
        limit: tells ``max_body_size`` of the message.
        chunk_size: octets of the largest piece passed on.
    """

    def __init__(self, delegate: httputil.HTTPMessageDelegate, limit: Callable[[], int], chunk_size: int) -> None:
        self._delegate = delegate
        self._limit = limit
        self._chunk_size = chunk_size
        self._decompressor: Decompressor | None = None
        self._closed = False

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        coding = headers.get("Content-Encoding", "").lower()
        if coding in CODINGS:
            self._decompressor = Decompressor(coding, self._limit, self._chunk_size)
            headers.add("X-Consumed-Content-Encoding", headers["Content-Encoding"])
            del headers["Content-Encoding"]
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._decompressor is None:
            return self._delegate.data_received(chunk)
        pieces = self._decompressor.feed(chunk)
        for piece in pieces:
            result = self._delegate.data_received(piece)
            if result is not None and inspect.isawaitable(result):
                return self._go_on(result, pieces)
        return None

    async def _go_on(self, result: Awaitable[None], pieces: Iterator[bytes]) -> None:
        await result
        for piece in pieces:
            if self._closed:
                return
            following = self._delegate.data_received(piece)
            if following is not None and inspect.isawaitable(following):
                await following

    def finish(self) -> None:
        if self._decompressor is not None:
            self._decompressor.finish()
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._closed = True
        self._delegate.on_connection_close()
