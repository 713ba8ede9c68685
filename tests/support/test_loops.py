"""Each asynchronous test really runs on both loops."""

import asyncio

import pytest

from tests.support.processes import run_python


@pytest.mark.asyncio
async def test_loop_is_the_one_in_the_tests_name(request: pytest.FixtureRequest) -> None:
    module = type(asyncio.get_running_loop()).__module__
    name = request.node.name
    assert name.endswith("[uvloop]" if module.startswith("uvloop") else "[asyncio]"), (name, module)


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_one_loop_can_be_picked() -> None:
    assert type(asyncio.get_running_loop()).__module__.startswith("asyncio")


def test_without_uvloop_its_tests_are_skipped() -> None:
    code = "import sys, pytest; sys.modules['uvloop'] = None; sys.exit(pytest.main(sys.argv[1:]))"
    test = "tests/support/test_loops.py::test_loop_is_the_one_in_the_tests_name"
    exit_code, out, _ = run_python("-c", code, "-p", "no:cacheprovider", test)
    assert exit_code == 0, out
    assert "1 passed, 1 skipped" in out
    assert "uvloop isn't installed" in out
