"""Tornado 4: coroutine handlers that fetch in parallel, stream in both directions, and use queues and locks."""

import datetime
import sys

from tornado import gen, httpclient, locks, queues, web
from tornado.concurrent import Future
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

PORT = int(sys.argv[1])
httpclient.AsyncHTTPClient.configure("tornado.simple_httpclient.SimpleAsyncHTTPClient", max_clients=3)


def url(path):
    return "http://127.0.0.1:%d%s" % (PORT, path)


class Item(web.RequestHandler):
    @gen.coroutine
    def get(self, number):
        yield gen.sleep(0.01)
        if number == "13":
            raise web.HTTPError(404, "no such item: %s", number)
        self.write({"number": int(number)})


class Gather(web.RequestHandler):
    @web.asynchronous
    @gen.coroutine
    def get(self):
        client = httpclient.AsyncHTTPClient()
        responses = yield dict((n, client.fetch(url("/item/%d" % n))) for n in range(5))
        try:
            yield client.fetch(url("/item/13"))
        except httpclient.HTTPError as e:
            missing = e.code
        lenient = yield client.fetch(url("/item/13"), raise_error=False)
        try:
            yield gen.with_timeout(datetime.timedelta(milliseconds=10), Future())
        except gen.TimeoutError:
            late = True
        self.write({"codes": [responses[n].code for n in range(5)], "late": late})
        yield self.flush()
        self.write("\n%d %d" % (missing, lenient.code))


class Stream(web.RequestHandler):
    """Gives back what another handler sends, piece by piece."""

    @gen.coroutine
    def get(self):
        queue = queues.Queue(maxsize=10)
        client = httpclient.AsyncHTTPClient()
        client.fetch(
            url("/pieces"), streaming_callback=queue.put_nowait, callback=lambda response: queue.put_nowait(None)
        )
        while True:
            piece = yield queue.get()
            if piece is None:
                break
            self.write(piece.upper())
            yield self.flush()


class Pieces(web.RequestHandler):
    @gen.coroutine
    def get(self):
        for word in ("one ", "two ", "three"):
            self.write(word)
            yield self.flush()


@web.stream_request_body
class Upload(web.RequestHandler):
    lock = locks.Lock()

    def prepare(self):
        self.octets = 0
        self.request.connection.set_max_body_size(1 << 20)

    @gen.coroutine
    def data_received(self, chunk):
        with (yield self.lock.acquire()):
            yield gen.moment
            self.octets += len(chunk)

    def put(self):
        self.write("%d octets" % self.octets)


class Upstream(web.RequestHandler):
    """Sends a body made while it is sent."""

    @gen.coroutine
    def get(self):
        @gen.coroutine
        def produce(write):
            for _ in range(4):
                yield write(b"x" * 50000)

        response = yield httpclient.AsyncHTTPClient().fetch(
            url("/upload"), method="PUT", body_producer=produce, headers={"Content-Length": "200000"}
        )
        raise gen.Return(self.finish(response.body))


if __name__ == "__main__":
    app = web.Application(
        [
            web.url(r"/item/(\d+)", Item),
            web.url(r"/gather", Gather),
            web.url(r"/stream", Stream),
            web.url(r"/pieces", Pieces),
            web.url(r"/upload", Upload),
            web.url(r"/upstream", Upstream),
        ]
    )
    server = HTTPServer(app, max_body_size=1024)
    server.listen(PORT, "127.0.0.1")
    print("listening on http://127.0.0.1:%d" % PORT, flush=True)
    IOLoop.current().start()
