"""Push mode and back: no octet is lost, doubled or overtaken, wherever the change comes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.iostream import IOStream, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import SOCKET_KINDS, Peer, Recorder, tcp_pair, turns, until, within
from tests.support.splits import every_split

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

INPUT = b"ab\r\ncd\r\n"


class Leaves(Recorder):
    """Takes ``wanted`` octets, and gives the stream back with the rest: what ``detach()`` does."""

    def __init__(self, stream: Any, wanted: int) -> None:
        super().__init__()
        self.stream = stream
        self.wanted = wanted
        self.gone = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        assert not self.gone.is_set()
        missing = self.wanted - len(self.data)
        super().data_received(data[:missing])
        if len(data) >= missing:
            self.stream.release_consumer(data[missing:])
            self.gone.set()


@pytest.mark.parametrize("wanted", [1, 3, 4, 8])
async def test_reads_go_on_where_the_consumer_stopped(wanted: int, connect: OpenPair) -> None:
    """At every split, and for every place of the change."""
    async with connect() as pair:
        for pieces in every_split(INPUT):
            consumer = Leaves(pair.reader, wanted)
            pair.reader.set_consumer(consumer)
            await pair.peer.send_pieces(pieces)
            await within(consumer.gone.wait())
            rest = await within(pair.reader.read_bytes(len(INPUT) - wanted))
            assert (consumer.data, rest) == (INPUT[:wanted], INPUT[wanted:]), pieces
            assert "lost" not in consumer.events


@pytest.mark.parametrize("before", [0, 1, 3, 7, 8])
async def test_consumer_gets_first_what_is_buffered(before: int, connect: OpenPair) -> None:
    """A read takes ``before`` octets; what came with them is the consumer's, inside set_consumer()."""
    async with connect() as pair:
        pair.reader.set_close_callback(lambda: None)  # attaches
        for pieces in every_split(INPUT):
            future = pair.reader.read_bytes(before)
            await pair.peer.send_pieces(pieces)
            first = await within(future)
            await until(lambda: len(pair.reader._buffer) == len(INPUT) - before)
            consumer = Recorder()
            pair.reader.set_consumer(consumer)
            assert first + consumer.data == INPUT, pieces
            await pair.peer.send(b"more")
            await until(lambda: consumer.data.endswith(b"more"))  # noqa: B023 (awaited at once)
            assert first + consumer.data == INPUT + b"more"
            pair.reader.release_consumer(b"")


async def test_rest_is_read_first_in_each_way(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"ab\ncd\n")
        await until(lambda: len(consumer.data) == 6)
        pair.reader.release_consumer(b"cd\n")
        pair.reader.unread(b"b\n")
        assert pair.reader.read_until(b"\n").result() == b"b\n"
        await pair.peer.send(b"ef\n")
        assert await within(pair.reader.read_until(b"\n")) == b"cd\n"
        assert await within(pair.reader.read_until(b"\n")) == b"ef\n"


async def test_large_rest_pauses_reading(connect: OpenPair) -> None:
    async with connect(read_chunk_size=1000) as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        pair.reader.release_consumer(b"x" * 1000)
        await pair.peer.send(b"y" * 5000)
        await turns(20)
        assert len(pair.reader._buffer) < 1000 + 6000
        assert await within(pair.reader.read_bytes(6000)) == b"x" * 1000 + b"y" * 5000


async def test_one_at_a_time(connect: OpenPair) -> None:
    async with connect() as pair:
        reading = pair.reader.read_bytes(1)
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.set_consumer(Recorder())
        await pair.peer.send(b"a")
        assert await within(reading) == b"a"
        pair.reader.set_consumer(Recorder())
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.set_consumer(Recorder())
        for read in (
            lambda: pair.reader.read_bytes(1),
            lambda: pair.reader.read_until(b"\n"),
            lambda: pair.reader.read_into(bytearray(1)),
            lambda: pair.reader.read_until_close(),
        ):
            with pytest.raises(AssertionError, match="consumer"):
                read()
        pair.reader.release_consumer(b"")
        await pair.peer.send(b"b")
        assert await within(pair.reader.read_bytes(1)) == b"b"


async def test_cancelled_read_leaves_its_octets_to_the_consumer(connect: OpenPair) -> None:
    async with connect() as pair:
        reading = pair.reader.read_into(bytearray(10))
        await pair.peer.send_pieces([b"ab"])
        reading.cancel()
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"cd")
        await until(lambda: consumer.data == b"abcd")


@pytest.mark.parametrize("pause", [False, True])
async def test_end_is_told_once(pause: bool, connect: OpenPair) -> None:
    """Also if reading pauses and resumes behind it: asyncio would find the end once more."""
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"abc")
        pair.peer.shutdown_write()
        await until(lambda: "eof" in consumer.events)
        if pause:
            for _ in range(3):
                pair.reader.pause_reading()
                await turns(2)
                pair.reader.resume_reading()
                await turns(2)
        assert consumer.events == ["data", "eof"]
        if not pair.one_way:
            pair.writer.send(b"reply")
            assert await pair.peer.read_exactly(5) == b"reply"
        pair.reader.close()
        assert consumer.events == ["data", "eof", ("lost", None)]


async def test_consumer_that_comes_after_the_end(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send_pieces([b"abc"])
        assert await within(pair.reader.read_bytes(1)) == b"a"
        pair.peer.shutdown_write()
        await turns(10)
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        assert consumer.events == ["data", "eof"]
        assert consumer.data == b"bc"
        pair.reader.close()


@pytest.mark.parametrize("rest", [b"", b"rest"])
async def test_reads_after_the_end_in_push_mode(rest: bytes, connect: OpenPair) -> None:
    async with connect() as pair:
        calls: list[str] = []
        closed = asyncio.Event()
        pair.reader.set_close_callback(lambda: (calls.append("closed"), closed.set()))
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"abc")
        pair.peer.shutdown_write()
        await until(lambda: "eof" in consumer.events)
        assert not pair.reader.closed()
        pair.reader.release_consumer(rest)
        if rest:
            await turns()
            assert not pair.reader.closed()
            assert await within(pair.reader.read_bytes(4)) == rest
        await within(closed.wait())
        await turns()
        assert calls == ["closed"]
        with pytest.raises(StreamClosedError):
            pair.reader.read_bytes(1)


async def test_consumer_of_a_closed_stream_hears_of_its_end(connect: OpenPair) -> None:
    async with connect() as pair:
        error = ValueError("why")
        pair.reader.close(error)
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        assert consumer.events[-1] == ("lost", error)


async def test_pause_bounds_what_is_delivered(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"a")
        await until(lambda: consumer.data)
        pair.reader.pause_reading()
        flooding = asyncio.create_task(pair.peer.send(b"x" * (4 << 20)))
        await turns(50)
        assert len(consumer.data) <= 1 + 262144
        pair.reader.resume_reading()
        await within(flooding)
        await until(lambda: len(consumer.data) == 1 + (4 << 20))


@pytest.mark.parametrize("paused", [False, True])
async def test_push_mode_before_there_is_a_transport(paused: bool) -> None:
    ours, theirs = await tcp_pair()
    stream, peer, consumer = IOStream(ours), Peer(theirs), Recorder()
    await peer.send(b"x" * 100_000)
    stream.set_consumer(consumer)
    stream.send(b"hello")
    if paused:
        stream.pause_reading()
        await turns(20)
        assert len(consumer.data) <= 262144
        stream.resume_reading()
    await until(lambda: len(consumer.data) == 100_000)
    assert await peer.read_exactly(5) == b"hello"
    stream.close()
    assert consumer.events[-1] == ("lost", None)
    peer.close()


@pytest.mark.parametrize("kind", SOCKET_KINDS)
@pytest.mark.parametrize("where", ["close", "release", "raise_read"])
async def test_consumer_may_do_anything_inside_data_received(where: str, connect: OpenPair) -> None:
    async with connect() as pair:
        stream = pair.reader
        reads: list[Any] = []

        class Acts(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if where == "close":
                    stream.close()
                else:
                    stream.release_consumer(b"!")
                    reads.append(stream.read_until(b"\n"))

        consumer = Acts()
        stream.set_consumer(consumer)
        await pair.peer.send(b"a")
        if where == "close":
            await until(stream.closed)
            assert consumer.events == ["data", ("lost", None)]
            return
        await until(lambda: reads)
        if where == "raise_read":
            stream.close()
            with pytest.raises(StreamClosedError):
                await within(reads[0])
            return
        await pair.peer.send(b"line\n")
        assert await within(reads[0]) == b"!line\n"


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_sending_side_is_closed_while_the_peer_sends(connect: OpenPair) -> None:
    """What it sends before it has heard of it, and afterwards, is heard: the server's lingering close."""
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        sending = asyncio.create_task(pair.peer.send(b"x" * (4 << 20)))
        await until(lambda: consumer.data)
        pair.writer.send(b"reply")
        assert pair.writer.send_eof()
        await within(sending)
        await until(lambda: len(consumer.data) == 4 << 20)
        assert await pair.peer.read_to_end() == b"reply"
        pair.peer.close()
        await until(lambda: "eof" in consumer.events)
        assert not pair.reader.closed()


async def test_callback_reads_behind_push_mode(connect: OpenPair) -> None:
    async with connect() as pair:
        lines: list[bytes] = []
        done = asyncio.Event()

        def on_line(line: bytes) -> None:
            lines.append(line)
            if len(lines) < 3:
                pair.reader.read_until(b"\n", on_line)
            else:
                done.set()

        consumer: Callable[..., Any] = Leaves(pair.reader, 1)  # type: ignore[assignment]
        pair.reader.set_consumer(consumer)
        await pair.peer.send(b"!a\nb\nc\n")
        await until(lambda: not pair.reader._consumer)
        pair.reader.read_until(b"\n", on_line)
        await within(done.wait())
        assert lines == [b"a\n", b"b\n", b"c\n"]


@pytest.mark.parametrize("kind", SOCKET_KINDS)
@pytest.mark.parametrize("end", ["close", "close_after_writing"])
async def test_what_a_consumer_holds_back_goes_before_the_end(end: str, connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        consumer.held_back, consumer.send = b"last words", pair.reader.send
        getattr(pair.reader, end)()
        assert await pair.peer.read_to_end() == b"last words"


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_what_a_consumer_holds_back_goes_before_what_others_write(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer = Recorder()
        pair.reader.set_consumer(consumer)
        await turns()
        consumer.held_back, consumer.send = b"first, ", pair.reader.send
        pair.reader.write(b"second")
        pair.reader.close()
        assert await pair.peer.read_to_end() == b"first, second"
