import signal

import pytest

from tests.support.processes import ROOT, run_python, start_python

WAIT_FOR_INT = """
import sys, threading
try:
    print("listening on http://127.0.0.1:4321", flush=True)
    threading.Event().wait()
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(7)
"""


def test_run_python_collects_output_and_code() -> None:
    code, out, err = run_python("-c", "import sys; print('o'); print('e', file=sys.stderr); sys.exit(3)")
    assert (code, out, err) == (3, "o\n", "e\n")


def test_child_runs_in_the_checkout_and_finds_the_package() -> None:
    code, out, _ = run_python("-c", "import asynchttp, os; print(os.path.dirname(asynchttp.__file__))")
    assert (code, out.strip()) == (0, str(ROOT / "asynchttp"))


def test_environment_is_added_and_what_would_sway_a_test_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCHTTP_LOOP", "of the shell")
    code = "import os; print(os.environ.get('ASYNCHTTP_LOOP'), os.environ.get('X_OURS'))"
    assert run_python("-c", code, env={"X_OURS": "1"})[1] == "None 1\n"


def test_warning_in_the_child_is_an_error() -> None:
    code, _, err = run_python("-c", "import warnings; warnings.warn('careful')")
    assert code == 1
    assert "UserWarning: careful" in err


def test_wait_for_port_then_interrupt() -> None:
    with start_python("-c", WAIT_FOR_INT) as process:
        assert process.wait_for_port() == 4321
        assert process.stop(signal.SIGINT) == 7
        assert process.stderr == "interrupted\n"


def test_line_that_never_comes_is_an_error_with_the_output() -> None:
    with (
        start_python("-c", "print('something else')") as process,
        pytest.raises(EOFError, match="something else"),
    ):
        process.wait_for_line("wanted")


def test_waits_end_at_the_deadline_and_the_child_is_killed() -> None:
    with start_python("-c", WAIT_FOR_INT) as process:
        process.wait_for_port()
        process.deadline = 0.01
        with pytest.raises(TimeoutError, match="listening"):
            process.wait_for_line("wanted")
        with pytest.raises(TimeoutError, match="still runs"):
            process.wait()
        process.deadline = 20.0
    assert process.popen.returncode == -signal.SIGKILL
