"""What a person who waits sees: rich's bar where it is installed, one line without it, nothing where nobody looks."""

import contextlib
import sys
from collections.abc import Iterator

from bench.runner import Progress

try:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
except ModuleNotFoundError:
    Bar = None  # type: ignore[assignment,misc] # a line does too


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A function that shows how far the run is."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
    elif Bar is None:
        with _line() as show:
            yield show
    else:
        with _bar() as show:
            yield show


@contextlib.contextmanager
def _line() -> Iterator[Progress]:
    def show(what: str, done: int, total: int) -> None:
        print(f"\r\x1b[K{done} of {total}: {what}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    shown = (BarColumn(), MofNCompleteColumn(), *times, TextColumn("{task.description}"))
    # Drawn when something is said and not by a thread: that would want the generator's core.
    with Bar(*shown, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total, refresh=True)

        yield show
