import asyncio
import logging
from collections.abc import Callable

import pytest

from tests.support.logs import Expectation, LogGuard
from tests.support.processes import ROOT

log = logging.getLogger("guarded.part")


def test_record_above_info_is_a_problem() -> None:
    with LogGuard("guarded") as guard:
        log.info("fine")
        log.warning("not %s", "fine")
        logging.getLogger("elsewhere").warning("not ours")
    assert guard.problems() == ["not announced: WARNING guarded.part: not fine"]


def test_announced_record_is_none() -> None:
    with LogGuard("guarded") as guard:
        expected = guard.expect("guarded", "^not f", level=logging.WARNING)
        log.warning("not %s", "fine")
    assert guard.problems() == []
    assert [record.args for record in expected.records] == [("fine",)]


def test_announced_record_that_does_not_come_is_a_problem() -> None:
    with LogGuard("guarded") as guard:
        guard.expect("guarded.part", "boom")
        guard.expect("guarded.part", "perhaps", optional=True)
    assert guard.problems() == ["announced, not logged: 0 of 1 record(s) on 'guarded.part' that match 'boom'"]


@pytest.mark.parametrize(
    ("logger", "options"),
    [
        ("guarded.other", {}),
        ("guard", {}),
        ("guarded", {"pattern": "no such"}),
        ("guarded", {"level": logging.ERROR}),
    ],
)
def test_announcement_is_for_its_own_records(logger: str, options: dict[str, object]) -> None:
    with LogGuard("guarded") as guard:
        guard.expect(logger, optional=True, **options)  # type: ignore[arg-type]
        log.warning("text")
    assert guard.problems() == ["not announced: WARNING guarded.part: text"]


def test_one_too_many_is_a_problem() -> None:
    with LogGuard("guarded") as guard:
        guard.expect("guarded", count=1)
        log.warning("first")
        log.warning("second")
    assert guard.problems() == ["not announced: WARNING guarded.part: second"]


def test_pattern_sees_the_exception_and_its_cause() -> None:
    with LogGuard("guarded") as guard:
        guard.expect("guarded", "failed\nRuntimeError: late\nKeyError: 'k'")
        try:
            try:
                raise KeyError("k")
            except KeyError as error:
                raise RuntimeError("late") from error
        except RuntimeError:
            log.exception("failed")
    assert guard.problems() == []


def test_guard_hears_nothing_after_its_end() -> None:
    with LogGuard("guarded") as guard:
        pass
    log.warning("later")
    assert guard.problems() == []


def test_fixture_takes_what_was_announced(expect_log: Callable[..., Expectation]) -> None:
    expect_log("asynchttp.general", "announced", count=1)
    logging.getLogger("asynchttp.general").error("announced")


@pytest.mark.asyncio
async def test_wait_returns_the_first_record(expect_log: Callable[..., Expectation]) -> None:
    expected = expect_log("asynchttp", "late")
    loop = asyncio.get_running_loop()
    loop.call_soon(logging.getLogger("asynchttp.general").error, "late")
    assert (await expected.wait()).getMessage() == "late"
    assert (await expected.wait()) is expected.records[0]


@pytest.mark.asyncio
async def test_wait_ends_at_its_deadline() -> None:
    with LogGuard("guarded") as guard, pytest.raises(TimeoutError):
        await guard.expect("guarded", optional=True).wait(0.01)


def test_log_without_announcement_fails_the_test_that_logged(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import log_guard, expect_log\n")
    pytester.makepyfile(
        """
        import asyncio, logging, pytest

        def test_quiet(): pass
        def test_ours(): logging.getLogger("asynchttp.general").warning("ours")
        def test_announced(expect_log):
            expect_log("asynchttp.general", "ours")
            logging.getLogger("asynchttp.general").warning("ours")
        def test_announced_in_vain(expect_log): expect_log("asynchttp.general", "never")

        @pytest.mark.asyncio
        async def test_asyncios():
            asyncio.get_running_loop().call_exception_handler({"message": "asyncios"})
        """
    )
    # A process of its own: two runs in one process would share the loggers, and this test would fail by them.
    result = pytester.runpytest_subprocess("-o", "asyncio_mode=strict", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6, errors=4)
    result.stdout.fnmatch_lines(["*not announced: WARNING asynchttp.general: ours*"])
    result.stdout.fnmatch_lines(["*announced, not logged: 0 of 1*never*"])
    result.stdout.fnmatch_lines(["*not announced: ERROR asyncio: asyncios*"])
