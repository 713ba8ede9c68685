"""A whole run as it is stored: all that tables, charts and comparisons are made from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.runner import Settings
from bench.scenarios import Scenario
from bench.stats import Row, Sample, rows
from bench.work import BenchError, Kind

#: Raised when a reader of older files would misread newer ones.
SCHEMA = 2


@dataclass(frozen=True)
class Heading:
    """What a stored run says about a scenario."""

    title: str
    work: str
    kind: Kind
    connections: int
    generator: str
    rate: float = 0.0
    workers: int = 1
    shared_core: bool = False  # several workers on one core


@dataclass(frozen=True)
class Report:
    """A whole run. Its text is made from nothing else, so a stored run prints the same again."""

    command: str
    started: str  # ISO 8601, UTC
    settings: Settings
    base: str  # the server that ratios of CPU time refer to
    versus: str | None  # the server that ratios of requests/s refer to; None: what suits the work
    scenarios: dict[str, Heading]
    machine: dict[str, object]
    versions: dict[str, str]
    load_average: float  # before the run
    left_out: dict[str, str] = field(default_factory=dict)  # servers that could not run, and why
    complaints: dict[str, str] = field(default_factory=dict)  # what servers wrote to their standard error
    failed: dict[str, str] = field(default_factory=dict)  # servers whose figures were dropped, and why
    samples: list[Sample] = field(default_factory=list)

    def of(self, scenario: str) -> list[Sample]:
        """Its samples, in the order of measurement."""
        return [sample for sample in self.samples if sample.scenario == scenario]

    def rows(self, scenario: str) -> list[Row]:
        return rows(self.of(scenario), self.base, self.versus_of(scenario))

    def versus_of(self, scenario: str) -> str:
        return self.versus or ("streams" if self.scenarios[scenario].work == "bulk" else "tornado")

    def named(self, work: str) -> dict[str, Heading]:
        """The scenarios of one command."""
        return {name: heading for name, heading in self.scenarios.items() if heading.work == work}

    @property
    def title(self) -> str:
        """One line that says where and when."""
        return (
            f"{self.machine['processor']}, {self.machine['cores']} cores, {self.machine['system']}; "
            f"{self.versions['python']}; {self.started[:10]}"
        )

    def write(self, path: Path) -> None:
        """Store everything as JSON. Raises BenchError: it can't be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = asdict(self)
            samples = content.pop("samples")
            # A line for each sample: a person may look, and git sees what changed.
            lines = ",\n".join(json.dumps(sample) for sample in samples)
            whole = json.dumps({"schema": SCHEMA, **content}, indent=1)
            path.write_text(f'{whole[:-2]},\n "samples": [\n{lines}\n]}}\n')
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}") from error


def heading(scenario: Scenario, generator: str, cores: Sequence[int]) -> Heading:
    """``cores`` are those of the servers."""
    return Heading(
        scenario.title,
        scenario.work,
        scenario.kind,
        scenario.connections,
        generator,
        scenario.rate,
        scenario.workers,
        shared_core=len(cores) < scenario.workers,
    )


def read(path: Path) -> Report:
    """A report that was stored. Raises BenchError: not one of ours, or of another generation."""
    try:
        content = json.loads(path.read_text())
        schema = content.pop("schema")
        if schema != SCHEMA:
            raise BenchError(f"{path}: schema {schema!r}, this program reads {SCHEMA}")
        content["settings"] = Settings(**content["settings"])
        content["scenarios"] = {
            name: Heading(**{**value, "kind": Kind(value["kind"])}) for name, value in content["scenarios"].items()
        }
        content["samples"] = [Sample(**sample) for sample in content["samples"]]
        return Report(**content)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path}: not a report: {error}") from error
