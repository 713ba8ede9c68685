"""Tornado's own tests on our modules, each module in a process of its own: :mod:`tests.compat.tornado_suite`."""

import pytest

from tests.compat import tornado_suite
from tests.compat.tornado_lost import BETS, LOST

pytest.importorskip("tornado")


def check(module: str, loop: str) -> None:
    """All that isn't listed as lost passes, and what is listed fails: nothing else."""
    outcome = tornado_suite.run(module, loop)
    assert outcome.crash == ""
    lost_bets = [name for name in outcome.surprises if (module, name) in BETS]
    if lost_bets:
        again = tornado_suite.run(module, loop, tuple(lost_bets))
        assert [again.outcomes.get(name) for name in lost_bets] == ["passed"] * len(lost_bets), again.details
    unexpected = [f"{name}\n{outcome.details.get(name, '')}" for name in outcome.surprises if name not in lost_bets]
    assert not unexpected, "\n".join(unexpected)
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
