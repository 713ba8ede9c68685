"""Our own load generator: a process of its own that counts exact answers.

How this works: the runner starts ``python -m bench.load``, writes one JSON object to its input and reads
one from its output. Closed loads and streams are bare uvloop protocols, in this file; ``visits.py``, ``paced.py``
and ``idle.py`` are those that need a socket and a clock without a loop between. Each opens its connections, sends, and
runs in for ``WARM_UP`` seconds. Then it notes the number of answers, the time and the *server's* CPU clocks, and again
after the window: all three belong to the same instants, so connecting, TLS handshakes and closing are not
measured, except where they are the work. At last it sends nothing more and waits for what is under way: an answer that
never becomes complete is an error, as are a wrong one and a lost connection.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from bench import idle, paced, visits
from bench.cpu import children_on, cpu_seconds
from bench.tls import client_context
from bench.work import Answer, BenchError, Found, Kind, Work, variants

#: Seconds of load before the measured window.
WARM_UP = 0.15

#: Seconds that answers may take to become complete after the window, on a machine that has other things to do, too.
DRAIN_TIMEOUT = 20.0

#: Seconds beyond the window, and beside a second for 50 connections, after which the process is given up.
PATIENCE = 40.0


class OwnGenerator:
    """The runner's side."""

    name = "own generator"

    def measure(self, work: Work, core: int | None) -> Found:
        """Run the generator on ``core``. Its figures exclude connecting, the warm-up and the drain."""
        root = Path(__file__).resolve().parent.parent
        order = json.dumps(
            {
                **asdict(work),
                "request": work.request.decode("latin-1"),
                "answer": {
                    "size": work.answer.size,
                    "starts": work.answer.starts.decode("latin-1"),
                    "ends": work.answer.ends.decode("latin-1"),
                },
            }
        )
        with children_on(core):
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.load"],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        with process:
            try:
                out, err = process.communicate(order, timeout=work.seconds + PATIENCE + work.connections / 50)
            except BaseException as error:
                process.kill()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise BenchError(f"the generator did not end within {error.timeout:g} s") from None
                raise
        if process.returncode != 0:
            raise BenchError(err.strip() or f"the generator ended with code {process.returncode}")
        return Found(**json.loads(out))


class Load:
    """What all connections of one measurement share."""

    def __init__(self, work: Work) -> None:
        self.request = work.request
        self.requests = itertools.cycle(variants(work.request)).__next__
        self.answer = work.answer
        self.pipelined = work.pipelined
        self.answers = 0
        self.sending = True
        self.under_way = 0  # connections that wait for an answer; requests of streams that do
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Send nothing more; ``over`` is done when the answers to the rest are there."""
        self.sending = False
        self.check()

    def check(self) -> None:
        if self.under_way == 0 and not self.sending and not self.over.done():
            self.over.set_result(None)

    def fail(self, why: str) -> None:
        if not self.over.done():
            self.over.set_exception(BenchError(why))


class Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, sends again; several of both where they are pipelined."""

    __slots__ = ("_answer", "_load", "_partial", "_pipelined", "_request", "_size", "_write")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._request = load.requests
        self._answer = load.answer
        self._pipelined = load.pipelined
        self._size = load.answer.size * load.pipelined
        self._partial = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._write = transport.write
        self._load.under_way += 1
        self._write(self._request())

    def data_received(self, data: bytes | bytearray) -> None:
        # HOT: once per answer. The work here is the ceiling of what can be measured.
        size, partial = self._size, self._partial
        if partial or len(data) < size:
            partial += data
            if len(partial) < size:
                return
            data, self._partial = partial, bytearray()
        load = self._load
        if not (self._answer.fits(data) if self._pipelined == 1 else self._all_fit(data)):
            load.fail(f"wrong answer, {len(data)} octets where {size} were due: {bytes(data[:200])!r}")
            return
        load.answers += self._pipelined
        if load.sending:
            self._write(self._request())
            return
        load.under_way -= 1
        load.check()

    def _all_fit(self, data: bytes | bytearray) -> bool:
        size = self._answer.size
        return len(data) == self._size and all(
            self._answer.fits(data[at : at + size]) for at in range(0, len(data), size)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.fail(f"connection lost after {self._load.answers} answers on all: {exc or 'closed by the server'}")


class Stream(asyncio.Protocol):
    """Sends the request again and again, as long as the connection takes it; counts the answers of one octet each."""

    __slots__ = ("_feeding", "_load", "_loop", "_paused", "_transport")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._feeding = False  # a call of _feed is under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP gives this
        self._transport = transport
        self._feed()

    def _feed(self) -> None:
        self._feeding = self._load.sending and not self._paused
        if self._feeding:
            self._load.under_way += 1
            # Each write in a turn of its own: a server that is quick enough would keep us here, away from the clock.
            self._loop.call_soon(self._feed)
            self._transport.write(self._load.request)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if not self._feeding:
            self._feed()

    def data_received(self, data: bytes) -> None:
        load = self._load
        if data.count(load.answer.starts) != len(data) or len(data) > load.under_way:
            load.fail(f"wrong answers to {load.under_way} requests: {data[:200]!r}")
            return
        load.answers += len(data)
        load.under_way -= len(data)
        load.check()

    def connection_lost(self, exc: Exception | None) -> None:
        self._paused = True
        self._load.fail(f"connection lost after {self._load.answers} answers on all: {exc or 'closed by the server'}")


async def run(work: Work) -> Found:
    """A closed load or a stream. Raises BenchError as ``Generator.measure`` does."""
    loop = asyncio.get_running_loop()
    load = Load(work)
    kind = Stream if work.kind is Kind.STREAM else Connection
    context = client_context(work.authority) if work.authority else None
    transports = []
    try:
        for _ in range(work.connections):
            transport, _ = await loop.create_connection(lambda: kind(load), "127.0.0.1", work.port, ssl=context)
            transports.append(transport)
        return await _window(load, work)
    finally:
        load.over.cancel()
        for transport in transports:
            transport.abort()


async def _window(load: Load, work: Work) -> Found:
    """Warm up, measure, drain."""
    await asyncio.wait([load.over], timeout=WARM_UP)
    answers, began, cpu, own = load.answers, time.perf_counter(), cpu_seconds(work.pids), time.process_time()
    await asyncio.wait([load.over], timeout=work.seconds)
    answers, seconds, cpu = load.answers - answers, time.perf_counter() - began, cpu_seconds(work.pids) - cpu
    own = time.process_time() - own
    load.stop()
    stream = work.kind is Kind.STREAM
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT):
            await load.over
    except TimeoutError:
        what = "requests" if stream else f"of {work.connections} connections"
        raise BenchError(f"{load.under_way} {what} never got a whole answer") from None
    return Found(answers, seconds, cpu, answers * (len(work.request) if stream else work.answer.size), own)


def measure(work: Work) -> Found:
    """Do ``work`` in this process, in the way of its kind."""
    match work.kind:
        case Kind.VISIT:
            return visits.run(work)
        case Kind.PACED:
            return paced.run(work)
        case Kind.IDLE:
            return idle.run(work)
        case _:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(run(work))


def main() -> None:
    order: dict[str, Any] = json.load(sys.stdin)
    answer = order.pop("answer")
    work = Work(
        **{
            **order,
            "kind": Kind(order["kind"]),
            "request": order["request"].encode("latin-1"),
            "answer": Answer(answer["size"], answer["starts"].encode("latin-1"), answer["ends"].encode("latin-1")),
        }
    )
    try:
        found = measure(work)
    except (BenchError, OSError) as error:
        sys.exit(str(error))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
