"""TLS for streams: a layer that is the transport of a stream and the protocol of a plain transport.

How this works
==============
::

    stream ──write, pause_reading, abort──► TLSLayer ──write, pause_reading, abort──► plain transport ──► socket
           ◄──data_received, eof, lost────           ◄──data_received, eof, lost────
                                     ssl.SSLObject between two MemoryBIOs

The layer never blocks and keeps as little as it can: what a delivery decrypts to goes to the stream at once, and
plaintext is encrypted only as fast as the plain transport takes the result. So back-pressure passes through in both
directions, and what a plain stream promises (``write`` is done when the kernel has it, one delivery of overshoot) holds
for a TLS stream too.

Why not the TLS of the event loops?  While a protocol has paused reading, they go on reading the socket and decrypt
later; when the peer closes meanwhile, uvloop drops what it holds (0.23; 100,000 octets in our test), and asyncio drops
what is written from then on. Neither sends the alert that tells a peer why its handshake was refused, and both keep
256 KiB for each connection.

What must never happen: octets that came in plain text count as protected (the layer is set as the protocol before it
says a word); plaintext leaves through the socket (:class:`TLSSocket` has no ``send``).
"""

import asyncio
import collections
import errno
import socket
import ssl
from typing import Any, Final, Protocol

__all__ = ["TLSLayer", "TLSSocket", "handshake_was_cut_off", "take_ssl_socket"]

#: Octets of plaintext in a TLS record, at most.  RFC 8446 §5.1.
_RECORD_SIZE: Final = 16384
#: Octets encrypted before the plain transport is asked whether it takes more: four records.
_PIECE_SIZE: Final = 4 * _RECORD_SIZE
#: Seconds that a handshake may take; asyncio's own limit.
HANDSHAKE_TIMEOUT: Final = 60.0


class TLSUser(Protocol):
    """What the layer calls: the protocol of a transport, and who hears of a failed handshake."""

    def handshake_failed(self, error: OSError) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class TLSLayer(asyncio.Transport, asyncio.Protocol):
    """One end of a TLS connection.

    ``connection_made`` of the user comes when the handshake is over.

    Raises: :exc:`ValueError` when ``context`` wants to check a name and there is none.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        user: TLSUser,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
    ) -> None:
        super().__init__()
        if context.check_hostname and not server_side and not server_hostname:
            # wrap_bio(), unlike wrap_socket(), would check none, and take anybody's certificate.
            raise ValueError("check_hostname requires server_hostname")
        self._loop = loop
        # Invariant: None as soon as the user has closed, or was told of the end. Cuts the cycle of the two.
        self._user: TLSUser | None = user
        self._below: Any = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=None if server_side else server_hostname or None,
        )
        self._shaking_hands = True
        self._deadline: asyncio.TimerHandle | None = None
        self._eof_told = False
        self._said_goodbye = False
        # Plaintext that waits to be encrypted.
        self._queue: collections.deque[memoryview] = collections.deque()
        self._queue_size = 0
        self._ends_after_queue = False
        # The plain transport has more than the kernel takes.
        self._full = False
        # Invariant: _user was told to pause writing <=> _full or _queue. See _tell_flow().
        self._user_paused = False

    def take_over(self, transport: Any) -> None:
        """Go on with the transport of a plain stream: from now on all octets are TLS."""
        transport.set_protocol(self)
        self.connection_made(transport)
        transport.resume_reading()

    # -- what the plain transport calls ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._user is None:  # closed meanwhile
            transport.abort()  # type: ignore[attr-defined]  # typed for transports of datagrams too
            return
        self._below = transport
        self._below.set_write_buffer_limits(high=0)
        self._deadline = self._loop.call_later(HANDSHAKE_TIMEOUT, self._handshake_timed_out)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        # HOT: once per delivery.
        self._incoming.write(data)
        if self._shaking_hands:
            self._shake_hands()
        else:
            self._read()

    def eof_received(self) -> bool:
        if self._user is None:
            return False
        if self._shaking_hands:
            self._incoming.write_eof()
            self._shake_hands()
            return False
        return self._tell_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        user = self._let_go()
        self._below = None
        if user is None:
            return
        if self._shaking_hands:
            user.handshake_failed(exc if isinstance(exc, OSError) else ConnectionResetError(errno.ECONNRESET, "reset"))
        else:
            user.connection_lost(exc)

    def pause_writing(self) -> None:
        self._full = True
        self._tell_flow()

    def resume_writing(self) -> None:
        self._full = False
        self._pump()

    # -- handshake -------------------------------------------------------------------------------------------------

    def _shake_hands(self) -> None:
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except OSError as error:  # ssl.SSLError is one
            self._flush()  # the alert that tells the peer why
            self._handshake_failed(error)
            return
        self._shaking_hands = False
        if self._deadline is not None:
            self._deadline.cancel()
        self._flush()
        if self._user is not None:
            self._user.connection_made(self)
            self._tell_flow()
        if self._incoming.pending:
            self._read()

    def _handshake_timed_out(self) -> None:
        self._handshake_failed(TimeoutError(errno.ETIMEDOUT, f"no TLS handshake within {HANDSHAKE_TIMEOUT:g} s"))

    def _handshake_failed(self, error: OSError) -> None:
        user = self._let_go()
        self._below.abort()
        if user is not None:
            user.handshake_failed(error)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        # HOT: once per delivery.
        pieces: list[bytes] = []
        error: ssl.SSLError | None = None
        ended = False
        incoming = self._incoming
        try:
            while True:
                piece = self.ssl_object.read(_RECORD_SIZE)
                if not piece:
                    ended = True
                    break
                pieces.append(piece)
                if not incoming.pending:  # the rest, if any, is part of a record
                    break
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            ended = True
        except ssl.SSLError as caught:
            error = caught
        if self._outgoing.pending:  # the answer to a change of keys
            self._flush()
        if pieces and self._user is not None:
            self._user.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._queue and not self._full:  # a write that had to wait for this
            self._pump()
        if error is not None:
            self._fail(error)
        elif ended:
            incoming.read()  # what comes behind close_notify is nobody's, and mustn't pile up
            self._tell_eof()

    def _tell_eof(self) -> bool:
        """The peer sends no more; returns whether we may go on writing.

        With or without ``close_notify``: a peer that leaves it out merely closes, as most do.
        """
        if not self._eof_told and self._user is not None:
            self._eof_told = True
            if not self._user.eof_received():
                self.abort()
        return self._user is not None

    def _fail(self, error: OSError) -> None:
        """The peer broke the protocol of TLS."""
        user = self._let_go()
        if user is not None:
            self._flush()
            self._below.abort()
            user.connection_lost(error)

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        # HOT: once per write.
        if len(data) <= _PIECE_SIZE and not self._queue and not self._full and not self._said_goodbye:
            if data:
                try:
                    self.ssl_object.write(data)
                except ssl.SSLWantReadError:
                    self._enqueue(data)
                    self._tell_flow()
                except ssl.SSLError as error:
                    self._loop.call_soon(self._fail, error)
                else:
                    self._below.write(self._outgoing.read())
            return
        if self._said_goodbye or self._ends_after_queue:
            raise RuntimeError("Cannot call write() after write_eof()")
        self._enqueue(data)
        self._pump()

    def _enqueue(self, data: bytes | bytearray | memoryview) -> None:
        self._queue.append(memoryview(data))
        self._queue_size += len(data)

    def _pump(self) -> None:
        """Encrypt and pass on what waits, until the plain transport has enough."""
        queue = self._queue
        while queue and not self._full and not self.is_closing():
            rest = queue[0]
            try:
                size = self.ssl_object.write(rest[:_PIECE_SIZE])
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._loop.call_soon(self._fail, error)
                return
            self._queue_size -= size
            if size == len(rest):
                queue.popleft()
            else:
                queue[0] = rest[size:]
            self._below.write(self._outgoing.read())
        if self._ends_after_queue and not queue:
            self._ends_after_queue = False
            self._loop.call_soon(self.write_eof)  # see WritingHalf.resume_writing
        self._tell_flow()

    def _tell_flow(self) -> None:
        """Let the user pause or resume writing, if that has changed."""
        busy = self._full or bool(self._queue)
        if busy is not self._user_paused and self._user is not None and not self._shaking_hands:
            self._user_paused = busy
            if busy:
                self._user.pause_writing()
            else:
                self._user.resume_writing()

    def _flush(self) -> None:
        if self._outgoing.pending and self._below is not None:
            self._below.write(self._outgoing.read())

    def get_write_buffer_size(self) -> int:
        return self._queue_size + (self._below.get_write_buffer_size() if self._below is not None else 0)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limit is 0 for both, as a stream wants it."""

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Say ``close_notify``, and close the sending side of the connection, behind what was written."""
        if self._queue:
            self._ends_after_queue = True
        elif not self.is_closing():
            self._say_goodbye()
            self._below.write_eof()

    # -- TLS inside TLS --------------------------------------------------------------------------------------------

    def set_protocol(self, protocol: Any) -> None:
        """Another layer goes on from here: this one is idle, as start_tls() wants it."""
        self._user = protocol

    # -- the end ---------------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._user is None or self._below is None or bool(self._below.is_closing())

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close at once; ``close_notify`` goes out if the kernel takes it."""
        self._let_go()
        if self._below is not None and not self._below.is_closing():
            self._say_goodbye()
            self._below.abort()

    def _let_go(self) -> TLSUser | None:
        """Nothing more for the user, who is returned if it wasn't so before."""
        user, self._user = self._user, None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._queue.clear()
        self._queue_size = 0
        return user

    def _say_goodbye(self) -> None:
        if not self._shaking_hands and not self._said_goodbye:
            self._said_goodbye = True
            try:
                self.ssl_object.unwrap()
            except ssl.SSLError:  # the peer hasn't said it yet; or it still sends
                pass
            self._flush()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self.ssl_object
        return default if self._below is None else self._below.get_extra_info(name, default)


# What would read or write beside the TLS layer.
_FORBIDDEN = frozenset(
    [
        *("makefile", "read", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"),
        *("send", "sendall", "sendfile", "sendmsg", "sendto", "write"),
    ]
)


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
        if name in _FORBIDDEN:
            raise AttributeError(f"a TLS stream has no socket.{name}: it would bypass the encryption")
        if not hasattr(self.plain, name) and self._ssl_object is not None:
            return getattr(self._ssl_object, name)
        return getattr(self.plain, name)

    def __repr__(self) -> str:
        return f"<TLSSocket of {self.plain!r}>"


def take_ssl_socket(sock: ssl.SSLSocket) -> tuple[socket.socket, ssl.SSLContext, bool, str | None]:
    """The plain socket inside an SSLSocket whose handshake hasn't begun, its context, side, and peer's name.

    The layer does TLS itself and wants a plain socket. ``sock`` is of no more use afterwards.

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
    if isinstance(error, ssl.SSLError):
        return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return isinstance(error, ConnectionError) or (
        isinstance(error, OSError) and error.errno in (errno.EBADF, errno.ENOTCONN, errno.ETIMEDOUT, 0, None)
    )
