"""A server made before any loop runs: the order of Tornado 2 programs."""

import asyncio
from typing import Any

from asynchttp import ioloop
from asynchttp.httpserver import HTTPServer
from tests.conftest import LOOP_FACTORIES
from tests.integration.helpers import build_request, turns
from tests.support.rawclient import RawClient


def hello(request: Any) -> None:
    request.respond(b"hello")


async def get(server: HTTPServer) -> bytes:
    async with await RawClient.connect(server.sockets[0].getsockname()[1]) as client:
        return (await client.request(build_request("/", "Connection: close"))).body


async def stop(server: HTTPServer) -> None:
    server.stop()
    await server.close_all_connections()
    await turns()


def run_program(loop_name: str, program: Any) -> None:
    loop = ioloop.IOLoop(make_current=True, asyncio_loop=LOOP_FACTORIES[loop_name]())
    try:
        program(loop)
    finally:
        loop.clear_current()
        loop.close()


def test_server_that_was_bound_and_started_before_the_loop_runs(loop_name: str) -> None:
    def program(loop: ioloop.IOLoop) -> None:
        server = HTTPServer(hello)
        server.bind(0, "127.0.0.1")
        server.start()

        async def client() -> None:
            assert await get(server) == b"hello"
            await stop(server)

        loop.run_sync(client)

    run_program(loop_name, program)


def test_handler_may_stop_the_loop_and_its_answer_still_goes_out(loop_name: str) -> None:
    def program(loop: ioloop.IOLoop) -> None:
        def handler(request: Any) -> None:
            request.respond(b"bye")
            loop.stop()

        server = HTTPServer(handler)
        server.listen(0, "127.0.0.1")
        bodies: list[bytes] = []

        async def client() -> None:
            bodies.append(await get(server))

        loop.spawn_callback(client)
        loop.start()
        assert bodies == []  # it stopped in the turn of the handler
        loop.run_sync(lambda: turns(20))
        assert bodies == [b"bye"]
        loop.run_sync(lambda: stop(server))

    run_program(loop_name, program)


def test_server_of_a_loop_that_was_given_up_does_not_disturb_the_next(loop_name: str) -> None:
    def program(loop: ioloop.IOLoop) -> None:
        server = HTTPServer(hello)
        server.listen(0, "127.0.0.1")

        async def client() -> None:
            for _ in range(3):
                assert await get(server) == b"hello"
            await asyncio.sleep(0)
            await stop(server)

        loop.run_sync(client)

    for _ in range(2):
        run_program(loop_name, program)
