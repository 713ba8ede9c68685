"""The servers that a run compares: the tables, in the order in which they are printed."""

import fnmatch
import importlib.util
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bench.work import JSON_LOG, NO_LOG, BenchError

#: The server that ratios of CPU time refer to. It takes part in every run.
BASE = "raw"


@dataclass(frozen=True)
class Server:
    """A row of the table.

    Attributes:
        name: what ``--only`` and the output call it.
        module: the program in ``bench/servers``, without ``.py``.
        options: what it is started with, beside ``--port``.
        about: one phrase for ``list``.
        needs: modules that must be importable; the server is left out, and named, where one isn't.
        tools: programs that must be found; likewise.
        lacks: what can't be asked of it (see ``Scenario.asks``).
        json_log: whether its access log may be JSON as well.
        family: whose it is: one colour in the charts.
    """

    name: str
    module: str
    options: tuple[str, ...]
    about: str
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    json_log: bool = False
    family: str = ""

    @property
    def missing(self) -> list[str]:
        """Those of ``needs`` and ``tools`` that aren't there."""
        return [name for name in self.needs if not _importable(name)] + [
            name for name in self.tools if shutil.which(name) is None
        ]

    def can(self, asks: Iterable[str]) -> bool:
        return self.lacks.isdisjoint(asks)

    def with_and_without_log(self) -> list["Server"]:
        """It with an access log, and beside that the same server without one, and with one in JSON if it can.

        The base has none.
        """
        if self.family == BASE:
            return [self]
        options = (*self.options, "--access-log")
        unlogged, logged = replace(self, name=self.name + NO_LOG), replace(self, options=options)
        if not self.json_log:
            return [unlogged, logged]
        return [unlogged, logged, replace(self, name=self.name + JSON_LOG, options=(*options, "--json-log"))]


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent package isn't there
        return False


_UVLOOP = ("--loop", "uvloop")
_ASYNCIO = ("--loop", "asyncio")
_LOGLESS = frozenset({"access-log"})


def _both(
    name: str, module: str, options: tuple[str, ...], about: str, first: tuple[str, ...] = _UVLOOP, **more: object
) -> list[Server]:
    """The server on both loops; the one that isn't in its name is ``first``."""
    second, suffix = (_ASYNCIO, "-asyncio") if first is _UVLOOP else (_UVLOOP, "-uvloop")
    return [
        Server(name, module, (*options, *first), about, **more),  # type: ignore[arg-type] # passed on
        Server(name + suffix, module, (*options, *second), f"the same on {second[1]}", **more),  # type: ignore[arg-type]
    ]


def _ours(style: str, about: str, *lacks: str, needs: tuple[str, ...] = (), json_log: bool = True) -> list[Server]:
    return _both(
        f"asynchttp-{style}",
        "asynchttp_http",
        ("--style", style),
        about,
        needs=("asynchttp.httpserver", *needs),
        lacks=frozenset(lacks),
        json_log=json_log,
        family="asynchttp",
    )


HTTP_SERVERS: tuple[Server, ...] = (
    *_both("raw", "raw_http", (), "bare protocol, fixed octets, never looks", family="raw"),
    *_ours("callback", "handler writes the octets of a whole response"),
    *_ours("respond", "plain handler, request.respond(body)"),
    *_ours("await", "coroutine handler, request.respond(body)"),
    *_ours("await-bytes", "coroutine handler that returns the body", "stream"),
    *_ours("delegate", "HTTPServerConnectionDelegate, connection.write_headers"),
    # It logs as the same application does on Tornado's server.
    *_ours("application", "tornado.web.Application", needs=("tornado",), json_log=False),
    *_ours("asgi", "bare ASGI application"),
    *_ours("starlette", "a Starlette application", needs=("starlette",)),
    *_ours("flask", "a Flask application, in four threads", needs=("flask",)),
    *_both(
        "tornado",
        "tornado_http",
        ("--style", "application"),
        "the same tornado.web.Application",
        _ASYNCIO,
        needs=("tornado",),
        family="tornado",
    ),
    Server(
        "tornado-callable",
        "tornado_http",
        ("--style", "callable", *_ASYNCIO),
        "plain callable, connection.write_headers: its leanest form",
        ("tornado",),
        lacks=_LOGLESS,
        family="tornado",
    ),
    *_both("aiohttp", "aiohttp_http", (), "aiohttp.web", needs=("aiohttp",), family="aiohttp"),
    *_both(
        "uvicorn",
        "uvicorn_http",
        (),
        "httptools, bare ASGI application",
        needs=("uvicorn", "httptools"),
        family="uvicorn",
    ),
    Server(
        "uvicorn-starlette",
        "uvicorn_http",
        ("--application", "starlette", *_UVLOOP),
        "httptools, the same Starlette application",
        ("uvicorn", "httptools", "starlette"),
        family="uvicorn",
    ),
    Server(
        "gunicorn-flask",
        "gunicorn_http",
        (),
        "gthread, the same Flask application in as many threads",
        ("gunicorn", "flask"),
        family="gunicorn",
    ),
    Server(
        "blacksheep",
        "uvicorn_http",
        ("--application", "blacksheep", *_UVLOOP),
        "a blacksheep application on uvicorn",
        ("uvicorn", "httptools", "blacksheep"),
        family="blacksheep",
    ),
    Server("hypercorn", "hypercorn_http", _UVLOOP, "h11, bare ASGI application", ("hypercorn",), family="hypercorn"),
    Server("sanic", "sanic_http", _UVLOOP, "Sanic, one process", ("sanic",), family="sanic"),
    Server(
        "granian-asgi",
        "granian_http",
        ("--interface", "asgi", *_UVLOOP),
        "hyper (Rust), bare ASGI application",
        ("granian",),
        family="granian",
    ),
    Server(
        "granian-rsgi",
        "granian_http",
        ("--interface", "rsgi", *_UVLOOP),
        "hyper (Rust), bare RSGI application",
        ("granian",),
        family="granian",
    ),
    Server(
        "socketify",
        "socketify_http",
        (),
        "uWebSockets (C++), Python handlers",
        ("socketify",),
        # It closes idle connections after 10 s; its process aborts when several clients upload at once (0.0.31).
        lacks=frozenset({"access-log", "workers", "idle", "upload"}),
        family="socketify",
    ),
    Server(
        "node", "node_http", (), "Node's http module: no Python", tools=("node",), lacks=_LOGLESS, family="not Python"
    ),
    Server(
        "nginx",
        "nginx_http",
        (),
        "files, and hello from its configuration: no Python",
        tools=("nginx",),
        lacks=frozenset({"upload", "stream"}),
        family="not Python",
    ),
)


def _stream_servers(
    work: str, ours: str, callback: str, streams: str, raw: str, more: Iterable[Server] = ()
) -> tuple[Server, ...]:
    """The servers of ``echo`` or ``bulk``, ``more`` among them; the words say what each does, for ``list``."""
    needs = ("asynchttp.tcpserver", "asynchttp.iostream")
    return (
        *_both("raw", f"raw_{work}", (), f"bare protocol, {raw}", family="raw"),
        *(
            server
            for style, about in (("await", ours), ("callback", callback))
            for server in _both(
                f"asynchttp-{style}",
                f"asynchttp_{work}",
                ("--style", style),
                about,
                needs=needs,
                family="asynchttp",
            )
        ),
        *_both("streams", f"streams_{work}", (), f"asyncio streams: {streams}", family="asyncio streams"),
        *more,
        *_both(
            "tornado",
            f"tornado_{work}",
            (),
            f"tornado IOStream: {ours}",
            _ASYNCIO,
            needs=("tornado",),
            family="tornado",
        ),
    )


ECHO_SERVERS = _stream_servers(
    "echo",
    ours="await read_until or read_bytes, await write",
    callback="read_until(callback=) or read_bytes(callback=), write",
    streams="readuntil or readexactly, write, drain",
    raw="writes back what comes",
    more=(
        *_both(
            "readline",
            "streams_echo",
            ("--line", "readline"),
            "asyncio streams: readline, write, drain",
            lacks=frozenset({"bytes"}),
            family="asyncio streams",
        ),
        *_both(
            "sockets",
            "sockets_echo",
            (),
            "sock_recv, sock_sendall of the loop: writes back what comes",
            lacks=frozenset({"tls"}),
            family="sockets",
        ),
    ),
)

BULK_SERVERS = _stream_servers(
    "bulk",
    ours="await read_bytes, await write",
    callback="read_bytes(callback=), write",
    streams="readexactly, write, drain",
    raw="counts octets and keeps none",
)

#: By work. Churn, idle connections, latency and workers are asked of the HTTP servers.
SERVERS: dict[str, tuple[Server, ...]] = {
    "http": HTTP_SERVERS,
    "echo": ECHO_SERVERS,
    "bulk": BULK_SERVERS,
    "churn": HTTP_SERVERS,
    "idle": HTTP_SERVERS,
    "latency": HTTP_SERVERS,
    "workers": HTTP_SERVERS,
}

FAMILIES: dict[str, str] = {server.name: server.family for table in SERVERS.values() for server in table}


def check_names(servers: Iterable[Server], patterns: Iterable[str]) -> None:
    """Raises: BenchError: a pattern (shell style) that matches none of the servers."""
    names = {server.name for server in servers}
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise BenchError(f"no server is called {pattern!r}; `python -m bench list` names them")


def choose(servers: Iterable[Server], only: Sequence[str] = (), without: Sequence[str] = ()) -> list[Server]:
    """The servers whose names match one of ``only`` (all without any), and none of ``without``; ``raw`` always."""

    def wanted(name: str) -> bool:
        if name == BASE:
            return True
        kept = not only or any(fnmatch.fnmatchcase(name, pattern) for pattern in only)
        return kept and not any(fnmatch.fnmatchcase(name, pattern) for pattern in without)

    return [server for server in servers if wanted(server.name)]


def listing(servers: Sequence[Server]) -> str:
    """A line for each server."""
    width = max(len(server.name) for server in servers)
    return "\n".join(
        f"{server.name:{width}}  {server.about}"
        + (f" [left out here: no {', '.join(server.missing)}]" if server.missing else "")
        for server in servers
    )
