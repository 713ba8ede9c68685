"""Connecting to names: addresses in parallel, deadlines, TLS, and nothing left behind."""

import asyncio
import datetime
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import trustme

from asynchttp import netutil
from asynchttp.iostream import IOStream, SSLIOStream, StreamClosedError
from asynchttp.tcpclient import TCPClient, _Connector, _format_addr
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio

V4, V6 = socket.AF_INET, socket.AF_INET6


class Server:
    """Accepts connections and does nothing else."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        [self.listener] = netutil.bind_sockets(port, address)
        self.port: int = self.listener.getsockname()[1]
        self.accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
        self._connections: list[socket.socket] = []
        self._remove = netutil.add_accept_handler(self.listener, self._on_connection)

    def _on_connection(self, connection: socket.socket, address: Any) -> None:
        self._connections.append(connection)
        self.accepted.put_nowait(connection)

    async def connection(self) -> socket.socket:
        async with asyncio.timeout(5):
            return await self.accepted.get()

    def close(self) -> None:
        self._remove()
        self.listener.close()
        for connection in self._connections:
            connection.close()


async def received(connection: socket.socket, size: int = 100) -> bytes:
    """What the client sent; ``b""`` when it has closed."""
    async with asyncio.timeout(5):
        try:
            return await asyncio.get_running_loop().sock_recv(connection, size)
        except ConnectionResetError:
            return b""


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def client() -> Iterator[TCPClient]:
    client = TCPClient()
    yield client
    client.close()


@pytest.fixture
def hole() -> Iterator[Callable[[str], tuple[str, int]]]:
    """Makes addresses that never answer: listeners whose queue is full."""
    sockets = []

    def make(host: str) -> tuple[str, int]:
        sock = socket.socket(V6 if ":" in host else V4)
        sockets.append(sock)
        sock.bind((host, 0))
        sock.listen(0)
        for _ in range(2):
            filler = socket.socket(sock.family)
            sockets.append(filler)
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        return sock.getsockname()[:2]

    yield make
    for sock in sockets:
        sock.close()


class Knows(netutil.Resolver):
    """Always finds these addresses."""

    def initialize(self, *addresses: tuple[str, int]) -> None:  # type: ignore[override]
        self.addresses = addresses
        self.closed = False

    async def resolve(self, host: str, port: int, family: int = 0) -> Any:  # type: ignore[override]
        return [
            (V6, (address, port, 0, 0)) if ":" in address else (V4, (address, port)) for address, port in self.addresses
        ]

    def close(self) -> None:
        self.closed = True


class Fails(netutil.Resolver):
    def initialize(self, error: Exception) -> None:  # type: ignore[override]
        self.error = error

    async def resolve(self, host: str, port: int, family: int = 0) -> Any:  # type: ignore[override]
        raise self.error


class Hangs(netutil.Resolver):
    asked: asyncio.Event
    was_cancelled = False

    def initialize(self) -> None:  # type: ignore[override]
        self.asked = asyncio.Event()

    async def resolve(self, host: str, port: int, family: int = 0) -> Any:  # type: ignore[override]
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


def count_sockets() -> int:
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:  # the descriptor of the directory itself
            continue
    return sum(link.startswith("socket:") for link in links)


async def settled() -> None:
    """Transports give up their descriptor a turn or two after their end."""
    for _ in range(5):
        await asyncio.sleep(0)


class TestConnect:
    async def test_stream_is_connected(self, server: Server, client: TCPClient) -> None:
        stream = await client.connect("127.0.0.1", server.port)
        assert type(stream) is IOStream
        connection = await server.connection()
        await stream.write(b"hello")
        assert await received(connection) == b"hello"
        connection.send(b"back")
        assert await stream.read_bytes(4) == b"back"
        stream.close()
        assert await received(connection) == b""

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    @pytest.mark.parametrize("family", [V4, socket.AF_UNSPEC])
    async def test_ipv4(self, server: Server, client: TCPClient, host: str, family: int) -> None:
        stream = await client.connect(host, server.port, family)
        assert stream.socket.family == V4
        stream.close()

    @pytest.mark.parametrize("family", [V6, socket.AF_UNSPEC])
    async def test_ipv6(self, client: TCPClient, family: int) -> None:
        server = Server("::1")
        stream = await client.connect("::1", server.port, af=family)
        assert stream.socket.getpeername()[0] == "::1"
        stream.close()
        server.close()

    async def test_refused(self, client: TCPClient) -> None:
        with pytest.raises(StreamClosedError) as info:
            await client.connect("127.0.0.1", free_port())
        assert isinstance(info.value.real_error, ConnectionRefusedError)

    async def test_name_that_cannot_be_resolved(self) -> None:
        error = socket.gaierror(socket.EAI_NONAME, "no such name")
        with pytest.raises(socket.gaierror, match="no such name"):
            await TCPClient(Fails(error)).connect("nowhere", 80)

    async def test_name_without_addresses(self) -> None:
        with pytest.raises(OSError, match="no addresses for 'nowhere'"):
            await TCPClient(Knows()).connect("nowhere", 80)

    async def test_max_buffer_size(self, server: Server, client: TCPClient) -> None:
        stream = await client.connect("127.0.0.1", server.port, max_buffer_size=12345)
        assert stream.max_buffer_size == 12345
        stream.close()

    async def test_only_its_own_resolver_is_closed(self) -> None:
        given = Knows()
        TCPClient(given, io_loop=None).close()
        assert not given.closed


class TestSource:
    async def test_ip(self, server: Server, client: TCPClient) -> None:
        stream = await client.connect("127.0.0.1", server.port, source_ip="127.0.0.7")
        assert (await server.connection()).getpeername()[0] == "127.0.0.7"
        stream.close()

    async def test_port(self, server: Server, client: TCPClient) -> None:
        port = free_port()
        stream = await client.connect("127.0.0.1", server.port, source_port=port)
        assert (await server.connection()).getpeername() == ("127.0.0.1", port)
        stream.close()

    async def test_ip_and_port(self, server: Server, client: TCPClient) -> None:
        port = free_port("127.0.0.7")
        stream = await client.connect("127.0.0.1", server.port, source_ip="127.0.0.7", source_port=port)
        assert (await server.connection()).getpeername() == ("127.0.0.7", port)
        stream.close()

    async def test_ip_of_another_machine(self, server: Server, client: TCPClient) -> None:
        before = count_sockets()
        with pytest.raises(OSError, match="Cannot assign requested address"):
            await client.connect("127.0.0.1", server.port, source_ip="192.0.2.1")
        assert count_sockets() == before

    async def test_addresses_of_the_other_family_are_passed_over(self, server: Server) -> None:
        client = TCPClient(Knows(("::1", server.port), ("127.0.0.1", server.port)))
        stream = await client.connect("both", 80, source_ip="127.0.0.1")
        assert stream.socket.family == V4
        stream.close()


class TestSeveralAddresses:
    async def test_next_one_when_one_refuses(self, server: Server) -> None:
        client = TCPClient(Knows(("127.0.0.2", server.port), ("127.0.0.3", 1), ("127.0.0.1", server.port)))
        stream = await client.connect("three", 80)
        assert stream.socket.getpeername()[0] == "127.0.0.1"
        stream.close()

    async def test_error_of_the_last_one(self) -> None:
        client = TCPClient(Knows(("127.0.0.2", free_port()), ("::1", free_port("::1"))))
        with pytest.raises(StreamClosedError) as info:
            await client.connect("two", 80)
        assert isinstance(info.value.real_error, ConnectionRefusedError)

    async def test_other_family_while_the_first_hangs(
        self, server: Server, hole: Callable[[str], tuple[str, int]]
    ) -> None:
        before = count_sockets()
        client = TCPClient(Knows(hole("::1"), ("127.0.0.1", server.port)))
        before = count_sockets()
        started = asyncio.get_running_loop().time()
        stream = await client.connect("two", 80)
        assert 0.25 < asyncio.get_running_loop().time() - started < 30  # a system gives up after minutes
        assert stream.socket.family == V4
        connection = await server.connection()
        await settled()
        assert count_sockets() == before + 2  # the two ends: the attempt that hung is closed
        stream.close()
        assert await received(connection) == b""

    async def test_other_family_at_once_when_the_first_fails(
        self, server: Server, hole: Callable[[str], tuple[str, int]]
    ) -> None:
        client = TCPClient(Knows(("::1", free_port("::1")), ("127.0.0.1", server.port), hole("::1")))
        durations = []
        for _ in range(5):
            started = asyncio.get_running_loop().time()
            stream = await client.connect("three", 80)
            durations.append(asyncio.get_running_loop().time() - started)
            stream.close()
        # Never so soon if it waited; a busy machine may be late, but not each time.
        assert min(durations) < 0.25

    async def test_one_family_is_tried_one_after_the_other(
        self, server: Server, hole: Callable[[str], tuple[str, int]]
    ) -> None:
        client = TCPClient(Knows(hole("127.0.0.1"), ("127.0.0.1", server.port)))
        with pytest.raises(TimeoutError):
            await client.connect("two", 80, timeout=0.5)
        assert server.accepted.empty()


class TestTimeout:
    async def test_resolving(self) -> None:
        resolver = Hangs()
        with pytest.raises(TimeoutError, match=r"^Timeout while resolving slow\.example$"):
            await TCPClient(resolver).connect("slow.example", 80, timeout=0.02)
        assert resolver.was_cancelled

    async def test_connecting(self, hole: Callable[[str], tuple[str, int]]) -> None:
        (ip4, port4), (ip6, port6) = hole("127.0.0.1"), hole("::1")
        before = count_sockets()
        with pytest.raises(TimeoutError) as info:
            await TCPClient(Knows((ip4, port4), (ip6, port6))).connect("two", 80, timeout=0.4)
        assert str(info.value) == f"Timeout while connecting to 127.0.0.1:{port4}, [::1]:{port6}"
        await settled()
        assert count_sockets() == before

    async def test_handshake(self, server: Server, client: TCPClient) -> None:
        with pytest.raises(TimeoutError) as info:  # long enough for a busy machine to connect before
            await client.connect("127.0.0.1", server.port, ssl_options={"cert_reqs": ssl.CERT_NONE}, timeout=2)
        assert str(info.value) == f"Timeout during TLS handshake with 127.0.0.1:{server.port}"
        connection = await server.connection()
        while await received(connection, 10000):
            pass

    async def test_of_the_operating_system_keeps_its_words(self) -> None:
        error = TimeoutError(110, "the resolver's own")
        with pytest.raises(TimeoutError, match="the resolver's own"):
            await TCPClient(Fails(error)).connect("host", 80, timeout=5)

    @pytest.mark.parametrize("timeout", [0, -1, 0.0])
    async def test_none_left(self, server: Server, client: TCPClient, timeout: float) -> None:
        before = count_sockets()
        with pytest.raises(TimeoutError):
            await client.connect("127.0.0.1", server.port, timeout=timeout)
        await settled()
        assert count_sockets() <= before + 1  # the other end may have been accepted

    @pytest.mark.parametrize("timeout", [30, 30.0, datetime.timedelta(seconds=30)])
    async def test_long_enough(self, server: Server, client: TCPClient, timeout: Any) -> None:
        (await client.connect("127.0.0.1", server.port, timeout=timeout)).close()

    @pytest.mark.parametrize("timeout", ["1", b"1", [1]])
    async def test_of_another_type(self, server: Server, client: TCPClient, timeout: Any) -> None:
        with pytest.raises(TypeError, match="timeout"):
            await client.connect("127.0.0.1", server.port, timeout=timeout)
        assert server.accepted.empty()


class TestCancelling:
    @pytest.mark.parametrize("timeout", [None, 3600])
    async def test_while_resolving(self, timeout: float | None) -> None:
        resolver = Hangs()
        task = asyncio.create_task(TCPClient(resolver).connect("host", 80, timeout=timeout))
        await resolver.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert resolver.was_cancelled

    @pytest.mark.parametrize("timeout", [None, 3600])
    async def test_while_connecting(self, hole: Callable[[str], tuple[str, int]], timeout: float | None) -> None:
        client = TCPClient(Knows(hole("127.0.0.1"), hole("::1")))
        before = count_sockets()
        task = asyncio.create_task(client.connect("two", 80, timeout=timeout))
        while count_sockets() < before + 2:  # noqa: ASYNC110 - nothing tells when both families have started
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()
        assert count_sockets() == before

    @pytest.mark.parametrize("timeout", [None, 3600])
    async def test_during_the_handshake(self, server: Server, client: TCPClient, timeout: float | None) -> None:
        options = {"cert_reqs": ssl.CERT_NONE}
        task = asyncio.create_task(client.connect("127.0.0.1", server.port, ssl_options=options, timeout=timeout))
        connection = await server.connection()
        assert await received(connection, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while await received(connection, 10000):
            pass

    async def test_at_every_turn_leaves_nothing(self, server: Server, client: TCPClient) -> None:
        """Also in the turn in which the connection is made and its owner not yet told."""
        before = count_sockets()
        for turns in range(12):
            task = asyncio.create_task(client.connect("127.0.0.1", server.port))
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                (await task).close()
        while not server.accepted.empty():
            connection = server.accepted.get_nowait()
            assert await received(connection) == b""
            connection.close()
        await settled()
        assert count_sockets() <= before


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTLS:
    @pytest_asyncio.fixture
    async def tls_port(self, authority: trustme.CA) -> AsyncIterator[int]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(100))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
        yield server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()

    @pytest.fixture
    def trusting(self, authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    @pytest.mark.parametrize("host", ["localhost", "localhost."])
    @pytest.mark.parametrize("timeout", [None, 30])
    async def test_stream_after_the_handshake(
        self, tls_port: int, trusting: ssl.SSLContext, host: str, timeout: float | None
    ) -> None:
        client = TCPClient(Knows(("127.0.0.1", tls_port)))
        stream = await client.connect(host, tls_port, ssl_options=trusting, timeout=timeout)
        assert isinstance(stream, SSLIOStream)
        assert stream.socket.cipher()
        await stream.write(b"hello")
        assert await stream.read_until_close() == b"hello"

    async def test_certificate_for_another_name(
        self, tls_port: int, trusting: ssl.SSLContext, expect_log: Callable[..., Any]
    ) -> None:
        expect_log("asynchttp.general", "SSL Error on .*certificate verify failed")
        before = count_sockets()
        client = TCPClient(Knows(("127.0.0.1", tls_port)))
        with pytest.raises(ssl.SSLCertVerificationError, match="other"):
            await client.connect("other.example", tls_port, ssl_options=trusting)
        await settled()
        assert count_sockets() <= before + 1

    async def test_dict_verifies_unless_told_otherwise(self, tls_port: int, expect_log: Callable[..., Any]) -> None:
        expect_log("asynchttp.general", "SSL Error on .*certificate verify failed")
        client = TCPClient(Knows(("127.0.0.1", tls_port)))
        with pytest.raises(ssl.SSLCertVerificationError):
            await client.connect("localhost", tls_port, ssl_options={})
        (await client.connect("localhost", tls_port, ssl_options={"cert_reqs": ssl.CERT_NONE})).close()


# ---- the race, move by move -------------------------------------------------------------------------------------


class FakeStream:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Race:
    """A `_Connector` whose attempts are decided by the test."""

    def __init__(self, *addresses: tuple[int, str], failing: str = "") -> None:
        self.streams: dict[str, FakeStream] = {}
        self.attempts: dict[str, asyncio.Future[Any]] = {}
        self.failing = failing
        self.connector = _Connector(list(addresses), self._connect)
        self.future = self.connector.start(timeout=3600)

    def _connect(self, family: int, address: str) -> Any:
        if address in self.failing:
            raise OSError(f"{address} failed on the spot")
        self.streams[address] = FakeStream()
        self.attempts[address] = asyncio.get_running_loop().create_future()
        return self.streams[address], self.attempts[address]

    @property
    def tried(self) -> str:
        return "".join(self.attempts)

    async def succeed(self, address: str) -> None:
        self.attempts[address].set_result(self.streams[address])
        await asyncio.sleep(0)

    async def fail(self, address: str) -> None:
        self.attempts[address].set_exception(OSError(f"{address} failed"))
        await asyncio.sleep(0)

    @property
    def closed(self) -> str:
        return "".join(address for address, stream in self.streams.items() if stream.closed)


A, B, C, D = (4, "a"), (4, "b"), (6, "c"), (6, "d")


class TestRace:
    async def test_lines_are_split_by_the_first_family(self) -> None:
        assert _Connector.split([A, C, B, D]) == ([A, B], [C, D])
        assert _Connector.split([A]) == ([A], [])

    async def test_first_wins(self) -> None:
        race = Race(A, B, C, D)
        assert race.tried == "a"
        await race.succeed("a")
        assert race.future.result() == (4, "a", race.streams["a"])
        assert race.closed == ""

    async def test_first_fails_and_both_lines_go_on(self) -> None:
        race = Race(A, B, C, D)
        await race.fail("a")
        assert race.tried == "abc"
        await race.fail("b")
        await race.succeed("c")
        assert race.future.result() == (6, "c", race.streams["c"])
        assert race.closed == "ab"

    async def test_slow_first_is_joined_by_the_second_line_and_may_win(self) -> None:
        race = Race(A, B, C, D)
        race.connector.on_timeout()
        assert race.tried == "ac"
        await race.succeed("a")
        assert race.future.result()[1] == "a"
        assert race.closed == "c"

    async def test_late_winner_is_closed(self) -> None:
        race = Race(A, C)
        race.connector.on_timeout()
        await race.succeed("c")
        await race.succeed("a")
        assert race.future.result()[1] == "c"
        assert race.closed == "a"

    async def test_two_winners_in_one_turn(self) -> None:
        race = Race(A, C)
        race.connector.on_timeout()
        race.attempts["c"].set_result(race.streams["c"])
        await race.succeed("a")
        assert race.future.result()[1] == "c"
        assert race.closed == "a"

    async def test_late_loser_starts_nothing(self) -> None:
        race = Race(A, B, C)
        race.connector.on_timeout()
        await race.succeed("c")
        await race.fail("a")
        assert race.tried == "ac"

    async def test_all_fail_and_the_last_error_is_told(self) -> None:
        race = Race(A, C)
        await race.fail("a")
        await race.fail("c")
        with pytest.raises(OSError, match=r"^c failed$"):
            race.future.result()

    async def test_failure_on_the_spot_counts_like_any_other(self) -> None:
        race = Race(A, B, C, D, failing="ac")
        assert race.tried == "bd" or race.tried == "db"
        await race.succeed("b")
        assert race.future.result()[1] == "b"

    async def test_all_fail_on_the_spot(self) -> None:
        race = Race(A, B, C, D, failing="abcd")
        with pytest.raises(OSError, match="failed on the spot"):
            race.future.result()

    async def test_rest_fails_on_the_spot(self) -> None:
        race = Race(A, B, C, D, failing="bcd")
        await race.fail("a")
        with pytest.raises(OSError, match="failed on the spot"):
            race.future.result()

    async def test_thousand_failures_on_the_spot(self) -> None:
        race = Race(*[A] * 1000, *[C] * 1000, failing="ac")
        with pytest.raises(OSError, match="failed on the spot"):
            race.future.result()

    async def test_cancelled_attempt_is_a_failed_one(self) -> None:
        race = Race(A, B)
        race.attempts["a"].cancel()
        await asyncio.sleep(0)
        assert race.tried == "ab"
        race.attempts["b"].cancel()
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="connection failed"):
            race.future.result()
        assert race.closed == "ab"

    async def test_deadline_closes_all_and_names_those_under_way(self) -> None:
        race = Race(A, B, C, D)
        await race.fail("a")
        race.connector.on_connect_timeout()
        with pytest.raises(TimeoutError, match=r"^Timeout while connecting to b, c$"):
            race.future.result()
        assert race.closed == "abc"
        race.connector.on_timeout()
        await race.fail("b")
        assert race.tried == "abc"

    async def test_deadline_after_the_win_is_harmless(self) -> None:
        race = Race(A)
        await race.succeed("a")
        race.connector.on_connect_timeout()
        assert race.future.result()[1] == "a"
        assert race.closed == ""

    async def test_cancelling_closes_all(self) -> None:
        race = Race(A, C)
        race.connector.on_timeout()
        race.future.cancel()
        await asyncio.sleep(0)
        assert race.closed == "ac"

    async def test_winner_that_nobody_takes_is_closed(self) -> None:
        race = Race(A, C)
        await race.succeed("a")
        race.connector.abandon()
        assert race.closed == "a"


@pytest.mark.parametrize(
    ("address", "text"),
    [(("1.2.3.4", 443), "1.2.3.4:443"), (("::1", 443, 0, 0), "[::1]:443"), ("/run/socket", "/run/socket")],
)
async def test_format_addr(address: Any, text: str) -> None:
    assert _format_addr(address) == text
