"""What is over is gone: no cycle keeps it, no descriptor stays open, and asyncio has nothing to complain about."""

import asyncio
import contextlib
import gc
import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp._exchange import Exchange, ServerRequest
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from asynchttp.iostream import IOStream
from tests.integration.helpers import all_closed, build_request, expect_failure, run_server, turns, until, within
from tests.support.processes import run_python
from tests.support.servers import RunningServer

KINDS = (HTTP1ServerConnection, ServerRequest, Exchange, IOStream)


@contextlib.contextmanager
def no_cycles() -> Iterator[None]:
    """What the block made of our kinds is freed by counting references alone, without the collector."""
    gc.collect()
    # By type(): isinstance would ask lazy objects of other libraries what they stand for.
    before = {id(thing) for thing in gc.get_objects() if issubclass(type(thing), KINDS)}
    gc.disable()
    try:
        yield
        left = [thing for thing in gc.get_objects() if issubclass(type(thing), KINDS) and id(thing) not in before]
        held = [(type(thing).__name__, [type(holder).__name__ for holder in gc.get_referrers(thing)]) for thing in left]
        assert not held
    finally:
        gc.enable()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def warm_up(running: RunningServer) -> int:
    """Have all that a loop makes once; returns the number of descriptors."""
    for _ in range(2):
        (await running.connect()).close()
        await turns(20)
    await all_closed(running.server)
    await turns(20)
    return descriptors()


def respond(request: Any) -> None:
    request.respond(b"x")


def raw(request: Any) -> None:
    request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
    request.finish()


def structured(request: Any) -> None:
    request.connection.set_close_callback(lambda: request.uri)
    request.connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders({"Content-Length": "1"}))
    request.connection.write(b"x", lambda: request.uri)
    request.connection.finish()


def curious(request: Any) -> None:
    """Asks for everything that a request can tell."""
    facts = (request.headers, request.arguments, request.cookies, request.host, request.remote_ip, request.protocol)
    request.facts = facts
    repr(request)
    request.connection.respond(b"x")


async def coroutine(request: Any) -> bytes:
    return b"x"


async def waiting(request: Any) -> bytes:
    await asyncio.sleep(0)
    await request.connection.write_headers(ResponseStartLine("", 103, "Early Hints"), HTTPHeaders())
    return b"x"


def callback_later(request: Any) -> None:
    asyncio.get_running_loop().call_soon(structured, request)


HANDLERS = [respond, raw, structured, curious, coroutine, waiting, callback_later]


@pytest.mark.asyncio
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("end", ["client closes", "connection: close", "reset", "refused", "server closes"])
async def test_served_connection_leaves_no_cycle_and_no_descriptor(handler: Callable[[Any], Any], end: str) -> None:
    async with run_server(handler) as running:
        open_before = await warm_up(running)
        with no_cycles():
            async with await running.connect() as client:
                for _ in range(3):
                    while (await client.request(build_request("/p?a=b", "Cookie: a=b"))).status < 200:
                        await client.read_response()
                        break
                if end == "connection: close":
                    await client.send(build_request("/", "Connection: close"))
                    await client.read_to_end()
                elif end == "reset":
                    client.abort()
                elif end == "refused":
                    await client.send(b"BROKEN\r\n\r\n")
                    await client.read_to_end()
                elif end == "server closes":
                    await running.server.close_all_connections()
            await all_closed(running.server)
            await turns(20)
        assert descriptors() == open_before


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "octets",
    [b"", b"GET /", build_request()[:-2], build_request("/", "Content-Length: 5", method="POST") + b"ab"],
)
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_unfinished_request_leaves_nothing(octets: bytes, end: str) -> None:
    async with run_server(respond) as running:
        open_before = await warm_up(running)
        with no_cycles():
            client = await running.connect()
            await until(lambda: running.server._connections)
            if octets:
                await client.send(octets)
            await turns(10)
            if end == "reset":
                client.abort()
            else:
                client.close()
            await all_closed(running.server)
            await turns(20)
        assert descriptors() == open_before


@pytest.mark.asyncio
@pytest.mark.parametrize("then", ["nothing", "finish", "write", "respond"])
async def test_exchange_whose_client_has_gone_leaves_nothing(then: str) -> None:
    """Whatever the handler does with its request afterwards, also when it forgets it."""
    requests: asyncio.Queue[Any] = asyncio.Queue()
    async with run_server(requests.put_nowait) as running:
        open_before = await warm_up(running)
        with no_cycles():
            client = await running.connect()
            await client.send(build_request())
            request = await within(requests.get())
            request.connection.set_close_callback(lambda: None)
            client.abort()
            await all_closed(running.server)
            await turns(20)
            if then == "finish":
                request.finish()
            elif then == "write":
                request.write(b"x")
            elif then == "respond":
                request.respond(b"x")
            del request
        assert descriptors() == open_before


@pytest.mark.asyncio
@pytest.mark.parametrize("then", ["nothing", "raises", "returns"])
async def test_coroutine_whose_client_has_gone_leaves_nothing(then: str, expect_log: Any) -> None:
    failure = expect_failure(expect_log, "ZeroDivisionError") if then == "raises" else None
    entered, proceed, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(request: Any) -> Any:
        entered.set()
        await proceed.wait()
        left.set()
        if then == "raises":
            raise ZeroDivisionError
        return b"x" if then == "returns" else None

    async with run_server(handler) as running:
        with no_cycles():
            client = await running.connect()
            await client.send(build_request())
            await within(entered.wait())
            client.abort()
            await all_closed(running.server)
            proceed.set()
            await within(left.wait())
            await turns(20)
            if failure is not None:  # the record keeps the request, also by the frames of its exception
                failure.records[0].exc_info = failure.records[0].args = None


@pytest.mark.asyncio
async def test_handler_that_waits_is_kept_by_the_server_alone() -> None:
    """asyncio holds tasks weakly, and its client has gone: nobody else keeps a handler from being collected."""
    entered = asyncio.Event()
    futures: list[weakref.ref[asyncio.Future[None]]] = []
    ended: list[bool] = []

    async def handler(request: Any) -> None:
        future = asyncio.get_running_loop().create_future()
        futures.append(weakref.ref(future))
        entered.set()
        await future
        ended.append(True)

    async with run_server(handler) as running:
        client = await running.connect()
        await client.send(build_request())
        await within(entered.wait())
        client.abort()
        await all_closed(running.server)
        await turns(20)
        gc.collect()
        future = futures[0]()
        assert future is not None
        future.set_result(None)
        await turns()
        assert ended == [True]


@pytest.mark.asyncio
async def test_request_that_is_kept_keeps_no_descriptor() -> None:
    kept: list[Any] = []

    def handler(request: Any) -> None:
        kept.append(request)
        request.respond(b"x")

    async with run_server(handler) as running:
        open_before = await warm_up(running)
        for _ in range(5):
            async with await running.connect() as client:
                await client.request(build_request())
        await all_closed(running.server)
        await turns(20)
        assert descriptors() == open_before
        assert len(kept) == 5


@pytest.mark.asyncio
async def test_server_that_was_stopped_is_gone() -> None:
    async with run_server(respond) as running:
        async with await running.connect() as client:
            await client.request(build_request())
        await all_closed(running.server)
        gone = weakref.ref(running.server)
        server = running.server
        server.stop()
        await server.close_all_connections()
        await turns(20)
        assert server._sweep is not None
        assert server._sweep._timer is None
    del server, running
    gc.collect()
    assert gone() is None


PROGRAM = """
import asyncio, gc, socket, sys
from asynchttp.httpserver import HTTPServer
from asynchttp.iostream import StreamClosedError
from tests.support.rawclient import RawClient

async def handler(request):
    path = request.uri
    if path == "/big":
        await request.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8000000\\r\\n\\r\\n")
        await request.write(b"x" * 8000000)
        request.finish()
    elif path == "/forget":
        request.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8000000\\r\\n\\r\\n" + b"x" * 8000000)
        request.finish()
    elif path == "/wait":
        await asyncio.sleep(0.05)
        return b"late"
    else:
        return b"hello"

def get(path, *fields):
    return "\\r\\n".join([f"GET {path} HTTP/1.1", "Host: test", *fields, "", ""]).encode()

async def main():
    server = HTTPServer(handler, body_timeout=0.1)
    server.listen(0, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]

    async def client(octets, *, how):
        async with await RawClient.connect(port, receive_buffer=4096, deadline=40) as client:
            await client.send(octets)
            if how == "read":
                await client.read_response()
            elif how == "end":
                await client.read_to_end()
            elif how == "half":
                client.shutdown_write()
                await client.read_to_end()
            elif how == "some":
                await client.read_some()
                client.abort()
            elif how == "abort":
                client.abort()

    cases = [
        (get("/"), "read"), (get("/") * 50, "read"), (get("/", "Connection: close"), "end"), (get("/"), "half"),
        (get("/big"), "read"), (get("/big"), "some"), (get("/forget"), "some"), (get("/forget"), "abort"),
        (get("/wait"), "read"), (get("/wait"), "abort"), (get("/wait") * 3, "half"), (b"BROKEN\\r\\n\\r\\n", "end"),
        (b"GET", "abort"), (b"GET", "half"), (get("/", "Content-Length: 5"), "end"),
        (get("/", "Content-Length: 5"), "abort"),
        (b"", "abort"), (b"BROKEN\\r\\n\\r\\n", "abort"),
    ]
    for octets, how in cases:
        await asyncio.wait_for(client(octets, how=how), 40)
    await asyncio.gather(*(client(octets, how=how) for octets, how in cases * 5))
    while server._connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    server.stop()
    await server.close_all_connections()

if sys.argv[1] == "uvloop":
    import uvloop
    factory = uvloop.new_event_loop
else:
    factory = asyncio.new_event_loop
with asyncio.Runner(loop_factory=factory, debug=sys.argv[1] == "asyncio") as runner:
    runner.get_loop().slow_callback_duration = 1.0
    runner.run(main())
del runner
gc.collect()
print("done")
"""


def test_nothing_to_complain_about_in_development_mode(loop_name: str) -> None:
    """No "never retrieved", "never awaited", "was destroyed but it is pending", no ResourceWarning."""
    code, out, err = run_python("-X", "dev", "-c", PROGRAM, loop_name, deadline=50)
    assert (code, out, err) == (0, "done\n", "")
