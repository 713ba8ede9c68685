"""Figures as text for Prometheus: format 0.0.4, and OpenMetrics 1.0 for who asks for it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["OPENMETRICS", "PLAIN", "render", "wants_openmetrics"]

PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class _Family(NamedTuple):
    kind: str
    help: str


_FAMILIES: Final = {
    "accept_pauses_total": _Family("counter", "Times that accepting paused because the system refused."),
    "accept_queue_length": _Family("gauge", "Connections that wait to be accepted."),
    "connections_accepted_total": _Family("counter", "Connections accepted."),
    "connections_active": _Family("gauge", "Connections that are open."),
    "loop_lag_seconds": _Family("gauge", "How late the event loop was at its last tick, in the worst worker."),
    "ready": _Family("gauge", "Workers that accept connections and aren't being stopped."),
    "received_bytes_total": _Family("counter", "Octets of requests: heads, and bodies without their framing."),
    "request_duration_seconds": _Family("histogram", "From the head of a request to the end of its response."),
    "requests_in_flight": _Family("gauge", "Requests that aren't answered yet."),
    "requests_refused_total": _Family("counter", "Requests and connections refused or cut, by reason."),
    "requests_total": _Family("counter", "Requests that ended, however."),
    "responses_total": _Family("counter", "Responses by the class of their status; none: cut before any."),
    "sent_bytes_total": _Family("counter", "Octets of responses, heads included."),
    "workers": _Family("gauge", "Processes that serve."),
    "workers_died_total": _Family("counter", "Workers that ended without having been told."),
    "workers_spawned_total": _Family("counter", "Workers that were started."),
    "workers_stuck_total": _Family("counter", "Workers that gave no sign of life, and were ended."),
}
_UNKNOWN: Final = _Family("gauge", "")


def render(figures: Mapping[str, float], openmetrics: bool = False) -> bytes:
    """The page for ``figures``, whose names may have labels but no prefix."""
    families: dict[str, list[tuple[str, float]]] = {}
    for sample, value in figures.items():
        families.setdefault(_family_of(sample), []).append((sample, value))
    lines = []
    for name in sorted(families):
        kind, text = _FAMILIES.get(name, _UNKNOWN)
        # In OpenMetrics a family of counters is named without what its samples end in.
        told = name.removesuffix("_total") if openmetrics and kind == "counter" else name
        if text:
            lines.append(f"# HELP asynchttp_{told} {text}")
        lines.append(f"# TYPE asynchttp_{told} {kind}")
        lines += [f"asynchttp_{sample} {value}" for sample, value in families[name]]
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _family_of(sample: str) -> str:
    name = sample.partition("{")[0]
    for ending in ("_bucket", "_sum", "_count"):
        stem = name.removesuffix(ending)
        if stem != name and _FAMILIES.get(stem, _UNKNOWN).kind == "histogram":
            return stem
    return name


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is what a field ``Accept`` likes best; an older page is what everybody can read.

    RFC 9110 §12.5.1, as far as needed: a scraper lists the types that it knows, with the weights it gives them.
    """
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for member in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in member.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if kind in weights:
            weights[kind] = max(weights[kind], weight)
    return weights["application/openmetrics-text"] > weights["text/plain"]
