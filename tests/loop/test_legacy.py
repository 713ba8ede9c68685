"""What Tornado 6 dropped: engines, yield points, stack contexts and ``return_future``."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp import gen
from asynchttp._legacy.yieldpoints import argument_adapter
from asynchttp.concurrent import ReturnValueIgnoredError, TracebackFuture, return_future
from asynchttp.gen import Callback, Task, Wait, WaitAll, YieldFuture, YieldPoint
from asynchttp.ioloop import IOLoop, PeriodicCallback
from asynchttp.stack_context import (
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)
from tests.support.processes import run_python
from tests.support.turns import turn


def later(io_loop: IOLoop, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """An asynchronous function of old: calls its callback in a later turn."""
    io_loop.add_callback(callback, *args, **kwargs)


class Server:
    """An object with such functions, as a database's driver was one."""

    def __init__(self, io_loop: IOLoop) -> None:
        self.io_loop = io_loop

    def get(self, key: str, callback: Callable[..., Any]) -> None:
        later(self.io_loop, callback, key.upper())

    def get_two(self, callback: Callable[..., Any]) -> None:
        later(self.io_loop, callback, 1, two=2)

    def ping(self, callback: Callable[..., Any]) -> None:
        later(self.io_loop, callback)

    def at_once(self, callback: Callable[..., Any]) -> None:
        callback("at once")

    def fail(self, callback: Callable[..., Any]) -> None:
        raise ValueError("in the call")

    def fail_later(self, callback: Callable[..., Any]) -> None:
        def fail() -> None:
            raise ValueError("later")

        later(self.io_loop, lambda: later(self.io_loop, fail))


@pytest.fixture
def server(io_loop: IOLoop) -> Server:
    return Server(io_loop)


def run_engine(io_loop: IOLoop, function: Callable[..., Any], *args: Any) -> Any:
    """Run an engine until it calls its callback, and return what it gave to it."""
    results: list[Any] = []
    function(*args, callback=lambda result=None: (results.append(result), io_loop.stop()))
    if not results:
        io_loop.start()
    return results[0]


# ---- Task


def test_task_gives_what_the_callback_got(io_loop: IOLoop, server: Server) -> None:
    @gen.engine
    def engine(callback: Any) -> Any:
        results = []
        results.append((yield Task(server.get, "a")))
        results.append((yield Task(server.ping)))
        results.append((yield Task(server.at_once)))
        two = yield Task(server.get_two)
        results.append((two.args, two.kwargs))
        results += yield [Task(server.get, "b"), Task(server.get, key="c")]
        results.append((yield {"d": Task(server.get, "d")}))
        callback(results)

    expected = ["A", None, "at once", ((1,), {"two": 2}), "B", "C", {"d": "D"}]
    assert run_engine(io_loop, engine) == expected


def test_task_waits_for_add_timeout(io_loop: IOLoop) -> None:
    """The sleep of its time."""

    @gen.engine
    def engine(callback: Any) -> Any:
        yield Task(io_loop.add_timeout, io_loop.time() + 0.01)
        callback("slept")

    assert run_engine(io_loop, engine) == "slept"


@pytest.mark.parametrize("name", ["fail", "fail_later"])
def test_task_raises_what_the_function_and_its_callbacks_raise(io_loop: IOLoop, server: Server, name: str) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        try:
            yield Task(getattr(server, name))
        except ValueError as error:
            return str(error)

    assert io_loop.run_sync(coroutine) == ("in the call" if name == "fail" else "later")


def test_task_of_a_coroutine(io_loop: IOLoop) -> None:
    @gen.coroutine
    def function(value: int, **kwargs: int) -> Any:
        yield gen.moment
        return value, kwargs

    @gen.coroutine
    def coroutine() -> Any:
        return (yield Task(function, 1, two=2))

    assert io_loop.run_sync(coroutine) == (1, {"two": 2})


def test_task_whose_callback_is_called_twice(io_loop: IOLoop) -> None:
    def twice(callback: Any) -> None:
        callback(1)
        callback(2)

    @gen.coroutine
    def coroutine() -> Any:
        return (yield Task(twice))

    assert io_loop.run_sync(coroutine) == 1


def test_argument_adapter() -> None:
    seen: list[Any] = []
    adapted = argument_adapter(seen.append)
    adapted()
    adapted(1)
    adapted(1, 2)
    adapted(a=3)
    assert seen == [None, 1, gen.Arguments((1, 2), {}), gen.Arguments((), {"a": 3})]


# ---- engine


def test_engine_runs_at_once_and_returns_nothing(io_loop: IOLoop) -> None:
    seen = []

    @gen.engine
    def engine() -> Any:
        seen.append("begun")
        yield gen.moment
        seen.append("ended")

    assert engine() is None
    assert seen == ["begun"]
    turn(io_loop)
    assert seen == ["begun", "ended"]


def test_engine_that_is_no_generator(io_loop: IOLoop) -> None:
    seen = []
    gen.engine(lambda: seen.append(1))()
    assert seen == [1]


def test_engine_raises_to_its_caller_before_the_first_wait(io_loop: IOLoop) -> None:
    @gen.engine
    def engine() -> Any:
        if engine:
            raise ValueError
        yield

    with pytest.raises(ValueError):
        engine()


@pytest.mark.parametrize("handled", [False, True])
def test_engine_raises_to_the_stack_context_later(io_loop: IOLoop, expect_log: Any, handled: bool) -> None:
    @gen.engine
    def engine() -> Any:
        yield gen.moment
        raise ValueError

    seen: list[type] = []
    if not handled:
        expect_log("asynchttp.application", "^Exception in callback", count=1)
    context = ExceptionStackContext(lambda kind, error, traceback: bool(seen.append(kind)) or True)
    with context if handled else contextlib.nullcontext():
        engine()
    turn(io_loop)
    assert seen == ([ValueError] if handled else [])


@pytest.mark.parametrize("waits", [False, True])
def test_engine_must_not_return_a_value(io_loop: IOLoop, expect_log: Any, waits: bool) -> None:
    @gen.engine
    def engine() -> Any:
        if waits:
            yield gen.moment
        return 42

    if not waits:
        with pytest.raises(gen.ReturnValueIgnoredError, match="42"):
            engine()
        return
    expect_log("asynchttp.application", "^Exception in callback", count=1)
    engine()
    turn(io_loop)


def test_engine_yields_futures_and_native_coroutines(io_loop: IOLoop) -> None:
    async def native() -> int:
        return 1

    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        return 2

    @gen.engine
    def engine(callback: Any) -> Any:
        callback((yield [native(), coroutine()]))

    assert run_engine(io_loop, engine) == [1, 2]


# ---- Callback, Wait, WaitAll


def test_callback_and_wait(io_loop: IOLoop, server: Server) -> None:
    @gen.engine
    def engine(callback: Any) -> Any:
        server.get("a", callback=(yield Callback("one")))
        server.get("b", callback=(yield Callback(2)))
        server.at_once(callback=(yield Callback("now")))
        second = yield Wait(2)
        callback([second, (yield Wait("one")), (yield Wait("now"))])

    assert run_engine(io_loop, engine) == ["B", "A", "at once"]


def test_wait_all(io_loop: IOLoop, server: Server) -> None:
    @gen.engine
    def engine(callback: Any) -> Any:
        for key in "abc":
            server.get(key, callback=(yield Callback(key)))
        callback((yield WaitAll("cab")))

    assert run_engine(io_loop, engine) == ["C", "A", "B"]


@pytest.mark.parametrize("form", ["list", "dict", "multi", "Multi", "nested in a call"])
def test_yield_points_among_others(io_loop: IOLoop, server: Server, form: str) -> None:
    async def native() -> str:
        return "native"

    @gen.engine
    def engine(callback: Any) -> Any:
        server.get("a", callback=(yield Callback("k")))
        if form == "dict":
            results = yield {"x": Wait("k"), "y": Task(server.get, "b"), "z": native()}
            callback([results["x"], results["y"], results["z"]])
            return
        children = [Wait("k"), Task(server.get, "b"), native()]
        callback((yield {"list": lambda c: c, "multi": gen.multi, "Multi": gen.Multi}.get(form, gen.multi)(children)))

    assert run_engine(io_loop, engine) == ["A", "B", "native"]


def test_works_in_coroutines_too(io_loop: IOLoop, server: Server) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        server.get("a", callback=(yield Callback("k")))
        return (yield Wait("k"))

    async def native() -> Any:
        return [await coroutine(), await coroutine()]

    assert io_loop.run_sync(native) == ["A", "A"]


def test_keys_belong_to_one_generator(io_loop: IOLoop, server: Server) -> None:
    @gen.coroutine
    def inner() -> Any:
        server.get("inner", callback=(yield Callback("k")))
        return (yield Wait("k"))

    @gen.coroutine
    def outer() -> Any:
        server.get("outer", callback=(yield Callback("k")))
        first = yield inner()
        return first, (yield Wait("k"))

    assert io_loop.run_sync(outer) == ("INNER", "OUTER")


def test_callback_called_from_another_thread_by_way_of_the_loop(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        callback = yield Callback("k")
        thread = threading.Thread(target=io_loop.add_callback, args=(callback, 5))
        thread.start()
        result = yield Wait("k")
        thread.join()
        return result

    assert io_loop.run_sync(coroutine) == 5


def test_key_that_is_pending_already(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield Callback("k")
        yield Callback("k")

    with pytest.raises(gen.KeyReuseError, match="key 'k' is already pending"):
        io_loop.run_sync(coroutine)


@pytest.mark.parametrize("point", [Wait("k"), WaitAll(["k"])])
def test_key_that_is_unknown(io_loop: IOLoop, point: YieldPoint) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield point

    with pytest.raises(gen.UnknownKeyError, match="key 'k' is not pending"):
        io_loop.run_sync(coroutine)


def test_key_may_be_used_again_after_its_wait(io_loop: IOLoop, server: Server) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        results = []
        for key in "ab":
            server.get(key, callback=(yield Callback("k")))
            results.append((yield Wait("k")))
        return results

    assert io_loop.run_sync(coroutine) == ["A", "B"]


def test_callback_that_is_forgotten(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield Callback("k")

    with pytest.raises(gen.LeakedCallbackError, match="'k'"):
        io_loop.run_sync(coroutine)


def test_callback_that_is_forgotten_after_an_exception(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield Callback("k")
        try:
            yield Wait("other")
        except gen.UnknownKeyError:
            return "fine"

    assert io_loop.run_sync(coroutine) == "fine"


def test_exception_in_a_callback_is_raised_at_the_wait(io_loop: IOLoop, server: Server) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        callback = yield Callback("k")
        server.fail_later(callback)
        try:
            yield Wait("k")
        except ValueError as error:
            return str(error)

    assert io_loop.run_sync(coroutine) == "later"


def test_exception_in_a_callback_after_the_end_is_logged(io_loop: IOLoop, server: Server, expect_log: Any) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        callback = yield Callback("k")
        server.fail_later(callback)
        callback(1)
        return (yield Wait("k"))

    expect_log("asynchttp.application", "^Exception in callback", count=1)
    assert io_loop.run_sync(coroutine) == 1
    turn(io_loop)


def test_first_exception_of_several_yield_points(io_loop: IOLoop, server: Server) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        callback = yield Callback("k")
        callback()
        yield [Wait("k"), Task(server.fail), Task(server.fail_later)]

    with pytest.raises(ValueError, match="in the call"):
        io_loop.run_sync(coroutine)


def test_yield_future(io_loop: IOLoop) -> None:
    done = io_loop.asyncio_loop.create_future()
    done.set_result(1)
    failed = io_loop.asyncio_loop.create_future()
    failed.set_exception(ValueError())

    @gen.coroutine
    def coroutine() -> Any:
        with pytest.raises(ValueError):
            yield YieldFuture(failed)
        return (yield YieldFuture(done)) + (yield YieldFuture(asyncio.sleep(0, 2), io_loop))

    assert io_loop.run_sync(coroutine) == 3


class Countdown(YieldPoint):
    """A yield point as programs wrote them."""

    def __init__(self, io_loop: IOLoop, error: Exception | None = None) -> None:
        self.io_loop = io_loop
        self.error = error

    def start(self, runner: Any) -> None:
        self.runner = runner
        self.key = object()
        runner.register_callback(self.key)
        self.io_loop.add_callback(runner.result_callback(self.key), "zero")

    def is_ready(self) -> bool:
        ready: bool = self.runner.is_ready(self.key)
        return ready

    def get_result(self) -> Any:
        if self.error is not None:
            self.runner.pop_result(self.key)
            raise self.error
        return self.runner.pop_result(self.key)


def test_yield_point_of_a_program(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        with pytest.raises(KeyError):
            yield Countdown(io_loop, KeyError())
        return (yield Countdown(io_loop)), (yield [Countdown(io_loop), gen.moment.__await__ and Countdown(io_loop)])

    assert io_loop.run_sync(coroutine) == ("zero", ["zero", "zero"])


def test_yield_point_base_class(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield YieldPoint()

    with pytest.raises(NotImplementedError):
        io_loop.run_sync(coroutine)


# ---- callback= and return_future


def test_coroutine_takes_a_callback(io_loop: IOLoop) -> None:
    @gen.coroutine
    def coroutine(value: int) -> Any:
        yield gen.moment
        return value

    seen: list[int] = []
    coroutine(1, callback=seen.append)  # type: ignore[call-arg]  # the habit
    coroutine(2, callback=None)  # type: ignore[call-arg]  # the habit
    assert seen == []
    turn(io_loop)
    assert seen == [1]


def test_failing_coroutine_with_a_callback_is_logged(io_loop: IOLoop, expect_log: Any) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        yield gen.moment
        raise ValueError

    expect_log("asynchttp.application", "^Exception in callback", count=1)
    coroutine(callback=print)  # type: ignore[call-arg]  # the habit
    turn(io_loop)


def test_coroutine_with_a_callback_parameter_gets_it(io_loop: IOLoop) -> None:
    @gen.coroutine
    def explicit(callback: Any) -> Any:
        return callback

    @gen.coroutine
    def keywords(**kwargs: Any) -> Any:
        return kwargs

    assert explicit(callback=print).result() is print
    assert keywords(callback=print).result() == {"callback": print}


@return_future
def fetch(value: Any, how: str, callback: Any = None) -> Any:
    loop = IOLoop.current()
    if how == "at once":
        callback(value)
    elif how == "later":
        loop.add_callback(callback, value)
    elif how == "nothing":
        loop.add_callback(callback)
    elif how == "raises":
        raise ValueError(value)
    elif how == "raises later":
        loop.add_callback(loop.add_callback, int, "no number")
    return value if how == "returns" else None


@pytest.mark.parametrize(("how", "expected"), [("at once", 1), ("later", 1), ("nothing", None)])
def test_return_future(io_loop: IOLoop, how: str, expected: Any) -> None:
    seen: list[Any] = []
    assert io_loop.run_sync(lambda: fetch(1, how)) == expected
    future = fetch(1, how, callback=seen.append)
    positional = fetch(1, how, seen.append)
    assert seen == []
    turn(io_loop)
    assert seen == [expected, expected]
    assert (future.result(), positional.result()) == (expected, expected)


@pytest.mark.parametrize(
    ("how", "error"), [("raises", ValueError), ("raises later", ValueError), ("returns", ReturnValueIgnoredError)]
)
def test_return_future_that_fails(io_loop: IOLoop, how: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        io_loop.run_sync(lambda: fetch(1, how))


def test_return_future_that_fails_with_a_callback(io_loop: IOLoop, expect_log: Any) -> None:
    expect_log("asynchttp.application", "^Exception in callback", count=1)
    fetch(1, "raises", callback=print)
    turn(io_loop)


def test_traceback_future() -> None:
    assert TracebackFuture is asyncio.Future


# ---- stack contexts


class Log:
    """Context managers that write down when they are entered and left."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def context(self, name: str) -> StackContext:
        @contextlib.contextmanager
        def manager() -> Iterator[None]:
            self.lines.append(f"+{name}")
            try:
                yield
            finally:
                self.lines.append(f"-{name}")

        return StackContext(manager)

    def handler(self, name: str, swallows: bool = True) -> ExceptionStackContext:
        def handle(kind: Any, error: Any, traceback: Any) -> bool:
            self.lines.append(f"{name}: {kind.__name__}")
            return swallows

        return ExceptionStackContext(handle)

    def call(self, name: str) -> Callable[..., None]:
        def called(*args: Any) -> None:
            self.lines.append(name)

        return called

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


@pytest.fixture
def log() -> Log:
    return Log()


def fail() -> None:
    raise ValueError


REGISTRATIONS: dict[str, Callable[[IOLoop, Callable[..., Any]], Any]] = {
    "add_callback": lambda loop, callback: loop.add_callback(callback),
    "call_later": lambda loop, callback: loop.call_later(0, callback),
    "add_timeout": lambda loop, callback: loop.add_timeout(loop.time(), callback),
    "add_future": lambda loop, callback: loop.add_future(loop.done_future, lambda future: callback()),
    "add_callback with keywords": lambda loop, callback: loop.add_callback(lambda a: callback(), a=1),
    "wrap": lambda loop, callback: loop.spawn_callback(wrap(callback)),
    "wrap with keywords": lambda loop, callback: loop.spawn_callback(wrap(lambda a: callback()), a=1),
}


@pytest.mark.parametrize("register", REGISTRATIONS.values(), ids=REGISTRATIONS)
def test_callback_runs_inside_the_context(io_loop: IOLoop, log: Log, register: Any) -> None:
    with log.context("a"):
        register(io_loop, log.call("call"))
    assert log.take() == ["+a", "-a"]
    turn(io_loop)
    assert log.take() == ["+a", "call", "-a"]


def test_handler_of_a_descriptor_runs_inside_the_context(io_loop: IOLoop, log: Log) -> None:
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.send(b"x")
        with log.context("a"):
            io_loop.add_handler(
                reader, lambda fd, events: (log.call("call")(), io_loop.remove_handler(fd)), IOLoop.READ
            )
        log.take()
        turn(io_loop)
    assert log.take() == ["+a", "call", "-a"]


def test_periodic_callback_runs_inside_the_context(io_loop: IOLoop, log: Log) -> None:
    with log.context("a"):
        periodic = PeriodicCallback(lambda: (log.call("call")(), periodic.stop(), io_loop.stop()), 1)
        periodic.start()
    log.take()
    io_loop.start()
    assert log.take() == ["+a", "call", "-a"]


def test_contexts_are_entered_from_the_outside(io_loop: IOLoop, log: Log) -> None:
    with log.context("a"), log.context("b"):
        io_loop.add_callback(log.call("call"))
    log.take()
    turn(io_loop)
    assert log.take() == ["+a", "+b", "call", "-b", "-a"]


def test_callbacks_of_callbacks_inherit(io_loop: IOLoop, log: Log) -> None:
    def first() -> None:
        log.call("first")()
        with log.context("b"):
            io_loop.add_callback(log.call("second"))

    with log.context("a"):
        io_loop.add_callback(first)
    log.take()
    turn(io_loop)
    assert log.take() == ["+a", "first", "+b", "-b", "-a", "+a", "+b", "second", "-b", "-a"]


def test_code_outside_is_not_inside(io_loop: IOLoop, log: Log) -> None:
    with log.context("a"):
        pass
    log.take()
    io_loop.add_callback(log.call("call"))
    turn(io_loop)
    assert log.take() == ["call"]


@pytest.mark.parametrize("how", ["NullContext", "spawn_callback", "add_callback_from_signal"])
def test_leaving_the_contexts(io_loop: IOLoop, log: Log, how: str) -> None:
    with log.context("a"):
        if how == "NullContext":
            with NullContext():
                io_loop.add_callback(log.call("call"))
        else:
            getattr(io_loop, how)(log.call("call"))
        io_loop.add_callback(log.call("inside"))
    log.take()
    turn(io_loop)
    assert log.take() == ["call", "+a", "inside", "-a"]


def test_exception_goes_to_the_handlers_from_the_inside(io_loop: IOLoop, log: Log) -> None:
    with log.handler("outer"), log.handler("middle"), log.handler("inner", swallows=False):
        io_loop.add_callback(lambda: io_loop.add_callback(fail))
    turn(io_loop)
    assert log.take() == ["inner: ValueError", "middle: ValueError"]


def test_exception_that_no_handler_takes_is_logged(io_loop: IOLoop, log: Log, expect_log: Any) -> None:
    expect_log("asynchttp.application", "^Exception in callback .*fail", count=1)
    with log.handler("outer", swallows=False):
        io_loop.add_callback(fail)
    turn(io_loop)
    assert log.take() == ["outer: ValueError"]


def test_exception_in_the_block_itself(io_loop: IOLoop, log: Log) -> None:
    with log.handler("inside"):
        fail()
    with pytest.raises(ValueError), log.handler("looking on", swallows=False):
        fail()
    assert log.take() == ["inside: ValueError", "looking on: ValueError"]


def test_context_manager_sees_and_swallows_exceptions(io_loop: IOLoop) -> None:
    seen = []

    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        try:
            yield
        except ValueError:
            seen.append("swallowed")

    with StackContext(manager):
        io_loop.add_callback(fail)
    turn(io_loop)
    assert seen == ["swallowed"]


def test_deactivate(io_loop: IOLoop, log: Log) -> None:
    with log.context("a"), log.context("b") as deactivate:
        io_loop.add_callback(log.call("call"))
        io_loop.spawn_callback(wrap(log.call("wrapped")))
        deactivate()
    with log.handler("h") as deactivate_handler:
        io_loop.add_callback(log.call("no handler"))
        deactivate_handler()
    log.take()
    turn(io_loop)
    assert log.take() == ["+a", "call", "-a", "+a", "wrapped", "-a", "no handler"]


def test_exception_stack_context_takes_delay_warning() -> None:
    ExceptionStackContext(lambda kind, error, traceback: True, delay_warning=True)


# ---- wrap


def test_wrap_of_none_and_of_what_is_wrapped(log: Log) -> None:
    assert wrap(None) is None
    with log.context("a"):
        wrapped = wrap(fail)
        assert wrap(wrapped) is wrapped
        assert wrapped.__name__ == "fail"


def test_wrapped_function_returns_and_takes_arguments(log: Log) -> None:
    with log.context("a"):
        wrapped = wrap(lambda *args, **kwargs: (args, kwargs))
    assert wrapped(1, b=2) == ((1,), {"b": 2})


def test_wrapped_function_is_not_run_in_the_contexts_of_its_caller(io_loop: IOLoop, log: Log) -> None:
    """A pool's waiter must not fail in the handler of the request that happens to give a connection back."""
    with log.handler("first"):
        waiter = wrap(fail)
    with log.handler("second"):
        io_loop.add_callback(waiter)
    turn(io_loop)
    assert log.take() == ["first: ValueError"]


def test_function_wrapped_outside_runs_outside(io_loop: IOLoop, log: Log, expect_log: Any) -> None:
    with log.context("before"):  # from now on the program is one with contexts
        pass
    waiter = wrap(fail)
    expect_log("asynchttp.application", "^Exception in callback", count=1)
    with log.handler("second"):
        io_loop.add_callback(waiter)
    turn(io_loop)


def test_wrap_costs_nothing_in_programs_without_contexts() -> None:
    code = "from asynchttp.stack_context import wrap, NullContext\nwith NullContext(): assert wrap(print) is print"
    assert run_python("-c", code)[::2] == (0, "")


# ---- stack contexts and coroutines


def test_coroutine_goes_on_inside_its_context(io_loop: IOLoop, log: Log) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        log.call("one")()
        yield io_loop.done_future
        log.call("two")()
        yield gen.moment
        log.call("three")()

    async def main() -> None:
        with log.context("a"):
            future = coroutine()
        await future

    io_loop.run_sync(main)
    assert log.take() == ["+a", "one", "two", "-a", "+a", "three", "-a"]


def test_yield_inside_a_context_is_an_error(io_loop: IOLoop, log: Log) -> None:
    @gen.coroutine
    def coroutine() -> Any:
        with log.context("a"):
            yield gen.moment

    @gen.coroutine
    def catching() -> Any:
        with log.context("outer"):
            try:
                with log.context("a"):
                    yield gen.moment
            except StackContextInconsistentError:
                pass
        yield gen.moment
        return "went on"

    with pytest.raises(StackContextInconsistentError):
        io_loop.run_sync(coroutine)
    assert io_loop.run_sync(catching) == "went on"


def test_run_with_stack_context(io_loop: IOLoop, log: Log) -> None:
    @gen.coroutine
    def inner() -> Any:
        log.call("one")()
        yield gen.moment
        log.call("two")()
        return "result"

    @gen.coroutine
    def outer() -> Any:
        result = yield run_with_stack_context(log.context("a"), inner)
        log.call("outside")()
        return result

    assert io_loop.run_sync(outer) == "result"
    assert log.take() == ["+a", "one", "-a", "+a", "two", "-a", "outside"]


def test_contexts_left_in_another_order(log: Log) -> None:
    one, two = log.context("one"), log.context("two")
    one.__enter__()
    two.__enter__()
    with pytest.raises(StackContextInconsistentError):
        one.__exit__(None, None, None)
    with pytest.raises(StackContextInconsistentError):
        two.__exit__(None, None, None)
