"""How much hypothesis tries.

``ci``, the default, tries the same examples each time. ``HYPOTHESIS_PROFILE=explore`` tries other ones on each run, and
fifty times as many: for an evening on a machine that nobody needs.
"""

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, settings

__all__ = ["examples"]

_Test = TypeVar("_Test", bound=Callable[..., object])

EXPLORE = os.environ.get("HYPOTHESIS_PROFILE", "ci") == "explore"


def examples(count: int) -> Callable[[_Test], _Test]:
    """Try ``count`` examples, in CI."""
    return settings(
        max_examples=count * 50 if EXPLORE else count,
        derandomize=not EXPLORE,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
