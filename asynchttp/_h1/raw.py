"""Reading along with a response that a handler writes as it is, head and all.

Tornado 2's ``request.write(b"HTTP/1.1 200 OK\\r\\n…")`` sends octets, and whoever writes them may be wrong about where
they end. A client that believes such a head would take what is left over for the next response. So nothing beyond what
the head promised goes out, and what isn't sure to end ends with the connection.
"""

import enum
from typing import Final

from asynchttp import _reasons
from asynchttp._h1 import abnf, chunked, framing, serializer
from asynchttp._h1.errors import HTTPInputError, HTTPOutputError

__all__ = ["RawResponse"]

#: Octets of a head; what is longer passes, and ends with the connection.
_MAX_HEAD_SIZE: Final = 65536


class _In(enum.IntEnum):
    HEAD = 0
    LENGTH = 1
    CHUNKS = 2
    NOTHING = 3
    UNTIL_CLOSE = 4


_HEAD, _LENGTH, _CHUNKS, _NOTHING, _UNTIL_CLOSE = _In


class _SentChunks(chunked.ChunkedDecoder):
    """Chunks that we send ourselves: recipients must bear bad whitespace, and no sender may generate it.

    RFC 9110 §5.6.3.
    """

    def _begin_chunk(self, digits: bytes, extensions: bytes) -> None:
        if abnf.SENT_CHUNK_EXT.fullmatch(extensions) is None:
            raise HTTPInputError("whitespace around a chunk extension", reason=_reasons.CHUNK_EXTENSION)
        super()._begin_chunk(digits, extensions)


class RawResponse:
    """One response to a request with ``method``, fed as the handler writes it.


    Args:
        announce_close: add ``Connection: close`` to a head that doesn't say it.
    """

    __slots__ = ("_announce_close", "_decoder", "_head", "_in", "_left", "_method", "keep_alive", "length", "status")

    def __init__(self, method: str, announce_close: bool = False) -> None:
        self._method = method
        # The connection will close behind the response, and the client has to be told.
        self._announce_close = announce_close
        self._in = _HEAD
        self._head = bytearray()
        self._left = 0
        self._decoder: chunked.ChunkedDecoder | None = None
        #: False once it is known that the connection must close behind this response
        self.keep_alive = True
        #: octets of body that the head promised, once that is known and they may follow
        self.length: int | None = None
        #: of the final head; 0 before it has come
        self.status = 0

    @classmethod
    def chunks(cls, method: str) -> "RawResponse":
        """A response whose head was written already, and whose handler frames the chunks itself."""
        response = cls(method)
        response._in = _CHUNKS
        response._decoder = _SentChunks()
        return response

    def feed(self, data: bytes) -> bytes:
        """Look at what the handler writes; returns what of it may go out.

        Raises: :exc:`HTTPOutputError` for octets behind the end; the part before them is lost, and so is the response.
        """
        # HOT: once per piece of a raw response.
        if self._in is _HEAD:
            return self._feed_head(data)
        if self._in is _LENGTH:
            self._left -= len(data)
            if self._left < 0:
                raise HTTPOutputError("Tried to write more data than Content-Length")
        elif self._in is _CHUNKS:
            if self._decoder is None or not self._decoder.skips(data):
                self._feed_chunks(data)
        elif self._in is _NOTHING:
            return b""  # Tornado 2 handlers don't look at the method: what a HEAD mustn't get stays here
        return data

    def finish(self) -> str | None:
        """What is missing at the end of the response; ``None`` if it is whole."""
        if self._in is _LENGTH and self._left:
            return f"Tried to write {self._left} bytes less than Content-Length"
        if self._in is _CHUNKS and self._decoder is not None and not self._decoder.complete:
            return "the last chunk is missing"
        if self._in is _HEAD:
            # Not a head of HTTP/1: as it is, and then the end.
            self.keep_alive = False
        return None

    def _feed_head(self, data: bytes) -> bytes:
        kept = len(self._head)
        head: bytes | bytearray = data
        if kept:
            self._head += data
            head = self._head
        start, searched = 0, max(0, kept - 3)
        while (end := head.find(b"\r\n\r\n", max(start, searched)) + 4) >= 4:
            told = serializer.parse_response_framing(bytes(head[start:end]))
            if told.status >= 200 or told.status == 101:
                self._head = bytearray()
                self._begin_body(told)
                size = end - kept
                if self._in is _LENGTH and not self._announce_close:  # nothing to change: no copy of a large body
                    self._left -= len(data) - size
                    if self._left < 0:
                        raise HTTPOutputError("Tried to write more data than Content-Length")
                    return data
                last, rest = data[:size], data[size:]
                if self._announce_close and told.keep_alive and len(last) > 2:
                    last = last[:-2] + b"Connection: close\r\n\r\n"
                return last + self.feed(rest) if rest else last
            start = end  # it was interim: another head follows
            self._doubt(told)
        if kept:
            del self._head[:start]
        else:
            self._head += head[start:]
        if len(self._head) > _MAX_HEAD_SIZE:
            self._until_close()
        return data

    def _begin_body(self, told: serializer.ResponseFraming) -> None:
        self.status = told.status
        if not told.keep_alive:
            self.keep_alive = False
        if told.status == 204:
            self._doubt(told)
        if told.status == 101:
            self._until_close()
        elif not serializer.may_have_body(self._method, told.status):
            self._in = _NOTHING
        elif told.body_length is None:
            self._until_close()
        elif told.body_length == framing.CHUNKED:
            self._in = _CHUNKS
            self._decoder = _SentChunks()
        else:
            self._in = _LENGTH
            self._left = self.length = told.body_length

    def _doubt(self, told: serializer.ResponseFraming) -> None:
        """A head that has no body promises one (RFC 9110 §8.6, RFC 9112 §6.1: MUST NOT): some wait for it."""
        if told.body_length:
            self.keep_alive = False

    def _until_close(self) -> None:
        self._in = _UNTIL_CLOSE
        self.keep_alive = False

    def _feed_chunks(self, data: bytes) -> None:
        assert self._decoder is not None
        if self._decoder.complete:
            raise HTTPOutputError("Tried to write more data behind the last chunk")
        try:
            _, end = self._decoder.feed(data)
        except HTTPInputError as error:
            raise HTTPOutputError(f"malformed chunked body: {error}") from None
        if 0 <= end < len(data):
            raise HTTPOutputError("Tried to write more data behind the last chunk")
