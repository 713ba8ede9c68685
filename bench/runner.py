"""A run: servers side by side on one core, a generator on another, rounds that alternate.

How this works: all servers are started at once and stay as long as the scenarios ask the same of them,
because a fresh process per round would measure cold caches and unspecialised bytecode. The one that is
measured has the core to itself as long as idle ones cost nothing, and what they cost is measured too
(``Sample.idle_cpu_seconds``). Before the first round each server is tried once by hand, which also tells the
exact size of its answers, and warmed up. Every second round goes through the servers backwards, so that a
machine that becomes slower during a round doesn't favour the same ones each time.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.catalog import Server
from bench.cpu import cpu_seconds
from bench.load import OwnGenerator
from bench.memory import peak
from bench.processes import ServerProcess
from bench.scenarios import Scenario
from bench.stats import Sample
from bench.work import BenchError, Generator, Work

#: Seconds of load for each server before the first round of a scenario.
WARM_UP = 0.3

#: Says what happens now; for a person who waits.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How long, how often, where. Cores are ``None`` where nothing is pinned."""

    rounds: int
    seconds: float
    connections: int
    server_core: int | None
    load_core: int | None


@dataclass
class Run:
    """The samples in the order of measurement, and what servers wrote to their standard error, by name."""

    samples: list[Sample] = field(default_factory=list)
    complaints: dict[str, str] = field(default_factory=dict)


def run(
    servers: Sequence[Server],
    scenarios: Sequence[Scenario],
    generator: Generator,
    settings: Settings,
    progress: Progress,
) -> Run:
    """Measure each server in each scenario, ``settings.rounds`` times.

    Raises:
        BenchError: a server didn't start, ended, or gave a wrong answer; nothing of the run is kept.
    """
    result = Run()
    for options, group in itertools.groupby(scenarios, key=lambda scenario: scenario.options):
        progress(f"starting {len(servers)} servers")
        with _started(servers, settings.server_core, options) as processes:
            for scenario in group:
                result.samples += _rounds(processes, scenario, generator, settings, progress)
            for process in processes:
                if said := process.complaints():
                    result.complaints[process.server.name] = said
    return result


def _rounds(
    processes: Sequence[ServerProcess],
    scenario: Scenario,
    generator: Generator,
    settings: Settings,
    progress: Progress,
) -> list[Sample]:
    """All rounds of one scenario."""
    samples, works = [], []
    for process in processes:
        progress(f"{scenario.name}: warming up {process.server.name}")
        with _blamed_on(process, scenario):
            works.append(_prepared(process, scenario, settings))
    for number in range(1, settings.rounds + 1):
        pairs = list(zip(processes, works, strict=True))
        for process, work in pairs if number % 2 else reversed(pairs):
            progress(f"{scenario.name}: round {number} of {settings.rounds}, {process.server.name}")
            idle = [pid for other in processes if other is not process for pid in other.pids()]
            with _blamed_on(process, scenario):
                idle_cpu = cpu_seconds(idle)
                found = generator.measure(replace(work, pids=process.pids()), settings.load_core)
                idle_cpu = cpu_seconds(idle) - idle_cpu
                peak_memory = peak(process.pids())
            samples.append(
                Sample(
                    scenario=scenario.name,
                    server=process.server.name,
                    round=number,
                    requests=found.requests,
                    seconds=found.seconds,
                    cpu_seconds=found.cpu_seconds,
                    octets=found.octets,
                    idle_cpu_seconds=idle_cpu,
                    first_memory=process.first_memory,
                    peak_memory=peak_memory,
                )
            )
    return samples


@contextlib.contextmanager
def _started(servers: Sequence[Server], core: int | None, options: Sequence[str]) -> Iterator[list[ServerProcess]]:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(ServerProcess(server, core, options)) for server in servers]
        for process in processes:
            process.await_ready()
        yield processes


def _prepared(process: ServerProcess, scenario: Scenario, settings: Settings) -> Work:
    """Learn what the server answers, and warm it up with our own generator (it takes part of a second)."""
    work = Work(
        port=process.port,
        pids=process.pids(),
        request=scenario.request,
        answer=scenario.learn(process.port, scenario.request),
        connections=settings.connections,
        seconds=settings.seconds,
        authority=scenario.authority,
        stream=scenario.stream,
    )
    OwnGenerator().measure(replace(work, pids=process.pids(), seconds=WARM_UP), settings.load_core)
    return work


@contextlib.contextmanager
def _blamed_on(process: ServerProcess, scenario: Scenario) -> Iterator[None]:
    """Name the server in what went wrong, with what it wrote to its standard error."""
    try:
        yield
    except BenchError as error:
        said = process.complaints()
        raise BenchError(f"{process.server.name}, {scenario.name}: {error}" + (f"\n{said}" if said else "")) from error
