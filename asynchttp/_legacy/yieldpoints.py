"""What coroutines of Tornado 2 to 5 yield: ``Callback``, ``Wait``, ``WaitAll``, and other ``YieldPoint`` objects.

How this works
==============
``@gen_step`` decorates the function that runs a generator up to its next ``yield``. When a yield point
comes out, the generator gets a ``_Keys``: the table of its pending callbacks, which yield points know as
their *runner*. The yield point is started on it and replaced by a future, so that the rest of the machinery
knows only futures.

From its first yield point on, exceptions in callbacks that the generator started come back to it: they are
raised at the ``yield`` at which it waits. For this an ``ExceptionStackContext`` is added to the contexts of
its asyncio context.
"""

import asyncio
import functools
import weakref
from asyncio import Future
from collections.abc import Callable, Generator, Hashable, Iterable
from concurrent import futures
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self

from asynchttp import _loops
from asynchttp._legacy.contexts import (
    ExceptionStackContext,
    StackContextInconsistentError,
    contexts_in_force,
    set_contexts_in_force,
    wrap,
)

__all__ = [
    "Arguments",
    "Callback",
    "KeyReuseError",
    "LeakedCallbackError",
    "MultiYieldPoint",
    "UnknownKeyError",
    "Wait",
    "WaitAll",
    "YieldFuture",
    "YieldPoint",
]


_P = ParamSpec("_P")


class KeyReuseError(Exception):
    """A generator yielded ``Callback`` with a key that is still pending."""


class UnknownKeyError(Exception):
    """A generator waits for a key that it yielded no ``Callback`` for."""


class LeakedCallbackError(Exception):
    """A generator ended without waiting for all of its ``Callback`` keys."""


class Arguments(NamedTuple):
    """The result of a callback that was called with more than one argument, or with keywords."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def argument_adapter(callback: Callable[[Any], object]) -> Callable[..., None]:
    """Return a function of any arguments that gives ``callback`` one: ``None``, the argument, or ``Arguments``."""

    def adapted(*args: Any, **kwargs: Any) -> None:
        if kwargs or len(args) > 1:
            callback(Arguments(args, kwargs))
        else:
            callback(args[0] if args else None)

    return adapted


class _Keys:
    """The pending callbacks of one generator, and the yield point that it waits for."""

    def __init__(self) -> None:
        self._pending: set[Hashable] = set()
        self._results: dict[Hashable, Any] = {}
        self._point: YieldPoint | None = None
        self._waiter: Future[Any] | None = None
        self.context = ExceptionStackContext(self._fail)
        self.failed = False

    # ---- what yield points call

    def register_callback(self, key: Hashable) -> None:
        if key in self._pending:
            raise KeyReuseError(f"key {key!r} is already pending")
        self._pending.add(key)

    def is_ready(self, key: Hashable) -> bool:
        if key not in self._pending:
            raise UnknownKeyError(f"key {key!r} is not pending")
        return key in self._results

    def set_result(self, key: Hashable, result: Any) -> None:
        self._results[key] = result
        self._resolve()

    def pop_result(self, key: Hashable) -> Any:
        self._pending.remove(key)
        return self._results.pop(key)

    def result_callback(self, key: Hashable) -> Callable[..., None]:
        return wrap(argument_adapter(lambda result: self.set_result(key, result)))

    # ---- what the generator's steps call

    def wait(self, point: "YieldPoint") -> Future[Any]:
        """Start ``point``; return a future of its result."""
        waiter: Future[Any] = _loops.current_loop().create_future()
        try:
            point.start(self)
        except Exception as error:
            waiter.set_exception(error)
            return waiter
        # Not before: results that come in while it starts find only a part of it ready to be asked.
        self._point, self._waiter = point, waiter
        self._resolve()
        return waiter

    def close(self) -> None:
        """The generator has ended; complain about callbacks that it forgot."""
        self.context.active = False
        # After an exception it may well not have come to wait for all of them.
        if self._pending and not self.failed:
            raise LeakedCallbackError(f"finished without waiting for callbacks {self._pending!r}")

    def _resolve(self) -> None:
        point, waiter = self._point, self._waiter
        if point is None or waiter is None:
            return
        try:
            if point.is_ready():
                result = point.get_result()
                self._point = self._waiter = None
                if not waiter.done():
                    waiter.set_result(result)
        except Exception as error:
            self._set_exception(error)

    def _set_exception(self, error: BaseException) -> bool:
        waiter, self._point, self._waiter = self._waiter, None, None
        if waiter is None or waiter.done():
            return False
        waiter.set_exception(error)
        return True

    def _fail(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> bool:
        # Not at a yield point: the exception is the generator's own, or nobody waits for what failed.
        return isinstance(error, Exception) and self._set_exception(error)


_ever_made = False  # most programs make no yield point, and pay next to nothing for those that do


class YieldPoint:
    """Something to wait for. Subclasses know how to start it and where its result is."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        global _ever_made
        _ever_made = True
        return super().__new__(cls)

    def start(self, runner: Any) -> None:
        """Begin to wait. ``runner`` has ``register_callback``, ``is_ready``, ``result_callback``, ``pop_result``."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Tell whether the result is there; asked at the start and after each callback of the generator."""
        raise NotImplementedError

    def get_result(self) -> Any:
        """Return the result, or raise; called once, when ``is_ready`` was true."""
        raise NotImplementedError


class Callback(YieldPoint):
    """``yield Callback(key)`` gives a function; ``yield Wait(key)`` waits until it is called."""

    def __init__(self, key: Hashable) -> None:
        self.key = key

    def start(self, runner: Any) -> None:
        self.runner = runner
        runner.register_callback(self.key)

    def is_ready(self) -> bool:
        return True

    def get_result(self) -> Any:
        return self.runner.result_callback(self.key)


class Wait(YieldPoint):
    """Waits for the call of a ``Callback``; the result is what it was called with."""

    def __init__(self, key: Hashable) -> None:
        self.key = key

    def start(self, runner: Any) -> None:
        self.runner = runner

    def is_ready(self) -> bool:
        return bool(self.runner.is_ready(self.key))

    def get_result(self) -> Any:
        return self.runner.pop_result(self.key)


class WaitAll(YieldPoint):
    """Waits for several ``Callback`` keys; the result is the list of theirs, in the same order."""

    def __init__(self, keys: Iterable[Hashable]) -> None:
        self.keys = list(keys)

    def start(self, runner: Any) -> None:
        self.runner = runner

    def is_ready(self) -> bool:
        return all(self.runner.is_ready(key) for key in self.keys)

    def get_result(self) -> Any:
        return [self.runner.pop_result(key) for key in self.keys]


class YieldFuture(YieldPoint):
    """A future as a yield point."""

    def __init__(self, future: Any, io_loop: object = None) -> None:
        loop = _loops.current_loop()
        self.future: Future[Any]
        if isinstance(future, futures.Future):
            self.future = asyncio.wrap_future(future, loop=loop)
        else:
            self.future = asyncio.ensure_future(future, loop=loop)

    def start(self, runner: Any) -> None:
        self.runner = runner
        self.key = object()
        runner.register_callback(self.key)
        deliver = runner.result_callback(self.key)
        if self.future.done():
            deliver(None)
        else:
            self.future.add_done_callback(deliver)

    def is_ready(self) -> bool:
        return bool(self.runner.is_ready(self.key))

    def get_result(self) -> Any:
        self.runner.pop_result(self.key)
        return self.future.result()


class MultiYieldPoint(YieldPoint):
    """Waits for all of a list or dict of yield points and futures; the result is a list or dict of theirs.

    The first exception is raised; the others are dropped.
    """

    def __init__(self, children: Any, quiet_exceptions: object = ()) -> None:
        self._keys = list(children) if isinstance(children, dict) else None
        values = children.values() if isinstance(children, dict) else children
        self.children = [child if isinstance(child, YieldPoint) else YieldFuture(child) for child in values]
        self._unfinished = set(self.children)

    def start(self, runner: Any) -> None:
        for child in self.children:
            child.start(runner)

    def is_ready(self) -> bool:
        # Each is asked until it is ready once, and not again: it may have no more answer then.
        self._unfinished = {child for child in self._unfinished if not child.is_ready()}
        return not self._unfinished

    def get_result(self) -> Any:
        results: list[Any] = []
        failure: BaseException | None = None
        for child in self.children:
            try:
                results.append(child.get_result())
            except Exception as error:
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # its traceback refers to this frame
        return results if self._keys is None else dict(zip(self._keys, results, strict=True))


def _any_yield_point(children: Any) -> bool:
    values = children.values() if isinstance(children, dict) else children
    return any(isinstance(child, YieldPoint) for child in values)


def takes_yield_points(multi: Callable[_P, Any]) -> Callable[_P, Any]:
    """Decorate ``multi(children, quiet_exceptions)`` to return a yield point if one of the children is one."""

    @functools.wraps(multi)
    def multi_or_yield_point(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        children = args[0] if args else kwargs["children"]
        if _ever_made and _any_yield_point(children):
            return MultiYieldPoint(children)
        return multi(*args, **kwargs)

    return multi_or_yield_point


_keys_of: weakref.WeakKeyDictionary[Generator[Any, Any, Any], _Keys] = weakref.WeakKeyDictionary()


def _start_yield_point(gen: Generator[Any, Any, Any], keys: _Keys | None, yielded: Any) -> Any:
    """Return a future in place of a yield point, or of a list or dict with one in it."""
    if not isinstance(yielded, YieldPoint):
        if not _any_yield_point(yielded):
            return yielded
        yielded = MultiYieldPoint(yielded)
    if keys is None:
        keys = _keys_of[gen] = _Keys()
        set_contexts_in_force((*contexts_in_force(), keys.context))
    return keys.wait(yielded)


def gen_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate ``step(gen, resume, box)``, which runs ``gen`` up to its next ``yield`` by
    ``resume(box.pop())``.

    Yield points that come out are replaced by futures. A generator that yields inside ``with StackContext``
    gets a ``StackContextInconsistentError`` there.
    """

    # HOT: once for each time that a coroutine goes on.
    def legacy_step(gen: Generator[Any, Any, Any], resume: Callable[[Any], Any], box: list[Any]) -> Any:
        contexts = contexts_in_force()
        keys = _keys_of.get(gen) if _ever_made else None
        if keys is not None and isinstance(box[-1], BaseException):
            keys.failed = True
        try:
            yielded = resume(box.pop())  # all that step() does, with a frame less
            if contexts_in_force() is not contexts:
                try:
                    yielded = gen.throw(StackContextInconsistentError("yield inside a 'with StackContext' block"))
                finally:
                    set_contexts_in_force(contexts)
        except StopIteration:
            if keys is not None:
                keys.close()
            raise
        if _ever_made and isinstance(yielded, YieldPoint | list | dict):
            return _start_yield_point(gen, keys, yielded)
        return yielded

    return legacy_step
