"""The IOLoop on both asyncio loops: which one is meant, running it, callbacks, timers, descriptors, signals, forks."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import functools
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp import _loops, ioloop
from asynchttp.gen import BadYieldError
from asynchttp.gen import coroutine as gen_coroutine
from asynchttp.gen import sleep as gen_sleep
from asynchttp.ioloop import IOLoop, PeriodicCallback, PollIOLoop, TimeoutError, new_asyncio_loop
from tests.support.processes import run_python
from tests.support.turns import turn

NewLoop = Callable[..., IOLoop]


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what ``function`` returns in another thread."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(10)


@contextlib.contextmanager
def handling(number: int, handler: Any) -> Iterator[None]:
    previous = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, previous)


def signal_when_waiting(io_loop: IOLoop, number: int) -> None:
    """Send a signal from another thread once the loop runs and has nothing left to do."""

    def send() -> None:
        waiting.wait(10)
        os.kill(os.getpid(), number)

    waiting = threading.Event()
    thread = threading.Thread(target=send)
    # Two turns: in the second the loop has come to wait.
    io_loop.add_callback(lambda: (thread.start(), io_loop.add_callback(waiting.set)))


# ---- new_asyncio_loop


@pytest.mark.parametrize(("value", "package"), [("asyncio", "asynchttp"), ("uvloop", "uvloop"), ("", "uvloop")])
def test_variable_chooses_the_loop(value: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uvloop")
    monkeypatch.setenv("ASYNCHTTP_LOOP", value)
    loop = new_asyncio_loop()
    loop.close()
    assert type(loop).__module__.partition(".")[0] == package
    assert isinstance(loop, asyncio.SelectorEventLoop) == (value == "asyncio")


def test_variable_with_unknown_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCHTTP_LOOP", "trio")
    with pytest.raises(ValueError, match="ASYNCHTTP_LOOP='trio'"):
        new_asyncio_loop()


def test_uvloop_asked_for_and_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loops, "uvloop", None)
    monkeypatch.setenv("ASYNCHTTP_LOOP", "uvloop")
    with pytest.raises(ValueError, match="ASYNCHTTP_LOOP='uvloop': uvloop is not installed"):
        new_asyncio_loop()


def test_asyncio_where_uvloop_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loops, "uvloop", None)
    monkeypatch.delenv("ASYNCHTTP_LOOP", raising=False)
    loop = new_asyncio_loop()
    loop.close()
    assert isinstance(loop, asyncio.SelectorEventLoop)


# ---- which loop: current


def test_current_makes_one_loop_in_the_main_thread(new_loop: NewLoop) -> None:
    assert IOLoop.current(instance=False) is None
    loop = IOLoop.current()
    assert IOLoop.current() is loop
    assert IOLoop.current(instance=False) is loop
    loop.close()


def test_current_adopts_the_running_loop(new_loop: NewLoop) -> None:
    async def main() -> tuple[IOLoop, IOLoop]:
        return IOLoop.current(), IOLoop.current()

    with asyncio.Runner(loop_factory=new_asyncio_loop) as runner:
        first, second = runner.run(main())
        assert first is second
        assert first.asyncio_loop is runner.get_loop()


def test_current_while_another_loop_is_the_threads(io_loop: IOLoop, new_loop: NewLoop) -> None:
    other = new_loop(make_current=False)
    seen = []
    other.add_callback(lambda: (seen.append(IOLoop.current()), other.stop()))
    other.start()
    assert seen == [other]
    assert IOLoop.current() is io_loop


def test_current_honours_asyncios_slot(new_loop: NewLoop) -> None:
    loop = new_loop(make_current=False)
    asyncio.set_event_loop(loop.asyncio_loop)
    assert IOLoop.current() is loop


def test_current_passes_by_a_closed_loop(new_loop: NewLoop) -> None:
    closed = new_loop(make_current=True)
    closed.asyncio_loop.close()  # behind our back
    loop = IOLoop.current()
    assert loop is not closed
    loop.close()


def test_current_in_another_thread_is_the_loop_of_the_process(io_loop: IOLoop) -> None:
    assert in_thread(IOLoop.current) is io_loop
    assert in_thread(lambda: IOLoop.current(instance=False)) is None


def test_current_in_another_thread_without_loop_of_the_process(new_loop: NewLoop) -> None:
    def make_and_close() -> tuple[bool, bool]:
        loop = IOLoop.current()
        same = IOLoop.current() is loop
        loop.close()
        return same, IOLoop.initialized()

    assert in_thread(make_and_close) == (True, False)


def test_make_current_is_per_thread(io_loop: IOLoop, new_loop: NewLoop) -> None:
    other = new_loop(make_current=False)

    def use() -> IOLoop:
        other.make_current()
        try:
            return IOLoop.current()
        finally:
            IOLoop.clear_current()

    assert in_thread(use) is other
    assert IOLoop.current() is io_loop


def test_clear_current_without_one(new_loop: NewLoop) -> None:
    IOLoop.clear_current()
    in_thread(IOLoop.clear_current)
    assert IOLoop.current(instance=False) is None


# ---- which loop: instance


def test_instance_is_the_same_in_every_thread(new_loop: NewLoop) -> None:
    loop = IOLoop.instance()
    assert in_thread(IOLoop.instance) is loop
    assert IOLoop.current() is loop
    loop.close()


def test_instance_is_the_first_loop_of_the_main_thread(new_loop: NewLoop) -> None:
    first = new_loop()
    new_loop()
    assert IOLoop.instance() is first


def test_instance_is_not_a_loop_that_stays_aside(new_loop: NewLoop) -> None:
    new_loop(make_current=False)
    assert not IOLoop.initialized()


def test_starting_a_loop_makes_it_the_instance(new_loop: NewLoop) -> None:
    loop = new_loop(make_current=False)
    loop.add_callback(loop.stop)
    loop.start()
    assert IOLoop.instance() is loop


def test_instance_is_forgotten_when_it_is_closed(new_loop: NewLoop) -> None:
    first = IOLoop.instance()
    first.close()
    assert not IOLoop.initialized()
    second = IOLoop.instance()
    assert second is not first
    second.close()


def test_instance_first_asked_for_in_another_thread(new_loop: NewLoop) -> None:
    loop = in_thread(IOLoop.instance)
    assert IOLoop.instance() is loop
    loop.close()


def test_instance_in_a_thread_with_a_loop_of_its_own(new_loop: NewLoop) -> None:
    """As a program of Tornado 5 and 6 does it, in several threads."""
    own = new_loop(make_current=False)

    def use() -> IOLoop:
        asyncio.set_event_loop(own.asyncio_loop)
        try:
            return IOLoop.instance()
        finally:
            asyncio.set_event_loop(None)

    assert in_thread(use) is own
    assert not IOLoop.initialized()


def test_install(io_loop: IOLoop, new_loop: NewLoop) -> None:
    other = new_loop(make_current=False)
    other.install()
    assert IOLoop.instance() is other
    assert IOLoop.current() is other


def test_clear_instance(io_loop: IOLoop) -> None:
    IOLoop.clear_instance()
    assert not IOLoop.initialized()
    other = IOLoop.instance()
    assert other is not io_loop
    other.close()


# ---- making loops


def test_a_new_loop_is_current_only_where_there_is_none(new_loop: NewLoop) -> None:
    first = new_loop()
    assert IOLoop.current() is first
    new_loop()
    assert IOLoop.current() is first
    third = new_loop(make_current=True)
    assert IOLoop.current() is third


def test_an_asyncio_loop_has_one_ioloop(new_loop: NewLoop) -> None:
    loop = new_loop()
    with pytest.raises(RuntimeError, match="has an IOLoop already"):
        IOLoop(asyncio_loop=loop.asyncio_loop)


def test_poll_objects_of_tornado_2_are_refused() -> None:
    with pytest.raises(TypeError):
        IOLoop(object())
    with pytest.raises(TypeError):
        IOLoop(impl=object())


def test_loops_are_hashable_and_weakly_referable(io_loop: IOLoop) -> None:
    table: weakref.WeakKeyDictionary[IOLoop, int] = weakref.WeakKeyDictionary({io_loop: 1})
    assert table[io_loop] == 1


def test_a_closed_loop_is_freed_at_once(new_loop: NewLoop) -> None:
    loop = IOLoop(make_current=False)
    loop.run_sync(lambda: asyncio.sleep(0))
    reference = weakref.ref(loop)
    gc.disable()
    try:
        loop.close()
        del loop
        assert reference() is None
    finally:
        gc.enable()


def test_poll_ioloop_is_a_name_for_ioloop() -> None:
    assert PollIOLoop is IOLoop


@pytest.fixture
def same_configuration() -> Iterator[None]:
    saved = IOLoop._save_configuration()
    yield
    IOLoop._restore_configuration(saved)


class LoudLoop(IOLoop):
    """A subclass as programs write it."""

    def initialize(self, volume: int = 1, **kwargs: Any) -> None:  # type: ignore[override]  # adds a parameter
        super().initialize(**kwargs)
        self.volume = volume
        self.heard: list[object] = []

    def handle_callback_exception(self, callback: Callable[..., Any]) -> None:
        self.heard.append(sys.exc_info()[1])


def test_configure_a_subclass(new_loop: NewLoop, same_configuration: None) -> None:
    IOLoop.configure(LoudLoop, volume=11)
    loop = IOLoop.current()
    assert isinstance(loop, LoudLoop)
    assert loop.volume == 11
    loop.close()


def test_configure_is_used_for_adopted_loops(new_loop: NewLoop, same_configuration: None) -> None:
    IOLoop.configure(LoudLoop)

    async def main() -> type:
        return type(IOLoop.current())

    with asyncio.Runner(loop_factory=new_asyncio_loop) as runner:
        assert runner.run(main()) is LoudLoop


@pytest.mark.parametrize(
    "name",
    [
        "tornado.platform.asyncio.AsyncIOLoop",
        "tornado.platform.asyncio.AsyncIOMainLoop",
        "asynchttp.platform.epoll.EPollIOLoop",
        "asynchttp.ioloop.IOLoop",
    ],
)
def test_configure_takes_tornados_names(new_loop: NewLoop, same_configuration: None, name: str) -> None:
    IOLoop.configure(name)
    loop = IOLoop.current()
    assert type(loop) is IOLoop
    loop.close()


@pytest.mark.parametrize("impl", [dict, "collections.OrderedDict"])
def test_configure_refuses_loops_without_asyncio(same_configuration: None, impl: Any) -> None:
    with pytest.raises(RuntimeError, match="based on asyncio"):
        IOLoop.configure(impl)


def test_done_future_is_shared_and_done(io_loop: IOLoop) -> None:
    assert io_loop.done_future is io_loop.done_future
    assert io_loop.done_future.result() is None
    assert io_loop.done_future.get_loop() is io_loop.asyncio_loop

    async def wait() -> None:
        await io_loop.done_future

    io_loop.run_sync(wait)


# ---- start and stop


def test_stop_before_start_ends_it_at_once(io_loop: IOLoop) -> None:
    io_loop.stop()
    io_loop.start()


def test_stop_lets_the_turn_end(io_loop: IOLoop) -> None:
    seen = []
    io_loop.add_callback(io_loop.stop)
    io_loop.add_callback(seen.append, "same turn")
    io_loop.start()
    assert seen == ["same turn"]


def test_start_after_stop(io_loop: IOLoop) -> None:
    seen: list[int] = []
    for number in range(3):
        io_loop.add_callback(seen.append, number)
        io_loop.add_callback(io_loop.stop)
        io_loop.start()
    assert seen == [0, 1, 2]


def test_start_inside_a_callback_raises(io_loop: IOLoop) -> None:
    errors = []

    def again() -> None:
        try:
            io_loop.start()
        except RuntimeError as error:
            errors.append(str(error))
        io_loop.stop()

    io_loop.add_callback(again)
    io_loop.start()
    assert errors == ["IOLoop is already running"]


def test_start_of_a_closed_loop_raises(new_loop: NewLoop) -> None:
    loop = new_loop()
    loop.close()
    with pytest.raises(RuntimeError):
        loop.start()
    assert signal.set_wakeup_fd(-1) == -1


def test_running(io_loop: IOLoop) -> None:
    seen = [io_loop.running()]
    io_loop.add_callback(lambda: (seen.append(io_loop.running()), io_loop.stop()))
    io_loop.start()
    assert [*seen, io_loop.running()] == [False, True, False]


def test_stop_from_another_thread(io_loop: IOLoop) -> None:
    thread = threading.Thread(target=io_loop.stop)
    io_loop.add_callback(thread.start)
    io_loop.start()
    thread.join()


def test_system_exit_ends_the_loop(io_loop: IOLoop) -> None:
    io_loop.add_callback(sys.exit, 3)
    with pytest.raises(SystemExit) as caught:
        io_loop.start()
    assert caught.value.code == 3


def test_close_while_running_is_refused(io_loop: IOLoop) -> None:
    errors = []

    def close() -> None:
        try:
            io_loop.close()
        except RuntimeError as error:
            errors.append(str(error))
        io_loop.stop()

    io_loop.add_callback(close)
    io_loop.start()
    assert errors == ["Cannot close a running IOLoop"]
    assert not io_loop.asyncio_loop.is_closed()


def test_close_also_closes_the_asyncio_loop(new_loop: NewLoop) -> None:
    loop = new_loop(make_current=True)
    loop.close()
    assert loop.asyncio_loop.is_closed()
    assert IOLoop.current(instance=False) is None


def test_loop_made_in_one_thread_runs_in_another(new_loop: NewLoop) -> None:
    loop = new_loop(make_current=False)
    seen = []
    loop.add_callback(lambda: (seen.append(threading.get_ident()), loop.stop()))
    thread = threading.Thread(target=loop.start)
    thread.start()
    thread.join()
    assert seen == [thread.ident]


def test_loops_are_made_and_closed_in_many_threads(new_loop: NewLoop) -> None:
    def cycle(_: int) -> int:
        for _ in range(20):
            loop = IOLoop(make_current=False)
            loop.add_callback(loop.stop)
            loop.start()
            loop.close(all_fds=True)
        return 1

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(cycle, range(8))) == 8


# ---- signals


def test_ctrl_c_is_raised_from_start(io_loop: IOLoop) -> None:
    signal_when_waiting(io_loop, signal.SIGINT)
    with handling(signal.SIGINT, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        io_loop.start()
    # ... and it can go on.
    io_loop.add_callback(io_loop.stop)
    io_loop.start()


def test_ctrl_c_is_raised_from_run_sync_and_leaves_nothing_behind(io_loop: IOLoop) -> None:
    awaited: asyncio.Future[None] = io_loop.asyncio_loop.create_future()
    signal_when_waiting(io_loop, signal.SIGINT)
    with handling(signal.SIGINT, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        io_loop.run_sync(lambda: awaited)
    awaited.set_result(None)
    seen = []
    io_loop.add_callback(io_loop.add_callback, io_loop.add_callback, lambda: (seen.append(1), io_loop.stop()))
    io_loop.start()  # a leftover of run_sync would stop it before
    assert seen == [1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "how",
    [
        lambda: IOLoop.instance().add_callback_from_signal(IOLoop.instance().stop),
        lambda: IOLoop.instance().add_callback(IOLoop.instance().stop),
        lambda: IOLoop.instance().stop(),
    ],
    ids=["add_callback_from_signal", "add_callback", "stop"],
)
def test_signal_handler_wakes_the_loop(io_loop: IOLoop, number: int, how: Callable[[], None]) -> None:
    signal_when_waiting(io_loop, number)
    with handling(number, lambda received, frame: how()):
        io_loop.start()


def test_signal_handler_set_while_the_loop_runs(io_loop: IOLoop) -> None:
    previous = signal.getsignal(signal.SIGTERM)
    io_loop.add_callback(signal.signal, signal.SIGTERM, lambda number, frame: io_loop.add_callback(io_loop.stop))
    signal_when_waiting(io_loop, signal.SIGTERM)
    try:
        io_loop.start()
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_home_made_shutdown_with_a_flag(io_loop: IOLoop) -> None:
    flags = []

    def check_flag() -> None:
        if flags:
            io_loop.stop()

    PeriodicCallback(check_flag, 20).start()
    signal_when_waiting(io_loop, signal.SIGINT)
    with handling(signal.SIGINT, lambda number, frame: flags.append(number)):
        io_loop.start()
    assert flags == [signal.SIGINT]


def test_add_callback_from_signal_wakes_a_loop_that_asyncio_runs(new_loop: NewLoop) -> None:
    async def main() -> None:
        done = asyncio.Event()
        loop = IOLoop.current()
        signal_when_waiting(loop, signal.SIGTERM)
        with handling(signal.SIGTERM, lambda number, frame: loop.add_callback_from_signal(done.set)):
            await asyncio.wait_for(done.wait(), 10)

    with asyncio.Runner(loop_factory=new_asyncio_loop) as runner:
        runner.run(main())


def test_asyncios_own_signal_handlers_work(io_loop: IOLoop) -> None:
    io_loop.asyncio_loop.add_signal_handler(signal.SIGUSR1, io_loop.stop)
    io_loop.add_callback(os.kill, os.getpid(), signal.SIGUSR1)
    io_loop.start()
    # Also one that is added while the loop runs.
    io_loop.add_callback(io_loop.asyncio_loop.add_signal_handler, signal.SIGUSR2, io_loop.stop)
    io_loop.add_callback(os.kill, os.getpid(), signal.SIGUSR2)
    io_loop.start()
    io_loop.asyncio_loop.remove_signal_handler(signal.SIGUSR1)
    io_loop.asyncio_loop.remove_signal_handler(signal.SIGUSR2)


def test_wakeup_descriptor_is_given_back(io_loop: IOLoop) -> None:
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno())
        try:
            io_loop.add_callback(io_loop.stop)
            io_loop.start()
        finally:
            assert signal.set_wakeup_fd(before) == writer.fileno()


# ---- callbacks


def run(io_loop: IOLoop) -> None:
    """Run until nothing is ready."""
    io_loop.add_callback(io_loop.add_callback, io_loop.add_callback, io_loop.stop)
    io_loop.start()


def test_callbacks_run_in_order_with_their_arguments(io_loop: IOLoop) -> None:
    seen: list[object] = []
    io_loop.add_callback(seen.append, 1)
    io_loop.add_callback(lambda *args, **kwargs: seen.append((args, kwargs)), 2, three=3)
    io_loop.spawn_callback(seen.append, 4)
    io_loop.add_callback_from_signal(seen.append, 5)
    io_loop.add_callback_from_signal(lambda **kwargs: seen.append(kwargs), six=6)
    run(io_loop)
    assert seen == [1, ((2,), {"three": 3}), 4, 5, {"six": 6}]


def test_callback_added_by_a_callback_runs_in_the_next_turn(io_loop: IOLoop) -> None:
    seen = []
    io_loop.add_callback(lambda: (seen.append("a"), io_loop.add_callback(seen.append, "later")))
    io_loop.add_callback(seen.append, "b")
    run(io_loop)
    assert seen == ["a", "b", "later"]


def test_add_callback_is_fair_to_descriptors(io_loop: IOLoop) -> None:
    """A callback that adds itself for ever doesn't keep others out."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.send(b"x")
        io_loop.add_handler(reader, lambda fd, events: io_loop.stop(), IOLoop.READ)

        def again() -> None:
            io_loop.add_callback(again)

        again()
        io_loop.start()
        io_loop.remove_handler(reader)


def test_add_callback_from_another_thread_wakes_the_loop(io_loop: IOLoop) -> None:
    seen = []
    thread = threading.Thread(
        target=lambda: io_loop.add_callback(lambda: (seen.append(threading.current_thread()), io_loop.stop()))
    )
    io_loop.add_callback(thread.start)
    io_loop.start()
    thread.join()
    assert seen == [threading.main_thread()]


def test_classic_idiom_instance_from_a_worker_thread(io_loop: IOLoop) -> None:
    thread = threading.Thread(target=lambda: IOLoop.instance().add_callback(io_loop.stop))
    thread.start()
    io_loop.start()
    thread.join()


def test_add_callback_on_a_closed_loop_is_silent(new_loop: NewLoop) -> None:
    loop = new_loop()
    loop.close()
    loop.add_callback(print)
    loop.add_callback_from_signal(print)
    loop.spawn_callback(print)
    loop.stop()


def test_add_callback_while_the_loop_is_closed_is_silent(new_loop: NewLoop) -> None:
    closed = threading.Event()
    errors = []

    def hammer(loop: IOLoop) -> None:
        try:
            while not closed.is_set():
                loop.add_callback(int)
        except BaseException as error:
            errors.append(error)

    for _ in range(10):
        loop = IOLoop(make_current=False)
        closed.clear()
        thread = threading.Thread(target=hammer, args=(loop,))
        loop.add_callback(thread.start)
        loop.add_callback(loop.add_callback, loop.stop)
        loop.start()
        loop.close()
        closed.set()
        thread.join()
    assert errors == []


def test_exception_in_a_callback_is_logged_and_the_loop_goes_on(io_loop: IOLoop, expect_log: Any) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    expected = expect_log("asynchttp.application", "^Exception in callback .*fail", level=logging.ERROR, count=1)
    seen = []
    io_loop.add_callback(fail)
    io_loop.add_callback(seen.append, 1)
    run(io_loop)
    assert seen == [1]
    assert expected.records[0].exc_info[0] is ZeroDivisionError


def fail_with(error: Exception) -> None:
    raise error


async def fail_later(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


def test_hook_for_exceptions(new_loop: NewLoop) -> None:
    loop = new_loop(LoudLoop, make_current=True)
    errors = [ValueError(str(number)) for number in range(6)]
    done = loop.asyncio_loop.create_future()
    done.set_result(None)
    reader, writer = socket.socketpair()
    with reader, writer:
        loop.add_callback(fail_with, errors[0])
        loop.call_later(0, fail_with, errors[1])
        loop.add_future(done, lambda future: fail_with(errors[2]))
        loop.add_callback(fail_later, errors[3])
        loop.add_handler(writer, lambda fd, events: (loop.remove_handler(fd), fail_with(errors[4])), IOLoop.WRITE)
        turn(loop)
    assert sorted(map(str, loop.heard)) == ["0", "1", "2", "3", "4"]


def test_hook_set_on_one_loop(io_loop: IOLoop) -> None:
    seen: list[object] = []
    io_loop.handle_callback_exception = seen.append  # type: ignore[method-assign]  # as tests of old do
    callback = functools.partial(fail_with, ValueError())
    io_loop.add_callback(callback)
    run(io_loop)
    assert seen == [callback]


@pytest.mark.parametrize("result", [[], {}, 0, 42, "text", object(), [1], {"a": 1}])
def test_other_results_of_callbacks_are_ignored(io_loop: IOLoop, result: object) -> None:
    calls = []
    io_loop.add_callback(lambda: (calls.append(1), result)[1])
    run(io_loop)
    run(io_loop)
    assert calls == [1]


def test_coroutine_as_callback_is_run(io_loop: IOLoop) -> None:
    async def callback(value: int) -> None:
        await asyncio.sleep(0)
        gc.collect()  # nobody but the loop keeps it
        seen.append(value)
        io_loop.stop()

    seen: list[int] = []
    io_loop.add_callback(callback, 7)
    io_loop.start()
    assert seen == [7]


def test_failing_coroutine_as_callback_is_logged(io_loop: IOLoop, expect_log: Any) -> None:
    expected = expect_log("asynchttp.application", "^Exception in callback .*fail_later", count=1)
    io_loop.add_callback(fail_later, ValueError("once"))
    turn(io_loop)
    assert str(expected.records[0].exc_info[1]) == "once"


def test_failing_future_of_a_thread_as_result_is_logged(io_loop: IOLoop, expect_log: Any) -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    expect_log("asynchttp.application", "^Exception in callback", count=1)
    io_loop.add_callback(lambda: future)
    io_loop.add_callback(future.set_exception, ValueError())
    turn(io_loop)


def test_cancellation_is_silent(io_loop: IOLoop) -> None:
    def cancelled() -> None:
        raise asyncio.CancelledError

    async def cancelled_later() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    io_loop.add_callback(cancelled)
    io_loop.add_callback(cancelled_later)
    turn(io_loop)


# ---- futures and executors


def test_add_future_calls_in_a_later_turn(io_loop: IOLoop) -> None:
    future = io_loop.asyncio_loop.create_future()
    future.set_result("x")
    seen: list[object] = []

    def register() -> None:
        io_loop.add_future(future, lambda done: seen.append((done is future, done.result())))
        seen.append("registered")

    io_loop.add_callback(register)
    run(io_loop)
    assert seen == ["registered", (True, "x")]


def test_add_future_of_a_thread(io_loop: IOLoop) -> None:
    started = threading.Event()
    seen = []

    def done(future: Any) -> None:
        seen.append((future.result(), threading.current_thread() is threading.main_thread()))
        io_loop.stop()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda: started.wait(10))
        io_loop.add_future(future, done)
        io_loop.add_callback(started.set)
        io_loop.start()
    assert seen == [(True, True)]


def test_add_future_of_another_loop(io_loop: IOLoop, new_loop: NewLoop) -> None:
    other = new_loop(make_current=False)
    thread = threading.Thread(target=other.start)
    future = other.asyncio_loop.create_future()
    seen = []

    def done(future: Any) -> None:
        seen.append((future.result(), threading.current_thread() is threading.main_thread()))
        io_loop.stop()

    io_loop.add_future(future, done)
    thread.start()
    other.add_callback(future.set_result, 1)
    io_loop.start()
    other.stop()
    thread.join()
    assert seen == [(1, True)]


def test_add_future_of_something_else(io_loop: IOLoop) -> None:
    with pytest.raises(AssertionError):
        io_loop.add_future("no future", print)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("own", [False, True])
def test_run_in_executor(io_loop: IOLoop, own: bool) -> None:
    async def main() -> list[object]:
        results: list[object] = [await io_loop.run_in_executor(pool if own else None, max, 1, 2)]
        with pytest.raises(ZeroDivisionError):
            await io_loop.run_in_executor(pool if own else None, lambda: 1 // 0)
        return results

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert io_loop.run_sync(main) == [2]
    io_loop.asyncio_loop.run_until_complete(io_loop.asyncio_loop.shutdown_default_executor())


def test_set_default_executor(io_loop: IOLoop) -> None:
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ours") as pool:
        io_loop.set_default_executor(pool)

        async def main() -> str:
            return (await io_loop.run_in_executor(None, threading.current_thread)).name

        assert io_loop.run_sync(main).startswith("ours")


# ---- timers


def test_time_is_wall_clock_time(io_loop: IOLoop) -> None:
    assert abs(io_loop.time() - time.time()) < 1


@pytest.mark.parametrize("form", ["absolute", "timedelta", "call_later", "call_at", "integer"])
def test_timers(io_loop: IOLoop, form: str) -> None:
    seen: list[object] = []

    def fire(*args: object, **kwargs: object) -> None:
        seen.append((args, kwargs))
        io_loop.stop()

    if form == "absolute":
        io_loop.add_timeout(time.time() + 0.01, fire, 1, two=2)
    elif form == "integer":
        io_loop.add_timeout(int(time.time()) - 5, fire, 1, two=2)
    elif form == "timedelta":
        io_loop.add_timeout(datetime.timedelta(milliseconds=10), fire, 1, two=2)
    elif form == "call_later":
        io_loop.call_later(0.01, fire, 1, two=2)
    else:
        io_loop.call_at(io_loop.time() + 0.01, fire, 1, two=2)
    assert seen == []
    io_loop.start()
    assert seen == [((1,), {"two": 2})]


def test_timers_fire_in_order(io_loop: IOLoop) -> None:
    seen: list[int] = []
    for delay in (3, 1, 2):
        io_loop.call_later(delay / 100, seen.append, delay)
    io_loop.call_later(0.05, io_loop.stop)
    io_loop.start()
    assert seen == [1, 2, 3]


def test_deadlines_are_on_the_loops_own_clock(new_loop: NewLoop) -> None:
    loop = new_loop(time_func=lambda: 42.0)
    assert loop.time() == 42
    seen = []
    loop.add_timeout(42.01, lambda: (seen.append(1), loop.stop()))
    loop.add_timeout(time.time(), seen.append, "centuries away")
    loop.start()
    assert seen == [1]


@pytest.mark.parametrize("deadline", ["1", None, object()])
def test_deadline_of_another_type(io_loop: IOLoop, deadline: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported deadline"):
        io_loop.add_timeout(deadline, print)


def test_remove_timeout(io_loop: IOLoop) -> None:
    seen: list[str] = []
    removed = io_loop.call_later(0, seen.append, "removed")
    io_loop.remove_timeout(removed)
    io_loop.remove_timeout(removed)
    fired = io_loop.call_later(0, seen.append, "fired")
    turn(io_loop)
    io_loop.remove_timeout(fired)
    assert seen == ["fired"]


def test_remove_timeout_that_is_due_in_the_same_turn(io_loop: IOLoop) -> None:
    seen: list[int] = []
    handles: list[object] = []
    deadline = io_loop.time() + 0.01

    def fire(number: int) -> None:
        seen.append(number)
        io_loop.remove_timeout(handles[1 - number])

    handles += [io_loop.call_at(deadline, fire, 0), io_loop.call_at(deadline, fire, 1)]
    io_loop.add_callback(time.sleep, 0.02)  # so that both are due when the loop looks
    io_loop.call_later(0.03, io_loop.stop)
    io_loop.start()
    assert len(seen) == 1


# ---- descriptors


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


Pair = tuple[socket.socket, socket.socket]


@pytest.mark.parametrize("as_number", [False, True])
def test_handler_gets_what_was_registered(io_loop: IOLoop, pair: Pair, as_number: bool) -> None:
    seen: list[tuple[object, int]] = []

    def handler(fd: Any, events: int) -> None:
        seen.append((fd, events))
        pair[0].recv(10)
        io_loop.stop()

    source = pair[0].fileno() if as_number else pair[0]
    io_loop.add_handler(source, handler, IOLoop.READ)
    pair[1].send(b"x")
    io_loop.start()
    io_loop.remove_handler(source)
    assert seen == [(source, IOLoop.READ)]


def test_update_handler(io_loop: IOLoop, pair: Pair) -> None:
    seen: list[int] = []

    def handler(fd: Any, events: int) -> None:
        seen.append(events)
        io_loop.stop()

    pair[1].send(b"x")
    io_loop.add_handler(pair[0], handler, IOLoop.NONE)
    turn(io_loop)
    assert seen == []
    io_loop.update_handler(pair[0], IOLoop.WRITE | IOLoop.ERROR)
    io_loop.start()
    assert set(seen) == {IOLoop.WRITE}
    seen.clear()
    io_loop.update_handler(pair[0].fileno(), IOLoop.READ)
    io_loop.start()
    assert set(seen) == {IOLoop.READ}
    io_loop.remove_handler(pair[0])


def test_update_handler_without_one(io_loop: IOLoop, pair: Pair) -> None:
    with pytest.raises(ValueError, match="has no handler"):
        io_loop.update_handler(pair[0], IOLoop.READ)


def test_read_and_write_events(io_loop: IOLoop, pair: Pair) -> None:
    seen = 0

    def handler(fd: Any, events: int) -> None:
        nonlocal seen
        seen |= events
        if seen == IOLoop.READ | IOLoop.WRITE:
            io_loop.stop()

    pair[1].send(b"x")
    io_loop.add_handler(pair[0], handler, IOLoop.READ | IOLoop.WRITE)
    io_loop.start()
    io_loop.remove_handler(pair[0])


def test_adding_twice_is_refused(io_loop: IOLoop, pair: Pair) -> None:
    io_loop.add_handler(pair[0], print, IOLoop.READ)
    with pytest.raises(ValueError, match=f"fd {pair[0].fileno()} added twice"):
        io_loop.add_handler(pair[0], print, IOLoop.READ)
    with pytest.raises(ValueError, match="added twice"):
        io_loop.add_handler(pair[0].fileno(), print, IOLoop.READ)
    io_loop.remove_handler(pair[0].fileno())
    io_loop.add_handler(pair[0], print, IOLoop.READ)
    io_loop.remove_handler(pair[0])


def test_removing_what_was_never_added(io_loop: IOLoop, pair: Pair) -> None:
    io_loop.remove_handler(pair[0])
    io_loop.remove_handler(pair[0].fileno())


def test_removed_handler_is_not_called_in_the_same_turn(io_loop: IOLoop) -> None:
    sockets = [socket.socketpair() for _ in range(2)]
    readers = [one for one, _ in sockets]
    seen: list[object] = []

    def handler(fd: Any, events: int) -> None:
        seen.append(fd)
        for reader in readers:
            io_loop.remove_handler(reader)

    for one, other in sockets:
        io_loop.add_handler(one, handler, IOLoop.READ)
        other.send(b"x")
    turn(io_loop)
    for one, other in sockets:
        one.close()
        other.close()
    assert len(seen) == 1


def test_handler_that_was_replaced_in_the_same_turn_is_not_called(io_loop: IOLoop) -> None:
    sockets = [socket.socketpair() for _ in range(2)]
    seen: list[str] = []

    def handler(fd: Any, events: int) -> None:
        seen.append("old")
        for one, _ in sockets:
            io_loop.remove_handler(one)
            io_loop.add_handler(one, lambda fd, events: (seen.append("new"), io_loop.remove_handler(fd)), IOLoop.READ)

    for one, other in sockets:
        io_loop.add_handler(one, handler, IOLoop.READ)
        other.send(b"x")
    turn(io_loop)
    for one, other in sockets:
        one.close()
        other.close()
    assert seen == ["old", "new", "new"]


def test_removing_a_socket_that_is_closed_already(io_loop: IOLoop, pair: Pair) -> None:
    number = pair[0].fileno()
    io_loop.add_handler(pair[0], print, IOLoop.READ)
    pair[0].close()
    io_loop.remove_handler(pair[0])
    os.dup2(pair[1].fileno(), number)
    io_loop.add_handler(number, print, IOLoop.READ)  # the number is free again
    io_loop.remove_handler(number)
    os.close(number)


def test_descriptor_that_cannot_be_watched(io_loop: IOLoop, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file:
        for _ in range(2):  # the second time it isn't "added twice"
            try:
                io_loop.add_handler(file, print, IOLoop.READ)
            except ValueError as error:
                pytest.fail(str(error))
            except OSError:
                continue
            io_loop.remove_handler(file)


def test_exception_in_a_handler_is_logged(io_loop: IOLoop, pair: Pair, expect_log: Any) -> None:
    expect_log("asynchttp.application", "^Exception in callback", count=1)

    def handler(fd: Any, events: int) -> None:
        io_loop.remove_handler(fd)
        io_loop.add_callback(io_loop.stop)
        raise ValueError

    pair[1].send(b"x")
    io_loop.add_handler(pair[0], handler, IOLoop.READ)
    io_loop.start()


def test_close_all_fds(new_loop: NewLoop, pair: Pair) -> None:
    loop = new_loop()
    number = os.dup(pair[1].fileno())
    loop.add_handler(pair[0], print, IOLoop.READ)
    loop.add_handler(number, print, IOLoop.READ)
    loop.close(all_fds=True)
    assert pair[0].fileno() == -1
    with pytest.raises(OSError):
        os.fstat(number)


def test_close_all_fds_ignores_what_is_closed(new_loop: NewLoop, pair: Pair) -> None:
    loop = new_loop()
    number = os.dup(pair[1].fileno())
    loop.add_handler(number, print, IOLoop.READ)
    os.close(number)
    loop.close(all_fds=True)


def test_close_leaves_descriptors_open(new_loop: NewLoop, pair: Pair) -> None:
    loop = new_loop()
    loop.add_handler(pair[0], print, IOLoop.READ)
    loop.close()
    assert pair[0].fileno() != -1


def test_split_fd_and_close_fd(io_loop: IOLoop, pair: Pair) -> None:
    assert io_loop.split_fd(7) == (7, 7)
    assert io_loop.split_fd(pair[0]) == (pair[0].fileno(), pair[0])
    io_loop.close_fd(pair[0])
    io_loop.close_fd(pair[0])
    assert pair[0].fileno() == -1


# ---- run_sync


def test_run_sync_result(io_loop: IOLoop) -> None:
    async def native() -> int:
        return 1

    @gen_coroutine
    def generator() -> Any:
        yield gen_sleep(0)
        return 2

    future = io_loop.asyncio_loop.create_future()
    future.set_result(3)
    assert [io_loop.run_sync(f) for f in (native, generator, lambda: future)] == [1, 2, 3]
    assert io_loop.run_sync(lambda: None) is None
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert io_loop.run_sync(lambda: pool.submit(max, 4, 3)) == 4


@pytest.mark.parametrize("when", ["at once", "later"])
def test_run_sync_exception(io_loop: IOLoop, when: str) -> None:
    error = ValueError()
    with pytest.raises(ValueError) as caught:
        io_loop.run_sync(lambda: fail_with(error) if when == "at once" else fail_later(error))
    assert caught.value is error
    assert caught.traceback[-1].name == ("fail_with" if when == "at once" else "fail_later")


def test_run_sync_of_something_else(io_loop: IOLoop) -> None:
    with pytest.raises(BadYieldError):
        io_loop.run_sync(lambda: 42)


def test_run_sync_current_loop(io_loop: IOLoop, new_loop: NewLoop) -> None:
    other = new_loop(make_current=False)

    async def main() -> IOLoop:
        return IOLoop.current()

    assert other.run_sync(main) is other
    assert IOLoop.current() is io_loop


def test_run_sync_timeout_cancels(io_loop: IOLoop) -> None:
    seen = []

    async def main() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(TimeoutError, match=r"^Operation timed out after 0\.01 seconds$"):
        io_loop.run_sync(main, timeout=0.01)
    assert seen == ["cancelled"]


def test_run_sync_timeout_of_a_generator_leaves_it_where_it_waits(io_loop: IOLoop) -> None:
    """Tornado's ``gen_test`` throws the TimeoutError in there, to show the place."""
    generators = []

    @gen_coroutine
    def outer() -> Any:
        generators.append(inner())
        return (yield from generators[0])

    def inner() -> Any:
        yield io_loop.asyncio_loop.create_future()

    with pytest.raises(TimeoutError):
        io_loop.run_sync(outer, timeout=0.01)
    with pytest.raises(ValueError) as caught:
        generators[0].throw(ValueError)
    assert caught.traceback[-1].name == "inner"


def test_run_sync_in_time(io_loop: IOLoop) -> None:
    async def main() -> str:
        await asyncio.sleep(0)
        return "done"

    assert io_loop.run_sync(main, timeout=100) == "done"


def test_run_sync_timeout_error_of_the_coroutine_is_its_own(io_loop: IOLoop) -> None:
    with pytest.raises(TimeoutError, match=r"^mine$"):
        io_loop.run_sync(lambda: fail_later(TimeoutError("mine")), timeout=100)


def test_run_sync_stopped_early(io_loop: IOLoop) -> None:
    with pytest.raises(RuntimeError, match=r"^Event loop stopped before Future completed\.$"):
        io_loop.run_sync(lambda: (io_loop.stop(), io_loop.asyncio_loop.create_future())[1])


# ---- callbacks that block


def test_blocking_log_threshold(io_loop: IOLoop, monkeypatch: pytest.MonkeyPatch, expect_log: Any) -> None:
    told = threading.Event()
    log_stack = io_loop.log_stack
    monkeypatch.setattr(io_loop, "log_stack", lambda *args: (log_stack(*args), told.set()))
    expected = expect_log("asynchttp.general", r"^IOLoop blocked for 0\.300000 seconds in\n", count=1)

    def wait_in_here() -> None:
        told.wait(10)
        io_loop.stop()

    io_loop.set_blocking_log_threshold(0.3)
    io_loop.call_later(0.05, wait_in_here)
    io_loop.start()
    io_loop.set_blocking_log_threshold(None)
    assert "in wait_in_here" in expected.records[0].getMessage()


def test_blocking_log_threshold_ends_with_the_loop(new_loop: NewLoop) -> None:
    loop = new_loop()
    loop.set_blocking_log_threshold(0.01)
    assert loop._watchdog is not None
    thread = loop._watchdog._thread
    loop.close()
    thread.join(10)
    assert not thread.is_alive()


def test_blocking_signal_threshold(io_loop: IOLoop) -> None:
    seen: list[str] = []

    def action(number: int, frame: Any) -> None:
        seen.append(frame.f_code.co_name)

    def spin() -> None:
        while not seen:
            pass
        io_loop.stop()

    with handling(signal.SIGALRM, signal.SIG_DFL):
        io_loop.set_blocking_signal_threshold(0.3, action)
        io_loop.call_later(0.05, spin)
        io_loop.start()
        io_loop.set_blocking_signal_threshold(None, None)
    assert seen == ["spin"]


def test_blocking_signal_threshold_with_log_stack_as_action(io_loop: IOLoop, expect_log: Any) -> None:
    expected = expect_log("asynchttp.general", r"^IOLoop blocked for .* in\n.*in spin\n", count=1)

    def spin() -> None:
        while not expected.records:
            pass
        io_loop.stop()

    with handling(signal.SIGALRM, signal.SIG_DFL):
        io_loop.set_blocking_signal_threshold(0.3, io_loop.log_stack)
        io_loop.call_later(0.05, spin)
        io_loop.start()
        io_loop.set_blocking_signal_threshold(None, None)


# ---- forks, in processes of their own


def python(loop_name: str, code: str) -> str:
    """Run code in a new process with warnings as errors; return what it prints."""
    head = f"import os; os.environ['ASYNCHTTP_LOOP'] = {loop_name!r}\n"
    status, out, err = run_python("-W", "error", "-c", head + code)
    assert (status, err) == (0, "")
    return out


FORK = """
import sys, threading, time
from asynchttp.ioloop import IOLoop

def fork(function):
    pid = os.fork()
    if pid == 0:
        function()
        sys.exit(0)  # as fork_processes' children end: through the interpreter
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_child_forgets_the_parents_loops(loop_name: str) -> None:
    code = """
loop = IOLoop.instance()
loop.run_sync(lambda: None)
def child():
    assert not IOLoop.initialized()
    assert IOLoop.current(instance=False) is None
    assert IOLoop.instance() is not loop
    async def main():
        return IOLoop.current()
    assert IOLoop.instance().run_sync(main) is IOLoop.instance() is IOLoop.current()
    IOLoop.instance().close()
fork(child)
assert IOLoop.instance() is loop is IOLoop.current()
loop.close()
print("good")
"""
    assert python(loop_name, FORK + code) == "good\n"


def test_child_that_exits_does_not_disturb_the_parents_loop(loop_name: str) -> None:
    """Closing the inherited loop would take the parent's descriptors out of the epoll set that both have."""
    code = """
loop = IOLoop.instance()
loop.run_sync(lambda: None)
fork(lambda: None)
late = loop.call_later(5, lambda: (print("the loop wasn't woken"), loop.stop()))
thread = threading.Thread(target=lambda: (time.sleep(0.05), loop.add_callback(loop.stop)))
thread.start()
loop.start()
thread.join()
loop.close()
print("good")
"""
    assert python(loop_name, FORK + code) == "good\n"


def test_child_that_closes_the_parents_streams_and_servers_does_not_disturb_it(loop_name: str) -> None:
    code = """
from asynchttp import netutil
from asynchttp.tcpclient import TCPClient
from asynchttp.tcpserver import TCPServer

class Echo(TCPServer):
    async def handle_stream(self, stream, address):
        await stream.write(await stream.read_until(b"!"))
        stream.close()

loop = IOLoop.current()
(socket,) = netutil.bind_sockets(0, "127.0.0.1")
server = Echo()
server.add_sockets([socket])

async def connect():
    return await TCPClient().connect(*socket.getsockname())

async def ask(stream):
    await stream.write(b"hello!")
    return await stream.read_until(b"!")

first = loop.run_sync(connect, timeout=5)

def child():
    first.close()
    server.stop()

fork(child)
assert loop.run_sync(lambda: ask(first), timeout=5) == b"hello!"
second = loop.run_sync(connect, timeout=5)
assert loop.run_sync(lambda: ask(second), timeout=5) == b"hello!"
first.close(), second.close(), server.stop()
loop.run_sync(lambda: None)
loop.close()
print("good")
"""
    assert python(loop_name, FORK + code) == "good\n"


def test_loop_of_a_program_that_forks_into_the_background_goes_on() -> None:
    """It was made before, and is the child's now: who detached keeps what was registered.  (uvloop's can't.)"""
    code = """
ends = os.pipe()
loop = IOLoop.current()
loop.add_handler(ends[0], lambda fd, events: (print(os.read(fd, 9)), loop.stop()), loop.READ)

def child():
    os.write(ends[1], b"hello")
    loop.start()

fork(child)
os.close(ends[1])
loop.close()
"""
    assert python("asyncio", FORK + code) == "b'hello'\n"


def test_child_forked_in_a_callback_can_run_a_loop(loop_name: str) -> None:
    code = """
def child():
    async def main():
        return 1
    loop = IOLoop()
    assert loop.run_sync(main) == 1
    loop.close()
    os._exit(0)
loop = IOLoop.instance()
loop.add_callback(lambda: (fork(child), loop.stop()))
loop.start()
loop.close()
print("good")
"""
    assert python(loop_name, FORK + code) == "good\n"


def test_loop_left_open_at_exit_is_silent(loop_name: str) -> None:
    """As classic programs leave it."""
    code = """
from asynchttp.ioloop import IOLoop
IOLoop.instance().add_callback(IOLoop.instance().stop)
IOLoop.instance().start()
"""
    head = f"import os; os.environ['ASYNCHTTP_LOOP'] = {loop_name!r}\n"
    assert run_python("-c", head + code) == (0, "", "")


def test_module_exports() -> None:
    assert ioloop.Configurable is IOLoop.__mro__[1]
    assert ioloop.import_object("asynchttp.ioloop") is ioloop


SWALLOWS_INTERRUPTS = """
import os, signal
from asynchttp.ioloop import IOLoop, PeriodicCallback

def swallow():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(100000))
    except BaseException as error:
        print("raised in the middle:", repr(error), flush=True)

loop = IOLoop.instance()
loop.add_callback(swallow)
try:
    loop.start()
except KeyboardInterrupt:
    print("ended", signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_ctrl_c_ends_the_loop_between_two_callbacks(loop):
    assert run_python("-c", SWALLOWS_INTERRUPTS, env={"ASYNCHTTP_LOOP": loop}) == (0, "ended True\n", "")


def test_closed_loops_are_forgotten(new_loop: NewLoop) -> None:
    """Neither an IOLoop nor its asyncio loop stays in a table; asyncio's own slot may keep the last."""
    gone = []
    for _ in range(3):
        below = asyncio.new_event_loop()
        below.call_soon(lambda gone=gone: gone.append(weakref.ref(IOLoop.current())))
        below.run_until_complete(asyncio.sleep(0))
        below.close()
        gone.append(weakref.ref(below))
        del below
        loop = IOLoop()
        loop.run_sync(lambda: None)
        loop.close()
        gone += [weakref.ref(loop), weakref.ref(loop.asyncio_loop)]
        del loop
    gc.collect()
    assert len(gone) == 12
    assert [reference() for reference in gone[:-1] if reference() is not None] == []
