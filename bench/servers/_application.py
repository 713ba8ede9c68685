"""The Tornado application that both Tornado's server and ours serve."""

from typing import Any

from tornado.web import Application, RequestHandler

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted


class Page(RequestHandler):
    def initialize(self, body: bytes) -> None:
        self._body = body

    def get(self) -> None:
        self.write(self._body)


class Upload(RequestHandler):
    def post(self) -> None:
        self.write(counted(len(self.request.body)))


class Stream(RequestHandler):
    async def get(self) -> None:
        for _ in range(PIECES):
            self.write(PIECE)
            await self.flush()


def application(access_log: bool) -> Application:
    routes = [(path + "$", Page, {"body": body}) for path, body in PAGES.items()]
    settings: dict[str, Any] = {} if access_log else {"log_function": lambda handler: None}
    return Application([*routes, (UPLOAD, Upload), (STREAM, Stream)], **settings)
