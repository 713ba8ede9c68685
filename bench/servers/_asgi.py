"""The ASGI and RSGI applications that uvicorn, hypercorn and granian serve. No server: nothing runs here by itself."""

from typing import Any

from bench.servers._site import BODY, PAGES, PIECE, PIECES, STREAM, UPLOAD, counted


def _head(body: bytes) -> dict[str, Any]:
    headers = [(b"content-length", b"%d" % len(body))]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _body(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


_HELLO = (_head(BODY), _body(BODY))
_PAGES = {path: (_head(body), _body(body)) for path, body in PAGES.items()}
_STREAM_HEAD = {"type": "http.response.start", "status": 200, "headers": []}
_PIECE, _END = _body(PIECE, more=True), _body(b"")


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(_HELLO[0])
    await send(_HELLO[1])


async def site(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    if path == STREAM:
        await send(_STREAM_HEAD)
        for _ in range(PIECES):
            await send(_PIECE)
        await send(_END)
    elif path == UPLOAD:
        octets, more = 0, True
        while more:
            message = await receive()
            octets += len(message["body"])
            more = message.get("more_body", False)
        body = counted(octets)
        await send(_head(body))
        await send(_body(body))
    else:
        head, content = _PAGES[path]
        await send(head)
        await send(content)


async def rsgi_hello(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, [("content-length", str(len(BODY)))], BODY)


async def rsgi_site(scope: Any, protocol: Any) -> None:
    path = scope.path
    if path == STREAM:
        stream = protocol.response_stream(200, [])
        for _ in range(PIECES):
            await stream.send_bytes(PIECE)
        return
    body = counted(len(await protocol())) if path == UPLOAD else PAGES[path]
    protocol.response_bytes(200, [("content-length", str(len(body)))], body)


#: By interface: what says hello, what serves the site; names in this module.
NAMES = {"asgi": ("hello", "site"), "rsgi": ("rsgi_hello", "rsgi_site")}
