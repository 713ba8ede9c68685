"""What holds for every test: both event loops, and no log record that the test didn't announce."""

import asyncio
import signal
from collections.abc import Callable, Iterator

import pytest

pytest_plugins = ["pytester"]
pytest.register_assert_rewrite("tests.support")

from tests.support.logs import Expectation, LogGuard  # noqa: E402  (after the line above, by its nature)

try:
    import uvloop
except ImportError:  # Windows, or an interpreter without a wheel of it
    uvloop = None  # type: ignore[assignment]


# Under nohup it is ignored, which programs that the tests start would inherit, and respect.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _new_uvloop() -> asyncio.AbstractEventLoop:
    if uvloop is None:
        pytest.skip("uvloop isn't installed")
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOP_FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": _new_uvloop,
}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each asynchronous test runs on each loop; ``mark.asyncio(loop_factories=["uvloop"])`` picks one."""
    return LOOP_FACTORIES


@pytest.fixture(params=list(LOOP_FACTORIES))
def loop_name(request: pytest.FixtureRequest) -> str:
    """Both names in turn: for tests without a loop of their own (subprocesses, ``IOLoop().start()``)."""
    name: str = request.param
    if name == "uvloop" and uvloop is None:
        pytest.skip("uvloop isn't installed")
    return name


@pytest.fixture(autouse=True)
def log_guard() -> Iterator[LogGuard]:
    """Fail a test that logged above ``INFO`` on our loggers or asyncio's without having announced it.

    Being requested first it is torn down last, so records of a loop that is closing count too.
    """
    with LogGuard("asynchttp", "asyncio") as guard:
        yield guard
    if problems := guard.problems():
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def expect_log(log_guard: LogGuard) -> Callable[..., Expectation]:
    """``expect_log(logger, pattern="", *, level=None, count=None, optional=False)``: ``LogGuard.expect``."""
    return log_guard.expect
