"""The servers that a run compares: the table, in the order in which they are printed."""

import fnmatch
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass

from bench.work import BenchError

#: The server that ratios of CPU time refer to. It takes part in every run.
BASE = "raw"


@dataclass(frozen=True)
class Server:
    """A row of the table.

    Attributes:
        name: what ``--only`` and the output call it.
        module: the program in ``bench/servers``, without ``.py``.
        options: what it is started with, beside ``--port``.
        about: one phrase for ``--list``.
        needs: modules that must be importable; the server is left out, and named, where one isn't.
    """

    name: str
    module: str
    options: tuple[str, ...]
    about: str
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Those of ``needs`` that aren't there."""
        return [name for name in self.needs if not _importable(name)]


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent package isn't there
        return False


_UVLOOP = ("--loop", "uvloop")
_ASYNCIO = ("--loop", "asyncio")
_OURS_HTTP = ("asynchttp.httpserver",)
_OURS_STREAM = ("asynchttp.tcpserver", "asynchttp.iostream")


def _ours(style: str, about: str) -> list[Server]:
    return [
        Server(f"asynchttp-{style}", "asynchttp_http", ("--style", style, *_UVLOOP), about, _OURS_HTTP),
        Server(f"asynchttp-{style}-asyncio", "asynchttp_http", ("--style", style, *_ASYNCIO), about, _OURS_HTTP),
    ]


def _stream_servers(work: str, ours: str, callback: str, streams: str, raw: str) -> tuple[Server, ...]:
    """The servers of ``echo`` or ``bulk``; the words say what each does, for ``--list``."""
    styles = (("await", ours), ("callback", callback))
    return (
        Server("raw", f"raw_{work}", _UVLOOP, f"bare protocol, {raw}"),
        Server("raw-asyncio", f"raw_{work}", _ASYNCIO, "the same on asyncio"),
        *(
            Server(f"asynchttp-{style}{suffix}", f"asynchttp_{work}", ("--style", style, *loop), about, _OURS_STREAM)
            for style, does in styles
            for suffix, loop, about in (("", _UVLOOP, does), ("-asyncio", _ASYNCIO, "the same on asyncio"))
        ),
        Server("streams", f"streams_{work}", _UVLOOP, f"asyncio streams: {streams}"),
        Server("streams-asyncio", f"streams_{work}", _ASYNCIO, "the same on asyncio"),
        Server("tornado", f"tornado_{work}", _ASYNCIO, f"tornado IOStream: {ours}", ("tornado",)),
        Server("tornado-uvloop", f"tornado_{work}", _UVLOOP, "the same on uvloop", ("tornado",)),
    )


HTTP_SERVERS: tuple[Server, ...] = (
    Server("raw", "raw_http", _UVLOOP, "bare protocol, fixed octets, never looks"),
    Server("raw-asyncio", "raw_http", _ASYNCIO, "the same on asyncio"),
    *_ours("callback", "handler writes the octets of a whole response"),
    *_ours("respond", "plain handler, request.respond(body)"),
    *_ours("await", "coroutine handler, request.respond(body)"),
    *_ours("await-bytes", "coroutine handler that returns the body"),
    Server("tornado", "tornado_http", ("--style", "application", *_ASYNCIO), "RequestHandler", ("tornado",)),
    Server("tornado-uvloop", "tornado_http", ("--style", "application", *_UVLOOP), "RequestHandler", ("tornado",)),
    Server(
        "tornado-callable",
        "tornado_http",
        ("--style", "callable", *_ASYNCIO),
        "plain callable, connection.write_headers: its leanest form",
        ("tornado",),
    ),
    Server("aiohttp", "aiohttp_http", _UVLOOP, "aiohttp.web, one route", ("aiohttp",)),
    Server("uvicorn", "uvicorn_http", _UVLOOP, "httptools, bare ASGI application", ("uvicorn", "httptools")),
    Server(
        "granian-asgi",
        "granian_http",
        ("--interface", "asgi", *_UVLOOP),
        "bare ASGI application",
        ("granian",),
    ),
    Server(
        "granian-rsgi",
        "granian_http",
        ("--interface", "rsgi", *_UVLOOP),
        "bare RSGI application",
        ("granian",),
    ),
)

ECHO_SERVERS = _stream_servers(
    "echo",
    ours="await read_until or read_bytes, await write",
    callback="read_until(callback=) or read_bytes(callback=), write",
    streams="readuntil or readexactly, write, drain",
    raw="writes back what comes",
)

BULK_SERVERS = _stream_servers(
    "bulk",
    ours="await read_bytes, await write",
    callback="read_bytes(callback=), write",
    streams="readexactly, write, drain",
    raw="counts octets and keeps none",
)


def choose(servers: Iterable[Server], only: Iterable[str]) -> list[Server]:
    """The servers whose names match one of the patterns (shell style); all without any; ``raw`` always.

    Raises: BenchError: a pattern that matches none.
    """
    table, patterns = list(servers), list(only)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(server.name, pattern) for server in table):
            raise BenchError(f"no server is called {pattern!r}; --list names them")
    patterns = [*patterns, BASE] if patterns else ["*"]
    return [server for server in table if any(fnmatch.fnmatchcase(server.name, p) for p in patterns)]
