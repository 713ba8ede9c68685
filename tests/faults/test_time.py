"""Clients that take their time, at each point of a connection: when they are told, and when they are cut."""

import asyncio
import sys
import time

import pytest

from tests.faults.kit import Crew, descriptors_at_rest, descriptors_of, get, start_lone, wait_until

pytestmark = [
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # of the clients; the server has both
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

LIMIT = 0.8


async def drip(crew: Crew, beginning: bytes, *, first: bytes = b"") -> tuple[float, bytes]:
    """Send ``beginning``, then an octet now and then; seconds until the server ends it, and what it said."""
    async with await crew.connect() as client:
        if first:
            await client.request(first)
        started = time.monotonic()
        await client.send(beginning)
        end = asyncio.create_task(client.read_to_end())
        while not end.done():
            await asyncio.wait([end], timeout=0.1)
            if beginning and not end.done():
                await client.send(b"x")
        return time.monotonic() - started, await end


async def test_deadlines_come_at_each_point_and_none_comes_early(loop_name: str) -> None:
    limits = {"header_timeout": LIMIT, "idle_connection_timeout": LIMIT, "body_timeout": LIMIT}
    with start_lone(loop_name, server=limits) as crew:
        before = await descriptors_at_rest(crew.pid)
        post = b"POST /sum HTTP/1.1\r\nHost: test\r\n"
        points = {
            "silent": drip(crew, b""),
            "idle": drip(crew, b"", first=get("/")),
            "in the head": drip(crew, b"GET / HTTP/1.1\r\nX: "),
            "in the next head": drip(crew, b"GET / HTTP/1.1\r\nX: ", first=get("/")),
            "in the body": drip(crew, post + b"Content-Length: 100\r\n\r\n"),
            "in the chunk": drip(crew, post + b"Transfer-Encoding: chunked\r\n\r\n64\r\n"),
        }
        results = dict(zip(points, await asyncio.gather(*points.values()), strict=True))
        print(loop_name, {point: f"{seconds:.2f} s" for point, (seconds, _) in results.items()})
        for point, (seconds, said) in results.items():
            assert LIMIT <= seconds < 8, point
            if point in ("silent", "idle"):
                assert said == b"", point
            else:
                assert said.startswith(b"HTTP/1.1 408 "), point
                assert b"\r\nConnection: close\r\n" in said, point
        await wait_until(lambda: descriptors_of(crew.pid) == before)


@pytest.mark.parametrize("style", ["", "/callback"])
async def test_idle_connection_with_a_request_waiting_is_served_and_not_closed(loop_name: str, style: str) -> None:
    """Its time ends while the loop does something else."""
    with start_lone(loop_name, server={"idle_connection_timeout": 0.5}) as crew:
        clients = [await crew.connect() for _ in range(10)]
        for client in clients:
            await client.request(get("/"))
        async with await crew.connect() as other:
            await other.send(get(f"{style}/block?v=1.5", "Connection: close"))
            crew.process.wait_for_line("^blocking$")
            for client in clients:
                await client.send(get("/size?v=3"))
            for client in clients:
                assert (await client.read_response()).body == b"xxx"
                client.close()


async def test_reader_without_progress_is_cut_and_no_other(loop_name: str) -> None:
    """A dead one goes, with its handler, buffers and descriptor; one that reads slowly, and a quiet stream, live."""
    limit = 1.0
    with start_lone(loop_name, server={"write_timeout": limit}) as crew:
        before = await descriptors_at_rest(crew.pid)
        # One that is cut in the middle of a response of known size, and one whose handler goes on and on.
        dead = [await crew.connect(receive_buffer=4096) for _ in range(2)]
        started = time.monotonic()
        await dead[0].send(get("/size?v=20000000"))
        await dead[1].send(get("/pour"))
        quiet = await crew.connect()
        await quiet.send(get(f"/quiet?v={2.5 * limit}"))
        slow = await crew.connect(receive_buffer=4096)
        await slow.send(get("/size?v=20000000"))
        while time.monotonic() - started < 3 * limit:
            assert await asyncio.get_running_loop().sock_recv(slow.sock, 2048)
            await asyncio.sleep(0.1)
        await quiet.read_until(b"second")
        for _ in dead:
            crew.process.wait_for_line("^record INFO asynchttp.general write_timeout ")
        await wait_until(lambda: descriptors_of(crew.pid) == before + 2)
        assert crew.process.stdout.count(" write_timeout ") == 2
        assert await asyncio.get_running_loop().sock_recv(slow.sock, 2048)
        for client in (*dead, quiet, slow):
            client.close()
