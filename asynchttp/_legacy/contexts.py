"""Stack contexts: context managers that asynchronous calls re-enter.

How this works
==============
``with StackContext(factory): start_something(callback)`` promises that ``callback``, run later by the loop,
runs inside ``with factory():`` as well, and so does all that it starts in turn.

The contexts that are in force are a tuple in a ``ContextVar``. Asyncio copies the variable's value with
every callback, timer, reader and done-callback that is registered, so capturing costs nothing here. What
remains is to enter the contexts when such a callback runs, and there is one place for it: ``call`` in
``_loops.py``, decorated with ``@enters_stack_contexts``, through which the loop calls all user code.

``wrap`` is for callbacks that are stored without help of asyncio. What it returns carries its contexts with
it, and so is never run in those of the code that happens to schedule it.
"""

import contextlib
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

__all__ = [
    "ExceptionStackContext",
    "NullContext",
    "StackContext",
    "StackContextInconsistentError",
    "run_with_stack_context",
    "wrap",
]

_T = TypeVar("_T")
_S = TypeVar("_S")
_P = ParamSpec("_P")

#: ``handler(type, value, traceback)``; a true result means that the exception is dealt with.
ExceptionHandler = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


class StackContextInconsistentError(Exception):
    """A ``with StackContext`` block was not left where it was entered, mostly because of a ``yield`` in it."""


class _Context:
    """What ``StackContext`` and ``ExceptionStackContext`` share: membership in the tuple of contexts."""

    def __init__(self) -> None:
        self.active = True
        self._tokens: list[tuple[tuple[_Context, ...], Token[tuple[_Context, ...]]]] = []

    def _push(self) -> None:
        global _ever_used
        _ever_used = True
        mine = (*_contexts.get(), self)
        self._tokens.append((mine, _contexts.set(mine)))

    def _pop(self) -> None:
        mine, token = self._tokens.pop()
        found = _contexts.get()
        try:
            _contexts.reset(token)
        except ValueError:  # left in another asyncio context than it was entered in
            found = ()
        if found is not mine:
            raise StackContextInconsistentError(
                "stack_context inconsistency (may be caused by yield within a 'with StackContext' block)"
            )

    def _deactivate(self) -> None:
        """Leave this context out of all callbacks that are run from now on."""
        self.active = False

    def reentry(self) -> AbstractContextManager[Any]:
        """A context manager for one callback."""
        raise NotImplementedError


_contexts: ContextVar[tuple[_Context, ...]] = ContextVar("asynchttp.stack_contexts", default=())
_ever_used = False  # a program without stack contexts gets its functions back from wrap() as they are


class StackContext(_Context):
    """A context that is entered around the block, and around each callback that starts from it.

    Args:
        context_factory: returns a new context manager whenever the context is entered.

    ``with`` gives a function that takes the context out of force for callbacks run later.
    """

    def __init__(self, context_factory: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.context_factory = context_factory
        self._managers: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> Callable[[], None]:
        manager = self.context_factory()
        manager.__enter__()
        self._managers.append(manager)
        self._push()
        return self._deactivate

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return self._managers.pop().__exit__(kind, error, traceback)
        finally:
            self._pop()

    def reentry(self) -> AbstractContextManager[Any]:
        return self.context_factory()


class ExceptionStackContext(_Context):
    """A context that gives the exceptions of the block, and of each callback that starts from it, to a handler.

    Args:
        exception_handler: called with type, value and traceback; returns true when the exception ends with it.
        delay_warning: accepted for Tornado 5.1, whose deprecation warning it delayed; there is none here.
    """

    def __init__(self, exception_handler: ExceptionHandler, delay_warning: bool = False) -> None:
        super().__init__()
        self.exception_handler = exception_handler

    def __enter__(self) -> Callable[[], None]:
        self._push()
        return self._deactivate

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        try:
            return self._handle(kind, error, traceback)
        finally:
            self._pop()

    def _handle(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if kind is None or error is None:
            return False
        return bool(self.exception_handler(kind, error, traceback))

    def reentry(self) -> AbstractContextManager[Any]:
        return _Handler(self._handle)


class _Handler:
    """Gives the exception of one callback to an ``ExceptionStackContext``."""

    def __init__(self, handle: Callable[..., bool]) -> None:
        self._handle = handle

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: Any) -> bool:
        return self._handle(*exc_info)


class NullContext:
    """No stack context: what starts in the block doesn't belong to the code around it.

    For callbacks of an object that outlives the request which happens to create it.
    """

    def __init__(self) -> None:
        self._tokens: list[Token[tuple[_Context, ...]] | None] = []

    def __enter__(self) -> Self:
        # Where there is none nothing is set: what is called later would keep its own copy of that.
        self._tokens.append(_contexts.set(()) if _contexts.get() else None)
        return self

    def __exit__(self, *exc_info: object) -> None:
        token = self._tokens.pop()
        if token is not None:
            _contexts.reset(token)


def _call_inside(contexts: tuple[_Context, ...], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` inside ``contexts``, of which the last is the innermost."""
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context.reentry())
        return function(*args, **kwargs)


def _still_active(contexts: tuple[_Context, ...]) -> tuple[_Context, ...]:
    for context in contexts:
        if not context.active:
            return tuple(each for each in contexts if each.active)
    return contexts


class _Wrapped:
    """A callback with the contexts of the place where it was wrapped."""

    def __init__(self, function: Callable[..., Any], contexts: tuple[_Context, ...]) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._contexts = contexts

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        contexts = _still_active(self._contexts)
        token = _contexts.set(contexts)
        try:
            return _call_inside(contexts, self._function, *args, **kwargs)
        finally:
            _contexts.reset(token)

    def __repr__(self) -> str:
        return repr(self._function)


def wrap(fn: _T) -> _T:
    """Return a callable that runs ``fn`` in the stack contexts of this moment, wherever it is called.

    ``None`` stays ``None``, and what is wrapped stays as it is.
    """
    if fn is None or not _ever_used or isinstance(fn, _Wrapped):
        return fn
    return _Wrapped(fn, _contexts.get())  # type: ignore[arg-type,return-value]  # typed as what it stands for


def run_with_stack_context(context: AbstractContextManager[Any], func: Callable[[], _T]) -> _T:
    """Call ``func`` inside ``context``: a ``with`` block for coroutines, which can't have a ``yield`` in one.

    Use ``yield run_with_stack_context(StackContext(ctx), some_coroutine)``.
    """
    with context:
        return func()


def _carries_contexts(callback: Any) -> bool:
    return isinstance(callback.func if isinstance(callback, functools.partial) else callback, _Wrapped)


def enters_stack_contexts(call: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate ``call(callback, *args)`` to enter the contexts of the place that registered ``callback``."""

    def call_in_contexts(callback: Callable[..., Any], *args: Any) -> Any:
        contexts = _contexts.get()
        if not contexts or _carries_contexts(callback):
            return callback(*args)  # all that call() does, with a frame less
        active = _still_active(contexts)
        if active is not contexts:
            # Not undone: this asyncio context belongs to the callback, and what is deactivated stays so.
            _contexts.set(active)
        return _call_inside(active, call, callback, *args)

    return call_in_contexts


def set_contexts_in_force(contexts: tuple[_Context, ...]) -> None:
    """Replace the contexts that callbacks registered from now on will be run in."""
    global _ever_used
    _ever_used = True
    _contexts.set(contexts)


#: Returns the contexts that a callback registered now will be run in.
contexts_in_force = _contexts.get


def leaves_stack_contexts(method: Callable[Concatenate[_S, _P], _T]) -> Callable[Concatenate[_S, _P], _T]:
    """Decorate a method that registers callbacks, to keep the caller's contexts out of them."""

    @functools.wraps(method)
    def call_without_contexts(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with NullContext():
            return method(self, *args, **kwargs)

    return call_without_contexts
