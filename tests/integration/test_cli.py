"""``python -m asynchttp`` as a process: what it prints, how it ends, and what it says when it can't begin."""

import http.client
import pathlib
import re
import signal
import socket

import pytest

from asynchttp import __version__
from tests.support.processes import Process, run_python, start_python

APPLICATION = """
import asyncio, threading

async def hello(request):
    return b"hello"

def wait_for_ever():
    print("waiting", flush=True)
    threading.Event().wait()

async def stuck(request):
    await asyncio.to_thread(wait_for_ever)

async def broken(request):
    raise LookupError("nothing there")

class Namespace:
    hello = staticmethod(hello)

number = 7
"""


@pytest.fixture
def app_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


def serve(app_dir: pathlib.Path, *arguments: str, env: dict[str, str] | None = None) -> Process:
    return start_python("-m", "asynchttp", *arguments, "--port", "0", cwd=app_dir, env=env)


def refused(*arguments: str, cwd: pathlib.Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and what stands after ``asynchttp: error:`` on the only line of all output."""
    code, out, err = run_python("-m", "asynchttp", *arguments, cwd=cwd, env=env)
    assert out == ""
    match = re.fullmatch(r"asynchttp: error: (.+)\n", err)
    assert match, err
    return code, match[1]


def get(port: int, path: str = "/", host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_by_name_and_stops_cleanly(app_dir: pathlib.Path, loop_name: str, number: signal.Signals) -> None:
    with serve(app_dir, "app:hello", "--loop", loop_name) as process:
        port = process.wait_for_port()
        assert get(port) == (200, b"hello")
        assert process.stop(number) == 0
        line = f"asynchttp {__version__} listening on http://127.0.0.1:{port} ({loop_name})\n"
        assert (process.stdout, process.stderr) == (line, "")


def test_stops_cleanly_with_an_idle_connection_and_a_request_in_progress(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello") as process:
        port = process.wait_for_port()
        with (
            socket.create_connection(("127.0.0.1", port), 10) as idle,
            socket.create_connection(("127.0.0.1", port), 10) as busy,
        ):
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(65536).endswith(b"hello")
            busy.sendall(b"GET / HTTP/1.1\r\nHo")
            assert process.stop(signal.SIGTERM) == 0
            assert process.stderr == ""


def test_second_signal_ends_it_whatever_it_waits_for(app_dir: pathlib.Path, loop_name: str) -> None:
    with serve(app_dir, "app:stuck", "--loop", loop_name) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("waiting")
            process.send_signal(signal.SIGINT)
            # The end of the connection tells that the first signal was heard. The handler's thread lives on.
            assert client.recv(65536) == b""
            assert process.stop(signal.SIGTERM) == 1


def test_environment_chooses_the_loop(app_dir: pathlib.Path, loop_name: str) -> None:
    with serve(app_dir, "app:hello", env={"ASYNCHTTP_LOOP": loop_name}) as process:
        assert process.wait_for_line(r"listening on .*\((\w+)\)")[1] == loop_name


@pytest.mark.parametrize("flag", ["asyncio", "auto"])
def test_flag_wins_over_the_environment(app_dir: pathlib.Path, flag: str) -> None:
    with serve(app_dir, "app:hello", "--loop", flag, env={"ASYNCHTTP_LOOP": "nonsense"}) as process:
        process.wait_for_port()


def test_ipv6_address_is_printed_in_brackets(app_dir: pathlib.Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with serve(app_dir, "app:hello", "--host", "::1") as process:
        port = int(process.wait_for_line(r"http://\[::1\]:(\d+) ")[1])
        assert get(port, host="::1") == (200, b"hello")


def test_name_with_several_addresses_prints_a_line_for_each_and_one_port(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", "--host", "") as process:
        process.wait_for_port()
        # Lines of one start come together: what is there after the stop is all.
        process.stop()
        ports = re.findall(r":(\d+) \(", process.stdout)
    assert len(ports) == process.stdout.count("\n")
    assert len(set(ports)) == 1


def test_handler_of_a_nested_attribute(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:Namespace.hello") as process:
        assert get(process.wait_for_port()) == (200, b"hello")


def test_module_is_looked_for_in_app_dir(app_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serve(elsewhere, "app:hello", "--app-dir", str(app_dir)) as process:
        assert get(process.wait_for_port()) == (200, b"hello")


def test_installed_command_looks_in_the_working_directory(app_dir: pathlib.Path) -> None:
    """It isn't started by ``-m``, so nobody but itself puts the directory into ``sys.path``; ``-P`` is the same."""
    code = "import sys; from asynchttp._cli import main; sys.exit(main())"
    with start_python("-P", "-c", code, "app:hello", "--port", "0", cwd=app_dir) as process:
        assert get(process.wait_for_port()) == (200, b"hello")


def test_failing_handler_is_logged_with_time_and_traceback(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:broken") as process:
        assert get(process.wait_for_port())[0] == 500
        process.wait_for_line("LookupError: nothing there", "stderr")
        process.stop()
        assert re.match(r"\d{4}-\d\d-\d\d .* ERROR asynchttp\.application: ", process.stderr)


def test_version() -> None:
    assert run_python("-m", "asynchttp", "--version") == (0, f"asynchttp {__version__}\n", "")


def test_help_names_every_flag() -> None:
    code, out, err = run_python("-m", "asynchttp", "--help")
    assert (code, err) == (0, "")
    assert {"--host", "--port", "--loop", "--app-dir", "--version"} <= set(re.findall(r"--[a-z-]+", out))


# What it says when it can't begin


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: module:handler"),
        (["app"], "'app' is not of the form module:handler"),
        (["app.py:hello:"], "'app.py:hello:' is not of the form module:handler"),
        ([":hello"], "':hello' is not of the form module:handler"),
        (["app:hello", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["app:hello", "--hos", "x"], "unrecognized arguments: --hos x"),
        (["app:hello", "--port", "65536"], "'65536' is not a port: 0 to 65535"),
        (["app:hello", "--port", "+80"], "'+80' is not a port: 0 to 65535"),
        (["app:hello", "--loop", "trio"], "invalid choice: 'trio'"),
        (["nowhere:hello"], "no module named 'nowhere'"),
        (["app.nowhere:hello"], "no module named 'app.nowhere'"),
        (["app:goodbye"], "module 'app' has no attribute 'goodbye'"),
        (["app:hello.goodbye"], "module 'app' has no attribute 'hello.goodbye'"),
        (["app:number"], "app:number: the handler must be callable, not int"),
    ],
)
def test_wrong_usage_is_one_line_and_2(app_dir: pathlib.Path, arguments: list[str], message: str) -> None:
    code, line = refused(*arguments, cwd=app_dir)
    assert code == 2
    assert message in line


def test_unknown_loop_in_the_environment_is_one_line_and_2(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", "--port", "0", cwd=app_dir, env={"ASYNCHTTP_LOOP": "zebra"})
    assert code == 2
    assert "ASYNCHTTP_LOOP" in line
    assert "zebra" in line


def test_uvloop_where_it_is_not_installed_is_one_line_and_2(app_dir: pathlib.Path) -> None:
    code = "import sys; sys.modules['uvloop'] = None; from asynchttp._cli import main; sys.exit(main())"
    exit_code, out, err = run_python("-c", code, "app:hello", "--loop", "uvloop", "--port", "0", cwd=app_dir)
    assert (exit_code, out) == (2, "")
    assert re.fullmatch(r"asynchttp: error: .*uvloop.*not installed\n", err)


def test_port_in_use_is_one_line_and_1(app_dir: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refused("app:hello", "--port", str(port), cwd=app_dir)
    assert code == 1
    assert line == f"cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_host_that_does_not_resolve_is_one_line_and_1(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", "--host", "no.such.host.invalid", "--port", "0", cwd=app_dir)
    assert code == 1
    assert line.startswith("cannot listen on no.such.host.invalid: ")


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("\nraise ValueError('first\\nsecond')", "ValueError: first second", 2),
        ("import json\njson.loads('{')", "JSONDecodeError: ", None),
        ("def handler(request):\n    return (\n", "SyntaxError: ", 2),
        ("import sys\n\nsys.exit('enough')", "SystemExit: enough", 3),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'", 1),
        # not to be taken for the module of the command line
        ("import bad.inner", "ModuleNotFoundError: No module named 'bad.inner'; 'bad' is not a package", 1),
        ("import importlib\nimportlib.import_module('nowhere')", "No module named 'nowhere'", 2),
        ("from os import nothing_of_the_kind", "ImportError: cannot import name", 1),
    ],
)
def test_application_that_raises_at_import_is_one_line_and_3(
    app_dir: pathlib.Path, source: str, message: str, line: int | None
) -> None:
    bad = app_dir / "bad.py"
    bad.write_text(source)
    code, text = refused("bad:handler", cwd=app_dir)
    assert code == 3
    assert text.startswith("bad failed at import: ")
    assert message in text
    if line is not None:
        assert text.endswith(f"({bad}:{line})")


def test_missing_module_of_the_command_line_that_its_package_wants_too(app_dir: pathlib.Path) -> None:
    """``package`` is there and asks for ``package.inner``: its fault, though that is what we were to import."""
    (app_dir / "package").mkdir()
    (app_dir / "package" / "__init__.py").write_text("import package.inner\n")
    code, text = refused("package.inner:handler", cwd=app_dir)
    assert code == 3
    assert text.endswith("__init__.py:1)")
