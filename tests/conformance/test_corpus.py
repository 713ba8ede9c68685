"""What fuzzing found, and what it begins with, keeps the promises of its target; without atheris, in an instant."""

import importlib
import pathlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.fuzz.command import SEEDS, TARGETS
from tests.support.processes import run_python


def _inputs() -> list[Any]:
    return [
        pytest.param(target, path.read_bytes(), id=f"{target}-{path.name}")
        for target in TARGETS
        for path in sorted((SEEDS / target).iterdir())
    ]


def _check(target: str) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.targets.{target}").check
    return check


@pytest.mark.parametrize(("target", "octets"), _inputs())
def test_found(target: str, octets: bytes) -> None:
    _check(target)(octets)


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    check = _check(target)
    for octets in importlib.import_module(f"tests.fuzz.targets.{target}").SEEDS:
        check(octets)


@pytest.mark.parametrize("target", TARGETS)
def test_words(target: str) -> None:
    check = _check(target)
    for octets in importlib.import_module(f"tests.fuzz.targets.{target}").WORDS:
        check(octets)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_corpus(target: str) -> None:
    assert list((SEEDS / target).iterdir())


def test_the_missing_fuzzer_is_told_in_one_line() -> None:
    program = "import sys; sys.modules['atheris'] = None; from tests.fuzz.command import main; sys.exit(main('head'))"
    code, _, stderr = run_python("-c", program)
    assert code == 2
    assert stderr.count("\n") == 1
    assert "fuzzing needs atheris" in stderr


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzer_runs(target: str, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("atheris")
    code, _, stderr = run_python(
        "-W", "default", "-m", f"tests.fuzz.{target}", "--corpus", str(tmp_path / "a"), "-runs=50", "-max_len=40"
    )
    assert code == 0, stderr
    assert re.search(r"Done \d+ runs", stderr)
