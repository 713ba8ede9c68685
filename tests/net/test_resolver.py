"""Names to addresses."""

import asyncio
import concurrent.futures
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp import netutil
from tests.support.logs import Expectation
from tests.support.processes import run_python

LOOPBACK = (socket.AF_INET, ("127.0.0.1", 80))


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "4.4.4.4", "0.0.0.0", "::", "::1", "2620:0:1cfe:face:b00c::3", "::ffff:1.2.3.4"]
)
def test_ip_addresses(ip: str) -> None:
    assert netutil.is_valid_ip(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *["", " ", "\n", "\x00", "127.0.0.1\x00", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "4.4.4.4<"],
        *["localhost", "www.google.com", "a" * 100, "1" * 100000, "\udc80", "127.0.0.1:80", "[::1]"],
        *["1", "127.1", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "127.0.0.01", "256.0.0.1", "1.2.3.4.5"],
        *[":", ":::", "1::2::3", "g::", "::1/128", "::1%", "::1%no-such-interface", "%lo", "127.0.0.1%lo"],
    ],
)
def test_what_is_no_ip_address(ip: str) -> None:
    assert not netutil.is_valid_ip(ip)


def test_zone_of_this_machine_belongs_to_an_address() -> None:
    interface = socket.if_nameindex()[0][1]
    assert netutil.is_valid_ip(f"fe80::1%{interface}")


class Unresolvable(netutil.Resolver):
    """As somebody writes it for Tornado 6."""

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Any:  # type: ignore[override]
        raise socket.gaierror(socket.EAI_NONAME, f"asked for {host}:{port}")


RESOLVERS: list[Callable[[], netutil.Resolver]] = [
    netutil.DefaultLoopResolver,
    netutil.DefaultExecutorResolver,
    netutil.BlockingResolver,
    netutil.ThreadedResolver,
    netutil.ExecutorResolver,
    lambda: netutil.ExecutorResolver(concurrent.futures.ThreadPoolExecutor(1)),
    lambda: netutil.OverrideResolver(netutil.BlockingResolver(), {}),
]


@pytest.fixture(autouse=True)
def no_shared_threads() -> Iterator[None]:
    yield
    if netutil.ThreadedResolver._threadpool is not None:
        netutil.ThreadedResolver._threadpool.shutdown()
        netutil.ThreadedResolver._threadpool = None


@pytest.fixture(params=RESOLVERS, ids=lambda make: getattr(make, "__name__", ""))
def resolver(request: pytest.FixtureRequest) -> Iterator[netutil.Resolver]:
    resolver: netutil.Resolver = request.param()
    yield resolver
    resolver.close()


@pytest.mark.asyncio
class TestEveryResolver:
    async def test_finds_localhost(self, resolver: netutil.Resolver) -> None:
        found = await resolver.resolve("localhost", 80)
        assert LOOPBACK in found
        assert len(found) == len(set(found))  # one each, not one for each type of socket

    async def test_takes_addresses(self, resolver: netutil.Resolver) -> None:
        assert await resolver.resolve("127.0.0.1", 80) == [LOOPBACK]
        assert await resolver.resolve("::1", 80) == [(socket.AF_INET6, ("::1", 80, 0, 0))]

    async def test_family_restricts(self, resolver: netutil.Resolver) -> None:
        assert await resolver.resolve("localhost", 80, socket.AF_INET) == [LOOPBACK]
        with pytest.raises(OSError):
            await resolver.resolve("127.0.0.1", 80, socket.AF_INET6)

    @pytest.mark.parametrize("host", ["an invalid domain", "a..b", "x" * 64 + ".invalid", "nul\0.invalid"])
    async def test_what_is_no_host_is_an_os_error(self, resolver: netutil.Resolver, host: str) -> None:
        with pytest.raises(OSError):
            await resolver.resolve(host, 80)

    async def test_callback_gets_the_result_later(self, resolver: netutil.Resolver) -> None:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        assert resolver.resolve("127.0.0.1", 80, socket.AF_UNSPEC, result.set_result) is None
        assert not result.done()
        assert await result == [LOOPBACK]

    async def test_callback_is_not_called_on_failure_which_is_logged(
        self, resolver: netutil.Resolver, expect_log: Callable[..., Expectation]
    ) -> None:
        announced = expect_log("asynchttp.application", "^Exception in callback.*gaierror")
        resolver.resolve("a..b", 80, callback=lambda found: pytest.fail(str(found)))
        await announced.wait()


class TestChoice:
    def test_default(self) -> None:
        assert type(netutil.Resolver()) is netutil.DefaultLoopResolver

    def test_configure(self) -> None:
        saved = netutil.Resolver._save_configuration()
        try:
            netutil.Resolver.configure("asynchttp.netutil.ThreadedResolver", num_threads=3)
            resolver = netutil.Resolver()
            assert isinstance(resolver, netutil.ThreadedResolver)
            assert resolver.num_threads == 3
        finally:
            netutil.Resolver._restore_configuration(saved)

    @pytest.mark.parametrize(
        "make", [netutil.Resolver, netutil.BlockingResolver, netutil.ThreadedResolver, netutil.ExecutorResolver]
    )
    def test_io_loop_of_tornado_4_is_accepted(self, make: Callable[..., netutil.Resolver]) -> None:
        make(io_loop=None).close()

    def test_positions_of_tornado_4(self) -> None:
        executor = concurrent.futures.ThreadPoolExecutor(1)
        assert netutil.ThreadedResolver(None, 7).num_threads == 7
        assert netutil.ThreadedResolver(7).num_threads == 7
        resolver = netutil.ExecutorResolver(None, executor, False)
        assert resolver.executor is executor
        assert resolver.close_executor is False

    def test_base_resolves_nothing(self) -> None:
        class Incomplete(netutil.Resolver):
            pass

        with pytest.raises(NotImplementedError):
            Incomplete().resolve("localhost", 80)


class CountingExecutor(concurrent.futures.Executor):
    def __init__(self) -> None:
        self.calls = 0
        self.is_shut_down = False

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result(function(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut_down = True


@pytest.mark.asyncio
class TestExecutors:
    async def test_executor_does_the_work(self) -> None:
        executor = CountingExecutor()
        assert await netutil.ExecutorResolver(executor).resolve("127.0.0.1", 80) == [LOOPBACK]
        assert executor.calls == 1

    @pytest.mark.parametrize("close", [True, False])
    async def test_close_shuts_down_what_it_owns(self, close: bool) -> None:
        executor = CountingExecutor()
        netutil.ExecutorResolver(executor, close_executor=close).close()
        assert executor.is_shut_down is close

    async def test_threaded_resolvers_share_threads_and_survive_close(self) -> None:
        first, second = netutil.ThreadedResolver(), netutil.ThreadedResolver(num_threads=3)
        await first.resolve("localhost", 80)
        pool = netutil.ThreadedResolver._threadpool
        first.close()
        await second.resolve("localhost", 80)
        assert pool is not None
        assert netutil.ThreadedResolver._threadpool is pool

    async def test_addresses_cost_no_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", None, raising=False)
        assert await netutil.DefaultLoopResolver().resolve("127.0.0.1", 80) == [LOOPBACK]
        assert not any(thread.name.startswith("asyncio_") for thread in threading.enumerate())


@pytest.mark.asyncio
class TestOverrides:
    MAPPING = {
        "plain.example": "127.0.0.1",
        ("port.example", 443): ("127.0.0.1", 1443),
        ("port.example", 443, socket.AF_INET6): ("::1", 2443),
        "port.example": "127.0.0.9",
    }

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            (("plain.example", 80), ("127.0.0.1", 80)),
            (("port.example", 443), ("127.0.0.1", 1443)),
            (("port.example", 443, socket.AF_INET), ("127.0.0.1", 1443)),
            (("port.example", 443, socket.AF_INET6), ("::1", 2443, 0, 0)),
            (("port.example", 80), ("127.0.0.9", 80)),
        ],
    )
    async def test_most_specific_key_wins(self, asked: Any, found: Any) -> None:
        resolver = netutil.OverrideResolver(netutil.BlockingResolver(), self.MAPPING)
        assert [address for _, address in await resolver.resolve(*asked)] == [found]

    async def test_the_rest_is_asked_of_the_other_resolver(self) -> None:
        resolver = netutil.OverrideResolver(Unresolvable(), self.MAPPING)
        with pytest.raises(OSError, match=r"asked for other\.example:80"):
            await resolver.resolve("other.example", 80)

    async def test_close_closes_the_other_resolver(self) -> None:
        executor = CountingExecutor()
        netutil.OverrideResolver(netutil.ExecutorResolver(executor), {}).close()
        assert executor.is_shut_down


def test_threads_are_made_anew_after_a_fork() -> None:
    code = (
        "import os, sys, warnings\n"
        "from asynchttp.ioloop import IOLoop\n"
        "from asynchttp.netutil import ThreadedResolver\n"
        "resolver = ThreadedResolver()\n"
        "look = lambda: IOLoop.current().run_sync(lambda: resolver.resolve('localhost', 80), timeout=10)\n"
        "look()\n"
        "warnings.simplefilter('ignore')\n"  # about the fork below, with threads, which is the point here
        "if (pid := os.fork()) == 0:\n"
        "    look()\n"
        "    os._exit(23)\n"
        "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    exit_code, _, err = run_python("-c", code)
    assert exit_code == 23, err


def test_lookup_in_a_thread_while_a_module_is_imported(tmp_path: Any) -> None:
    """A codec that is first imported in the thread would wait for the import that waits for the thread."""
    (tmp_path / "looks_up.py").write_text(
        "from asynchttp.ioloop import IOLoop\n"
        "from asynchttp.netutil import ThreadedResolver\n"
        "IOLoop.current().run_sync(lambda: ThreadedResolver().resolve('localhost', 80), timeout=10)\n"
    )
    exit_code, _, err = run_python("-c", f"import sys; sys.path.append({os.fspath(tmp_path)!r}); import looks_up")
    assert exit_code == 0, err


def test_callback_style_before_the_loop_runs() -> None:
    code = (
        "from asynchttp.ioloop import IOLoop\n"
        "from asynchttp.netutil import Resolver\n"
        "def found(addresses):\n"
        "    print(addresses[0][1])\n"
        "    IOLoop.instance().stop()\n"
        "Resolver(io_loop=IOLoop.instance()).resolve('127.0.0.1', 80, callback=found)\n"
        "IOLoop.instance().start()\n"
    )
    exit_code, out, err = run_python("-c", code)
    assert exit_code == 0, err
    assert out == "('127.0.0.1', 80)\n"
