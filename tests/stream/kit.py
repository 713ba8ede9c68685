"""The conformance kit: a stream of each kind, with a peer that knows nothing of our code.

===========  =========================================================================================
``tcp``      a stream over an accepted TCP connection
``unix``     over one end of a UNIX socket pair
``tls``      the server of a TLS connection, with TLS from the first octet
``starttls`` the client of one that began in plain text
``pipe``     one stream that reads from a pipe, and one that writes to another
===========  =========================================================================================

In mode ``pull`` a stream is used as it is. In mode ``released`` it was in push mode before: what works must go on
working afterwards.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

import trustme

from asynchttp.iostream import BaseIOStream, IOStream, PipeIOStream, SSLIOStream

__all__ = [
    "KINDS",
    "MODES",
    "SOCKET_KINDS",
    "Certificates",
    "Pair",
    "Peer",
    "Recorder",
    "Style",
    "open_pair",
    "tcp_pair",
    "turns",
    "until",
    "within",
]

SOCKET_KINDS = ("tcp", "unix", "tls", "starttls")
KINDS = (*SOCKET_KINDS, "pipe")
MODES = ("pull", "released")

#: Seconds after which a test that waits has failed.
DEADLINE = 10.0

_T = TypeVar("_T")


async def within(awaitable: Awaitable[_T], seconds: float = DEADLINE) -> _T:
    """Wait, but not for ever."""
    async with asyncio.timeout(seconds):
        return await awaitable


async def turns(count: int = 5) -> None:
    """Let the loop turn: what the kernel has is delivered then."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any]) -> None:
    """Turn the loop until ``condition()`` holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 (what the condition looks at has no event)
            await asyncio.sleep(0)


class Certificates:
    """A certificate for ``localhost``, the authority that signed it, and contexts for both sides."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.stranger = trustme.CA()  # nobody trusts it
        self.certificate = self.authority.issue_cert("localhost")

    def server(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.certificate).configure_cert(context)
        context.num_tickets = 0  # a client that never reads would reset the connection because of them
        return context

    def client(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return context

    def expired(self) -> trustme.LeafCert:
        now = datetime.datetime.now(datetime.UTC)
        before, after = now - datetime.timedelta(days=20), now - datetime.timedelta(days=10)
        return self.authority.issue_cert("localhost", not_before=before, not_after=after)


class Peer:
    """The other end: a bare socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent arrives in the next turn
        self.sock = sock

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await within(self._loop.sock_sendall(self.sock, data))

    async def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Each alone: the stream sees it before the next is sent."""
        for piece in pieces:
            await self.send(piece)
            await turns()

    async def read_some(self) -> bytes:
        """At least one octet; ``b""`` at the end."""
        return await within(self._loop.sock_recv(self.sock, 262144))

    async def read_exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = await self.read_some()
            assert piece, f"end after {len(data)} of {size} octets"
            data += piece
        assert len(data) == size, f"{len(data) - size} octets more than {size}"
        return bytes(data)

    async def read_to_end(self) -> bytes:
        """What still comes; a reset is an end, too."""
        data = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await self.read_some():
                data += piece
        return bytes(data)

    def send_until_stuck(self, data: bytes) -> int:
        """Send without the stream's getting a turn; returns the octets that the kernel took."""
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += self.sock.send(data[sent : sent + 65536])
        return sent

    def shutdown_write(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def abort(self) -> None:
        """Close with a reset: UNIX sockets have it when something is unread."""
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class TLSPeer(Peer):
    """The other end of a TLS connection: an ``SSLObject`` beside a bare socket."""

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, server_side: bool, server_hostname: str | None = None
    ) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)

    async def _drive(self, operation: Callable[..., _T], *args: Any) -> _T:
        while True:
            try:
                return operation(*args)
            except ssl.SSLWantReadError:
                await self._flush()
                data = await within(self._loop.sock_recv(self.sock, 262144))
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await within(self._loop.sock_sendall(self.sock, self._outgoing.read()))

    async def handshake(self) -> None:
        await self._drive(self.tls.do_handshake)

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), 65536):
            await self._drive(self.tls.write, data[start : start + 65536])

    async def read_some(self) -> bytes:
        try:
            return await self._drive(self.tls.read, 262144)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def send_until_stuck(self, data: bytes) -> int:
        sent = 0
        while sent < len(data):
            self.tls.write(data[sent : sent + 65536])
            piece = self._outgoing.read()
            try:
                while piece:
                    piece = piece[self.sock.send(piece) :]
            except BlockingIOError:
                self._rest = piece
                return sent
            sent += 65536
        return len(data)

    async def send_rest(self) -> int:
        """What ``send_until_stuck`` left half sent; returns how much plaintext that was."""
        await within(self._loop.sock_sendall(self.sock, self._rest))
        return 65536

    def say_goodbye(self) -> None:
        """``close_notify``."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self.sock.send(self._outgoing.read())


class PipePeer(Peer):
    """The other ends of two pipes, which look like one socket."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd: int | None = read_fd
        self.write_fd: int | None = write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    async def _ready(self, fd: int, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        event = asyncio.Event()
        add(fd, event.set)
        try:
            await within(event.wait())
        finally:
            remove(fd)

    async def send(self, data: bytes) -> None:
        assert self.write_fd is not None
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.write_fd, view) :]
            except BlockingIOError:
                await self._ready(self.write_fd, self._loop.add_writer, self._loop.remove_writer)

    async def read_some(self) -> bytes:
        assert self.read_fd is not None
        while True:
            try:
                return os.read(self.read_fd, 262144)
            except BlockingIOError:
                await self._ready(self.read_fd, self._loop.add_reader, self._loop.remove_reader)

    def send_until_stuck(self, data: bytes) -> int:
        assert self.write_fd is not None
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += os.write(self.write_fd, data[sent : sent + 65536])
        return sent

    def shutdown_write(self) -> None:
        if self.write_fd is not None:
            os.close(self.write_fd)
            self.write_fd = None

    def close(self) -> None:
        self.shutdown_write()
        if self.read_fd is not None:
            os.close(self.read_fd)
            self.read_fd = None

    abort = close


class Recorder:
    """A consumer that remembers what it was told, in order."""

    def __init__(self) -> None:
        self.data = b""
        self.pieces: list[bytes] = []
        self.events: list[Any] = []
        #: what it writes when it is asked to send
        self.held_back = b""
        self.send: Callable[[bytes], Any] = lambda data: None

    def data_received(self, data: bytes) -> None:
        assert data
        assert type(data) is bytes
        self.data += data
        self.pieces.append(data)
        if not self.events or self.events[-1] != "data":
            self.events.append("data")

    def eof_received(self) -> None:
        self.events.append("eof")

    def send_now(self) -> None:
        data, self.held_back = self.held_back, b""
        self.send(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append(("lost", exc))

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")


class _Closed:
    def close(self) -> None:
        pass


@dataclasses.dataclass
class Pair:
    """A stream and its peer. Of a pipe there are two streams."""

    kind: str
    peer: Any
    reader: Any
    writer: Any

    @property
    def streams(self) -> list[BaseIOStream]:
        return [self.reader] if self.reader is self.writer else [self.reader, self.writer]

    def forget_streams(self) -> None:
        """Nobody but the test has the streams from now on, or the loop."""
        self.reader = self.writer = _Closed()

    @property
    def one_way(self) -> bool:
        return self.kind == "pipe"


async def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """(accepted, connected)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    return accepted, connected


async def _make_pair(kind: str, certificates: Certificates, options: dict[str, Any]) -> Pair:
    if kind == "pipe":
        read_fd, their_write_fd = os.pipe()
        their_read_fd, write_fd = os.pipe()
        reader, writer = PipeIOStream(read_fd, **options), PipeIOStream(write_fd, **options)
        return Pair(kind, PipePeer(their_read_fd, their_write_fd), reader, writer)
    ours, theirs = socket.socketpair() if kind == "unix" else await tcp_pair()
    if kind in ("tcp", "unix"):
        stream = IOStream(ours, **options)
        return Pair(kind, Peer(theirs), stream, stream)
    if kind == "tls":
        stream = SSLIOStream(ours, ssl_options=certificates.server(), server_side=True, **options)
        tls_peer = TLSPeer(theirs, certificates.client(), False, "localhost")
        await asyncio.gather(tls_peer.handshake(), within(stream.wait_for_handshake()))
        return Pair(kind, tls_peer, stream, stream)
    plain = IOStream(ours, **options)
    tls_peer = TLSPeer(theirs, certificates.server(), True)
    await plain.write(b"STARTTLS\n")
    assert await Peer(theirs).read_exactly(9) == b"STARTTLS\n"
    future = plain.start_tls(False, certificates.client(), "localhost")
    await tls_peer.handshake()
    stream = await within(future)
    return Pair(kind, tls_peer, stream, stream)


async def _push_and_release(pair: Pair) -> None:
    for stream in pair.streams:
        consumer = Recorder()
        stream.set_consumer(consumer)
        if stream is pair.reader:
            await pair.peer.send(b"to the consumer")
            await until(lambda: consumer.data == b"to the consumer")  # noqa: B023 (awaited at once)
        await turns()
        stream.release_consumer(b"")
        assert "lost" not in consumer.events


@contextlib.asynccontextmanager
async def open_pair(kind: str, certificates: Certificates, mode: str = "pull", **options: Any) -> AsyncIterator[Pair]:
    """A pair for the length of the block; ``options`` are the stream's."""
    pair = await _make_pair(kind, certificates, options)
    try:
        if mode == "released":
            await _push_and_release(pair)
        yield pair
    finally:
        for stream in pair.streams:
            stream.close()
        pair.peer.close()


class Style:
    """Performs an operation with a future, or with a callback whose argument becomes the future's result."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> "asyncio.Future[Any]":
        if self.name == "future":
            future: asyncio.Future[Any] = method(*args, **kwargs)
            return future
        future = asyncio.get_running_loop().create_future()

        def callback(result: Any = None) -> None:
            future.set_result(result)

        assert method(*args, callback=callback, **kwargs) is None
        assert not future.done(), "called inside the call that registered it"
        return future
