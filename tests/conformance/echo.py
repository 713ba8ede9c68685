"""What an application says of a request that it got, and what a client understands of that.

It travels as one response field, ``X-Seen``, so that responses without content have it too.
"""

import dataclasses
import hashlib
import json
import re
import urllib.parse

from tests.conformance.case import Seen

__all__ = ["FIELD", "Echo", "Plan", "describe", "path_of", "plan_of"]

FIELD = "X-Seen"
_MAX_TARGET = 200


def path_of(target: str) -> str:
    """A target without what not every server tells its application: scheme, authority, escapes, an empty query."""
    path, stripped = re.subn(r"(?i)^https?://[^/?]*", "", target)
    if stripped and path[:1] != "/":
        path = "/" + path
    return urllib.parse.unquote(path.removesuffix("?"))


def _short(target: str) -> str:
    if len(target) <= _MAX_TARGET:
        return target
    return f"{target[:50]}… {len(target)} {hashlib.sha256(target.encode()).hexdigest()[:16]}"


def _digest(body: bytes) -> str:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()[:16]}"


def describe(method: str, target: str, body: bytes | None, probe: str | None, host: str | None) -> str:
    """The value of ``X-Seen``.

    Args:
        target, probe, host: octets as ISO 8859-1.
        body: ``None`` if the application didn't read it.
    """
    digest = None if body is None else _digest(body)
    return json.dumps({"method": method, "target": _short(target), "body": digest, "probe": probe, "host": host})


@dataclasses.dataclass(frozen=True, slots=True)
class Echo:
    """One request as a server's application described it."""

    method: str
    target: str
    body: str | None
    probe: str | None
    host: str | None

    @classmethod
    def parse(cls, value: str) -> "Echo":
        return cls(**json.loads(value))

    def differs(self, seen: Seen, *, exactly: bool) -> str:
        """What isn't as it should be; "" if nothing.

        Args:
            exactly: also compare the target octet for octet, which not every server can tell.
        """
        if self.method != seen.method:
            return f"method {self.method!r}, not {seen.method!r}"
        wanted = self.target if seen.target is ... else _short(seen.target)
        if self.target != wanted and (exactly or path_of(self.target) != path_of(wanted)):
            return f"target {self.target!r}, not {wanted!r}"
        if seen.body is not ... and self.body is not None and self.body != _digest(seen.body):
            return f"body of {self.body.split()[0]} octets, not {seen.body[:40]!r}"
        if seen.probe is not ... and _joined(self.probe) != _joined(seen.probe):
            return f"X-Probe {self.probe!r}, not {seen.probe!r}"
        if seen.host is not ... and self.host != seen.host:
            return f"host {self.host!r}, not {seen.host!r}"
        return ""


def _joined(value: str | None) -> str | None:
    """Field lines are joined by "," or by ", " (RFC 9110 §5.3)."""
    return None if value is None else re.sub(r"[ \t]*,[ \t]*", ",", value)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How the application answers."""

    status: int = 200
    body: bytes = b"ok\n"
    #: in two pieces, without telling the length before
    streamed: bool = False
    #: with ``Connection: close``
    close: bool = False
    #: without having read the request's body
    early: bool = False


_PLANS = {
    "/streamed": Plan(body=b"hello", streamed=True),
    "/close": Plan(close=True),
    "/early": Plan(early=True),
    **{f"/status/{status}": Plan(status, b"") for status in (204, 205, 304)},
    "/status/404": Plan(404),
}


def plan_of(method: str, target: str) -> Plan:
    """What the application was asked for."""
    if method == "CONNECT":  # RFC 9110 §9.3.6: most origin servers don't implement it
        return Plan(200, b"") if target.startswith("tunnel:") else Plan(405, b"")
    return _PLANS.get(path_of(target).partition("?")[0], Plan())
