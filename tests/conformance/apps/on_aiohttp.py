"""For aiohttp: a ``web.Application``, with a middleware in the place of routes."""

import argparse
import asyncio
import logging

from aiohttp import web

from tests.conformance.echo import FIELD, describe, plan_of


@web.middleware
async def answer(request: web.Request, handler: object) -> web.StreamResponse:
    target = request.raw_path
    plan = plan_of(request.method, target)
    body = None if plan.early else await request.read()
    probe = ",".join(request.headers.getall("X-Probe", [])).encode("utf-8", "surrogateescape").decode("latin-1")
    url = request.url
    host: str | None = request.host
    if target[:1] not in ("/", "*"):
        host = url.host if url.explicit_port is None else f"{url.host}:{url.explicit_port}"
    seen = describe(request.method, target, body, probe if "X-Probe" in request.headers else None, host)
    headers = {FIELD: seen}
    if plan.close:
        headers["Connection"] = "close"
    if not plan.streamed:
        return web.Response(status=plan.status, body=plan.body, headers=headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write(plan.body[:2])
        await response.write(plan.body[2:])
    await response.write_eof()
    return response


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    logging.disable(logging.CRITICAL)
    runner = web.AppRunner(web.Application(middlewares=[answer]))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", parser.parse_args().port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
