"""Fixtures that several files of this directory ask for."""

from collections.abc import Iterator

import pytest

from tests.support.logs import LogGuard


@pytest.fixture
def tornado_is_silent() -> Iterator[None]:
    """Nor does Tornado log above INFO: our streams' errors are its own, for its modules."""
    with LogGuard("tornado") as guard:
        yield
    assert guard.problems() == []
