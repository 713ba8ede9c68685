"""Comparing what happened with what should have.

:func:`exactly` is for our server: nothing may differ from the case. :func:`judge` is for any server: whatever the RFC
allows is fine.
"""

import dataclasses
import enum
import re
from collections.abc import Sequence

from tests.conformance.case import Case, End, Level, Reply, Seen
from tests.conformance.drive import Fate, Observed
from tests.conformance.echo import FIELD, Echo
from tests.support.rawclient import RawResponse

__all__ = ["Judgement", "Verdict", "exactly", "judge"]


class Verdict(enum.Enum):
    KEPT = 0
    BROKEN = 1
    OPEN = 2
    """not judged: nobody's rule but ours, or the server ended the connection, as it may, before it came to it"""


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reason: str = ""


_KEPT = Judgement(Verdict.KEPT)


def _broken(reason: str) -> Judgement:
    return Judgement(Verdict.BROKEN, reason)


def exactly(case: Case, got: Observed) -> str:
    """What differs from the case; "" if nothing."""
    if got.problem:
        return got.problem
    statuses = [reply.status for reply in got.replies]
    if statuses != [reply.status for reply in case.replies]:
        return f"statuses {statuses}, not {[reply.status for reply in case.replies]}; then {got.fate}{_last_words(got)}"
    if reason := _seen_differ(got.seen, case.seen, exact=True) or _replies_differ(got.replies, case.replies):
        return reason
    wanted = Fate.LIVES if case.end is End.LIVES else Fate.CLOSED
    return "" if got.fate is wanted else f"the connection: {got.fate}, not {wanted}"


def _last_words(got: Observed) -> str:
    return f": {got.replies[-1].body[:100]!r}" if got.refusals else ""


def judge(case: Case, got: Observed) -> Judgement:
    """Whether the server kept the rule of this case, by the letter of the RFC."""
    if case.level is Level.OURS or case.ours_only:
        return Judgement(Verdict.OPEN, "nobody's rule but ours")
    if got.problem:
        return _broken(got.problem)
    if not case.refused:
        return _judge_acceptance(case, got)
    judgement = _judge_refusal(case, got)
    if judgement.verdict is Verdict.KEPT and case.must_close and got.fate is Fate.LIVES:
        return _broken("the connection lives on")
    return judgement


def _judge_refusal(case: Case, got: Observed) -> Judgement:
    reason = _nearest(got.seen, [case.seen, *case.or_seen])
    if got.refusals:
        if reason:
            return _broken(f"{got.refusals[0]}, but {reason}")
        if case.named and got.refusals[0] not in case.named:
            named = "4xx" if len(case.named) > 90 else "/".join(map(str, sorted(case.named)))
            return _broken(f"{got.refusals[0]}, not {named}")
        refusal, pattern = next(reply for reply in got.final if reply.header(FIELD) is None), case.replies[-1]
        if refusal.status // 100 == pattern.status // 100 and (reason := _fields_differ(refusal, pattern)):
            return _broken(reason)
        return _KEPT
    if reason:
        return _broken(reason)
    if case.seen and got.announced_close:
        return Judgement(Verdict.OPEN, "closed before")
    if any(not _seen_differ(got.seen, other) for other in case.or_seen):
        return _KEPT
    if case.named and not (case.may_wait and got.fate is Fate.SILENT):
        return _broken(f"no answer; {got.fate}")
    return _KEPT


def _judge_acceptance(case: Case, got: Observed) -> Judgement:
    if got.refusals and case.half_close and not _seen_differ(got.seen, case.seen):
        return _KEPT  # an incomplete request; RFC 9112 §8: a server MAY send an error
    if any(reply.status in case.or_refused for reply in got.final):
        return _KEPT
    if got.refusals:
        return _broken(f"refused: {got.refusals[0]}")
    if any(not _seen_differ(got.seen, other) for other in case.or_seen):
        return _KEPT
    seen, replies = list(case.seen), list(case.replies)
    cut_short = len(got.seen) < len(seen) and bool(got.seen) and got.announced_close and got.fate is not Fate.LIVES
    if cut_short:
        seen, replies = seen[: len(got.seen)], replies[: len(got.replies)]
    statuses = [reply.status for reply in got.replies]
    if reason := _seen_differ(got.seen, seen):
        return _broken(f"{reason}; {got.fate}" if len(got.seen) < len(seen) else reason)
    if statuses != [reply.status for reply in replies]:
        return _broken(f"statuses {statuses}, not {[reply.status for reply in replies]}")
    if reason := _replies_differ(got.replies, replies):
        return _broken(reason)
    if cut_short:
        return Judgement(Verdict.OPEN, "closed before")
    if case.must_close and got.fate not in (Fate.CLOSED, Fate.RESET):
        return _broken(f"the connection: {got.fate}")
    if case.end is End.LIVES and got.fate in (Fate.SILENT, Fate.CONFUSED):
        return _broken(f"the connection: {got.fate}")
    return _KEPT


def _nearest(got: Sequence[Echo], readings: Sequence[Sequence[Seen]]) -> str:
    """What differs from the reading that comes nearest; "" if nothing."""
    reasons = []
    for seen in readings:
        reason = _seen_differ(got, seen)
        if not reason:
            return ""
        agree = [not echo.differs(one, exactly=False) for echo, one in zip(got, seen, strict=False)]
        reasons.append((agree.index(False) if False in agree else len(agree), reason))
    return max(reasons, key=lambda entry: entry[0])[1]


def _seen_differ(got: Sequence[Echo], wanted: Sequence[Seen], *, exact: bool = False) -> str:
    for number, (echo, seen) in enumerate(zip(got, wanted, strict=False), 1):
        if reason := echo.differs(seen, exactly=exact):
            return f"request {number}: {reason}" if len(wanted) > 1 else reason
    if len(got) > len(wanted):
        more = got[len(wanted)]
        body = "" if more.body is None or more.body.startswith("0 ") else f" with {more.body.split()[0]} octets of body"
        return f"the handler saw {more.method} {more.target}{body}"
    if len(got) < len(wanted):
        return f"{len(got)} of {len(wanted)} requests reached the handler"
    return ""


def _replies_differ(got: Sequence[RawResponse], wanted: Sequence[Reply]) -> str:
    for reply, pattern in zip(got, wanted, strict=True):
        if reason := _fields_differ(reply, pattern):
            return reason
        if pattern.version is not None and reply.version != pattern.version:
            return f"{pattern.status} of version {reply.version}, not {pattern.version}"
        if pattern.body is not None and reply.body != pattern.body:
            return f"{pattern.status} with body {reply.body[:40]!r}, not {pattern.body!r}"
    return ""


def _fields_differ(reply: RawResponse, pattern: Reply) -> str:
    for name, value in pattern.fields.items():
        found = ", ".join(reply.header_list(name))
        if re.fullmatch(value, found) is None:
            return f"{reply.status} with {name}: {found!r}" if found else f"{reply.status} without {name}"
    return ""
