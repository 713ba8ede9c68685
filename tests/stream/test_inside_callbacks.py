"""What callbacks do to their own stream: close it, write to it, read on, when it is too late."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.iostream import StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import turns, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]

TOO_LATE: dict[str, Callable[[Any], object]] = {
    "write": lambda stream: stream.write(b"x"),
    "write_with_callback": lambda stream: stream.write(b"x", lambda: None),
    "read_bytes": lambda stream: stream.read_bytes(1),
    "read_until": lambda stream: stream.read_until(b"\n", lambda line: None),
    "read_into": lambda stream: stream.read_into(bytearray(1)),
}


@pytest.mark.parametrize("action", TOO_LATE.values(), ids=TOO_LATE.keys())
async def test_in_the_close_callback_it_is_too_late(
    action: Callable[[Any], object], connect: OpenPair, expect_log: Expect
) -> None:
    expected = expect_log("asynchttp.application", "^Exception in callback.*StreamClosedError", count=1)
    async with connect() as pair:
        pair.reader.set_close_callback(lambda: action(pair.reader))
        pair.reader.close()
        await expected.wait()


@pytest.mark.parametrize("by_peer", [False, True])
async def test_in_the_close_callback_the_end_can_be_read_and_close_called(by_peer: bool, connect: OpenPair) -> None:
    async with connect() as pair:
        rest = asyncio.get_running_loop().create_future()

        def on_close() -> None:
            pair.reader.close(ValueError("too late to be the reason"))
            pair.reader.read_until_close(rest.set_result)

        pair.reader.set_close_callback(on_close)
        if by_peer:
            pair.peer.close()
        else:
            pair.reader.close()
        assert await within(rest) == b""
        assert pair.reader.error is None
        assert pair.reader.closed()


@pytest.mark.parametrize("size", [None, 1000])
async def test_streaming_callback_that_closes(size: int | None, connect: OpenPair) -> None:
    async with connect() as pair:
        chunks: list[bytes] = []
        closed = asyncio.Event()
        pair.reader.set_close_callback(closed.set)

        def on_chunk(chunk: bytes) -> None:
            chunks.append(chunk)
            pair.reader.close()

        if size is None:
            future = pair.reader.read_until_close(streaming_callback=on_chunk)
        else:
            future = pair.reader.read_bytes(size, streaming_callback=on_chunk)
        await pair.peer.send(b"abc")
        await within(closed.wait())
        await turns(10)
        assert b"".join(chunks) == b"abc"
        if size is None:
            assert await within(future) == b""
        else:
            with pytest.raises(StreamClosedError):
                await within(future)


async def test_read_callback_that_closes_and_reads_on(connect: OpenPair, expect_log: Expect) -> None:
    expect_log("asynchttp.application", "^Uncaught exception, closing connection.*StreamClosedError", count=1)
    expected = expect_log("asynchttp.application", "^Exception in callback.*StreamClosedError", count=1)
    async with connect() as pair:
        lines: list[bytes] = []

        def on_line(line: bytes) -> None:
            lines.append(line)
            pair.reader.close()
            pair.reader.read_until(b"\n", on_line)

        pair.reader.read_until(b"\n", on_line)
        await pair.peer.send(b"a\nb\nc")
        await expected.wait()
        # What is buffered can be read on a closed stream; then it is at its end.
        assert lines == [b"a\n", b"b\n"]


async def test_view_that_its_owner_releases_is_still_filled(connect: OpenPair) -> None:
    async with connect() as pair:
        memory = bytearray(4)
        view = memoryview(memory)[1:3]
        future = pair.reader.read_into(view)
        view.release()
        with pytest.raises(BufferError):
            memory.clear()
        await pair.peer.send(b"ab")
        assert await within(future) == 2
        assert memory == b"\0ab\0"
        memory.clear()


async def test_view_with_gaps_is_refused(connect: OpenPair) -> None:
    async with connect() as pair:
        with pytest.raises(TypeError):
            pair.reader.read_into(memoryview(bytearray(4))[::2])
        assert not pair.reader.reading()
        await pair.peer.send(b"ab")
        assert await within(pair.reader.read_bytes(2)) == b"ab"


async def test_writer_that_closes_in_its_callback(connect: OpenPair) -> None:
    async with connect() as pair:
        closed = asyncio.Event()
        pair.writer.set_close_callback(closed.set)
        pair.writer.write(b"abc", pair.writer.close)
        await within(closed.wait())
        assert await pair.peer.read_to_end() == b"abc"
