"""The cases themselves, and what judges them."""

import collections
import importlib
import re

import pytest

from tests.conformance import peers
from tests.conformance.case import (
    CHUNKED,
    NEXT,
    SEEN_NEXT,
    Case,
    End,
    Level,
    Reply,
    Seen,
    accepts,
    get,
    head,
    refuses,
)
from tests.conformance.catalog import CASES, MODULES
from tests.conformance.drive import Fate, Observed
from tests.conformance.echo import FIELD, Echo, describe, path_of, plan_of
from tests.conformance.judge import Verdict, exactly, judge
from tests.conformance.test_conformance import FAILING
from tests.support.processes import run_python
from tests.support.rawclient import RawResponse


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 250


def test_ids_are_unique() -> None:
    counts = collections.Counter(case.id for case in CASES)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_file_is_about_its_section(module: str) -> None:
    cases = importlib.import_module(f"tests.conformance.{module}").CASES
    assert cases
    assert {case.section for case in cases} == {MODULES[module]}


def test_ids_are_a_section_and_a_fact() -> None:
    assert [case.id for case in CASES if not re.fullmatch(r"9\d{3}-\d+(\.\d+)*-[a-z0-9][a-z0-9.,-]*", case.id)] == []


def test_our_decisions_have_reasons_and_others_need_none() -> None:
    assert [case.id for case in CASES if (case.level is Level.OURS) != bool(case.why)] == []


def test_failing_cases_exist() -> None:
    assert set(FAILING) <= {case.id for case in CASES}


_GET = accepts("9110-0-a", get(), Seen("GET", host="a"))
_TWO = accepts("9110-0-b", get() + NEXT, Seen("GET"), SEEN_NEXT)
_BAD = refuses("9110-0-c", head(b"GET / HTTP/1.1", host=None) + NEXT, level=Level.MUST, named=[400])
_BOTH = refuses(
    "9110-0-d",
    head(b"POST / HTTP/1.1", CHUNKED, b"Content-Length: 5") + b"0\r\n\r\n" + NEXT,
    level=Level.MUST,
    or_seen=[(Seen("POST"),)],
    must_close=True,
)
_SHUT = accepts("9110-0-e", get(b"/", b"Connection: close"), Seen("GET"), end=End.CLOSES)
_CUT = accepts("9110-0-f", get()[:-2], replies=[], end=End.CLOSES, half_close=True)


def _reply(status: int = 200, seen: Seen | None = None, *fields: tuple[str, str]) -> RawResponse:
    told = [("Content-Length", "0"), *fields]
    if seen is not None:
        assert isinstance(seen.target, str)
        assert isinstance(seen.body, bytes)
        told.append((FIELD, describe(seen.method, seen.target, seen.body, None, "a")))
    return RawResponse((1, 1), status, "", told, b"", b"")


_SERVED = _reply(200, Seen("GET"))
_SERVED_LAST = _reply(200, Seen("GET"), ("Connection", "close"))
_SERVED_NEXT = _reply(200, SEEN_NEXT)
_SERVED_POST = _reply(200, Seen("POST"))


@pytest.mark.parametrize(
    ("case", "replies", "fate", "verdict", "reason"),
    [
        (_GET, [_SERVED], Fate.LIVES, Verdict.KEPT, ""),
        (_GET, [_SERVED_LAST], Fate.CLOSED, Verdict.KEPT, ""),
        (_GET, [_SERVED], Fate.SILENT, Verdict.BROKEN, "the connection: silent"),
        (_GET, [_SERVED], Fate.CONFUSED, Verdict.BROKEN, "the connection: confused"),
        (_GET, [_reply(400)], Fate.CLOSED, Verdict.BROKEN, "refused: 400"),
        (_GET, [], Fate.CLOSED, Verdict.BROKEN, "0 of 1 requests reached the handler; closed"),
        (_GET, [_SERVED, _SERVED_NEXT], Fate.LIVES, Verdict.BROKEN, "the handler saw GET /next"),
        (_GET, [_reply(200, Seen("GET", "/a"))], Fate.LIVES, Verdict.BROKEN, "target '/a', not '/'"),
        (_GET, [_reply(200, Seen("GET", "/", b"x"))], Fate.LIVES, Verdict.BROKEN, "body of 1 octets, not b''"),
        (_GET, [_reply(100), _SERVED], Fate.LIVES, Verdict.BROKEN, "statuses [100, 200], not [200]"),
        (_TWO, [_SERVED, _SERVED_NEXT], Fate.LIVES, Verdict.KEPT, ""),
        (_TWO, [_SERVED_LAST], Fate.CLOSED, Verdict.OPEN, "closed before"),
        (_TWO, [_SERVED], Fate.CLOSED, Verdict.BROKEN, "1 of 2 requests reached the handler; closed"),
        (_BAD, [_reply(400)], Fate.CLOSED, Verdict.KEPT, ""),
        (_BAD, [_reply(400)], Fate.SILENT, Verdict.KEPT, ""),
        (_BAD, [_reply(500)], Fate.CLOSED, Verdict.BROKEN, "500, not 400"),
        (_BAD, [], Fate.CLOSED, Verdict.BROKEN, "no answer; closed"),
        (_BAD, [_SERVED], Fate.CLOSED, Verdict.BROKEN, "the handler saw GET /"),
        (_BAD, [_reply(400), _SERVED_NEXT], Fate.LIVES, Verdict.BROKEN, "400, but the handler saw GET /next"),
        (_BOTH, [_reply(501)], Fate.CLOSED, Verdict.KEPT, ""),
        (_BOTH, [], Fate.RESET, Verdict.KEPT, ""),
        (_BOTH, [_SERVED_POST], Fate.CLOSED, Verdict.KEPT, ""),
        (_BOTH, [_SERVED_POST], Fate.LIVES, Verdict.BROKEN, "the connection lives on"),
        (_BOTH, [_SERVED_POST, _SERVED_NEXT], Fate.CLOSED, Verdict.BROKEN, "the handler saw GET /next"),
        (_SHUT, [_SERVED], Fate.CLOSED, Verdict.KEPT, ""),
        (_SHUT, [_SERVED], Fate.LIVES, Verdict.BROKEN, "the connection: lives"),
        (_CUT, [], Fate.CLOSED, Verdict.KEPT, ""),
        (_CUT, [_reply(400)], Fate.CLOSED, Verdict.KEPT, ""),
        (_CUT, [_SERVED], Fate.CLOSED, Verdict.BROKEN, "the handler saw GET /"),
    ],
)
def test_judge_goes_by_the_rfc(
    case: Case, replies: list[RawResponse], fate: Fate, verdict: Verdict, reason: str
) -> None:
    judgement = judge(case, Observed(tuple(replies), fate))
    assert (judgement.verdict, judgement.reason) == (verdict, reason)


def test_our_decisions_are_nobody_else_s() -> None:
    case = refuses("9110-0-g", get(), level=Level.OURS, why="so")
    assert judge(case, Observed((_SERVED,), Fate.LIVES)).verdict is Verdict.OPEN


def test_field_that_a_reply_must_have() -> None:
    case = accepts("9110-0-h", get(), Seen("GET"), replies=[Reply(200, {"Date": ".+", "Transfer-Encoding": ""})])
    assert judge(case, Observed((_SERVED,), Fate.LIVES)).reason == "200 without Date"
    dated = _reply(200, Seen("GET"), ("Date", "now"))
    assert judge(case, Observed((dated,), Fate.LIVES)).verdict is Verdict.KEPT
    both = _reply(200, Seen("GET"), ("Date", "now"), ("Transfer-Encoding", "chunked"))
    assert judge(case, Observed((both,), Fate.LIVES)).reason == "200 with Transfer-Encoding: 'chunked'"


@pytest.mark.parametrize(
    ("case", "replies", "fate", "difference"),
    [
        (_GET, [_SERVED], Fate.LIVES, ""),
        (_GET, [_SERVED_LAST], Fate.CLOSED, "the connection: closed, not lives"),
        (_BAD, [_reply(400)], Fate.CLOSED, ""),
        (_BAD, [_reply(400)], Fate.RESET, "the connection: reset, not closed"),
        (_BAD, [_reply(401)], Fate.CLOSED, "statuses [401], not [400]; then closed: b''"),
    ],
)
def test_our_promise_is_exact(case: Case, replies: list[RawResponse], fate: Fate, difference: str) -> None:
    assert exactly(case, Observed(tuple(replies), fate)) == difference


def test_reply_that_nobody_understands_breaks_every_rule() -> None:
    got = Observed((), Fate.CLOSED, "not a reply")
    assert judge(_BOTH, got).reason == exactly(_BOTH, got) == "not a reply"


def test_echo_survives_hostile_octets() -> None:
    value = describe("GE\xff", "/\r\n\0" + "x" * 100_000, b"\0", "\x85,b", None)
    assert value.isascii()
    assert value.isprintable()
    assert len(value) < 1000
    echo = Echo.parse(value)
    assert not echo.differs(Seen("GE\xff", "/\r\n\0" + "x" * 100_000, b"\0", "\x85, b", None), exactly=True)
    assert echo.differs(Seen("GE\xff", "/\r\n\0" + "x" * 99_999 + "y", b"\0"), exactly=True)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a?b", "/a?b"),
        ("http://a:80/b?c", "/b?c"),
        ("HTTPS://a", "/"),
        ("http://a?b", "/?b"),
        ("/?", "/"),
        ("/%41", "/A"),
        ("*", "*"),
        ("//a", "//a"),
    ],
)
def test_path_is_what_every_server_can_tell(target: str, path: str) -> None:
    assert path_of(target) == path


def test_application_answers_as_asked() -> None:
    assert plan_of("GET", "http://a/status/204?b").status == 204
    assert plan_of("CONNECT", "a:80").status == 405
    assert plan_of("GET", "/streamed").streamed


def test_table_counts_by_section_and_level() -> None:
    loose = refuses("9110-1-i", get(), level=Level.SHOULD)
    cases = [_GET, _TWO, _BAD, loose]
    results = {
        "good": [judge(case, Observed((_SERVED,), Fate.LIVES)) for case in [_GET] * 4],
        "bad": [judge(case, Observed((_SERVED_LAST,), Fate.CLOSED)) for case in cases],
    }
    assert peers.table(cases, results).splitlines() == [
        "| section | cases | good | bad   |",
        "|---------|-------|------|-------|",
        "| 9110-0  | 3     | ·    | 1/0/1 |",
        "| 9110-1  | 1     | ·    | 0/1/0 |",
        "| all     | 4     | ·    | 1/1/1 |",
    ]
    assert peers.broken_rules(cases, results["bad"], Level.MUST) == ["9110-0-c: the handler saw GET /"]


def test_command_runs_our_server_and_names_what_is_missing() -> None:
    code, out, err = run_python("-m", "tests.conformance.peers", "asynchttp", "--only", "9112-9.3.2")
    assert code == 0, err
    assert "| 9112-9.3.2 | 8     | ·         |" in out
    assert "asynchttp: 0 broken MUST" in out


def test_server_that_isn_t_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "SERVERS", [peers.Server("nobody", ("no_such_module",), "no_such_module {port}")])
    assert peers.main(["--only", "9112-9.3.2"]) == 0
    assert capsys.readouterr().err == "left out: nobody: no module no_such_module\n"


def test_every_server_has_a_name_of_its_own() -> None:
    assert len({server.name for server in peers.SERVERS}) == len(peers.SERVERS)
