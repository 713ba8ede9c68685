"""The programs in ``examples/`` as processes, with real clients."""

import asyncio
import contextlib
import hashlib
import json
import pathlib
import re
import select
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from tests.support.examples import start_example
from tests.support.ports import free_port
from tests.support.processes import ROOT, Process, start, start_python
from tests.support.rawclient import RawClient

# The loop under test is the one of the other process; the client's doesn't matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

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
    with start_example("hello_await", loop_name) as process:
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
    with start_example("echo", loop_name) as process:
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


async def test_events_come_and_the_server_learns_at_once_who_left(loop_name: str) -> None:
    with start_example("events", loop_name) as process:
        port = process.wait_for_port()
        ask = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
        async with await RawClient.connect(port) as one, await RawClient.connect(port) as other:
            await one.send(ask)
            assert b"\r\nContent-Type: text/event-stream\r\n" in await one.read_until(b"\r\n\r\n")
            assert re.search(rb'data: {"time": "[0-9:]{8}", "watching": 1}\n\n', await one.read_until(b"\n\n"))
            await other.send(ask)
            assert b'"watching": 2}' in await other.read_until(b"\n\n")
            await one.read_until(b'"watching": 2}\n\n')
            other.abort()
            await one.read_until(b'"watching": 1}\n\n')
            one.close()
            process.wait_for_line("^0 watching")
        async with await RawClient.connect(port) as client:
            response = await client.request(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
            assert response.status == 404
        process.kill()
        assert process.stderr == ""


async def test_events_for_who_closes_only_the_sending_side_end_well(loop_name: str) -> None:
    with start_example("events", loop_name) as process:
        async with await RawClient.connect(process.wait_for_port()) as client:
            await client.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            client.shutdown_write()
            await client.read_until(b"\n\n")
        process.wait_for_line("^0 watching")
        process.kill()
        assert process.stderr == ""


async def test_upload_keeps_the_file_and_little_of_it_in_memory(loop_name: str, tmp_path: pathlib.Path) -> None:
    piece, count = b"0123456789abcdef" * 65_536, 64

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    with start_example("upload", loop_name, str(tmp_path)) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        before = peak_memory(process)
        async with aiohttp.ClientSession() as session:
            async with session.put(url + "..%2Fa%20file.bin", data=pieces()) as response:
                assert await response.json() == {
                    "name": "2Fa.20file.bin",
                    "size": count * len(piece),
                    "sha256": hashlib.sha256(piece * count).hexdigest(),
                }
            assert (tmp_path / "2Fa.20file.bin").stat().st_size == count * len(piece)
            assert peak_memory(process) - before < 16 * 1024**2
            async with session.put(url + "2Fa.20file.bin", data=b"other") as response:
                assert response.status == 409
            async with session.get(url) as response:
                assert "XMLHttpRequest" in await response.text()
        process.kill()
        assert process.stderr == ""


def peak_memory(process: Process) -> int:
    """Octets of memory that a process has had at most, until now; 0 where the system doesn't tell."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024 if status.exists() else 0


async def test_upload_that_breaks_off_leaves_no_file(loop_name: str, tmp_path: pathlib.Path) -> None:
    with start_example("upload", loop_name, str(tmp_path)) as process:
        port = process.wait_for_port()
        async with await RawClient.connect(port) as client:
            await client.send(b"PUT /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello")
            await asyncio.to_thread(wait_until, (tmp_path / "cut").exists)
            client.abort()
        await asyncio.to_thread(wait_until, lambda: not (tmp_path / "cut").exists())
        process.kill()
        assert process.stderr == ""


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again, for what another process does and doesn't tell."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- the proxy ---------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def run_proxy(loop_name: str) -> AsyncIterator[tuple[RawClient, RawClient]]:
    """Both ends of a connection through the proxy: the client's and the target's."""
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        with start_example("proxy", loop_name, target) as process:
            port = await asyncio.to_thread(process.wait_for_port)
            async with await RawClient.connect(port) as client:
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
                accepted.put_nowait(connection)
                async with RawClient(connection) as target_side:
                    yield client, target_side
            process.kill()
            assert process.stderr == ""


async def test_proxy_passes_octets_both_ways(loop_name: str) -> None:
    async with run_proxy(loop_name) as (client, target):
        await client.send(b"question")
        assert await target.read_exactly(8) == b"question"
        await target.send(b"answer")
        assert await client.read_exactly(6) == b"answer"
        client.close()
        assert await target.read_to_end() == b""


@pytest.mark.parametrize("from_target", [False, True])
async def test_proxy_passes_the_end_of_one_direction_on(loop_name: str, from_target: bool) -> None:
    async with run_proxy(loop_name) as ends:
        one, other = reversed(ends) if from_target else ends
        await one.send(b"all that I have to say")
        one.shutdown_write()
        assert await other.read_to_end() == b"all that I have to say"
        await other.send(b"x" * 300_000)
        assert await one.read_exactly(300_000) == b"x" * 300_000
        await other.send(b"and good bye")
        other.shutdown_write()
        assert await one.read_to_end() == b"and good bye"


@pytest.mark.parametrize("from_target", [False, True])
async def test_proxy_passes_a_break_on(loop_name: str, from_target: bool) -> None:
    async with run_proxy(loop_name) as ends:
        one, other = reversed(ends) if from_target else ends
        await one.send(b"x")
        assert await other.read_exactly(1) == b"x"
        one.abort()
        assert await other.read_to_end() == b""


def kernel_buffer(name: str) -> int:
    """Octets to which the kernel lets a buffer grow."""
    setting = pathlib.Path("/proc/sys/net/ipv4", name)
    return int(setting.read_text().split()[2]) if setting.exists() else 16 * 1024**2


@pytest.mark.parametrize("from_target", [False, True])
async def test_proxy_lets_who_sends_wait_for_who_reads(loop_name: str, from_target: bool) -> None:
    async with run_proxy(loop_name) as ends:
        one, other = reversed(ends) if from_target else ends
        piece, sent = b"0123456789" * 6554, 0
        one.sock.setblocking(False)
        # Until nothing is taken for a second: kernels take some, the proxy hardly any.
        most = 4 * 1024**2 + 2 * sum(map(kernel_buffer, ("tcp_rmem", "tcp_wmem")))
        while await asyncio.to_thread(select.select, [], [one.sock], [], 1) != ([], [], []):
            sent += one.sock.send(piece)
            assert sent < most, "the proxy takes all that comes"
        one.shutdown_write()
        assert len(await other.read_to_end()) == sent


async def test_proxy_without_a_target_hangs_up(loop_name: str) -> None:
    with start_example("proxy", loop_name, f"127.0.0.1:{free_port()}") as process:
        async with await RawClient.connect(process.wait_for_port()) as client:
            assert await client.read_to_end() == b""
        process.wait_for_line("^cannot join .+ and the target: ")
        process.kill()
        assert process.stderr == ""


# -- applications of Tornado -----------------------------------------------------------------------------------------


async def test_web_hello(loop_name: str) -> None:
    with start_example("web_hello", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}"
        async with aiohttp.ClientSession() as session:
            for path, text in (("/", "Hello, world!\n"), ("/you?greeting=Hi", "Hi, you!\n")):
                async with session.get(url + path) as response:
                    assert await response.text() == text
            async with session.get(url + "/a/b") as response:
                assert response.status == 404


async def test_web_upload_tells_its_progress_while_it_comes(loop_name: str) -> None:
    with start_example("web_upload", loop_name) as process:
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
    with start_example("web_stream", loop_name) as process:
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


async def test_web_chat_joins_those_by_websocket_and_those_by_polling(loop_name: str) -> None:
    with start_example("web_chat", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        async with aiohttp.ClientSession() as session:

            async def poll(after: int) -> list[dict[str, Any]]:
                async with session.get(f"{url}polling?after={after}") as response:
                    messages: list[dict[str, Any]] = (await response.json())["messages"]
                    return messages

            async with session.get(url) as response:
                assert response.content_type == "text/html"
                assert "new WebSocket(" in await response.text()
            async with session.ws_connect(url + "socket?after=0") as one:
                polling = asyncio.create_task(poll(0))
                await one.send_json({"name": "one", "text": "héllo"})
                first = await one.receive_json()
                assert (first["name"], first["text"]) == ("one", "héllo")
                assert await polling == [first]
                polling = asyncio.create_task(poll(first["id"]))
                async with session.post(url + "polling", json={"name": "poller", "text": "hi"}) as response:
                    assert response.status == 200
                second = await one.receive_json()
                assert (second["name"], second["text"]) == ("poller", "hi")
                assert await polling == [second]
                # Who comes later gets what was said before; who comes back what was missed.
                async with session.ws_connect(url + "socket?after=0") as other:
                    assert [await other.receive_json(), await other.receive_json()] == [first, second]
                async with session.ws_connect(f"{url}socket?after={first['id']}") as other:
                    assert await other.receive_json() == second
        process.kill()
        assert "Traceback" not in process.stderr


async def test_web_chat_forgets_a_poller_that_left(loop_name: str) -> None:
    with start_example("web_chat", loop_name) as process:
        port = process.wait_for_port()
        async with await RawClient.connect(port) as client:
            await client.send(b"GET /polling?after=0 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.abort()
        async with aiohttp.ClientSession() as session:
            async with session.post(f"http://127.0.0.1:{port}/polling", json={"name": "a", "text": "b"}) as response:
                assert response.status == 200
            async with session.get(f"http://127.0.0.1:{port}/polling?after=0") as response:
                assert [message["text"] for message in (await response.json())["messages"]] == ["b"]
        process.kill()
        assert "Traceback" not in process.stderr


async def test_side_by_side(loop_name: str) -> None:
    with start_example("side_by_side", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}"
        async with aiohttp.ClientSession(url) as session:
            for path, text in (
                ("/", "callback: /"),
                ("/any/thing", "callback: /any/thing"),
                ("/tornado/x", "tornado: /tornado/x"),
                ("/asgi/x", "asgi: /asgi/x below /asgi"),
                ("/wsgi/x", "wsgi: /x below /wsgi"),
            ):
                async with session.get(path) as response:
                    assert await response.text() == text + "\n"


@pytest.mark.parametrize(
    "name", ["events", "proxy", "upload", "web_hello", "web_upload", "web_stream", "web_chat", "side_by_side"]
)
async def test_examples_end_by_ctrl_c(name: str) -> None:
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
    with start_example("observability", loop_name) as process:
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


@pytest.mark.parametrize(
    ("section", "answers"),
    [
        ("Await handlers", {"8888": b'{"path": "/"}', "8889": b"Hello, world!\n"}),
        ("A Tornado 6 application", {"8888": b"Hello, world!\n"}),
    ],
)
async def test_readme_shows_programs_that_run(section: str, answers: dict[str, bytes]) -> None:
    text = (ROOT / "README.md").read_text().partition(f"\n## {section}\n")[2]
    program = text.partition("```python\n")[2].partition("```")[0]
    assert program.count("asyncio.run(main())") == 1
    ports = {shown: free_port() for shown in answers}
    for shown, port in ports.items():
        assert program.count(shown) == 1
        program = program.replace(shown, str(port))
    # They print nothing.
    program = program.replace("await asyncio.Event()", "print('ready', flush=True)\n    await asyncio.Event()")
    with start_python("-c", program) as process:
        process.wait_for_line("^ready")
        async with aiohttp.ClientSession() as session:
            for shown, port in ports.items():
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    assert await response.read() == answers[shown]
