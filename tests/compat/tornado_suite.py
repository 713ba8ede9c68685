"""Tornado's own test suites, from the installed wheel, on our modules: on asyncio and on uvloop.

``python -m tests.compat.tornado_suite`` runs them all and prints a table; arguments name modules and, behind a colon, a
part of a test's name: ``iostream_test:read_until``. Each module runs in a process of its own, with a time limit. A test
that fails and isn't in :mod:`tests.compat.tornado_lost` makes the exit code 1; so does one that is listed and passes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.compat.tornado_lost import LOST, UNSTEADY

MODULES = (
    "ioloop_test",
    "iostream_test",
    "netutil_test",
    "tcpserver_test",
    "tcpclient_test",
    "process_test",
    "gen_test",
    "concurrent_test",
    "locks_test",
    "queues_test",
    "testing_test",
    "httpserver_test",
    "http1connection_test",
    "httputil_test",
    "routing_test",
    "web_test",
    "websocket_test",
    "simple_httpclient_test",
    "httpclient_test",
    "asyncio_test",
    "circlerefs_test",
    "import_test",
    "autoreload_test",
    "security_corpus_test",
)
#: Modules whose tests know no loop, or make their own: once is enough.
WITHOUT_LOOP = (
    "auth_test",
    "escape_test",
    "locale_test",
    "log_test",
    "options_test",
    "template_test",
    "util_test",
    "wsgi_test",
)
LOOPS = ("asyncio", "uvloop")
#: Seconds for one module on one loop; the slowest takes about 10 on two cores.
TIME_LIMIT = 180


@dataclass
class Outcome:
    """What one module did on one loop."""

    module: str
    loop: str
    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    #: set when the module didn't get to its end
    crash: str = ""

    def count(self, outcome: str) -> int:
        return sum(1 for found in self.outcomes.values() if found == outcome)

    @property
    def lost(self) -> set[str]:
        """The tests that are listed for this module and loop."""
        return {name for (module, name), entry in LOST.items() if module == self.module and self.loop in entry.loops}

    @property
    def surprises(self) -> list[str]:
        """Tests that failed and aren't listed."""
        accepted = self.lost | {name for module, name in UNSTEADY if module == self.module}
        return sorted(name for name, outcome in self.outcomes.items() if outcome == "failed" and name not in accepted)

    @property
    def revived(self) -> list[str]:
        """Tests that are listed and pass."""
        return sorted(name for name in self.lost if self.outcomes.get(name) == "passed")


def run(module: str, loop: str, patterns: tuple[str, ...] = ()) -> Outcome:
    """Run one module on one loop."""
    result = Outcome(module, loop)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "result.json")
        try:
            process = subprocess.run(
                [sys.executable, "-m", "tests.compat.tornado_child", str(told), module, *patterns],
                cwd=Path(__file__).parents[2],
                # EMULATION: some tests bet on tenths of seconds, and Tornado gives slow machines more.
                env={**os.environ, "ASYNCHTTP_LOOP": loop, "ASYNC_TEST_TIMEOUT": "5", "EMULATION": "1"},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired:
            result.crash = f"not over after {TIME_LIMIT} s"
            return result
        if told.exists():
            outcome = json.loads(told.read_text())
            result.outcomes, result.details = outcome["outcomes"], outcome["details"]
        else:
            result.crash = f"exit code {process.returncode}: {process.stderr.strip()[-2000:]}"
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat.tornado_suite", description=__doc__)
    parser.add_argument(
        "module", nargs="*", default=(*MODULES, *WITHOUT_LOOP), help="a module, or module:part-of-a-test's-name"
    )
    parser.add_argument("--loop", choices=LOOPS, action="append", help="default: both")
    parser.add_argument("--verbose", action="store_true", help="show the tracebacks of what failed")
    options = parser.parse_args()
    print(f"{'module':<21}{'loop':<9}{'passed':>7}{'skipped':>9}{'lost':>6}{'failed':>8}")
    bad = False
    problems: list[str] = []
    for argument in options.module:
        module, _, pattern = argument.partition(":")
        for loop in options.loop or (LOOPS[:1] if module in WITHOUT_LOOP else LOOPS):
            outcome = run(module, loop, (pattern,) if pattern else ())
            counts = [outcome.count("passed"), outcome.count("skipped"), outcome.count("failed")]
            unexpected = len(outcome.surprises)
            print(
                f"{module:<21}{loop:<9}{counts[0]:>7}{counts[1]:>9}{counts[2] - unexpected:>6}{unexpected:>8}"
                + (f"   {outcome.crash.splitlines()[-1][:100]}" if outcome.crash else ""),
                flush=True,
            )
            bad = bad or bool(outcome.crash or outcome.surprises or outcome.revived)
            problems += [f"{module} on {loop}: {outcome.crash}"] if outcome.crash else []
            for name in outcome.surprises:
                reason = outcome.details.get(name, "").strip()
                problems.append(f"{module} {name} on {loop}: {reason if options.verbose else reason[-300:]}")
            problems += [f"{module} {name} on {loop}: listed as lost, and passes" for name in outcome.revived]
    for problem in problems:
        print(f"\n{problem}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
