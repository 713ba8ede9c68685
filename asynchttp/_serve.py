"""One process of the command line that serves: alone, or as a worker of a supervisor.

How this works
==============
::

    handler.startup() ─► accept ─► …
    signal ─► the loop: Service.end() ─► server.shutdown() ─► handler.shutdown() ─► the loop ends ─► exit code

Signal handlers are plain ones and stay for good: the loop's own would be gone while it closes, and while the
interpreter waits at exit for a thread that doesn't end. So the second signal ends the process whatever it waits for.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from asynchttp import _loops
from asynchttp._crewserver import before_the_end
from asynchttp._dispatch import Starter
from asynchttp._failure import APPLICATION_FAILED, FAILED, USAGE, Failure
from asynchttp._notify import Notifier
from asynchttp._worker import Worker, reopen_log_files
from asynchttp.httpserver import HTTPServer
from asynchttp.log import gen_log

__all__ = ["Service", "choose_loop", "serve_as_worker"]


#: Seconds after which an operator, who waits for the end, is told for what.
_PATIENCE = 1.0


def choose_loop(name: str) -> str:
    """Make the loop of that name the one that :func:`asynchttp._loops.new_asyncio_loop` makes.

    Args:
        name: ``auto``, ``uvloop`` or ``asyncio``.

    Returns: the name of the loop that it is.
    Raises: :exc:`Failure` if uvloop isn't installed.
    """
    # By the environment, so that loops and processes that the application starts follow.
    if name == "auto":
        os.environ.pop("ASYNCHTTP_LOOP", None)
    else:
        os.environ["ASYNCHTTP_LOOP"] = name
    try:
        return _loops.loop_kind()
    except ValueError as error:
        raise Failure(str(error), USAGE) from error


class Service:
    """Serves until told to end.

    Args:
        sockets: listening; to be the server's own.
        admin_sockets: the same, for its pages for operators.
        exclusive: whether nobody else accepts, or will accept, on them.
        on_ready: is called when connections are accepted.
    """

    def __init__(
        self,
        server: HTTPServer,
        sockets: Sequence[socket.socket],
        *,
        admin_sockets: Sequence[socket.socket] = (),
        graceful_timeout: float,
        shutdown_delay: float,
        exclusive: bool,
        on_ready: Callable[[], object],
        notifier: Notifier,
    ) -> None:
        self._server = server
        self._sockets = sockets
        self._admin_sockets = admin_sockets
        self._graceful_timeout = graceful_timeout
        self._shutdown_delay = shutdown_delay
        self._exclusive = exclusive
        self._on_ready = on_ready
        self._notifier = notifier
        self._loop: Any = None
        self._ended = asyncio.Event()
        self._end: asyncio.Task[None] | None = None

    def run(self) -> int:
        """Serve until a signal comes; returns the exit code.

        Raises: :exc:`Failure` if the application can't start up.
        """
        with asyncio.Runner(loop_factory=_loops.new_asyncio_loop) as runner:
            self._loop = runner.get_loop()
            self._take_signals()
            return runner.run(self._serve())

    def _take_signals(self) -> None:
        handlers: dict[str, Callable[[], object]] = {
            "SIGTERM": self.end,
            "SIGINT": self.end,
            "SIGQUIT": self._quit,
            "SIGHUP": self._reload,
            "SIGUSR1": reopen_log_files,
            # There is no supervisor; their default is to stop the process.
            "SIGTTIN": self._no_crew,
            "SIGTTOU": self._no_crew,
        }
        last = ("SIGTERM", "SIGINT", "SIGQUIT")

        def handle(number: int, frame: FrameType | None) -> None:
            name = signal.Signals(number).name
            if name in last:
                for each in last:
                    # Behind a graceful end that takes too long QUIT still tells where it hangs.
                    if hasattr(signal, each) and (each != "SIGQUIT" or name == each):
                        signal.signal(getattr(signal, each), _exit_now)
            if name == "SIGQUIT":
                _log_stacks(frame)  # now: the loop may be stuck
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(handlers[name])

        for name in handlers:
            number = getattr(signal, name, None)
            # One that the application handles, or that is ignored (nohup), stays so.
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, handle)

    def _quit(self) -> None:
        self._finish(0.0, 0.0)

    def _reload(self) -> None:
        self._notifier.reloading()
        reopen_log_files()
        if self._server.ssl_options is not None:
            self._server.reload_certificates()
        gen_log.info("Reloaded")
        self._notifier.ready()

    def _no_crew(self) -> None:
        gen_log.warning("No supervisor, no more or less workers: start with --workers")

    # -- the end ---------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Finish what is in progress, and end."""
        self._finish(self._graceful_timeout, self._shutdown_delay)

    def _finish(self, timeout: float, delay: float) -> None:
        self._notifier.stopping()
        task = self._loop.create_task(self._server.shutdown(timeout, delay=delay, exclusive=self._exclusive))
        if self._end is None:
            self._end = task
            self._loop.call_later(_PATIENCE, self._say_what_it_waits_for, timeout + delay - _PATIENCE)
            task.add_done_callback(lambda _: self._ended.set())

    def _say_what_it_waits_for(self, left: float) -> None:
        if self._server.connections and left > 0:
            gen_log.info("Stopping when %d connections have ended, or in %g s", self._server.connections, left)

    async def _serve(self) -> int:
        starting = self._loop.create_task(_start_up(self._server))
        told = self._loop.create_task(self._ended.wait())
        await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():  # a signal came first
            starting.cancel()
            return 0
        starting.result()
        self._server.add_sockets(self._sockets)
        admin = HTTPServer(self._server.admin())
        admin.add_sockets(self._admin_sockets)
        if self._notifier.period is not None:
            self._beat(self._notifier.period)
        self._on_ready()
        await self._ended.wait()
        await self._server.close_all_connections()
        cleaned = await _clean_up(self._server)
        # Until here it said that the server isn't ready.
        await admin.shutdown(0)
        return 0 if cleaned else FAILED

    def _beat(self, period: float) -> None:
        self._notifier.alive()
        self._loop.call_later(period, self._beat, period)


async def serve_as_worker(
    server: HTTPServer, sockets: Sequence[socket.socket], admin_sockets: Sequence[socket.socket], worker: Worker
) -> None:
    """Serve in a child of a supervisor, whose orders servers hear by themselves, until :exc:`SystemExit` ends it.

    Args:
        admin_sockets: shared by all workers: whichever answers shows the figures of all.

    Raises: :exc:`Failure` if the application can't start up.
    """
    await _start_up(server)
    server.add_sockets(sockets)
    before_the_end(lambda: _clean_up(server))
    if admin_sockets:
        admin = HTTPServer(server.admin(server.publish(worker)))
        admin.add_sockets(admin_sockets)
    await asyncio.get_running_loop().create_future()


async def _start_up(server: HTTPServer) -> None:
    """Start the application up, if it wants to know.  Raises: :exc:`Failure` with what it says."""
    handler = server.request_callback
    if isinstance(handler, Starter):
        try:
            await handler.startup()
        except Exception as error:
            raise Failure(_in_one_line(str(error) or repr(error)), APPLICATION_FAILED) from error
    # What is there by now will stay: a full collection needn't look at it, which takes 15 ms for a server of hello.
    gc.freeze()


def _in_one_line(message: str) -> str:
    """Starlette, for one, says a whole traceback: what counts is how it ends."""
    before, traceback_begins, rest = message.strip().partition("Traceback (most recent call last):")
    return before + rest.splitlines()[-1] if traceback_begins and rest else message


async def _clean_up(server: HTTPServer) -> bool:
    """Let the application clean up; whether it could.  What went wrong is logged."""
    handler = server.request_callback
    if isinstance(handler, Starter):
        try:
            await handler.shutdown()
        except Exception as error:
            gen_log.error("%s", error, exc_info=error.__cause__)
            return False
    return True


def _log_stacks(frame: FrameType | None) -> None:
    """Log what each thread is doing, one record for all.

    Args:
        frame: where this thread was when it was interrupted, perhaps in the middle of a record of its own. So another
            thread writes this one.
    """
    here = threading.get_ident()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, top in sys._current_frames().items():
        lines.append(f"Thread {names.get(ident, ident)}:\n")
        lines += traceback.format_stack(frame if ident == here else top)
    arguments = ("Stacks of process %d\n%s", os.getpid(), "".join(lines).rstrip())
    threading.Thread(target=gen_log.warning, args=arguments, name="asynchttp stacks").start()


def _exit_now(number: int, frame: FrameType | None) -> None:
    os._exit(FAILED)
