"""Logs, figures and health: what there is to know of a server while it runs.

python -m examples.observability [port [admin port]]

curl localhost:8888/                    one line of access log on standard output, as JSON
printf 'x\\r\\n\\r\\n' | nc localhost 8888    a refusal, with its reason on standard error
curl localhost:9888/metrics             figures for Prometheus; also /livez and /readyz
curl localhost:8888/healthz             the same answer as /readyz, for who reaches this port only
"""

import asyncio
import sys

from asynchttp import _logging
from asynchttp.httpserver import HTTPServer, Observer


class SlowRequests(Observer):
    """A hook of one's own: remember the slowest request."""

    slowest = 0.0

    def on_end(self, outcome):
        if outcome.request is not None and outcome.duration > self.slowest:
            self.slowest = outcome.duration
            print(f"slowest so far: {outcome.request.uri}, {outcome.duration:.6f} s", file=sys.stderr, flush=True)


async def handle(request):
    return b"Hello, world!\n"


async def main(port, admin_port=0):
    # Any configuration of logging will do; this one sends lines of asynchttp.access to standard output.
    _logging.configure("info", access_file="-")
    server = HTTPServer(handle, access_log="json", stats=True, observers=[SlowRequests()], health_path="/healthz")
    server.listen(port, "127.0.0.1")
    # The admin pages are a handler like any other. Give them a listener that only the operator reaches.
    admin = HTTPServer(server.admin())
    admin.listen(admin_port, "127.0.0.1")
    for name, each in (("admin pages", admin), ("", server)):
        for sock in each.sockets:
            print(f"{name} listening on http://127.0.0.1:{sock.getsockname()[1]}".strip(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports = [int(argument) for argument in sys.argv[1:]] or [8888, 9888]
    try:
        asyncio.run(main(*ports))
    except KeyboardInterrupt:
        pass
