"""Generator coroutines, and the helpers around futures."""

import asyncio
import concurrent.futures
import contextvars
import datetime
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import _coroutines, gen
from asynchttp.gen import convert_yielded
from asynchttp.ioloop import IOLoop, TimeoutError
from tests.loop.conftest import ManualLoop
from tests.support.turns import turns

Future = asyncio.Future[Any]


@pytest.fixture
def new_future(io_loop: IOLoop) -> Callable[[], Future]:
    return io_loop.asyncio_loop.create_future


def done(io_loop: IOLoop, result: Any = None) -> Future:
    future = io_loop.asyncio_loop.create_future()
    future.set_result(result)
    return future


def failed(io_loop: IOLoop, error: BaseException) -> Future:
    future = io_loop.asyncio_loop.create_future()
    future.set_exception(error)
    return future


# ---- coroutine: the first part, and the result


def test_first_part_runs_in_the_call(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    seen = []
    future = new_future()

    @gen.coroutine
    def coroutine(value: int) -> Any:
        seen.append(value)
        seen.append((yield future))
        return "end"

    result = coroutine(1)
    assert seen == [1]
    assert not result.done()
    future.set_result(2)
    assert io_loop.run_sync(lambda: result) == "end"
    assert seen == [1, 2]


def test_coroutine_that_need_not_wait_is_done_on_return(io_loop: IOLoop) -> None:
    @gen.coroutine
    def inner() -> Any:
        return (yield done(io_loop, 3))

    @gen.coroutine
    def coroutine() -> Any:
        a = yield done(io_loop, 1)
        b = yield [done(io_loop, 2), inner()]
        return a, b

    future = coroutine()
    assert isinstance(future, asyncio.Future)
    assert future.done()
    assert future.result() == (1, [2, 3])


@pytest.mark.parametrize("style", ["plain", "return", "Return", "nothing"])
def test_results(io_loop: IOLoop, style: str) -> None:
    @gen.coroutine
    def plain() -> int:
        return 7

    @gen.coroutine
    def returns() -> Any:
        yield done(io_loop)
        return 7

    @gen.coroutine
    def raises() -> Any:
        yield gen.moment
        raise gen.Return(7)

    @gen.coroutine
    def nothing() -> Any:
        yield done(io_loop)

    function: Any = {"plain": plain, "return": returns, "Return": raises, "nothing": nothing}[style]
    assert io_loop.run_sync(function) == (None if style == "nothing" else 7)


def test_return_in_a_function_that_is_no_generator(io_loop: IOLoop) -> None:
    @gen.coroutine
    def function() -> Any:
        raise gen.Return(7)

    assert function().result() == 7


def test_return_has_value_and_args() -> None:
    assert (gen.Return(1).value, gen.Return(1).args, gen.Return().value) == (1, (1,), None)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("is_generator", [False, True])
def test_exceptions(io_loop: IOLoop, waits: bool, is_generator: bool) -> None:
    error = ValueError()

    @gen.coroutine
    def plain() -> None:
        raise error

    @gen.coroutine
    def generator() -> Any:
        yield gen.moment if waits else done(io_loop)
        raise error

    future = (generator if is_generator else plain)()
    assert future.done() == (not (waits and is_generator))
    with pytest.raises(ValueError) as caught:
        io_loop.run_sync(lambda: future)
    assert caught.value is error
    assert caught.traceback[-1].name == ("generator" if is_generator else "plain")


def test_exception_is_raised_at_the_yield(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    errors = [ValueError(), KeyError()]

    @gen.coroutine
    def coroutine() -> Any:
        caught = []
        for future in (failed(io_loop, errors[0]), later):
            try:
                yield future
            except Exception as error:
                caught.append(error)
        return caught

    later = new_future()
    io_loop.add_callback(later.set_exception, errors[1])
    assert io_loop.run_sync(coroutine) == errors


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_the_loop(io_loop: IOLoop, error: type[BaseException]) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        raise error

    with pytest.raises(error):
        io_loop.run_sync(coroutine)


def test_may_be_called_before_the_loop_runs(io_loop: IOLoop) -> None:
    """As programs of Tornado 2 to 5 do it."""
    seen = []

    @gen.coroutine
    def main() -> Any:
        yield gen.sleep(0)
        seen.append(1)
        yield native()
        io_loop.stop()

    async def native() -> None:
        await asyncio.sleep(0)
        seen.append(2)

    main()
    io_loop.start()
    assert seen == [1, 2]


def test_many_done_futures_use_no_stack(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        for _ in range(10_000):
            yield done(io_loop)
        return "end"

    assert coroutine().result() == "end"


# ---- coroutine: what may be yielded


def test_native_coroutine(io_loop: IOLoop) -> None:
    async def native() -> int:
        await asyncio.sleep(0)
        gc.collect()  # nobody else keeps it
        return 5

    @gen.coroutine
    def coroutine() -> Any:
        return (yield native())

    assert io_loop.run_sync(coroutine) == 5


def test_awaited_by_a_native_coroutine(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        return 5

    async def native() -> Any:
        await gen.moment
        return [await coroutine(), *await asyncio.gather(coroutine(), coroutine())]

    assert io_loop.run_sync(native) == [5, 5, 5]


def test_future_of_a_thread(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return (yield pool.submit(max, 1, 2))

    assert io_loop.run_sync(coroutine) == 2


def test_other_awaitables(io_loop: IOLoop) -> None:
    class Awaitable:
        def __await__(self) -> Any:
            yield
            return 6

    @gen.coroutine
    def coroutine() -> Any:
        return (yield Awaitable())

    assert io_loop.run_sync(coroutine) == 6


def test_yield_from(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    future = new_future()
    io_loop.add_callback(future.set_result, 1)

    def inner() -> Any:
        first = yield future
        second = yield from done(io_loop, 2)
        return first + second

    @gen.coroutine
    def coroutine() -> Any:
        return (yield from inner()) + (yield from failing())

    def failing() -> Any:
        try:
            yield from failed(io_loop, ValueError())
        except ValueError:
            return 10

    assert io_loop.run_sync(coroutine) == 13


@pytest.mark.parametrize("nothing", [None, gen.moment])
def test_moment_lets_the_loop_run(io_loop: IOLoop, nothing: Any) -> None:
    seen: list[str] = []

    @gen.coroutine
    def coroutine(name: str) -> Any:
        for _ in range(3):
            seen.append(name)
            yield nothing

    @gen.coroutine
    def both() -> Any:
        yield [coroutine("a"), coroutine("b")]

    io_loop.run_sync(both)
    assert seen == list("ababab")


def test_bad_yield_can_be_caught(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        with pytest.raises(gen.BadYieldError, match="yielded unknown object 42"):
            yield 42
        with pytest.raises(gen.BadYieldError):
            yield [done(io_loop), 42]
        return "good"

    assert io_loop.run_sync(coroutine) == "good"


def test_types_can_be_registered(io_loop: IOLoop) -> None:
    class Deferred:
        pass

    convert_yielded.register(Deferred, lambda deferred: done(io_loop, "registered"))

    @gen.coroutine
    def coroutine() -> Any:
        return (yield Deferred())

    assert io_loop.run_sync(coroutine) == "registered"


def test_convert_yielded_keeps_futures(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    future = new_future()
    assert convert_yielded(future) is future
    assert convert_yielded(None) is gen.moment


# ---- coroutine: as a function


def test_attributes_of_the_function() -> None:
    def function(a: int) -> Any:
        """What it does."""
        yield

    coroutine = gen.coroutine(function)
    assert (coroutine.__name__, coroutine.__doc__) == ("function", "What it does.")
    assert coroutine.__wrapped__ is function  # type: ignore[attr-defined]  # set by functools.wraps
    assert gen.is_coroutine_function(coroutine)
    assert not gen.is_coroutine_function(function)


def test_debug_mode_names_the_caller(io_loop: IOLoop) -> None:
    @gen.coroutine
    def waits() -> Any:
        yield io_loop.asyncio_loop.create_future()

    @gen.coroutine
    def ends() -> None:
        pass

    io_loop.asyncio_loop.set_debug(True)
    assert "test_gen.py" in repr(waits())
    assert "test_gen.py" in repr(ends())


def test_methods(io_loop: IOLoop) -> None:
    class Handler:
        @gen.coroutine
        def get(self, value: int, *, more: int = 0) -> Any:
            yield gen.moment
            return self, value + more

    handler = Handler()
    assert io_loop.run_sync(lambda: handler.get(1, more=2)) == (handler, 3)


# ---- coroutine: contextvars

variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


def test_context_is_the_coroutines_own(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine(value: int) -> Any:
        assert variable.get() == 1
        variable.set(value)
        yield gen.moment
        assert variable.get() == value
        yield done(io_loop)
        assert variable.get() == value

    async def main() -> None:
        variable.set(1)
        await asyncio.gather(coroutine(10), coroutine(20))
        assert variable.get() == 1

    io_loop.run_sync(main)


def test_context_of_a_function_that_is_no_generator(io_loop: IOLoop) -> None:
    async def main() -> None:
        gen.coroutine(lambda: variable.set(5))()
        assert variable.get() == 0

    io_loop.run_sync(main)


# ---- coroutine: cancellation


def test_cancelling_raises_at_the_yield_and_cancels_what_it_waits_for(
    io_loop: IOLoop, new_future: Callable[[], Future]
) -> None:
    seen = []
    awaited = new_future()

    @gen.coroutine
    def inner() -> Any:
        try:
            yield awaited
        except asyncio.CancelledError:
            seen.append("inner")
            raise

    @gen.coroutine
    def outer() -> Any:
        try:
            yield inner()
        finally:
            seen.append("outer")

    async def main() -> Future:
        future = outer()
        assert future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        return future

    assert io_loop.run_sync(main).cancelled()
    assert seen == ["inner", "outer"]
    assert awaited.cancelled()


def test_cancellation_can_be_caught(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        try:
            yield new_future()
        except asyncio.CancelledError:
            yield gen.moment
            return "went on"

    async def main() -> Any:
        future = coroutine()
        future.cancel()
        return await future

    assert io_loop.run_sync(main) == "went on"


@pytest.mark.parametrize("waits_for", ["moment", "future that is just done"])
def test_cancelling_when_there_is_nothing_to_cancel(io_loop: IOLoop, waits_for: str) -> None:
    seen = []

    @gen.coroutine
    def coroutine() -> Any:
        try:
            yield gen.moment if waits_for == "moment" else awaited
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        future = coroutine()
        awaited.set_result(None)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future

    awaited = io_loop.asyncio_loop.create_future()
    io_loop.run_sync(main)
    assert seen == ["cancelled"]


@pytest.mark.parametrize("ends", [False, True])
def test_a_coroutine_that_cancels_itself(io_loop: IOLoop, new_future: Callable[[], Future], ends: bool) -> None:
    futures = []

    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        futures[0].cancel()
        if not ends:
            yield new_future()
        return "not cancelled"

    async def main() -> None:
        futures.append(coroutine())
        with pytest.raises(asyncio.CancelledError):
            await futures[0]

    io_loop.run_sync(main)


def test_wait_for_stops_a_coroutine(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    seen = []

    @gen.coroutine
    def coroutine() -> Any:
        try:
            yield new_future()
        finally:
            seen.append("stopped")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(coroutine(), 0.01)

    io_loop.run_sync(main)
    assert seen == ["stopped"]


def test_cancelled_future_raises_at_the_yield(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    awaited = new_future()

    @gen.coroutine
    def coroutine() -> Any:
        with pytest.raises(asyncio.CancelledError):
            yield awaited
        return "good"

    io_loop.add_callback(awaited.cancel)
    assert io_loop.run_sync(coroutine) == "good"


def test_cancelling_a_done_coroutine(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        return 1

    async def main() -> None:
        future = coroutine()
        await future
        assert not future.cancel()
        assert future.result() == 1

    io_loop.run_sync(main)


def test_cancelled_error_of_a_function_that_is_no_generator(io_loop: IOLoop) -> None:
    @gen.coroutine
    def function() -> None:
        raise asyncio.CancelledError

    assert function().cancelled()


def test_result_that_somebody_else_set(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment

    async def main() -> Any:
        future = coroutine()
        future.set_result("else")
        await turns()
        return await future

    assert io_loop.run_sync(main) == "else"


# ---- coroutine: memory


class Kept:
    pass


@pytest.mark.parametrize("how", ["returns", "raises", "raises what it awaited", "waits", "cancelled", "plain", "bad"])
def test_ended_coroutines_are_freed_at_once(io_loop: IOLoop, how: str) -> None:
    references = []

    @gen.coroutine
    def inner() -> Any:
        yield gen.moment
        raise KeyError

    @gen.coroutine
    def coroutine() -> Any:
        kept = Kept()
        references.append(weakref.ref(kept))
        if how == "waits":
            yield gen.moment
        elif how == "raises":
            raise ValueError
        elif how == "raises what it awaited":
            yield inner()
        elif how == "cancelled":
            yield io_loop.asyncio_loop.create_future()
        elif how == "bad":
            yield 42
        else:
            yield done(io_loop)

    @gen.coroutine
    def plain() -> Any:
        kept = Kept()
        references.append(weakref.ref(kept))
        raise ValueError

    async def main() -> None:
        # No local refers to the future: it would be in the traceback of the future's exception.
        futures = [(plain if how == "plain" else coroutine)()]
        references.append(weakref.ref(futures[0]))
        if how == "cancelled":
            futures[0].cancel()
        try:
            await futures.pop()
        except (ValueError, KeyError, gen.BadYieldError, asyncio.CancelledError):
            pass

    gc.collect()
    gc.disable()
    try:
        io_loop.run_sync(main)
        io_loop.run_sync(lambda: asyncio.sleep(0))  # the loop's own last callback is gone then
        assert [reference() for reference in references] == [None] * 2
    finally:
        gc.enable()


def test_coroutine_that_nobody_can_resume_is_dropped_silently(io_loop: IOLoop) -> None:
    seen = []

    @gen.coroutine
    def coroutine() -> Any:
        try:
            yield io_loop.asyncio_loop.create_future()
        finally:
            seen.append("closed")

    coroutine()
    gc.collect()
    assert seen == ["closed"]


def test_coroutine_lives_while_its_future_may_be_set(io_loop: IOLoop) -> None:
    reference: list[Any] = []

    @gen.coroutine
    def coroutine() -> Any:
        future = io_loop.asyncio_loop.create_future()
        reference.append(weakref.ref(future))
        io_loop.add_callback(resume)
        return (yield future)

    def resume() -> None:
        gc.collect()
        reference[0]().set_result("alive")

    assert io_loop.run_sync(coroutine, timeout=10) == "alive"


def test_tasks_are_forgotten_when_they_are_done(io_loop: IOLoop) -> None:
    async def native() -> None:
        await asyncio.sleep(0)

    @gen.coroutine
    def coroutine() -> Any:
        yield [native(), native()]

    before = len(_coroutines._tasks)
    io_loop.run_sync(coroutine)
    io_loop.run_sync(lambda: None)
    assert len(_coroutines._tasks) == before


# ---- multi


@pytest.mark.parametrize("multi", [gen.multi, gen.multi_future, gen.Multi])
def test_multi_list_and_dict(io_loop: IOLoop, multi: Any) -> None:
    async def native(value: int) -> int:
        await asyncio.sleep(0)
        return value

    @gen.coroutine
    def coroutine() -> Any:
        future = done(io_loop, 1)
        as_list = yield multi([future, native(2), future, None, [native(3)]])
        as_dict = yield multi({"a": future, "b": native(2)})
        plain = yield {"c": native(3), "d": []}
        return as_list, as_dict, plain

    expected = ([1, 2, 1, None, [3]], {"a": 1, "b": 2}, {"c": 3, "d": []})
    assert io_loop.run_sync(coroutine) == expected


@pytest.mark.parametrize("empty", [[], {}])
def test_multi_of_nothing_is_done(io_loop: IOLoop, empty: Any) -> None:
    assert gen.multi(empty).result() == empty


def test_multi_waits_for_all_and_raises_the_first(
    io_loop: IOLoop, new_future: Callable[[], Future], expect_log: Any
) -> None:
    futures = [new_future() for _ in range(3)]
    expected = expect_log("asynchttp.application", "^Multiple exceptions in yield list", count=1)

    async def main() -> None:
        gathered = gen.multi(futures)
        futures[2].set_exception(KeyError("third"))
        futures[1].set_exception(ValueError("second"))
        await asyncio.sleep(0)
        assert not gathered.done()
        futures[0].set_result(None)
        with pytest.raises(ValueError, match="second"):
            await gathered

    io_loop.run_sync(main)
    assert str(expected.records[0].exc_info[1]) == "'third'"


@pytest.mark.parametrize("quiet", [KeyError, (OSError, KeyError)])
def test_multi_quiet_exceptions(io_loop: IOLoop, quiet: Any) -> None:
    gathered = gen.multi([failed(io_loop, ValueError()), failed(io_loop, KeyError())], quiet_exceptions=quiet)
    assert isinstance(gathered.exception(), ValueError)


def test_cancelling_multi_cancels_the_children(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    children = [new_future(), new_future(), done(io_loop)]

    async def main() -> None:
        gathered = gen.multi([*children, gen.moment])
        assert gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered
        assert not gathered.cancel()

    io_loop.run_sync(main)
    assert [child.cancelled() for child in children] == [True, True, False]


def test_cancelled_child_of_multi(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    """As with ``asyncio.gather``: the outcome is CancelledError, and the future isn't cancelled."""
    child = new_future()

    async def main() -> None:
        gathered = gen.multi([child, done(io_loop)])
        child.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered
        assert not gathered.cancelled()

    io_loop.run_sync(main)


# ---- helpers


def test_maybe_future(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    future = new_future()
    assert gen.maybe_future(future) is future
    assert gen.maybe_future(42).result() == 42


def test_sleep(io_loop: IOLoop) -> None:
    start = io_loop.asyncio_loop.time()
    assert io_loop.run_sync(lambda: gen.sleep(0.02)) is None
    assert io_loop.asyncio_loop.time() - start > 0.015
    io_loop.run_sync(lambda: gen.sleep(-1))


def test_sleep_that_is_cancelled(io_loop: IOLoop) -> None:
    sleeping = gen.sleep(0.01)
    sleeping.cancel()
    io_loop.run_sync(lambda: gen.sleep(0.02))


@pytest.mark.parametrize("form", ["deadline", "timedelta"])
def test_with_timeout_in_time(manual_loop: ManualLoop, form: str) -> None:
    future = manual_loop.asyncio_loop.create_future()
    timeout: Any = manual_loop.time() + 5 if form == "deadline" else datetime.timedelta(seconds=5)
    result = gen.with_timeout(timeout, future)
    manual_loop.advance(4)
    future.set_result("in time")
    manual_loop.turn()
    assert result.result() == "in time"
    manual_loop.advance(4)  # the timer is gone


@pytest.mark.parametrize(("message", "text"), [(None, "Timeout"), ("late", "late"), (lambda: "made late", "made late")])
def test_with_timeout_too_late(manual_loop: ManualLoop, message: Any, text: str) -> None:
    future = manual_loop.asyncio_loop.create_future()
    result = gen.with_timeout(datetime.timedelta(seconds=5), future, message=message)
    manual_loop.advance(4)
    assert not result.done()
    manual_loop.advance(2)
    with pytest.raises(TimeoutError, match=f"^{text}$"):
        result.result()
    assert not future.done()  # it isn't cancelled
    future.set_result(None)
    manual_loop.turn()


@pytest.mark.parametrize("deadline", [-5, 5])
def test_with_timeout_of_what_is_done(manual_loop: ManualLoop, deadline: float) -> None:
    future = manual_loop.asyncio_loop.create_future()
    future.set_result(1)
    assert gen.with_timeout(manual_loop.time() + deadline, future).result() == 1
    assert gen.with_timeout(manual_loop.time() + deadline, None).result() is None


def test_with_timeout_logs_a_late_failure(manual_loop: ManualLoop, expect_log: Any) -> None:
    future = manual_loop.asyncio_loop.create_future()
    result = gen.with_timeout(datetime.timedelta(seconds=1), future)
    expect_log("asynchttp.application", "^Exception in Future .* after timeout", count=1)
    manual_loop.advance(2)
    future.set_exception(ValueError())
    manual_loop.turn()
    assert isinstance(result.exception(), TimeoutError)


@pytest.mark.parametrize("quiet", [ValueError, (KeyError, ValueError)])
def test_with_timeout_quiet_exceptions(manual_loop: ManualLoop, quiet: Any) -> None:
    future = manual_loop.asyncio_loop.create_future()
    result = gen.with_timeout(datetime.timedelta(seconds=1), future, quiet_exceptions=quiet)
    manual_loop.advance(2)
    future.set_exception(ValueError())
    manual_loop.turn()
    assert isinstance(result.exception(), TimeoutError)


def test_with_timeout_of_what_is_cancelled_late(manual_loop: ManualLoop) -> None:
    future = manual_loop.asyncio_loop.create_future()
    result = gen.with_timeout(datetime.timedelta(seconds=1), future)
    manual_loop.advance(2)
    future.cancel()
    manual_loop.turn()
    assert isinstance(result.exception(), TimeoutError)


def test_with_timeout_of_a_future_of_a_thread(io_loop: IOLoop) -> None:
    go = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(go.wait, 10)
        with pytest.raises(TimeoutError):
            io_loop.run_sync(lambda: gen.with_timeout(datetime.timedelta(milliseconds=10), future))
        io_loop.add_callback(go.set)
        assert io_loop.run_sync(lambda: gen.with_timeout(datetime.timedelta(seconds=10), future)) is True


@pytest.mark.parametrize("third", ["loop", "none"])
def test_with_timeout_takes_io_loop_in_third_place(manual_loop: ManualLoop, third: str) -> None:
    future = manual_loop.asyncio_loop.create_future()
    result = gen.with_timeout(datetime.timedelta(seconds=1), future, manual_loop if third == "loop" else None)
    manual_loop.advance(2)
    assert isinstance(result.exception(), TimeoutError)


# ---- WaitIterator


def test_wait_iterator_gives_results_as_they_come(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    futures = [new_future() for _ in range(3)]
    futures[2].set_result("c")

    @gen.coroutine
    def coroutine() -> Any:
        iterator = gen.WaitIterator(*futures)
        assert (iterator.current_index, iterator.current_future) == (None, None)
        io_loop.add_callback(futures[1].set_result, "b")
        seen = []
        while not iterator.done():
            result = yield iterator.next()
            seen.append((iterator.current_index, result))
            assert iterator.current_future is futures[iterator.current_index]
            if result == "b":
                io_loop.add_callback(futures[0].set_result, "a")
        assert (iterator.current_index, iterator.current_future) == (None, None)
        return seen

    assert io_loop.run_sync(coroutine) == [(2, "c"), (1, "b"), (0, "a")]


def test_wait_iterator_by_name(io_loop: IOLoop) -> None:
    async def main() -> list[tuple[str, int]]:
        iterator = gen.WaitIterator(x=done(io_loop, 1), y=gen.sleep(0))
        return [(iterator.current_index, result) async for result in iterator]

    assert io_loop.run_sync(main) == [("x", 1), ("y", None)]


def test_wait_iterator_goes_on_after_an_exception(io_loop: IOLoop) -> None:
    async def main() -> list[object]:
        iterator = gen.WaitIterator(failed(io_loop, ValueError()), done(io_loop, 1))
        seen: list[object] = []
        while not iterator.done():
            try:
                seen.append(await iterator.next())
            except ValueError:
                seen.append(iterator.current_index)
        return seen

    assert io_loop.run_sync(main) == [0, 1]


def test_wait_iterator_with_the_same_future_twice(io_loop: IOLoop, new_future: Callable[[], Future]) -> None:
    future = new_future()
    io_loop.add_callback(future.set_result, 1)

    async def main() -> list[tuple[int, int]]:
        iterator = gen.WaitIterator(future, future)
        return [(iterator.current_index, result) async for result in iterator]

    assert io_loop.run_sync(main) == [(0, 1), (1, 1)]


def test_wait_iterator_of_nothing(io_loop: IOLoop) -> None:
    assert gen.WaitIterator().done()


def test_wait_iterator_with_both_kinds_of_arguments(io_loop: IOLoop) -> None:
    with pytest.raises(ValueError, match="args or kwargs"):
        gen.WaitIterator(done(io_loop), a=done(io_loop))
