"""Our server does exactly what each case says, on both loops, however the octets arrive."""

import dataclasses
import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.apps.ours import handle
from tests.conformance.case import MAX_BODY_SIZE, Case, chunked, head, sized
from tests.conformance.catalog import CASES
from tests.conformance.drive import Observed, drive
from tests.conformance.judge import Verdict, exactly, judge
from tests.integration.helpers import Clock, all_closed, run_server_with_clock, turns, within
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: What isn't as it should be so far. A case that begins to pass fails here until it is taken out.
FAILING: dict[str, str] = {}

#: A case longer than this is cut into pieces of a prime number of octets, not into single ones.
_MAX_SINGLE = 2000


@dataclasses.dataclass(frozen=True)
class Subject:
    running: RunningServer
    clock: Clock


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def subject() -> AsyncIterator[Subject]:
    """One server for all cases on one loop.  Its time stands still but where a case lets it pass."""
    async with run_server_with_clock(handle, max_body_size=MAX_BODY_SIZE) as (running, clock):
        yield Subject(running, clock)


def _parameters(cases: list[Case]) -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.id,
            marks=[pytest.mark.xfail(reason=FAILING[case.id], strict=True)] if case.id in FAILING else [],
        )
        for case in cases
    ]


async def _observe(subject: Subject, case: Case, pieces: Any) -> Observed:
    async with await subject.running.connect(deadline=0.2 if case.id in FAILING else 5.0) as client:
        return await drive(case, client, pieces, lambda: turns(3), subject.clock.advance)


def _check(case: Case, got: Observed, caplog: pytest.LogCaptureFixture) -> None:
    assert not exactly(case, got)
    judgement = judge(case, got)  # what we promise is what the RFC allows
    assert judgement.verdict is not Verdict.BROKEN, judgement.reason
    # That a client left, or our own handler broke its answer, has a record of its own, and is no refusal.
    no_refusals = ("left_", "silent_timeout", "answer_", "no_answer", "not_upgraded", "closed")
    records = [
        record
        for record in caplog.records
        if record.levelno == logging.INFO and not str(getattr(record, "reason", "")).startswith(no_refusals)
    ]
    if not case.refused or case.logs is not None:
        assert not records
        return
    assert len(records) == 1
    reply = got.replies[-1]
    assert reply.has_token("Connection", "close")
    if reply.body or "HEAD" not in case.methods:
        assert reply.header("Content-Type") == "text/plain; charset=utf-8"
        line = reply.body.decode()
        assert line.endswith("\n")
        assert line[:-1].isprintable()
        assert len(line) < 240


@pytest.fixture
def announced(
    request: pytest.FixtureRequest, expect_log: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> pytest.LogCaptureFixture:
    """The error that a case makes the handler log is expected, once; and ``INFO`` of the server is kept."""
    case: Case = request.getfixturevalue("case")
    if case.logs is not None:
        expect_log("asynchttp.application", case.logs, level=logging.ERROR, count=1)
    caplog.set_level(logging.INFO, "asynchttp.general")
    return caplog


@pytest.mark.parametrize("case", _parameters(CASES))
async def test_as_it_stands(subject: Subject, case: Case, announced: pytest.LogCaptureFixture) -> None:
    _check(case, await _observe(subject, case, case.pieces), announced)


@pytest.mark.parametrize("case", _parameters([case for case in CASES if isinstance(case.octets, bytes)]))
async def test_octet_by_octet(subject: Subject, case: Case, announced: pytest.LogCaptureFixture) -> None:
    octets = case.octets
    assert isinstance(octets, bytes)
    size = 1 if len(octets) <= _MAX_SINGLE else 1021 if len(octets) < 100_000 else 65_537
    pieces = [octets[index : index + size] for index in range(0, len(octets), size)]
    _check(case, await _observe(subject, case, pieces), announced)


async def test_nothing_is_left_behind(subject: Subject) -> None:
    """Runs last: each client has gone, and so has each connection."""
    await within(all_closed(subject.running.server))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(head(b"GET / HTTP/1.1", b"<script>: b"), id="name"),
        pytest.param(head(b"GET <script> HTTP/1.1"), id="target"),
        pytest.param(head(b"<script> / HTTP/1.1"), id="method"),
        pytest.param(head(b"GET / <script>"), id="version"),
        pytest.param(head(b"GET / HTTP/1.1", host=b"<script>"), id="host"),
        pytest.param(head(b"POST / HTTP/1.1", b"Content-Length: <script>"), id="length"),
        pytest.param(head(b"POST / HTTP/1.1", b"Transfer-Encoding: <script>"), id="coding"),
        pytest.param(sized(b"", b"Expect: <script>"), id="expectation"),
        pytest.param(chunked(b"<script>\r\n"), id="chunk-size"),
    ],
)
async def test_refusal_repeats_nothing_of_what_was_sent(subject: Subject, octets: bytes) -> None:
    async with await subject.running.connect() as client:
        await client.send(octets)
        reply = await client.read_to_end()
    assert re.match(rb"HTTP/1\.1 4", reply)
    assert b"script" not in reply
