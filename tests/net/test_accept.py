"""Accepting connections: order, end, errors, and life without descriptors."""

import asyncio
import errno
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp import netutil
from asynchttp.ioloop import IOLoop
from tests.support.logs import Expectation
from tests.support.processes import start_python

pytestmark = pytest.mark.asyncio

Expect = Callable[..., Expectation]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    [sock] = netutil.bind_sockets(0, "127.0.0.1", backlog=256)
    with sock:
        yield sock


class Clients:
    """Connections from outside, closed at the end."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = listener.getsockname()
        self.sockets: list[socket.socket] = []

    def connect(self, count: int = 1) -> None:
        for _ in range(count):
            self.sockets.append(socket.create_connection(self.address))


@pytest.fixture
def clients(listener: socket.socket) -> Iterator[Clients]:
    clients = Clients(listener)
    yield clients
    for sock in clients.sockets:
        sock.close()


class Accepted:
    """A callback that keeps connections and can be waited for."""

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []
        self.addresses: list[Any] = []
        self._news = asyncio.Event()

    def __call__(self, connection: socket.socket, address: Any) -> None:
        self.connections.append(connection)
        self.addresses.append(address)
        self._news.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.connections) < count:
                self._news.clear()
                await self._news.wait()

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


@pytest.fixture
def accepted() -> Iterator[Accepted]:
    accepted = Accepted()
    yield accepted
    accepted.close()


async def turns(count: int = 5) -> None:
    """Let the loop poll its descriptors some times."""
    for _ in range(count):
        await asyncio.sleep(0)


class Scripted(socket.socket):
    """A listener whose next ``accept`` calls fail with the errors in ``script``; the real one follows."""

    script: list[int]
    calls = 0

    @classmethod
    def of(cls, sock: socket.socket, *script: int) -> "Scripted":
        self = cls(fileno=socket.dup(sock.fileno()))
        self.setblocking(False)
        self.script = list(script)
        return self

    def accept(self) -> tuple[socket.socket, Any]:
        self.calls += 1
        if self.script:
            raise OSError(self.script.pop(0), "scripted")
        return super().accept()


async def test_connections_come_with_their_address(
    listener: socket.socket, clients: Clients, accepted: Accepted
) -> None:
    remove = netutil.add_accept_handler(listener, accepted)
    clients.connect(3)
    await accepted.wait_for(3)
    assert accepted.addresses == [client.getsockname() for client in clients.sockets]
    for connection in accepted.connections:
        assert not connection.getblocking()
        assert not connection.get_inheritable()
    remove()


async def test_loop_as_third_argument_as_in_tornado_4(
    listener: socket.socket, clients: Clients, accepted: Accepted
) -> None:
    remove = netutil.add_accept_handler(listener, accepted, IOLoop.current())
    clients.connect()
    await accepted.wait_for(1)
    remove()


async def test_blocking_listener_does_not_block_the_loop(clients: Clients, accepted: Accepted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert listener.getblocking()
        clients.address = listener.getsockname()
        remove = netutil.add_accept_handler(listener, accepted)
        clients.connect()
        await accepted.wait_for(1)
        await turns()
        remove()


async def test_burst_is_accepted_in_bites(listener: socket.socket, clients: Clients, accepted: Accepted) -> None:
    clients.connect(100)
    remove = netutil.add_accept_handler(listener, accepted)
    seen_by_others = {0}
    while len(accepted.connections) < 100:
        await asyncio.sleep(0)
        seen_by_others.add(len(accepted.connections))
    ordered = sorted(seen_by_others)
    assert max(b - a for a, b in itertools.pairwise(ordered)) <= netutil._ACCEPTS_PER_TURN
    remove()


async def test_remover_inside_the_callback_ends_it_at_once(listener: socket.socket, clients: Clients) -> None:
    connections = []
    done = asyncio.Event()

    def callback(connection: socket.socket, address: Any) -> None:
        connections.append(connection)
        if len(connections) == 2:
            remove()
            done.set()

    clients.connect(4)
    remove = netutil.add_accept_handler(listener, callback)
    await done.wait()
    await turns()
    assert len(connections) == 2
    for connection in connections:
        connection.close()
    listener.accept()[0].close()  # the third is still in the queue


@pytest.mark.parametrize("by_number", [False, True])
async def test_remove_handler_inside_the_callback_ends_it_at_once(
    listener: socket.socket, clients: Clients, by_number: bool
) -> None:
    connections = []
    done = asyncio.Event()

    def callback(connection: socket.socket, address: Any) -> None:
        connections.append(connection)
        IOLoop.current().remove_handler(listener.fileno() if by_number else listener)
        done.set()

    clients.connect(3)
    netutil.add_accept_handler(listener, callback)
    await done.wait()
    await turns()
    assert len(connections) == 1
    connections[0].close()


@pytest.mark.parametrize("remover_too", [True, False])
async def test_closing_the_listener_inside_the_callback_ends_it(
    listener: socket.socket, clients: Clients, remover_too: bool
) -> None:
    connections = []
    done = asyncio.Event()

    def callback(connection: socket.socket, address: Any) -> None:
        connections.append(connection)
        if remover_too:
            remove()
        listener.close()
        done.set()

    clients.connect(3)
    remove = netutil.add_accept_handler(listener, callback)
    await done.wait()
    await turns()
    assert len(connections) == 1
    connections[0].close()


async def test_remover_may_be_called_again_and_then_harms_nobody(
    listener: socket.socket, clients: Clients, accepted: Accepted
) -> None:
    remove = netutil.add_accept_handler(listener, accepted)
    remove()
    remove_successor = netutil.add_accept_handler(listener, accepted)
    remove()
    clients.connect()
    await accepted.wait_for(1)
    remove_successor()


async def test_remover_of_a_closed_listener_spares_who_has_its_number_now(accepted: Accepted) -> None:
    [first] = netutil.bind_sockets(0, "127.0.0.1")
    remove = netutil.add_accept_handler(first, accepted)
    IOLoop.current().remove_handler(first)
    number = first.fileno()
    first.close()
    [second] = netutil.bind_sockets(0, "127.0.0.1")
    assert second.fileno() == number
    remove_second = netutil.add_accept_handler(second, accepted)
    remove()
    with second, socket.create_connection(second.getsockname()):
        await accepted.wait_for(1)
        remove_second()


async def test_listener_starts_and_stops_many_times(
    listener: socket.socket, clients: Clients, accepted: Accepted
) -> None:
    for round_number in range(1, 4):
        remove = netutil.add_accept_handler(listener, accepted)
        clients.connect()
        await accepted.wait_for(round_number)
        remove()
        clients.connect()
        await turns()
        assert len(accepted.connections) == round_number
        listener.accept()[0].close()


async def test_error_in_the_callback_is_logged_and_the_next_connection_served(
    listener: socket.socket, clients: Clients, accepted: Accepted, expect_log: Expect
) -> None:
    def callback(connection: socket.socket, address: Any) -> None:
        accepted(connection, address)
        if len(accepted.connections) == 1:
            raise ZeroDivisionError("mine")

    announced = expect_log("asynchttp.application", "^Exception in callback .*callback.*mine", count=1)
    clients.connect(2)
    remove = netutil.add_accept_handler(listener, callback)
    await accepted.wait_for(2)
    assert announced.records[0].exc_info
    remove()


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN])
async def test_connection_that_died_in_the_queue_is_passed_over_in_silence(
    listener: socket.socket, clients: Clients, accepted: Accepted, number: int
) -> None:
    with Scripted.of(listener, number, number) as scripted:
        remove = netutil.add_accept_handler(scripted, accepted)
        clients.connect()
        await accepted.wait_for(1)
        remove()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a length for tests, and the right to warn once."""
    monkeypatch.setattr(netutil, "_PAUSE_FIRST", 0.01)
    monkeypatch.setattr(netutil, "_PAUSE_LONGEST", 0.04)
    monkeypatch.setattr(netutil._Acceptor, "_last_warning", float("-inf"))
    monkeypatch.setattr(netutil, "_WARNING_INTERVAL", 3600)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM])
async def test_want_of_resources_pauses_and_passes(
    listener: socket.socket, clients: Clients, accepted: Accepted, expect_log: Expect, number: int
) -> None:
    announced = expect_log("asynchttp.general", "Cannot accept connections on .*127.0.0.1.* scripted", count=1)
    with Scripted.of(listener, number, number, number) as scripted:
        loop = asyncio.get_running_loop()
        started = loop.time()
        remove = netutil.add_accept_handler(scripted, accepted)
        clients.connect()
        await accepted.wait_for(1)
        assert loop.time() - started >= 0.01 + 0.02 + 0.04 - 3 * 0.005  # clocks of loops are coarse
        assert scripted.calls <= 5  # three failures, one connection, one look at the empty queue
        assert announced.records[0].levelname == "WARNING"
        remove()


@pytest.mark.usefixtures("quick")
async def test_success_resets_the_pause(
    listener: socket.socket, clients: Clients, accepted: Accepted, expect_log: Expect
) -> None:
    expect_log("asynchttp.general", "Cannot accept")
    with Scripted.of(listener, errno.EMFILE, errno.EMFILE) as scripted:
        acceptor = netutil._Acceptor(scripted, accepted, IOLoop.current())
        clients.connect()
        await accepted.wait_for(1)
        assert acceptor._pause == 0
        acceptor.remove()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", ["remover", "socket", "number", "closed"])
async def test_removed_while_it_pauses_never_comes_back(
    listener: socket.socket, clients: Clients, accepted: Accepted, expect_log: Expect, way: str
) -> None:
    announced = expect_log("asynchttp.general", "Cannot accept")
    # More errors than a busy machine has time for: it shall still pause when it is removed.
    with Scripted.of(listener, *[errno.EMFILE] * 500) as scripted:
        remove = netutil.add_accept_handler(scripted, accepted)
        clients.connect()
        await announced.wait()
        if way == "remover":
            remove()
        elif way == "socket":
            IOLoop.current().remove_handler(scripted)
        elif way == "number":
            IOLoop.current().remove_handler(scripted.fileno())
        else:
            remove()
            scripted.close()
        calls = scripted.calls
        resumed = asyncio.Event()
        IOLoop.current().call_later(0.03, resumed.set)  # when polling would have come back
        await resumed.wait()
        assert scripted.calls == calls
        assert not accepted.connections


@pytest.mark.usefixtures("quick")
async def test_other_listeners_work_while_one_pauses(
    listener: socket.socket, clients: Clients, accepted: Accepted, expect_log: Expect
) -> None:
    announced = expect_log("asynchttp.general", "Cannot accept")
    [other] = netutil.bind_sockets(0, "127.0.0.1")
    # More errors than a busy machine has time for: what it accepted afterwards nobody would close.
    with other, Scripted.of(listener, *[errno.EMFILE] * 500) as scripted:
        remove_paused = netutil.add_accept_handler(scripted, lambda *args: None)
        clients.connect()
        await announced.wait()
        remove = netutil.add_accept_handler(other, accepted)
        clients.address = other.getsockname()
        clients.connect()
        await accepted.wait_for(1)
        remove()
        remove_paused()


# The real thing: a process without descriptors, told by its clients when to give some back.
_OUT_OF_DESCRIPTORS = """
import json, logging, os, resource, signal, sys, time
from asynchttp import netutil
from asynchttp.ioloop import IOLoop

records = []
class Keep(logging.Handler):
    def emit(self, record):
        records.append((record.name, record.levelname, record.getMessage()))
logging.getLogger("asynchttp").addHandler(Keep())
logging.getLogger("asyncio").addHandler(Keep())

[listener] = netutil.bind_sockets(0, "127.0.0.1")
port = listener.getsockname()[1]
held = []

def on_connection(connection, address):
    held.append(connection)
    if len(held) <= 3:  # the clients that were there before the crisis
        io_loop.add_handler(connection, on_word, io_loop.READ)
    else:
        connection.send(b"served")

def on_word(connection, events):
    word = connection.recv(100)
    if word == b"exhaust":
        while True:
            try:
                hoard.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        usage["cpu"], usage["time"] = time.process_time(), time.monotonic()
        connection.send(b"exhausted")
    elif word == b"ping":
        connection.send(b"pong")
    elif word == b"release":
        cpu, passed = time.process_time() - usage["cpu"], time.monotonic() - usage["time"]
        while hoard:
            os.close(hoard.pop())
        connection.send(json.dumps({"cpu": cpu, "time": passed, "records": records}).encode())
    else:
        io_loop.stop()

hoard, usage = [], {}
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
io_loop = IOLoop.current()
netutil.add_accept_handler(listener, on_connection)
print("listening on tcp://127.0.0.1:%d" % port, flush=True)
io_loop.start()
"""


@pytest.mark.asyncio(loop_factories=["asyncio"])  # of this process: the other one has loop_name's
async def test_process_without_descriptors_stays_calm_and_comes_back(loop_name: str) -> None:
    """Measured over 2.5 s with ten clients in the queue: CPU time, log records; then service returns."""
    with start_python("-c", _OUT_OF_DESCRIPTORS, env={"ASYNCHTTP_LOOP": loop_name}) as process:
        port = process.wait_for_port()
        early = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]

        async def say(word: bytes, client: int = 0) -> bytes:
            reader, writer = early[client]
            writer.write(word)
            async with asyncio.timeout(10):
                return await reader.read(60000)

        assert await say(b"exhaust") == b"exhausted"
        late = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for _ in range(25):
            await asyncio.sleep(0.1)  # the crisis lasts; nothing tells when it has lasted
            assert await say(b"ping", 1) == b"pong"
        report = json.loads(await say(b"release"))
        async with asyncio.timeout(5):
            assert [await reader.read(60) for reader, _ in late] == [b"served"] * 10
        early[2][1].write(b"stop")
        for _, writer in early + late:
            writer.close()
        assert process.wait() == 0, process.stderr

    assert report["time"] >= 2.5
    assert report["cpu"] < 0.05 * report["time"]
    # Once a second: at 0, 1 and 2 s, give or take the doubling of the pauses.
    assert 2 <= len(report["records"]) <= report["time"] + 1.5
    for name, level, message in report["records"]:
        assert (name, level) == ("asynchttp.general", "WARNING")
        assert f"('127.0.0.1', {port})" in message
        assert "Too many open files" in message
