"""The programs of ``examples/`` as processes."""

from tests.support.processes import Process, start_python

__all__ = ["start_example"]

# Runs an example's coroutine on the loop of ASYNCHTTP_LOOP instead of asyncio.run's.
_ON_LOOP = """
import asyncio, importlib, sys
from asynchttp import ioloop
main = importlib.import_module(sys.argv[1]).main
with asyncio.Runner(loop_factory=ioloop.new_asyncio_loop) as runner:
    runner.run(main(0, *sys.argv[2:]))
"""


def start_example(name: str, loop_name: str, *arguments: str) -> Process:
    """Start an example that has an asynchronous ``main``, on a port of the system's choice.

    The arguments are those behind the port.
    """
    return start_python("-c", _ON_LOOP, f"examples.{name}", *arguments, env={"ASYNCHTTP_LOOP": loop_name})
