"""The floors of the package: imports only point down, floor 0 knows no I/O, and importing does nothing."""

import ast
import importlib
import json
import pathlib

import pytest

from tests.support.processes import ROOT, run_python

PACKAGE = ROOT / "asynchttp"

# A module may import from its own floor and from those below. A package's entry holds for what is in it, too.
FLOORS = [
    # protocol rules: no asyncio, no socket
    [
        "_forms",
        "_forward",
        "_h1",
        "_headers",
        "_heap",
        "_interfaces",
        "_proxyprotocol",
        "_readbuffer",
        "_reasons",
        "httputil",
        "log",
        "util",
    ],
    # the loop
    [
        "_coroutines",
        "_legacy",
        "_loops",
        "_signals",
        "_wakeup",
        "_watchdog",
        "concurrent",
        "gen",
        "ioloop",
        "platform",
        "stack_context",
    ],
    # octets from and to sockets, processes
    [
        "_basestream",
        "_certificates",
        "_crew",
        "_crewserver",
        "_drain",
        "_fdtransport",
        "_forking",
        "_peerwatch",
        "_legacy.resolve",
        "_listeners",
        "_reads",
        "_resolver",
        "_scoreboard",
        "_streamreading",
        "_streamtypes",
        "_streamwriting",
        "_subprocess",
        "_supervisor",
        "_tls",
        "_worker",
        "iostream",
        "netutil",
        "process",
        "tcpclient",
        "tcpserver",
    ],
    # the HTTP engine
    [
        "_accesslog",
        "_client",
        "_context",
        "_decompress",
        "_dispatch",
        "_driven",
        "_exchange",
        "_filebody",
        "_limits",
        "_figures",
        "_http1functions",
        "_loghandlers",
        "_observed",
        "_parameters",
        "_proxied",
        "_request_body",
        "_response",
        "_sweep",
        "_tornado",
        "_trust",
        "_watched",
        "http1connection",
    ],
    # servers
    ["_admin", "_metrics", "httpserver"],
    # adapters and the command line
    [
        "__main__",
        "_adapters",
        "_alias",
        "_application",
        "_asgi_http",
        "_asgi_lifespan",
        "_asgi_tornado",
        "_asgi_websocket",
        "_cli",
        "_config",
        "_failure",
        "_legacy.upper",
        "_logging",
        "_logsetup",
        "_migration",
        "_notify",
        "_options",
        "_pidfile",
        "_reload",
        "_serve",
        "_sockets",
        "_testserver",
        "_upper",
        "_values",
        "_wsgi_threads",
        "asgi",
        "check",
        "mount",
        "pytest_plugin",
        "run_as_tornado",
        "wsgi",
    ],
]
NO_IO = ("asyncio", "socket", "ssl", "select", "selectors")


def modules() -> list[str]:
    """Every module, without ``asynchttp.`` in front; the package itself is left out."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            names.append(name)
    return names


def path_of(module: str) -> pathlib.Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def floor_of(module: str) -> int:
    """The floor that names the module, else the one of the package that holds it."""
    name = module
    while name:
        for number, names in enumerate(FLOORS):
            if name in names:
                return number
        name = name.rpartition(".")[0]
    pytest.fail(f"asynchttp.{module} stands on no floor: give it one in {__file__}")


def imported_names(node: ast.AST, module: str) -> set[str]:
    """What an import statement means, of our package, as modules without ``asynchttp.`` in front."""
    if isinstance(node, ast.Import):
        names = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = ["asynchttp", *module.split(".")]
            if path_of(module).name != "__init__.py":
                package.pop()
            package = package[: len(package) - (node.level - 1)]
            base = ".".join([*package, *([base] if base else [])])
        names = {f"{base}.{alias.name}" for alias in node.names} | {base}
    else:
        return set()
    ours = {name.removeprefix("asynchttp.") for name in names if name.startswith("asynchttp.")}
    known = set(modules())
    return {name for name in ours if name in known}


def test_every_module_imports_only_from_its_floor_and_below() -> None:
    upward = [
        f"{module} (floor {floor_of(module)}) imports {name} (floor {floor_of(name)}), line {node.lineno}"
        for module in modules()
        for node in ast.walk(ast.parse(path_of(module).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported_names(node, module)
        if floor_of(name) > floor_of(module)
    ]
    assert upward == []


def test_there_is_no_cycle() -> None:
    below = {
        module: {
            name
            for node in ast.walk(ast.parse(path_of(module).read_text()))
            for name in imported_names(node, module)
            # `from asynchttp._h1 import head` in a module of _h1 means head, and not the package that holds both
            if not module.startswith(name + ".") and name != module
        }
        for module in modules()
    }
    while free := [module for module, names in below.items() if not names & below.keys()]:
        for module in free:
            del below[module]
    assert below == {}


def test_no_function_imports_our_modules() -> None:
    hidden = [
        f"{module}, line {inner.lineno}"
        for module in modules()
        for outer in ast.walk(ast.parse(path_of(module).read_text()))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom) and imported_names(inner, module)
    ]
    assert hidden == []


def test_floors_name_no_module_twice() -> None:
    names = [name for floor in FLOORS for name in floor]
    assert len(names) == len(set(names))


def test_floor_0_imports_without_asyncio_and_sockets() -> None:
    """What is blocked raises if somebody imports it, so success means that nobody did."""
    code = f"""
import importlib, sys
for name in {NO_IO!r}:
    sys.modules[name] = None
for name in {[module for module in modules() if floor_of(module) == 0]!r}:
    importlib.import_module("asynchttp." + name)
print("imported", sum(name.startswith("asynchttp") for name in sys.modules))
"""
    exit_code, out, err = run_python("-c", code)
    assert exit_code == 0, err
    assert int(out.split()[1]) > 5


def test_importing_touches_no_event_loop() -> None:
    """None is made, set, or left; nor is there a thread, an open file, or a signal handler more than before."""
    code = f"""
import asyncio, gc, importlib, json, os, signal, socket, ssl, threading
try:
    import uvloop
except ImportError:
    pass

def refuse(*args, **kwargs):
    raise AssertionError("an event loop was made")

asyncio.BaseEventLoop.__init__ = refuse
def state():
    handlers = [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    return [
        threading.active_count(),
        len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        sum(isinstance(each, asyncio.AbstractEventLoop) for each in gc.get_objects()),
        handlers,
    ]

before = state()
for name in {modules()!r}:
    importlib.import_module("asynchttp." + name)
assert asyncio._get_running_loop() is None
print(json.dumps([before, state()]))
"""
    exit_code, out, err = run_python("-c", code)
    assert exit_code == 0, err
    before, after = json.loads(out)
    assert after == before


def test_importing_the_package_imports_none_of_its_modules() -> None:
    code = "import sys, asynchttp; print([n for n in sys.modules if n.startswith('asynchttp.') or n == 'asyncio'])"
    assert run_python("-c", code)[1] == "['asynchttp._forward']\n"  # the table of modules that are Tornado's


@pytest.mark.parametrize("name", ["", *(name for name in modules() if not name.startswith("_"))])
def test_public_module_declares_what_is_public(name: str) -> None:
    module = importlib.import_module(f"asynchttp.{name}".rstrip("."))
    public = module.__all__
    assert isinstance(public, list)
    assert len(set(public)) == len(public)
    missing = [each for each in public if not hasattr(module, each)]
    assert missing == []


def test_the_walk_finds_what_it_should() -> None:
    """The checks above mean nothing if they read nothing."""
    relative = ast.parse("from .._h1 import head\nfrom . import callbacks").body
    assert imported_names(ast.parse("import asynchttp.ioloop").body[0], "httpserver") == {"ioloop"}
    assert imported_names(ast.parse("from asynchttp import log, _h1").body[0], "httpserver") == {"log", "_h1"}
    assert imported_names(relative[0], "_legacy.callbacks") == {"_h1", "_h1.head"}
    assert imported_names(relative[1], "_legacy.futures") == {"_legacy", "_legacy.callbacks"}
    assert imported_names(ast.parse("import asyncio").body[0], "ioloop") == set()
    assert floor_of("_h1.head") == 0
    assert floor_of("_legacy.resolve") == 2
    assert {"_h1.head", "httpserver", "_cli"} <= set(modules())
