"""The writing half of a stream: what was written and isn't in the kernel yet, and who waits for it."""

import asyncio
import collections
from collections.abc import Sequence
from typing import Any

from asynchttp._legacy.callbacks import accepts_write_callback
from asynchttp._reads import StreamBufferFullError
from asynchttp._streamtypes import CLOSED, LOST, UP, Consumer, StreamClosedError, StreamParts, fail, octets

__all__ = ["WritingHalf"]

#: asyncio's transports join what they get by ``writelines`` (3.11), or leave out ``pause_writing`` (3.12 and 3.13).
_FORGETFUL: Any = getattr(asyncio.selector_events, "_SelectorSocketTransport", ())


class WritingHalf(StreamParts):
    """Writes of a stream.

    Without a transport they queue in ``_unsent``; the transport has a queue of its own, and says by ``pause_writing``
    and ``resume_writing`` whether anything is in it.
    """

    __slots__ = ()

    def __init__(self) -> None:
        self._done = self.io_loop.done_future
        # Written before there was a transport.
        self._unsent: list[bytes] | tuple[()] = ()
        self._unsent_size = 0
        # Invariant: the transport has something in its queue.
        self._writing_paused = False
        # (position in the stream of writes, future) of what the kernel hasn't taken
        self._write_waiters: collections.deque[tuple[int, asyncio.Future[None]]] | tuple[()] = ()
        # Octets written while something was waiting.
        self._written = 0
        # Push mode: the consumer was told to pause.
        self._consumer_waits = False

    # -- for users -------------------------------------------------------------------------------------------------

    @accepts_write_callback
    def write(self, data: bytes | bytearray | memoryview) -> asyncio.Future[None]:
        """Write octets behind those written before.

        Args:
            data: any length, also none. A ``str`` is taken as UTF-8. A ``bytearray`` or ``memoryview`` is copied: it is
                the caller's again at once.

        Returns: a future that is done when the octets have been handed to the kernel. Nobody has to wait for it.
        Raises:
            StreamClosedError: the stream is closed.
            StreamBufferFullError: more than ``max_write_buffer_size`` octets would wait. Nothing of ``data`` was taken.
        Cancelling the future doesn't take the octets back. Source: Tornado ``BaseIOStream.write``.
        """
        # HOT: once per write.
        if type(data) is not bytes:
            data = octets(data)
        if self._consumer is not None:
            self._let_consumer_send()
        transport = self._transport
        if transport is None:
            return self._write_unattached(data)
        if self.max_write_buffer_size is not None:
            self._check_write_buffer(len(data))
        transport.write(data)
        if not self._writing_paused:
            if not transport.is_closing():
                return self._done
            # The kernel refused: connection_lost will come and tell why. Until then nothing is given to the transport,
            # which would complain.
            self._transport = None
        return self._write_waiter(len(data))

    def writing(self) -> bool:
        """Whether octets wait to be handed to the kernel.  Source: Tornado."""
        return self._writing_paused or bool(self._unsent)

    # -- push mode -------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """In push mode: write without asking how it went. The consumer's ``pause_writing`` tells to wait."""
        # HOT: once per packet.
        transport = self._transport
        if transport is not None:
            transport.write(data)
            if transport.is_closing():
                self._transport = None  # as in write()
        elif self._link < UP:
            self._keep_unsent(data)

    def send_pieces(self, pieces: Sequence[bytes]) -> None:
        """In push mode: :meth:`send` of several pieces behind each other, which aren't copied where the loop can."""
        if self._transport is None or isinstance(self._transport, _FORGETFUL):
            self.send(b"".join(pieces))
        else:
            self._transport.writelines(pieces)
            if self._transport.is_closing():
                self._transport = None  # as in write()

    def send_eof(self) -> bool:
        """In push mode: close the sending side behind what was written.

        Returns: False where that can't be done: a pipe, a connection that isn't there yet or has ended.
        """
        if self._transport is None or not self._transport.can_write_eof():
            return False
        try:
            self._transport.write_eof()
        except OSError:  # there is no connection any more; connection_lost will come
            return False
        return True

    def close_after_writing(self) -> None:
        """Close, but not before the kernel has all that was written.  What arrives from now on is dropped.

        The stream stays open until then, and somebody has to see to it that it doesn't for ever:
        :meth:`write_buffer_size` tells whether there is progress.
        """
        if self._link is CLOSED or isinstance(self._consumer, _Leaving):
            return
        self._let_consumer_send()
        self._consumer = _Leaving(self, self._consumer)
        self._consumer_waits = True
        if not self.writing():
            self._leave()

    def _let_consumer_send(self) -> None:
        """What the consumer holds back was written before what comes now."""
        send_now = getattr(self._consumer, "send_now", None)
        if send_now is not None:
            send_now()

    def _leave(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        self._abort(None)

    def write_buffer_size(self) -> int:
        """Octets that were written and that the kernel hasn't taken."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return int(waiting + self._unsent_size)

    # -- what the transport calls ----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._consumer is not None and not self._consumer_waits:
            self._consumer_waits = True
            self._consumer.pause_writing()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._resolve_writes()
        if self._peer_closed:
            self._loop.call_soon(self._notice_end)
        if self._consumer is not None:
            # Not inside this call: asyncio (3.11 to 3.13 at least) fails if its transport is closed in it.
            self._loop.call_soon(self._resume_consumer)

    def _resume_consumer(self) -> None:
        if self._consumer is not None and self._consumer_waits and not self._writing_paused:
            self._consumer_waits = False
            self._consumer.resume_writing()

    # -- what waits ------------------------------------------------------------------------------------------------

    def _write_unattached(self, data: bytes) -> asyncio.Future[None]:
        if self._link is CLOSED:
            raise StreamClosedError(real_error=self.error)
        if self._link is LOST:
            # Nobody has noticed yet, because there is something to read.
            future: asyncio.Future[None] = self._loop.create_future()
            self._abort(self._peer_error)
            fail(future, StreamClosedError(real_error=self.error))
            return future
        if self.max_write_buffer_size is not None:
            self._check_write_buffer(len(data))
        if self._link is not UP:
            self._keep_unsent(data)
        return self._write_waiter(len(data))

    def _keep_unsent(self, data: bytes) -> None:
        """Until there is a transport."""
        unsent = self._unsent
        if not unsent:
            unsent = self._unsent = []
        unsent.append(data)
        self._unsent_size += len(data)
        self._attach()

    def _check_write_buffer(self, size: int) -> None:
        if self.write_buffer_size() + size > (self.max_write_buffer_size or 0):
            raise StreamBufferFullError("Reached maximum write buffer size")

    def _write_waiter(self, size: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._written += size
        waiters = self._write_waiters
        if not waiters:  # nothing, as long as nobody waits: most streams are idle
            waiters = self._write_waiters = collections.deque()
        waiters.append((self._written, future))
        if len(waiters) > 1:  # whoever writes on and on never lets the queue run empty
            self._resolve_writes()
        return future

    def _write_unsent(self) -> None:
        """There is a transport now."""
        unsent, self._unsent, self._unsent_size = self._unsent, (), 0
        if unsent:
            self._transport.write(b"".join(unsent))
        if not self._writing_paused:
            # The kernel took it at once: no resume_writing will come.
            self._resolve_writes()
            if isinstance(self._consumer, _Leaving):
                self._leave()

    def _resolve_writes(self) -> None:
        """Resolve the futures of what the kernel has taken, in order."""
        waiters = self._write_waiters
        if waiters and self._transport is not None and not self._transport.is_closing():
            taken = self._written - self.write_buffer_size()
            while waiters and waiters[0][0] <= taken:
                future = waiters.popleft()[1]
                if not future.done():
                    future.set_result(None)
            if not waiters:
                self._write_waiters = ()

    def _fail_writes(self, reason: BaseException | None) -> None:
        """Nothing of what waits can be written any more."""
        self._unsent, self._unsent_size = (), 0
        self._writing_paused = False
        waiters, self._write_waiters = self._write_waiters, ()
        for _, future in waiters:
            fail(future, StreamClosedError(real_error=reason))


class _Leaving:
    """Stands in for the consumer of a stream that closes as soon as all is written."""

    def __init__(self, stream: WritingHalf, consumer: Consumer | None) -> None:
        self._stream = stream
        self._consumer = consumer

    def data_received(self, data: bytes) -> None:
        pass

    def eof_received(self) -> None:
        pass

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._consumer is not None:
            self._consumer.connection_lost(exc)

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        self._stream._leave()
