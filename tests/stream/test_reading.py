"""Every kind of read, over every kind of stream, at every split of what arrives."""

import asyncio
import errno
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asynchttp.iostream import StreamBufferFullError, StreamClosedError, UnsatisfiableReadError
from tests.stream.conftest import OpenPair
from tests.stream.kit import Style, turns, within
from tests.stream.kit import until as wait_until
from tests.support.splits import every_split

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


async def until(do: Style, stream: Any) -> Any:
    return [await do(stream.read_until, b"\r\n") for _ in range(2)]


async def until_with_limit(do: Style, stream: Any) -> Any:
    return [await do(stream.read_until, b"\r\n", max_bytes=4) for _ in range(2)]


async def match(do: Style, stream: Any) -> Any:
    return [await do(stream.read_until_regex, rb"\r?\n") for _ in range(2)]


async def match_with_limit(do: Style, stream: Any) -> Any:
    return [await do(stream.read_until_regex, re.compile(rb"\r?\n"), max_bytes=4) for _ in range(2)]


async def exactly(do: Style, stream: Any) -> Any:
    return [await do(stream.read_bytes, size) for size in (3, 1, 0, 4)]


async def partial(do: Style, stream: Any) -> Any:
    result = b""
    while len(result) < 8:
        piece = await do(stream.read_bytes, 3, partial=True)
        assert 1 <= len(piece) <= 3
        result += piece
    return result


async def into(do: Style, stream: Any) -> Any:
    first, second = bytearray(3), bytearray(7)
    sizes = [await do(stream.read_into, first), await do(stream.read_into, memoryview(second)[1:6])]
    return sizes, bytes(first), bytes(second)


async def into_partial(do: Style, stream: Any) -> Any:
    result = b""
    while len(result) < 8:
        buffer = bytearray(3)
        size = await do(stream.read_into, buffer, partial=True)
        assert 1 <= size <= 3
        result += buffer[:size]
    return result


async def streaming(do: Style, stream: Any) -> Any:
    pieces: list[bytes] = []
    last = await do(stream.read_bytes, 5, streaming_callback=pieces.append)
    assert all(pieces)
    return b"".join(pieces), last, await do(stream.read_bytes, 3)


async def mixed(do: Style, stream: Any) -> Any:
    first = await do(stream.read_bytes, 2)
    second = await do(stream.read_until, b"\n")
    third = bytearray(2)
    await do(stream.read_into, third)
    return first, second, bytes(third), await do(stream.read_until_regex, b"[\n]")


READS: dict[str, tuple[Callable[[Style, Any], Awaitable[Any]], Any]] = {
    "until": (until, [b"ab\r\n", b"cd\r\n"]),
    "until_with_limit": (until_with_limit, [b"ab\r\n", b"cd\r\n"]),
    "match": (match, [b"ab\r\n", b"cd\r\n"]),
    "match_with_limit": (match_with_limit, [b"ab\r\n", b"cd\r\n"]),
    "exactly": (exactly, [b"ab\r", b"\n", b"", b"cd\r\n"]),
    "partial": (partial, b"ab\r\ncd\r\n"),
    "into": (into, ([3, 5], b"ab\r", b"\0\ncd\r\n\0")),
    "into_partial": (into_partial, b"ab\r\ncd\r\n"),
    "streaming": (streaming, (b"ab\r\nc", b"", b"d\r\n")),
    "mixed": (mixed, (b"ab", b"\r\n", b"cd", b"\r\n")),
}
INPUT = b"ab\r\ncd\r\n"


@pytest.mark.parametrize("style", ["future", "callback"])
@pytest.mark.parametrize("name", READS)
async def test_read_means_the_same_at_every_split(name: str, style: str, connect: OpenPair) -> None:
    read, expected = READS[name]
    async with connect() as pair:
        for pieces in every_split(INPUT):
            task = asyncio.create_task(within(read(Style(style), pair.reader)))  # type: ignore[arg-type]
            await turns(2)
            await pair.peer.send_pieces(pieces)
            assert await task == expected, pieces
            # The same, when everything is there before the read begins.
            await pair.peer.send_pieces(pieces)
            assert await within(read(Style(style), pair.reader)) == expected, pieces
        assert not pair.reader.reading()
        assert not pair.reader.closed()


@pytest.mark.parametrize("style", ["future", "callback"])
@pytest.mark.parametrize("streaming", [False, True])
async def test_until_close_at_every_split(streaming: bool, style: str, connect: OpenPair) -> None:
    for pieces in every_split(b"abcd"):
        for read_first in (True, False):
            async with connect() as pair:
                chunks: list[bytes] = []
                arguments = {"streaming_callback": chunks.append} if streaming else {}
                if not read_first:
                    await pair.peer.send_pieces(pieces)
                future = Style(style)(pair.reader.read_until_close, **arguments)
                if read_first:
                    await pair.peer.send_pieces(pieces)
                assert pair.reader.reading()
                pair.peer.close()
                result = await within(future)
                assert (b"".join(chunks), result) == ((b"abcd", b"") if streaming else (b"", b"abcd"))
                assert all(chunks)
                assert pair.reader.closed()
                assert await pair.reader.read_until_close() == b""


async def test_future_of_a_read_that_the_buffer_satisfies_is_done(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send(b"a\nbcdefg")
        assert await within(pair.reader.read_until(b"\n")) == b"a\n"
        assert pair.reader.read_bytes(1).result() == b"b"
        assert pair.reader.read_bytes(9, partial=True).result() == b"cdefg"


async def test_reads_of_nothing_are_done_at_once(connect: OpenPair) -> None:
    async with connect() as pair:
        chunks: list[bytes] = []
        assert pair.reader.read_bytes(0).result() == b""
        assert pair.reader.read_bytes(0, partial=True).result() == b""
        assert pair.reader.read_bytes(0, streaming_callback=chunks.append).result() == b""
        assert pair.reader.read_into(bytearray()).result() == 0
        assert not pair.reader.reading()
        pair.reader.close()
        assert pair.reader.read_bytes(0).result() == b""
        assert chunks == []


async def test_only_one_read_at_a_time(connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.reader.read_bytes(2)
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.read_until(b"\n")
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.read_bytes(0)
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.read_until_close()
        await pair.peer.send(b"ab")
        assert await within(future) == b"ab"


@pytest.mark.parametrize("arguments", [(-1,), ("2",), (None,), (1.0,)])
async def test_number_of_octets_must_be_one(arguments: tuple[Any, ...], connect: OpenPair) -> None:
    async with connect() as pair:
        with pytest.raises((AssertionError, ValueError), match="num_bytes"):
            pair.reader.read_bytes(*arguments)
        assert not pair.reader.reading()


async def test_read_into_memory_that_is_not_writable_is_refused(connect: OpenPair) -> None:
    async with connect() as pair:
        with pytest.raises(TypeError, match="writable"):
            pair.reader.read_into(b"abc")


async def test_positions_of_tornado_2_to_5(connect: OpenPair) -> None:
    """``read_bytes(n, callback, streaming_callback, partial)`` and its like; ``None`` is "none given"."""
    async with connect() as pair:
        stream, chunks, results = pair.reader, [], asyncio.Queue[Any]()
        got = results.put_nowait

        async def result() -> Any:
            return await within(results.get())

        async def send(data: bytes) -> None:
            await pair.peer.send(data)

        await send(b"abcdef" * 20)
        assert stream.read_bytes(3, got) is None
        assert await result() == b"abc"
        assert stream.read_bytes(3, got, chunks.append) is None
        assert (await result(), b"".join(chunks)) == (b"", b"def")
        assert stream.read_bytes(1000, got, None, True) is None
        assert (await result()) == b"abcdef" * 19
        future = stream.read_bytes(1000, None, None, True)
        await send(b"abc")
        assert await within(future) == b"abc"
        chunks.clear()
        future = stream.read_bytes(3, None, chunks.append)
        await send(b"abc")
        assert (await within(future), b"".join(chunks)) == (b"", b"abc")
        assert stream.read_into(bytearray(10), got, True) is None
        await send(b"abc")
        assert await result() == 3
        future = stream.read_into(bytearray(10), None, True)
        await send(b"abc")
        assert await within(future) == 3
        for read, delimiter in ((stream.read_until, b"c"), (stream.read_until_regex, b"[c]")):
            for arguments in ((got,), (got, None), (got, 100)):
                assert read(delimiter, *arguments) is None
                await send(b"abc")
                assert await result() == b"abc"
            for arguments in ((), (None,), (100,), (None, 100)):  # type: ignore[assignment]
                future = read(delimiter, *arguments)
                await send(b"abc")
                assert await within(future) == b"abc"
        assert stream.read_until_close(got, None) is None
        await send(b"the end")
        pair.peer.close()
        assert await result() == b"the end"


async def test_text_as_a_delimiter(connect: OpenPair) -> None:
    """Python 2 programs that were converted have no ``b`` there."""
    async with connect() as pair:
        await pair.peer.send(b"a\r\nb\r\nc")
        assert await within(pair.reader.read_until("\r\n")) == b"a\r\n"
        assert await within(pair.reader.read_until_regex("\r?\n")) == b"b\r\n"
        with pytest.raises(TypeError, match="pattern of bytes"):
            pair.reader.read_until_regex(re.compile("c"))
        with pytest.raises((TypeError, ValueError)):
            pair.reader.read_until("")
        assert await within(pair.reader.read_bytes(1)) == b"c"


# -- limits


@pytest.mark.parametrize("regex", [False, True])
async def test_delimiter_beyond_max_bytes_closes(regex: bool, connect: OpenPair) -> None:
    """Found behind the limit counts as not found, at every split and also if it was there before."""
    for pieces in every_split(b"abcde\n"):
        for read_first in (True, False):
            async with connect() as pair:
                closed = asyncio.Event()
                pair.reader.set_close_callback(closed.set)
                if not read_first:
                    await pair.peer.send_pieces(pieces)
                read = pair.reader.read_until_regex if regex else pair.reader.read_until
                future = read(b"\n", max_bytes=5)
                if read_first:
                    await pair.peer.send_pieces(pieces)
                with pytest.raises(StreamClosedError) as caught:
                    await within(future)
                assert isinstance(caught.value.real_error, UnsatisfiableReadError)
                assert caught.value.real_error is pair.reader.error
                assert "not found within 5 bytes" in str(pair.reader.error)
                await within(closed.wait())


async def test_max_bytes_counts_through_the_delimiter(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send(b"abc\nabcd\n")
        assert await within(pair.reader.read_until(b"\n", max_bytes=4)) == b"abc\n"
        with pytest.raises(StreamClosedError):
            await within(pair.reader.read_until(b"\n", max_bytes=4))


async def test_read_that_needs_more_than_the_buffer_may_hold_closes(connect: OpenPair, expect_log: Expect) -> None:
    expect_log("asynchttp.general", "^Reached maximum read buffer size", count=1)
    expect_log("asynchttp.general", "^error on read: Reached maximum", count=1)
    async with connect(max_buffer_size=1024) as pair:
        future = pair.reader.read_until(b"\n")
        await pair.peer.send(b"a" * 2048)
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, StreamBufferFullError)


async def test_read_that_finds_the_buffer_too_full_raises(connect: OpenPair, expect_log: Expect) -> None:
    expect_log("asynchttp.general", "^Reached maximum read buffer size", count=1)
    async with connect(max_buffer_size=1024) as pair:
        await pair.peer.send(b"a\n" + b"b" * 2048)
        assert await within(pair.reader.read_until(b"\n")) == b"a\n"
        if pair.kind == "pipe":  # reads in pieces, and stops at half of the buffer
            assert await within(pair.reader.read_bytes(512)) == b"b" * 512
            expect_log("asynchttp.general", "^error on read: Reached maximum", count=1)
            with pytest.raises(StreamClosedError):
                await within(pair.reader.read_until(b"\n"))
            return
        await wait_until(lambda: len(pair.reader._buffer) > 1024)
        with pytest.raises(StreamBufferFullError):
            pair.reader.read_until(b"\n")
        assert pair.reader.closed()


async def test_until_close_is_bounded_but_not_when_streaming(connect: OpenPair, expect_log: Expect) -> None:
    async with connect(max_buffer_size=1024) as pair:
        chunks: list[bytes] = []
        future = pair.reader.read_until_close(streaming_callback=chunks.append)
        await pair.peer.send(b"a" * 100_000)
        pair.peer.close()
        assert await within(future) == b""
        assert b"".join(chunks) == b"a" * 100_000
    expect_log("asynchttp.general", "^Reached maximum", count=1)
    expect_log("asynchttp.general", "^error on read", count=1)
    async with connect(max_buffer_size=1024) as pair:
        future = pair.reader.read_until_close()
        await pair.peer.send(b"a" * 4096)
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, StreamBufferFullError)


async def test_small_buffer_passes_any_amount(connect: OpenPair) -> None:
    """What nobody has asked for yet never counts against the limit."""
    async with connect(max_buffer_size=10240) as pair:
        sending = asyncio.create_task(pair.peer.send((b"a" * 1023 + b"\n") * 100))
        for number in range(100):
            read = pair.reader.read_bytes(1024) if number % 2 else pair.reader.read_until(b"\n", max_bytes=4096)
            assert await within(read) == b"a" * 1023 + b"\n"
        await sending


async def test_large_reads(connect: OpenPair) -> None:
    async with connect() as pair:
        data = bytes(range(256)) * 4096 * 4
        sending = asyncio.create_task(pair.peer.send(data + data + b"\n"))
        assert await within(pair.reader.read_bytes(len(data))) == data
        buffer = bytearray(len(data))
        assert await within(pair.reader.read_into(buffer)) == len(data)
        assert buffer == data
        assert await within(pair.reader.read_until(b"\n")) == b"\n"
        await sending


async def test_stream_that_nobody_reads_stalls_its_sender(connect: OpenPair) -> None:
    size = 10 << 20
    async with connect(max_buffer_size=size // 2) as pair:
        future = pair.reader.read_bytes(1)
        sent = pair.peer.send_until_stuck(b"x" * size)
        assert await within(future) == b"x"
        for _ in range(50):  # what the stream takes makes room for more, for a while
            await turns()
            if hasattr(pair.peer, "send_rest") and sent < size:
                break  # a record is half sent
            sent += pair.peer.send_until_stuck(b"x" * (size - sent))
        # read_chunk_size, one delivery, and what the kernel holds for both sides
        assert len(pair.reader._buffer) < 65536 + 262144 + 65536
        assert sent < size

        async def send_rest() -> None:
            done = sent
            if hasattr(pair.peer, "send_rest"):
                done += await pair.peer.send_rest()
            await pair.peer.send(b"x" * (size - done))

        sending = asyncio.create_task(send_rest())
        left = size - 1
        while left:
            left -= len(await within(pair.reader.read_bytes(min(left, 1 << 20))))
            assert len(pair.reader._buffer) < 65536 + 262144 + 65536
        await sending
        assert not pair.reader._buffer


# -- cancelling


CANCELLED: dict[str, Callable[[Any], Any]] = {
    "until": lambda stream: stream.read_until(b"\n"),
    "until_with_limit": lambda stream: stream.read_until(b"\n", max_bytes=100),
    "match": lambda stream: stream.read_until_regex(b"\n"),
    "match_with_limit": lambda stream: stream.read_until_regex(b"\n", max_bytes=100),
    "exactly": lambda stream: stream.read_bytes(7),
    "partial": lambda stream: stream.read_bytes(7, partial=True),
    "into": lambda stream: stream.read_into(bytearray(7)),
    "into_partial": lambda stream: stream.read_into(bytearray(7), partial=True),
    "until_close": lambda stream: stream.read_until_close(),
}


@pytest.mark.parametrize("name", CANCELLED)
async def test_cancelled_read_loses_no_octets(name: str, connect: OpenPair) -> None:
    starts = CANCELLED
    async with connect() as pair:
        for before in range(6):
            if "partial" in name and before:
                continue
            # Cancelled when `before` octets had come; and the next read starts at once, or after the rest has come.
            for at_once in (True, False):
                future = starts[name](pair.reader)
                if before:
                    await pair.peer.send_pieces([b"abcdef"[:before]])
                future.cancel()
                assert not pair.reader.reading()
                if at_once:
                    following = pair.reader.read_bytes(6)
                    await pair.peer.send(b"abcdef"[before:])
                else:
                    await pair.peer.send_pieces([b"abcdef"[before:]])
                    following = pair.reader.read_bytes(6)
                assert await within(following) == b"abcdef"


@pytest.mark.parametrize("name", CANCELLED)
async def test_cancelled_read_before_the_end_loses_no_octets(name: str, connect: OpenPair) -> None:
    """The peer closes while the cancelled read is still in its slot."""
    async with connect() as pair:
        future = CANCELLED[name](pair.reader)
        if "partial" not in name:
            await pair.peer.send_pieces([b"abc"])
        future.cancel()
        await pair.peer.send(b"abc" if "partial" in name else b"def")
        pair.peer.close()
        await turns(10)
        assert await within(pair.reader.read_bytes(3)) == b"abc"
        assert await within(pair.reader.read_until_close()) == (b"" if "partial" in name else b"def")


@pytest.mark.parametrize("size", [None, 6])
async def test_cancelled_streaming_read_loses_no_octets(size: int | None, connect: OpenPair) -> None:
    """What the callback got is its; what comes after the cancellation is the next read's."""
    async with connect() as pair:
        for before in range(1, 6):
            chunks: list[bytes] = []
            if size is None:
                future = pair.reader.read_until_close(streaming_callback=chunks.append)
            else:
                future = pair.reader.read_bytes(size, streaming_callback=chunks.append)
            await pair.peer.send_pieces([b"abcdef"[:before]])
            await wait_until(lambda: len(b"".join(chunks)) == before)  # noqa: B023 (awaited at once)
            future.cancel()
            await pair.peer.send_pieces([b"abcdef"[before:]])
            assert await within(pair.reader.read_bytes(6 - before)) == b"abcdef"[before:]
            assert b"".join(chunks) == b"abcdef"[:before]


async def test_cancelled_task_loses_no_octets(connect: OpenPair) -> None:
    """The task is cancelled, not its future; the octets come before, in between and behind."""
    async with connect() as pair:
        for name in CANCELLED:
            task = asyncio.create_task(_await(CANCELLED[name], pair.reader))
            await turns(2)
            if "partial" not in name:
                await pair.peer.send_pieces([b"ab"])
            task.cancel()
            await pair.peer.send(b"abcdef" if "partial" in name else b"cdef")
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await within(pair.reader.read_bytes(6)) == b"abcdef"


async def _await(start: Callable[[Any], Any], stream: Any) -> Any:
    return await start(stream)


async def test_cancelled_read_into_gives_its_memory_back_before_anybody_waits(connect: OpenPair) -> None:
    async with connect() as pair:
        buffer = bytearray(10)

        async def read() -> None:
            try:
                await pair.reader.read_into(buffer)
            finally:
                buffer.clear()  # BufferError while it is in use

        task = asyncio.create_task(read())
        await pair.peer.send_pieces([b"abc"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await within(pair.reader.read_bytes(3)) == b"abc"


async def test_read_into_that_fails_gives_memory_and_octets_back(connect: OpenPair) -> None:
    async with connect() as pair:
        buffer = bytearray(10)
        future = pair.reader.read_into(buffer)
        await pair.peer.send_pieces([b"abc"])
        pair.peer.close()
        with pytest.raises(StreamClosedError):
            await within(future)
        buffer.clear()
        with pytest.raises(StreamClosedError):
            pair.reader.read_into(bytearray(10))
        assert await pair.reader.read_bytes(3) == b"abc"


async def test_read_with_a_timeout_can_be_tried_again(connect: OpenPair) -> None:
    async with connect() as pair:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pair.reader.read_until(b"\n"), 0.001)
        await pair.peer.send(b"abc\n")
        assert await within(pair.reader.read_until(b"\n")) == b"abc\n"


# -- the end


@pytest.mark.parametrize("reset", [False, True])
async def test_peer_that_leaves_fails_a_read(reset: bool, connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.reader.read_until(b"\n")
        await pair.peer.send_pieces([b"abc"])
        (pair.peer.abort if reset else pair.peer.close)()
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        error = caught.value.real_error
        assert error is None or (isinstance(error, OSError) and error.errno == errno.ECONNRESET)
        # What there is can be read also now; what there isn't can't.
        with pytest.raises(StreamClosedError):
            pair.reader.read_bytes(4)
        assert await pair.reader.read_bytes(2) == b"ab"
        assert await pair.reader.read_until_close() == b"c"


async def test_reads_go_on_while_something_is_buffered(connect: OpenPair) -> None:
    """The peer's leaving takes effect when nothing is left to read."""
    async with connect() as pair:
        closed = asyncio.Event()
        pair.reader.set_close_callback(closed.set)
        await pair.peer.send_pieces([b"12"])
        assert await within(pair.reader.read_bytes(1)) == b"1"
        pair.peer.close()
        await turns(10)
        assert not pair.reader.closed()
        assert not closed.is_set()
        assert await within(pair.reader.read_bytes(1)) == b"2"
        await within(closed.wait())


async def test_read_for_more_than_is_buffered_closes(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send_pieces([b"1234"])
        assert await within(pair.reader.read_bytes(1)) == b"1"
        pair.peer.close()
        await turns(10)
        with pytest.raises(StreamClosedError):
            await within(pair.reader.read_bytes(4))
        assert pair.reader.closed()
        assert await pair.reader.read_until_close() == b"234"


async def test_until_close_takes_what_is_buffered(connect: OpenPair) -> None:
    async with connect() as pair:
        await pair.peer.send_pieces([b"1234"])
        assert await within(pair.reader.read_bytes(1)) == b"1"
        pair.peer.close()
        await turns(10)
        assert await within(pair.reader.read_until_close()) == b"234"


async def test_peer_that_leaves_while_reading_is_paused(connect: OpenPair) -> None:
    """Nothing of what it sent before is lost, however much lies between."""
    async with connect(read_chunk_size=256) as pair:
        data = bytes(range(250)) * 400
        sending = asyncio.create_task(pair.peer.send(b"!" + data))
        assert await within(pair.reader.read_bytes(1)) == b"!"
        if not pair.one_way:
            await sending
            if hasattr(pair.peer, "say_goodbye"):
                pair.peer.say_goodbye()
            pair.peer.close()
        await turns(20)
        received = b""
        while len(received) < len(data):
            received += await within(pair.reader.read_bytes(1000, partial=True))
            await turns(1)
        assert received == data
        await sending
        pair.peer.close()
        with pytest.raises(StreamClosedError):
            await within(pair.reader.read_bytes(1))


async def test_last_octets_and_end_in_one_event(connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.reader.read_bytes(4)
        await pair.peer.send(b"abcd")
        pair.peer.close()
        assert await within(future) == b"abcd"


async def test_until_close_fails_if_we_closed_because_of_an_error(connect: OpenPair) -> None:
    for style in ("future", "callback"):
        async with connect() as pair:
            error = ValueError("boom")
            future = Style(style)(pair.reader.read_until_close)
            await pair.peer.send_pieces([b"abc"])
            pair.reader.close(exc_info=error)
            if style == "callback":  # as in Tornado 2 to 6.4, or it would never be called
                assert await within(future) == b"abc"
                continue
            with pytest.raises(StreamClosedError) as caught:
                await future
            assert caught.value.real_error is error


async def test_until_close_is_content_if_we_closed(connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.reader.read_until_close()
        await pair.peer.send_pieces([b"abc"])
        pair.reader.close()
        assert await within(future) == b"abc"


async def test_callback_that_starts_the_next_read_doesnt_recurse(connect: OpenPair) -> None:
    async with connect() as pair:
        lines: list[bytes] = []
        done = asyncio.Event()

        def on_line(line: bytes) -> None:
            lines.append(line)
            if len(lines) == 3000:
                done.set()
            else:
                pair.reader.read_until(b"\n", on_line)

        pair.reader.read_until(b"\n", on_line)
        await pair.peer.send(b"a\n" * 3000)
        await within(done.wait())
        assert set(lines) == {b"a\n"}


async def test_callback_that_raises_closes_its_stream(connect: OpenPair, expect_log: Expect) -> None:
    expect_log("asynchttp.application", "^Uncaught exception, closing connection.*ZeroDivisionError", count=1)
    expect_log("asynchttp.application", "^Exception in callback.*ZeroDivisionError", count=1)
    async with connect() as pair:
        closed = asyncio.Event()
        pair.reader.set_close_callback(closed.set)
        pair.reader.read_until(b"\n", lambda line: 1 / 0)
        await pair.peer.send(b"a\n")
        await within(closed.wait())
        assert isinstance(pair.reader.error, ZeroDivisionError)


async def test_streaming_callback_that_raises_closes_its_stream(connect: OpenPair, expect_log: Expect) -> None:
    expect_log("asynchttp.application", "^Uncaught exception, closing connection.*ZeroDivisionError", count=1)
    expect_log("asynchttp.application", "^Exception in callback.*ZeroDivisionError", count=1)
    async with connect() as pair:
        future = pair.reader.read_until_close(streaming_callback=lambda chunk: 1 / 0)
        await pair.peer.send(b"a")
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, ZeroDivisionError)


async def test_coroutine_as_a_callback_is_awaited(connect: OpenPair) -> None:
    async with connect() as pair:
        lines: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_line(line: bytes) -> None:
            await asyncio.sleep(0)
            await lines.put(line)

        pair.reader.read_until(b"\n", callback=on_line)
        await pair.peer.send(b"a\n")
        assert await within(lines.get()) == b"a\n"
