"""The event loop under Tornado's names: a thin adapter over an asyncio loop.

How this works
==============
There is at most one ``IOLoop`` for each asyncio loop; the asyncio loop carries it as an attribute, so that
neither keeps the other from being collected and no table has to be cleaned. ``IOLoop.current()`` finds the
asyncio loop (``_loops.py`` has the rules) and returns its ``IOLoop``, which it makes when the loop came
from elsewhere, such as ``asyncio.run``.

All user code that the loop starts goes through ``_run_callback``: what it raises is given to
``handle_callback_exception``, and what it returns, if that can be awaited, is awaited.

Source: Tornado ``tornado.ioloop``.
"""

import asyncio
import datetime
import functools
import inspect
import math
import numbers
import os
import random
import signal
import sys
import time
import traceback
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent import futures
from types import FrameType
from typing import Any, Protocol, TypeVar, overload

from asynchttp import _loops, _signals
from asynchttp._coroutines import CoroutineFuture, convert_yielded
from asynchttp._heap import keep_freed_memory
from asynchttp._legacy.contexts import leaves_stack_contexts
from asynchttp._loops import new_asyncio_loop
from asynchttp._watchdog import Watchdog
from asynchttp.log import app_log, gen_log
from asynchttp.util import Configurable, TimeoutError, import_object

__all__ = [
    "Configurable",
    "IOLoop",
    "PeriodicCallback",
    "PollIOLoop",
    "TimeoutError",
    "import_object",
    "new_asyncio_loop",
]

_T = TypeVar("_T")


class _Selectable(Protocol):
    """What ``add_handler`` takes beside a bare descriptor: a socket, a file, a pipe."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class _Handler:
    """One registration of ``add_handler``; its identity tells it from a later one for the same descriptor."""

    __slots__ = ("callback", "source")

    def __init__(self, source: int | _Selectable, callback: Callable[[Any, int], Any]) -> None:
        self.source = source
        self.callback = callback


# Where the asyncio loop carries its IOLoop.
_ATTRIBUTE = "_asynchttp_ioloop"


class IOLoop(Configurable):
    """An event loop.

    Args:
        make_current: ``True`` makes this the thread's loop; ``None`` does so only where there is none.
        asyncio_loop: the asyncio loop to use; a new one (``new_asyncio_loop``) if omitted.
        time_func: the clock of ``time`` and of absolute deadlines, in seconds; ``time.time`` if omitted.

    Raises:
        RuntimeError: ``asyncio_loop`` has an ``IOLoop`` already.

    Only ``add_callback``, ``add_callback_from_signal``, ``spawn_callback`` and ``stop`` may be called from
    another thread than the one that runs the loop.
    """

    NONE = 0
    READ = 0x001
    WRITE = 0x004
    #: Asyncio reports errors of a descriptor as readable or writable, so this bit has no effect of its own.
    ERROR = 0x018

    #: The loop that this one drives.
    asyncio_loop: AbstractEventLoop
    #: A finished future of this loop, with the result ``None``, for whoever has nothing to wait for.
    done_future: asyncio.Future[None]

    # ---- which loop

    @staticmethod
    def instance() -> "IOLoop":
        """Return the loop of the process, in whichever thread this is called.

        It is the first loop that the main thread made or ran, or one that was ``install``-ed. If there is
        none this is ``current()``; and if that made a loop, it is the loop of the process from then on.
        """
        loop = _loops.process_loop()
        if loop is None:
            made = _loops.thread_loop() is None
            loop = _loops.current_loop()
            _loops.claim_process_loop(loop, any_thread=made)
        return _ioloop_of(loop)

    @staticmethod
    def initialized() -> bool:
        """Tell whether the loop of the process exists."""
        return _loops.process_loop() is not None

    def install(self) -> None:
        """Make this the loop of the process, and of this thread."""
        _loops.set_process_loop(self.asyncio_loop)
        self.make_current()

    @staticmethod
    def clear_instance() -> None:
        """Forget the loop of the process, and that of this thread."""
        _loops.set_process_loop(None)
        IOLoop.clear_current()

    @overload
    @staticmethod
    def current() -> "IOLoop": ...

    @overload
    @staticmethod
    def current(instance: bool) -> "IOLoop | None": ...

    @staticmethod
    def current(instance: bool = True) -> "IOLoop | None":
        """Return the loop that runs in this thread, else the thread's own.

        Args:
            instance: what if there is neither. True: the main thread makes one, which becomes its own;
                another thread gets the loop of the process, or makes one if there is none. False: return ``None``.
        """
        loop = asyncio._get_running_loop()
        if loop is None:
            if not instance:
                loop = _loops.thread_loop()
                return None if loop is None else _ioloop_of(loop)
            loop = _loops.current_loop()
        return _ioloop_of(loop)

    def make_current(self) -> None:
        """Make this the loop that ``current()`` and asyncio name in this thread while none runs."""
        asyncio.set_event_loop(self.asyncio_loop)
        _loops.claim_process_loop(self.asyncio_loop)

    @staticmethod
    def clear_current() -> None:
        """Undo ``make_current`` in this thread."""
        _loops.clear_thread_loop()

    # ---- making one

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return IOLoop

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return IOLoop

    @classmethod
    def configure(cls, impl: "str | type[Configurable] | None", **kwargs: Any) -> None:
        """Choose the subclass of ``IOLoop`` to make.

        Names of Tornado's own implementations are accepted and mean the default, because all are asyncio's now.

        Raises:
            RuntimeError: ``impl`` is a loop that isn't based on asyncio.
        """
        if _is_tornados(impl):
            impl = None
        elif isinstance(impl, str):
            impl = import_object(impl)
        if impl is not None and not (isinstance(impl, type) and issubclass(impl, IOLoop)):
            raise RuntimeError(f"only loops based on asyncio are supported, and this isn't one: {impl!r}")
        super().configure(impl, **kwargs)

    def initialize(
        self,
        make_current: bool | None = None,
        *,
        asyncio_loop: AbstractEventLoop | None = None,
        time_func: Callable[[], float] | None = None,
    ) -> None:
        if make_current is not None and not isinstance(make_current, bool):
            raise TypeError(f"make_current must be True, False or None, not {make_current!r}")
        if asyncio_loop is None:
            asyncio_loop = new_asyncio_loop()
        elif getattr(asyncio_loop, _ATTRIBUTE, None) is not None:
            raise RuntimeError(f"{asyncio_loop!r} has an IOLoop already")
        keep_freed_memory()
        self.asyncio_loop = asyncio_loop
        self.time_func = time.time if time_func is None else time_func
        self.done_future = asyncio_loop.create_future()
        self.done_future.set_result(None)
        self._handlers: dict[int, _Handler] = {}
        self._closing = False
        self._watchdog: Watchdog | None = None
        _loops.remember(asyncio_loop)
        setattr(asyncio_loop, _ATTRIBUTE, self)
        current = _loops.thread_loop()
        if make_current or (make_current is None and current is None):
            self.make_current()
        elif current is asyncio_loop:
            _loops.claim_process_loop(asyncio_loop)

    # ---- running

    def start(self) -> None:
        """Run until ``stop``. A ``KeyboardInterrupt`` (Ctrl-C) ends it and is raised from here.

        Raises:
            RuntimeError: this loop, or another one of this thread, is running already; or this one is closed.
        """
        self._in_start = True
        try:
            self._run()
        finally:
            self._in_start = False

    #: :meth:`start` runs the loop, and nothing else.
    _in_start = False

    def _run(self) -> None:
        if self.asyncio_loop.is_running():
            raise RuntimeError("IOLoop is already running")
        _loops.claim_process_loop(self.asyncio_loop)
        with _signals.woken_by_signals(self.asyncio_loop), _signals.ended_by_sigint(self.asyncio_loop):
            self.asyncio_loop.run_forever()

    def stop(self) -> None:
        """End ``start`` after the present turn; a ``start`` to come returns at once.

        From any thread and from a signal handler.
        """
        if asyncio._get_running_loop() is self.asyncio_loop:
            self.asyncio_loop.stop()
            # A handler of signal.signal may have called this while the loop waits, which it would go on with.
            self.asyncio_loop.call_soon_threadsafe(_nothing)
        else:
            self._call_soon_threadsafe(self.asyncio_loop.stop)

    def stop_start(self) -> bool:
        """``stop``, if the loop is run by ``start``; tell whether it is."""
        if self._in_start:
            self.stop()
        return self._in_start

    def running(self) -> bool:
        """Tell whether the loop runs."""
        return self.asyncio_loop.is_running()

    def close(self, all_fds: bool = False) -> None:
        """Free what the loop holds, and close the asyncio loop.

        Args:
            all_fds: close also each descriptor or object that is registered with ``add_handler``.

        Raises:
            RuntimeError: the loop is running.
        """
        if self.asyncio_loop.is_running():
            raise RuntimeError("Cannot close a running IOLoop")
        self._closing = True
        if self._watchdog is not None:
            self._watchdog.stop()
        for fd, handler in list(self._handlers.items()):
            self._forget_handler(fd)
            if all_fds:
                self.close_fd(handler.source)
        _loops.clear_thread_loop(self.asyncio_loop)
        self.asyncio_loop.close()
        # Cuts the cycle, so that what the loop still holds goes with it, and not at some later moment.
        if getattr(self.asyncio_loop, _ATTRIBUTE, None) is self:
            delattr(self.asyncio_loop, _ATTRIBUTE)

    def run_sync(self, func: Callable[[], Any], timeout: float | None = None) -> Any:
        """Run the loop until what ``func`` returns is done, and return its result.

        Args:
            func: called by the loop; returns an awaitable, a Future or ``None``.
            timeout: seconds. When they are over the awaitable is cancelled, unless it is a generator coroutine.

        Raises:
            TimeoutError: the time was over.
            RuntimeError: something stopped the loop first.
            BadYieldError: ``func`` returned something else.
        """
        future: asyncio.Future[Any] | None = None
        timed_out = False

        def finish(_: object) -> None:
            self.stop()

        def run() -> None:
            nonlocal future
            try:
                result = func()
                future = self.done_future if result is None else convert_yielded(result)
            except Exception as error:
                future = self.asyncio_loop.create_future()
                future.set_exception(error)
            future.add_done_callback(finish)

        def give_up() -> None:
            nonlocal timed_out
            timed_out = True
            # A generator coroutine is left where it waits, as in Tornado, whose gen_test then shows that place.
            if future is None or isinstance(future, CoroutineFuture) or not future.cancel():
                self.stop()

        start = self.asyncio_loop.call_soon(run)
        limit = None if timeout is None else self.asyncio_loop.call_later(timeout, give_up)
        try:
            self._run()
        finally:
            # An exception such as KeyboardInterrupt may have come first.
            start.cancel()
            if limit is not None:
                limit.cancel()
            if future is not None:
                future.remove_done_callback(finish)
        if future is not None and future.done():
            try:
                return future.result()
            except asyncio.CancelledError:
                if not timed_out:
                    raise
        if timed_out:
            raise TimeoutError(f"Operation timed out after {timeout} seconds")
        raise RuntimeError("Event loop stopped before Future completed.")

    # ---- descriptors

    def add_handler(self, fd: int | _Selectable, handler: Callable[[Any, int], Any], events: int) -> None:
        """Call ``handler(fd, events)`` whenever ``fd`` is ready.

        Args:
            fd: a descriptor, or an object with ``fileno()`` and ``close()``. The handler gets what was given here.
            events: ``READ``, ``WRITE``, or both, which may come as two calls.

        Raises:
            ValueError: there is a handler for this descriptor.
        """
        number, source = self.split_fd(fd)
        if number in self._handlers:
            raise ValueError(f"fd {number} added twice")
        self._handlers[number] = _Handler(source, handler)
        try:
            self._watch_fd(number, events)
        except BaseException:  # asyncio may refuse, as it does for a regular file
            del self._handlers[number]
            raise

    def update_handler(self, fd: int | _Selectable, events: int) -> None:
        """Replace the events that the handler of ``fd`` is called for."""
        number, _ = self.split_fd(fd)
        if number not in self._handlers:
            raise ValueError(f"fd {number} has no handler")
        self._watch_fd(number, events)

    def remove_handler(self, fd: int | _Selectable) -> None:
        """Stop calling the handler of ``fd``, also in this turn; fine if there is none."""
        number, source = self.split_fd(fd)
        if number < 0:  # a socket that was closed first: its number is lost, and maybe another's already
            number = next((n for n, h in self._handlers.items() if h.source is source), -1)
        if number in self._handlers:
            self._forget_handler(number)

    def split_fd(self, fd: int | _Selectable) -> tuple[int, int | _Selectable]:
        """Return the number of a descriptor, and what was given."""
        return (fd, fd) if isinstance(fd, int) else (fd.fileno(), fd)

    def close_fd(self, fd: int | _Selectable) -> None:
        """Close a descriptor or an object; one that is closed already is no error."""
        try:
            if isinstance(fd, int):
                os.close(fd)
            else:
                fd.close()
        except OSError:
            pass

    def _watch_fd(self, fd: int, events: int) -> None:
        handler = self._handlers[fd]
        if events & self.READ:
            self.asyncio_loop.add_reader(fd, self._handle_event, fd, handler, self.READ)
        else:
            self.asyncio_loop.remove_reader(fd)
        if events & self.WRITE:
            self.asyncio_loop.add_writer(fd, self._handle_event, fd, handler, self.WRITE)
        else:
            self.asyncio_loop.remove_writer(fd)

    def _forget_handler(self, fd: int) -> None:
        del self._handlers[fd]
        if not (self.asyncio_loop.is_closed() or _loops.shares_descriptors(self.asyncio_loop)):
            self.asyncio_loop.remove_reader(fd)
            self.asyncio_loop.remove_writer(fd)

    def _handle_event(self, fd: int, handler: _Handler, event: int) -> None:
        # Another handler of this turn may have removed or replaced this one.
        if self._handlers.get(fd) is handler:
            self._run_callback(handler.callback, handler.source, event)

    # ---- time

    def time(self) -> float:
        """Return the present in seconds, on the scale of absolute deadlines: ``time.time()`` or ``time_func``."""
        return self.time_func()

    def add_timeout(
        self, deadline: float | datetime.timedelta, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> object:
        """Call ``callback`` once, at a moment on ``time()``'s scale or after a ``timedelta``.

        Returns: a handle for ``remove_timeout``.
        """
        if isinstance(deadline, numbers.Real):
            return self.call_at(float(deadline), callback, *args, **kwargs)
        if isinstance(deadline, datetime.timedelta):
            return self.call_later(deadline.total_seconds(), callback, *args, **kwargs)
        raise TypeError(f"Unsupported deadline {deadline!r}")

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> object:
        """Call ``callback`` once, at a moment on ``time()``'s scale; at once if that is past."""
        return self.call_later(when - self.time(), callback, *args, **kwargs)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> object:
        """Call ``callback`` once, ``delay`` seconds from now."""
        if kwargs:
            callback, args = functools.partial(callback, *args, **kwargs), ()
        return self.asyncio_loop.call_later(max(0, delay), self._run_callback, callback, *args)

    def remove_timeout(self, timeout: Any) -> None:
        """Don't make the call that ``timeout`` stands for; fine if it was made already."""
        timeout.cancel()

    # ---- callbacks

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call ``callback`` in the loop's next turn.

        From any thread; a closed loop ignores it. From a handler of ``signal.signal`` use
        ``add_callback_from_signal``, unless ``start`` runs the loop.
        """
        if kwargs:
            callback, args = functools.partial(callback, *args, **kwargs), ()
        if asyncio._get_running_loop() is self.asyncio_loop:
            self.asyncio_loop.call_soon(self._run_callback, callback, *args)
        else:
            self._call_soon_threadsafe(self._run_callback, callback, *args)

    @leaves_stack_contexts
    def add_callback_from_signal(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """``add_callback`` for a handler of ``signal.signal``: wakes a loop that waits, whoever runs it."""
        if kwargs:
            callback, args = functools.partial(callback, *args, **kwargs), ()
        self._call_soon_threadsafe(self._run_callback, callback, *args)

    @leaves_stack_contexts
    def spawn_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """``add_callback``, apart from the stack context of the caller."""
        self.add_callback(callback, *args, **kwargs)

    def add_future(self, future: asyncio.Future[_T] | futures.Future[_T], callback: Callable[[Any], Any]) -> None:
        """Call ``callback(future)`` in a later turn once the future is done; a future of another thread may be given.

        Raises:
            AssertionError: ``future`` isn't a future.
        """
        if isinstance(future, asyncio.Future) and future.get_loop() is self.asyncio_loop:
            future.add_done_callback(functools.partial(self._run_callback, callback))
        elif isinstance(future, asyncio.Future | futures.Future):
            future.add_done_callback(functools.partial(self.add_callback, callback))
        else:
            raise AssertionError(f"add_future needs a Future, not {future!r}")

    def run_in_executor(
        self, executor: futures.Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run ``func(*args)`` on an executor, the loop's own if ``None``; return a Future."""
        return self.asyncio_loop.run_in_executor(executor, func, *args)

    def set_default_executor(self, executor: futures.ThreadPoolExecutor) -> None:
        """Choose the executor that ``None`` stands for in ``run_in_executor``."""
        self.asyncio_loop.set_default_executor(executor)

    def handle_callback_exception(self, callback: Callable[..., Any]) -> None:
        """Called in an ``except`` block when a callback raised; logs it. Subclasses may do otherwise."""
        app_log.error("Exception in callback %r", callback, exc_info=True)

    def _call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            self.asyncio_loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            # Threads may still have something to tell when the loop is gone.
            if not self._closing and not self.asyncio_loop.is_closed():
                raise

    def _run_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            result = _loops.call(callback, *args)
            if result is not None:
                self._await_result(callback, result)
        except asyncio.CancelledError:
            pass
        except Exception:
            self.handle_callback_exception(callback)

    def _await_result(self, callback: Callable[..., Any], result: Any, then: Callable[[], None] | None = None) -> bool:
        """See to it that what a callback returned is run to its end, if it can be; tell whether it can.

        ``then`` is called at that end. A failure is the callback's.
        """
        # Lists and dicts may be yielded, but a callback that returns one does so by chance.
        if not inspect.isawaitable(result) and not isinstance(result, futures.Future):
            return False

        def finish(future: asyncio.Future[Any]) -> None:
            try:
                future.result()
            except asyncio.CancelledError:
                pass
            except Exception:
                self.handle_callback_exception(callback)
            if then is not None:
                then()

        convert_yielded(result).add_done_callback(finish)
        return True

    # ---- callbacks that take too long

    def set_blocking_signal_threshold(
        self, seconds: float | None, action: Callable[[int, FrameType | None], Any] | None
    ) -> None:
        """Send ``SIGALRM`` to the process when a callback blocks the loop for ``seconds``.

        Args:
            seconds: ``None`` ends the watch.
            action: the handler of the signal, called in the main thread; ``None`` lets the signal end the process.
        """
        if seconds is not None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL if action is None else action)
        self._watch_blocking(seconds, lambda thread_id: os.kill(os.getpid(), signal.SIGALRM))

    def set_blocking_log_threshold(self, seconds: float | None) -> None:
        """Log a warning with the stack when a callback blocks the loop for ``seconds``; ``None`` ends the watch.

        The record is made by ``log_stack``, which runs in a thread of its own.
        """
        self._watch_blocking(
            seconds, lambda thread_id: self.log_stack(signal.SIGALRM, sys._current_frames().get(thread_id))
        )

    def log_stack(self, signal: int, frame: FrameType | None) -> None:
        """Log the stack of a callback that blocks the loop; fits as a handler of ``signal.signal`` too."""
        gen_log.warning(
            "IOLoop blocked for %f seconds in\n%s",
            self._blocking_threshold or 0,
            "".join(traceback.format_stack(frame)),
        )

    _blocking_threshold: float | None = None

    def _watch_blocking(self, seconds: float | None, on_block: Callable[[int], None]) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        self._blocking_threshold = seconds
        self._watchdog = None if seconds is None else Watchdog(self.asyncio_loop, seconds, on_block)


#: The name under which old programs import the loop that polls, as each does.
PollIOLoop = IOLoop


def _ioloop_of(loop: AbstractEventLoop) -> IOLoop:
    ioloop: IOLoop | None = getattr(loop, _ATTRIBUTE, None)
    return IOLoop(asyncio_loop=loop) if ioloop is None else ioloop


def _nothing() -> None:
    pass


def _is_tornados(impl: Any) -> bool:
    """Tell whether ``IOLoop.configure`` was given one of Tornado's own classes, or its name."""
    if isinstance(impl, str):
        return impl.startswith(("tornado.platform.", "asynchttp.platform.")) and "twisted" not in impl
    return isinstance(impl, type) and any(
        base.__module__ == "tornado.platform.asyncio" and base.__name__ == "BaseAsyncIOLoop" for base in impl.__mro__
    )


class PeriodicCallback:
    """Calls ``callback`` again and again, as long as it is started.

    Args:
        callback: takes no arguments. If it returns an awaitable, the next call waits for it.
        callback_time: milliseconds from the start of one call to the start of the next, or a ``timedelta``.
            Where a call takes longer, the calls that were due meanwhile are left out and the rhythm is kept.
        jitter: each interval is longer or shorter by a random part, of at most half of ``jitter`` (0.1: 5
            %). An IOLoop or ``None`` in this place is ``io_loop``, as in Tornado 2 to 4.
        io_loop: the loop; ``IOLoop.current()`` of the thread that calls ``start`` if omitted.

    Raises:
        ValueError: the interval isn't positive.
    """

    def __init__(
        self,
        callback: Callable[[], Any],
        callback_time: float | datetime.timedelta,
        jitter: "float | IOLoop | None" = 0,
        io_loop: IOLoop | None = None,
    ) -> None:
        self.callback = callback
        if isinstance(callback_time, datetime.timedelta):
            callback_time = callback_time / datetime.timedelta(milliseconds=1)
        if callback_time <= 0:
            raise ValueError("Periodic callback must have a positive callback_time")
        self.callback_time = callback_time
        if isinstance(jitter, int | float):
            self.jitter: float = jitter
        else:
            self.jitter, io_loop = 0, jitter or io_loop
        self._given_loop = io_loop
        self.io_loop: IOLoop | None = io_loop
        self._running = False
        self._timeout: object = None
        self._next_timeout = 0.0
        # A call whose awaitable outlives a stop() must not go on with the schedule that a later start() began.
        self._run_number = 0

    def start(self) -> None:
        """Make the first call one interval from now; a schedule that runs already begins anew."""
        self.stop()
        loop = self.io_loop = self._given_loop or IOLoop.current()
        self._running = True
        self._next_timeout = loop.time()
        self._schedule_next(loop)

    def stop(self) -> None:
        """Make no more calls until ``start``."""
        self._running = False
        self._run_number += 1
        if self._timeout is not None and self.io_loop is not None:
            self.io_loop.remove_timeout(self._timeout)
            self._timeout = None

    def is_running(self) -> bool:
        """Tell whether it is started."""
        return self._running

    def _run(self, loop: IOLoop) -> None:
        self._timeout = None
        run_number = self._run_number

        def go_on() -> None:
            # A stop() and start() in the meantime have begun another schedule.
            if self._running and self._run_number == run_number:
                self._schedule_next(loop)

        try:
            result = self.callback()
            if result is not None and loop._await_result(self.callback, result, go_on):
                return
        except asyncio.CancelledError:
            pass
        except Exception:
            loop.handle_callback_exception(self.callback)
        go_on()

    def _schedule_next(self, loop: IOLoop) -> None:
        self._update_next(loop.time())
        self._timeout = loop.add_timeout(self._next_timeout, self._run, loop)

    def _update_next(self, current_time: float) -> None:
        """Advance ``_next_timeout`` by one interval, or by as many as it takes to pass ``current_time``."""
        interval = self.callback_time / 1000
        if self.jitter:
            interval *= 1 + self.jitter * (random.random() - 0.5)
        intervals = 1
        # Earlier than planned: the clock was set back, or the timer was a little early. Either way one interval.
        if current_time >= self._next_timeout:
            intervals += math.floor((current_time - self._next_timeout) / interval)
        self._next_timeout += intervals * interval
