"""Uploads of any size, from a page with a progress bar, into a directory; in memory there is one piece at a time.

python -m examples.upload [port [directory]]        then open http://localhost:8888/, or:
curl -T big.iso localhost:8888/big.iso              which answers with its size and SHA-256
"""

import asyncio
import hashlib
import json
import pathlib
import re
import sys
import tempfile

from asynchttp.httpserver import HTTPServer

PAGE = pathlib.Path(__file__).with_suffix(".html")
MAX_SIZE = 100 * 1024**3


class Uploads:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    async def __call__(self, request):
        if request.method == "PUT":
            await self.receive(request)
        else:
            request.respond(PAGE.read_bytes(), headers=[("Content-Type", "text/html; charset=utf-8")])

    async def receive(self, request):
        # What a client calls a file is not to be trusted as a path.
        path = self.directory / (re.sub(r"[^\w-]+", ".", request.path).strip(".") or "unnamed")
        try:
            file = path.open("xb")
        except FileExistsError:
            request.respond("there is a file of that name\n", 409)
            return
        digest = hashlib.sha256()

        def keep(chunk):
            digest.update(chunk)
            file.write(chunk)

        try:
            with file:
                async for chunk in request.body_chunks():
                    # Takes its time, so a thread does it; the next piece is read when this one is done with.
                    await asyncio.to_thread(keep, chunk)
        except BaseException:  # the client left, the disk is full, the server ends
            path.unlink()
            raise
        result = {"name": path.name, "size": path.stat().st_size, "sha256": digest.hexdigest()}
        request.respond(json.dumps(result) + "\n", headers=[("Content-Type", "application/json")])


async def main(port, directory=None):
    directory = directory or tempfile.mkdtemp(prefix="uploads-")
    server = HTTPServer(Uploads(directory), stream_request_body=True, max_body_size=MAX_SIZE)
    server.listen(port, "127.0.0.1")
    print(f"uploads go to {directory}", flush=True)
    for sock in server.sockets:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888, *sys.argv[2:3]))
    except KeyboardInterrupt:
        pass
