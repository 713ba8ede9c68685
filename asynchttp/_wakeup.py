"""The result of a read, and who waits for it, in one step.

How this works
==============
A future that is done tells its waiters in the loop's next turn. In between, octets are in nobody's hands: a task that
is cancelled then never gets the result, and they are lost. And the turn costs as much as all the rest of a small read.

So when exactly one task awaits the future, and nobody else, that task goes on inside the call that brought the octets:
its own wake-up is called, in its own context, which the loop would have called later. The task is the current one while
it runs, timeouts and cancellation work as ever; nothing is driven by hand. A read with a ``callback=``, for whose
result nobody else can wait, does without a future: it has a :class:`Receiver`.

Where that isn't possible the future is resolved in the ordinary way: other waiters (``gather``, ``add_done_callback``,
Tornado's runners), a task of another kind, or another task being run at the moment.
"""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Bystander", "Receiver", "is_awaited", "resolve"]

#: The type of a task's wake-up, which is written in C; ``__self__`` is the task.
_Builtin: Any = type(len)


class Bystander(functools.partial[Any]):
    """A done callback that may be called when a waiter has gone on already."""

    __slots__ = ()


class Receiver:
    """Stands in for the future of a read for which one function waits.  It can't be awaited or cancelled.

    As of a future, the outcome is told by the loop, in the context of the call that started the read, and not before
    that has ended. Only :func:`resolve` calls :meth:`receive` itself.
    """

    __slots__ = ("_outcome", "callback", "context", "stream")

    #: as of a future that nobody has asked for its end
    _callbacks: Final = None

    def __init__(self, stream: Any, callback: Callable[[Any], Any]) -> None:
        self.stream = stream
        self.callback = callback
        self.context: contextvars.Context | None = None
        self._outcome: tuple[Callable[[Any], None], Any] | None = None

    def receive(self, result: Any) -> None:
        """The read is over.  Raises nothing but :exc:`KeyboardInterrupt` and :exc:`SystemExit`."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """The read has failed."""
        raise NotImplementedError

    def listen(self) -> None:
        """The call that started the read ends."""
        self.context = contextvars.copy_context()
        if self._outcome is not None:
            self._tell(*self._outcome)

    def set_result(self, result: Any) -> None:
        self._tell(self.receive, result)

    def set_exception(self, error: BaseException) -> None:
        self._tell(self.fail, error)

    def _tell(self, call: Callable[[Any], None], argument: Any) -> None:
        self._outcome = call, argument
        if self.context is not None:
            self.stream._loop.call_soon(call, argument, context=self.context)

    def done(self) -> bool:
        return self._outcome is not None

    def exception(self) -> BaseException | None:
        return self._outcome[1] if self._outcome is not None and self._outcome[0] == self.fail else None

    def add_done_callback(self, callback: Bystander) -> None:
        """Bystanders care for a cancellation only."""


def resolve(loop: asyncio.AbstractEventLoop, future: Any, result: Any) -> bool:
    """Set the result of ``future``; who alone waits for it has gone on when this returns, and may have changed all.

    Returns: False if it was cancelled: nobody has the result then.
    """
    # HOT: once per read.
    waiters = future._callbacks
    if waiters:
        call, context = waiters[-1]
        if (
            (len(waiters) > 1 and (len(waiters) > 2 or type(waiters[0][0]) is not Bystander))
            or type(call) is not _Builtin
            or type(call.__self__) is not _Task
        ):
            future.set_result(result)
            return True
        future.remove_done_callback(call)
        future.set_result(result)
        result = future
    elif isinstance(future, Receiver):
        call, context = future.receive, future.context
    elif future.done():
        return False
    else:
        future.set_result(result)
        return True
    try:
        context.run(call, result)
    except RuntimeError:
        # Another task is being run, or this context is: neither the task nor its context was entered.
        loop.call_soon(call, result, context=context)
    except (KeyboardInterrupt, SystemExit) as error:
        # They are for who runs the loop; a transport would take them for an error of its protocol.
        loop.call_soon(_end_loop, error)
    return True


def is_awaited(future: Any) -> bool:
    """Whether anybody is to be told when ``future``, which isn't done, is."""
    return bool(future._callbacks) or isinstance(future, Receiver)


def _end_loop(error: BaseException) -> None:
    raise error


_Task: Final = asyncio.Task
