"""Tornado's own tests on our modules, each module in a process of its own: :mod:`tests.compat.tornado_suite`."""

import pytest

from tests.compat import tornado_suite
from tests.compat.tornado_lost import LOST

pytest.importorskip("tornado")


def check(module: str, loop: str) -> None:
    """All that isn't listed as lost passes, and what is listed fails: nothing else."""
    outcome = tornado_suite.run(module, loop)
    assert outcome.crash == ""
    if outcome.surprises:
        # Some of Tornado's tests bet on tenths of a second. A busy machine loses that once; alone they win it.
        again = tornado_suite.run(module, loop, tuple(name.partition(" ")[0] for name in outcome.surprises))
        assert again.crash == ""
        assert again.outcomes.keys() >= set(outcome.surprises)
        assert not again.surprises, "\n".join(f"{name}\n{again.details[name]}" for name in again.surprises)
    assert outcome.revived == []
    assert outcome.lost <= outcome.outcomes.keys()
    assert outcome.count("passed") > 1


@pytest.mark.timeout(tornado_suite.TIME_LIMIT + 20)  # the process's own limit comes first, and says more
@pytest.mark.parametrize("module", tornado_suite.MODULES)
def test_module_passes(module: str, loop_name: str) -> None:
    check(module, loop_name)


@pytest.mark.timeout(tornado_suite.TIME_LIMIT + 20)
@pytest.mark.parametrize("module", tornado_suite.WITHOUT_LOOP)
def test_module_without_loop_passes(module: str) -> None:
    check(module, "asyncio")


def test_list_of_lost_tests_names_modules_that_run() -> None:
    assert {module for module, _ in LOST} <= {*tornado_suite.MODULES, *tornado_suite.WITHOUT_LOOP}
