"""Clients that half-close or leave, handlers that fail or go on for too long: what each learns of the other."""

import asyncio
import sys
import time
import urllib.parse

import pytest

from tests.faults.kit import Crew, descriptors_at_rest, descriptors_of, get, start_lone, stats_of, wait_until

pytestmark = [
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # of the clients; the server has both
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


def lines(crew: Crew, word: str) -> list[str]:
    return [line for line in crew.process.stdout.splitlines() if line.startswith(word)]


async def test_half_closed_client_gets_its_answers(loop_name: str) -> None:
    """``printf … | nc``, with a quick handler, a slow one, a large answer, and several requests."""
    with start_lone(loop_name) as crew:
        for octets, bodies in (
            (get("/"), [b"done"]),
            (get("/sleep?v=0.3"), [b"slept"]),
            (get("/size?v=3000000"), [b"x" * 3_000_000]),
            (get("/") * 3 + get("/sleep?v=0.1"), [b"done"] * 3 + [b"slept"]),
        ):
            async with await crew.connect() as client:
                await client.send(octets)
                client.shutdown_write()
                assert [(await client.read_response()).body for _ in bodies] == bodies
                assert await client.read_to_end() == b""
                assert not client.was_reset


@pytest.mark.parametrize("cancel", [False, True], ids=["told", "cancelled"])
@pytest.mark.parametrize("style", ["", "/callback", "/delegate"], ids=["coroutine", "callback", "delegate"])
async def test_handler_learns_within_100_ms_that_its_client_has_gone(loop_name: str, style: str, cancel: bool) -> None:
    """Wherever it is; and nothing is left: no descriptor, no task, no traceback."""
    wait = get(style + ("/wait?v=handler" if not style else "/handler?v=handler"))
    phases = {
        "queued": wait + get("/") * 20,
        "flooded": wait + get("/") * 4000,  # more than is read behind an unfinished request
        "handler": wait,
        "response": get(style + ("/wait?v=response" if not style else "/response?v=response")),
        "body": b"POST %b/body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nx" % style.encode(),
        "head": b"GET / HT",
        "before": b"",
    }
    tells = {"queued", "flooded", "handler", "response"} | ({"body"} if style == "/delegate" else set())
    with start_lone(loop_name, server={"cancel_on_disconnect": cancel}) as crew:
        before = await stats_of(crew)
        descriptors = await descriptors_at_rest(crew.pid)
        for phase, octets in phases.items():
            delays = []
            for _ in range(5 if phase in tells - {"flooded"} else 2):
                count = len(lines(crew, "waiting"))
                client = await crew.connect()
                await client.send(octets)
                if phase in tells:
                    await wait_until(lambda count=count: len(lines(crew, "waiting")) > count)
                if phase == "response":
                    await client.read_until(b"begun")
                left = time.monotonic()
                count = len(lines(crew, "left"))
                client.abort()
                if phase in tells:
                    await wait_until(lambda count=count: len(lines(crew, "left")) > count)
                    delays.append(float(lines(crew, "left")[-1].split()[1]) - left)
            if delays:
                print(f"{loop_name} {style} {phase}: told after {[round(d * 1000, 1) for d in delays]} ms")
                assert len(lines(crew, "left")) == len(lines(crew, "waiting"))
                # The others had to wait for the machine; where reading rests, for the sweep.
                assert min(delays) < (0.1 if phase != "flooded" else 1.2)
        await wait_until(lambda: descriptors_of(crew.pid) == descriptors)
        async with asyncio.timeout(20):
            while (await stats_of(crew))["tasks"] != before["tasks"]:
                pass  # what belongs to a connection may end a little later than it
        assert not [line for line in lines(crew, "record") if not line.startswith("record DEBUG ")]


async def test_what_comes_behind_the_end_of_an_exchange_never_reaches_the_wire(loop_name: str) -> None:
    with start_lone(loop_name) as crew:
        client = await crew.connect()
        for number in range(3):
            response = await client.request(get(f"/late?v={number}"))
            assert (response.status, response.body) == (200, b"%d" % number)
            assert response.raw.count(b"HTTP/1.1") == 1
        assert (await client.request(get("/"))).body == b"done"
        # Four attempts on its own exchange, and four on each before.
        await wait_until(lambda: len(lines(crew, "refused")) == 4 * (1 + 2 + 3))
        assert lines(crew, "allowed") == []
        client.close()


@pytest.mark.parametrize("style", ["", "/callback", "/delegate"], ids=["coroutine", "callback", "delegate"])
async def test_failed_handler_is_500_before_its_head_and_a_cut_behind_it(loop_name: str, style: str) -> None:
    """And one record each."""
    with start_lone(loop_name) as crew:
        for when in ("before", "head", "chunk"):
            async with await crew.connect() as client:
                await client.send(get(f"{style}/fail?v={when}"))
                said = await client.read_to_end() if when != "before" else (await client.read_response()).raw
            if when == "before":
                assert said.startswith(b"HTTP/1.1 500 ")
            else:
                head, _, body = said.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert body == (b"hello" if when == "head" else b"5\r\nhello\r\n")  # without its end
        await wait_until(lambda: len(errors(crew)) == 3)
        assert [line.split()[3] for line in errors(crew)] == ["handler_failed"] * 3


def errors(crew: Crew) -> list[str]:
    return lines(crew, "record ERROR ")


async def test_length_lie_is_caught(loop_name: str) -> None:
    """The connection is cut: with too little the client misses something, and what is too much isn't sent at all."""
    with start_lone(loop_name) as crew:
        for size, most in ((3, b"yyy"), (9, b"yyyyy")):
            async with await crew.connect() as client:
                await client.send(get(f"/lie?v={size}") + get("/"))
                head, _, body = (await client.read_to_end()).partition(b"\r\n\r\n")
            assert head.count(b"HTTP/1.1") <= 1
            assert most.startswith(body)
        async with await crew.connect() as client:
            assert (await client.request(get("/lie?v=5"))).body == b"yyyyy"
            assert (await client.request(get("/"))).body == b"done"
        await wait_until(lambda: len(errors(crew)) == 2)


@pytest.mark.parametrize("loop_name", ["asyncio"])
async def test_field_of_a_handler_cannot_split_a_response(loop_name: str) -> None:
    """The error names the field; nothing of it reaches the client, who gets the answer that the handler gives then."""
    fields = [("X-A", "a\r\nSet-Cookie: b"), ("X-B", "a\nb"), ("X-C", "a\0b"), ("X D", "a"), ("X-E\r\nX", "a")]
    with start_lone(loop_name) as crew:
        async with await crew.connect() as client:
            for name, value in fields:
                response = await client.request(get("/split?v=" + urllib.parse.quote(f"{name}:{value}")))
                assert (response.status, response.body) == (200, b"safe")
                assert not {"x-a", "x-b", "x-c", "set-cookie"} & {key.lower() for key, _ in response.headers}
        await wait_until(lambda: len(lines(crew, "refused")) == len(fields))
        for (name, _), line in zip(fields, lines(crew, "refused"), strict=True):
            assert name[:3] in line
