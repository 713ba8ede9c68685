"""Large uploads through an application of Tornado, read piece by piece, and how far each has come.

python -m examples.web_upload [port]
curl -T big.iso localhost:8888/big.iso        answers with the SHA-256 of what came
curl localhost:8888/                          tells the progress, meanwhile or later
"""

import asyncio
import hashlib
import sys

import tornado.web

from asynchttp.httpserver import HTTPServer

MAX_SIZE = 10 * 1024**3

progress = {}


class Progress(tornado.web.RequestHandler):
    def get(self):
        self.write(progress)


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    def prepare(self):
        self.request.connection.set_max_body_size(MAX_SIZE)
        total = self.request.headers.get("Content-Length")  # a chunked body doesn't tell
        self.upload = {"received": 0, "total": int(total) if total else None, "state": "coming"}
        progress[self.path_args[0]] = self.upload
        self.digest = hashlib.sha256()

    async def data_received(self, chunk):
        # The next piece is read when this one is done with. Hashing takes time, so a thread does it.
        await asyncio.to_thread(self.digest.update, chunk)
        self.upload["received"] += len(chunk)

    def put(self, name):
        self.upload["state"] = "complete"
        self.write(f"{self.digest.hexdigest()}  {name}\n")

    def on_connection_close(self):
        self.upload["state"] = "broken off"
        super().on_connection_close()


async def main(port):
    server = HTTPServer(tornado.web.Application([(r"/", Progress), (r"/([\w.-]+)", Upload)]))
    server.listen(port, "127.0.0.1")
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
    except KeyboardInterrupt:
        pass
