"""Log handlers for access logs: they gather lines, because a system call for each would cost more than its line."""

import asyncio
import logging
import sys
from typing import Final, TextIO

__all__ = ["AccessFileHandler", "AccessStreamHandler", "takes_lines"]


#: Seconds that a line may wait for others.
_GATHERING: Final = 0.1
#: So many lines don't wait any longer: some 100 KiB.
_MANY: Final = 1000


class _Gathering(logging.StreamHandler[TextIO]):
    """Writes the lines of a tenth of a second at once; without a running loop each at once.

    A process that is killed takes the last tenth with it; one that ends doesn't, for :mod:`logging` flushes at exit.
    """

    _lines: list[str]

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write_line(self.format(record))
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def write_line(self, line: str) -> None:
        """What :meth:`emit` does with a formatted record."""
        lines = self._lines
        lines.append(line)
        if len(lines) == 1:
            loop = asyncio._get_running_loop()
            if loop is None:
                self.flush()
            else:
                loop.call_later(_GATHERING, self.flush)
        elif len(lines) >= _MANY:
            self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._lines = self._lines, []
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


class AccessStreamHandler(_Gathering):
    """An access log to a stream, by default to standard output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._lines = []
        super().__init__(stream if stream is not None else sys.stdout)


class AccessFileHandler(_Gathering, logging.FileHandler):
    """An access log to a file, which is opened again after a rotation as that of any ``FileHandler``."""

    def __init__(self, filename: str) -> None:
        self._lines = []
        logging.FileHandler.__init__(self, filename, encoding="utf-8", delay=True)

    def _write(self, text: str) -> None:
        if self.stream is None:
            self.stream = self._open()
        super()._write(text)

    def close(self) -> None:
        self.flush()
        logging.FileHandler.close(self)


def takes_lines(handler: logging.Handler, level: int) -> bool:
    """Whether all that ``handler`` does with a record of ``level`` is to write its message."""
    return (
        (handler.__class__ is AccessFileHandler or handler.__class__ is AccessStreamHandler)
        and handler.formatter is None
        and not handler.filters
        and handler.level <= level
    )
