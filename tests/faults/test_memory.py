"""What a client can make a server hold, in octets of memory for each connection; and work for, in CPU time."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.kit import Crew, cpu_of, get, memory_of, start_lone, stats_of
from tests.support.rawclient import RawClient

pytestmark = [
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # of the clients; the server has both
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

CLIENTS = 24
#: Octets for each connection beyond what a quiet one takes: the high-water mark of what is written is 64 KiB, and a
#: handler writes pieces of that size; of what is read, 64 KiB behind an unfinished request and as much in the receive
#: buffer of the loop. The rest is the allocator's.
BOUND = 256 * 1024


async def fill(client: RawClient, octets: bytes) -> None:
    """Send for as long as the server takes something."""
    view = memoryview(octets)
    loop = asyncio.get_running_loop()
    while view:
        try:
            async with asyncio.timeout(0.5):
                await loop.sock_sendall(client.sock, view[:65536])
        except TimeoutError:
            return
        view = view[65536:]


async def pour(client: RawClient) -> None:
    await client.send(get("/pour"))


async def flood(client: RawClient) -> None:
    """Ten thousand requests, of whose answers none is read."""
    await fill(client, get("/size?v=1000") * 10_000)


async def body_behind_a_sleeping_handler(client: RawClient) -> None:
    head = b"POST /sum HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n"
    await fill(client, get("/sleep?v=60") + head + bytes(2_000_000))


async def body_that_nobody_takes(client: RawClient) -> None:
    head = b"POST /delegate/stuck HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n"
    await fill(client, head + bytes(2_000_000))


async def come_to_rest(crew: Crew) -> None:
    """Wait until nothing more is poured into any connection."""
    last = -1.0
    while (now := (await stats_of(crew))["poured"]) != last:
        last = now
        await asyncio.sleep(0.3)


@pytest.mark.parametrize("attack", [pour, flood, body_behind_a_sleeping_handler, body_that_nobody_takes])
async def test_connection_holds_one_high_water_mark_at_most(
    loop_name: str, attack: Callable[[RawClient], Awaitable[None]]
) -> None:
    with start_lone(loop_name) as crew:
        first = await crew.connect(receive_buffer=4096)
        await attack(first)  # the interpreter and its allocator have what they need
        await come_to_rest(crew)
        clients = [await crew.connect(receive_buffer=4096) for _ in range(CLIENTS)]
        before = memory_of(crew.pid)
        await asyncio.gather(*map(attack, clients))
        await come_to_rest(crew)
        each = (memory_of(crew.pid) - before) / CLIENTS
        print(f"{loop_name} {attack.__name__}: {each / 1024:.0f} KiB for each connection")
        assert each < BOUND
        for client in (first, *clients):
            client.abort()


CHUNKED = b"POST /sum HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(size: int) -> bytes:
    return CHUNKED + b"1\r\nx\r\n" * size + b"0\r\n\r\n"


def extensions(size: int) -> bytes:
    return CHUNKED + (b"1;" + b"a=b;" * 900 + b"c\r\nx\r\n") * (size // 900) + b"0\r\n\r\n"


def pipelined(size: int) -> bytes:
    return get("/") * (size // 20 - 1) + get("/", "Connection: close")


@pytest.mark.parametrize("message", [chunks, extensions, pipelined])
async def test_time_for_small_pieces_is_linear(loop_name: str, message: Callable[[int], bytes]) -> None:
    """Four times as many cost four times as much CPU time, or a little more, and not sixteen times."""
    with start_lone(loop_name) as crew:

        async def cost(octets: bytes) -> float:
            before = cpu_of(crew.pid)
            async with await crew.connect() as client:
                sending = asyncio.create_task(client.send(octets))
                response = await client.read_response()
                await sending
                if message is pipelined:
                    await client.read_to_end()
            assert response.status in (200, 400), response  # there is a bound on extensions
            return cpu_of(crew.pid) - before

        few, many = await cost(message(30_000)), await cost(message(120_000))
        print(f"{loop_name} {message.__name__}: {few:.2f} and {many:.2f} s of CPU time")
        assert many < 8 * few + 0.2  # the clock of the kernel has ticks of 10 ms
        assert many < 4


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"a:b\r\n" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"y" * 1_000_000, 431),
        (b"GET /" + b"z" * 1_000_000, 414),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * 100_000, 431),
        (CHUNKED + b"1;" + b"e" * 1_000_000, 400),
        (b"\r\n" * 500_000, 400),
    ],
    ids=["fields", "field", "target", "trailers", "extension", "empty lines"],
)
async def test_head_without_end_is_refused_at_its_bound(loop_name: str, head: bytes, status: int) -> None:
    with start_lone(loop_name) as crew:
        before = cpu_of(crew.pid)
        async with await crew.connect() as client:
            filling = asyncio.create_task(fill(client, head))
            response = await client.read_response()
            assert response.status == status
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
        spent = cpu_of(crew.pid) - before
        print(f"{loop_name}: {spent:.2f} s of CPU time")
        assert spent < 0.5
