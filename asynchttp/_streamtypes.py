"""The words that the parts of a stream share: its states, its errors, and who may take its octets."""

import asyncio
import enum
import errno
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self

from asynchttp.ioloop import IOLoop

__all__ = [
    "CLOSED",
    "COMING",
    "LINK_CHANGES",
    "LOST",
    "MAKING",
    "NONE",
    "UP",
    "Consumer",
    "Link",
    "StreamClosedError",
    "StreamParts",
    "fail",
    "is_disconnect",
    "octets",
]


class Link(enum.IntEnum):
    """What a stream is linked to the world by.

    ``NONE``
        A descriptor, which is the stream's own; nobody wanted a transport yet.
    ``COMING``
        A task will make one in the loop's next turn; the descriptor is still the stream's.
    ``MAKING``
        The loop makes it and has the descriptor; or TLS shakes hands.
    ``UP``
        There is one. (Without ``stream._transport``: a write failed, and ``connection_lost`` is on its way.)
    ``LOST``
        It has ended by itself. Octets that came before can still be read.
    ``CLOSED``
        The stream is closed.
    """

    NONE, COMING, MAKING, UP, LOST, CLOSED = range(6)


NONE, COMING, MAKING, UP, LOST, CLOSED = Link

#: Every change that may happen; the tests hold each stream to it.
LINK_CHANGES = {
    (NONE, COMING): "something needs a transport",
    (COMING, NONE): "connect() was called before the task ran: it has to wait",
    (COMING, MAKING): "the task runs",
    (NONE, MAKING): "start_tls() goes on with the transport of another stream",
    (MAKING, NONE): "the loop could not make it, and left us the descriptor",
    (MAKING, UP): "connection_made",
    (UP, LOST): "connection_lost",
    **{(link, CLOSED): "close()" for link in Link if link is not CLOSED},
}


class StreamClosedError(OSError):
    """The stream is closed, or closed before the operation was over.

    Attributes:
        real_error: the exception that closed the stream, if there was one.

    Source: Tornado ``iostream.StreamClosedError``.
    """

    #: The class that is really made, a subclass; ``None``: this one.
    made_as: ClassVar["type[StreamClosedError] | None"] = None

    def __new__(cls, real_error: BaseException | None = None) -> Self:
        made_as: Any = cls.made_as if cls is StreamClosedError and cls.made_as is not None else cls
        error: Self = OSError.__new__(made_as, "Stream is closed")
        return error

    def __init__(self, real_error: BaseException | None = None) -> None:
        self.real_error = real_error


class Consumer(Protocol):
    """Who gets the octets of a stream in push mode.  Each method is called by the loop and must not raise.

    One that holds back what it has to send for a while has a method ``send_now()`` too: it is called before this side
    closes the stream, or writes to it by another way than the consumer.
    """

    def data_received(self, data: bytes) -> None:
        """Octets, never empty."""

    def eof_received(self) -> None:
        """The peer won't send any more; writing is still possible."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The stream is closed. Called once, last."""

    def pause_writing(self) -> None:
        """The kernel didn't take all that was written."""

    def resume_writing(self) -> None:
        """It has taken all now."""


class StreamParts:
    """What the halves of a stream know of each other and of the whole, ``BaseIOStream``.

    All attributes are slots, and all are here, for only one base can have any: a server has a stream for each idle
    connection, and a dictionary of so many would cost more than all the rest. Subclasses of programs have one.
    """

    __slots__ = (
        "_buffer",
        "_callbacks_due",
        "_close_callback",
        "_consumer",
        "_consumer_waits",
        "_done",
        "_link",
        "_loop",
        "_peer_closed",
        "_peer_error",
        "_read",
        "_reading_paused",
        "_receiver",
        "_transport",
        "_unsent",
        "_unsent_size",
        "_until",
        "_write_callback",
        "_write_waiters",
        "_writing_paused",
        "_written",
        "error",
        "io_loop",
        "max_buffer_size",
        "max_write_buffer_size",
        "read_chunk_size",
    )

    io_loop: IOLoop
    max_buffer_size: int
    read_chunk_size: int
    max_write_buffer_size: int | None
    error: BaseException | None

    _loop: asyncio.AbstractEventLoop
    _link: Link
    _transport: Any
    _consumer: Consumer | None
    _close_callback: Callable[[], Any] | None
    _peer_closed: bool
    _peer_error: BaseException | None

    def _attach(self) -> None:
        raise NotImplementedError

    def _abort(self, error: BaseException | None) -> None:
        raise NotImplementedError

    def _notice_end(self) -> None:
        raise NotImplementedError

    def _schedule_close_callback(self) -> None:
        raise NotImplementedError

    def writing(self) -> bool:
        raise NotImplementedError


#: The peer has gone: no error of ours, and no log record.
_DISCONNECTED = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT)


def is_disconnect(error: BaseException | None) -> bool:
    """Whether ``error`` merely says that the peer has gone."""
    return error is None or (isinstance(error, OSError) and error.errno in _DISCONNECTED)


def octets(data: Any) -> bytes:
    """``data`` as ``bytes``; a ``str``, which Python 2 programs that were converted use, as UTF-8."""
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, int):
        raise TypeError(f"expected bytes, bytearray, memoryview or str, not {type(data).__name__}")
    return bytes(data)


def fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    """Fail a future that nobody has to look at."""
    if not future.done():
        future.set_exception(error)
        future.exception()
