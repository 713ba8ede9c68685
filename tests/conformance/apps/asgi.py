"""For servers of ASGI 3."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.echo import FIELD, describe, plan_of

__all__ = ["application"]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    target = (path + (b"?" + query if query else b"")).decode("latin-1")
    plan = plan_of(scope["method"], target)
    body: bytes | None = None
    if not plan.early:
        body = await _read(receive)
        if body is None:  # the client has gone: there is nobody to answer
            return
    seen = describe(scope["method"], target, body, _field(scope, b"x-probe"), _field(scope, b"host"))
    headers = [(FIELD.lower().encode(), seen.encode())]
    if not plan.streamed and plan.status not in (204, 304) and (plan.body or scope["method"] != "CONNECT"):
        headers.append((b"content-length", b"%d" % len(plan.body)))
    if plan.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": plan.status, "headers": headers})
    if plan.streamed:
        await send({"type": "http.response.body", "body": plan.body[:2], "more_body": True})
        await send({"type": "http.response.body", "body": plan.body[2:], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": plan.body})


async def _read(receive: Receive) -> bytes | None:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


def _field(scope: dict[str, Any], name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
    return ",".join(values) if values else None
