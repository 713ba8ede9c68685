"""The site as a Starlette application, as its documentation writes one."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted


async def page(request: Request) -> Response:
    return Response(PAGES[request.url.path], media_type="text/plain")


async def hello(request: Request) -> Response:
    return Response(PAGES["/"], media_type="text/plain")


async def upload(request: Request) -> Response:
    octets = 0
    async for piece in request.stream():
        octets += len(piece)
    return Response(counted(octets), media_type="text/plain")


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(PIECES):
        yield PIECE


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(_pieces(), media_type="text/plain")


app = Starlette(
    routes=[
        Route("/", hello),
        *(Route(path, page) for path in PAGES if path != "/"),
        Route(UPLOAD, upload, methods=["POST"]),
        Route(STREAM, stream),
    ]
)
