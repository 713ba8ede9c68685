"""A run: servers side by side on one core, a generator on another, rounds that alternate.

How this works: all servers are started at once and stay as long as the scenarios ask the same of them,
because a fresh process per round would measure cold caches and unspecialised bytecode. (``fresh`` asks for that
nevertheless: for what a process keeps from before, and to see how much one process of a server differs from another.)
The one that is measured has the core to itself as long as idle ones cost nothing, and what they cost is measured too
(``Sample.idle_cpu_seconds``). Before the first round each server is tried once by hand, which also tells the
exact size of its answers, and warmed up. Every second round goes through the servers backwards, so that a
machine that becomes slower during a round doesn't favour the same ones each time.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.catalog import BASE, Server
from bench.cpu import choose_cores, cpu_seconds
from bench.load import OwnGenerator
from bench.memory import peak
from bench.processes import NotStarted, ServerProcess
from bench.scenarios import Scenario
from bench.stats import Sample
from bench.work import BenchError, Generator, Kind, Work
from bench.wrk import WrkGenerator

#: Seconds of load for each server before the first round of a scenario, and its connections.
WARM_UP = 0.3
WARM_UP_CONNECTIONS = 64

#: A window in which no answer became complete is measured again, so many times as long: all of them came afterwards, or
#: the generator would have said so. On a virtual machine, or a busy one, a server may get no time for that long.
LONGER = (1, 4, 16)

#: Says what happens now, and how many measurements are done of how many; for a person who waits.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How long, how often, where. Cores are none where nothing is pinned."""

    rounds: int
    seconds: float
    server_cores: list[int]
    load_core: int | None
    fresh: bool = False


@dataclass
class Run:
    """The samples in the order of measurement, what servers said, who was left out and why."""

    samples: list[Sample] = field(default_factory=list)
    complaints: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # what went wrong, by server and scenario


class Runner:
    """One run with all its scenarios."""

    def __init__(self, settings: Settings, wrk: WrkGenerator | None, progress: Progress) -> None:
        self._settings = settings
        self._wrk = wrk
        self._own = OwnGenerator()
        self._progress = progress
        self._done = self._all = 0
        self._run = Run()

    def run(self, plan: Sequence[tuple[Scenario, Sequence[Server]]]) -> Run:
        """Measure the servers of each scenario, ``settings.rounds`` times.

        A server that doesn't start is left out from then on. One that ends, or gives a wrong answer, has no figures in
        that scenario, and is named in ``Run.failed``.

        Raises:
            BenchError: the base did one of these; nothing of the run is kept.
        """
        self._all = sum(len(servers) for _, servers in plan) * self._settings.rounds
        for (*_, fresh), group in itertools.groupby(plan, key=self._sharing):
            if fresh:
                for scenario, servers in group:
                    self._fresh_rounds(scenario, servers)
            else:
                self._shared_rounds(list(group))
        return self._run

    def _sharing(self, item: tuple[Scenario, Sequence[Server]]) -> tuple[object, ...]:
        """What neighbours must have in common to use the same processes."""
        scenario = item[0]
        return scenario.options, "access-log" in scenario.asks, scenario.work, scenario.fresh or self._settings.fresh

    def _shared_rounds(self, group: Sequence[tuple[Scenario, Sequence[Server]]]) -> None:
        union = list(dict.fromkeys(server for _, servers in group for server in servers))
        self._progress(f"starting {len(union)} servers", self._done, self._all)
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(self._process(server, group[0][0])) for server in union]
            ready = {process.server: process for process in processes if self._is_ready(process)}
            for scenario, servers in group:
                self._done += sum(server not in ready for server in servers) * self._settings.rounds
                works = {
                    process: self._prepared(process, scenario)
                    for process in (ready[server] for server in servers if server in ready)
                }
                for number in range(1, self._settings.rounds + 1):
                    for process, work in list(works.items())[:: 1 if number % 2 else -1]:
                        self._measure(process, work, scenario, number, ready.values())
            self._listen(ready.values())

    def _fresh_rounds(self, scenario: Scenario, servers: Sequence[Server]) -> None:
        for number in range(1, self._settings.rounds + 1):
            for server in servers if number % 2 else reversed(servers):
                if server.name in self._run.left_out:
                    self._done += 1
                    continue
                with self._process(server, scenario) as process:
                    if self._is_ready(process):
                        self._measure(process, self._prepared(process, scenario), scenario, number, [process])
                        self._listen([process])
                    else:
                        self._done += 1

    def _process(self, server: Server, scenario: Scenario) -> ServerProcess:
        return ServerProcess(server, choose_cores(scenario.workers)[0], scenario.options)

    def _is_ready(self, process: ServerProcess) -> bool:
        try:
            process.await_ready()
        except NotStarted as error:
            if process.server.name == BASE:
                raise
            why = str(error).strip().splitlines()
            self._run.left_out[process.server.name] = f"it didn't start: {why[-1]}"
            return False
        return True

    def _listen(self, processes: Iterable[ServerProcess]) -> None:
        for process in processes:
            if said := process.complaints():
                self._run.complaints[process.server.name] = said

    def generator(self, scenario: Scenario) -> Generator:
        """wrk for what it can do, ours for the rest."""
        return self._wrk if self._wrk and self._wrk.suits(scenario, self._settings.seconds) else self._own

    def _prepared(self, process: ServerProcess, scenario: Scenario) -> Work | None:
        """Learn what the server answers, and warm it up with our own generator (it takes part of a second).

        Returns: what is measured; ``None``: it failed.
        """
        self._progress(f"{scenario.name}: warming up {process.server.name}", self._done, self._all)
        with self._blamed_on(process, scenario):
            work = Work(
                port=process.port,
                pids=process.pids(),
                request=scenario.request,
                answer=scenario.learn(process.port, scenario.request),
                connections=scenario.connections,
                seconds=self._settings.seconds,
                authority=scenario.authority,
                kind=scenario.kind,
                pipelined=scenario.pipelined,
                rate=scenario.rate,
            )
            if scenario.kind is not Kind.IDLE:  # that has its own, so that nothing is left of it
                kind = Kind.CLOSED if scenario.kind is Kind.PACED else scenario.kind
                warm = replace(work, kind=kind, seconds=WARM_UP, pids=process.pids())
                warm = replace(warm, connections=min(warm.connections, WARM_UP_CONNECTIONS))
                self._own.measure(warm, self._settings.load_core)
            return work
        return None

    def _measure(
        self,
        process: ServerProcess,
        work: Work | None,
        scenario: Scenario,
        number: int,
        running: Iterable[ServerProcess],
    ) -> None:
        self._done += 1
        if work is None or self._failure(process, scenario) in self._run.failed:
            return
        what = f"{scenario.name}: round {number} of {self._settings.rounds}, {process.server.name}"
        self._progress(what, self._done - 1, self._all)
        idle = [pid for other in running if other is not process and other.alive for pid in other.pids()]
        with self._blamed_on(process, scenario):
            work = replace(work, pids=process.pids())
            for longer in LONGER:
                idle_cpu = cpu_seconds(idle)
                work = replace(work, seconds=self._settings.seconds * longer)
                found = self.generator(scenario).measure(work, self._settings.load_core)
                idle_cpu = cpu_seconds(idle) - idle_cpu
                if found.requests:
                    break
            else:
                raise BenchError(f"no answer within {found.seconds:.2f} s, for {found.cpu_seconds:.3f} s of CPU time")
            self._run.samples.append(
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
                    peak_memory=peak(process.pids()),
                    generator_cpu_seconds=found.generator_cpu_seconds,
                    figures=found.figures,
                )
            )

    @contextlib.contextmanager
    def _blamed_on(self, process: ServerProcess, scenario: Scenario) -> Iterator[None]:
        """Name the server in what went wrong, with what it wrote to its standard error, and drop its figures.

        Raises: BenchError: it is the base, without which there are no ratios.
        """
        try:
            yield
        except BenchError as error:
            said = process.complaints()
            why = f"{error}" + (f"\n{said}" if said else "")
            server = process.server.name
            if server == BASE:
                raise BenchError(f"{self._failure(process, scenario)}: {why}") from error
            self._run.failed[self._failure(process, scenario)] = why
            self._run.samples = [
                sample for sample in self._run.samples if (sample.scenario, sample.server) != (scenario.name, server)
            ]

    @staticmethod
    def _failure(process: ServerProcess, scenario: Scenario) -> str:
        return f"{process.server.name}, {scenario.name}"
