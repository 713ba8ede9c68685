"""The ASGI and RSGI applications that uvicorn and granian serve. No server: nothing runs here by itself."""

from typing import Any

from bench.servers._start import BODY

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", str(len(BODY)).encode())],
}
_BODY = {"type": "http.response.body", "body": BODY}


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await send(_START)
    await send(_BODY)


async def rsgi(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, [("content-length", str(len(BODY)))], BODY)
