"""Start-up and shutdown of an ASGI application.  ASGI lifespan specification 2.0."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from asynchttp.log import gen_log

__all__ = ["Lifespan", "LifespanError"]

_SCOPE: Final = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}


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
        self._starting: asyncio.Future[None] | None = None
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started: asyncio.Future[None]
        self._stopped: asyncio.Future[None]

    async def startup(self) -> None:
        """Start up, once: a second call waits for the first.  Raises :exc:`LifespanError`."""
        if self.over:
            return
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start_up())
        await asyncio.shield(self._starting)

    async def _start_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._messages.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run())
        await self._started
        self.over = True

    async def shutdown(self) -> None:
        """Clean up, if the application was started and takes part.  Raises :exc:`LifespanError`."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped
        await task

    async def _run(self) -> None:
        try:
            await self._app({**_SCOPE, "state": self.state}, self._messages.get, self._send)
        except asyncio.CancelledError:  # the loop ends: nobody shall wait for what can't come
            self._started.cancel()
            self._stopped.cancel()
            raise
        except Exception as error:
            if not self._started.done() and self._mode == "auto":
                gen_log.info("The ASGI application takes no part in lifespan events: %r", error)
                self._started.set_result(None)
            elif not self._started.done():
                self._fail(self._started, "failed at start-up", error)
            elif not self._stopped.done():
                self._fail(self._stopped, "failed at shutdown", error)
            return
        for phase in (self._started, self._stopped):
            if not phase.done():
                phase.set_result(None)

    def _fail(self, phase: "asyncio.Future[None]", what: str, error: BaseException | str) -> None:
        said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        failure = LifespanError(f"the ASGI application {what}: {said}" if said else f"the ASGI application {what}")
        if isinstance(error, BaseException):
            failure.__cause__ = error
        phase.set_exception(failure)
        phase.exception()  # shutdown() need not be waited for

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        event, _, outcome = kind.removeprefix("lifespan.").partition(".")
        phase = {"startup": self._started, "shutdown": self._stopped}.get(event)
        if phase is None or phase.done() or outcome not in ("complete", "failed"):
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        if outcome == "complete":
            phase.set_result(None)
        else:
            self._fail(phase, f"failed at {event}", str(message.get("message", "")))
