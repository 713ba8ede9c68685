"""Runs one of Tornado's test modules on our modules and writes the outcome of each test as JSON.

``python -m tests.compat.tornado_child RESULT.json ioloop_test``; the loop is chosen by ``ASYNCHTTP_LOOP``.
"""

import json
import logging
import sys
import unittest
import warnings
from pathlib import Path
from typing import Any

from tests.compat.tornado_alias import replace_modules


class Recorder(unittest.TestResult):
    """The outcome of each test by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.details: dict[str, str] = {}

    def stopTest(self, test: unittest.TestCase) -> None:
        self.outcomes.setdefault(_name(test), "passed")
        super().stopTest(test)

    def _failed(self, test: Any, error: Any) -> None:
        self.outcomes[_name(test)] = "failed"
        self.details[_name(test)] = self._exc_info_to_string(error, test)  # type: ignore[attr-defined]

    def addError(self, test: Any, err: Any) -> None:
        self._failed(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._failed(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Each has an outcome of its own, beside the test's."""
        name = f"{_name(test)} {subtest._subDescription()}"
        if err is not None:
            self.outcomes[name] = "failed"
            self.details[name] = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]
        else:
            self.outcomes.setdefault(name, "passed")

    def addSkip(self, test: Any, reason: str) -> None:
        self.outcomes[_name(test)] = "skipped"
        self.details[_name(test)] = reason

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.outcomes[_name(test)] = "skipped"


def _name(test: Any) -> str:
    """``Class.test_method``; of a failed ``setUpClass`` or import its whole id."""
    return ".".join(test.id().split(".")[-2:]) if isinstance(test, unittest.TestCase) else str(test)


def main(result: Path, module: str, patterns: list[str]) -> None:
    replace_modules()
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    # As Tornado's own runner does: a stray record is a failure of the test that expects none, not noise here.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns] or None
    suite = loader.loadTestsFromName(f"tornado.test.{module}")
    recorder = Recorder()
    suite.run(recorder)
    result.write_text(json.dumps({"outcomes": recorder.outcomes, "details": recorder.details}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
