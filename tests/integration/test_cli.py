"""``python -m asynchttp`` as a process: what it prints, how it ends, and what it says when it can't begin."""

import pathlib
import re
import signal
import socket
import tomllib

import pytest

from asynchttp import __version__
from asynchttp._cli import main
from asynchttp._options import OPTIONS
from tests.integration.cli import get, refused, serve
from tests.support.processes import ROOT, run_python, start_python


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_by_name_and_stops_cleanly(app_dir: pathlib.Path, loop_name: str, number: signal.Signals) -> None:
    with serve(app_dir, "app:hello", "--loop", loop_name) as process:
        port = process.wait_for_port()
        assert get(port) == (200, b"hello")
        assert process.stop(number) == 0
        line = f"asynchttp {__version__} listening on http://127.0.0.1:{port} ({loop_name})\n"
        assert (process.stdout, process.stderr) == (line, "")


def test_stops_cleanly_with_an_idle_connection_and_a_request_in_progress(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", "--graceful-timeout", "0.5") as process:
        port = process.wait_for_port()
        with (
            socket.create_connection(("127.0.0.1", port), 10) as idle,
            socket.create_connection(("127.0.0.1", port), 10) as busy,
        ):
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(65536).endswith(b"hello")
            busy.sendall(b"GET / HTTP/1.1\r\nHo")
            assert process.stop(signal.SIGTERM) == 0
            assert re.fullmatch(r".* WARNING asynchttp.general: Cut at the end of the server.*\n", process.stderr)


def test_second_signal_ends_it_whatever_it_waits_for(app_dir: pathlib.Path, loop_name: str) -> None:
    with serve(app_dir, "app:stuck", "--loop", loop_name) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("waiting")
            process.send_signal(signal.SIGINT)
            process.wait_for_line("Stopping when 1 connections", "stderr")
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
        (["app:hello", "--loop", "trio"], "--loop: 'trio' is not one of auto, uvloop, asyncio"),
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


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--bind", "localhost"),
        ("--fd", "-1"),
        ("--uds-permissions", "rw"),
        ("--backlog", "0"),
        ("--listeners", "mine"),
        ("--workers", "-1"),
        ("--graceful-timeout", "10s"),
        ("--shutdown-delay", "nan"),
        ("--max-requests", "0"),
        ("--worker-max-rss", "1"),
        ("--umask", "9"),
        ("--keep-alive-timeout", "0"),
        ("--header-timeout", "-1"),
        ("--max-header-size", "64KB"),
        ("--max-body-size", "x"),
        ("--max-connections", "0"),
        ("--ssl-cert-reqs", "3"),
        ("--trusted-proxies", "10.0.0.1/8"),
        ("--proxy-protocol", "v3"),
        ("--log-level", "loud"),
        ("--admin", "9000"),
        ("--health-path", "x"),
        ("--server-header", "a\nb"),
        ("--app-dir", "/no/such"),
        ("--config", "/no/such.toml"),
    ],
)
def test_value_out_of_range_is_one_line_that_names_its_flag(app_dir: pathlib.Path, flag: str, text: str) -> None:
    code, line = refused("app:hello", f"{flag}={text}", cwd=app_dir)
    assert code == 2
    assert line.startswith(f"{flag}: ")


def test_wrong_variable_and_wrong_key_are_one_line_and_2(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", cwd=app_dir, env={"WEB_CONCURRENCY": "auto"})
    assert (code, line) == (2, "WEB_CONCURRENCY: 'auto' is not a whole number: 0 to 1024")
    (app_dir / "x.toml").write_text("max-body-size = '5 MB'\n")
    code, line = refused("app:hello", "--config", "x.toml", cwd=app_dir)
    assert code == 2
    assert line.startswith("x.toml: max-body-size: '5 MB' is not a size")


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
    assert line == f"--port: cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_host_that_does_not_resolve_is_one_line_and_1(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", "--host", "no.such.host.invalid", "--port", "0", cwd=app_dir)
    assert code == 1
    assert line.startswith("--host and --port: cannot listen on 'no.such.host.invalid': ")


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


def test_configuration_of_the_readme(tmp_path: pathlib.Path) -> None:
    """It is served as it stands there, but for its addresses; and what is commented out is right, too."""
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- test: config -->\n```toml\n(.*?)```", readme, re.DOTALL)
    assert found
    (tmp_path / "server.toml").write_text(found[1])
    arguments = ("--config", str(tmp_path / "server.toml"), "--port", "0", "--app-dir", str(ROOT))
    with start_python("-m", "asynchttp", *arguments, cwd=tmp_path) as process:
        port = process.wait_for_port()
        assert "2 workers" in process.stdout
        assert get(port)[0] == 200
        assert process.stop() == 0
    whole = tomllib.loads(re.sub("^# ", "", found[1], flags=re.MULTILINE))
    assert {"ssl-certfile", "ssl-sni"} <= whole.keys()
    code, out, err = run_python("-m", "asynchttp", "--config", str(tmp_path / "server.toml"), "--print-config")
    assert (code, err) == (0, "")
    assert tomllib.loads(out)["graceful-timeout"] == 20


def test_flags_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Command line")[2].partition("\n## ")[0]
    flags = set(re.findall(r"--[a-z][a-z-]+", section)) - {"--config", "--check-config", "--print-config", "--help"}
    assert {flag[2:] for flag in flags} <= {option.name for option in OPTIONS}


def test_octets_that_are_quoted_make_no_second_line(app_dir: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app_dir / "x.toml").write_text('"a\\nasynchttp: all is well" = 1\n')
    for arguments in (
        ("app:hello", "--config", str(app_dir / "x.toml")),
        ("app:hello", "--config", "/no/such\nfile"),
        ("app:hello", "--host", "a\x1b[2Jb\n", "--app-dir", str(app_dir)),
        ("app:hello", "--nonsense\r\nx"),
    ):
        assert main(arguments) in (1, 2)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("asynchttp: error: ")
        assert err[:-1].isprintable()
