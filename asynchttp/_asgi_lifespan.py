"""Start-up and shutdown of an ASGI application.  ASGI lifespan specification 2.0."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from asynchttp.log import app_log, gen_log

__all__ = ["Lifespan", "LifespanError"]

#: Seconds after which somebody is told that the start-up still isn't complete.
_PATIENCE: Final = 10.0
#: Seconds for the shutdown, and again for what comes behind it.
_SHUTDOWN_TIMEOUT: Final = 30.0


class LifespanError(Exception):
    """An ASGI application couldn't start up, or couldn't clean up."""


class Lifespan:
    """One task in which the application runs from start-up to shutdown.

    Attributes:
        state: what the application puts into ``scope["state"]``.
        over: whether requests need not wait: start-up is complete, or there is none.
    """

    def __init__(self, app: Callable[..., Any], mode: Literal["auto", "on", "off"]) -> None:
        self._app = app
        self._mode = mode
        self.state: dict[str, Any] = {}
        self.over = mode == "off"
        self._task: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        # None: there won't be any more.
        self._messages: asyncio.Queue[dict[str, Any] | None]
        self._started: asyncio.Future[None]
        self._stopped: asyncio.Future[None]

    async def startup(self) -> None:
        """Start up, once: a second call waits for the first.  Raises :exc:`LifespanError`."""
        if self.over:
            return
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start_up())
            self._starting.add_done_callback(_look)
        await asyncio.shield(self._starting)

    async def _start_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._messages = asyncio.Queue()
        self._messages.put_nowait({"type": "lifespan.startup"})
        task = self._task = loop.create_task(self._run())
        try:
            await asyncio.wait([self._started], timeout=_PATIENCE)
            if not self._started.done():
                gen_log.warning("The ASGI application's start-up isn't complete after %g s", _PATIENCE)
            await self._started
        except LifespanError:
            task.cancel()  # it may wait for a shutdown that won't come
            await asyncio.wait([task])
            raise
        self.over = True

    async def shutdown(self) -> None:
        """Clean up, if the application was started and takes part.  Raises :exc:`LifespanError`.

        It may be started again afterwards. One that doesn't end by itself is cancelled.
        """
        task, self._task = self._task, None
        if task is None:
            return
        try:
            if not task.done():
                self._messages.put_nowait({"type": "lifespan.shutdown"})
                await asyncio.wait([self._stopped], timeout=_SHUTDOWN_TIMEOUT)
                if not self._stopped.done():
                    self._fail(self._stopped, "failed at shutdown", f"not complete after {_SHUTDOWN_TIMEOUT:g} s")
                self._stopped.result()
                self._messages.put_nowait(None)
                await asyncio.wait([task], timeout=_SHUTDOWN_TIMEOUT)
        finally:
            task.cancel()
            self._starting = None
            self.over = self._mode == "off"
            self.state = {}

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except asyncio.CancelledError:  # the loop ends: nobody shall wait for what can't come
            self._started.cancel()
            self._stopped.cancel()
            raise
        except (Exception, SystemExit) as error:
            self._failed(error)
        finally:
            for phase in (self._started, self._stopped):
                if not phase.done():
                    phase.set_result(None)

    def _failed(self, error: Exception | SystemExit) -> None:
        """The application raised: who waits for it is told, else the log."""
        if not self._started.done():
            if self._mode == "auto" and isinstance(error, Exception):
                gen_log.info("The ASGI application takes no part in lifespan events: %r", error)
            else:
                self._fail(self._started, "failed at start-up", error)
        elif self._task is None and not self._stopped.done():
            self._fail(self._stopped, "failed at shutdown", error)
        elif self._started.exception() is None:  # it has said before that it can't start up, and ends by raising
            app_log.error("Uncaught exception in the lifespan of an ASGI application", exc_info=error)

    def _fail(self, phase: "asyncio.Future[None]", what: str, error: BaseException | str) -> None:
        said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        failure = LifespanError(f"the ASGI application {what}: {said}" if said else f"the ASGI application {what}")
        if isinstance(error, BaseException):
            failure.__cause__ = error
        phase.set_exception(failure)
        _look(phase)  # shutdown() need not be waited for

    async def _receive(self) -> dict[str, Any]:
        message = await self._messages.get()
        if message is None:  # many wait for the next in a loop without an end
            raise asyncio.CancelledError
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        kind = str(message.get("type"))
        event, _, outcome = kind.removeprefix("lifespan.").partition(".")
        phase = {"startup": self._started, "shutdown": self._stopped}.get(event)
        if phase is None or phase.done() or outcome not in ("complete", "failed"):
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        if outcome == "complete":
            phase.set_result(None)
        else:
            self._fail(phase, f"failed at {event}", str(message.get("message", "")))


def _look(future: "asyncio.Future[None]") -> None:
    """Nobody has to look at how it ended."""
    if not future.cancelled():
        future.exception()
