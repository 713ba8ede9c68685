"""Tests of Tornado that fail on our modules on purpose, each with the reason.

A test belongs here when it looks at an inner detail that can't or shouldn't hold, never because it is hard.
"""

from dataclasses import dataclass

BOTH = ("asyncio", "uvloop")


@dataclass(frozen=True)
class Lost:
    reason: str
    loops: tuple[str, ...] = BOTH


#: (module, Class.test) → why
LOST: dict[tuple[str, str], Lost] = {}
