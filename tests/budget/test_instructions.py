"""Instructions of a request, counted by callgrind, against ``bounds.py``."""

import platform
import shutil
import sys

import pytest

from bench.__main__ import main
from bench.instructions import count
from bench.processes import ROOT
from tests.budget.bounds import INSTRUCTIONS, SLACK, YARDSTICK

VERSION = sys.version_info[:2]

pytestmark = [
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind isn't installed"),
    pytest.mark.skipif(
        (sys.platform, platform.machine(), sys.implementation.name) != ("linux", "x86_64", "cpython"),
        reason="the bounds are CPython's on Linux on x86-64",
    ),
    pytest.mark.skipif(VERSION not in INSTRUCTIONS, reason="this version of Python has no bounds"),
    pytest.mark.timeout(600),  # valgrind takes half a minute, without others beside it
]


def test_instructions_per_request() -> None:
    bounds = INSTRUCTIONS[VERSION]
    counted = count(list(bounds))
    build = max(1.0, counted[YARDSTICK] / bounds[YARDSTICK])
    allowed = {name: bound * build * SLACK for name, bound in bounds.items()}
    over = {name: f"{counted[name]:,.0f}, not {bound:,.0f}" for name, bound in allowed.items() if counted[name] > bound}
    assert not over


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
def test_command_compares_with_a_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instructions", "--scripts", "raw", "--requests", "10", "--before", "HEAD"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["script", "HEAD", "now", "change"]
    name, before, now, change = line.split()
    assert name == "raw"
    assert int(before.replace(",", "")) == pytest.approx(int(now.replace(",", "")), rel=0.02)  # nothing of it is ours
    assert float(change.rstrip("%")) == pytest.approx(0, abs=2)


def test_commit_that_isnt_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instructions", "--scripts", "raw", "--requests", "1", "--before", "nonsense"]) == 2
    assert "no commit 'nonsense'" in capsys.readouterr().err
