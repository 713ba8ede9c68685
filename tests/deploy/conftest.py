"""The directory of each test."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.deploy.kit import Site, site_in


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Iterator[Site]:
    with site_in(tmp_path) as site:
        yield site
