"""Who awaits a read goes on in the call that brings its octets: nothing is lost, and all is as in any task."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from asynchttp import gen
from asynchttp.iostream import BaseIOStream, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import SOCKET_KINDS, turns, until, within
from tests.support.processes import run_python

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

READS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "until": lambda stream: stream.read_until(b"\n"),
    "regex": lambda stream: stream.read_until_regex(b"\n"),
    "bytes": lambda stream: stream.read_bytes(4),
    "partial": lambda stream: stream.read_bytes(100, partial=True),
    "into": lambda stream: stream.read_into(bytearray(4)),
}


@pytest.mark.parametrize("kind", SOCKET_KINDS)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("pieces", [[b"abc\n"], [b"ab", b"c\n"]])
async def test_task_that_is_cancelled_behind_its_octets_has_them(
    read: Callable[[Any], Awaitable[Any]], pieces: list[bytes], connect: OpenPair
) -> None:
    async with connect() as pair:
        got: list[Any] = []

        async def reader() -> None:
            while True:
                got.append(await read(pair.reader))

        task = asyncio.create_task(reader())
        await turns()

        def arrive_and_cancel() -> None:
            for piece in pieces:
                pair.reader.data_received(piece)
            task.cancel()

        asyncio.get_running_loop().call_soon(arrive_and_cancel)
        with pytest.raises(asyncio.CancelledError):
            await within(task)
        if read is READS["into"]:
            assert got == [4]
        else:
            assert b"".join(got) == b"abc\n"


ENDS: dict[str, Callable[[Any], Any]] = {
    "peer closes": lambda pair: pair.peer.close(),
    "peer resets": lambda pair: pair.peer.abort(),
    "close": lambda pair: asyncio.get_running_loop().call_soon(pair.reader.close),
    "close by another task": lambda pair: pair.reader.close(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("cancelled", [0, 1, 2, 3])
async def test_task_that_is_cancelled_when_its_stream_closes_loses_nothing(
    end: Callable[[Any], Any], cancelled: int, connect: OpenPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the call that closes the stream, or so many turns of the loop later."""
    abort = BaseIOStream._abort
    async with connect() as pair:
        got: list[bytes] = []

        async def reader() -> None:
            got.append(await pair.reader.read_until_close())

        def cancel(turns_later: int) -> None:
            if turns_later:
                asyncio.get_running_loop().call_soon(cancel, turns_later - 1)
            else:
                task.cancel()

        def abort_and_cancel(stream: BaseIOStream, error: BaseException | None) -> None:
            abort(stream, error)
            if stream is pair.reader:
                cancel(cancelled)

        task = asyncio.create_task(reader())
        await pair.peer.send_pieces([b"abc", b"def"])
        await until(lambda: pair.reader.read_buffer_size() == 6)
        monkeypatch.setattr(BaseIOStream, "_abort", abort_and_cancel)
        end(pair)
        await within(asyncio.wait([task]))
        assert task.cancelled() == (not got)
        assert task.cancelled() or cancelled
        got.append(await within(pair.reader.read_until_close()))
        assert b"".join(got) == b"abcdef"


async def awaits(future: "asyncio.Future[bytes]", log: list[Any]) -> None:
    log.append(await future)


@gen.coroutine
def yields(future: "asyncio.Future[bytes]", log: list[Any]) -> Generator[Any, Any, None]:
    log.append((yield future))


def calls_back(future: "asyncio.Future[bytes]", log: list[Any]) -> Any:
    future.add_done_callback(lambda future: log.append(future.result()))
    return asyncio.shield(future)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("wait", [awaits, yields, calls_back])
async def test_close_callback_comes_behind_the_last_octets(
    wait: Callable[..., Any], end: Callable[[Any], Any], connect: OpenPair
) -> None:
    async with connect() as pair:
        log: list[Any] = []
        pair.reader.set_close_callback(lambda: log.append("closed"))
        waiting = asyncio.ensure_future(wait(pair.reader.read_until_close(), log))
        await pair.peer.send_pieces([b"abc"])
        await until(lambda: pair.reader.read_buffer_size() == 3)
        end(pair)
        await within(waiting)
        await until(lambda: len(log) == 2)
        assert log == [b"abc", "closed"]


async def test_read_callback_isnt_called_inside_close(connect: OpenPair) -> None:
    async with connect() as pair:
        log: list[Any] = []
        pair.reader.set_close_callback(lambda: log.append("closed"))
        pair.reader.read_until_close(log.append)
        await pair.peer.send_pieces([b"abc"])
        await until(lambda: pair.reader.read_buffer_size() == 3)
        pair.reader.close()
        assert log == []
        await until(lambda: len(log) == 2)
        assert log == [b"abc", "closed"]


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_task_is_the_current_one_in_its_own_context(connect: OpenPair) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    async with connect() as pair:

        async def reader() -> None:
            variable.set("the task's")
            task = asyncio.current_task()
            for _ in range(3):
                await pair.reader.read_until(b"\n")
                assert asyncio.current_task() is task
                assert variable.get() == "the task's"
                variable.set("the task's")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await pair.reader.read_until(b"\n")

        task = asyncio.create_task(reader())
        for line in (b"1\n", b"2\n", b"3\n"):
            await turns()
            await pair.peer.send_pieces([line])
        await within(task)
        assert variable.get("") == ""


@pytest.mark.parametrize("kind", ["tcp"])
async def test_octets_may_come_while_another_task_runs(connect: OpenPair) -> None:
    async with connect() as pair:
        task = asyncio.ensure_future(pair.reader.read_until(b"\n"))
        reader = asyncio.create_task(asyncio.wait_for(task, 10))
        await turns()
        pair.reader.data_received(b"a\n")  # by this task
        assert await within(reader) == b"a\n"

        async def read() -> bytes:
            data: bytes = await pair.reader.read_until(b"\n")
            return data

        reader = asyncio.create_task(read())
        await turns()
        pair.reader.data_received(b"b\n")
        assert not reader.done()
        assert await within(reader) == b"b\n"


@pytest.mark.parametrize("kind", ["tcp"])
async def test_several_may_wait_for_one_read(connect: OpenPair) -> None:
    async with connect() as pair:
        future = pair.reader.read_until(b"\n")
        told: list[Any] = []
        future.add_done_callback(told.append)
        results = asyncio.gather(future, asyncio.shield(future))
        await turns()
        await pair.peer.send_pieces([b"a\n"])
        assert await within(results) == [b"a\n", b"a\n"]
        assert told == [future]


@pytest.mark.parametrize("kind", SOCKET_KINDS)
async def test_task_may_close_or_read_on_from_there(connect: OpenPair) -> None:
    async with connect() as pair:
        lines: list[bytes] = []

        async def reader() -> None:
            while len(lines) < 3:
                lines.append(await pair.reader.read_until(b"\n"))
            pair.reader.close()

        task = asyncio.create_task(reader())
        await turns()
        await pair.peer.send_pieces([b"1\n2\n3\n4\n"])
        await within(task)
        assert lines == [b"1\n", b"2\n", b"3\n"]
        assert pair.reader.closed()


async def test_callback_runs_in_the_context_of_the_call(connect: OpenPair) -> None:
    """At once or later, and what it sets is its own."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")
    async with connect() as pair:
        seen: list[str] = []

        def on_line(line: bytes) -> None:
            seen.append(variable.get())
            variable.set("the callback's")

        await pair.peer.send(b"0\n1\n")
        await within(pair.reader.read_until(b"\n"))
        await until(lambda: pair.reader.read_buffer_size() == 2)
        for number in range(3):
            variable.set(f"call {number}")
            pair.reader.read_until(b"\n", on_line)
            variable.set("the test's")
            assert len(seen) == number, "called inside the call that registered it"
            if number:
                await turns()
                await pair.peer.send(b"2\n")
            await until(lambda: len(seen) > number)  # noqa: B023 (awaited at once)
        assert seen == ["call 0", "call 1", "call 2"]
        assert variable.get() == "the test's"


async def test_read_that_is_refused_has_no_callback(connect: OpenPair) -> None:
    """The next read isn't given to it."""
    async with connect() as pair:
        for arguments in ((-1,), ("1",)):
            with pytest.raises((ValueError, AssertionError)):
                pair.reader.read_bytes(*arguments, pytest.fail)
        future = pair.reader.read_bytes(2)
        with pytest.raises(AssertionError, match="Already reading"):
            pair.reader.read_bytes(2, pytest.fail)
        await pair.peer.send(b"ab")
        assert await within(future) == b"ab"
        pair.reader.close()
        with pytest.raises(StreamClosedError):
            pair.reader.read_bytes(2, pytest.fail)


EXITS = """
import asyncio, socket, sys
from asynchttp.iostream import IOStream
loop = {"uvloop": lambda: __import__("uvloop").new_event_loop(), "asyncio": asyncio.new_event_loop}[sys.argv[1]]()
asyncio.set_event_loop(loop)
async def main():
    ours, theirs = socket.socketpair()
    stream = IOStream(ours)
    async def reader():
        await stream.read_until(b"\\n")
        sys.exit(7)
    if sys.argv[2] == "task":
        task = asyncio.create_task(reader())
    else:
        stream.read_until(b"\\n", lambda line: sys.exit(7))
    await asyncio.sleep(0)
    theirs.sendall(b"a\\n")
    await asyncio.Event().wait()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize("reader", ["task", "callback"])
async def test_exit_of_the_program_is_one(loop_kind: str, reader: str) -> None:
    code, _, stderr = run_python("-W", "ignore", "-c", EXITS, loop_kind, reader)
    assert code == 7, stderr
