"""Generator coroutines, and what they may yield, as futures.

How this works
==============
A function under ``@coroutine`` runs at once, in the caller's turn of the loop, until it yields something
that isn't done. It returns a future, already finished if it got to its end. Otherwise a ``Runner`` waits
for what was yielded (one done callback, no task) and then runs the generator on.

As in a task of asyncio

* all of it runs in one copy of the caller's ``contextvars`` context, and
* cancelling the future cancels what the coroutine waits for, and raises ``CancelledError`` at its
  ``yield``; it may catch it. (Tornado leaves the coroutine running.)

It is not a task: ``asyncio.current_task()`` is the caller's up to the first wait, and ``None`` later.

Who keeps whom alive: awaited future -> callback -> Runner <-> future of the coroutine. A coroutine whose
awaited future is dropped is dropped with it, silently. Nothing refers to a Runner when its generator has
ended; no cycle is left.

This module knows only asyncio. ``gen.py`` presents it and adds what needs an IOLoop.
"""

import asyncio
import contextvars
import functools
import inspect
import os
from asyncio import CancelledError, Future
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent import futures
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar, cast

from asynchttp import _loops
from asynchttp._legacy.yieldpoints import gen_step, takes_yield_points
from asynchttp.log import app_log

__all__ = [
    "BadYieldError",
    "CoroutineFuture",
    "Return",
    "Runner",
    "convert_yielded",
    "coroutine",
    "is_coroutine_function",
    "moment",
    "multi",
    "multi_future",
]

_T = TypeVar("_T")
_P = ParamSpec("_P")


class BadYieldError(Exception):
    """A coroutine yielded, or ``run_sync`` was given, something that can't be waited for."""


class Return(Exception):
    """``raise Return(value)`` in a coroutine means ``return value``, which Python 2 had not."""

    def __init__(self, value: Any = None) -> None:
        super().__init__()
        self.value = value
        self.args = (value,)


class _Moment:
    """The type of ``moment``."""

    def done(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return False

    def result(self) -> None:
        return None

    def exception(self) -> None:
        return None

    def __await__(self) -> Iterator[None]:
        yield  # asyncio's tasks go on in the next turn after this, as asyncio.sleep(0) does


#: ``yield moment`` lets the loop run one turn.
moment = cast("Future[None]", _Moment())


_PACKAGE = os.path.dirname(__file__) + os.sep


def _show_caller(future: "Future[Any]") -> None:
    """In asyncio's debug mode, let "created at" name the place that called the coroutine."""
    frames = future._source_traceback  # type: ignore[attr-defined]  # not in typeshed; asyncio's repr shows it
    while frames and frames[-1].filename.startswith(_PACKAGE):
        frames.pop()


def _current_loop() -> asyncio.AbstractEventLoop:
    return asyncio._get_running_loop() or _loops.current_loop()


# Asyncio's loops hold their tasks weakly, and who yields a coroutine holds nothing.
_tasks: set["Future[Any]"] = set()


@functools.singledispatch
def convert_yielded(yielded: Any) -> "Future[Any]":
    """Return a future in place of what a coroutine may yield.

    That is: futures of asyncio and of threads, awaitables, lists and dicts of all these, and ``None``,
    which is ``moment``. ``convert_yielded.register(type, function)`` adds a type.

    Raises:
        BadYieldError: it is something else.
    """
    if yielded is None or yielded is moment:
        return moment
    if isinstance(yielded, list | dict):
        return cast("Future[Any]", multi(yielded))  # no yield point: those are replaced before
    if isinstance(yielded, futures.Future):
        return asyncio.wrap_future(yielded, loop=_current_loop())
    if inspect.isawaitable(yielded):
        task = asyncio.ensure_future(yielded, loop=_current_loop())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return task
    raise BadYieldError(f"yielded unknown object {yielded!r}")


convert_yielded.register(Future, lambda yielded: yielded)


# ---- several at once


class _Gathered(Future[Any]):
    """The future of ``multi``; cancelling it cancels the children."""

    children: Sequence["Future[Any]"] = ()

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done():
            return False
        asked = False
        for child in self.children:
            asked |= child is not moment and child.cancel(msg)
        return asked or super().cancel(msg)


@takes_yield_points
def multi(
    children: Sequence[Any] | Mapping[Any, Any],
    quiet_exceptions: type[Exception] | tuple[type[Exception], ...] = (),
) -> "Future[Any]":
    """Wait for all of a list or dict of yieldable objects; the result is a list or dict of their results.

    Args:
        quiet_exceptions: the first exception, in the order of ``children``, is the result's; others are
            logged unless they are of these classes.
    """
    keys = list(children) if isinstance(children, Mapping) else None
    values = children.values() if isinstance(children, Mapping) else children
    awaited = [child if isinstance(child, Future) else convert_yielded(child) for child in values]
    gathered = _Gathered(loop=_current_loop())
    pending = {child for child in awaited if not child.done()}
    left = len(pending)

    def finish() -> None:
        if gathered.done():
            return
        failure: BaseException | None = None
        results = []
        for child in awaited:
            error = CancelledError() if child.cancelled() else child.exception()
            if error is None:
                results.append(child.result())
            elif failure is None:
                failure = error
            elif not isinstance(error, CancelledError) and not isinstance(error, quiet_exceptions):
                app_log.error("Multiple exceptions in yield list", exc_info=error)
        gathered.children = ()
        if failure is None:
            gathered.set_result(results if keys is None else dict(zip(keys, results, strict=True)))
        else:
            # Also CancelledError: as with asyncio.gather, it is the outcome, and the future doesn't count as cancelled.
            gathered.set_exception(failure)

    def count(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            finish()

    if pending:
        gathered.children = awaited
        for child in pending:
            child.add_done_callback(count)
    else:
        finish()
    return gathered


multi_future = multi


# ---- coroutines


@gen_step
def _step(gen: Generator[Any, Any, Any], resume: Callable[[Any], Any], box: list[Any]) -> Any:
    return resume(box.pop())


class CoroutineFuture(Future[Any]):
    """The future of a coroutine that waits; cancelling it cancels the coroutine."""

    runner: "Runner | None" = None  # until the coroutine ends

    def cancel(self, msg: Any | None = None) -> bool:
        if self.runner is None:
            return super().cancel(msg)
        return self.runner.cancel(msg)


def _settle(future: "Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, CancelledError):
        future.cancel(*error.args[:1])
    else:
        future.set_exception(error)


def _settled(loop: asyncio.AbstractEventLoop, result: Any, error: BaseException | None = None) -> "Future[Any]":
    future: Future[Any] = Future(loop=loop)
    if future._source_traceback:  # type: ignore[attr-defined]  # not in typeshed
        _show_caller(future)
    _settle(future, result, error)
    return future


class Runner:
    """Runs one generator from each ``yield`` to the next, and sets its future in the end.

    No cycle is left when it has ended. An exception that comes out of the generator refers, by its traceback, to the
    frames of this class, and so must not be found in them again: exceptions are passed on in ``_box`` instead of
    arguments, and nothing here keeps the future in the end.
    """

    __slots__ = ("__weakref__", "_awaited", "_box", "_cancelled", "_context", "_future", "_gen", "_loop")

    def __init__(
        self, gen: Generator[Any, Any, Any], loop: asyncio.AbstractEventLoop, context: contextvars.Context
    ) -> None:
        self._gen = gen
        self._loop = loop
        self._context = context
        self._future: CoroutineFuture | None = None  # until the first wait there is none, and afterwards until the end
        self._awaited: Future[Any] | None = None
        self._box: list[Any] = [None]
        self._cancelled = False  # asked to cancel, and CancelledError isn't raised yet

    def start(self) -> "Future[Any]":
        """Run the generator for the first time; return the future. Called in the context."""
        return self._advance(self._gen.send)

    def cancel(self, msg: Any | None = None) -> bool:
        """Raise ``CancelledError`` at the ``yield`` where the generator waits, or where it will wait next."""
        if self._awaited is None or not self._awaited.cancel(msg):
            self._cancelled = True
        return True

    # HOT: _wake_up to _wait run once for each time that a coroutine goes on. In the context.
    def _wake_up(self, awaited: "Future[Any] | None") -> None:
        self._awaited = None
        resume = self._take_outcome(awaited)
        awaited = None
        _loops.call(self._advance, resume)

    def _take_outcome(self, awaited: Any) -> Callable[[Any], Any]:
        """Put what ``awaited`` came to into the box; return how to run the generator on."""
        if self._cancelled:
            self._cancelled = False
            self._box.append(CancelledError())
            return self._gen.throw
        try:
            error = awaited.exception()
        except CancelledError as cancelled:  # not kept in a local: its traceback begins here
            self._box.append(cancelled)
            return self._gen.throw
        if error is not None:
            self._box.append(error)
            return self._gen.throw
        self._box.append(awaited.result())
        return self._gen.send

    def _advance(self, resume: Callable[[Any], Any]) -> "Future[Any]":
        """Run the generator until it has to wait or ends; return its future."""
        yielded: Any = None
        awaited: Any = None
        try:
            while True:
                try:
                    yielded = _step(self._gen, resume, self._box)
                except (StopIteration, Return) as end:
                    return self._finish(end.value)
                except (Exception, CancelledError) as error:
                    return self._finish(None, error)
                except BaseException as error:  # KeyboardInterrupt, SystemExit: end the loop too
                    self._finish(None, error).exception()  # so that it counts as seen; the loop raises it
                    raise
                if isinstance(yielded, Future):
                    awaited = yielded
                else:
                    try:
                        awaited = convert_yielded(yielded)
                    except Exception as error:
                        self._box.append(error)
                        resume = self._gen.throw
                        continue
                if awaited is moment or not awaited.done():
                    return self._wait(awaited)
                resume = self._take_outcome(awaited)
        finally:
            yielded = awaited = None

    def _wait(self, awaited: "Future[Any]") -> "Future[Any]":
        future = self._future
        if future is None:
            future = self._future = CoroutineFuture(loop=self._loop)
            future.runner = self
            if future._source_traceback:  # type: ignore[attr-defined]  # not in typeshed
                _show_caller(future)
        if awaited is moment:
            self._loop.call_soon(self._wake_up, awaited, context=self._context)
            return future
        if self._cancelled and awaited.cancel():  # the generator cancelled itself
            self._cancelled = False
        self._awaited = awaited
        awaited.add_done_callback(self._wake_up, context=self._context)
        return future

    def _finish(self, result: Any, error: BaseException | None = None) -> "Future[Any]":
        future, self._future = self._future, None
        if future is None:
            return _settled(self._loop, result, error)
        future.runner = None
        if error is None and self._cancelled:
            error = CancelledError()
        _settle(future, result, error)
        return future


def coroutine(func: Callable[_P, Generator[Any, Any, _T]] | Callable[_P, _T]) -> "Callable[_P, Future[_T]]":
    """Decorate a generator function to return a future: each ``yield`` waits, and has the result as its value.

    The first part runs in the call. What the function raises becomes the future's exception; what it returns (or raises
    as ``Return``) becomes its result. A function that isn't a generator gets a future that is done.
    """

    # HOT: once for each coroutine. No local may refer to the future, for the same reason as in Runner.
    @functools.wraps(func)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        loop = asyncio._get_running_loop() or _loops.current_loop()
        context = contextvars.copy_context()
        try:
            result: Any = context.run(func, *args, **kwargs)
        except (Return, StopIteration) as end:
            return _settled(loop, end.value)
        except (Exception, CancelledError) as error:
            return _settled(loop, None, error)
        # The plain test first: the other also takes Cython's generators, and more time.
        if type(result) is GeneratorType or isinstance(result, Generator):
            return context.run(Runner(result, loop, context).start)
        return _settled(loop, result)

    wrapper.__tornado_coroutine__ = True  # type: ignore[attr-defined]  # Tornado's mark, for is_coroutine_function
    return wrapper


def is_coroutine_function(func: Any) -> bool:
    """Tell whether ``func`` was decorated with ``coroutine``, ours or Tornado's."""
    return getattr(func, "__tornado_coroutine__", False)
