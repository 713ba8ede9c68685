"""The result of a read, and who waits for it, in one step.

How this works
==============
A future that is done tells its waiters in the loop's next turn. In between, octets are in nobody's hands: a task that
is cancelled then never gets the result, and they are lost. And the turn costs as much as all the rest of a small read.

So when exactly one task awaits the future, and nobody else, that task goes on inside the call that brought the octets:
its own wake-up is called, in its own context, which the loop would have called later. The task is the current one while
it runs, timeouts and cancellation work as ever; nothing is driven by hand. A read with a ``callback=`` likewise.

Where that isn't possible the future is resolved in the ordinary way: other waiters (``gather``, ``add_done_callback``,
Tornado's runners), a task of another kind, or another task being run at the moment.
"""

import asyncio
import functools
from typing import Any, Final

__all__ = ["Prompt", "is_awaited", "resolve"]

#: The type of a task's wake-up, which is written in C; ``__self__`` is the task.
_Builtin: Any = type(len)


class Prompt(functools.partial[Any]):
    """A done callback that may be called as soon as its future is done, or later than another waiter.

    It raises no :exc:`RuntimeError`.
    """

    __slots__ = ()


def resolve(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", result: Any) -> None:
    """Set the result of ``future``; who alone waits for it has gone on when this returns, and may have changed all."""
    # HOT: once per read.
    waiters = getattr(future, "_callbacks", None)
    if waiters and (len(waiters) == 1 or (len(waiters) == 2 and type(waiters[0][0]) is Prompt)):
        call, context = waiters[-1]
        kind = type(call)
        if kind is Prompt or (kind is _Builtin and type(call.__self__) is _Task):
            future.remove_done_callback(call)
            future.set_result(result)
            try:
                context.run(call, future)
            except RuntimeError:
                # Another task is being run, or this context is: neither the task nor its context was entered.
                loop.call_soon(call, future, context=context)
            except (KeyboardInterrupt, SystemExit) as error:
                # They are for who runs the loop; a transport would take them for an error of its protocol.
                loop.call_soon(_end_loop, error)
            return
    future.set_result(result)


def is_awaited(future: "asyncio.Future[Any]") -> bool:
    """Whether anybody is to be told when ``future``, which isn't done, is."""
    return bool(getattr(future, "_callbacks", None))


def _end_loop(error: BaseException) -> None:
    raise error


_Task: Final = asyncio.Task
