"""Forking workers from a process that waits for signals.

The parent gets signals as numbers from a pipe, so that nothing of it runs inside a signal handler, and it can sleep in
``poll``. While it forks, signals are held back: the child takes the parent's handlers off before it gets its first.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Final

__all__ = ["SignalQueue", "fork", "warn_about_threads"]


class SignalQueue:
    """The signals of this process, as a descriptor to poll.

    Args:
        names: of the signals to take, where the platform has them. One that the program handles itself or ignores is
            left alone; SIGCHLD is always taken.

    Outside the main thread, where Python can't take signals, it stays empty.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._taken: dict[int, object] = {}
        self._wakeup_fd = -1
        #: whether signals can be had here
        self.works = threading.current_thread() is threading.main_thread()
        if not self.works:
            return
        self._wakeup_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._take(signal.SIGCHLD)
        for name in names:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._take(number)

    def _take(self, number: int) -> None:
        self._taken[number] = signal.getsignal(number)
        signal.signal(number, _nothing)

    def fileno(self) -> int:
        return self._reader

    def read(self) -> list[int]:
        """The signals that have come, without those that the program handles."""
        try:
            return [number for number in os.read(self._reader, 4096) if number in self._taken]
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Put the former handlers back.  For the parent at its end, and for a child at its beginning."""
        if self.works:
            signal.set_wakeup_fd(self._wakeup_fd)
            for number, handler in self._taken.items():
                if signal.getsignal(number) is _nothing:
                    signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal() returned
        self._taken.clear()
        os.close(self._reader)
        os.close(self._writer)


def _nothing(number: int, frame: FrameType | None) -> None:
    """The number is in the pipe already."""


@contextlib.contextmanager
def fork() -> Iterator[int]:
    """Fork; gives what :func:`os.fork` returns, and holds signals back until the block ends in both processes."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # None, closed, broken
            stream.flush()  # or what is buffered comes out twice
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            # CPython 3.12 warns about threads in the parent *after* the fork. Under -W error that would leave a child
            # behind that nobody supervises, so warn_about_threads() did it before the first.
            warnings.simplefilter("ignore", DeprecationWarning)
            with _frozen_objects():
                pid = os.fork()
        yield pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: CPython 3.12 begins with some 400 frozen objects, others with none; a program that freezes its own has thousands.
_FROZEN_BY_PYTHON: Final = 1000


@contextlib.contextmanager
def _frozen_objects() -> Iterator[None]:
    """Keep the child's garbage collector off the parent's objects; the parent's own collector isn't told.

    A full collection writes into each object that it looks at, so the kernel would copy every page that both still
    share (5 MiB for each worker of a server of hello), and takes 15 ms to find what has always been there. The price:
    what is garbage in cycles at the fork stays in the child.
    """
    by_program = gc.get_freeze_count() > _FROZEN_BY_PYTHON
    gc.freeze()
    parent = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == parent and not by_program:
            gc.unfreeze()


def warn_about_threads(stacklevel: int) -> None:
    """Warn if this process has more threads than one: their locks stay locked in a child for ever."""
    if (others := threading.active_count() - 1) > 0:
        warnings.warn(
            f"forking workers with {others} more threads alive: children may deadlock on their locks",
            DeprecationWarning,  # CPython 3.12's category for this
            stacklevel=stacklevel + 1,
        )
