"""What all server programs do alike: options, the listening socket, the loop, the sign of life."""

import argparse
import asyncio
import ctypes
import signal
import socket
import sys
from collections.abc import Awaitable, Callable

import uvloop

#: What every HTTP server answers with; the head around it is the server's own.
BODY = b"Hello, world!"

#: The whole answer of the servers that write their own octets.
CLASSIC_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"

#: Connections that may wait to be accepted; above any ``--connections`` that makes sense.
BACKLOG = 1024

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def option_parser(about: str | None, **choices: tuple[str, ...]) -> argparse.ArgumentParser:
    """``--port``, ``--loop`` and the server's own options (name=values, the first is the default)."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--loop", choices=LOOPS, default="uvloop")
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line.

    From here on the process ends with its parent, so that a killed run leaves no servers behind.
    """
    given = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return given


def options(about: str | None, **choices: tuple[str, ...]) -> argparse.Namespace:
    """What the command line says to a server without further options."""
    return parsed(option_parser(about, **choices))


def listening_socket(port: int) -> socket.socket:
    """A non-blocking TCP socket that listens on 127.0.0.1."""
    sock = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    sock.setblocking(False)
    return sock


def say_ready(port: int) -> None:
    """Tell the runner the port; it still tries an answer before it believes."""
    print(f"ready {port}", flush=True)


def serve(given: argparse.Namespace, start: Callable[[socket.socket], Awaitable[object]]) -> None:
    """Run the chosen loop; ``await start(socket)`` returns when the server accepts. Ends by a signal."""

    async def forever() -> None:
        sock = listening_socket(given.port)
        server = await start(sock)  # a reference: some servers close when collected
        say_ready(sock.getsockname()[1])
        await asyncio.get_running_loop().create_future()
        del server

    with asyncio.Runner(loop_factory=LOOPS[given.loop]) as runner:
        runner.run(forever())
