"""A peer that floods: what a stream holds is bounded, whether or not somebody reads."""

import asyncio
import contextlib
import json
import pathlib
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp.iostream import StreamBufferFullError, StreamClosedError
from tests.stream.conftest import OpenPair
from tests.stream.kit import Certificates, Peer, TLSPeer, turns, within
from tests.support.processes import start_python

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]

LIMIT = 1 << 20
#: What a transport may deliver at once.
DELIVERY = 262144
FLOOD = b"x" * (16 * LIMIT)


def held(stream: Any) -> int:
    """Octets that came and that nobody has read, in plain text or still encrypted."""
    layer = stream._transport
    encrypted = layer._incoming.pending if hasattr(layer, "_incoming") else 0
    return len(stream._buffer) + int(encrypted)


async def flood_and_watch(pair: Any, future: "asyncio.Future[Any] | None") -> int:
    """Returns the most that the stream held at a time."""
    most = 0
    flooding = asyncio.create_task(pair.peer.send(FLOOD))
    calm = 0
    while calm < 50 and not flooding.done() and not (future and future.done()):
        await turns(1)
        now = held(pair.reader)
        calm = calm + 1 if now == most else 0
        most = max(most, now)
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    return most


def stalled(pair: Any) -> bool:
    return not pair.reader.closed() and not pair.reader.reading()


async def test_nobody_reads(connect: OpenPair) -> None:
    async with connect(max_buffer_size=LIMIT) as pair:
        pair.reader.set_close_callback(lambda: None)  # attaches
        assert await flood_and_watch(pair, None) <= 65536 + DELIVERY
        assert stalled(pair)


async def test_nobody_reads_any_more(connect: OpenPair) -> None:
    async with connect(max_buffer_size=LIMIT, read_chunk_size=1000) as pair:
        await pair.peer.send(b"line\n")
        assert await within(pair.reader.read_until(b"\n")) == b"line\n"
        assert await flood_and_watch(pair, None) <= 1000 + DELIVERY
        assert stalled(pair)


@pytest.mark.parametrize("read", ["until", "match", "exactly", "until_close"])
async def test_read_that_is_never_satisfied(read: str, connect: OpenPair, expect_log: Expect) -> None:
    """It may have what it needs up to the limit, and then the stream closes."""
    expect_log("asynchttp.general", "^Reached maximum read buffer size", count=1)
    expect_log("asynchttp.general", "^error on read: Reached maximum", count=1)
    async with connect(max_buffer_size=LIMIT) as pair:
        reads: dict[str, Callable[[Any], Any]] = {
            "until": lambda stream: stream.read_until(b"\n"),
            "match": lambda stream: stream.read_until_regex(b"y"),
            "exactly": lambda stream: stream.read_bytes(len(FLOOD)),
            "until_close": lambda stream: stream.read_until_close(),
        }
        future = reads[read](pair.reader)
        most = await flood_and_watch(pair, future)
        assert most <= LIMIT + DELIVERY
        with pytest.raises(StreamClosedError) as caught:
            await within(future)
        assert isinstance(caught.value.real_error, StreamBufferFullError)
        assert pair.reader.closed()


async def test_read_within_max_bytes_holds_no_more_than_that(connect: OpenPair) -> None:
    async with connect(max_buffer_size=LIMIT) as pair:
        future = pair.reader.read_until(b"\n", max_bytes=1000)
        assert await flood_and_watch(pair, future) <= 1000 + DELIVERY
        with pytest.raises(StreamClosedError):
            await within(future)


@pytest.mark.parametrize("read", ["exactly", "partial", "into", "streaming"])
async def test_slow_reader(read: str, connect: OpenPair) -> None:
    """Reads that are satisfied, each followed by a rest: the rest doesn't grow."""
    async with connect(max_buffer_size=LIMIT) as pair:
        reads: dict[str, Callable[[Any], Any]] = {
            "exactly": lambda stream: stream.read_bytes(1000),
            "partial": lambda stream: stream.read_bytes(1000, partial=True),
            "into": lambda stream: stream.read_into(bytearray(1000)),
            "streaming": lambda stream: stream.read_bytes(1000, streaming_callback=lambda chunk: None),
        }
        flooding = asyncio.create_task(pair.peer.send(FLOOD))
        for _ in range(300):
            await within(reads[read](pair.reader))
            await turns(3)
            assert held(pair.reader) <= 65536 + DELIVERY
        assert not flooding.done()
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)


async def test_cancelled_reads_dont_pile_up(connect: OpenPair) -> None:
    async with connect(max_buffer_size=LIMIT) as pair:
        flooding = asyncio.create_task(pair.peer.send(FLOOD))
        for _ in range(100):
            pair.reader.read_bytes(LIMIT // 2).cancel()
            await turns(2)
        assert held(pair.reader) <= LIMIT // 2 + DELIVERY
        assert not pair.reader.closed()
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)


# -- the process

_SERVER = """
import json, ssl, sys
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import StreamClosedError
from asynchttp.tcpserver import TCPServer

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))

def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

def read(stream):
    return {
        "none": lambda: stream.set_close_callback(lambda: None),
        "until": lambda: stream.read_until(b"\\n"),
        "exactly": lambda: stream.read_bytes(1 << 30),
        "until_close": lambda: stream.read_until_close(),
    }[sys.argv[1]]()

class Flooded(TCPServer):
    async def handle_stream(self, stream, address):
        await stream.read_bytes(1)
        forget_peak()
        state.update(before=status("VmRSS"), stream=stream)
        future = read(stream)
        await stream.write(b"!")
        if future is not None:
            try:
                await future
            except StreamClosedError as error:
                state["error"] = type(error.real_error).__name__

class Control(TCPServer):
    async def handle_stream(self, stream, address):
        while True:
            word = await stream.read_until(b"\\n")
            if word == b"end\\n":
                report = {"grown": status("VmHWM") - state["before"], "error": state.get("error"),
                          "buffer": len(state["stream"]._buffer)}
                await stream.write(json.dumps(report).encode() + b"\\n")
                IOLoop.current().stop()
                return
            await stream.write(word)

state = {}
context = None
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
flooded, control = Flooded(context, max_buffer_size=4 << 20), Control()
for server in (flooded, control):
    server.listen(0, "127.0.0.1")
print(*[server.sockets[0].getsockname()[1] for server in (flooded, control)], flush=True)
IOLoop.current().start()
"""


async def flood(peer: Peer, ask: Callable[[bytes], Any]) -> int:
    """Send until the other process takes no more, or closes; returns the octets that went out."""
    sent = idle = 0
    pending = b""
    while sent < 64 << 20 and idle < 5:
        if not pending:
            if isinstance(peer, TLSPeer):
                peer.tls.write(FLOOD[:65536])
                pending = peer._outgoing.read()
            else:
                pending = FLOOD[:65536]
        try:
            size = peer.sock.send(pending)
        except BlockingIOError:
            await ask(b"turn\n")  # when it has answered, it has read what there was
            idle += 1
        except ConnectionError:
            break
        else:
            pending = pending[size:]
            sent += size
            idle = 0
    return sent


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.asyncio(loop_factories=["asyncio"])  # of this process: the other one has loop_name's
@pytest.mark.parametrize("read", ["none", "until", "exactly", "until_close"])
@pytest.mark.parametrize("tls", [False, True])
async def test_memory_of_the_process(
    tls: bool, read: str, loop_name: str, certificates: Certificates, tmp_path: pathlib.Path
) -> None:
    """64 MiB for a stream with a limit of 4 MiB: how far the process grew, at its peak."""
    arguments = ["-c", _SERVER, read]
    if tls:
        certificates.certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert"))
        arguments.append(str(tmp_path / "cert"))
    with start_python(*arguments, env={"ASYNCHTTP_LOOP": loop_name}) as process, contextlib.ExitStack() as stack:
        ports = process.wait_for_line(r"(\d+) (\d+)").groups()
        flooder, control = (stack.enter_context(socket.create_connection(("127.0.0.1", int(port)))) for port in ports)
        peer = TLSPeer(flooder, certificates.client(), False, "localhost") if tls else Peer(flooder)
        asker = Peer(control)

        async def ask(word: bytes) -> bytes:
            await asker.send(word)
            answer = b""
            while not answer.endswith(b"\n"):
                piece = await asker.read_some()
                assert piece, process.stderr
                answer += piece
            return answer

        if isinstance(peer, TLSPeer):
            await peer.handshake()
        await peer.send(b"?")
        assert await peer.read_exactly(1) == b"!"
        sent = await flood(peer, ask)
        report = json.loads(await ask(b"end\n"))
        assert process.wait() == 0, process.stderr
    assert sent < 32 << 20
    if read == "none":
        assert report["error"] is None
        assert report["buffer"] <= 65536 + DELIVERY
        assert report["grown"] < 2 << 20
    else:
        assert report["error"] == "StreamBufferFullError"
        assert report["buffer"] <= (4 << 20) + DELIVERY
        assert report["grown"] < 8 << 20
