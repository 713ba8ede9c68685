"""What a TLS stream needs beside a plain one: its socket as users see it, its transport as the stream wants it."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

__all__ = ["PacedTransport", "TLSSocket", "handshake_was_cut_off", "take_ssl_socket"]

#: Octets given to the TLS layer at once: four records.
_PIECE_SIZE: Final = 65536


class TLSSocket:
    """``stream.socket`` of a TLS stream: the plain socket, and what the TLS layer knows once its handshake is over."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_side: bool) -> None:
        self.plain = sock
        self.context = context
        self.server_side = server_side
        self._ssl_object: ssl.SSLObject | None = None

    def handshake_done(self, ssl_object: ssl.SSLObject) -> None:
        self._ssl_object = ssl_object

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate, as a dict or in DER; ``None`` if it sent none.  ValueError before the handshake."""
        if self._ssl_object is None:
            raise ValueError("handshake not done yet")
        return self._ssl_object.getpeercert(binary_form)

    def cipher(self) -> tuple[str, str, int] | None:
        """(name, protocol, bits); ``None`` before the handshake is over."""
        return None if self._ssl_object is None else self._ssl_object.cipher()

    def version(self) -> str | None:
        """``"TLSv1.3"`` or the like; ``None`` before the handshake is over."""
        return None if self._ssl_object is None else self._ssl_object.version()

    def selected_alpn_protocol(self) -> str | None:
        """The protocol that both sides agreed on; ``None`` without one."""
        return None if self._ssl_object is None else self._ssl_object.selected_alpn_protocol()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def __repr__(self) -> str:
        return f"<TLSSocket of {self.plain!r}>"


class PacedTransport:
    """The transport of a TLS stream, given large writes in pieces.

    asyncio's TLS layer encrypts all it is given and hands it on, whatever the plain transport below can take; only the
    next write is paused. Piece by piece it can say when it is enough, and a stream knows what is on its way.
    """

    def __init__(self, transport: asyncio.Transport, is_paused: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_paused = is_paused
        self._rest = memoryview(b"")
        self._queue: list[bytes] = []
        # From the high-water mark on, not above it: 0 would pause for ever.
        transport.set_write_buffer_limits(high=1, low=0)
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        if len(data) <= _PIECE_SIZE and not self._is_paused() and not self._rest:
            self._transport.write(data)
        else:
            self._queue.append(data)
            self.pump()

    def pump(self) -> bool:
        """Write on until the layer below has enough; returns whether everything is written."""
        while not self._is_paused():
            if not self._rest:
                if not self._queue:
                    return True
                self._rest = memoryview(self._queue.pop(0))
            piece, self._rest = self._rest[:_PIECE_SIZE], self._rest[_PIECE_SIZE:]
            self._transport.write(piece)
        return not self._rest and not self._queue

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + len(self._rest) + sum(map(len, self._queue))

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


def take_ssl_socket(sock: ssl.SSLSocket) -> tuple[socket.socket, ssl.SSLContext, bool, str | None]:
    """The plain socket inside an SSLSocket whose handshake hasn't begun, its context, side, and peer's name.

    An asyncio transport does TLS itself and wants a plain socket. ``sock`` is of no more use afterwards.

    Raises: :exc:`ValueError` if the handshake is over: the keys can't be moved.
    """
    if sock.version() is not None:
        raise ValueError(
            "the TLS handshake of this socket is over; give the stream a plain socket, or wrap it with "
            "do_handshake_on_connect=False"
        )
    context, server_side, hostname = sock.context, bool(sock.server_side), sock.server_hostname
    plain = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    return plain, context, server_side, hostname


def handshake_was_cut_off(error: BaseException) -> bool:
    """Whether the peer merely went away (a port scanner, a health check) instead of failing at TLS."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return True
    if isinstance(error, ssl.SSLError):
        return error.reason == "UNEXPECTED_EOF_WHILE_READING"
    return isinstance(error, OSError) and error.errno in (errno.EBADF, errno.ENOTCONN, errno.ETIMEDOUT, 0, None)
