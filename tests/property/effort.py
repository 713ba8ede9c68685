"""How much hypothesis tries.

``ci``, the default, tries the same examples each time. ``HYPOTHESIS_PROFILE=explore`` tries other ones on each run, and
fifty times as many: for an evening on a machine that nobody needs. ``brief`` tries a fifth, the same each time: for
one more interpreter, when another has tried them all.
"""

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, settings

__all__ = ["examples"]

_Test = TypeVar("_Test", bound=Callable[..., object])

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
EXPLORE = PROFILE == "explore"
SHARE = {"explore": 50.0, "ci": 1.0, "brief": 0.2}[PROFILE]


def examples(count: int) -> Callable[[_Test], _Test]:
    """Try ``count`` examples, in CI."""
    return settings(
        max_examples=max(1, round(count * SHARE)),
        derandomize=not EXPLORE,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
