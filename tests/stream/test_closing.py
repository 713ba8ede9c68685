"""How a stream ends, and who is told."""

import asyncio
import gc
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp._streamtypes import COMING, MAKING, NONE, UP, Link
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import SOCKET_KINDS, Certificates, Peer, Recorder, open_pair, tcp_pair, turns, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]
BIG = b"x" * 10_000_000


class Calls:
    """A close callback that counts, and knows the order of things."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.log.append("closed")
        self.event.set()

    async def come(self) -> None:
        await within(self.event.wait())
        await turns(10)


async def close(pair: Any) -> None:
    pair.reader.close()


async def close_with_error(pair: Any) -> None:
    pair.reader.close(ValueError("why"))


async def peer_closes(pair: Any) -> None:
    pair.peer.close()


async def peer_resets(pair: Any) -> None:
    pair.peer.abort()


async def peer_closes_during_a_read(pair: Any) -> None:
    future = pair.reader.read_bytes(10)
    await pair.peer.send_pieces([b"abc"])
    pair.peer.close()
    with pytest.raises(StreamClosedError):
        await within(future)


async def too_much(pair: Any) -> None:
    await pair.peer.send(b"abc")
    with pytest.raises(StreamClosedError):
        await within(pair.reader.read_until(b"\n", max_bytes=2))


async def close_after_writing(pair: Any) -> None:
    pair.reader.close_after_writing()


async def close_twice_and_the_peer_too(pair: Any) -> None:
    pair.reader.close()
    pair.peer.close()
    pair.reader.close(ValueError())


@pytest.mark.parametrize(
    "end",
    [
        close,
        close_with_error,
        peer_closes,
        peer_resets,
        peer_closes_during_a_read,
        too_much,
        close_after_writing,
        close_twice_and_the_peer_too,
    ],
)
async def test_close_callback_comes_once(end: Callable[[Any], Any], connect: OpenPair) -> None:
    async with connect() as pair:
        calls = Calls()
        pair.reader.set_close_callback(calls)
        await turns(3)
        assert calls.log == []
        await end(pair)
        await calls.come()
        assert calls.log == ["closed"]
        assert pair.reader.closed()
        assert not pair.reader.reading()
        assert not pair.reader.writing()


async def test_close_callback_isnt_called_inside_close(connect: OpenPair) -> None:
    async with connect() as pair:
        calls = Calls()
        pair.reader.set_close_callback(calls)
        pair.reader.close()
        assert calls.log == []
        await calls.come()


async def test_close_callback_can_be_taken_back(connect: OpenPair) -> None:
    async with connect() as pair:
        first, second = Calls(), Calls()
        pair.reader.set_close_callback(first)
        pair.reader.set_close_callback(second)
        pair.writer.set_close_callback(first)
        pair.writer.set_close_callback(None)
        for stream in pair.streams:
            stream.close()
        await turns(10)
        assert first.log == []
        assert second.log == (["closed"] if pair.one_way else [])


async def test_close_callback_of_a_closed_stream_is_called(connect: OpenPair) -> None:
    async with connect() as pair:
        pair.reader.close()
        calls = Calls()
        pair.reader.set_close_callback(calls)
        assert calls.log == []
        await calls.come()
        assert calls.log == ["closed"]


async def test_close_callback_that_raises_is_logged(connect: OpenPair, expect_log: Expect) -> None:
    expected = expect_log("asynchttp.application", "^Exception in callback.*ZeroDivisionError", count=1)
    async with connect() as pair:
        pair.reader.set_close_callback(lambda: 1 / 0)
        pair.reader.close()
        await expected.wait()


@pytest.mark.parametrize("streaming", [False, True])
async def test_close_callback_comes_after_the_callbacks_before_it(streaming: bool, connect: OpenPair) -> None:
    async with connect() as pair:
        calls = Calls()
        pair.reader.set_close_callback(calls)
        arguments = {"streaming_callback": lambda chunk: calls.log.append("chunk")} if streaming else {}
        pair.reader.read_until_close(callback=lambda data: calls.log.append("read"), **arguments)
        await pair.peer.send(b"abc")
        pair.peer.close()
        await calls.come()
        assert calls.log == [*(["chunk"] if streaming else []), "read", "closed"]


async def test_callback_that_reads_on_finds_the_end(connect: OpenPair) -> None:
    """A line and the end come in one event: what the callback of the line does is as if the end came later."""
    async with connect() as pair:
        calls = Calls()
        pair.reader.set_close_callback(calls)

        def on_line(line: bytes) -> None:
            calls.log.append("line")
            if pair.one_way:
                read_on()
            else:
                pair.reader.write(line, read_on)

        def read_on() -> None:
            calls.log.append("read on")
            pair.reader.read_until(b"\n", on_line)

        pair.reader.read_until(b"\n", on_line)
        await turns()
        await pair.peer.send(b"a\n")
        pair.peer.shutdown_write()
        await calls.come()
        assert calls.log == ["line", "read on", "closed"]
        if not pair.one_way:
            assert await pair.peer.read_to_end() == b"a\n"


async def test_idle_stream_with_a_close_callback_notices_the_end(connect: OpenPair) -> None:
    async with connect() as pair:
        calls = Calls()
        await pair.peer.send(b"abc")
        assert await within(pair.reader.read_bytes(3)) == b"abc"
        pair.reader.set_close_callback(calls)
        pair.peer.close()
        await calls.come()
        assert pair.reader.error is None or isinstance(pair.reader.error, ConnectionError)


async def test_close_callback_that_is_set_after_the_end(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send(b"abc")
        assert await within(pair.reader.read_bytes(3)) == b"abc"
        pair.peer.close()
        await turns(10)
        calls = Calls()
        pair.reader.set_close_callback(calls)
        await calls.come()
        assert calls.log == ["closed"]


@pytest.mark.parametrize("kind", SOCKET_KINDS)
@pytest.mark.parametrize("callback", [False, True])
async def test_peer_that_says_no_more_still_gets_what_was_written(callback: bool, connect: OpenPair) -> None:
    """``printf 'request' | nc``."""
    async with connect() as pair:
        calls = Calls()
        if callback:
            pair.reader.set_close_callback(calls)
        future = pair.reader.read_until(b"\n")
        await turns()
        pair.writer.write(BIG)
        await pair.peer.send(b"request\n")
        pair.peer.shutdown_write()
        assert await within(future) == b"request\n"
        await turns(10)
        assert not pair.writer.closed()
        pair.writer.write(b"end")
        assert await pair.peer.read_exactly(len(BIG) + 3) == BIG + b"end"
        if callback:
            await calls.come()
        with pytest.raises(StreamClosedError):
            await within(pair.reader.read_bytes(1))


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_closed_stream_has_no_socket_and_no_descriptor(connect: OpenPair) -> None:
    async with connect() as pair:
        sock = pair.reader.socket
        assert pair.reader.fileno() is sock
        pair.reader.close()
        assert pair.reader.socket is None
        assert pair.reader.fileno() is None
        pair.reader.set_nodelay(True)
        await turns(3)
        assert sock.fileno() == -1


async def test_first_error_is_kept(connect: OpenPair) -> None:
    async with connect() as pair:
        error = ValueError("first")
        pair.reader.close(exc_info=(ValueError, error, None))
        pair.reader.close(KeyError("second"))
        assert pair.reader.error is error


async def test_close_with_the_exception_that_is_being_handled(connect: OpenPair) -> None:
    async with connect() as pair:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            pair.reader.close(exc_info=True)
            if pair.writer is not pair.reader:
                pair.writer.close(exc_info=sys.exc_info())
        for stream in pair.streams:
            assert isinstance(stream.error, ZeroDivisionError)


async def test_close_without_an_error_leaves_none(connect: OpenPair) -> None:
    async with connect() as pair:
        pair.reader.close(exc_info=(None, None, None))
        assert pair.reader.error is None
        with pytest.raises(StreamClosedError) as caught:
            pair.reader.read_bytes(1)
        assert caught.value.real_error is None
        assert caught.value.args == ("Stream is closed",)


@pytest.mark.parametrize(("link", "turns_before"), [(NONE, 0), (COMING, 0), (MAKING, 1), (UP, 5)])
@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_close_in_each_state(link: Link, turns_before: int, family: str) -> None:
    ours, theirs = socket.socketpair() if family == "unix" else await tcp_pair()
    stream = IOStream(ours)
    calls = Calls()
    futures = []
    if link is not NONE:
        stream.set_close_callback(calls)
        futures = [stream.read_bytes(1), stream.write(b"abc")]
        await turns(turns_before)
    assert stream._link is link
    stream.close()
    stream.set_close_callback(calls)
    results = await within(asyncio.gather(*futures, return_exceptions=True))
    assert all(isinstance(result, StreamClosedError | None) for result in results)
    await calls.come()
    peer = Peer(theirs)
    assert await peer.read_to_end() == (b"abc" if futures else b"")
    peer.close()


@pytest.mark.parametrize("turns_before", range(4))
async def test_descriptor_that_is_used_again_is_left_alone(turns_before: int) -> None:
    """A stream that is closed while it attaches mustn't touch the descriptor that takes its number."""
    for _ in range(5):
        ours, theirs = await tcp_pair()
        first = IOStream(ours)
        first.set_close_callback(lambda: None)
        await turns(turns_before)
        first.close()
        again = await tcp_pair()
        second, peer = IOStream(again[0]), Peer(again[1])
        future = second.read_bytes(3)
        await turns(5)
        await peer.send(b"abc")
        assert await within(future) == b"abc"
        second.close()
        peer.close()
        theirs.close()


@pytest.mark.parametrize("turns_before", range(5))
async def test_who_cancels_all_tasks_ends_the_streams(turns_before: int) -> None:
    """asyncio.run does so at its end."""
    ours, theirs = await tcp_pair()
    stream = IOStream(ours)
    calls = Calls()
    stream.set_close_callback(calls)
    await turns(turns_before)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await turns(5)
    stream.close()
    await calls.come()
    theirs.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the loops complain of transports that are left
async def test_stream_can_be_closed_when_its_loop_has_gone() -> None:
    ours, theirs = await tcp_pair()
    factory = type(asyncio.get_running_loop())

    def in_a_thread() -> None:
        loop = IOLoop(make_current=False, asyncio_loop=factory())
        stream = IOStream(ours, io_loop=loop)
        stream.set_close_callback(lambda: None)
        loop.run_sync(lambda: stream.write(b"abc"))
        waiting = stream.read_bytes(1)
        waiting.add_done_callback(lambda _: None)
        loop.close()
        stream.close()
        assert stream.closed()
        stream.close()

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    with theirs:
        assert theirs.recv(10) == b"abc"
    gc.collect()


async def test_closed_stream_is_freed_without_the_collector(connect: OpenPair) -> None:
    gc.collect()
    gc.disable()
    try:
        async with connect() as pair:
            await pair.peer.send(b"abc\n")
            await within(pair.reader.read_until(b"\n"))
            waiting = pair.reader.read_until(b"\n")
            await within(pair.writer.write(b"abc"))
            pair.writer.write(BIG)
            references = [weakref.ref(stream) for stream in pair.streams]
            for stream in pair.streams:
                stream.close()
            del stream
            with pytest.raises(StreamClosedError):
                await waiting
            pair.forget_streams()
        del waiting
        await turns(10)
        assert [reference() for reference in references] == [None] * len(references)
    finally:
        gc.enable()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_stream_that_nobody_has_goes_with_its_peer(certificates: Certificates) -> None:
    """The loop holds it as long as there is a peer; then the collector takes it."""
    async with open_pair("tcp", certificates) as pair:
        await within(pair.writer.write(b"abc"))
        reference = weakref.ref(pair.reader)
        pair.forget_streams()
        await turns()
        gc.collect()
        assert reference() is not None
        pair.peer.close()
        await turns(10)
        gc.collect()
        assert reference() is None


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_consumer_is_told_of_the_end_once(connect: OpenPair) -> None:
    async with connect() as pair:
        consumer, calls = Recorder(), Calls()
        pair.reader.set_consumer(consumer)
        pair.reader.set_close_callback(calls)
        error = ValueError("why")
        await turns()
        pair.reader.close(error)
        assert consumer.events == [("lost", error)]
        await calls.come()
        pair.reader.close()
        assert consumer.events == [("lost", error)]
