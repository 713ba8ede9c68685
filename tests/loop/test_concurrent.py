"""Futures of asyncio and of threads, and methods that run on an executor."""

import asyncio
import concurrent.futures
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import concurrent as ours
from asynchttp.concurrent import chain_future, dummy_executor, future_add_done_callback, run_on_executor
from asynchttp.ioloop import IOLoop
from tests.support.turns import turn

Future = asyncio.Future[Any]
ThreadFuture = concurrent.futures.Future


@pytest.fixture
def new_future(io_loop: IOLoop) -> Callable[[], Future]:
    return io_loop.asyncio_loop.create_future


def test_classes_of_futures(new_future: Callable[[], Future]) -> None:
    assert ours.Future is asyncio.Future
    assert set(ours.FUTURES) == {ThreadFuture, asyncio.Future}
    assert [ours.is_future(x) for x in (new_future(), ThreadFuture(), 42, ours.Future)] == [True, True, False, False]


# ---- chain_future


@pytest.mark.parametrize("source", ["asyncio", "thread"])
@pytest.mark.parametrize("target", ["asyncio", "thread"])
@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
@pytest.mark.parametrize("done_before", [False, True])
def test_chain_future(
    io_loop: IOLoop, new_future: Callable[[], Future], source: str, target: str, outcome: str, done_before: bool
) -> None:
    a: Any = new_future() if source == "asyncio" else ThreadFuture()
    b: Any = new_future() if target == "asyncio" else ThreadFuture()
    error = ValueError()

    def finish() -> None:
        if outcome == "result":
            a.set_result(1)
        elif outcome == "exception":
            a.set_exception(error)
        else:
            a.cancel()

    if done_before:
        finish()
        chain_future(a, b)
    else:
        chain_future(a, b)
        assert not b.done()
        finish()
    turn(io_loop)
    assert b.done()
    if outcome == "result":
        assert b.result() == 1
    elif outcome == "exception":
        assert b.exception() is error
        assert a.exception() is error
    else:
        assert b.cancelled()


def test_chain_future_copies_at_once_what_is_done(new_future: Callable[[], Future]) -> None:
    a, b = new_future(), new_future()
    a.set_result(1)
    chain_future(a, b)
    assert b.result() == 1


def test_chain_future_leaves_a_result_alone(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    a, b, c = new_future(), new_future(), new_future()
    chain_future(a, b)
    chain_future(a, c)
    b.set_result("mine")
    c.cancel()
    a.set_result(1)
    turn(io_loop)
    assert b.result() == "mine"
    assert c.cancelled()


def test_chain_future_sets_in_the_loops_thread(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    seen = []

    def stop(future: Future) -> None:
        seen.append((future.result(), threading.current_thread()))
        io_loop.stop()

    b = new_future()
    b.add_done_callback(stop)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        chain_future(pool.submit(max, 1, 2), b)
        io_loop.start()
    assert seen == [(2, threading.main_thread())]


def test_chain_future_to_a_loop_that_is_closed(new_loop: Callable[..., IOLoop]) -> None:
    loop = new_loop()
    a: ThreadFuture[int] = ThreadFuture()
    chain_future(a, loop.asyncio_loop.create_future())
    loop.close()
    a.set_result(1)


def test_chain_future_between_loops(io_loop: IOLoop, new_loop: Callable[..., IOLoop]) -> None:
    other = new_loop(make_current=False)
    a, b = other.asyncio_loop.create_future(), io_loop.asyncio_loop.create_future()
    chain_future(a, b)
    other.run_sync(lambda: a.set_result(1))
    other.run_sync(lambda: None)
    assert io_loop.run_sync(lambda: b) == 1


# ---- setting


def test_set_result_unless_cancelled(new_future: Callable[[], Future]) -> None:
    a, b = new_future(), new_future()
    b.cancel()
    for future in (a, b):
        ours.future_set_result_unless_cancelled(future, 1)
    assert a.result() == 1
    assert b.cancelled()


def test_set_exception_unless_cancelled(new_future: Callable[[], Future], expect_log: Any) -> None:
    a, b = new_future(), new_future()
    b.cancel()
    expected = expect_log("asynchttp.application", "^Exception after Future was cancelled", count=1)
    error = ValueError()
    for future in (a, b):
        ours.future_set_exception_unless_cancelled(future, error)
    assert a.exception() is error
    assert expected.records[0].exc_info[1] is error


def test_set_exc_info(new_future: Callable[[], Future]) -> None:
    future = new_future()
    try:
        raise ValueError
    except ValueError as error:
        ours.future_set_exc_info(future, sys.exc_info())
        assert future.exception() is error
    with pytest.raises(Exception, match="called with no exception"):
        ours.future_set_exc_info(future, (None, None, None))


@pytest.mark.parametrize("kind", ["asyncio", "thread"])
def test_add_done_callback_calls_at_once_what_is_done(
    io_loop: IOLoop, new_future: Callable[[], Future], kind: str
) -> None:
    futures: list[Any] = [new_future(), new_future()] if kind == "asyncio" else [ThreadFuture(), ThreadFuture()]
    seen: list[Any] = []
    futures[0].set_result(1)
    for future in futures:
        future_add_done_callback(future, seen.append)
    assert seen == futures[:1]
    futures[1].set_result(1)
    turn(io_loop)
    assert seen == futures


# ---- executors


def test_dummy_executor_runs_at_once() -> None:
    assert dummy_executor.submit(max, 1, 2).result() == 2
    assert isinstance(dummy_executor.submit(lambda: 1 // 0).exception(), ZeroDivisionError)
    dummy_executor.shutdown()
    assert dummy_executor.submit(max, 1, 2).done()


class Worker:
    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self.executor = self._pool = pool

    @run_on_executor
    def plain(self, a: int, b: int = 0) -> tuple[int, threading.Thread]:
        return a + b, threading.current_thread()

    @run_on_executor()
    def with_parentheses(self) -> int:
        return 1

    @run_on_executor(executor="_pool", io_loop="ignored")
    def named(self) -> int:
        return 2

    @run_on_executor
    def failing(self) -> None:
        raise ValueError


def test_run_on_executor(io_loop: IOLoop) -> None:
    async def main() -> None:
        result, thread = await worker.plain(1, b=2)
        assert result == 3
        assert thread is not threading.current_thread()
        assert await worker.with_parentheses() == 1
        assert await worker.named() == 2
        with pytest.raises(ValueError):
            await worker.failing()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        worker = Worker(pool)
        io_loop.run_sync(main)


def test_run_on_executor_on_the_dummy_executor(io_loop: IOLoop) -> None:
    assert io_loop.run_sync(Worker(dummy_executor).named) == 2


def test_run_on_executor_calls_back(io_loop: IOLoop, expect_log: Any) -> None:
    seen: list[Any] = []
    expect_log("asynchttp.application", "^Exception in callback", count=1)
    worker = Worker(dummy_executor)
    worker.named(callback=seen.append)
    worker.failing(callback=seen.append)  # not called
    turn(io_loop)
    assert seen == [2]


@pytest.mark.parametrize(("args", "kwargs"), [((print,), {"executor": "x"}), ((print, print), {})])
def test_run_on_executor_with_other_arguments(args: Any, kwargs: Any) -> None:
    with pytest.raises(ValueError):
        run_on_executor(*args, **kwargs)
