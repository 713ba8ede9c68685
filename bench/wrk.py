"""wrk as the generator, where it is installed.

Its habits, seen with 4.1.0 from Debian: windows are whole seconds; it runs up to 0.1 s longer than told (its
own duration is the divisor here); it opens one connection more, to see whether the address answers; it counts
statuses above 399 only; ``requests`` are whole answers while its octets include the parts of those cut off at
the end. The server's CPU time is read before and after the process, so accepting the connections is in it.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.cpu import children_on, children_seconds, cpu_seconds
from bench.scenarios import Scenario
from bench.work import MARK, VARIANTS, BenchError, Found, Kind, Work

_SCRIPT = Path(__file__).with_name("wrk.lua")
_RESULT = re.compile(
    r"^RESULT requests=(\d+) microseconds=(\d+) octets=(\d+) "
    r"connect=(\d+) read=(\d+) write=(\d+) status=(\d+) timeout=(\d+)$",
    re.MULTILINE,
)
_ERRORS = ("connect", "read", "write", "status above 399", "timeout")

#: Seconds beyond the window after which wrk is given up; it waits 2 s for an answer itself.
PATIENCE = 20.0


def path() -> str | None:
    """Where wrk is, ``None`` where it isn't."""
    return shutil.which("wrk")


def version(wrk: str) -> str:
    """As in ``4.1.0-3+b2``."""
    said = subprocess.run([wrk, "-v"], capture_output=True, text=True, timeout=10).stdout
    match = re.match(r"wrk (?:debian/)?(\S+)", said)
    return match[1] if match else "of unknown version"


class WrkGenerator:
    """One thread, request octets made beforehand, the summary from ``wrk.lua``."""

    def __init__(self, wrk: str) -> None:
        self._wrk = wrk
        self.name = f"wrk {version(wrk)}"

    def suits(self, scenario: Scenario, seconds: float) -> bool:
        """Whether it can put on this load: HTTP over connections that stay, for whole seconds."""
        return scenario.work in ("http", "workers") and scenario.kind is Kind.CLOSED and seconds == int(seconds)

    def measure(self, work: Work, core: int | None) -> Found:
        """Run wrk for ``work.seconds``, a whole number, on ``core``. It doesn't verify certificates."""
        scheme = "https" if work.authority else "http"
        with tempfile.NamedTemporaryFile(prefix="bench-") as request:
            request.write(work.request)  # in a file, for an argument has a limit of 128 KiB
            request.flush()
            command = [
                *(self._wrk, "-t1", f"-c{work.connections}", f"-d{work.seconds:.0f}s", "-s", str(_SCRIPT)),
                *(f"{scheme}://127.0.0.1:{work.port}/", "--", request.name),
                *((MARK.decode(), str(VARIANTS)) if MARK in work.request else ()),
            ]
            cpu, own = cpu_seconds(work.pids), children_seconds()
            try:
                with children_on(core):
                    ended = subprocess.run(command, capture_output=True, text=True, timeout=work.seconds + PATIENCE)
            except subprocess.TimeoutExpired as error:
                raise BenchError(f"wrk did not end within {error.timeout:g} s") from None
            cpu, own = cpu_seconds(work.pids) - cpu, children_seconds() - own
        if ended.returncode != 0:
            raise BenchError(f"wrk ended with code {ended.returncode}: {(ended.stderr or ended.stdout).strip()}")
        return replace(parse(ended.stdout, work, cpu), generator_cpu_seconds=own)


def parse(output: str, work: Work, cpu: float) -> Found:
    """What wrk with our script found.

    Raises: BenchError: it counted errors, or no answer, or answers that are not of ``work.answer.size``.
    """
    match = _RESULT.search(output)
    if match is None:
        raise BenchError(f"wrk printed no result: {output[-300:]!r}")
    requests, microseconds, octets, *errors = map(int, match.groups())
    if any(errors):
        counts = ", ".join(f"{name} {count}" for name, count in zip(_ERRORS, errors, strict=True) if count)
        raise BenchError(f"wrk counted errors: {counts}; {requests} whole answers")
    if requests == 0:
        raise BenchError("no answer within the window")
    # Beyond the whole answers at most one partial answer for each connection.
    surplus = octets - requests * work.answer.size
    if not 0 <= surplus <= work.connections * work.pipelined * work.answer.size:
        raise BenchError(f"{octets} octets in {requests} answers: not {work.answer.size} each")
    return Found(requests, microseconds / 1e6, cpu, requests * work.answer.size)
