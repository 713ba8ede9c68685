"""What all server programs do alike: options, the listening sockets, the loop, the sign of life."""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

import uvloop

from bench.tls import server_context

#: Connections that may wait to be accepted; above any ``--connections`` that makes sense.
BACKLOG = 4096

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}

#: Seconds after which an idle connection may be closed: longer than any measurement, for every server that lets us.
PATIENCE = 600

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def option_parser(about: str | None, **choices: tuple[str, ...]) -> argparse.ArgumentParser:
    """``--port``, ``--loop``, ``--tls`` and the server's own options (name=values, the first is the default)."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--loop", choices=LOOPS, default="uvloop")
    parser.add_argument("--tls", metavar="PEM", help="key and certificates")
    parser.add_argument("--workers", type=int, default=1)
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line; ``.context`` is the TLS context, or ``None``.

    From here on the process ends with its parent, so that a killed run leaves no servers behind.
    """
    given = parser.parse_args()
    given.context = server_context(given.tls) if given.tls else None
    end_with_parent()
    return given


def http_options(about: str | None, **choices: tuple[str, ...]) -> argparse.Namespace:
    """The command line of an HTTP server.

    ``.site`` asks for all pages of ``_site.py``, where hello alone would do; ``.access_log`` for a line about each
    request, ``.json_log`` for lines of JSON: only of servers that say so in the catalog.
    """
    parser = option_parser(about, **choices)
    parser.add_argument("--site", action="store_true")
    parser.add_argument("--access-log", action="store_true")
    parser.add_argument("--json-log", action="store_true")
    return parsed(parser)


def end_with_parent() -> None:
    """Linux: this process gets SIGTERM when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def log_to_nowhere(name: str, handler: "logging.Handler | None" = None) -> None:
    """Let this logger format and write each record, to /dev/null: the disk is none of the server's merits.

    Args:
        handler: the server's own, to which that has been told; default: an ordinary one.
    """
    logger = logging.getLogger(name)
    if handler is None:
        handler = logging.StreamHandler(nowhere())
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)


def nowhere() -> TextIO:
    return open(os.devnull, "w")


def listening_socket(port: int, reuse_port: bool = False) -> socket.socket:
    """A non-blocking TCP socket that listens on 127.0.0.1."""
    sock = socket.create_server(("127.0.0.1", port), backlog=BACKLOG, reuse_port=reuse_port)
    sock.setblocking(False)
    return sock


def free_port() -> int:
    """For a server that can't be given a socket, and doesn't tell its port."""
    with listening_socket(0) as sock:
        port: int = sock.getsockname()[1]
        return port


def say_ready(port: int) -> None:
    """Tell the runner the port; it still tries an answer before it believes. Nobody reads what is printed later."""
    print(f"ready {port}", flush=True)
    with nowhere() as file:
        os.dup2(file.fileno(), 1)


def serve(given: argparse.Namespace, start: Callable[[socket.socket], Awaitable[object]]) -> None:
    """Run the chosen loop; ``await start(socket)`` returns when the server accepts. Ends by a signal.

    Several workers are forked here, before there is a loop, each with a listening socket of its own
    (``SO_REUSEPORT``): the same way for all servers that come through here.
    """
    several = given.workers > 1
    socks = [listening_socket(given.port, reuse_port=several)]
    port = socks[0].getsockname()[1]
    socks += [listening_socket(port, reuse_port=True) for _ in range(given.workers - 1)]
    mine = socks[0]
    for sock in socks[1:]:
        if os.fork() == 0:
            end_with_parent()
            mine = sock
            break
    for sock in socks:
        if sock is not mine:
            sock.close()  # a listener that nobody accepts on would get its share of the connections

    async def forever() -> None:
        server = await start(mine)  # a reference: some servers close when collected
        if mine is socks[0]:
            say_ready(port)
        await asyncio.get_running_loop().create_future()
        del server

    with asyncio.Runner(loop_factory=LOOPS[given.loop]) as runner:
        runner.run(forever())
