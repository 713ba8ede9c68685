"""Mixed load with random faults for as long as one likes: ``python -m tests.faults.soak --minutes 10``.

Two crews at the same time, each with its clients:

*steady*
    Clients do all that clients do: keep-alive, pipelining, uploads in pieces and in chunks, slow reading; and they
    misbehave: they reset, half-close, send garbage, stop in the middle. No process is touched, so no request may be
    lost, and the memory and the descriptors of each worker must not grow.
*shaken*
    Well-behaved clients; the workers are killed, stopped, replaced, made more and fewer. Requests may be lost only when
    a worker is killed, within a second, or stopped, until it is found. The supervisor's memory must not grow, nor its
    descriptors beyond what the number of workers explains.

Each answer tells whose it is, and the digest of what was sent: a wrong answer, or one out of order, is found at once.
The exit code is 0 if nothing was lost or wrong. The slopes are printed for who looks.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import hashlib
import math
import os
import pathlib
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.faults.kit import Crew, alive, start_crew
from tests.support.rawclient import RawClient, RawResponse

#: Seconds without a sign of life in which a worker counts as stuck.
_WORKER_TIMEOUT = 2.0
#: Seconds that a worker gets to finish; one that is stopped then is killed a second later.
_GRACEFUL_TIMEOUT = 5.0
#: Seconds behind the end of a worker that was killed, or found to be stopped, in which that may cost requests.
_SHADOW = 1.0


@dataclasses.dataclass
class Score:
    """What came of the requests of one crew."""

    served: int = 0
    lost: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    what: Counter[str] = dataclasses.field(default_factory=Counter)
    #: [when a worker was killed or stopped, until when that may cost requests]
    deaths: list[list[float]] = dataclasses.field(default_factory=list)

    def unexplained(self) -> list[str]:
        """Losses that no violent death explains."""
        return [text for moment, text in self.lost if not any(begin <= moment <= end for begin, end in self.deaths)]


class Question:
    """A request whose answer can be told from all others."""

    def __init__(self, body: bytes = b"", size: int = 0, last: bool = False) -> None:
        token = f"{random.getrandbits(64):016x}"
        self._answer = f"{token} {hashlib.sha256(body).hexdigest()} ".encode() + b"x" * size
        close = b"Connection: close\r\n" if last else b""
        self.body = body
        self.line = b"POST /check?v=%b.%d HTTP/1.1\r\nHost: soak\r\n%b" % (token.encode(), size, close)

    @property
    def octets(self) -> bytes:
        return self.line + b"Content-Length: %d\r\n\r\n" % len(self.body) + self.body

    def chunked(self, sizes: int) -> list[bytes]:
        pieces = [self.body[i : i + sizes] for i in range(0, len(self.body), sizes)]
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        return [self.line + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"]

    def check(self, response: RawResponse, score: Score) -> bool:
        """Whether the connection goes on."""
        if response.status != 200 or response.body != self._answer:
            score.wrong.append(f"{response.status} {response.body[:90]!r} instead of {self._answer[:90]!r}")
        score.served += 1
        return not response.has_token("Connection", "close")


Behaviour = Callable[[RawClient, Score], Awaitable[None]]


async def keep_alive(client: RawClient, score: Score) -> None:
    for _ in range(random.randint(1, 50)):
        question = Question(os.urandom(random.choice((0, 10, 1000))), random.choice((0, 10, 2000)))
        if not question.check(await client.request(question.octets), score):
            return


async def single(client: RawClient, score: Score) -> None:
    question = Question(last=True)
    question.check(await client.request(question.octets), score)


async def pipelining(client: RawClient, score: Score) -> None:
    questions = [Question(os.urandom(random.randint(0, 100)), random.randint(0, 300)) for _ in range(60)]
    await client.send(b"".join(question.octets for question in questions))
    for question in questions:
        if not question.check(await client.read_response(), score):
            return  # what stands behind it wasn't served, and the client knows


async def upload_in_pieces(client: RawClient, score: Score) -> None:
    question = Question(os.urandom(100_000))
    octets = question.octets
    for start in range(0, len(octets), 9000):
        await client.send(octets[start : start + 9000])
        await asyncio.sleep(0.002)
    question.check(await client.read_response(), score)


async def upload_in_chunks(client: RawClient, score: Score) -> None:
    question = Question(os.urandom(20_000))
    for chunk in question.chunked(random.choice((700, 5000))):
        await client.send(chunk)
    question.check(await client.read_response(), score)


async def slow_reader(client: RawClient, score: Score) -> None:
    question = Question(size=400_000, last=True)
    await client.send(question.octets)
    await asyncio.sleep(0.3)
    question.check(await client.read_response(), score)


async def half_close(client: RawClient, score: Score) -> None:
    question = Question(size=100)
    await client.send(question.octets)
    client.shutdown_write()
    question.check(await client.read_response(), score)


async def reset_anywhere(client: RawClient, score: Score) -> None:
    octets = Question(os.urandom(1000), 100_000).octets
    await client.send(octets[: random.randint(0, len(octets))])
    await asyncio.sleep(random.choice((0, 0.001, 0.05)))
    client.abort()


async def leave_anywhere(client: RawClient, score: Score) -> None:
    octets = Question(os.urandom(1000), 100_000).octets
    await client.send(octets[: random.randint(0, len(octets))])
    await asyncio.sleep(random.choice((0, 0.001, 0.05)))


async def garbage(client: RawClient, score: Score) -> None:
    await client.send(
        random.choice((os.urandom(200), b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000, b"GET /\r\nA:b\r\n\r\n"))
    )
    client.shutdown_write()  # or what has no end of a line would have the time of a head
    await client.read_to_end()


_GOOD: tuple[Behaviour, ...] = (
    keep_alive,
    keep_alive,
    single,
    pipelining,
    upload_in_pieces,
    upload_in_chunks,
    slow_reader,
    half_close,
)
_BAD: tuple[Behaviour, ...] = (reset_anywhere, leave_anywhere, garbage)


async def behave(crew: Crew, score: Score, behaviours: tuple[Behaviour, ...], end: float) -> None:
    """One client after the other, until ``end``."""
    while time.monotonic() < end:
        behaviour = random.choice(behaviours)
        good = behaviour in _GOOD
        score.what[behaviour.__name__] += 1
        try:
            async with await RawClient.connect(crew.port, deadline=20) as client:
                await behaviour(client, score)
        except ValueError as error:
            score.wrong.append(f"{behaviour.__name__}: {error}")
        except (OSError, EOFError, TimeoutError) as error:
            if good:
                score.lost.append((time.monotonic(), f"{behaviour.__name__}: {error!r:.150}"))


async def follow(pid: int, death: list[float]) -> None:
    """Wait for the end of a worker that was killed or stopped: on a busy machine either takes its time."""
    while alive(pid):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    death[1] = time.monotonic() + _SHADOW


async def shake(crew: Crew, score: Score, end: float) -> None:
    """Do to the workers what an operator, the kernel or a bug does."""
    followers = set()
    while time.monotonic() < end - 2:
        await asyncio.sleep(random.uniform(0.3, 2))
        workers = [pid for pid in crew.pids() if alive(pid)]
        what = random.choice(("kill", "kill", "stop", "reload", "more", "less", "term", "log"))
        score.what[what] += 1
        if what in ("kill", "stop") and workers:
            pid = random.choice(workers)
            score.deaths.append([time.monotonic(), math.inf])
            followers.add(asyncio.create_task(follow(pid, score.deaths[-1])))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if what == "kill" else signal.SIGSTOP)
        elif what == "term" and workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(workers), signal.SIGTERM)
        elif what == "more" and len(workers) < 4:
            crew.process.send_signal(signal.SIGTTIN)
        elif what == "less" and len(workers) > 2:
            crew.process.send_signal(signal.SIGTTOU)
        elif what == "reload":
            crew.process.send_signal(signal.SIGHUP)
        elif what == "log":
            crew.process.send_signal(signal.SIGUSR1)
    await asyncio.gather(*followers)


Samples = dict[int, list[tuple[float, int, int]]]


def sample(pid: int) -> tuple[float, int, int]:
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE") // 1024, len(os.listdir(f"/proc/{pid}/fd"))


async def measure(pids: list[int], samples: Samples, end: float) -> None:
    """(moment, KiB of memory, descriptors) of each process, now and then."""
    while time.monotonic() < end:
        for pid in filter(alive, pids):
            samples.setdefault(pid, []).append(sample(pid))
        await asyncio.sleep(0.5)


def slope(points: list[tuple[float, int]]) -> float:
    """Growth in a minute, by least squares."""
    times, values = [t for t, _ in points], [v for _, v in points]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - middle) ** 2 for t in times)
    return 60 * sum((t - middle) * (v - mean) for t, v in points) / spread if spread else 0.0


def report(name: str, score: Score, samples: Samples) -> bool:
    unexplained = score.unexplained()
    print(f"\n{name}: {score.served} answers, {len(score.wrong)} wrong, {len(score.lost)} lost", end="")
    print(f", of which {len(unexplained)} without a violent death nearby ({len(score.deaths)} of these)")
    print("   ", ", ".join(f"{count} {what}" for what, count in score.what.most_common()))
    for text in [*score.wrong[:10], *unexplained[:10]]:
        print("    !", text)
    for pid, all_points in samples.items():
        points = all_points[len(all_points) // 3 :]  # until then it gets to know its work
        memory, files = slope([(t, m) for t, m, _ in points]), slope([(t, float(f)) for t, _, f in points])  # type: ignore[misc]
        print(f"    process {pid}: {points[-1][1]} KiB {memory:+.0f}/min, {points[-1][2]} descriptors {files:+.2f}/min")
    return not score.wrong and not unexplained


async def soak(seconds: float, loop_name: str, clients: int) -> bool:
    start = {"worker_timeout": _WORKER_TIMEOUT, "graceful_timeout": _GRACEFUL_TIMEOUT, "max_restarts": 10_000}
    with start_crew(loop_name, 2) as steady, start_crew(loop_name, 2, start=start) as shaken:
        await steady.started()
        await shaken.started()
        end = time.monotonic() + seconds
        steady_score, shaken_score = Score(), Score()
        steady_samples: Samples = {}
        shaken_samples: Samples = {}
        tasks = [behave(steady, steady_score, _GOOD + _BAD, end) for _ in range(clients)]
        tasks += [behave(shaken, shaken_score, _GOOD, end) for _ in range(clients)]
        tasks.append(shake(shaken, shaken_score, end))
        tasks.append(measure([steady.pid, *steady.pids()], steady_samples, end))
        tasks.append(measure([shaken.pid], shaken_samples, end))
        await asyncio.gather(*tasks)
        good = report("steady", steady_score, steady_samples)
        good = report("shaken", shaken_score, shaken_samples) and good
        for crew in (steady, shaken):
            crew.process.send_signal(signal.SIGTERM)
            await crew.ended(0)
        if "Traceback" in steady.process.stderr:
            print(steady.process.stderr)
            good = False
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    parser.add_argument("--clients", type=int, default=8, help="at a time, for each of the two crews")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    random.seed(seed)
    print(f"seed {seed}, {options.minutes} minutes, {options.loop}", flush=True)
    sys.exit(0 if asyncio.run(soak(options.minutes * 60, options.loop, options.clients)) else 1)


if __name__ == "__main__":
    main()
