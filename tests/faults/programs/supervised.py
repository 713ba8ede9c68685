"""``Supervisor.run`` with what a command line does: the application is loaded in the worker, which says when.

``python supervised.py '{"workers": 2, "supervisor": {…}, "fail": "exit 3" | "raise" | "hang"}'``
"""

import asyncio
import json
import os
import pathlib
import sys
import time

from asynchttp import netutil
from asynchttp._listeners import Listeners
from asynchttp._supervisor import Supervisor
from asynchttp._worker import Order, Worker
from asynchttp.httpserver import HTTPServer
from asynchttp.ioloop import new_asyncio_loop

options = json.loads(sys.argv[1])


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def run_worker(worker: Worker) -> int:
    say("born", worker.task_id, os.getpid(), time.monotonic())
    # A file, so that what fails may change: a release that is broken, or mended.
    fail = pathlib.Path(options["fail"]).read_text() if "fail" in options else ""
    if fail == "raise":
        raise RuntimeError("broken release")
    if fail.startswith("exit"):
        return int(fail.split()[1])
    if fail == "hang":
        time.sleep(60)
    with asyncio.Runner(loop_factory=new_asyncio_loop) as runner:
        return runner.run(serve(worker))


async def serve(worker: Worker) -> int:
    orders: asyncio.Queue[Order] = asyncio.Queue()

    async def handle(request):
        worker.publish({"counters": {"requests": 1}})
        if request.uri == "/figures":
            return json.dumps(worker.figures())
        return f"{worker.task_id} {os.getpid()}"

    server = HTTPServer(handle)
    worker.watch(asyncio.get_running_loop(), orders.put_nowait, server.add_sockets)
    server.add_sockets(worker.sockets)
    worker.ready()
    say("worker", worker.task_id, os.getpid(), time.monotonic())
    order = await orders.get()
    say("order", worker.task_id, order.name)
    await server.shutdown(0 if order is Order.CUT else worker.graceful_timeout, exclusive=order is not Order.HAND_OVER)
    return 0


sockets = netutil.bind_sockets(0, "127.0.0.1")
say(f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}")
supervisor = Supervisor(
    run_worker,
    options["workers"],
    Listeners(sockets),
    on_event=lambda event, pid: say("event", event, pid, time.monotonic()),
    **options.get("supervisor", {}),
)
code = supervisor.run()
say("figures", json.dumps(supervisor.figures()))
sys.exit(code)
