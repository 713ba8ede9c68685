"""The command line's access log, admin pages and readiness."""

import json
import os
import pathlib
import re
import signal
import time

import pytest

from tests.integration.cli import get, get_unix, refused, run, serve
from tests.support.processes import Process


def admin_port(process: Process) -> int:
    return int(process.wait_for_line(r"shows /livez, /readyz and /metrics on http://127\.0\.0\.1:(\d+)$")[1])


def counter(page: bytes, name: str) -> float:
    found = re.search(rf"^asynchttp_{name} (\S+)$", page.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_access_log_on_standard_output(app_dir: pathlib.Path, workers: str) -> None:
    with serve(app_dir, "app:hello", "--access-log", "--workers", workers) as process:
        port = process.wait_for_port()
        assert get(port, "/one?two")[0] == 200
        line = process.wait_for_line(r"/one").string
        assert re.match(r'127\.0\.0\.1 - - \[.+\] "GET /one\?two HTTP/1\.1" 200 5 ', line)
        assert process.stop() == 0
        assert "GET /one" not in process.stderr


def test_no_access_log_by_default(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello") as process:
        assert get(process.wait_for_port(), "/one")[0] == 200
        assert process.stop() == 0
        assert "/one" not in process.stdout + process.stderr


@pytest.mark.parametrize(
    ("form", "expected"), [("%(m)s|%(U)s|%(s)s", r"^GET\|/one\|200$"), ("json", r'"url.path": ?"/one"')]
)
def test_format_of_the_access_log(app_dir: pathlib.Path, form: str, expected: str) -> None:
    with serve(app_dir, "app:hello", "--access-log", "--access-log-format", form) as process:
        assert get(process.wait_for_port(), "/one")[0] == 200
        line = process.wait_for_line(expected).string
        if form == "json":
            assert json.loads(line)["http.response.status_code"] == 200
        assert process.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_access_log_in_a_file_that_is_rotated(app_dir: pathlib.Path, workers: str) -> None:
    log = app_dir / "access.log"
    flags = ["--access-log", "--access-log-file", "access.log", "--workers", workers]
    with serve(app_dir, "app:hello", *flags) as process:
        port = process.wait_for_port()
        assert get(port, "/before")[0] == 200
        end = time.monotonic() + 20
        while "/before" not in log.read_text():
            assert time.monotonic() < end
        log.rename(app_dir / "access.log.1")
        process.send_signal(signal.SIGUSR1)
        while "/after" not in (log.read_text() if log.exists() else ""):
            assert get(port, "/after")[0] == 200
            assert time.monotonic() < end
        assert process.stop() == 0
    assert "/before" in (app_dir / "access.log.1").read_text()


def test_wrong_format_names_its_flag(app_dir: pathlib.Path) -> None:
    code, line = refused("app:hello", "--access-log-format", "%(nonsense)s", "--port", "0", cwd=app_dir)
    assert code == 2
    assert line.startswith("--access-log-format: ")
    assert "nonsense" in line


def test_access_log_file_that_cannot_be_written(app_dir: pathlib.Path) -> None:
    flags = ["--access-log", "--access-log-file", "/no/such/x", "--port", "0"]
    code, line = refused("app:hello", *flags, cwd=app_dir)
    assert (code, line) == (1, "--access-log-file: cannot write /no/such/x: No such file or directory")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_admin_pages(app_dir: pathlib.Path, workers: str) -> None:
    with serve(app_dir, "app:hello", "--admin", "127.0.0.1:0", "--workers", workers) as process:
        admin = admin_port(process)
        port = process.wait_for_port()
        assert get(admin, "/livez")[0] == 200
        assert get(admin, "/readyz")[0] == 200
        assert get(port, "/livez") == (200, b"hello")
        for _ in range(10):
            assert get(port) == (200, b"hello")
        end = time.monotonic() + 20
        # Each worker publishes once a second; whichever answers shows the sum.
        while counter(get(admin, "/metrics")[1], "requests_total") != 11:
            assert time.monotonic() < end
        assert process.stop() == 0
        assert "Traceback" not in process.stderr


def test_figures_of_a_crew_outlive_a_worker_that_is_killed(app_dir: pathlib.Path) -> None:
    flags = ("--admin", "127.0.0.1:0", "--workers", "2", "--worker-timeout", "1")
    with serve(app_dir, "app:tell_pid", *flags) as process:
        admin, port = admin_port(process), process.wait_for_port()
        pids = [int(get(port)[1]) for _ in range(20)]

        def wait_for(**figures: float) -> None:
            end = time.monotonic() + 20
            while True:
                page = get(admin, "/metrics")[1]
                found = {name: counter(page, name) for name in figures}
                if found == figures:
                    return
                assert time.monotonic() < end, found

        wait_for(requests_total=20, workers=2, workers_spawned_total=2, workers_died_total=0, workers_stuck_total=0)
        os.kill(pids[0], signal.SIGKILL)
        wait_for(requests_total=20, workers=2, workers_spawned_total=3, workers_died_total=1, workers_stuck_total=0)
        assert get(admin, "/readyz")[0] == 200
        stopped = int(get(port)[1])
        wait_for(requests_total=21)
        os.kill(stopped, signal.SIGSTOP)
        wait_for(requests_total=21, workers=2, workers_spawned_total=4, workers_died_total=2, workers_stuck_total=1)
        assert process.stop() == 0


def test_admin_pages_on_a_unix_socket(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", "--admin", "unix:admin.sock") as process:
        process.wait_for_line(r"shows /livez, /readyz and /metrics on unix:admin\.sock$")
        assert get_unix(app_dir / "admin.sock") != b"hello"
        assert process.stop() == 0
    assert not (app_dir / "admin.sock").exists()


def test_admin_address_in_use(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello") as process:
        port = process.wait_for_port()
        code, line = refused("app:hello", "--admin", f"127.0.0.1:{port}", "--port", "0", cwd=app_dir)
        assert (code, line) == (1, f"--admin: cannot listen on 127.0.0.1 port {port}: Address already in use")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_not_ready_while_it_is_about_to_stop(app_dir: pathlib.Path, workers: str) -> None:
    flags = ["--admin", "127.0.0.1:0", "--health-path", "/healthz", "--shutdown-delay", "2", "--workers", workers]
    with serve(app_dir, "app:hello", *flags) as process:
        admin = admin_port(process)
        port = process.wait_for_port()
        assert get(admin, "/readyz")[0] == 200
        assert get(port, "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 2
        while get(admin, "/readyz")[0] != 503 and time.monotonic() < end:
            pass
        assert get(admin, "/readyz")[0] == 503
        assert get(admin, "/livez")[0] == 200
        assert get(port, "/healthz")[0] == 503
        assert get(port) == (200, b"hello")
        assert process.wait() == 0


def test_health_path_beside_a_tornado_application(app_dir: pathlib.Path) -> None:
    (app_dir / "tornado_app.py").write_text(
        "import tornado.web\n"
        "class Hello(tornado.web.RequestHandler):\n    def get(self):\n        self.write('tornado')\n"
        "application = tornado.web.Application([('/', Hello)])\n"
    )
    with run(app_dir, "tornado_app:application", "--bind", "127.0.0.1:0", "--health-path", "/healthz") as process:
        port = process.wait_for_port()
        assert get(port) == (200, b"tornado")
        assert get(port, "/healthz")[0] == 200


def test_log_as_json(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:broken", "--log-format", "json") as process:
        assert get(process.wait_for_port())[0] == 500
        line = process.wait_for_line(r"^\{.*\}$", "stderr")[0]
        fields = json.loads(line)
        assert (fields["logger"], fields["level"], fields["reason"]) == (
            "asynchttp.application",
            "ERROR",
            "handler_failed",
        )
        assert fields["exception"].endswith("LookupError: nothing there")
