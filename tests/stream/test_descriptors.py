"""Streams over a descriptor: pipes, files, and what a subclass of BaseIOStream makes of one."""

import array
import asyncio
import errno
import os
import pathlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.iostream import BaseIOStream, PipeIOStream, StreamClosedError
from tests.stream.kit import Peer, turns, until, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


class SocketPolled(BaseIOStream):
    """The extension point of Tornado 5 and later: four methods over a socket."""

    def __init__(self, sock: socket.socket, **options: Any) -> None:
        self.sock = sock
        sock.setblocking(False)
        self.read_error: OSError | None = None
        self.write_error: OSError | None = None
        self.fd_error: OSError | None = None
        self.closings = 0
        super().__init__(**options)

    def fileno(self) -> Any:
        return self.sock

    def close_fd(self) -> None:
        self.closings += 1
        self.sock.close()

    def read_from_fd(self, buf: Any) -> int | None:
        if self.read_error is not None:
            raise self.read_error
        try:
            return self.sock.recv_into(buf)
        except BlockingIOError:
            return None

    def write_to_fd(self, data: memoryview) -> int | None:
        if self.write_error is not None:
            raise self.write_error
        return self.sock.send(data)  # may raise BlockingIOError, which is allowed too

    def get_fd_error(self) -> OSError | None:
        return self.fd_error


def polled(**options: Any) -> tuple[SocketPolled, Peer]:
    ours, theirs = socket.socketpair()
    return SocketPolled(ours, **options), Peer(theirs)


async def test_subclass_reads_and_writes() -> None:
    stream, peer = polled(read_chunk_size=100)
    stream.write(b"before there is a transport, ")
    reading = stream.read_until(b"\n")
    await peer.send(b"x" * 1000 + b"\nrest")
    assert await within(reading) == b"x" * 1000 + b"\n"
    big = array.array("H", range(60_000)).tobytes() * 20
    writing = stream.write(big)
    assert not writing.done()
    assert await peer.read_exactly(29 + len(big)) == b"before there is a transport, " + big
    await within(writing)
    peer.close()
    assert await within(stream.read_until_close()) == b"rest"
    assert stream.closings == 1


async def test_subclass_that_cannot_read(expect_log: Expect) -> None:
    """An error that isn't the peer's leaving is logged, and closes."""
    expect_log("asynchttp.general", r"^error on read: \[Errno 5\]", count=1)
    stream, peer = polled()
    closed = asyncio.Event()
    stream.set_close_callback(closed.set)
    reading = stream.read_bytes(1)
    stream.read_error = OSError(errno.EIO, "no good")
    await peer.send(b"a")
    with pytest.raises(StreamClosedError) as caught:
        await within(reading)
    assert caught.value.real_error is stream.read_error is stream.error
    await within(closed.wait())
    assert stream.closings == 1
    peer.close()


async def test_subclass_that_knows_more_of_its_error(expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^error on read: \[Errno 12\]", count=1)
    stream, peer = polled()
    reading = stream.read_bytes(1)
    stream.read_error, stream.fd_error = OSError(errno.EIO, "no good"), OSError(errno.ENOMEM, "better")
    await peer.send(b"a")
    with pytest.raises(StreamClosedError) as caught:
        await within(reading)
    assert caught.value.real_error is stream.fd_error
    peer.close()


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_subclass_that_cannot_write(when: str, expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^Write error on .*: \[Errno 28\]", count=1)
    stream, peer = polled()
    await within(stream.write(b"good"))
    assert await peer.read_exactly(4) == b"good"
    error = OSError(errno.ENOSPC, "no space")
    if when == "at once":
        stream.write_error = error
        writing = stream.write(b"x")
    else:
        writing = stream.write(b"x" * 10_000_000)
        stream.write_error = error
        await peer.read_some()
    with pytest.raises(StreamClosedError) as caught:
        await within(writing)
    assert caught.value.real_error is error
    with pytest.raises(StreamClosedError):
        await within(stream.write(b"more"))
    assert stream.closings == 1
    peer.close()


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.ECONNABORTED])
async def test_peer_that_left_is_no_matter_for_the_log(number: int) -> None:
    stream, peer = polled()
    reading = stream.read_bytes(1)
    stream.read_error = OSError(number, "gone")
    await peer.send(b"a")
    with pytest.raises(StreamClosedError) as caught:
        await within(reading)
    assert caught.value.real_error is stream.read_error
    peer.close()


async def test_base_class_says_what_is_missing() -> None:
    stream = BaseIOStream()
    for missing in (
        stream.fileno,
        stream.close_fd,
        lambda: stream.read_from_fd(bytearray(1)),
        lambda: stream.write_to_fd(memoryview(b"a")),
    ):
        with pytest.raises(NotImplementedError):
            missing()
    assert stream.get_fd_error() is None
    stream.set_nodelay(True)


# -- pipes


async def test_writing_to_a_pipe_that_nobody_reads_any_more() -> None:
    read_fd, write_fd = os.pipe()
    stream = PipeIOStream(write_fd)
    calls: list[str] = []
    closed = asyncio.Event()
    stream.set_close_callback(lambda: (calls.append("closed"), closed.set()))
    await within(stream.write(b"a"))
    os.close(read_fd)
    await within(closed.wait())  # it is told without a write
    with pytest.raises(StreamClosedError):
        stream.write(b"b")
    await turns()
    assert calls == ["closed"]


async def test_pipe_whose_reader_left_before_the_first_write() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    stream = PipeIOStream(write_fd)
    with pytest.raises(StreamClosedError) as caught:
        await within(stream.write(b"a"))
        await within(stream.write(b"b"))
    assert isinstance(caught.value.real_error, BrokenPipeError | None)


async def test_pipe_that_is_full_when_its_reader_leaves() -> None:
    read_fd, write_fd = os.pipe()
    stream = PipeIOStream(write_fd)
    writing = stream.write(b"x" * 1_000_000)
    await turns()
    assert stream.writing()
    os.close(read_fd)
    with pytest.raises(StreamClosedError):
        await within(writing)
    assert not stream.writing()


async def test_reading_from_a_pipe_whose_writer_has_left() -> None:
    read_fd, write_fd = os.pipe()
    os.write(write_fd, b"abc")
    os.close(write_fd)
    stream = PipeIOStream(read_fd)
    assert await within(stream.read_bytes(2)) == b"ab"
    with pytest.raises(StreamClosedError) as caught:
        await within(stream.read_bytes(2))
    assert caught.value.real_error is None
    assert await within(stream.read_until_close()) == b"c"


async def test_wrong_end_of_a_pipe(expect_log: Expect) -> None:
    """Reading where one can only write: the end, as in Tornado. The other way round is the program's mistake."""
    expect_log("asynchttp.general", r"^Write error on \d+: .*Bad file descriptor", count=1)
    read_fd, write_fd = os.pipe()
    writer = PipeIOStream(write_fd)
    reading = writer.read_bytes(1)
    await turns()
    writer.close()
    with pytest.raises(StreamClosedError):
        await within(reading)
    reader = PipeIOStream(read_fd)
    with pytest.raises(StreamClosedError):
        await within(reader.write(b"a"))


async def test_descriptor_that_is_none() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    os.close(write_fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        PipeIOStream(read_fd)


@pytest.mark.parametrize("chunk", [None, 100])
async def test_file_is_read_to_its_end(chunk: int | None, tmp_path: pathlib.Path) -> None:
    """``Subprocess`` programs pass files where a pipe was."""
    data = bytes(range(256)) * 1000
    path = tmp_path / "file"
    path.write_bytes(data)
    stream = PipeIOStream(os.open(path, os.O_RDONLY), read_chunk_size=chunk)
    first = await within(stream.read_bytes(1000))
    await turns(20)
    assert first + await within(stream.read_until_close()) == data


async def test_file_is_written(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    stream = PipeIOStream(os.open(path, os.O_WRONLY | os.O_CREAT))
    for _ in range(3):
        await within(stream.write(b"x" * 1_000_000))
    stream.close()
    assert path.read_bytes() == b"x" * 3_000_000


async def test_pause_in_the_middle_of_a_pipe() -> None:
    read_fd, write_fd = os.pipe()
    stream = PipeIOStream(read_fd, read_chunk_size=1000)
    stream.set_close_callback(lambda: None)
    os.write(write_fd, b"x" * 10_000)
    await until(lambda: len(stream._buffer) >= 1000)
    await turns(10)
    assert len(stream._buffer) == 1000
    assert await within(stream.read_bytes(10_000)) == b"x" * 10_000
    stream.close()
    os.close(write_fd)
