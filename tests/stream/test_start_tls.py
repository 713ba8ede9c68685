"""From plain text to TLS on the same connection, on both sides and from every state."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asynchttp.iostream import IOStream, SSLIOStream, StreamClosedError
from tests.stream.kit import Certificates, Peer, Recorder, TLSPeer, tcp_pair, turns, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


class Plain:
    """A plain stream and its peer, who can both begin TLS."""

    def __init__(self, side: str, certificates: Certificates, stream: IOStream, peer: Peer) -> None:
        self.side = side
        self.certificates = certificates
        self.stream = stream
        self.peer = peer

    def start_tls(self, hostname: str = "localhost") -> "asyncio.Future[SSLIOStream]":
        if self.side == "server":
            return self.stream.start_tls(True, self.certificates.server())
        return self.stream.start_tls(False, self.certificates.client(), hostname)

    def tls_peer(self) -> TLSPeer:
        if self.side == "server":
            return TLSPeer(self.peer.sock, self.certificates.client(), False, "localhost")
        return TLSPeer(self.peer.sock, self.certificates.server(), True)


@pytest.fixture(params=["server", "client"])
def side(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def connect(side: str, certificates: Certificates) -> Callable[..., Any]:
    """A plain connection. ``attached``: it was used already."""

    @asynccontextmanager
    async def connect(attached: bool = True, **options: Any) -> AsyncIterator[Plain]:
        ours, theirs = await tcp_pair()
        stream, peer = IOStream(ours, **options), Peer(theirs)
        if attached:
            await within(stream.write(b"STARTTLS\n"))
            assert await peer.read_exactly(9) == b"STARTTLS\n"
        try:
            yield Plain(side, certificates, stream, peer)
        finally:
            stream.close()
            peer.close()

    return connect


async def talk(stream: SSLIOStream, peer: TLSPeer) -> None:
    reading = stream.read_until(b"\n")
    await peer.send(b"line\n")
    assert await within(reading) == b"line\n"
    await within(stream.write(b"reply"))
    assert await peer.read_exactly(5) == b"reply"


@pytest.mark.parametrize("state", ["fresh", "coming", "making", "up"])
async def test_both_sides_from_every_state(state: str, connect: Any) -> None:
    async with connect(attached=state == "up") as plain:
        if state in ("coming", "making"):
            plain.stream.set_close_callback(lambda: None)  # wants a transport
            await turns(1 if state == "making" else 0)
        old = plain.stream
        future = plain.start_tls()
        peer = plain.tls_peer()
        await peer.handshake()
        stream = await within(future)
        assert type(stream) is SSLIOStream
        assert stream is not old
        assert old.closed()
        assert old.socket is None
        with pytest.raises(StreamClosedError):
            old.write(b"plain text")
        with pytest.raises(StreamClosedError):
            old.read_bytes(1)
        with pytest.raises(ValueError, match="not idle"):
            plain.start_tls()
        old.close()
        await talk(stream, peer)
        assert stream.socket.cipher()
        stream.close()


async def test_new_stream_has_what_the_old_one_had(connect: Any) -> None:
    async with connect(max_buffer_size=1000, read_chunk_size=100, max_write_buffer_size=50) as plain:
        closed = asyncio.Event()
        plain.stream.set_close_callback(closed.set)
        io_loop = plain.stream.io_loop
        future = plain.start_tls()
        peer = plain.tls_peer()
        await peer.handshake()
        stream = await within(future)
        assert (stream.max_buffer_size, stream.read_chunk_size, stream.max_write_buffer_size) == (1000, 100, 50)
        assert stream.io_loop is io_loop
        plain.stream.close()
        await turns()
        assert not closed.is_set()
        stream.close()
        await within(closed.wait())


async def test_options_as_a_dict(connect: Any, certificates: Certificates, tmp_path: Any) -> None:
    certificates.certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert"))
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    async with connect() as plain:
        if plain.side == "server":
            future = plain.stream.start_tls(True, {"certfile": str(tmp_path / "cert")})
        else:
            future = plain.stream.start_tls(False, {"ca_certs": str(tmp_path / "ca")}, server_hostname="localhost")
        peer = plain.tls_peer()
        await peer.handshake()
        stream = await within(future)
        await talk(stream, peer)
        stream.close()


# -- who isn't idle can't


async def pending_read(plain: Plain) -> Any:
    return plain.stream.read_until(b"\n")


async def pending_write(plain: Plain) -> Any:
    return plain.stream.write(b"x" * 10_000_000)


async def something_buffered(plain: Plain) -> None:
    """STARTTLS injection: what follows the command in plain text must never count as protected."""
    await plain.peer.send(b"STARTTLS\r\nMAIL FROM: mallory\r\n")
    assert await within(plain.stream.read_until(b"\r\n")) == b"STARTTLS\r\n"


async def something_unsent(plain: Plain) -> Any:
    return plain.stream.write(b"not sent yet")


async def closed(plain: Plain) -> None:
    plain.stream.close()


async def peer_has_closed(plain: Plain) -> None:
    plain.peer.close()
    await turns()


async def push_mode(plain: Plain) -> None:
    plain.stream.set_consumer(Recorder())


@pytest.mark.parametrize(
    ("busy", "attached"),
    [
        (pending_read, True),
        (pending_read, False),
        (pending_write, True),
        (something_buffered, True),
        (something_unsent, False),
        (closed, True),
        (closed, False),
        (peer_has_closed, True),
        (push_mode, True),
    ],
)
async def test_busy_stream_is_refused_and_stays_as_it_was(busy: Any, attached: bool, connect: Any) -> None:
    async with connect(attached=attached) as plain:
        pending = await busy(plain)
        before = plain.stream.closed()
        with pytest.raises(ValueError, match="IOStream is not idle; cannot convert to SSL"):
            plain.start_tls()
        assert plain.stream.closed() is before
        if busy is pending_read:
            await plain.peer.send(b"line\n")
            assert await within(pending) == b"line\n"
        elif pending is not None:
            size = 10_000_000 if busy is pending_write else 12
            await plain.peer.read_exactly(size)
            await within(pending)
        elif busy is something_buffered:
            assert await within(plain.stream.read_until(b"\r\n")) == b"MAIL FROM: mallory\r\n"


async def test_connecting_stream_is_refused(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = IOStream(socket.socket())
        connecting = stream.connect(listener.getsockname())
        with pytest.raises(ValueError, match="not idle"):
            stream.start_tls(False, certificates.client(), "localhost")
        await within(connecting)
        listener.accept()[0].close()
        stream.close()


async def test_client_that_checks_names_wants_one(certificates: Certificates) -> None:
    """Without one any certificate of any host would do. The plain stream stays."""
    ours, theirs = await tcp_pair()
    stream, peer = IOStream(ours), Peer(theirs)
    closed = asyncio.Event()
    stream.set_close_callback(closed.set)
    for options in (certificates.client(), None):
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            stream.start_tls(False, options)
    await within(stream.write(b"plain"))
    assert await peer.read_exactly(5) == b"plain"
    peer.close()
    await within(closed.wait())
    assert stream.closed()


async def test_octets_that_came_in_plain_text_are_never_read_as_protected(connect: Any, expect_log: Expect) -> None:
    """They lie in the kernel when start_tls() is called, so that it can't see them: the handshake fails."""
    expect_log("asynchttp.general", r"^SSL Error on .*\[SSL", count=1)
    async with connect() as plain:
        plain.peer.sock.send(b"MAIL FROM: mallory\r\n")
        future = plain.start_tls()
        with pytest.raises(ssl.SSLError):
            await within(future)


# -- TLS inside TLS: a proxy that is spoken to by TLS, and who is behind it


class InnerPeer(TLSPeer):
    """Speaks TLS through another TLSPeer."""

    def __init__(self, outer: TLSPeer, context: ssl.SSLContext, server_side: bool, hostname: str | None = None) -> None:
        super().__init__(outer.sock, context, server_side, hostname)
        self.outer = outer

    async def _drive(self, operation: Any, *args: Any) -> Any:
        while True:
            try:
                return operation(*args)
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self.outer.read_some()
                self._incoming.write(data) if data else self._incoming.write_eof()
            finally:
                await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self.outer.send(self._outgoing.read())


async def test_twice(connect: Any, certificates: Certificates) -> None:
    data = bytes(range(256)) * 10_000
    async with connect() as plain:
        future = plain.start_tls()
        outer = plain.tls_peer()
        await outer.handshake()
        stream = await within(future)
        await talk(stream, outer)
        if plain.side == "server":
            future = stream.start_tls(True, certificates.server())
            inner = InnerPeer(outer, certificates.client(), False, "localhost")
        else:
            future = stream.start_tls(False, certificates.client(), "localhost")
            inner = InnerPeer(outer, certificates.server(), True)
        await inner.handshake()
        innermost = await within(future)
        await talk(innermost, inner)
        assert innermost.socket.getpeername() == plain.peer.sock.getsockname()
        writing = innermost.write(data)
        assert await inner.read_exactly(len(data)) == data
        await within(writing)
        reading = innermost.read_bytes(len(data))
        await inner.send(data)
        assert await within(reading) == data
        closed = asyncio.Event()
        innermost.set_close_callback(closed.set)
        plain.peer.close()
        await within(closed.wait())


async def test_not_before_the_first_handshake_is_over(connect: Any, certificates: Certificates) -> None:
    async with connect() as plain:
        future = plain.start_tls()
        stream = SSLIOStream(socket.socket(), ssl_options=certificates.client())
        with pytest.raises(ValueError, match="not idle"):
            stream.start_tls(False, certificates.client(), "localhost")
        stream.close()
        await plain.tls_peer().handshake()
        (await within(future)).close()


# -- how it fails


async def test_certificate_that_is_refused(certificates: Certificates, expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^SSL Error on \d+ \('127\.0\.0\.1', \d+\): .*certificate verify failed", count=1)
    ours, theirs = await tcp_pair()
    plain, peer = IOStream(ours), TLSPeer(theirs, certificates.server(), True)
    closed = asyncio.Event()
    plain.set_close_callback(closed.set)
    future = plain.start_tls(False, certificates.client(), "other.example")
    with pytest.raises(ssl.SSLError):
        await peer.handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        await within(future)
    await within(closed.wait())
    peer.close()


@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
@pytest.mark.parametrize("state", ["fresh", "up"])
async def test_dropped_handshake(way: str, state: str, connect: Any) -> None:
    async with connect(attached=state == "up") as plain:
        calls: list[str] = []
        closed = asyncio.Event()
        plain.stream.set_close_callback(lambda: (calls.append("closed"), closed.set()))
        future = plain.start_tls()
        await turns()
        {"close": plain.peer.close, "reset": plain.peer.abort, "half-close": plain.peer.shutdown_write}[way]()
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, OSError)
        assert not isinstance(caught.value, ssl.SSLError)
        await within(closed.wait())
        await turns()
        assert calls == ["closed"]


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("turns_before", [0, 1, 5])
async def test_cancelling_closes_the_connection(turns_before: int, attached: bool, connect: Any) -> None:
    async with connect(attached=attached) as plain:
        closed = asyncio.Event()
        plain.stream.set_close_callback(closed.set)
        future = plain.start_tls()
        await turns(turns_before)
        future.cancel()
        await within(closed.wait())
        await plain.peer.read_to_end()


@pytest.mark.parametrize("attached", [False, True])
async def test_with_a_time_limit(attached: bool, connect: Any) -> None:
    async with connect(attached=attached) as plain:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(plain.start_tls(), 0.05)
        await plain.peer.read_to_end()


async def test_cancelling_afterwards_changes_nothing(connect: Any) -> None:
    async with connect() as plain:
        future = plain.start_tls()
        peer = plain.tls_peer()
        await peer.handshake()
        stream = await within(future)
        assert not future.cancel()
        await talk(stream, peer)
        stream.close()
