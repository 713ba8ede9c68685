"""Charts of a run. This module is light; ``drawing.py`` has matplotlib, which takes half a second to import."""

import importlib
import importlib.util
from pathlib import Path

from bench.report import Report
from bench.work import BenchError


def check() -> None:
    """Raises: BenchError: matplotlib isn't installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise BenchError("charts need matplotlib, which is not installed: pip install -e '.[bench]'")


def draw(report: Report, directory: Path) -> list[Path]:
    """Draw all that there is to draw, each as SVG and as PNG. Returns the PNG files.

    Raises: BenchError: matplotlib isn't installed; the directory can't be written to.
    """
    check()
    drawing = importlib.import_module("bench.drawing")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        drawn: list[Path] = drawing.draw(report, directory)
    except OSError as error:
        raise BenchError(f"{directory}: {error.strerror}") from error
    return drawn
