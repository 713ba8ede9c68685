"""Writing: order, ownership, back-pressure, and what becomes of it when the stream ends."""

import array
import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.iostream import IOStream, StreamBufferFullError, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import SOCKET_KINDS, Certificates, Peer, Recorder, open_pair, tcp_pair, turns, within
from tests.stream.kit import until as wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]

BIG = bytes(range(256)) * 4096 * 10


async def test_octets_leave_in_the_order_of_the_calls(connect: OpenPair) -> None:
    async with connect() as pair:
        expected = b""
        for number in range(200):
            data = b"%d;" % number * (1 if number % 7 else 20_000)
            expected += data
            pair.writer.write(data)
        assert await pair.peer.read_exactly(len(expected)) == expected
        await wait_until(lambda: not pair.writer.writing())


async def test_small_write_is_done_at_once(connect: OpenPair) -> None:
    async with connect() as pair:
        await within(pair.writer.write(b"a"))
        future = pair.writer.write(b"b")
        assert future.done()
        assert future.result() is None
        assert not pair.writer.writing()
        assert await pair.peer.read_exactly(2) == b"ab"


@pytest.mark.parametrize(
    ("data", "octets"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"bytearray"), b"bytearray"),
        (memoryview(b"memoryview")[3:6], b"ory"),
        (memoryview(array.array("H", [0x4141, 0x4242])), b"AABB"),
        (memoryview(b"a-b-c")[::2], b"abc"),
        ("grüße", "grüße".encode()),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_can_be_written(data: Any, octets: bytes, connect: OpenPair) -> None:
    async with connect() as pair:
        await within(pair.writer.write(b""))
        await within(pair.writer.write(data))
        await within(pair.writer.write(b""))
        assert await pair.peer.read_exactly(len(octets)) == octets


@pytest.mark.parametrize("data", [1, None, object(), 2.0])
async def test_what_can_not_be_written(data: Any, connect: OpenPair) -> None:
    async with connect() as pair:
        with pytest.raises(TypeError):
            pair.writer.write(data)
        await within(pair.writer.write(b"a"))
        assert await pair.peer.read_exactly(1) == b"a"


async def test_bytearray_is_the_callers_again_at_once(connect: OpenPair) -> None:
    async with connect() as pair:
        data = bytearray(BIG)
        future = pair.writer.write(data)
        assert not future.done()
        data[:10] = b"0123456789"
        data.clear()  # BufferError if a view of it were kept
        assert await pair.peer.read_exactly(len(BIG)) == BIG
        await within(future)


async def test_write_waits_for_a_peer_that_doesnt_read(connect: OpenPair) -> None:
    async with connect() as pair:
        first, second, third = (pair.writer.write(data) for data in (BIG, b"end", b"."))
        assert pair.writer.writing()
        await turns(10)
        assert not first.done()
        order: list[int] = []
        for number, future in enumerate((first, second, third)):
            future.add_done_callback(lambda _, number=number: order.append(number))
        assert await pair.peer.read_exactly(len(BIG) + 4) == BIG + b"end."
        await within(third)
        await turns(1)
        assert order == [0, 1, 2]
        assert not pair.writer.writing()
        assert pair.writer.write(b"again").done()


async def test_each_future_of_many_writers_is_done(connect: OpenPair) -> None:
    async with connect() as pair:

        async def write() -> None:
            for _ in range(50):
                await pair.writer.write(b"x" * 5000)

        writers = asyncio.gather(*(write() for _ in range(10)))
        await pair.peer.read_exactly(10 * 50 * 5000)
        await within(writers)


async def test_writer_that_never_pauses_sees_its_early_writes_done(connect: OpenPair) -> None:
    """The queue never runs empty, and yet what is through is done."""
    async with connect() as pair:
        futures = [pair.writer.write(BIG), pair.writer.write(BIG)]
        received = 0
        while not futures[0].done():
            received += len(await pair.peer.read_some())
            futures.append(pair.writer.write(b"x" * 10))
        assert pair.writer.writing()
        assert not futures[1].done()
        await pair.peer.read_exactly(2 * len(BIG) + (len(futures) - 2) * 10 - received)
        await within(asyncio.gather(*futures))


async def test_cancelled_write_is_written(connect: OpenPair) -> None:
    async with connect() as pair:
        futures = [pair.writer.write(BIG), pair.writer.write(b"end")]
        futures[0].cancel()
        assert await pair.peer.read_exactly(len(BIG) + 3) == BIG + b"end"
        await within(futures[1])


async def test_write_buffer_has_a_limit(connect: OpenPair) -> None:
    async with connect(max_write_buffer_size=len(BIG)) as pair:
        first = pair.writer.write(BIG)
        with pytest.raises(StreamBufferFullError, match="Reached maximum write buffer size"):
            pair.writer.write(BIG)
        with pytest.raises(StreamBufferFullError):
            pair.writer.write(BIG + b".", callback=lambda: None)
        assert not pair.writer.closed()
        assert await pair.peer.read_exactly(len(BIG)) == BIG
        await within(first)
        second = pair.writer.write(BIG)
        assert await pair.peer.read_exactly(len(BIG)) == BIG
        await within(second)


async def test_limit_holds_before_there_is_a_connection() -> None:
    ours, theirs = await tcp_pair()
    with theirs:
        stream = IOStream(ours, max_write_buffer_size=10)
        stream.write(b"12345")
        with pytest.raises(StreamBufferFullError):
            stream.write(b"123456")
        await within(stream.write(b"67890"))
        assert theirs.recv(100) == b"1234567890"
        stream.close()


# -- callbacks


async def test_callback_comes_when_all_is_written(connect: OpenPair) -> None:
    async with connect() as pair:
        calls: list[str] = []
        for name in ("replaced", "called"):
            assert pair.writer.write(BIG, callback=lambda name=name: calls.append(name)) is None
        last = pair.writer.write(b"end")
        await turns(10)
        assert calls == []
        await pair.peer.read_exactly(2 * len(BIG) + 3)
        await within(last)
        await turns(2)
        assert calls == ["called"]
        assert not pair.writer.writing()


async def test_callback_isnt_called_inside_the_call(connect: OpenPair) -> None:
    async with connect() as pair:
        await within(pair.writer.write(b"a"))
        called = asyncio.Event()
        pair.writer.write(b"b", called.set)
        assert not called.is_set()
        await within(called.wait())


async def test_callback_isnt_called_when_the_stream_closes(connect: OpenPair) -> None:
    async with connect() as pair:
        calls: list[int] = []
        pair.writer.write(BIG, lambda: calls.append(1))
        pair.writer.close()
        await turns(5)
        assert calls == []


# -- the end


async def test_small_write_then_close_delivers(connect: OpenPair) -> None:
    async with connect() as pair:
        pair.writer.write(b"last ")
        pair.writer.write(b"words")
        pair.writer.close()
        assert await pair.peer.read_to_end() == b"last words"


@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.parametrize("turns_before", range(5))
async def test_small_write_then_close_delivers_on_a_fresh_stream(family: str, turns_before: int) -> None:
    """Before there is a transport, while it is made, and after."""
    ours, theirs = socket.socketpair() if family == "unix" else await tcp_pair()
    stream = IOStream(ours)
    stream.write(b"last ")
    await turns(turns_before)
    stream.write(b"words")
    stream.close()
    peer = Peer(theirs)
    assert await peer.read_to_end() == b"last words"
    peer.close()


async def test_close_fails_what_is_still_to_be_written(connect: OpenPair) -> None:
    async with connect() as pair:
        error = ValueError("why")
        futures = [pair.writer.write(BIG), pair.writer.write(b"end")]
        pair.writer.close(exc_info=error)
        for future in futures:
            with pytest.raises(StreamClosedError) as caught:
                await future
            assert caught.value.real_error is error
        assert not pair.writer.writing()
        assert len(await pair.peer.read_to_end()) < len(BIG)


async def test_nobody_has_to_look_at_failed_writes(connect: OpenPair) -> None:
    async with connect() as pair:
        pair.writer.write(BIG)
        pair.writer.write(b"end")
        pair.writer.close()
        gc.collect()  # asyncio would log "exception was never retrieved"


async def test_write_after_close_raises(connect: OpenPair) -> None:
    async with connect() as pair:
        error = ValueError("why")
        pair.writer.close(error)
        for data in (b"", b"a"):
            with pytest.raises(StreamClosedError, match="Stream is closed") as caught:
                pair.writer.write(data)
            assert caught.value.real_error is error
            assert caught.value.errno is None


@pytest.mark.parametrize("reset", [False, True])
async def test_write_to_a_peer_that_has_gone_fails(reset: bool, connect: OpenPair) -> None:
    """Not the first, perhaps: the kernel takes that. But one before long, and without a word in the log."""
    async with connect() as pair:
        closed = asyncio.Event()
        pair.writer.set_close_callback(closed.set)
        (pair.peer.abort if reset else pair.peer.close)()
        with pytest.raises(StreamClosedError):
            for _ in range(100):
                await within(pair.writer.write(b"x" * 100_000))
        await within(closed.wait())
        assert isinstance(pair.writer.error, OSError | None)


async def test_many_writes_at_once_to_a_peer_that_has_gone(connect: OpenPair) -> None:
    """asyncio would log a warning, and uvloop raise."""
    async with connect() as pair:
        pair.peer.close()
        while not pair.writer.closed():
            futures = []
            with contextlib.suppress(StreamClosedError):  # if the one before found out that the connection is lost
                futures = [pair.writer.write(b"x" * 10_000) for _ in range(50)]
            results = await within(asyncio.gather(*futures, return_exceptions=True))
            assert {type(result) for result in results} <= {type(None), StreamClosedError}


@pytest.mark.parametrize("reset", [False, True])
async def test_large_write_to_a_peer_that_has_gone(reset: bool, connect: OpenPair) -> None:
    """One write, which TLS passes on in many pieces."""
    async with connect() as pair:
        (pair.peer.abort if reset else pair.peer.close)()
        with pytest.raises(StreamClosedError):
            for _ in range(3):
                await within(pair.writer.write(BIG))


@pytest.mark.parametrize("kind", ["unix"])
@pytest.mark.parametrize("mode", ["pull"])
async def test_write_that_the_kernel_refuses_is_not_done(connect: OpenPair) -> None:
    async with connect() as pair:
        await within(pair.writer.write(b"a"))
        pair.peer.close()
        futures = [pair.writer.write(b"b") for _ in range(20)]
        assert not futures[0].done()
        assert not pair.writer.reading()
        for future in futures:
            with pytest.raises(StreamClosedError) as caught:
                await within(future)
            assert isinstance(caught.value.real_error, BrokenPipeError | None)


async def test_write_when_the_connection_is_lost_but_not_all_is_read(certificates: Certificates) -> None:
    async with open_pair("tcp", certificates) as pair:
        await pair.peer.send_pieces([b"ab"])
        assert await within(pair.reader.read_bytes(1)) == b"a"
        waiting = pair.writer.write(BIG)
        await turns(3)
        pair.peer.abort()
        with pytest.raises(StreamClosedError):
            await within(waiting)
        assert not pair.writer.writing()
        assert not pair.reader.closed()
        with pytest.raises(StreamClosedError):
            await within(pair.writer.write(b"c"))
        assert pair.reader.closed()
        assert await pair.reader.read_bytes(1) == b"b"


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_second_write_on_a_lost_connection_raises(connect: OpenPair) -> None:
    """The first finds out, and closes the stream: as in Tornado, where it would have met EPIPE."""
    async with connect() as pair:
        await pair.peer.send_pieces([b"ab"])
        assert await within(pair.reader.read_bytes(1)) == b"a"
        waiting = pair.writer.write(BIG)
        await turns(3)
        pair.peer.abort()
        with pytest.raises(StreamClosedError):
            await within(waiting)
        assert not pair.writer.closed()
        first = pair.writer.write(b"c")
        assert pair.writer.closed()
        with pytest.raises(StreamClosedError):
            pair.writer.write(b"d")
        with pytest.raises(StreamClosedError):
            await first
        assert await pair.reader.read_bytes(1) == b"b"


# -- push mode


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_consumer_is_told_when_to_wait(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        pair.writer.send(b"small")
        assert consumer.events == []
        pair.writer.send(BIG)
        assert consumer.events == ["pause"]
        assert pair.writer.writing()
        assert pair.writer.write_buffer_size() > 0
        pair.writer.send(b"more")
        assert await pair.peer.read_exactly(len(BIG) + 9) == b"small" + BIG + b"more"
        await wait_until(lambda: "resume" in consumer.events)
        assert consumer.events == ["pause", "resume"]
        assert pair.writer.write_buffer_size() == 0


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_many_sends_at_once_to_a_peer_that_has_gone(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        pair.peer.abort()
        for _ in range(50):
            pair.writer.send(b"x" * 10_000)
        await wait_until(pair.writer.closed)
        assert consumer.events[-1][0] == "lost"


async def test_close_after_writing_delivers_everything(connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.writer.write(BIG)
        pair.writer.write(b"end")
        pair.writer.close_after_writing()
        pair.writer.close_after_writing()
        assert not pair.writer.closed()
        await turns(5)
        assert not pair.writer.closed()
        assert await pair.peer.read_to_end() == BIG + b"end"
        await within(future)
        await wait_until(pair.writer.closed)
        pair.writer.close_after_writing()


@pytest.mark.parametrize("kind", SOCKET_KINDS)
@pytest.mark.parametrize("amount", [0, 1, len(BIG)])
async def test_close_after_writing_tells_the_consumer_once(amount: int, connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        pair.writer.send(BIG[:amount])
        pair.writer.close_after_writing()
        await pair.peer.send_pieces([b"too late"])
        assert await pair.peer.read_to_end() == BIG[:amount]
        await wait_until(lambda: consumer.events and consumer.events[-1] == ("lost", None))
        assert consumer.data == b""
        assert [event for event in consumer.events if event != "pause"] == [("lost", None)]


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_close_after_writing_can_be_cut_short(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        pair.writer.send(BIG)
        pair.writer.close_after_writing()
        pair.writer.close()
        assert consumer.events == ["pause", ("lost", None)]
        assert len(await pair.peer.read_to_end()) < len(BIG)


async def test_close_after_writing_before_there_is_a_connection() -> None:
    ours, theirs = await tcp_pair()
    stream = IOStream(ours)
    stream.write(BIG)
    stream.close_after_writing()
    assert not stream.closed()
    peer = Peer(theirs)
    assert await peer.read_to_end() == BIG
    await wait_until(stream.closed)
    peer.close()


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_sending_side_is_closed_behind_what_was_written(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        pair.writer.send(BIG)
        assert pair.writer.send_eof()
        assert await pair.peer.read_to_end() == BIG
        assert not pair.writer.closed()
        await pair.peer.send_pieces([b"still ", b"heard"])
        await wait_until(lambda: consumer.data == b"still heard")
        pair.peer.close()
        await wait_until(lambda: "eof" in consumer.events)
        pair.writer.close()
        assert consumer.events[-2:] == ["eof", ("lost", None)]


@pytest.mark.parametrize("kind", ["pipe"])
async def test_sending_side_of_a_pipe_is_all_of_it(connect: OpenPair) -> None:
    async with connect() as pair:
        assert not pair.writer.send_eof()
