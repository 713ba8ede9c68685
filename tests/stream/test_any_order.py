"""Reads of all kinds, begun, cancelled and given up in any order: a stream gives what was sent, each octet once.

What a read has to give follows from its kind and from what was read before. So each result is compared with the one
that it must be, wherever the octets were cut and whatever happened in between.
"""

import asyncio
import dataclasses
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.property.effort import SHARE
from tests.stream.conftest import OpenPair
from tests.stream.kit import Recorder, turns, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

RUNS = max(1, round(5 * SHARE))
STEPS = 120


@dataclasses.dataclass
class Reading:
    """One read."""

    future: "asyncio.Future[Any]"
    #: the octets of its result
    got: Callable[[Any], bytes]
    #: how many of those that weren't read before it has to give; ``None``: at least one
    size: Callable[[bytes], int] | None
    cancellable: bool = True

    def check(self, rest: bytes) -> int:
        """Its result must be the beginning of ``rest``; returns how much of it."""
        result = self.got(self.future.result())
        assert rest.startswith(result)
        assert len(result) == self.size(rest) if self.size is not None else result
        return len(result)


def begin(stream: Any, chance: random.Random) -> Reading:
    size = chance.choice([1, 2, 3, 7, 40, 700])
    memory, chunks = bytearray(size), list[bytes]()
    end = re.compile(rb"[x-z]\r?\n|!")
    match chance.randrange(7):
        case 0:
            return Reading(stream.read_bytes(size), bytes, lambda rest: size)
        case 1:
            return Reading(stream.read_bytes(size, partial=True), bytes, None)
        case 2:
            return Reading(stream.read_until(b"\r\n"), bytes, lambda rest: rest.index(b"\r\n") + 2)
        case 3:
            return Reading(stream.read_until_regex(end), bytes, lambda rest: end.search(rest).end())  # type: ignore[union-attr]
        case 4:
            return Reading(stream.read_into(memory), lambda count: bytes(memory[:count]), lambda rest: size)
        case 5:
            return Reading(stream.read_into(memory, partial=True), lambda count: bytes(memory[:count]), None)
        case _:
            streaming = stream.read_bytes(size, streaming_callback=chunks.append)
            return Reading(streaming, lambda nothing: b"".join(chunks) + nothing, lambda rest: size, cancellable=False)


def some_octets(chance: random.Random) -> bytes:
    octets = bytes(chance.choices(b"xyz!\r\n0123456789", k=chance.randrange(1, 60)))
    return octets + chance.choice([b"", b"\r\n", b"z\n"])


async def push(stream: Any, chance: random.Random) -> bytes:
    """Push mode for a while; returns what the consumer kept."""
    consumer = Recorder()
    stream.set_consumer(consumer)
    await turns(chance.randrange(4))
    kept = chance.randrange(len(consumer.data) + 1)
    stream.release_consumer(consumer.data[kept:])
    return consumer.data[:kept]


@pytest.mark.parametrize("seed", range(RUNS))
async def test_every_octet_is_read_once(seed: int, connect: OpenPair) -> None:
    chance = random.Random(seed)
    sent, position = b"", 0
    async with connect() as pair:

        async def send() -> None:
            nonlocal sent
            octets = some_octets(chance)
            sent += octets
            await pair.peer.send(octets)
            await turns(chance.randrange(6))

        for _ in range(STEPS):
            if chance.random() < 0.5:
                await send()
            if chance.random() < 0.1:
                kept = await push(pair.reader, chance)
                assert sent[position:].startswith(kept)
                position += len(kept)
            reading = begin(pair.reader, chance)
            if chance.random() < 0.5:
                await send()
            if reading.cancellable and chance.random() < 0.5 and reading.future.cancel():
                continue
            while not reading.future.done():
                await send()
            await turns(1)  # the callbacks of its last chunks
            position += reading.check(sent[position:])
        pair.peer.close()
        if chance.random() < 0.5:
            await turns(10)
        assert await within(pair.reader.read_until_close()) == sent[position:]
