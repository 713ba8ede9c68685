"""TCPServer: every way to make it listen, and what becomes of the connections."""

import asyncio
import contextlib
import errno
import pathlib
import re
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from asynchttp import gen, netutil
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, SSLIOStream, StreamClosedError
from asynchttp.tcpserver import TCPServer
from tests.stream.kit import Certificates, Peer, TLSPeer, turns, until, within
from tests.support.ports import free_port
from tests.support.processes import start_python

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


class Greeter(TCPServer):
    """Says hello, and keeps the streams."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.streams: list[IOStream] = []
        self.addresses: list[Any] = []

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        self.streams.append(stream)
        self.addresses.append(address)
        stream.write(b"hello")

    def end(self) -> None:
        self.stop()
        for stream in self.streams:
            stream.close()


@contextlib.asynccontextmanager
async def greeter(*args: Any, **kwargs: Any) -> AsyncIterator[Greeter]:
    server = Greeter(*args, **kwargs)
    try:
        yield server
    finally:
        server.end()


def address_of(server: TCPServer) -> tuple[str, int]:
    address: tuple[str, int] = server.sockets[0].getsockname()[:2]
    return address


@contextlib.contextmanager
def client(address: Any) -> Any:
    with socket.create_connection(address) as sock:
        yield Peer(sock)


async def greets(address: Any) -> None:
    with client(address) as peer:
        assert await peer.read_exactly(5) == b"hello"


async def refuses(address: Any) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


# -- ways to listen


async def test_broken_certificate_leaves_no_socket_behind(tmp_path: pathlib.Path) -> None:
    broken = tmp_path / "cert.pem"
    broken.write_text("nothing")
    port = free_port()
    server = Greeter({"certfile": str(broken)})
    with pytest.raises(OSError, match="TLS files"):
        server.listen(port, "127.0.0.1")
    assert server.sockets == []
    server.bind(port, "127.0.0.1")  # it is free
    with pytest.raises(OSError, match="TLS files"):
        server.start()
    assert len(server.sockets) == 1
    server.stop()
    await refuses(("127.0.0.1", port))


async def test_listen_may_be_repeated() -> None:
    async with greeter() as server:
        for host in ("127.0.0.1", "localhost"):
            server.listen(0, host)
        assert len({sock.getsockname()[1] for sock in server.sockets}) == 2
        for sock in server.sockets:
            await greets(sock.getsockname()[:2])
        assert server.addresses[0][0] == "127.0.0.1"


async def test_bind_accepts_when_it_is_started() -> None:
    async with greeter() as server:
        server.bind(0, "127.0.0.1")
        server.bind(0, "127.0.0.1")
        early, other = server.sockets
        with client(early.getsockname()) as peer:  # waits in the queue
            await turns(5)
            assert server.streams == []
            server.start()
            assert await peer.read_exactly(5) == b"hello"
        await greets(other.getsockname())
        with pytest.raises(AssertionError, match="before"):
            server.start()
        server.bind(0, "127.0.0.1")  # at once
        await greets(server.sockets[-1].getsockname())


async def test_start_without_anything_bound() -> None:
    async with greeter() as server:
        server.start()
        server.listen(0, "127.0.0.1")
        await greets(address_of(server))


async def test_listen_then_start_in_one_process() -> None:
    async with greeter() as server:
        server.listen(0, "127.0.0.1")
        server.start(1)
        await greets(address_of(server))
        assert len(server.streams) == 1


async def test_sockets_made_elsewhere(tmp_path: pathlib.Path) -> None:
    async with greeter() as server:
        server.add_sockets(netutil.bind_sockets(0, "127.0.0.1"))
        server.add_socket(netutil.bind_unix_socket(str(tmp_path / "s")))
        await greets(address_of(server))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "s"))
            assert await Peer(sock).read_exactly(5) == b"hello"
        assert server.addresses[1] == ""


V4 = socket.AF_INET
FLAGS = socket.AI_PASSIVE | socket.AI_NUMERICHOST


@pytest.mark.parametrize(
    ("method", "arguments", "keywords"),
    [
        (method, *given)
        for method in ("listen", "bind")
        for given in (
            ((), {"family": V4, "backlog": 5, "flags": FLAGS, "reuse_port": True}),
            ((V4, 5, FLAGS, True), {}),
            ((V4, 5, None, True), {}),
            ((V4, 5), {"reuse_port": True}),
        )
    ]
    + [("bind", (V4, 5, True), {})],  # Tornado 4.4 to 6.1: no flags in between, and listen() had none of these
)
async def test_arguments_of_all_generations(method: str, arguments: Any, keywords: Any) -> None:
    async with greeter() as server, greeter() as second:
        getattr(server, method)(0, "127.0.0.1", *arguments, **keywords)
        [sock] = server.sockets
        assert sock.family == V4
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        assert backlog_of(sock) == 5
        # Another one on the same port: what SO_REUSEPORT is for.
        getattr(second, method)(sock.getsockname()[1], "127.0.0.1", *arguments, **keywords)
        for each in (server, second):
            if method == "bind":
                each.start()
        for _ in range(20):
            await greets(sock.getsockname())
        assert len(server.streams) + len(second.streams) == 20


async def test_false_at_the_place_of_flags() -> None:
    async with greeter() as server:
        server.bind(0, "127.0.0.1", V4, 5, False)
        assert not server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


@pytest.mark.parametrize("method", ["listen", "bind"])
async def test_flags_are_handed_to_the_resolver(method: str) -> None:
    async with greeter() as server:
        with pytest.raises(socket.gaierror):
            getattr(server, method)(0, "localhost", flags=socket.AI_NUMERICHOST)
        assert server.sockets == []


def backlog_of(listener: socket.socket) -> int:
    """What the kernel has: of a listener ``tcpi_sacked`` is its limit, on Linux. ``ss -ltn`` shows it."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("8B6I", info)[13])


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.parametrize("way", ["listen", "bind", "default", "socket"])
async def test_backlog_is_what_was_asked_for(way: str) -> None:
    """asyncio listens again with its own; whoever goes through it loses what was asked for."""
    async with greeter() as server:
        if way == "listen":
            server.listen(0, "127.0.0.1", backlog=77)
        elif way == "bind":
            server.bind(0, "127.0.0.1", backlog=77)
            server.start()
        elif way == "socket":
            server.add_sockets(netutil.bind_sockets(0, "127.0.0.1", backlog=77))
        else:
            server.listen(0, "127.0.0.1")
        await greets(address_of(server))
        assert backlog_of(server.sockets[0]) == (128 if way == "default" else 77)


async def test_port_in_use() -> None:
    async with greeter() as first, greeter() as second:
        first.listen(0, "127.0.0.1")
        address = address_of(first)
        for method in (second.listen, second.bind):
            with pytest.raises(OSError, match=f"port {address[1]}: Address already in use") as caught:
                method(address[1], "127.0.0.1")
            assert caught.value.errno == errno.EADDRINUSE
        assert second.sockets == []
        await greets(address)


# -- the end of listening


async def test_stop_leaves_the_connections() -> None:
    async with greeter() as server:
        server.listen(0, "127.0.0.1")
        server.bind(0, "127.0.0.1")
        addresses = [sock.getsockname() for sock in server.sockets]
        with client(addresses[0]) as peer:
            assert await peer.read_exactly(5) == b"hello"
            server.stop()
            server.stop()
            assert server.sockets == []
            for address in addresses:
                await refuses(address)
            await within(server.streams[0].write(b"still here"))
            assert await peer.read_exactly(10) == b"still here"
        server.listen(addresses[0][1], "127.0.0.1")
        await greets(addresses[0])


async def test_stop_of_a_server_that_never_listened() -> None:
    TCPServer().stop()


async def test_stop_by_a_connection() -> None:
    class Once(Greeter):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            super().handle_stream(stream, address)
            self.stop()

    server = Once()
    server.listen(0, "127.0.0.1")
    address = address_of(server)
    with client(address) as first, client(address) as second:
        assert await first.read_exactly(5) == b"hello"
        assert await second.read_to_end() == b""  # it was in the queue
        await refuses(address)
    server.end()


async def test_sockets_that_somebody_else_closed() -> None:
    async with greeter() as server:
        server.listen(0, "127.0.0.1")
        [sock] = server.sockets
        IOLoop.current().remove_handler(sock)
        sock.close()
        with socket.create_server(("127.0.0.1", 0)) as again:  # has its number, most likely
            server.stop()
            assert again.fileno() != -1
            socket.create_connection(again.getsockname()).close()


# -- handle_stream


async def test_stream_has_the_sizes_of_the_server() -> None:
    async with greeter(max_buffer_size=1000, read_chunk_size=100) as server:
        assert (server.max_buffer_size, server.read_chunk_size) == (1000, 100)
        server.listen(0, "127.0.0.1")
        await greets(address_of(server))
        assert (server.streams[0].max_buffer_size, server.streams[0].read_chunk_size) == (1000, 100)


async def test_io_loop_of_all_generations() -> None:
    loop = IOLoop.current()
    options = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for arguments, keywords, expected in (
        ((), {}, (None, None, None)),
        ((loop,), {}, (loop, None, None)),
        ((loop, options), {}, (loop, options, None)),
        ((None, options, 1000), {}, (None, options, 1000)),
        ((options, 1000), {}, (None, options, 1000)),
        ((), {"io_loop": loop, "ssl_options": options}, (loop, options, None)),
    ):
        server = TCPServer(*arguments, **keywords)
        assert (server.io_loop, server.ssl_options, server.max_buffer_size) == expected
    async with greeter() as greeting:
        greeting.listen(0, "127.0.0.1")
        assert greeting.io_loop is loop


class Sync(Greeter):
    def handle_stream(self, stream: IOStream, address: Any) -> None:
        self.streams.append(stream)
        stream.read_until(b"\n", lambda line: self.on_line(stream, line))

    def on_line(self, stream: IOStream, line: bytes) -> None:
        if line == b"fail\n":
            raise ZeroDivisionError(line)
        stream.write(line)


class Native(Greeter):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        self.streams.append(stream)
        line = await stream.read_until(b"\n")
        if line == b"fail\n":
            raise ZeroDivisionError(line)
        await stream.write(line)


class Generator(Greeter):
    @gen.coroutine
    def handle_stream(self, stream: IOStream, address: Any) -> Any:
        self.streams.append(stream)
        line = yield stream.read_until(b"\n")
        if line == b"fail\n":
            raise ZeroDivisionError(line)
        yield stream.write(line)


@pytest.mark.parametrize("kind", [Sync, Native, Generator])
async def test_handle_stream_in_each_style(kind: type[Greeter], expect_log: Expect) -> None:
    """What it raises later is logged and closes its stream; the server and the others go on."""
    server = kind()
    server.listen(0, "127.0.0.1")
    address = address_of(server)
    with client(address) as failing, client(address) as going:
        if kind is Sync:  # a callback of the stream: said twice, as in Tornado
            expect_log("asynchttp.application", "^Uncaught exception, closing connection.*ZeroDivision", count=1)
        expect_log("asynchttp.application", "^Exception in callback .*ZeroDivisionError: b'fail", count=1)
        await failing.send(b"fail\n")
        assert await failing.read_to_end() == b""
        for peer in (going,):
            await peer.send(b"line\n")
            assert await peer.read_exactly(5) == b"line\n"
    server.end()


@pytest.mark.parametrize("style", ["sync", "native", "generator", "future"])
async def test_handle_stream_that_raises_at_once(style: str, expect_log: Expect) -> None:
    """One record, and the connection is closed."""
    text = "Error in connection callback" if style == "sync" else "Exception in callback"
    expected = expect_log("asynchttp.application", f"^{text}.*ZeroDivisionError: at once", level=40, count=1)

    class Fails(TCPServer):
        if style == "sync":

            def handle_stream(self, stream: IOStream, address: Any) -> Any:
                raise ZeroDivisionError("at once")

        elif style == "native":

            async def handle_stream(self, stream: IOStream, address: Any) -> Any:
                raise ZeroDivisionError("at once")

        elif style == "generator":

            @gen.coroutine
            def handle_stream(self, stream: IOStream, address: Any) -> Any:
                raise ZeroDivisionError("at once")

        else:

            def handle_stream(self, stream: IOStream, address: Any) -> Any:
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                future.set_exception(ZeroDivisionError("at once"))
                return future

    server = Fails()
    server.listen(0, "127.0.0.1")
    with client(address_of(server)) as peer:
        assert await peer.read_to_end() == b""
        await expected.wait()
    server.stop()


async def test_handle_stream_has_to_be_written(expect_log: Expect) -> None:
    expect_log("asynchttp.application", "^Error in connection callback.*NotImplementedError", count=1)
    server = TCPServer()
    server.listen(0, "127.0.0.1")
    with client(address_of(server)) as peer:
        assert await peer.read_to_end() == b""
    server.stop()


@pytest.mark.parametrize("result", [None, [], {}, 0, "text"])
async def test_what_handle_stream_returns_doesnt_matter(result: Any) -> None:
    class Returns(Greeter):
        def handle_stream(self, stream: IOStream, address: Any) -> Any:
            super().handle_stream(stream, address)
            return result

    server = Returns()
    server.listen(0, "127.0.0.1")
    await greets(address_of(server))
    server.end()


async def test_write_and_close_in_handle_stream_delivers() -> None:
    class Brief(TCPServer):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            stream.write(b"data")
            stream.close()

    server = Brief()
    server.listen(0, "127.0.0.1")
    for _ in range(5):
        with client(address_of(server)) as peer:
            assert await peer.read_to_end() == b"data"
    server.stop()


async def test_coroutine_that_ends_with_its_client(expect_log: Expect) -> None:
    """A cancelled handle_stream isn't an error; one that finds its stream closed is one, as in Tornado."""
    expect_log("asynchttp.application", "^Exception in callback .*StreamClosedError", count=1)
    server = Native()
    server.listen(0, "127.0.0.1")
    with client(address_of(server)):
        await until(lambda: server.streams)
        await until(server.streams[0].reading)
    await until(server.streams[0].closed)
    with client(address_of(server)):
        await until(lambda: len(server.streams) == 2)
        for task in list(server._tasks):
            task.cancel()
        await turns()
    server.end()


# -- TLS


@pytest_asyncio.fixture
async def files(certificates: Certificates, tmp_path: pathlib.Path) -> dict[str, str]:
    names = {name: str(tmp_path / name) for name in ("certfile", "keyfile", "ca_certs")}
    certificates.certificate.cert_chain_pems[0].write_to_path(names["certfile"])
    certificates.certificate.private_key_pem.write_to_path(names["keyfile"])
    certificates.authority.cert_pem.write_to_path(names["ca_certs"])
    return names


@pytest.mark.parametrize("form", ["dict", "context"])
async def test_tls(form: str, certificates: Certificates, files: dict[str, str]) -> None:
    """handle_stream comes before the handshake, and may write at once."""
    before: list[Any] = []

    class Looks(Greeter):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            before.append((type(stream), stream.socket.cipher()))
            super().handle_stream(stream, address)

    server = Looks(ssl_options=files if form == "dict" else certificates.server())
    server.listen(0, "127.0.0.1")
    with socket.create_connection(address_of(server)) as sock:
        peer = TLSPeer(sock, certificates.client(), False, "localhost")
        await peer.handshake()
        assert await peer.read_exactly(5) == b"hello"
        assert before == [(SSLIOStream, None)]
        assert server.streams[0].socket.cipher()
    server.end()


async def test_tls_handshake_needs_no_help(certificates: Certificates) -> None:
    """Also a stream that is merely kept shakes hands, as Tornado's did."""

    class Keeps(Greeter):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            self.streams.append(stream)

    server = Keeps(ssl_options=certificates.server())
    server.listen(0, "127.0.0.1")
    with socket.create_connection(address_of(server)) as sock:
        peer = TLSPeer(sock, certificates.client(), False, "localhost")
        await peer.handshake()
    server.end()


async def test_tls_client_without_a_certificate(
    certificates: Certificates, files: dict[str, str], expect_log: Expect
) -> None:
    expect_log("asynchttp.general", "^SSL Error on .*peer did not return a certificate", count=1)

    class Waits(Greeter):
        async def handle_stream(self, stream: Any, address: Any) -> None:
            with pytest.raises(ssl.SSLError):
                await stream.wait_for_handshake()
            with pytest.raises(StreamClosedError):
                await stream.write(b"hello")

    server = Waits(ssl_options={**files, "cert_reqs": ssl.CERT_REQUIRED})
    server.listen(0, "127.0.0.1")
    with socket.create_connection(address_of(server)) as sock:
        peer = TLSPeer(sock, certificates.client(), False, "localhost")
        await peer.handshake()
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            await peer.read_some()
    await until(lambda: not server._tasks)
    server.end()


async def test_plain_text_for_a_tls_server(certificates: Certificates, expect_log: Expect) -> None:
    expect_log("asynchttp.general", "^SSL Error on .*(?i:http request)", count=1)
    async with greeter(certificates.server()) as server:
        server.listen(0, "127.0.0.1")
        with client(address_of(server)) as peer:
            await peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"hello" not in await peer.read_to_end()


async def test_options_are_checked_when_they_are_given(files: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="certfile"):
        TCPServer(ssl_options={"keyfile": files["keyfile"]})
    for name in ("certfile", "keyfile"):
        missing = {**files, name: files[name] + "-missing"}
        with pytest.raises(ValueError, match=re.escape(f'{name} "{missing[name]}" does not exist')):
            TCPServer(ssl_options=missing)
    TCPServer(ssl_options=files)


# -- several processes

_PREFORK = """
import os, sys
from asynchttp import process
from asynchttp.ioloop import IOLoop
from asynchttp.{module} import {name}

class Server({name}):
    async def handle_stream(self, stream, address):
        server.stop()  # the next one is the other's
        await stream.write(b"%d" % process.task_id())
        stream.close()
        IOLoop.current().stop()

async def handle(request):
    server.stop()
    IOLoop.current().add_callback(IOLoop.current().stop)
    return b"%d" % process.task_id()

server = Server() if "{name}" == "TCPServer" else {name}(handle)
{bind}
print("bound", flush=True)
server.start(2)
print("child", process.task_id(), flush=True)
IOLoop.current().start()
"""


@pytest.mark.asyncio(loop_factories=["asyncio"])  # of this process
@pytest.mark.parametrize("method", ["bind", "listen"])
@pytest.mark.parametrize("name", ["TCPServer", "HTTPServer"])
async def test_listeners_are_shared_by_processes(method: str, name: str, loop_name: str) -> None:
    """``listen`` and then ``start(2)`` is a mistake that many made; it works, for coroutines too."""
    port = free_port()
    program = _PREFORK.format(module=name.lower(), name=name, bind=f"server.{method}({port}, '127.0.0.1')")
    with start_python("-c", program, env={"ASYNCHTTP_LOOP": loop_name}) as process:
        for number in range(2):
            process.wait_for_line(f"child {number}")
        served = set()
        for _ in range(2):
            with client(("127.0.0.1", port)) as peer:
                if name == "HTTPServer":
                    await peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                served.add((await peer.read_to_end())[-1:])
        assert served == {b"0", b"1"}
        assert process.wait() == 0, process.stderr
        assert "Traceback" not in process.stderr
