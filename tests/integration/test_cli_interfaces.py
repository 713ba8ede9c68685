"""The command line serves applications of every interface, and tells them of start-up and shutdown."""

import concurrent.futures
import functools
import pathlib
import re
import signal
import time
from typing import Any

import pytest

from asynchttp._adapters import AmbiguousError, interface_of
from asynchttp.asgi import ASGIHandler
from asynchttp.httputil import HTTPServerConnectionDelegate
from asynchttp.mount import Mount
from tests.integration.cli import get, refused, run, serve
from tests.support.processes import run_python

STARLETTE = """
import contextlib, os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

@contextlib.asynccontextmanager
async def lifespan(app):
    print("started", os.getpid(), flush=True)
    if os.environ.get("BROKEN") == "start-up":
        raise LookupError("no database")
    yield {"greeting": "hello"}
    print("cleaned", os.getpid(), flush=True)
    if os.environ.get("BROKEN") == "shutdown":
        raise LookupError("no database")

async def hello(request):
    return PlainTextResponse(f"{request.state.greeting} {request.scope['root_path']} {request.url_for('hello').path}")

app = Starlette(routes=[Route("/", hello)], lifespan=lifespan)
"""

FLASK = """
import threading
from flask import Flask, request

app = Flask(__name__)
seen = threading.Barrier(3)

@app.get("/")
def hello():
    return f"hello {request.script_root}"

@app.get("/three")
def three():
    seen.wait(10)
    return "three at a time"
"""

OTHERS = """
def one_of_middleware(scope, receive, send):
    return app(scope, receive, send)

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})

def anything(*args):
    return app(*args)

async def two(first, second): ...

async def slow_start(scope, receive, send):
    if scope["type"] == "lifespan":
        print("starting", flush=True)
        await receive()
        await receive()
"""


@pytest.fixture
def app_dir(app_dir: pathlib.Path) -> pathlib.Path:
    (app_dir / "on_starlette.py").write_text(STARLETTE)
    (app_dir / "on_flask.py").write_text(FLASK)
    (app_dir / "others.py").write_text(OTHERS)
    return app_dir


# What speaks which interface


async def coroutine_of_one(request: Any) -> None: ...
async def coroutine_of_two(first: Any, second: Any) -> None: ...
async def coroutine_of_three(scope: Any, receive: Any, send: Any) -> None: ...
async def coroutine_of_three_with_other_names(a: Any, b: Any, c: Any) -> None: ...
async def coroutine_with_default(request: Any, database: Any = None, cache: Any = None) -> None: ...
def plain_of_one(request: Any) -> None: ...
def plain_of_two(environ: Any, start_response: Any) -> None: ...
def plain_of_three(scope: Any, receive: Any, send: Any) -> None: ...
def plain_of_three_with_other_names(a: Any, b: Any, c: Any) -> None: ...
def plain_of_any(*args: Any) -> None: ...
def plain_of_one_or_more(request: Any, *rest: Any) -> None: ...
def plain_of_none() -> None: ...
def plain_with_keyword(request: Any, *, database: Any) -> None: ...


class ASGIObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class WSGIObject:
    def __call__(self, environ: Any, start_response: Any) -> None: ...


class Handler:
    def __call__(self, request: Any) -> None: ...


class Delegate(HTTPServerConnectionDelegate):
    """Called by its methods only; and one that can be called as well is a delegate, too."""

    def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@functools.wraps(coroutine_of_three)
def decorated(*args: Any) -> Any:
    return coroutine_of_three(*args)


@pytest.mark.parametrize(
    ("application", "interface"),
    [
        (coroutine_of_one, "handler"),
        (coroutine_with_default, "handler"),
        (plain_of_one, "handler"),
        (plain_of_one_or_more, "handler"),
        (Handler(), "handler"),
        (Handler().__call__, "handler"),
        (Delegate(), "handler"),
        (Mount({"/": plain_of_one}), "handler"),
        (ASGIHandler(coroutine_of_three), "handler"),
        (functools.partial(coroutine_of_two, 1), "handler"),
        (coroutine_of_three, "asgi"),
        (coroutine_of_three_with_other_names, "asgi"),
        (ASGIObject(), "asgi"),
        (plain_of_three, "asgi"),
        (decorated, "asgi"),
        (plain_of_two, "wsgi"),
        (WSGIObject(), "wsgi"),
        (functools.partial(plain_of_three, 1), "wsgi"),
    ],
)
def test_interface_is_seen(application: Any, interface: str) -> None:
    assert interface_of(application) == interface


@pytest.mark.parametrize(
    ("application", "found"),
    [
        (coroutine_of_two, "first, second"),
        (plain_of_three_with_other_names, "a, b, c"),
        (plain_of_any, "can't be told"),
        (plain_of_none, "none"),
        (plain_with_keyword, "can't be told"),
    ],
)
def test_what_cannot_be_seen_is_not_guessed(application: Any, found: str) -> None:
    with pytest.raises(AmbiguousError, match=found):
        interface_of(application)


# Served


@pytest.mark.parametrize("workers", [1, 2])
def test_starlette_is_served_with_its_lifespan(app_dir: pathlib.Path, loop_name: str, workers: int) -> None:
    arguments = ("on_starlette:app", "--workers", str(workers), "--loop", loop_name, "--root-path", "/api")
    with serve(app_dir, *arguments) as process:
        port = process.wait_for_port()
        for _ in range(8):
            assert get(port) == (200, b"hello /api /api/")
        started = set(re.findall(r"started (\d+)\n", process.stdout))
        assert len(started) == workers
        assert process.stdout.index("started") < process.stdout.index("listening")
        assert "cleaned" not in process.stdout
        assert process.stop() == 0
        assert set(re.findall(r"cleaned (\d+)\n", process.stdout)) == started
        assert "Traceback" not in process.stderr
        assert "Warning" not in process.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_lifespan_that_fails_at_start_up_is_a_line_and_3(app_dir: pathlib.Path, workers: str) -> None:
    arguments = ("-m", "asynchttp", "on_starlette:app", "--port", "0", "--workers", workers, "--log-level", "critical")
    code, out, err = run_python(*arguments, cwd=app_dir, env={"BROKEN": "start-up"})
    assert code == 3
    assert "listening" not in out
    line = "asynchttp: error: the ASGI application failed at startup: LookupError: no database"
    assert set(err.splitlines()) == {line}  # of each worker that got so far
    assert workers == "2" or err.count("\n") == 1


def test_lifespan_that_fails_at_shutdown_is_logged_and_1(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "on_starlette:app", env={"BROKEN": "shutdown"}) as process:
        process.wait_for_port()
        assert process.stop() == 1
        assert "ERROR asynchttp.general: the ASGI application failed at shutdown: " in process.stderr


def test_replaced_workers_clean_up_too(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "on_starlette:app", "--workers", "2") as process:
        port = process.wait_for_port()
        process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        while process.stdout.count("cleaned") < 2 and time.monotonic() < end:
            assert get(port)[0] == 200
        assert process.stdout.count("started") == 4
        assert process.stop() == 0
        assert process.stdout.count("cleaned") == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_the_application_starts_is_an_orderly_stop(app_dir: pathlib.Path, number: signal.Signals) -> None:
    with serve(app_dir, "others:slow_start") as process:
        process.wait_for_line("^starting$")
        assert process.stop(number) == 0
        assert "listening" not in process.stdout
        assert process.stderr == ""


def test_flask_is_served(app_dir: pathlib.Path, loop_name: str) -> None:
    arguments = ("on_flask:app", "--loop", loop_name, "--root-path", "/api", "--threads", "3")
    with serve(app_dir, *arguments) as process:
        port = process.wait_for_port()
        assert get(port) == (200, b"hello /api")
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            assert list(pool.map(lambda _: get(port, "/three"), range(3))) == [(200, b"three at a time")] * 3
        assert process.stop() == 0
        assert process.stderr == ""


def test_flag_says_what_cannot_be_seen(app_dir: pathlib.Path) -> None:
    code, line = refused("others:anything", cwd=app_dir)
    assert code == 2
    assert line.startswith("others:anything: neither a handler nor an ASGI or WSGI application: ")
    assert line.endswith("; say which by --interface")
    with run(app_dir, "others:anything", "--port", "0", "--interface", "asgi") as process:
        assert get(process.wait_for_port()) == (200, b"asgi")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("app:hello", "--root-path", "/api"), "--root-path: is for ASGI and WSGI applications, and app:hello is a h"),
        (("app:hello", "--threads", "3"), "--threads: is for WSGI applications, and app:hello isn't one"),
        (("others:app", "--threads", "3"), "--threads: is for WSGI applications, and others:app isn't one"),
        (("others:app", "--decompress-request"), "--decompress-request: others:app: decompress_request isn't for ASGI"),
        (("app:number", "--interface", "asgi"), "app:number: an ASGI application is callable, and this isn't: 7"),
        (("others:two",), "others:two: neither a handler nor an ASGI or WSGI application"),
    ],
)
def test_what_does_not_go_together_is_2(app_dir: pathlib.Path, arguments: tuple[str, ...], message: str) -> None:
    code, line = refused(*arguments, cwd=app_dir)
    assert code == 2
    assert line.startswith(message)


def test_restarts_and_start_of_workers_have_flags(app_dir: pathlib.Path) -> None:
    (app_dir / "dying.py").write_text(
        "import os, sys\n"
        "from app import *\n"
        "class Application:\n"
        "    async def __call__(self, scope, receive, send):\n"
        "        if 'hang' in os.environ:\n"
        "            await receive(), await receive()\n"
        "        os._exit(9)\n"
        "app = Application()\n"
    )
    arguments = ("-m", "asynchttp", "dying:app", "--port", "0", "--workers", "2", "--max-restarts", "0")
    code, _, err = run_python(*arguments, cwd=app_dir)
    assert code == 1
    assert "Too many child restarts, giving up" in err
    code, _, err = run_python(*arguments, "--worker-ready-timeout", "0.5", cwd=app_dir, env={"hang": "1"})
    assert code == 1
    assert "isn't ready after 0.5 s" in err
