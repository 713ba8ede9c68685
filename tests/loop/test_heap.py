"""Large pieces that are freed and needed again don't go through the kernel each time."""

import os
import platform
import resource
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's heap")

PROGRAM = """
import resource, sys
if "loop" in sys.argv:
    from asynchttp.ioloop import IOLoop
    IOLoop(make_current=False).close()
def burst():
    return sum(map(len, [b"x" * 100_000 for _ in range(16)]))
burst()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    burst()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*arguments: str, **environment: str) -> int:
    """Pages that the kernel had to clear for 200 bursts of 16 messages of 100 KB."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


MESSAGES_IN_PAGES = 200 * 16 * 100_000 // resource.getpagesize()


def test_what_bursts_need_again_is_kept() -> None:
    assert page_faults() > MESSAGES_IN_PAGES / 2
    assert page_faults("loop") < MESSAGES_IN_PAGES / 50


def test_the_users_own_setting_wins() -> None:
    assert page_faults("loop", MALLOC_TRIM_THRESHOLD_="131072") > MESSAGES_IN_PAGES / 2
