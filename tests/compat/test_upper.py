"""Tornado's upper modules on our stack, under our name and under Tornado's."""

import importlib
import os
import pathlib
import sys
import textwrap
import urllib.request

import pytest

from asynchttp._forward import MODULES
from tests.support.processes import ROOT, run_python, start_python

OPTIONAL = {"curl_httpclient": "pycurl", "platform.caresresolver": "pycares", "platform.twisted": "twisted"}


def importable(directory: pathlib.Path) -> dict[str, str]:
    """The environment of a child that can import what is in ``directory``."""
    return {"PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}


def printed(code: str) -> str:
    exit_code, out, err = run_python("-c", textwrap.dedent(code))
    assert (exit_code, err) == (0, "")
    return out


# -- under our name ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_each_module_is_found(name: str) -> None:
    if name in OPTIONAL and not importlib.util.find_spec(OPTIONAL[name]):
        with pytest.raises(ImportError, match=OPTIONAL[name]):
            importlib.import_module(f"asynchttp.{name}")
        return
    module = importlib.import_module(f"asynchttp.{name}")
    assert module.__name__ == f"asynchttp.{name}"
    assert module is sys.modules[f"asynchttp.{name}"]


def test_tornados_modules_are_left_alone() -> None:
    out = printed("""
        import sys, asynchttp.web, asynchttp.testing, asynchttp.websocket, asynchttp.options
        print([name for name in sys.modules if name.startswith("tornado.")])
        import tornado.web
        print(tornado.web is asynchttp.web, tornado.web.HTTPError is asynchttp.web.HTTPError)
        print(hasattr(tornado.web, "asynchronous"), hasattr(asynchttp.web, "asynchronous"))
        """)
    assert out.splitlines() == ["[]", "False False", "False True"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("web.HTTPServer", "httpserver.HTTPServer"),
        ("web.iostream.StreamClosedError", "iostream.StreamClosedError"),
        ("websocket.IOLoop", "ioloop.IOLoop"),
        ("simple_httpclient.HTTP1Connection", "http1connection.HTTP1Connection"),
        ("simple_httpclient.TCPClient", "tcpclient.TCPClient"),
        ("httpclient.HTTPHeaders", "httputil.HTTPHeaders"),
        ("testing.AsyncHTTPClient", "httpclient.AsyncHTTPClient"),
        ("testing.Application", "web.Application"),
        ("options.define_logging_options", "log.define_logging_options"),
        ("autoreload.ioloop", "ioloop"),
        ("locks.Future", "concurrent.Future"),
        ("web.gen.coroutine", "gen.coroutine"),
    ],
)
def test_there_is_one_of_each(theirs: str, ours: str) -> None:
    def find(path: str) -> object:
        module, *names = path.split(".")
        found: object = importlib.import_module(f"asynchttp.{module}")
        for name in names:
            found = getattr(found, name, None) or getattr(importlib.import_module("asynchttp.httputil"), name)
        return found

    assert find(theirs) is find(ours)


def test_pretty_log_is_there() -> None:
    log = importlib.import_module("asynchttp.log")
    assert log.LogFormatter.__module__ == "asynchttp._pretty_log"
    with pytest.raises(AttributeError, match="no_such_name"):
        log.no_such_name  # noqa: B018


# -- bad input ---------------------------------------------------------------------------------------------------------


def failure(code: str, env: "dict[str, str] | None" = None) -> str:
    """The last line of the traceback."""
    exit_code, _, err = run_python("-c", textwrap.dedent(code), env=env)
    assert exit_code == 1
    return err.splitlines()[-1]


@pytest.mark.parametrize("name", ["asynchttp.web", "asynchttp.options", "asynchttp.wsgi.WSGIContainer"])
def test_missing_extra_is_named(name: str) -> None:
    module, _, attribute = name.removeprefix("asynchttp.").partition(".")
    statement = f"from asynchttp.{module} import {attribute}" if attribute else f"import {name}"
    message = failure(f"import sys; sys.modules['tornado'] = None\n{statement}")
    needs = "needs Tornado 6.5 or 6.6, which isn't installed: pip install 'asynchttpd[tornado]'"
    assert message == f"ModuleNotFoundError: {name} {needs}"


@pytest.mark.parametrize("version", ["(6, 4, 2, 0)", "(5, 1, 1, 0)", "(6, 7, 0, 0)", "(7, 0, 0, 0)"])
@pytest.mark.parametrize("code", ["import asynchttp.web", "import asynchttp; asynchttp.install_as_tornado()"])
def test_tornado_that_is_too_old_or_too_new(version: str, code: str, tmp_path: pathlib.Path) -> None:
    package = tmp_path / "tornado"
    package.mkdir()
    (package / "__init__.py").write_text(f"version_info = {version}\nversion = '.'.join(map(str, version_info[:3]))\n")
    (package / "web.py").write_text("")
    message = failure(code, importable(tmp_path))
    assert f"needs Tornado 6.5 or 6.6, and {'.'.join(version[1:-1].split(', ')[:3])} is installed" in message


def test_alias_that_comes_too_late() -> None:
    message = failure("""
        import tornado.escape, tornado.ioloop, asynchttp
        asynchttp.install_as_tornado()
        """)
    assert message.startswith("RuntimeError: install_as_tornado() comes too late: ")
    assert "tornado.escape" in message
    assert "tornado.ioloop" in message


TOO_SOON = {
    "too early": ("sitecustomize.py", "import tornado.escape", "comes too late: tornado.escape"),
    "too old": ("tornado/__init__.py", "version, version_info = '6.4.2', (6, 4, 2, 0)", "6.5 or 6.6, and 6.4.2 is"),
    "too new": ("tornado/__init__.py", "version, version_info = '6.7', (6, 7, 0, 0)", "6.5 or 6.6, and 6.7 is"),
    "none": ("sitecustomize.py", "import sys; sys.modules['tornado'] = None", "pip install 'asynchttpd[tornado]'"),
}


@pytest.mark.parametrize("name", TOO_SOON)
def test_run_as_tornado_says_in_a_line_why_it_cannot(name: str, tmp_path: pathlib.Path) -> None:
    file, code, says = TOO_SOON[name]
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(code)
    (tmp_path / "program.py").write_text("print('ran')")
    arguments = ("-m", "asynchttp.run_as_tornado", str(tmp_path / "program.py"))
    exit_code, out, err = run_python(*arguments, env=importable(tmp_path))
    assert (exit_code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("asynchttp.run_as_tornado: error: install_as_tornado()")
    assert says in err


# -- under Tornado's name ----------------------------------------------------------------------------------------------


def test_alias_gives_our_modules() -> None:
    out = printed("""
        import asynchttp
        asynchttp.install_as_tornado()
        asynchttp.install_as_tornado()
        import tornado, tornado.ioloop, asynchttp.web, asynchttp.platform.asyncio
        from tornado import web, gen, stack_context
        from tornado.platform.asyncio import AsyncIOMainLoop
        print(tornado.ioloop is asynchttp.ioloop, web is asynchttp.web, gen is asynchttp.gen)
        print(AsyncIOMainLoop is asynchttp.platform.asyncio.AsyncIOMainLoop, tornado.version_info >= (6, 5))
        print(asynchttp.ioloop.__name__, asynchttp.ioloop.__spec__.name)
        """)
    assert out.splitlines() == ["True True True", "True True", "asynchttp.ioloop asynchttp.ioloop"]


def test_alias_of_the_loggers_keeps_what_was_set() -> None:
    out = printed("""
        import logging, asynchttp, asynchttp.log
        logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
        handler = logging.NullHandler()
        logging.getLogger("tornado").addHandler(handler)
        asynchttp.install_as_tornado()
        print(logging.getLogger("tornado.access") is asynchttp.log.access_log, asynchttp.log.access_log.level)
        print(handler in logging.getLogger("asynchttp").handlers)
        logging.getLogger("tornado.general").propagate = False
        print(asynchttp.log.gen_log.propagate)
        """)
    assert out.splitlines() == ["True 50", "True", "False"]


PROGRAM = """
import sys
import tornado.ioloop
import tornado.web
from tornado.httpserver import HTTPServer
from tornado.options import define, options, parse_command_line
from tornado.testing import bind_unused_port

define("word", default="?")


class Main(tornado.web.RequestHandler):
    @tornado.web.asynchronous
    def get(self):
        tornado.ioloop.IOLoop.instance().add_callback(self.later)

    def later(self):
        self.write(options.word + " " + type(self.request.connection).__module__)
        self.finish()


if __name__ == "__main__":
    parse_command_line()
    sock, port = bind_unused_port()
    server = HTTPServer(tornado.web.Application([("/", Main)]))
    server.add_socket(sock)
    print("port", port, flush=True)
    tornado.ioloop.IOLoop.instance().start()
"""


def check_program(*arguments: str, env: "dict[str, str] | None" = None) -> None:
    with start_python(*arguments, "--word=hello", env=env) as process:
        port = int(process.wait_for_line(r"port (\d+)")[1])
        assert _get(port) == "hello asynchttp._exchange"


def _get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        body: bytes = response.read()
    return body.decode()


def test_script_runs_untouched(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    check_program("-m", "asynchttp.run_as_tornado", str(script))


def test_module_runs_untouched(tmp_path: pathlib.Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "server.py").write_text(PROGRAM)
    check_program("-m", "asynchttp.run_as_tornado", "-m", "package.server", env=importable(tmp_path))


def test_imports_beside_the_script_are_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "beside.py").write_text("import tornado.gen\nanswer = tornado.gen.__name__\n")
    (tmp_path / "script.py").write_text("import sys, beside\nprint(beside.answer, sys.argv[1:], __name__)\n")
    exit_code, out, err = run_python("-m", "asynchttp.run_as_tornado", str(tmp_path / "script.py"), "a", "-b")
    assert (exit_code, out, err) == (0, "asynchttp.gen ['a', '-b'] __main__\n", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "usage: "),
        (["--no-such-flag"], "usage: "),
        (["-m"], "usage: "),
        (["no/such/script.py"], "no such file: no/such/script.py"),
    ],
)
def test_usage_errors(arguments: list[str], says: str) -> None:
    exit_code, out, err = run_python("-m", "asynchttp.run_as_tornado", *arguments)
    assert (exit_code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_library_that_is_not_aliased_finds_the_running_loop() -> None:
    out = printed("""
        import asyncio
        import tornado.ioloop
        from asynchttp.httpserver import HTTPServer
        from asynchttp.httpclient import AsyncHTTPClient
        from asynchttp.testing import bind_unused_port

        async def handle(request):
            done = asyncio.Event()
            tornado.ioloop.IOLoop.current().add_callback(done.set)
            await done.wait()
            same = tornado.ioloop.IOLoop.current().asyncio_loop is asyncio.get_running_loop()
            return f"{same} {type(tornado.ioloop.IOLoop.current()).__module__}"

        async def main():
            sock, port = bind_unused_port()
            server = HTTPServer(handle)
            server.add_socket(sock)
            print((await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/")).body.decode())
            server.stop()
            await server.close_all_connections()

        asyncio.run(main())
        """)
    assert out == "True tornado.platform.asyncio\n"


def test_policy_of_tornado_5_makes_a_loop_in_any_thread() -> None:
    out = printed("""
        import asyncio, threading, warnings
        from asynchttp.platform.asyncio import AsyncIOLoop
        import asynchttp.platform.asyncio as platform
        warnings.simplefilter("ignore")  # policies are deprecated in Python 3.14
        asyncio.set_event_loop_policy(platform.AnyThreadEventLoopPolicy())
        def work():
            loop = asyncio.get_event_loop()
            print(loop.run_until_complete(asyncio.sleep(0, "ran")), asyncio.get_event_loop() is loop)
            loop.close()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print(hasattr(platform, "NoSuchPolicy"))
        """)
    assert out.splitlines() == ["ran True", "False"]
