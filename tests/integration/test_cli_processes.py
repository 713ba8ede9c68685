"""The command line with workers, and the signals that it takes."""

import operator
import os
import pathlib
import re
import signal
import socket
import time

import pytest

from asynchttp import __version__, _cli, _config
from asynchttp._options import OPTIONS
from tests.integration.cli import get, refused, run, serve
from tests.support.processes import Process, run_python, start_python


def worker_pids(process: Process, port: int, number: int) -> set[int]:
    """Ask until ``number`` different workers have answered."""
    pids: set[int] = set()
    end = time.monotonic() + 20
    while len(pids) < number and time.monotonic() < end:
        pids.add(int(get(port)[1]))
    return pids


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_serve_and_stop(app_dir: pathlib.Path, loop_name: str, number: signal.Signals) -> None:
    with serve(app_dir, "app:tell_pid", "--workers", "2", "--loop", loop_name) as process:
        port = process.wait_for_port()
        line = f"asynchttp {__version__} listening on http://127.0.0.1:{port} ({loop_name}, 2 workers)\n"
        assert process.stdout == line
        pids = worker_pids(process, port, 2)
        assert len(pids) == 2
        assert process.pid not in pids
        assert process.stop(number) == 0
        assert all(is_gone(pid) for pid in pids)
        assert process.stdout == line
        assert "Traceback" not in process.stderr
        assert "Warning" not in process.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_collector_has_nothing_to_do_with_what_is_there_at_the_start(app_dir: pathlib.Path, workers: str) -> None:
    with serve(app_dir, "app:tell_frozen", "--workers", workers) as process:
        assert int(get(process.wait_for_port())[1]) > 10_000  # objects: as many as there are, give or take


def test_workers_zero_is_one_per_core(app_dir: pathlib.Path) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with serve(app_dir, "app:hello", env={"WEB_CONCURRENCY": "0"}) as process:
        how = process.wait_for_line(r"listening on .* \((.*)\)$")[1]
        assert how.partition(", ")[2] == ("" if cores == 1 else f"{cores} workers")


def test_hup_brings_new_code_without_a_lost_request(app_dir: pathlib.Path) -> None:
    app = app_dir / "changing.py"
    app.write_text("async def handle(request):\n    return b'old'\n")
    with serve(app_dir, "changing:handle", "--workers", "2") as process:
        port = process.wait_for_port()
        assert get(port) == (200, b"old")
        app.write_text("async def handle(request):\n    return b'brand new'\n")
        process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        answers = [b"old"]
        while answers[-20:] != [b"brand new"] * 20 and time.monotonic() < end:
            status, body = get(port)
            assert status == 200
            answers.append(body)
        assert set(answers) == {b"old", b"brand new"}
        assert process.stop() == 0


def test_hup_with_broken_code_leaves_the_old_workers(app_dir: pathlib.Path) -> None:
    app = app_dir / "changing.py"
    app.write_text("async def handle(request):\n    return b'old'\n")
    with serve(app_dir, "changing:handle", "--workers", "2") as process:
        port = process.wait_for_port()
        app.write_text("raise OSError('not today')\n")
        process.send_signal(signal.SIGHUP)
        process.wait_for_line(r"asynchttp: error: changing failed at import: OSError: not today", "stderr")
        assert get(port) == (200, b"old")
        assert process.stop() == 0


def test_worker_after_so_many_requests_is_replaced(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:tell_pid", "--worker-lifetime", "1") as process:
        port = process.wait_for_port()
        first = get(port)[1]
        end = time.monotonic() + 20
        while (answer := get(port)) == (200, first) and time.monotonic() < end:
            pass
        assert answer[0] == 200
        assert answer[1] != first
        assert process.stop() == 0


def test_application_that_fails_is_one_line_before_any_worker(app_dir: pathlib.Path) -> None:
    (app_dir / "bad.py").write_text("import os\nprint(os.getpid())\nraise ValueError('first\\nsecond')\n")
    code, out, err = run_python("-m", "asynchttp", "bad:x", "--workers", "3", "--port", "0", cwd=app_dir)
    assert code == 3
    assert out.count("\n") == 1  # one process tried it
    assert err == f"asynchttp: error: bad failed at import: ValueError: first second ({app_dir}/bad.py:3)\n"


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("nowhere:x", 2, "no module named 'nowhere'"),
        ("app:nothing", 2, "module 'app' has no attribute 'nothing'"),
        ("app:number", 2, "app:number: the handler must be callable, not int"),
        ("leaving:x", 3, "leaving ended the process at import, with exit code 7"),
        ("exiting:x", 3, "exiting failed at import: SystemExit: enough"),
    ],
)
def test_failures_with_workers_are_those_without(app_dir: pathlib.Path, target: str, code: int, message: str) -> None:
    (app_dir / "leaving.py").write_text("import os\nos._exit(7)\n")
    (app_dir / "exiting.py").write_text("import sys\nsys.exit('enough')\n")
    got, line = refused(target, "--workers", "2", "--port", "0", cwd=app_dir)
    assert got == code
    assert message in line


def test_port_in_use_with_workers(app_dir: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refused("app:hello", "--workers", "2", "--port", str(port), cwd=app_dir)
    assert (code, line) == (1, f"--port: cannot listen on 127.0.0.1 port {port}: Address already in use")


def test_second_server_on_the_port_of_workers_is_refused(app_dir: pathlib.Path) -> None:
    """The workers share their port, but not with strangers... of another user; ours would be let in by the kernel."""
    with serve(app_dir, "app:hello", "--workers", "2") as process:
        port = process.wait_for_port()
        code, line = refused("app:hello", "--port", str(port), cwd=app_dir)
        assert (code, line) == (1, f"--port: cannot listen on 127.0.0.1 port {port}: Address already in use")


def test_more_and_less_workers(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:tell_pid", "--workers", "1", "--max-requests", "100000") as process:
        port = process.wait_for_port()
        process.send_signal(signal.SIGTTIN)
        pids = worker_pids(process, port, 2)
        assert len(pids) == 2
        process.send_signal(signal.SIGTTOU)
        process.wait_for_line(r"exited", "stderr")
        assert process.stop() == 0


# Signals of a single process


def test_quit_logs_stacks_and_stops_at_once(app_dir: pathlib.Path, loop_name: str) -> None:
    with serve(app_dir, "app:stuck", "--loop", loop_name) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("waiting")
            process.send_signal(signal.SIGQUIT)
            process.wait_for_line("in wait_for_ever", "stderr")
            assert client.recv(65536) == b""
            # The handler's thread doesn't end: only the second signal can help.
            assert process.stop(signal.SIGQUIT) == 1
        assert process.stderr.count("Stacks of process") == 1


def test_quit_without_anything_stuck_is_an_orderly_stop(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello") as process:
        process.wait_for_port()
        assert process.stop(signal.SIGQUIT) == 0
        assert "in main" in process.stderr


def test_quit_tells_what_a_graceful_stop_waits_for(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:stuck") as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("waiting")
            process.send_signal(signal.SIGTERM)
            process.wait_for_line("Stopping when 1 connections have ended", "stderr")
            process.send_signal(signal.SIGQUIT)
            process.wait_for_line("in wait_for_ever", "stderr")
            assert process.stop(signal.SIGTERM) == 1


def test_request_in_progress_is_finished(app_dir: pathlib.Path, loop_name: str) -> None:
    (app_dir / "slow.py").write_text(
        "import asyncio\nasync def handle(request):\n    print('begun', flush=True)\n    await asyncio.sleep(0.5)\n"
        "    return b'finished'\n"
    )
    with serve(app_dir, "slow:handle", "--loop", loop_name) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("begun")
            process.send_signal(signal.SIGTERM)
            answer = client.makefile("rb").read()
            assert answer.endswith(b"finished")
            assert b"Connection: close" in answer
        assert process.wait() == 0


def test_graceful_timeout_cuts(app_dir: pathlib.Path) -> None:
    (app_dir / "slow.py").write_text(
        "import asyncio\nasync def handle(request):\n    print('begun', flush=True)\n    await asyncio.sleep(100)\n"
    )
    with serve(app_dir, "slow:handle", "--timeout-graceful-shutdown", "0.3") as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("begun")
            assert process.stop(signal.SIGTERM) == 0
            assert client.recv(65536) == b""
    assert "Traceback" not in process.stderr


def test_shutdown_delay_serves_on(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", "--shutdown-delay", "1") as process:
        port = process.wait_for_port()
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert get(port) == (200, b"hello")
        assert process.wait() == 0
        assert time.monotonic() - begin >= 1


def test_hup_of_a_single_process_serves_on(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:tell_pid") as process:
        port = process.wait_for_port()
        process.send_signal(signal.SIGHUP)
        process.wait_for_line("Reloaded", "stderr")
        assert get(port) == (200, str(process.pid).encode())
        process.send_signal(signal.SIGTTIN)
        process.wait_for_line("start with --workers", "stderr")
        assert process.stop() == 0


def test_ignored_hup_stays_ignored(app_dir: pathlib.Path) -> None:
    """As under nohup."""
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from asynchttp._cli import main; sys.exit(main())"
    )
    with start_python("-c", code, "app:hello", "--port", "0", cwd=app_dir) as process:
        port = process.wait_for_port()
        process.send_signal(signal.SIGHUP)
        assert get(port) == (200, b"hello")
        assert process.stop() == 0
        assert "Reloaded" not in process.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_log_file_is_opened_again(app_dir: pathlib.Path, workers: str, number: signal.Signals) -> None:
    log = app_dir / "server.log"
    with serve(app_dir, "app:broken", "--log-file", "server.log", "--workers", workers) as process:
        port = process.wait_for_port()
        assert get(port)[0] == 500
        log.rename(app_dir / "server.log.1")
        process.send_signal(number)
        end = time.monotonic() + 20
        while "LookupError" not in (log.read_text() if log.exists() else "") and time.monotonic() < end:
            assert get(port)[0] == 500
        assert "LookupError" in log.read_text()
        assert "LookupError" in (app_dir / "server.log.1").read_text()
        assert process.stop() == 0
        assert process.stderr == ""


# Files and permissions


@pytest.mark.parametrize("workers", ["1", "2"])
def test_pid_file(app_dir: pathlib.Path, workers: str) -> None:
    file = app_dir / "server.pid"
    with serve(app_dir, "app:hello", "--pid-file", "server.pid", "--workers", workers) as process:
        process.wait_for_port()
        assert file.read_text() == f"{process.pid}\n"
        code, line = refused("app:hello", "--pid-file", "server.pid", "--port", "0", cwd=app_dir)
        assert (code, line) == (1, f"--pid-file: server.pid: process {process.pid} runs")
        assert process.stop() == 0
        assert not file.exists()


def test_pid_file_of_a_dead_process_is_taken_over(app_dir: pathlib.Path) -> None:
    code, out, _ = run_python("-c", "import os; print(os.getpid())")
    assert code == 0
    (app_dir / "server.pid").write_text(out)
    with serve(app_dir, "app:hello", "--pid-file", "server.pid") as process:
        process.wait_for_port()
        assert (app_dir / "server.pid").read_text() == f"{process.pid}\n"
        (app_dir / "server.pid").write_text("1\n")  # somebody else's by now
        assert process.stop() == 0
        assert (app_dir / "server.pid").read_text() == "1\n"


def test_pid_file_that_cannot_be_written(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", "--pid-file", "/no/such/x.pid", "--port", "0", cwd=app_dir)
    assert (code, line) == (1, "--pid-file: /no/such/x.pid: No such file or directory")


def test_log_file_that_cannot_be_written(app_dir: pathlib.Path) -> None:
    for workers in ("1", "2"):
        arguments = ("app:hello", "--log-file", "/no/such/x", "--workers", workers, "--port", "0")
        code, line = refused(*arguments, cwd=app_dir)
        assert (code, line) == (1, "--log-file: cannot write /no/such/x: No such file or directory")


def test_umask(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", "--umask", "077", "--pid-file", "x.pid", "--log-file", "x.log") as process:
        process.wait_for_port()
        assert (app_dir / "x.pid").stat().st_mode & 0o777 == 0o600
        assert (app_dir / "x.log").stat().st_mode & 0o777 == 0o600


# Limits


#: Flag → (text, attribute of the server, or of its parameters, and what stands there).
REACHES = {
    "keep-alive-timeout": ("7", "conn_params.idle_connection_timeout", 7.0),
    "header-timeout": ("8", "conn_params.header_timeout", 8.0),
    "body-timeout": ("9", "conn_params.body_timeout", 9.0),
    "write-timeout": ("10", "conn_params.write_timeout", 10.0),
    "handler-timeout": ("11", "_handler_timeout", 11.0),
    "linger-timeout": ("12", "conn_params.linger_timeout", 12.0),
    "linger-size": ("13K", "conn_params.linger_size", 13 << 10),
    "max-header-size": ("14K", "conn_params.max_header_size", 14 << 10),
    "max-header-count": ("15", "conn_params.max_header_count", 15),
    "max-body-size": ("16M", "conn_params.max_body_size", 16 << 20),
    "max-buffer-size": ("17M", "max_buffer_size", 17 << 20),
    "chunk-size": ("18K", "conn_params.chunk_size", 18 << 10),
    "max-connections": ("19", "_max_connections", 19),
    "limit-concurrency": ("20", "_limit_concurrency", 20),
    "cancel-on-disconnect": (None, "conn_params.cancel_on_disconnect", True),
    "allow-bare-lf": (None, "conn_params.allow_bare_lf", True),
    "decompress-request": (None, "conn_params.decompress", True),
    "ssl-reload": ("21", "ssl_reload", 21.0),
    "xheaders": (None, "xheaders", True),
    "trusted-proxies": ("10.0.0.0/8", "trusted_proxies", {"10.0.0.0/8"}),
    "proxy-protocol": ("v2", "proxy_protocol", "v2"),
    "health-path": ("/healthz", "_health_path", "/healthz"),
    "server-header": ("x/1", "_server_line", b"Server: x/1\r\n"),
}


@pytest.mark.parametrize("name", [option.name for option in OPTIONS if option.argument])
def test_each_flag_for_the_server_reaches_it(name: str) -> None:
    text, attribute, value = REACHES[name]
    flags = [f"--{name}" if text is None else f"--{name}={text}"]
    if name == "ssl-reload":
        flags += ["--ssl-certfile", __file__]  # one that exists: it isn't read yet
    settings, _ = _config.read(["app:hello", *flags], {})
    server = _cli._make_server(settings, print)
    assert operator.attrgetter(attribute)(server) == value


def test_flags_of_workers_reach_their_supervisor(app_dir: pathlib.Path) -> None:
    """In the order in which they show: too old, too large, stuck."""
    flags = ["--workers", "2", "--listeners", "shared", "--max-requests", "100000", "--max-requests-jitter", "5"]
    with serve(app_dir, "app:hello", *flags, "--worker-lifetime", "1") as process:
        assert get(process.wait_for_port()) == (200, b"hello")
        process.wait_for_line("asks to be replaced: lived for 1.0 s", "stderr")
        assert process.stop() == 0
    with serve(app_dir, "app:hello", *flags, "--worker-max-rss", "1M") as process:
        process.wait_for_line("asks to be replaced: takes [0-9]+ octets of memory, more than 1048576", "stderr")
        assert get(process.wait_for_port()) == (200, b"hello")
        assert process.stop() == 0
    (app_dir / "blocking.py").write_text("import time\ndef block(request):\n    time.sleep(60)\n")
    with serve(app_dir, "blocking:block", *flags, "--worker-timeout", "1") as process:
        with socket.create_connection(("127.0.0.1", process.wait_for_port()), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("has given no sign of life for 1.0 s: ending it", "stderr")
            process.wait_for_line("blocking.py.* in block", "stderr")
            assert client.recv(100) == b""
        assert process.stop() == 0


def test_limits_reach_the_server(app_dir: pathlib.Path) -> None:
    flags = ["--max-header-size", "1K", "--max-body-size", "10", "--server-header", "test/1", "--no-keep-alive"]
    with serve(app_dir, "app:hello", *flags) as process:
        port = process.wait_for_port()
        assert get(port, "/" + "x" * 2000)[0] == 414
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n")
            head = client.makefile("rb").read()
            assert head.startswith(b"HTTP/1.1 413 ")
            assert b"\r\nServer: test/1\r\n" in head
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"\r\nConnection: close\r\n" in client.makefile("rb").read()


def test_proxy_flags_reach_the_server(app_dir: pathlib.Path) -> None:
    flags = ["--xheaders", "--proxy-protocol", "v1"]
    with serve(app_dir, "app:echo_address", *flags, env={"FORWARDED_ALLOW_IPS": "127.0.0.0/8,192.0.2.1"}) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(
                b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
                b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.5\r\nX-Scheme: https\r\n"
                b"Connection: close\r\n\r\n"
            )
            assert client.makefile("rb").read().endswith(b"203.0.113.5 https")


def test_xheaders_of_strangers_are_not_believed(app_dir: pathlib.Path) -> None:
    flags = ["--xheaders", "--trusted-proxies", "192.0.2.1"]
    with serve(app_dir, "app:echo_address", *flags) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 203.0.113.5\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"127.0.0.1 http")


# Kinds of handlers


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["app:hello"], b"hello"),
        (["app:callback"], b"callback"),
        (["app:make", "--factory"], b"hello"),
        (["tornado_app:application"], b"tornado"),
        (["tornado_app:make", "--factory"], b"tornado"),
    ],
)
def test_kinds_of_handlers(app_dir: pathlib.Path, arguments: list[str], body: bytes) -> None:
    (app_dir / "tornado_app.py").write_text("""
import tornado.web
class Hello(tornado.web.RequestHandler):
    async def get(self):
        self.write("tornado")
def make():
    return tornado.web.Application([("/", Hello)])
application = make()
""")
    with serve(app_dir, *arguments) as process:
        assert get(process.wait_for_port()) == (200, body)
        assert process.stop() == 0


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("app:make_nothing", 2, "app:make_nothing() returned: the handler must be callable, not NoneType"),
        ("app:make_failing", 3, "app:make_failing() failed: OSError: no database ("),
        ("app:make_async", 2, "app:make_async: --factory is for plain functions"),
        ("app:number", 2, "app:number: --factory is for functions, not for int"),
    ],
)
def test_factory_that_makes_none(app_dir: pathlib.Path, target: str, code: int, message: str) -> None:
    got, line = refused(target, "--factory", "--port", "0", cwd=app_dir)
    assert got == code
    assert line.startswith(message)


# Looking without serving


def test_check_config(app_dir: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_python("-m", "asynchttp", "app:hello", "--check-config", "--port", port, cwd=app_dir)
    assert result == (0, "asynchttp: the configuration is good\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app:nothing"], "module 'app' has no attribute 'nothing'"),
        (["app:hello", "--port", "x"], "--port: 'x' is not a port"),
        (["app:hello", "--ssl-certfile", "none.pem"], "--ssl-certfile: cannot read none.pem"),
        (["app:make_failing", "--factory"], "app:make_failing() failed: OSError"),
        (["app:hello", "--log-config", "none.toml"], "--log-config: cannot read none.toml"),
        (["app:hello", "--nonsense"], "unrecognized arguments: --nonsense"),
        ([], "the following arguments are required: module:handler"),
    ],
)
def test_check_config_of_a_bad_one_is_1(app_dir: pathlib.Path, arguments: list[str], message: str) -> None:
    code, line = refused("--check-config", *arguments, cwd=app_dir)
    assert code == 1
    assert line.startswith(message)


def test_print_config_is_a_configuration(app_dir: pathlib.Path) -> None:
    arguments = ["app:hello", "--port", "0", "--workers", "1", "--server-header", "printed"]
    code, out, err = run_python("-m", "asynchttp", *arguments, "--print-config", cwd=app_dir)
    assert (code, err) == (0, "")
    (app_dir / "printed.toml").write_text(out)
    with run(app_dir, "--config", "printed.toml") as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"\r\nServer: printed\r\n" in client.makefile("rb").read()


# Logs


LOG_CONFIGS = {
    "log.toml": """
version = 1
[handlers.own]
class = "logging.FileHandler"
filename = "own.log"
[root]
level = "INFO"
handlers = ["own"]
""",
    "log.json": '{"handlers": {"own": {"class": "logging.FileHandler", "filename": "own.log"}},'
    ' "root": {"level": "INFO", "handlers": ["own"]}}',
    "log.ini": """
[loggers]
keys=root
[handlers]
keys=own
[formatters]
keys=
[logger_root]
level=INFO
handlers=own
[handler_own]
class=FileHandler
args=('own.log',)
""",
}


@pytest.mark.parametrize("name", list(LOG_CONFIGS))
def test_log_config(app_dir: pathlib.Path, name: str) -> None:
    (app_dir / name).write_text(LOG_CONFIGS[name])
    with serve(app_dir, "app:broken", "--log-config", name) as process:
        assert get(process.wait_for_port())[0] == 500
        assert process.stop() == 0
        assert process.stderr == ""
        assert "LookupError" in (app_dir / "own.log").read_text()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.toml", "version = "),
        ("x.toml", "[handlers.x]\nclass = 'no.such.Handler'\n[root]\nhandlers = ['x']"),
        ("x.json", "[1]"),
        ("x.json", "{"),
        ("x.ini", "nothing"),
    ],
)
def test_broken_log_config(app_dir: pathlib.Path, name: str, text: str) -> None:
    (app_dir / name).write_text(text)
    code, line = refused("app:hello", "--log-config", name, "--port", "0", cwd=app_dir)
    assert code == 2
    assert line.startswith(f"--log-config: {name}: ")


def test_log_level(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:broken", "--log-level", "critical") as process:
        assert get(process.wait_for_port())[0] == 500
        assert process.stop() == 0
        assert process.stderr == ""


def test_logging_that_the_application_configures_is_its_own(app_dir: pathlib.Path) -> None:
    (app_dir / "own.py").write_text(
        "import logging\nlogging.basicConfig(format='OWN %(message)s')\nfrom app import broken\n"
    )
    for workers in ("1", "2"):
        with serve(app_dir, "own:broken", "--workers", workers) as process:
            assert get(process.wait_for_port())[0] == 500
            process.wait_for_line("^OWN ", "stderr")
            assert process.stop() == 0


def test_every_flag_is_in_the_help() -> None:
    code, out, err = run_python("-m", "asynchttp", "--help")
    assert (code, err) == (0, "")
    flags = set(re.findall(r"--[a-z-]+", out))
    assert {f"--{option.name}" for option in OPTIONS} <= flags
    assert max(map(len, out.splitlines())) <= 120
