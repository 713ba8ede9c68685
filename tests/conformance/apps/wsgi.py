"""For servers of WSGI."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.conformance.echo import FIELD, describe, plan_of

__all__ = ["application"]


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    method = environ["REQUEST_METHOD"]
    target = environ.get("RAW_URI") or environ["PATH_INFO"]
    plan = plan_of(method, target)
    body = None if plan.early else environ["wsgi.input"].read()
    seen = describe(method, target, body, environ.get("HTTP_X_PROBE"), environ.get("HTTP_HOST"))
    headers = [(FIELD, seen)]
    if not plan.streamed and plan.status not in (204, 304) and (plan.body or method != "CONNECT"):
        headers.append(("Content-Length", str(len(plan.body))))
    start_response(f"{plan.status} As Asked", headers)
    if method == "HEAD" or not plan.body:
        return []
    return [plan.body[:2], plan.body[2:]] if plan.streamed else [plan.body]
