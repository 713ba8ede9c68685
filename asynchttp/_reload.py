"""``--reload``: a parent that starts the server again when files of the application have changed.

How this works
==============
::

    parent: listening sockets, watcher ──fork──► child: imports the application, serves
       └─ a file changed: SIGTERM, wait, fork again

The parent imports nothing of the application, so each child begins anew; and it keeps the sockets, so that clients wait
in their queue meanwhile and get no refusal. A child that fails leaves its message, and the parent waits for the next
change; only the very first may end the run.
"""

import fnmatch
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from asynchttp._forking import SignalQueue, fork

try:
    import watchfiles
except ImportError:  # the extra "reload"
    watchfiles = None  # type: ignore[assignment,unused-ignore]  # the usual stand-in for a module that is absent

__all__ = ["Files", "run"]

#: Seconds between two looks, at files without ``watchfiles`` and at signals with it.
_PERIOD = 0.25
#: Seconds that a child gets beyond its limit before it is killed.
_MARGIN = 1.0
_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1")
#: Directories that hold no code of the application, by their names.
_SKIPPED = frozenset(["__pycache__", "node_modules", "site-packages"])


class Files:
    """Which files are watched.

    Args:
        directories: with all below them, but for hidden ones, caches and virtual environments.
        include: patterns of names, or of paths where they have a slash.
        exclude: the same; these win.
    """

    def __init__(self, directories: Sequence[str], include: Sequence[str], exclude: Sequence[str]) -> None:
        self.directories = [os.path.abspath(directory) for directory in directories]
        self._include = list(include) or ["*.py"]
        self._exclude = list(exclude)

    def __contains__(self, path: object) -> bool:
        text = str(path)
        parts = text.split(os.sep)
        if _SKIPPED.intersection(parts) or any(_is_hidden(part) for part in self._below(text)):
            return False
        return _matches(text, self._include) and not _matches(text, self._exclude)

    def _below(self, path: str) -> list[str]:
        """The part of a path that was found by us: somebody may work in a hidden directory."""
        for directory in self.directories:
            if path.startswith(directory + os.sep):
                return path[len(directory) + 1 :].split(os.sep)
        return []

    def stamps(self) -> dict[str, tuple[int, int]]:
        """All files, with what changes when they change."""
        stamps = {}
        for directory in self.directories:
            for place, below, names in os.walk(directory):
                below[:] = [name for name in below if not _is_skipped(os.path.join(place, name))]
                for name in names:
                    path = os.path.join(place, name)
                    if path in self:
                        try:
                            status = os.stat(path)
                        except OSError:  # gone meanwhile
                            continue
                        stamps[path] = (status.st_mtime_ns, status.st_size)
        return stamps


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name not in (".", "..")


def _is_skipped(directory: str) -> bool:
    name = os.path.basename(directory)
    return name in _SKIPPED or _is_hidden(name) or os.path.exists(os.path.join(directory, "pyvenv.cfg"))


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(path if "/" in each else os.path.basename(path), each) for each in patterns)


def _polled(files: Files, signals: SignalQueue) -> Iterator[set[str]]:
    """What has changed since the last look, again and again; empty sets in between."""
    before = files.stamps()
    while True:
        select.select([signals], [], [], _PERIOD)
        now = files.stamps()
        yield {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
        before = now


def _watched(files: Files) -> Iterator[set[str]]:
    """The same, told by the kernel."""
    for changes in watchfiles.watch(
        *files.directories,
        watch_filter=lambda change, path: path in files,
        debounce=200,
        step=50,
        rust_timeout=round(_PERIOD * 1000),
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        yield {path for _, path in changes}


def run(serve: Callable[[], int], files: Files, graceful_timeout: float, say: Callable[[str], object]) -> int:
    """Run ``serve`` in a child, and again after each change, until a signal comes.

    Args:
        serve: returns an exit code, 0 when it was told to stop.
        graceful_timeout: seconds for a child to end, after which it is killed.
        say: is called with a line for the operator.

    Returns: the exit code. In a child, what ``serve`` returned.
    """
    signals = SignalQueue(_SIGNALS)
    owner = os.getpid()
    try:
        changes = _polled(files, signals) if watchfiles is None else _watched(files)
        next(changes)  # it looks from now on, before a child reads any file
        return _Reloader(serve, signals, changes, graceful_timeout, say).run()
    finally:
        if os.getpid() == owner:
            signals.close()


class _Reloader:
    def __init__(
        self,
        serve: Callable[[], int],
        signals: SignalQueue,
        changes: Iterator[set[str]],
        graceful_timeout: float,
        say: Callable[[str], object],
    ) -> None:
        self._serve = serve
        self._signals = signals
        self._changes = changes
        self._graceful_timeout = graceful_timeout
        self._say = say
        #: of the child; None when it has ended, with _code
        self._pid: int | None = None
        self._code = 0
        self._told_to_stop = False
        self._told_to_reload = False

    def run(self) -> int:
        is_first = True
        while True:
            with fork() as pid:
                if pid == 0:
                    self._signals.close()
                    # A terminal sends it to both, and the parent says what to do.
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
            if pid == 0:  # not before: inside of the block signals are held back
                return self._serve()
            self._pid = pid
            why = self._wait_for_change(is_first)
            if why is None:
                return self._code
            is_first = False
            self._say(f"{why}, starting again")
            self._stop()

    def _wait_for_change(self, is_first: bool) -> str | None:
        """Why to start again; ``None`` for the end, with ``_code``."""
        was_alive = True
        while True:
            changed = next(self._changes)
            self._obey()
            self._look()
            if self._pid is None:
                # The first child's failure is told as it would be without --reload.
                if self._told_to_stop or self._code == 0 or is_first:
                    return None
                if was_alive:
                    was_alive = False
                    self._say(f"ended with exit code {self._code}, waiting for a change")
            if self._told_to_stop:
                continue
            if self._told_to_reload:
                self._told_to_reload = False
                return "SIGHUP"
            if changed:
                names = sorted(os.path.relpath(path) for path in changed)
                return f"{names[0]} changed" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more changed"

    def _obey(self) -> None:
        for number in self._signals.read():
            if number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                self._told_to_stop = True
                self._code = 0
                self._send(signal.SIGQUIT if number == signal.SIGQUIT else signal.SIGTERM)
            elif number == signal.SIGHUP:
                self._told_to_reload = True
            elif number == signal.SIGUSR1:
                self._send(number)

    def _send(self, number: int) -> None:
        if self._pid is not None:
            os.kill(self._pid, number)

    def _look(self) -> None:
        """Notice the child's end."""
        if self._pid is not None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._pid = None
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code

    def _stop(self) -> None:
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + self._graceful_timeout + _MARGIN
        while self._pid is not None:
            select.select([self._signals], [], [], 0.05)
            self._obey()
            if time.monotonic() > deadline:
                self._send(signal.SIGKILL)
            self._look()
        if self._told_to_stop:
            raise SystemExit(0)
