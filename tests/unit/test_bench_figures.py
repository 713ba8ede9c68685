"""What is made from stored runs: comparisons with their test of significance, charts, the README's section."""

import importlib.util
import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from bench import charts, compare, readme
from bench.__main__ import main
from bench.paced import QUANTILES, figure_name
from bench.report import Heading, Report
from bench.runner import Settings
from bench.stats import Sample
from bench.work import BenchError, Kind

MIB = 1 << 20
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed (extra bench)"
)

HEADINGS = {
    "http-hello": Heading("HTTP hello", "http", Kind.CLOSED, 64, "a generator"),
    "http-browser": Heading("HTTP browser", "http", Kind.CLOSED, 64, "a generator"),
    "http-close": Heading("HTTP close", "http", Kind.VISIT, 16, "a generator"),
    "echo-until-64": Heading("Echo", "echo", Kind.CLOSED, 16, "a generator"),
    "echo-until-1024": Heading("Echo", "echo", Kind.CLOSED, 16, "a generator"),
    "echo-tls-bytes-64": Heading("Echo", "echo", Kind.CLOSED, 16, "a generator"),
    "bulk-4194304": Heading("Bulk", "bulk", Kind.STREAM, 1, "a generator"),
    "churn-visit": Heading("Churn", "churn", Kind.VISIT, 16, "a generator"),
    "idle-1000": Heading("Idle", "idle", Kind.IDLE, 1000, "a generator"),
    "latency-5000": Heading("Latency", "latency", Kind.PACED, 64, "a generator", rate=5000),
    "workers-1": Heading("Hello from 1 process", "workers", Kind.CLOSED, 64, "a generator"),
    "workers-2": Heading("Hello from 2 processes", "workers", Kind.CLOSED, 64, "a generator", workers=2),
}
SERVERS = {"raw": 8.0, "asynchttp-callback": 11.0, "asynchttp-callback-asyncio": 14.0, "tornado": 90.0}


def made(
    rounds: int = 9,
    slower: float = 1.0,
    fresh: bool = False,
    drift: float = 1.0,
    seed: int = 1,
    names: Iterable[str] = ("http-hello", "http-close", "idle-1000"),
) -> Report:
    """A run: ``slower`` is what happened to our callback style, ``drift`` to the whole machine."""
    chance = random.Random(seed)
    samples = []
    headings = {name: HEADINGS[name] for name in names}
    for scenario, heading in headings.items():
        for number in range(1, rounds + 1):
            moment = drift * chance.uniform(0.9, 1.1)  # a round of the machine
            for server, cost in SERVERS.items():
                factor = slower if server == "asynchttp-callback" else 1.0
                cpu = cost * factor * moment * chance.uniform(0.98, 1.02)
                figures = {}
                if heading.kind is Kind.IDLE:
                    figures = {"octets": cost * 200 * factor, "first": 20.0 * MIB, "last": 22.0 * MIB}
                if heading.kind is Kind.PACED:
                    figures = {figure_name(q): cpu * 10 / (1.0001 - q) ** 0.3 for q in QUANTILES}
                    figures |= {"late_p99": 1.0, "kept_up": 1.0}
                samples.append(
                    Sample(scenario, server, number, 10_000, 1.0, cpu * 1e-2, 52, 0.0, 20 * MIB, 25 * MIB, 0.5, figures)
                )
    return Report(
        command="python -m bench all",
        started="2026-01-02T03:04:05+00:00",
        settings=Settings(rounds, 1.0, [1], 0, fresh),
        base="raw",
        versus=None,
        scenarios=headings,
        machine={"processor": "a processor", "cores": 2, "system": "Linux"},
        versions={"python": "CPython 3.11.7"},
        load_average=0.1,
        samples=samples,
    )


def test_mann_whitney_is_counted_out_for_few_values() -> None:
    """Against all ways of dividing the ranks, one by one."""
    one, other = [1.0, 2.0, 4.0], [3.0, 5.0, 6.0, 7.0]
    values = sorted(one + other)

    def above(first: tuple[float, ...]) -> int:
        return sum(b > a for a in first for b in values if b not in first)

    ways = [above(first) for first in combinations(values, 3)]
    seen = above(tuple(one))
    extreme = sum(min(way, 12 - way) <= min(seen, 12 - seen) for way in ways) / len(ways)
    assert compare.mann_whitney(one, other) == pytest.approx(extreme)
    assert compare.mann_whitney(one, other) == compare.mann_whitney(other, one)


def test_mann_whitney_knows_the_clear_and_the_equal() -> None:
    assert compare.mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert compare.mann_whitney([1, 1, 1], [1, 1, 1]) == 1.0
    assert compare.mann_whitney(range(1, 60, 2), range(2, 61, 2)) > 0.5  # the approximation


def test_mann_whitney_errs_as_often_as_it_says() -> None:
    chance = random.Random(3)
    draws = 400
    false = sum(
        compare.mann_whitney([chance.random() for _ in range(7)], [chance.random() for _ in range(7)]) < 0.05
        for _ in range(draws)
    )
    assert false / draws < 0.075


def test_interval_holds_the_ratio_of_the_medians() -> None:
    low, high = compare.interval([10, 11, 12, 13, 14], [20, 22, 24, 26, 28])
    assert 1.4 < low < 2 < high < 2.9
    assert compare.interval([5, 5, 5], [5, 5, 5]) == (1.0, 1.0)


def test_what_became_slower_is_found_though_the_machine_drifts() -> None:
    found = compare.changes(made(seed=1), made(slower=1.15, drift=1.5, seed=2))
    real = {(change.scenario, change.server) for change in found if change.real and change.figure == "CPU × raw"}
    assert ("http-hello", "asynchttp-callback") in real
    assert {server for _, server in real} == {"asynchttp-callback"}
    hello = next(c for c in found if (c.scenario, c.server) == ("http-hello", "asynchttp-callback"))
    assert hello.low < 1.15 < hello.high
    assert hello.ratio == pytest.approx(1.15, rel=0.03)


def test_the_same_again_is_noise() -> None:
    found = compare.changes(made(seed=1), made(seed=2))
    assert [change for change in found if change.real] == []


def test_comparison_says_what_to_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(rounds=3).write(tmp_path / "old.json")
    made(rounds=3, slower=2).write(tmp_path / "new.json")
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 0
    said = capsys.readouterr().out
    assert "With 3 and 3 rounds chance is never below 0.1000" in said
    assert "--fresh would show" in said
    row = next(line for line in said.splitlines() if line.split()[:2] == ["http-hello", "asynchttp-callback"])
    assert row.split()[2:5] == ["CPU", "×", "raw"]


def test_comparison_of_fresh_long_runs_has_no_doubts() -> None:
    said = compare.comparison(made(rounds=12, fresh=True), made(rounds=12, fresh=True, slower=1.3, seed=2))
    assert "changed by more than noise" in said.splitlines()[-1]
    assert "  worse" in said


def test_runs_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(BenchError, match="no server and scenario in common"):
        compare.changes(made(rounds=1), replace(made(rounds=1), samples=[]))


@needs_matplotlib
def test_report_is_drawn_again_from_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(rounds=2, names=HEADINGS).write(tmp_path / "run.json")
    assert main(["report", str(tmp_path / "run.json"), "--charts", str(tmp_path / "charts")]) == 0
    capsys.readouterr()
    drawn = {path.name for path in (tmp_path / "charts").iterdir()}
    names = {"http-hello", "http-browser", "http-close", "http", "echo", "bulk-4194304", "churn-visit"}
    names |= {"idle", "latency-5000", "workers"}
    assert drawn == {f"{name}.{form}" for name in names for form in ("svg", "png")}
    for path in (tmp_path / "charts").iterdir():
        start = path.read_bytes()[:100]
        assert start.startswith(b"\x89PNG\r\n" if path.suffix == ".png" else b"<?xml")


@needs_matplotlib
def test_same_run_draws_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        charts.draw(made(rounds=2), tmp_path / name)
    assert (tmp_path / "one" / "idle.svg").read_bytes() == (tmp_path / "two" / "idle.svg").read_bytes()


def test_charts_without_matplotlib_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(rounds=1).write(tmp_path / "run.json")
    monkeypatch.setattr("bench.charts.importlib.util.find_spec", lambda name: None)
    assert main(["report", str(tmp_path / "run.json"), "--charts", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err == "bench: charts need matplotlib, which is not installed: pip install -e '.[bench]'\n"


@needs_matplotlib
def test_readme_section_is_replaced_and_old_charts_go(tmp_path: Path) -> None:
    file, figures = tmp_path / "README.md", tmp_path / "figures"
    figures.mkdir()
    (figures / "http-gone.svg").write_text("old")
    file.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    readme.write(made(rounds=2), file, figures)
    text = file.read_text()
    assert text.startswith(f"before\n{readme.BEGIN}\n")
    assert text.endswith(f"{readme.END}\nafter\n")
    assert "\nold\n" not in text
    assert "`python -m bench all`" in text
    assert "![Hello over HTTP](figures/http-hello.svg)" in text
    assert "| server | requests/s |" in text
    assert not (figures / "http-gone.svg").exists()
    assert not (figures / "http-close.svg").exists()  # drawn, not shown
    once = text
    readme.write(made(rounds=2), file, figures)
    assert file.read_text() == once


@needs_matplotlib
def test_readme_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(BenchError, match="no section between"):
        readme.write(made(rounds=1), tmp_path / "README.md", tmp_path / "figures")
    assert not (tmp_path / "figures").exists()
