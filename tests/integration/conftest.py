"""Fixtures that several files of this directory ask for."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.integration.cli import APPLICATION
from tests.support.logs import LogGuard


@pytest.fixture
def tornado_is_silent() -> Iterator[None]:
    """Nor does Tornado log above INFO: our streams' errors are its own, for its modules."""
    with LogGuard("tornado") as guard:
        yield
    assert guard.problems() == []


@pytest.fixture
def app_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    """A directory with ``app.py``."""
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path
