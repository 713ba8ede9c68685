"""Log handlers for access logs: they gather lines, because a system call for each would cost more than its line."""

import asyncio
import logging
import os
import sys
import weakref
from typing import Final, TextIO

__all__ = ["MANY", "AccessFileHandler", "AccessStreamHandler", "LineHandler", "takes_lines"]


#: Seconds that a line may wait for others.
_GATHERING: Final = 0.1
#: So many lines don't wait any longer: some 100 KiB.
MANY: Final = 1000


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of a tenth of a second at once; without a running loop each at once.

    A process that is killed takes the last tenth with it; one that ends doesn't, for :mod:`logging` flushes at exit.
    One that forks writes before, for the child would write them, too.
    """

    # In which the timer runs that will write what waits.
    _loop: asyncio.AbstractEventLoop | None = None
    #: Those that wait. Who adds one calls :meth:`gather` if it is the first, or there are :data:`MANY`.
    lines: list[str]

    def __init__(self, stream: TextIO) -> None:
        self.lines = []
        super().__init__(stream)
        _instances.add(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write_line(self.format(record))
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def write_line(self, line: str) -> None:
        """What :meth:`emit` does with a formatted record."""
        lines = self.lines
        lines.append(line)
        if len(lines) == 1 or len(lines) >= MANY:
            self.gather()

    def gather(self) -> None:
        """Arrange that what waits is written in time."""
        loop = asyncio._get_running_loop()
        if loop is None or len(self.lines) >= MANY:
            self.flush()
        elif loop is not self._loop:  # there was none, or it has been left with the timer
            self._loop = loop
            loop.call_later(_GATHERING, self.flush)

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self.lines = self.lines, []
            self._loop = None
            if lines:
                lines.append("")
                self._write(self.terminator.join(lines))
        finally:
            self.release()

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except Exception:  # as logging does: a log that can't be written stops nobody
            self.handleError(logging.makeLogRecord({"msg": "an access log can't be written"}))


class AccessStreamHandler(LineHandler):
    """An access log to a stream, by default to standard output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream if stream is not None else sys.stdout)


class AccessFileHandler(LineHandler, logging.FileHandler):
    """An access log to a file, which is opened again after a rotation as that of any ``FileHandler``."""

    def __init__(self, filename: str) -> None:
        self.lines = []
        logging.FileHandler.__init__(self, filename, encoding="utf-8", delay=True)
        _instances.add(self)

    def _write(self, text: str) -> None:
        if self.stream is None:
            self.stream = self._open()
        super()._write(text)

    def close(self) -> None:
        self.flush()
        logging.FileHandler.close(self)


_instances: "weakref.WeakSet[LineHandler]" = weakref.WeakSet()


def _flush_all() -> None:
    for handler in list(_instances):
        handler.flush()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_flush_all)


def takes_lines(handler: logging.Handler, level: int) -> LineHandler | None:
    """``handler``, if all that it does with a record of ``level`` is to write its message."""
    if (
        (type(handler) is AccessFileHandler or type(handler) is AccessStreamHandler)
        and handler.formatter is None
        and not handler.filters
        and handler.level <= level
    ):
        return handler
    return None
