"""``--reload``: the server starts again when a file of the application has changed."""

import os
import pathlib
import signal
import socket
import time

import pytest

from asynchttp._reload import Files
from tests.integration.cli import get, refused
from tests.support.processes import Process, start_python


@pytest.fixture(params=["watchfiles", "polling"])
def watcher(request: pytest.FixtureRequest) -> str:
    if request.param == "watchfiles":
        pytest.importorskip("watchfiles")
    return str(request.param)


def serve(directory: pathlib.Path, watcher: str, *arguments: str) -> Process:
    code = "import sys; from asynchttp._cli import main; sys.exit(main())"
    if watcher == "polling":
        code = "import sys; sys.modules['watchfiles'] = None; " + code.partition("; ")[2]
    return start_python("-c", code, *arguments, "--reload", "--port", "0", cwd=directory)


def write(directory: pathlib.Path, body: str) -> None:
    """A handler that answers ``body``; each of another size, for the coarsest of file systems."""
    (directory / "live.py").write_text(f"async def handle(request):\n    return {body!r}\n")


def wait_for(port: int, body: bytes) -> None:
    end = time.monotonic() + 20
    while get(port) != (200, body):
        assert time.monotonic() < end


def test_change_starts_it_again_on_the_same_port(app_dir: pathlib.Path, watcher: str) -> None:
    write(app_dir, "one")
    with serve(app_dir, watcher, "live:handle") as process:
        port = process.wait_for_port()
        wait_for(port, b"one")
        write(app_dir, "three")
        process.wait_for_line("asynchttp: live.py changed, starting again", "stderr")
        wait_for(port, b"three")
        assert process.stop() == 0
        assert "Traceback" not in process.stderr
        assert "Warning" not in process.stderr


def test_broken_code_is_reported_and_waited_for(app_dir: pathlib.Path, watcher: str) -> None:
    write(app_dir, "one")
    with serve(app_dir, watcher, "live:handle") as process:
        port = process.wait_for_port()
        (app_dir / "live.py").write_text("def handle(:\n")
        process.wait_for_line("asynchttp: error: live failed at import: SyntaxError", "stderr")
        process.wait_for_line("ended with exit code 3, waiting for a change", "stderr")
        write(app_dir, "mended")
        wait_for(port, b"mended")
        assert process.stop(signal.SIGINT) == 0


def test_stop_while_it_waits_for_a_change(app_dir: pathlib.Path, watcher: str) -> None:
    write(app_dir, "one")
    with serve(app_dir, watcher, "live:handle") as process:
        process.wait_for_port()
        (app_dir / "live.py").write_text("raise ValueError\n")
        process.wait_for_line("waiting for a change", "stderr")
        assert process.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_stop_leaves_nobody_behind(app_dir: pathlib.Path, watcher: str, number: signal.Signals) -> None:
    with serve(app_dir, watcher, "app:tell_pid") as process:
        child = int(get(process.wait_for_port())[1])
        assert child != process.pid
        assert process.stop(number) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_hup_starts_it_again(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "polling", "app:tell_pid") as process:
        port = process.wait_for_port()
        child = get(port)[1]
        process.send_signal(signal.SIGHUP)
        process.wait_for_line("SIGHUP, starting again", "stderr")
        end = time.monotonic() + 20
        while get(port)[1] == child:
            assert time.monotonic() < end
        assert process.stop() == 0


def test_request_in_progress_is_finished_before(app_dir: pathlib.Path) -> None:
    (app_dir / "live.py").write_text(
        "import asyncio\nasync def handle(request):\n    print('begun', flush=True)\n    await asyncio.sleep(1)\n"
        "    return b'old'\n"
    )
    with serve(app_dir, "polling", "live:handle") as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            process.wait_for_line("begun")
            write(app_dir, "new")
            process.wait_for_line("starting again", "stderr")
            assert client.makefile("rb").read().endswith(b"old")
        wait_for(port, b"new")
        assert process.stop() == 0


def test_first_failure_is_that_of_a_run_without_it(app_dir: pathlib.Path) -> None:
    (app_dir / "bad.py").write_text("raise ValueError('no')\n")
    code, line = refused("bad:x", "--reload", "--port", "0", cwd=app_dir)
    assert (code, line) == (3, f"bad failed at import: ValueError: no ({app_dir}/bad.py:1)")


def test_directories_and_patterns(app_dir: pathlib.Path, watcher: str) -> None:
    write(app_dir, "one")
    (templates := app_dir / "templates").mkdir()
    flags = ["--reload-dir", "templates", "--reload-include", "*.html", "--reload-exclude", "x*"]
    with serve(app_dir, watcher, "live:handle", *flags) as process:
        port = process.wait_for_port()
        write(app_dir, "three")  # not watched
        (templates / "xyz.html").write_text("excluded")
        (templates / "a.txt").write_text("not included")
        (templates / "a.html").write_text("watched")
        process.wait_for_line(f"{os.path.join('templates', 'a.html')} changed, starting again", "stderr")
        wait_for(port, b"three")
        assert process.stop() == 0
        assert process.stderr.count("starting again") == 1


# Which files


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("a.py", True),
        ("package/b.py", True),
        ("a.pyc", False),
        ("notes.txt", False),
        (".hidden/a.py", False),
        (".a.py", False),
        ("__pycache__/a.py", False),
        ("node_modules/x/a.py", False),
        ("lib/site-packages/a.py", False),
    ],
)
def test_which_files_are_watched(tmp_path: pathlib.Path, path: str, watched: bool) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    files = Files([str(tmp_path)], [], [])
    assert (str(file) in files) is watched
    assert (str(file) in files.stamps()) is watched


def test_virtual_environments_are_left_out(tmp_path: pathlib.Path) -> None:
    (tmp_path / "env" / "lib").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "env" / "lib" / "a.py").write_text("")
    assert Files([str(tmp_path)], [], []).stamps() == {}


def test_hidden_place_of_work_is_none_for_that(tmp_path: pathlib.Path) -> None:
    (place := tmp_path / ".work").mkdir()
    (place / "a.py").write_text("")
    files = Files([str(place)], [], [])
    assert list(files.stamps()) == [str(place / "a.py")]
