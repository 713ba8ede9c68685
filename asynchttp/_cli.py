"""The command line: serve a handler by its name.

How this works
===================  =======================================================================  ====
step                 what can go wrong                                                        code
===================  =======================================================================  ====
read the arguments   a bad flag or value                                                      2
find the handler     no such module or attribute, not a handler                               2
import it            the module is there, but raises                                          3
listen and serve     ``ASYNCHTTP_LOOP`` has an unknown value, or uvloop where it is missing   2
listen and serve     a port in use, a host that doesn't resolve                               1
===================  =======================================================================  ====

0 is an orderly stop, by Ctrl-C or SIGTERM. A second signal ends the process at once, whatever it waits for, with 1:
that is why it is handled outside the event loop.

A traceback on stderr is always a bug of ours. Flags are rows of ``_OPTIONS``.
"""

import argparse
import asyncio
import importlib
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, NoReturn

from asynchttp import __version__, httpserver, ioloop, netutil

__all__ = ["main"]

_FAILED, _USAGE, _APPLICATION_FAILED = 1, 2, 3


class _Failure(Exception):
    """Ends the run: a line for stderr and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line; argparse would print the usage before it."""
        raise _Failure(f"{message} (see --help)", _USAGE)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")


def _target(text: str) -> tuple[str, str]:
    module, colon, attribute = text.partition(":")
    names = [*module.split("."), *attribute.split(".")]
    if colon and all(name.isidentifier() for name in names):
        return module, attribute
    raise argparse.ArgumentTypeError(f"{text!r} is not of the form module:handler")


def _row(name: str, **settings: Any) -> tuple[str, Mapping[str, Any]]:
    return name, settings


#: A row for each argument: its name, then what ``add_argument`` takes.
_OPTIONS: Sequence[tuple[str, Mapping[str, Any]]] = (
    _row(
        "target",
        type=_target,
        metavar="module:handler",
        help="what answers the requests, e.g. examples.hello_await:handle",
    ),
    _row(
        "--host",
        default="127.0.0.1",
        help="address or name to listen on, '' for every interface (default: %(default)s)",
    ),
    _row(
        "--port",
        type=_port,
        default=8888,
        help="port to listen on, 0 for one that the system chooses (default: %(default)s)",
    ),
    _row(
        "--loop",
        choices=("auto", "uvloop", "asyncio"),
        help="event loop; auto is uvloop where it is installed (default: $ASYNCHTTP_LOOP, else auto)",
    ),
    _row(
        "--app-dir",
        default=".",
        metavar="DIR",
        help="where to look for the module first (default: the working directory)",
    ),
    _row("--version", action="version", version=f"asynchttp {__version__}"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; ``None``: those of the process.

    Returns: the exit code, see the module's docstring. ``--help`` and ``--version`` raise ``SystemExit``.
    """
    try:
        options = _make_parser().parse_args(arguments)
        module, attribute = options.target
        server = _make_server(module, attribute, _load(module, attribute, options.app_dir))
        # No effect where the application has configured logging itself.
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        _run(server, options)
    except _Failure as failure:
        print(f"asynchttp: error: {failure}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:  # while there was nothing to stop yet
        return 128 + signal.SIGINT
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="asynchttp",
        description="Serve an HTTP handler.",
        # An abbreviation that works today would be ambiguous with the next flag.
        allow_abbrev=False,
    )
    for flag, settings in _OPTIONS:
        parser.add_argument(flag, **settings)
    return parser


# Finding the handler


def _load(module_name: str, attribute: str, app_dir: str) -> Any:
    """Import the module and return its attribute."""
    # The installed command has its own directory in front; `python -m` has the working directory there already.
    sys.path.insert(0, os.path.abspath(app_dir))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        place = _place(error)
        if isinstance(error, ModuleNotFoundError) and place is None:
            raise _Failure(f"no module named {error.name!r} in {os.path.abspath(app_dir)}", _USAGE) from error
        text = " ".join(f"{type(error).__name__}: {error}".split())
        where = f" ({place})" if place else ""
        raise _Failure(f"{module_name} failed at import: {text}{where}", _APPLICATION_FAILED) from error
    handler: Any = module
    for name in attribute.split("."):
        try:
            handler = getattr(handler, name)
        except AttributeError as error:
            raise _Failure(f"module {module_name!r} has no attribute {attribute!r}", _USAGE) from error
    return handler


def _make_server(module_name: str, attribute: str, handler: Any) -> httpserver.HTTPServer:
    try:
        return httpserver.HTTPServer(handler)
    except TypeError as error:
        raise _Failure(f"{module_name}:{attribute}: {error}", _USAGE) from error


def _place(error: BaseException) -> str | None:
    """``file:line`` of the application's code that raised; ``None`` if the import system did, for want of a module."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    ours = (__file__, importlib.__file__)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            return f"{file}:{line}"
    return None


# Serving


def _run(server: httpserver.HTTPServer, options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    if options.loop == "auto":
        os.environ.pop("ASYNCHTTP_LOOP", None)
    elif options.loop is not None:
        # By the environment, so that loops and processes that the application starts follow.
        os.environ["ASYNCHTTP_LOOP"] = options.loop
    try:
        loop = ioloop.new_asyncio_loop()
    except ValueError as error:
        raise _Failure(str(error), _USAGE) from error
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        stop = asyncio.Event()
        _on_signals(lambda: loop.call_soon_threadsafe(stop.set))
        runner.run(_serve(server, options, stop))


async def _serve(server: httpserver.HTTPServer, options: argparse.Namespace, stop: asyncio.Event) -> None:
    try:
        sockets = netutil.bind_sockets(options.port, options.host)
    except socket.gaierror as error:
        raise _Failure(f"cannot listen on {options.host}: {error.strerror}", _FAILED) from error
    except OSError as error:
        raise _Failure(error.strerror or str(error), _FAILED) from error
    server.add_sockets(sockets)
    loop = "uvloop" if type(asyncio.get_running_loop()).__module__.startswith("uvloop") else "asyncio"
    for sock in sockets:
        host, port, *_ = sock.getsockname()
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(f"asynchttp {__version__} listening on http://{place} ({loop})", flush=True)
    await stop.wait()
    server.stop()
    await server.close_all_connections()


def _on_signals(first: Callable[[], object]) -> None:
    """Call ``first`` at the first SIGINT or SIGTERM; end the process at the second.

    These are plain signal handlers and stay for good: the loop's own would be gone while it closes, and while the
    interpreter waits at exit for a thread that doesn't end.
    """
    signals = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, _exit_now)
        first()

    for each in signals:
        signal.signal(each, handle)


def _exit_now(number: int, frame: FrameType | None) -> None:
    os._exit(_FAILED)
