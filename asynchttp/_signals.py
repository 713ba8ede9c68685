"""Signals while a loop runs: that they wake it, and that Ctrl-C ends it."""

import asyncio
import contextlib
import signal
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from types import FrameType

__all__ = ["ended_by_sigint", "woken_by_signals"]


@contextlib.contextmanager
def ended_by_sigint(loop: AbstractEventLoop) -> Iterator[None]:
    """Let Ctrl-C stop the loop between two callbacks, and raise :exc:`KeyboardInterrupt` when it has stopped.

    Python's own handler raises in the middle of whatever runs, where it may be swallowed or leave half a deed behind.
    The second Ctrl-C does that all the same, for a callback that blocks. A handler of the program's own is left alone.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True
        loop.call_soon_threadsafe(loop.stop)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def woken_by_signals(loop: AbstractEventLoop) -> Iterator[None]:
    """Let a handler of ``signal.signal`` interrupt the loop's wait, so that what it scheduled runs at once.

    uvloop does so by itself. Asyncio's loops go on waiting, unless they have signal handlers of their own.
    """
    if not isinstance(loop, asyncio.BaseEventLoop) or threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        loop.add_reader(reader, reader.recv, 4096)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            if previous != -1:  # somebody else listens: asyncio itself, for add_signal_handler
                signal.set_wakeup_fd(previous)
            yield
        finally:
            loop.remove_reader(reader)
            present = signal.set_wakeup_fd(-1)
            if present != writer.fileno():
                signal.set_wakeup_fd(present)
