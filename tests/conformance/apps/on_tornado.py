"""For tornado: a ``tornado.web`` application, as people write them."""

import argparse
import asyncio
import logging

import tornado.httpserver
import tornado.web

from tests.conformance.echo import FIELD, describe, plan_of


class _AnyMethod:
    def __contains__(self, method: object) -> bool:
        return True


class Handler(tornado.web.RequestHandler):
    SUPPORTED_METHODS = _AnyMethod()  # type: ignore[assignment]  # unknown ones are 405 there

    async def prepare(self) -> None:
        request = self.request
        method, target = request.method or "", request.uri or ""
        plan = plan_of(method, target)
        probe = request.headers.get_list("X-Probe")
        seen = describe(method, target, request.body, ",".join(probe) if probe else None, request.host)
        self.set_header(FIELD, seen)
        self.set_status(plan.status, "As Asked")
        if plan.close:
            self.set_header("Connection", "close")
        if plan.status in (204, 304):
            self.clear_header("Content-Type")
        elif plan.streamed:
            self.write(plan.body[:2])
            await self.flush()
            self.write(plan.body[2:])
        else:
            self.write(plan.body)
        await self.finish()

    def compute_etag(self) -> None:
        return None

    def check_etag_header(self) -> bool:
        return False


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    logging.disable(logging.CRITICAL)
    application = tornado.web.Application([(r".*", Handler)])
    tornado.httpserver.HTTPServer(application).listen(parser.parse_args().port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
