"""Programs with pipes as streams; `asynchttp.process` re-exports this.

How the end of a process is noticed
===================================

Not by SIGCHLD: there is one handler for it in a process, uvloop and others want it for themselves, and it
works in the main thread only. A pidfd becomes readable when its process ends, on any loop and in any thread
(Linux 5.3). Where the kernel has none a thread waits. In both cases ``Popen`` collects the status, so
``subproc.proc.wait()`` and ``poll()`` may be used beside us, and nothing but this one child is ever waited
for.

Source: Tornado ``tornado.process``.
"""

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from asynchttp import iostream
from asynchttp._legacy.contexts import wrap
from asynchttp.ioloop import IOLoop

__all__ = ["Subprocess"]


class Subprocess:
    """``subprocess.Popen`` with streams for pipes and an end that can be waited for.

    Arguments are those of ``Popen``. Any of ``stdin``, ``stdout`` and ``stderr`` may be `Subprocess.STREAM`;
    then the attribute of that name is a ``PipeIOStream``, which the caller closes. ``io_loop`` is Tornado
    3-4's.

    Attributes:
        proc: the ``Popen`` object.
        pid: of the process.
        returncode: what the callback of `set_exit_callback` got, the negative signal number for one that was
            killed; ``None`` before that.

    Source: Tornado ``process.Subprocess``.
    """

    #: Makes a pipe with a stream at this process's end.
    STREAM: ClassVar[object] = object()

    stdin: Any
    stdout: Any
    stderr: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.io_loop: IOLoop = kwargs.pop("io_loop", None) or IOLoop.current()
        ours: dict[str, int] = {}
        theirs: list[int] = []
        try:
            for name in ("stdin", "stdout", "stderr"):
                if kwargs.get(name) is Subprocess.STREAM:
                    read_end, write_end = os.pipe()
                    ours[name], kwargs[name] = (write_end, read_end) if name == "stdin" else (read_end, write_end)
                    theirs.append(kwargs[name])
            self.proc = subprocess.Popen(*args, **kwargs)
        except BaseException:
            for fd in ours.values():
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for name in ("stdin", "stdout", "stderr"):
            if name in ours:
                setattr(self, name, iostream.PipeIOStream(ours[name], io_loop=self.io_loop))
            else:
                setattr(self, name, getattr(self.proc, name))
        self.pid = self.proc.pid
        self.returncode: int | None = None
        self._exit_callback: Callable[[int], object] | None = None
        self._exit_waiters: list[tuple[asyncio.Future[int], bool]] = []
        self._watched = False

    def set_exit_callback(self, callback: Callable[[int], object]) -> None:
        """Have the loop call ``callback(returncode)`` once, when the process has ended or if it has already.

        The argument is negative for a process that a signal killed. One slot: a second callback replaces one
        that wasn't called yet. Source: Tornado ``Subprocess.set_exit_callback``.
        """
        callback = wrap(callback)
        self._exit_callback = callback
        self._watch()

    def wait_for_exit(self, raise_error: bool = True) -> "asyncio.Future[int]":
        """Wait until the process has ended.

        Args:
            raise_error: fail with ``CalledProcessError`` unless the exit status is 0.

        Returns: a future of the exit status, negative for a process that a signal killed. There may be
            several of them, and an exit callback. Cancelling one has no effect on the process.
        Source: Tornado ``Subprocess.wait_for_exit``.
        """
        waiter: asyncio.Future[int] = self.io_loop.asyncio_loop.create_future()
        self._exit_waiters.append((waiter, raise_error))
        self._watch()
        return waiter

    @classmethod
    def initialize(cls, io_loop: Any = None) -> None:
        """Do nothing. Tornado installs its handler for SIGCHLD here; programs call this once before they
        wait."""

    @classmethod
    def uninitialize(cls) -> None:
        """Do nothing. The opposite of `initialize`."""

    def _watch(self) -> None:
        if self._watched:
            if self.returncode is not None:
                self.io_loop.add_callback(self._report)
            return
        self._watched = True
        try:
            pidfd = _PidFd(self.pid)
        except ProcessLookupError:  # somebody has collected it, most likely proc.wait()
            self.io_loop.add_callback(self._collect)
        except (AttributeError, OSError):  # another system, an old kernel, a sandbox, no descriptors left
            threading.Thread(target=self._wait_in_thread, name=f"wait-{self.pid}", daemon=True).start()
        else:
            self.io_loop.add_handler(pidfd, self._on_pidfd, IOLoop.READ)

    def _on_pidfd(self, pidfd: "_PidFd", events: int) -> None:
        self.io_loop.remove_handler(pidfd)
        pidfd.close()
        self._collect()

    def _wait_in_thread(self) -> None:
        self.proc.wait()
        self.io_loop.add_callback(self._collect)

    def _collect(self) -> None:
        # It has ended, so this doesn't block. wait() rather than poll(), which gives up when another thread
        # is about to collect the status at this very moment.
        self.returncode = self.proc.wait()
        self._report()

    def _report(self) -> None:
        assert self.returncode is not None
        waiters, self._exit_waiters = self._exit_waiters, []
        for waiter, raise_error in waiters:
            if waiter.done():  # cancelled
                continue
            if self.returncode != 0 and raise_error:
                waiter.set_exception(subprocess.CalledProcessError(self.returncode, self.proc.args))
            else:
                waiter.set_result(self.returncode)
        callback, self._exit_callback = self._exit_callback, None
        if callback is not None:
            self.io_loop.add_callback(callback, self.returncode)


class _PidFd:
    """Owns a pidfd; closed at the latest with its last reference, also when the loop that watches it is
    dropped."""

    __slots__ = ("_fd",)

    def __init__(self, pid: int) -> None:
        self._fd = -1
        self._fd = os.pidfd_open(pid)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd != -1:
            os.close(fd)

    __del__ = close
