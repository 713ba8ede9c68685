"""The site as a blacksheep application: an ASGI framework of its own, without Starlette."""

from collections.abc import AsyncIterable
from typing import Any

from blacksheep import Application, Content, Request, Response, StreamedContent

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted

app = Application()
_TYPE = b"text/plain"


def _page(body: bytes) -> Any:
    async def page(request: Request) -> Response:
        return Response(200, content=Content(_TYPE, body))

    return page


for _path, _body in PAGES.items():
    app.router.add_get(_path, _page(_body))


@app.router.post(UPLOAD)
async def upload(request: Request) -> Response:
    body = await request.read()
    return Response(200, content=Content(_TYPE, counted(len(body or b""))))


async def _pieces() -> AsyncIterable[bytes]:
    for _ in range(PIECES):
        yield PIECE


@app.router.get(STREAM)
async def stream(request: Request) -> Response:
    return Response(200, content=StreamedContent(_TYPE, _pieces))
