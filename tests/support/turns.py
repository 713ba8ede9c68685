"""What needs the loop to turn, and no time: a timer might be over before the first turn on a busy machine."""

import asyncio

from asynchttp.ioloop import IOLoop

__all__ = ["turn", "turns"]


async def turns() -> None:
    """Let the loop turn as often as what is under way can need."""
    for _ in range(20):
        await asyncio.sleep(0)


def turn(io_loop: IOLoop) -> None:
    """:func:`turns`, on a loop that doesn't run."""
    io_loop.run_sync(turns)
