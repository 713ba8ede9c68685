"""``AnyThreadEventLoopPolicy`` of Tornado 5: programs set it, though :meth:`.IOLoop.current` needs none."""

import asyncio
import functools
from typing import Any

from asynchttp._loops import new_asyncio_loop

__all__ = ["__getattr__"]


@functools.cache
def _any_thread_policy() -> type:
    # Only now: Python 3.14 deprecates policies, and says so when one is named.
    class AnyThreadEventLoopPolicy(asyncio.DefaultEventLoopPolicy):  # type: ignore[name-defined,misc,unused-ignore]
        """Lets :func:`asyncio.get_event_loop` make a loop in any thread.  Source: Tornado ``platform.asyncio``."""

        def get_event_loop(self) -> asyncio.AbstractEventLoop:
            try:
                loop: asyncio.AbstractEventLoop = super().get_event_loop()
            except RuntimeError:
                loop = new_asyncio_loop()
                self.set_event_loop(loop)
            return loop

    return AnyThreadEventLoopPolicy


def __getattr__(name: str) -> Any:
    if name == "AnyThreadEventLoopPolicy":
        return _any_thread_policy()
    raise AttributeError(f"module 'asynchttp.platform.asyncio' has no attribute {name!r}")
