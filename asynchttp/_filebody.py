"""Files as bodies of responses: the kernel moves their octets where it can.

How this works
==============

``os.sendfile`` on the stream's own socket, behind all that was written before. When the kernel takes no more, a small
piece is read and written through the stream instead: the transport keeps what is left of it, and everything that
watches a slow reader (``pause_writing``, ``write_timeout``, who waits for a write) works as with any other body. When
it is gone there is room again.

Why not ``loop.sendfile``?  uvloop hasn't got it; asyncio's takes the transport out of the loop meanwhile, so that
nobody notices a client that leaves, and a ``close`` in the middle leaves its descriptor in the selector.

Where the kernel can't (TLS, some file systems and systems, a response that is framed by its handler) the pieces are
read in a thread.

What must never happen: more than was promised goes out, however the file grows; a file that shrinks passes for whole;
a read of a descriptor that the handler closed meanwhile (we have our own).
"""

import asyncio
import errno
import os
import stat
from typing import Any, Final

from asynchttp._exchange import Headers, ServerRequest
from asynchttp._h1.errors import HTTPOutputError
from asynchttp._h1.states import Writing
from asynchttp._response import TURN_SIZE, ResponseWriter
from asynchttp._streamtypes import is_disconnect
from asynchttp.iostream import StreamClosedError

__all__ = ["FileWriter"]

#: Octets below which a file is read and written together with the head: one send instead of two.
_SMALL: Final = 65536
#: Octets that are read and written when the kernel is full; the less of them, the less is copied.
_STALLED_PIECE: Final = 16384
#: This file, or this socket, is none for sendfile.
_NOT_FOR_SENDFILE: Final = (
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.ENOTSOCK,
    errno.EOVERFLOW,
)

_W_LENGTH, _W_CHUNKED, _W_UNTIL_CLOSE, _W_RAW, _W_FILE = (
    Writing.LENGTH,
    Writing.CHUNKED,
    Writing.UNTIL_CLOSE,
    Writing.RAW,
    Writing.FILE,
)


class FileWriter(ResponseWriter):
    """Writes files into the responses of one connection."""

    __slots__ = ()

    def send_file(self, exchange: ServerRequest, file: Any, offset: int, count: int | None) -> "asyncio.Future[None]":
        """Write octets of a file into the body."""
        if not self._claim(exchange):
            return self._gone()
        framing = self._writing
        if framing not in (_W_LENGTH, _W_CHUNKED, _W_UNTIL_CLOSE, _W_RAW):
            raise HTTPOutputError("a file can't be sent here: it is part of a body, behind the head")
        if offset < 0 or (count is not None and count < 0):
            raise ValueError(f"offset and count of a file can't be negative: {offset}, {count}")
        fd = _open(file)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"not a regular file: {file!r}")
            if count is None:
                count = max(0, status.st_size - offset)
                if framing is _W_LENGTH:
                    count = min(count, self._left)
            if exchange.method == "HEAD" or count == 0:
                return self._done
            if framing is _W_LENGTH and count > self._left:
                raise self._broken(exchange, "Tried to write more data than Content-Length")
            if count <= _SMALL:
                data = os.pread(fd, count, offset)
                if len(data) < count:
                    raise self._broken(exchange, str(_ended_early(count - len(data))))
                return self.write(exchange, data)
            if framing is _W_LENGTH:
                self._left -= count
            self._writing = _W_FILE
            own, fd = fd, -1
            task = self._loop.create_task(self._send_pieces(exchange, own, offset, offset + count, framing))
            task.add_done_callback(lambda done: self._file_done(exchange, own, framing, done))
            return task
        finally:
            if fd >= 0:
                os.close(fd)

    async def _send_pieces(self, exchange: ServerRequest, fd: int, offset: int, end: int, framing: Writing) -> None:
        if framing is _W_CHUNKED:
            self._out += (b"%x\r\n" % (end - offset),)
        self._flush()
        by_kernel = framing is not _W_RAW and self.stream.sends_files()
        try:
            while offset < end:
                size = min(end - offset, TURN_SIZE)
                if self.stream.writing():
                    await self._wait(0)
                elif by_kernel:
                    try:
                        taken = self.stream.send_from_file(fd, offset, size)
                    except BlockingIOError:
                        piece = os.pread(fd, min(size, _STALLED_PIECE), offset)
                        taken = len(piece)
                        self.stream.send(piece)
                    except OSError as error:
                        if error.errno not in _NOT_FOR_SENDFILE:
                            raise
                        by_kernel = False
                        continue
                    offset += _progress(taken, end - offset)
                    if not self.stream.writing():
                        await asyncio.sleep(0)
                else:
                    piece = await self._loop.run_in_executor(None, os.pread, fd, size, offset)
                    self._still_answering(exchange)
                    offset += _progress(len(piece), end - offset)
                    self.stream.send(self._raw_octets(exchange, piece) if framing is _W_RAW else piece)
                self._still_answering(exchange)
            if framing is _W_CHUNKED:
                self.stream.send(b"\r\n")
            if self.stream.writing():
                await self._wait(0)
                self._still_answering(exchange)
        except StreamClosedError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and is_disconnect(error):
                self.stream.close(exc_info=error)
            else:
                self.handler_failed(exchange, error)
            raise StreamClosedError(real_error=error) from error

    def _still_answering(self, exchange: ServerRequest) -> None:
        if exchange is not self._exchange:
            raise StreamClosedError(real_error=self.stream.error)

    def _file_done(self, exchange: ServerRequest, fd: int, framing: Writing, done: "asyncio.Task[None]") -> None:
        """What follows a file, whatever became of it.  Runs before whoever awaits it."""
        os.close(fd)
        ending: Headers | None
        ending, self._ending = self._ending, None
        if exchange is not self._exchange:
            if not done.cancelled():
                done.exception()  # nobody has to look
            return
        if done.cancelled() or done.exception() is not None:
            self.abandon(exchange)
            return
        self._writing = framing
        if ending is not None:
            try:
                self.finish(exchange, ending)
            except Exception as error:
                self.handler_failed(exchange, error)


def _open(file: Any) -> int:
    """A descriptor of our own."""
    if isinstance(file, str | bytes | os.PathLike):
        # Not to be held up by a pipe without a writer.
        return os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    return os.dup(file.fileno())


def _progress(taken: int, missing: int) -> int:
    if not taken:
        raise _ended_early(missing)
    return taken


def _ended_early(missing: int) -> HTTPOutputError:
    return HTTPOutputError(f"the file ended {missing} octets before its promised end")
