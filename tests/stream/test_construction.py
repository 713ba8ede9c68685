"""From a socket to a stream: connected or not, before or after there is a loop, plain or wrapped in TLS."""

import asyncio
import contextlib
import errno
import os
import pathlib
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, PipeIOStream, SSLIOStream, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import Certificates, Peer, TLSPeer, open_pair, tcp_pair, turns, within
from tests.stream.kit import until as wait_until
from tests.support.processes import run_python

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


class Listener:
    """Where a stream can connect to."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.address = sock.getsockname()

    def client(self) -> socket.socket:
        """A socket that isn't connected yet."""
        return socket.socket(self.sock.family)

    async def accept(self) -> socket.socket:
        return (await within(asyncio.get_running_loop().sock_accept(self.sock)))[0]


@pytest.fixture(params=["tcp", "tcp6", "unix", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Listener]:
    if request.param == "tcp":
        sock = socket.create_server(("127.0.0.1", 0))
    elif request.param == "tcp6":
        try:
            sock = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            pytest.skip("no IPv6 here")
    else:
        if request.param == "abstract" and sys.platform != "linux":
            pytest.skip("Linux has them")
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "s") if request.param == "unix" else f"\0asynchttp-test-{os.getpid()}-{id(request)}")
        sock.listen()
    with sock:
        yield Listener(sock)


def one_family(address: Any) -> bool:
    return isinstance(address, tuple) and ":" not in address[0]


# -- a socket that is connected


@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_nothing_is_done_with_a_socket_before_something_is_wanted(family: str) -> None:
    ours, theirs = socket.socketpair() if family == "unix" else await tcp_pair()
    stream = IOStream(ours)
    assert ours.getblocking() is False
    assert stream.socket is ours
    assert stream.fileno() is ours
    assert (stream.closed(), stream.reading(), stream.writing()) == (False, False, False)
    await turns()
    theirs.send(b"abc")
    await turns()
    assert ours.recv(10) == b"abc"
    assert not stream.closed()
    stream.close()
    assert ours.fileno() == -1
    theirs.close()


@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.parametrize("turns_before", range(4))
async def test_what_is_asked_before_there_is_a_transport_happens_in_order(family: str, turns_before: int) -> None:
    ours, theirs = socket.socketpair() if family == "unix" else await tcp_pair()
    stream, peer = IOStream(ours), Peer(theirs)
    done: list[str] = []
    reading = stream.read_until(b"\n")
    await turns(turns_before)
    for name in ("first ", "second ", "third"):
        stream.write(name.encode()).add_done_callback(lambda _, name=name: done.append(name))
    stream.set_nodelay(True)
    assert stream.reading()
    with pytest.raises(AssertionError, match="Already reading"):
        stream.read_bytes(1)
    await peer.send(b"line\nrest")
    assert await within(reading) == b"line\n"
    assert await within(stream.read_bytes(4)) == b"rest"
    assert await peer.read_exactly(18) == b"first second third"
    assert done == ["first ", "second ", "third"]
    stream.close()
    peer.close()


async def test_buffer_sizes_of_tornado_4_with_its_loop() -> None:
    """``(socket, io_loop, max_buffer_size, read_chunk_size)``, as up to 4.5, and without the loop, as later."""
    for arguments in ((IOLoop.current(), 1000, 100, 50), (None, 1000, 100, 50), (1000, 100, 50)):
        ours, theirs = socket.socketpair()
        stream = IOStream(ours, *arguments)
        assert (stream.max_buffer_size, stream.read_chunk_size, stream.max_write_buffer_size) == (1000, 100, 50)
        assert stream.io_loop is IOLoop.current()
        stream.close()
        theirs.close()


async def test_default_sizes() -> None:
    ours, theirs = socket.socketpair()
    stream = IOStream(ours)
    assert (stream.max_buffer_size, stream.read_chunk_size) == (104857600, 65536)
    assert stream.max_write_buffer_size is None
    assert stream.error is None
    stream.close()
    small, small_peer = socket.socketpair()
    stream = IOStream(small, max_buffer_size=1000)
    assert stream.read_chunk_size == 500
    stream.close()
    theirs.close()
    small_peer.close()


async def test_pipe_is_non_blocking_and_owned() -> None:
    read_fd, write_fd = os.pipe()
    reader, writer = PipeIOStream(read_fd), PipeIOStream(write_fd)
    assert not os.get_blocking(read_fd)
    assert not os.get_blocking(write_fd)
    assert reader.fileno() == read_fd
    await within(writer.write(b"through"))
    writer.close()
    assert await within(reader.read_until_close()) == b"through"
    for fd in (read_fd, write_fd):
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(fd)


# A program of Tornado 2's order: streams first, the loop last. Nobody has a loop at the time of the construction.
_BEFORE_ANY_LOOP = """
import asyncio, socket
import asynchttp.iostream
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, PipeIOStream

def none_runs():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True

assert none_runs()
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(10)
client = IOStream(socket.socket())                       # not connected
pair = [IOStream(sock) for sock in socket.socketpair()]  # connected
closed, unused = (IOStream(sock) for sock in socket.socketpair())

said = []
def say(what):
    said.append(what)
    if len(said) == 3:
        for stream in (client, *pair):
            stream.close()

client.connect(listener.getsockname(), lambda: client.write(b"connected", lambda: say("written")))
client.set_nodelay(True)
client.set_close_callback(lambda: (said.append("closed"), IOLoop.instance().stop()))
pair[0].read_until(b"\\n", say)
pair[1].write(b"line\\n")
closed.write(b"last words")
closed.close()
unused.read_until_close(say)
assert said == [] and none_runs()
IOLoop.instance().start()
accepted = listener.accept()[0]
print(said, accepted.recv(100))
accepted.close()
listener.close()
"""


@pytest.mark.asyncio(loop_factories=["asyncio"])  # of this process
async def test_streams_before_any_loop(loop_name: str) -> None:
    result = run_python("-X", "dev", "-c", _BEFORE_ANY_LOOP, env={"ASYNCHTTP_LOOP": loop_name})
    assert result[0] == 0, result[2]
    said, received = result[1].rsplit(" ", 1)
    assert sorted(eval(said), key=str) == sorted([b"line\n", b"last words", "written", "closed"], key=str)
    assert received == "b'connected'\n"
    assert "never" not in result[2]
    assert "Traceback" not in result[2]


_CLOSED_BEFORE_THE_LOOP_RUNS = """
import socket
from asynchttp.iostream import IOStream
from asynchttp.ioloop import IOLoop

ours, theirs = socket.socketpair()
stream = IOStream(ours)
stream.write(b"delivered")
stream.read_until(b"x", print)
stream.set_close_callback(lambda: print("closed"))
stream.close()
print(theirs.recv(100))
theirs.close()
IOLoop.current().run_sync(lambda: None)
"""


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_stream_that_is_closed_before_its_loop_runs(loop_name: str) -> None:
    result = run_python("-X", "dev", "-c", _CLOSED_BEFORE_THE_LOOP_RUNS, env={"ASYNCHTTP_LOOP": loop_name})
    assert result == (0, "b'delivered'\nclosed\n", "")


# -- a socket that isn't connected


async def test_connect(listener: Listener) -> None:
    stream = IOStream(listener.client())
    assert await within(stream.connect(listener.address)) is stream
    peer = Peer(await listener.accept())
    await within(stream.write(b"hello"))
    assert await peer.read_exactly(5) == b"hello"
    await peer.send(b"world")
    assert await within(stream.read_bytes(5)) == b"world"
    stream.close()
    peer.close()


async def test_connect_with_a_callback(listener: Listener) -> None:
    """``connect(address, callback=None, server_hostname=None)`` of Tornado 3 to 5."""
    for arguments, keywords in (((), {"callback": True}), ((True,), {}), ((True, "localhost"), {})):
        stream = IOStream(listener.client())
        called: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

        def connected(*given: Any, called: asyncio.Future[tuple[Any, ...]] = called) -> None:
            called.set_result(given)

        positional = [connected if argument is True else argument for argument in arguments]
        given = dict.fromkeys(keywords, connected)
        assert stream.connect(listener.address, *positional, **given) is None  # type: ignore[func-returns-value]
        assert not called.done()
        assert await within(called) == ()
        stream.close()
        (await listener.accept()).close()


async def test_connect_with_a_name_that_a_plain_stream_ignores(listener: Listener) -> None:
    for arguments in (("localhost",), (None, "localhost"), (None,)):
        stream = IOStream(listener.client())
        assert await within(stream.connect(listener.address, *arguments)) is stream
        stream.close()
        (await listener.accept()).close()


async def test_connect_is_done_before_what_waited_for_it(listener: Listener) -> None:
    """A read from before connect(), writes from before and behind it, in each order."""
    stream = IOStream(listener.client())
    order: list[str] = []

    def note(name: str) -> Callable[[Any], None]:
        return lambda _: order.append(name)

    early = stream.write(b"early ")
    early.add_done_callback(note("write"))
    reading = stream.read_until(b"\n")
    reading.add_done_callback(note("read"))
    connecting = stream.connect(listener.address)
    connecting.add_done_callback(note("connect"))
    late = stream.write(b"late")
    late.add_done_callback(note("write"))
    assert stream.reading()
    assert stream.writing()
    peer = Peer(await listener.accept())
    assert await peer.read_exactly(10) == b"early late"
    await peer.send(b"line\n")
    assert await within(reading) == b"line\n"
    await turns()
    assert order == ["connect", "write", "write", "read"]
    assert not stream.writing()
    stream.close()
    peer.close()


async def test_connection_refused(expect_log: Expect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    calls: list[str] = []
    stream = IOStream(socket.socket())
    stream.set_close_callback(lambda: calls.append("closed"))
    reading, writing, connecting = stream.read_bytes(1), stream.write(b"a"), stream.connect(address)
    for future in (connecting, reading, writing):
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)
    assert isinstance(stream.error, ConnectionRefusedError)
    await turns()
    assert calls == ["closed"]

    # A callback isn't called; the close callback and the log tell.
    expect_log("asynchttp.general", r"^Connect error on fd \d+: .*ECONNREFUSED", count=1)
    stream = IOStream(socket.socket())
    closed_event = asyncio.Event()
    stream.set_close_callback(closed_event.set)
    stream.connect(address, lambda: calls.append("connected"))
    await within(closed_event.wait())
    assert isinstance(stream.error, ConnectionRefusedError)
    await turns()
    assert calls == ["closed"]


@pytest.mark.parametrize("callback", [False, True])
async def test_host_that_nobody_knows(callback: bool, expect_log: Expect) -> None:
    stream = IOStream(socket.socket())
    closed = asyncio.Event()
    stream.set_close_callback(closed.set)
    address = ("host.invalid", 80)
    if callback:
        expect_log("asynchttp.general", r"^Connect error on fd \d+: ", count=1)
        stream.connect(address, callback=lambda: pytest.fail("connected"))
    else:
        future = stream.connect(address)
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, socket.gaierror)
    assert isinstance(stream.error, socket.gaierror)
    await within(closed.wait())
    with pytest.raises(StreamClosedError):
        stream.connect(address)


async def test_path_where_nobody_listens(tmp_path: pathlib.Path) -> None:
    stream = IOStream(socket.socket(socket.AF_UNIX))
    with pytest.raises(StreamClosedError) as caught:
        await within(stream.connect(str(tmp_path / "nobody")))
    assert isinstance(caught.value.real_error, FileNotFoundError)


async def test_unix_listener_whose_queue_is_full(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as fillers:
        listener.bind(str(tmp_path / "full"))
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler = fillers.enter_context(socket.socket(socket.AF_UNIX))
                filler.setblocking(False)
                filler.connect(listener.getsockname())
        stream = IOStream(socket.socket(socket.AF_UNIX))
        with pytest.raises(StreamClosedError) as caught:
            await within(stream.connect(listener.getsockname()))
        assert caught.value.real_error.errno == errno.EAGAIN


@pytest.fixture
def hole() -> Iterator[Any]:
    """An address that never answers: a listener whose queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.mark.parametrize("end", ["close", "error", "cancelled"])
async def test_connect_that_never_ends(end: str, hole: Any) -> None:
    stream = IOStream(socket.socket())
    closed = asyncio.Event()
    connecting, writing, reading = stream.connect(hole), stream.write(b"abc"), stream.read_bytes(1)
    stream.set_close_callback(closed.set)
    await turns()
    assert not connecting.done()
    if end == "cancelled":  # stops nobody else
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connecting, 0.01)
        assert not stream.closed()
        assert stream.reading()
        assert stream.writing()
    error = ValueError("why") if end == "error" else None
    sock = stream.socket
    stream.close(exc_info=error or False)
    assert sock.fileno() == -1
    for future in (writing, reading) if end == "cancelled" else (connecting, writing, reading):
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert caught.value.real_error is error
    await within(closed.wait())


async def test_bytearray_is_free_when_closed_while_connecting(hole: Any) -> None:
    stream = IOStream(socket.socket())
    data = bytearray(b"x" * 100_000)
    stream.connect(hole)
    stream.write(data)
    stream.close()
    data.clear()


async def test_connect_twice(listener: Listener) -> None:
    stream = IOStream(listener.client())
    connecting = stream.connect(listener.address)
    with pytest.raises(RuntimeError, match="before"):
        stream.connect(listener.address)
    await within(connecting)
    with pytest.raises(RuntimeError, match="before"):
        stream.connect(listener.address)
    stream.close()
    with pytest.raises(StreamClosedError):
        stream.connect(listener.address)


async def test_address_of_another_kind_can_be_corrected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = IOStream(socket.socket())
        with pytest.raises(TypeError):
            stream.connect("127.0.0.1")
        assert not stream.closed()
        await within(stream.connect(listener.getsockname()))
        stream.close()


async def test_stream_that_is_closed_while_the_connection_is_being_made(listener: Listener) -> None:
    for turns_before in range(5):
        stream = IOStream(listener.client())
        connecting = stream.connect(listener.address)
        await turns(turns_before)
        stream.close()
        results = await within(asyncio.gather(connecting, return_exceptions=True))
        assert results == [stream] or isinstance(results[0], StreamClosedError)
        Peer(await listener.accept()).close()


# -- set_nodelay


def nodelay(sock: Any) -> bool:
    return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("when", ["before", "after", "connecting"])
async def test_nodelay_is_what_was_asked_for(when: str, value: bool) -> None:
    """Also where the loop thinks otherwise: uvloop turns it on for each transport."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not value)
        stream = IOStream(sock)
        if when == "before":
            stream.set_nodelay(value)
        connecting = stream.connect(listener.getsockname())
        if when == "connecting":
            stream.set_nodelay(value)
        await within(connecting)
        await within(stream.write(b"a"))
        if when == "after":
            stream.set_nodelay(not value)
            stream.set_nodelay(value)
        assert nodelay(stream.socket) is value
        stream.close()
        stream.set_nodelay(value)


@pytest.mark.parametrize("value", [True, False])
async def test_nodelay_survives_start_tls(value: bool, certificates: Certificates) -> None:
    ours, theirs = await tcp_pair()
    plain = IOStream(ours)
    plain.set_nodelay(value)
    peer = TLSPeer(theirs, certificates.server(), True)
    future = plain.start_tls(False, certificates.client(), "localhost")
    await peer.handshake()
    stream = await within(future)
    assert nodelay(stream.socket) is value
    stream.set_nodelay(not value)
    assert nodelay(stream.socket) is not value
    stream.close()
    peer.close()


async def test_nodelay_where_nothing_knows_it(connect: OpenPair) -> None:
    async with connect() as pair:
        for value in (True, False, 1, 0):
            for stream in pair.streams:
                stream.set_nodelay(value)
        await within(pair.writer.write(b"abc"))
        assert await pair.peer.read_exactly(3) == b"abc"
        pair.peer.abort()
        for stream in pair.streams:
            stream.set_nodelay(True)
        await turns()
        for stream in pair.streams:
            stream.set_nodelay(True)


# -- stream.socket


@pytest.mark.parametrize("kind", ["tcp", "tls", "starttls"])
async def test_socket_tells_both_addresses(connect: OpenPair) -> None:
    async with connect() as pair:
        await turns()
        view = pair.reader.socket
        assert view.getpeername() == pair.peer.sock.getsockname()
        assert view.getsockname() == pair.peer.sock.getpeername()
        assert (view.family, view.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert view.fileno() > 2
        view.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert view.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert "fd=" in repr(view)
        pair.reader.close()
        assert pair.reader.socket is None


@pytest.mark.parametrize("kind", ["tls", "starttls"])
async def test_socket_tells_of_tls(kind: str, connect: OpenPair) -> None:
    async with connect() as pair:
        view = pair.reader.socket
        assert view.version() == pair.peer.tls.version() == "TLSv1.3"
        assert view.cipher() == pair.peer.tls.cipher()
        assert view.selected_alpn_protocol() is None
        assert view.compression() is None
        assert view.server_side is (kind == "tls")
        assert isinstance(view.context, ssl.SSLContext)
        if kind == "tls":  # no certificate was asked of the client
            assert view.getpeercert() is None
            assert view.getpeercert(binary_form=True) is None
        else:
            assert ("DNS", "localhost") in view.getpeercert()["subjectAltName"]
            assert view.getpeercert(True)[:1] == b"\x30"
        for name in ("send", "recv", "sendall", "sendto", "recv_into", "makefile", "write", "read"):
            with pytest.raises(AttributeError, match="bypass"):
                getattr(view, name)
        with pytest.raises(AttributeError):
            view.no_such_thing  # noqa: B018


async def test_socket_before_the_handshake(certificates: Certificates) -> None:
    ours, theirs = await tcp_pair()
    with theirs:
        stream = SSLIOStream(ours, ssl_options=certificates.server(), server_side=True)
        view = stream.socket
        assert (view.cipher(), view.version(), view.selected_alpn_protocol()) == (None, None, None)
        with pytest.raises(ValueError, match="handshake"):
            view.getpeercert()
        assert view.getpeername() == theirs.getsockname()
        stream.close()


# -- an SSLSocket


async def wrap(
    certificates: Certificates, sock: socket.socket, server_side: bool, hostname: str | None = "localhost"
) -> ssl.SSLSocket:
    context = certificates.server() if server_side else certificates.client()
    sock.setblocking(False)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        server_hostname=None if server_side else hostname,
        do_handshake_on_connect=False,
    )


@pytest.mark.parametrize("server_side", [True, False])
async def test_connected_ssl_socket_is_taken_over(server_side: bool, certificates: Certificates) -> None:
    """Its context, side and name count, and the handshake begins by itself."""
    ours, theirs = await tcp_pair()
    wrapped = await wrap(certificates, ours, server_side)
    stream = SSLIOStream(wrapped)
    assert wrapped.fileno() == -1
    context = certificates.client() if server_side else certificates.server()
    peer = TLSPeer(theirs, context, not server_side, "localhost" if server_side else None)
    await peer.handshake()
    assert await within(stream.wait_for_handshake()) is stream
    await within(stream.write(b"abc"))
    assert await peer.read_exactly(3) == b"abc"
    assert stream.socket.server_side is server_side
    assert stream.socket.context is wrapped.context
    stream.close()
    peer.close()


async def test_name_in_an_ssl_socket_is_checked(certificates: Certificates, expect_log: Expect) -> None:
    expect_log("asynchttp.general", "^SSL Error on .*certificate verify failed", count=1)
    ours, theirs = await tcp_pair()
    stream = SSLIOStream(await wrap(certificates, ours, False, "other.example"))
    peer = TLSPeer(theirs, certificates.server(), True)
    with pytest.raises(ssl.SSLError):
        await peer.handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
        await within(stream.wait_for_handshake())
    peer.close()


async def test_unconnected_ssl_socket_shakes_hands_when_connected(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        listener = Listener(sock)
        stream = SSLIOStream(await wrap(certificates, socket.socket(), False))
        await turns()
        connecting = stream.connect(listener.address)
        peer = TLSPeer(await listener.accept(), certificates.server(), True)
        await peer.handshake()
        assert await within(connecting) is stream
        stream.close()
        peer.close()


async def test_ssl_socket_whose_handshake_is_over_is_refused(certificates: Certificates) -> None:
    ours, theirs = await tcp_pair()
    wrapped = await wrap(certificates, ours, True)
    peer = TLSPeer(theirs, certificates.client(), False, "localhost")
    shaking = asyncio.create_task(peer.handshake())

    def shaken() -> bool:
        try:
            wrapped.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    await wait_until(shaken)
    await shaking
    with pytest.raises(ValueError, match=r"handshake of this socket is over.*do_handshake_on_connect=False"):
        SSLIOStream(wrapped)
    # It is as it was.
    assert wrapped.send(b"still alive") == 11
    assert await peer.read_exactly(11) == b"still alive"
    wrapped.close()
    peer.close()


async def test_plain_stream_over_an_ssl_socket_is_refused(certificates: Certificates) -> None:
    """asyncio would say so later, uvloop would speak in plain text."""
    ours, theirs = await tcp_pair()
    wrapped = await wrap(certificates, ours, True)
    with pytest.raises(TypeError, match="SSLIOStream"):
        IOStream(wrapped)
    assert wrapped.fileno() != -1
    wrapped.close()
    theirs.close()


# -- the loop of another thread


async def test_stream_of_a_loop_that_runs_elsewhere(certificates: Certificates) -> None:
    """Made here, used there."""
    factory = type(asyncio.get_running_loop())
    ours, theirs = await tcp_pair()
    peer = Peer(theirs)

    def in_a_thread() -> bytes:
        loop = IOLoop(make_current=False, asyncio_loop=factory())
        stream = IOStream(ours, io_loop=loop)
        stream.write(b"request\n")

        async def use() -> bytes:
            reply = await stream.read_until(b"\n")
            stream.close()
            await turns()
            return reply

        try:
            return loop.run_sync(use)  # type: ignore[no-any-return]
        finally:
            loop.close()

    running = asyncio.get_running_loop().run_in_executor(None, in_a_thread)
    assert await peer.read_exactly(8) == b"request\n"
    await peer.send(b"reply\n")
    assert await within(running) == b"reply\n"
    peer.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_pair_of_kinds_agree_on_their_class(certificates: Certificates) -> None:
    for kind, expected in (("tcp", IOStream), ("tls", SSLIOStream), ("starttls", SSLIOStream), ("pipe", PipeIOStream)):
        async with open_pair(kind, certificates) as pair:
            assert type(pair.reader) is expected
