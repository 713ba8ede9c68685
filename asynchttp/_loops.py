"""Which asyncio loop is meant: the running one, this thread's, or the one of the process.

How this works
==============
Old programs name their loop in three ways, and all must lead to the same object:

* *running*: the loop whose callback we are in. Asyncio knows it.
* *the thread's loop*: what ``IOLoop.make_current`` chose for the time when none runs. Asyncio has a slot
  for it (``asyncio.set_event_loop``), which is used and not doubled, so that code that only knows asyncio
  agrees with us.
* *the process's loop*: what ``IOLoop.instance()`` returns in every thread. It is kept here; one that was
  closed counts as absent.

Nothing is created at import. In a child after ``fork`` all three are empty: the loops of the parent are out
of reach, but are neither closed nor collected, because both would take file descriptors out of the epoll
set that parent and child share. Streams and servers of the parent may be closed there all the same: of
asyncio's loop the child copies the set, and uvloop's, whose set is out of reach, isn't asked for it.
"""

import asyncio
import asyncio.events
import os
import select
import selectors
import sys
import threading
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from asynchttp._legacy.contexts import enters_stack_contexts

try:
    import uvloop
except ImportError:  # not on Windows
    uvloop = None  # type: ignore[assignment,unused-ignore]  # the usual stand-in for a module that is absent

__all__ = [
    "call",
    "claim_process_loop",
    "clear_thread_loop",
    "current_loop",
    "loop_kind",
    "new_asyncio_loop",
    "process_loop",
    "remember",
    "set_process_loop",
    "shares_descriptors",
    "thread_loop",
]

_VARIABLE = "ASYNCHTTP_LOOP"


@enters_stack_contexts
def call(callback: Callable[..., Any], *args: Any) -> Any:
    """Call user code that the loop starts: a callback, or the next step of a coroutine."""
    return callback(*args)


class _SelectorLoop(asyncio.SelectorEventLoop):
    """Asyncio's loop, which a forked child doesn't close when it exits (see the module's docstring)."""

    def __init__(self) -> None:
        super().__init__()
        self._owner_pid = os.getpid()

    def __del__(self) -> None:
        if getattr(self, "_owner_pid", None) == os.getpid():
            super().__del__()


def loop_kind() -> str:
    """What `new_asyncio_loop` makes: ``"uvloop"`` or ``"asyncio"``.

    Raises:
        ValueError: ``ASYNCHTTP_LOOP`` has another value, or asks for uvloop where it isn't installed.
    """
    name = os.environ.get(_VARIABLE, "")
    if name not in ("", "asyncio", "uvloop"):
        raise ValueError(f"{_VARIABLE}={name!r}: expected 'asyncio' or 'uvloop'")
    if name == "asyncio" or (uvloop is None and not name):
        return "asyncio"
    if uvloop is None:
        raise ValueError(f"{_VARIABLE}={name!r}: uvloop is not installed")
    return "uvloop"


def new_asyncio_loop() -> AbstractEventLoop:
    """Make an asyncio loop: uvloop's where uvloop is installed, else asyncio's own with a selector.

    The environment variable ``ASYNCHTTP_LOOP`` decides instead when it is ``asyncio`` or ``uvloop``.

    Raises:
        ValueError: the variable has another value, or asks for uvloop where it isn't installed.
    """
    return _SelectorLoop() if loop_kind() == "asyncio" else uvloop.new_event_loop()


_lock = threading.Lock()
_process_loop: AbstractEventLoop | None = None
_known: weakref.WeakSet[AbstractEventLoop] = weakref.WeakSet()
_inherited: list[AbstractEventLoop] = []  # from before the fork: alive for as long as this process


def remember(loop: AbstractEventLoop) -> None:
    """Note a loop that a forked child must leave alone."""
    _known.add(loop)


if sys.version_info >= (3, 14):

    def _slot() -> AbstractEventLoop | None:
        """The content of asyncio's slot for this thread; no loop may be running."""
        try:
            return asyncio.get_event_loop()
        except RuntimeError:
            return None

else:

    def _slot() -> AbstractEventLoop | None:
        """The content of asyncio's slot for this thread; no loop may be running.

        Up to Python 3.13 ``asyncio.get_event_loop()`` may fill an empty slot (with a DeprecationWarning
        since 3.12) and there is no public way to look without. So this looks where it looks; a policy that
        keeps its loops elsewhere counts as empty.
        """
        policy: Any = getattr(asyncio.events, "_event_loop_policy", None)  # None: nobody has asked yet
        loop: AbstractEventLoop | None = getattr(getattr(policy, "_local", None), "_loop", None)
        return loop


def thread_loop() -> AbstractEventLoop | None:
    """Return the loop that runs in this thread, else the thread's loop, else ``None``."""
    loop = asyncio._get_running_loop()
    if loop is None:
        loop = _slot()
        if loop is not None and loop.is_closed():
            return None
    return loop


def current_loop() -> AbstractEventLoop:
    """Return ``thread_loop()``, or what takes its place.

    In the main thread that is a new loop, which becomes the thread's. Another thread gets the process's
    loop, as in Tornado 3 and 4, and a new one only if there is none.
    """
    loop = thread_loop()
    if loop is None and not _in_main_thread():
        loop = process_loop()
    if loop is None:
        loop = new_asyncio_loop()
        remember(loop)
        asyncio.set_event_loop(loop)
    return loop


def clear_thread_loop(only: AbstractEventLoop | None = None) -> None:
    """Empty asyncio's slot, unless it is empty or holds another loop than ``only``."""
    if asyncio._get_running_loop() is None:
        loop = _slot()
        if loop is not None and (only is None or loop is only):
            asyncio.set_event_loop(None)


def process_loop() -> AbstractEventLoop | None:
    """Return the process's loop unless it was closed meanwhile."""
    loop = _process_loop
    return None if loop is None or loop.is_closed() else loop


def set_process_loop(loop: AbstractEventLoop | None) -> None:
    """Make ``loop`` the process's loop, or forget the one there is."""
    global _process_loop
    with _lock:
        _process_loop = loop


def claim_process_loop(loop: AbstractEventLoop, any_thread: bool = False) -> None:
    """Make ``loop`` the process's loop if there is none and this is the main thread, or ``any_thread`` is true."""
    global _process_loop
    if any_thread or _in_main_thread():
        with _lock:
            if process_loop() is None:
                _process_loop = loop


def shares_descriptors(loop: AbstractEventLoop) -> bool:
    """Whether what ``loop`` stops to watch here, its own process would miss: this is a forked child."""
    return loop in _inherited and _epoll_selector(loop) is None


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _after_fork_in_child() -> None:
    global _process_loop, _lock
    _lock = threading.Lock()  # another thread of the parent may have held the old one
    _process_loop = None
    for loop in _known:
        if not loop.is_closed():
            _copy_epoll_set(loop)
            _inherited.append(loop)
    _known.clear()
    # Python forgets the running loop by itself, and from 3.12 on also the slot.
    clear_thread_loop()


def _epoll_selector(loop: AbstractEventLoop) -> Any:
    """What asyncio's own loop waits with, if that is epoll."""
    selector = getattr(loop, "_selector", None)
    return selector if sys.platform == "linux" and isinstance(selector, selectors.EpollSelector) else None


def _copy_epoll_set(loop: AbstractEventLoop) -> None:
    """Give the child's copy of asyncio's loop a set of its own, with the same in it."""
    selector = _epoll_selector(loop)
    if selector is None:
        return
    with select.epoll() as copy:
        for descriptor, key in selector.get_map().items():
            reads, writes = key.events & selectors.EVENT_READ, key.events & selectors.EVENT_WRITE
            try:
                copy.register(descriptor, (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0))
            except OSError:  # closed, and never taken out
                pass
        os.dup2(copy.fileno(), selector.fileno(), inheritable=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
