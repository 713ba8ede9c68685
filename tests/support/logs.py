"""A log record above ``INFO`` that the test didn't announce fails it."""

import asyncio
import logging
import re
import threading
from types import TracebackType
from typing import Self

__all__ = ["Expectation", "LogGuard"]


class Expectation:
    """Records that a test announced: the ones that came are in :attr:`records`."""

    def __init__(self, logger: str, pattern: str, level: int | None, count: int | None, optional: bool) -> None:
        self.logger = logger
        self.pattern = pattern
        self.level = level
        self.count = count
        self.optional = optional
        self.records: list[logging.LogRecord] = []
        self._seen = threading.Event()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def takes(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is one of these, and not one too many.  If so it is kept."""
        if self.count is not None and len(self.records) >= self.count:
            return False
        if record.name != self.logger and not record.name.startswith(self.logger + "."):
            return False
        if self.level is not None and record.levelno != self.level:
            return False
        if not re.search(self.pattern, text_of(record), re.DOTALL):
            return False
        self.records.append(record)
        self._seen.set()
        for loop, event in self._waiters:
            loop.call_soon_threadsafe(event.set)
        return True

    async def wait(self, deadline: float = 5.0) -> logging.LogRecord:
        """Wait for the first record: for what is logged after the client has its answer."""
        event = asyncio.Event()
        self._waiters.append((asyncio.get_running_loop(), event))
        if not self._seen.is_set():
            async with asyncio.timeout(deadline):
                await event.wait()
        return self.records[0]

    def missing(self) -> str | None:
        if self.optional:
            return None
        wanted = 1 if self.count is None else self.count
        if len(self.records) >= wanted:
            return None
        return f"{len(self.records)} of {wanted} record(s) on {self.logger!r} that match {self.pattern!r}"


class LogGuard(logging.Handler):
    """Listens to ``names`` while it is entered, and at the end tells what was not as announced."""

    def __init__(self, *names: str) -> None:
        super().__init__(logging.INFO + 1)
        self._names = names
        self._expectations: list[Expectation] = []
        self._unexpected: list[logging.LogRecord] = []

    def expect(
        self,
        logger: str,
        pattern: str = "",
        *,
        level: int | None = None,
        count: int | None = None,
        optional: bool = False,
    ) -> Expectation:
        """Announce records of ``logger`` (or one below it) whose text matches ``pattern`` (``re.search``).

        Args:
            pattern: is held against the message and, when there is one, the exception: ``ValueError: what``.
            level: exactly this level; ``None``: any.
            count: exactly so many; ``None``: one or more.
            optional: none is right too.
        """
        expectation = Expectation(logger, pattern, level, count, optional)
        self._expectations.append(expectation)
        return expectation

    def emit(self, record: logging.LogRecord) -> None:
        # Announcements count in their order: the first that takes the record has it.
        if not any(expectation.takes(record) for expectation in self._expectations):
            self._unexpected.append(record)

    def problems(self) -> list[str]:
        """What was logged without an announcement, and what was announced and not logged."""
        unexpected = [f"not announced: {r.levelname} {r.name}: {text_of(r)}" for r in self._unexpected]
        missing = [f"announced, not logged: {text}" for e in self._expectations if (text := e.missing())]
        return unexpected + missing

    def __enter__(self) -> Self:
        for name in self._names:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            logging.getLogger(name).removeHandler(self)
        self.close()


def text_of(record: logging.LogRecord) -> str:
    """The message, then ``Type: text`` of the exception and of those that caused it."""
    parts = [record.getMessage()]
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        parts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(parts)
