"""The programs in ``examples/`` as processes, with real clients."""

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.ports import free_port
from tests.support.processes import ROOT, Process, start, start_python
from tests.support.rawclient import RawClient

# The loop under test is the one of the other process; the client's doesn't matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

# Runs an example's coroutine on the loop of ASYNCHTTP_LOOP instead of asyncio.run's.
ON_LOOP = """
import asyncio, importlib, sys
from asynchttp import ioloop
main = importlib.import_module(sys.argv[1]).main
with asyncio.Runner(loop_factory=ioloop.new_asyncio_loop) as runner:
    runner.run(main(0))
"""

# The classic demo listens on 8888, which may be taken on the machine of the test: only that number is changed. The
# demo prints nothing, so the loop that it will start is asked to tell when it runs.
CLASSIC = """
import sys
from asynchttp import ioloop
source = open("examples/hello_callback.py").read()
assert source.count("8888") == 1
port = sys.argv[1]
address = f"http://127.0.0.1:{port}"
ioloop.IOLoop.instance().add_callback(lambda: print("listening on", address, flush=True))
exec(compile(source.replace("8888", port), "hello_callback.py", "exec"))
"""


def start_classic(loop_name: str) -> Process:
    return start_python("-c", CLASSIC, str(free_port()), env={"ASYNCHTTP_LOOP": loop_name})


def start_await(module: str, loop_name: str) -> Process:
    return start_python("-c", ON_LOOP, module, env={"ASYNCHTTP_LOOP": loop_name})


async def test_classic_demo_answers_a_client(loop_name: str) -> None:
    with start_classic(loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/some/path?a=b"
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                async with session.get(url) as response:
                    assert response.status == 200
                    assert await response.text() == "You requested /some/path?a=b\n"


async def test_classic_demo_sends_the_octets_that_it_wrote_and_keeps_the_connection(loop_name: str) -> None:
    with start_classic(loop_name) as process:
        async with await RawClient.connect(process.wait_for_port()) as client:
            for _ in range(2):
                response = await client.request(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert response.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nYou requested /x\n"


async def test_classic_demo_ends_by_keyboard_interrupt(loop_name: str) -> None:
    with start_classic(loop_name) as process:
        process.wait_for_port()
        # Python's own way to end after a KeyboardInterrupt that nobody catches, as the demo always has.
        assert process.stop(signal.SIGINT) == -signal.SIGINT
        assert process.stderr.rstrip().endswith("KeyboardInterrupt")


async def test_hello_await_under_asyncio_run_answers_and_ends_by_ctrl_c() -> None:
    with start_python("-m", "examples.hello_await", "0") as process:
        await check_source(process.wait_for_port())
        assert process.stop(signal.SIGINT) == 0
        assert process.stderr == ""


async def test_hello_await_on_each_loop(loop_name: str) -> None:
    with start_await("examples.hello_await", loop_name) as process:
        await check_source(process.wait_for_port())


async def test_hello_await_by_name(loop_name: str) -> None:
    command = ["-m", "asynchttp", "examples.hello_await:handle", "--port", "0", "--loop", loop_name]
    with start_python(*command) as process:
        await check_source(process.wait_for_port())
        assert process.stop(signal.SIGINT) == 0


async def test_handler_that_returns_octets(loop_name: str) -> None:
    command = ["-m", "asynchttp", "examples.hello_await:tiny", "--port", "0", "--loop", loop_name]
    with start_python(*command) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert (response.status, await response.read()) == (200, b"Hello, world!\n")


async def check_source(port: int) -> None:
    """Ask twice at once and once more: the answer is the example's own source."""
    expected = (ROOT / "examples" / "hello_await.py").read_text()

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/x-python; charset=utf-8"
            assert await response.text() == expected

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(ask(session), ask(session))
        await ask(session)


async def check_echo(port: int) -> None:
    async with await RawClient.connect(port) as one, await RawClient.connect(port) as other:
        await one.send(b"half a ")
        await other.send(b"first\nsecond\n")
        assert await other.read_exactly(13) == b"first\nsecond\n"
        await one.send(b"line\n")
        assert await one.read_until(b"\n") == b"half a line\n"
        long = b"x" * 60_000 + b"\n"
        await one.send(long)
        assert await one.read_exactly(len(long)) == long
        one.shutdown_write()
        assert await one.read_to_end() == b""


async def test_echo_on_each_loop(loop_name: str) -> None:
    with start_await("examples.echo", loop_name) as process:
        await check_echo(process.wait_for_port())


@pytest.mark.parametrize("module", ["examples.echo", "examples.echo_callback"])
async def test_echo_as_a_program_ends_by_ctrl_c(module: str, loop_name: str) -> None:
    # Without the warnings of development: a program may end with connections open, as the callback one does.
    command = [sys.executable, "-m", module, "0"]
    with start(command, env={"ASYNCHTTP_LOOP": loop_name}) as process:
        await check_echo(process.wait_for_port())
        assert process.stop(signal.SIGINT) == 0
        assert process.stderr == ""


@pytest.mark.parametrize("module", ["examples.echo", "examples.echo_callback"])
async def test_echo_closes_on_a_line_without_end(module: str) -> None:
    with start_python("-m", module, "0") as process:
        async with await RawClient.connect(process.wait_for_port()) as client:
            await client.send(b"x" * 65_537)
            assert await client.read_to_end() == b""
        process.kill()
        assert "Traceback" not in process.stderr


@pytest.mark.parametrize("module", ["examples.echo", "examples.echo_callback"])
async def test_echo_takes_peers_that_leave_in_the_middle(module: str, loop_name: str) -> None:
    with start_python("-m", module, "0", env={"ASYNCHTTP_LOOP": loop_name}) as process:
        port = process.wait_for_port()
        for number in range(40):
            client = await RawClient.connect(port)
            await client.send(b"line\n" * (number % 4 + 1))
            client.abort() if number % 2 else client.close()
        await check_echo(port)
        process.kill()
        assert process.stderr == ""


# -- applications of Tornado -----------------------------------------------------------------------------------------


async def test_web_hello(loop_name: str) -> None:
    with start_await("examples.web_hello", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}"
        async with aiohttp.ClientSession() as session:
            for path, text in (("/", "Hello, world!\n"), ("/you?greeting=Hi", "Hi, you!\n")):
                async with session.get(url + path) as response:
                    assert await response.text() == text
            async with session.get(url + "/a/b") as response:
                assert response.status == 404


async def test_web_upload_tells_its_progress_while_it_comes(loop_name: str) -> None:
    with start_await("examples.web_upload", loop_name) as process:
        port = process.wait_for_port()
        url = f"http://127.0.0.1:{port}/"
        async with aiohttp.ClientSession() as session:

            async def progress(name: str, state: str, received: int) -> dict[str, Any]:
                async with asyncio.timeout(5):
                    while True:
                        async with session.get(url) as response:
                            told = (await response.json()).get(name)
                        if told and (told["state"], told["received"]) == (state, received):
                            assert isinstance(told, dict)
                            return told

            async def pieces() -> AsyncIterator[bytes]:
                yield b"a" * 100_000
                await progress("file", "coming", 100_000)
                yield b"b" * 3_000_000

            async with session.put(url + "file", data=pieces()) as response:
                digest = hashlib.sha256(b"a" * 100_000 + b"b" * 3_000_000).hexdigest()
                assert await response.text() == f"{digest}  file\n"
            assert await progress("file", "complete", 3_100_000) == {
                "received": 3_100_000,
                "total": None,
                "state": "complete",
            }
            async with await RawClient.connect(port) as client:
                await client.send(b"PUT /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello")
                await progress("cut", "coming", 5)
                client.abort()
            assert (await progress("cut", "broken off", 5))["total"] == 9


async def test_web_stream_comes_line_by_line(loop_name: str) -> None:
    with start_await("examples.web_stream", loop_name) as process:
        port = process.wait_for_port()
        url = f"http://127.0.0.1:{port}/?count=3&pause=0.01"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert [line async for line in response.content] == [b"0\n", b"1\n", b"2\n"]
        async with await RawClient.connect(port) as client:
            await client.send(b"GET /?count=1000000&pause=0.001 HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.read_until(b"\n1\n")
            client.abort()
        process.wait_for_line("the client left")
        process.kill()
        assert "Traceback" not in process.stderr


async def test_web_chat(loop_name: str) -> None:
    with start_await("examples.web_chat", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                assert "new WebSocket(" in await response.text()
            async with session.ws_connect(url + "chat") as one:
                assert await one.receive_str() == "* somebody came, 1 here"
                async with session.ws_connect(url + "chat") as other:
                    for member in (one, other):
                        assert await member.receive_str() == "* somebody came, 2 here"
                    await other.send_str("héllo")
                    assert [await one.receive_str(), await other.receive_str()] == ["héllo", "héllo"]
                assert await one.receive_str() == "* somebody left, 1 here"
        process.kill()
        assert "Traceback" not in process.stderr


@pytest.mark.parametrize("name", ["web_hello", "web_upload", "web_stream", "web_chat"])
async def test_web_examples_end_by_ctrl_c(name: str) -> None:
    with start_python("-m", f"examples.{name}", "0") as process:
        process.wait_for_port()
        assert process.stop(signal.SIGINT) == 0
        assert process.stderr == ""


async def test_readme_lists_each_example() -> None:
    text = (ROOT / "README.md").read_text()
    for path in (ROOT / "examples").glob("*.py"):
        assert f"[`{path.name}`](examples/{path.name})" in text


async def test_readme_shows_the_classic_demo_as_it_is() -> None:
    demo = (ROOT / "examples" / "hello_callback.py").read_text()
    assert f"```python\n{demo}```" in (ROOT / "README.md").read_text()


async def test_observability_on_each_loop(loop_name: str) -> None:
    code = ON_LOOP.replace("runner.run(main(0))", "runner.run(main(0, 0))")
    with start_python("-c", code, "examples.observability", env={"ASYNCHTTP_LOOP": loop_name}) as process:
        admin = int(process.wait_for_line(r"admin pages listening on \S+:(\d+)")[1])
        port = int(process.wait_for_line(r"^listening on \S+:(\d+)")[1])
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/a?b=c") as response:
                assert await response.text() == "Hello, world!\n"
            async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                assert response.status == 200
            async with await RawClient.connect(port) as client:
                await client.send(b"x\r\n\r\n")
                await client.read_to_end()
            for path in ("livez", "readyz"):
                async with session.get(f"http://127.0.0.1:{admin}/{path}") as response:
                    assert response.status == 200
            async with session.get(f"http://127.0.0.1:{admin}/metrics") as response:
                page = await response.text()
        assert "\nasynchttp_requests_total 3\n" in page
        assert '\nasynchttp_requests_refused_total{reason="request_line"} 1\n' in page
        line = json.loads(process.wait_for_line(r"(\{.*/a.*\})")[1])
        assert (line["url.path"], line["url.query"], line["http.response.status_code"]) == ("/a", "b=c", 200)
        process.wait_for_line(r'"error.type":"request_line"')
        process.kill()
        assert "[request_line, RFC 9112 §3]" in process.stderr
        assert "slowest so far: /a?b=c" in process.stderr
