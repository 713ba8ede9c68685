"""Programs of each generation of Tornado, with only the import changed, as processes with real clients.

The programs stand in ``programs/`` as they would run on the Tornado that their name ends in. A test replaces the word
``tornado`` by ``asynchttp``, nothing else, and runs the result on each event loop. Those for Tornado 6 also run as they
are, on the installed Tornado: so what the tests expect is what Tornado does.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest
import trustme

from tests.support.ports import free_port
from tests.support.processes import Process, start
from tests.support.rawclient import RawClient

# The loop under test is the one of the other process; the client's doesn't matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

PROGRAMS = pathlib.Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.py"))


@dataclasses.dataclass
class Programs:
    """Runs programs with their import changed, or unchanged on Tornado itself."""

    directory: pathlib.Path
    package: str
    loop_name: str

    def converted(self, name: str) -> pathlib.Path:
        """The program with ``tornado`` replaced, in the test's own directory."""
        path = self.directory / f"{name}.py"
        path.write_text((PROGRAMS / path.name).read_text().replace("tornado", self.package))
        return path

    def start(self, name: str, *arguments: object) -> Process:
        """Start a program.  A deprecation is an error in it; sockets that it doesn't close are none."""
        path = self.converted(name)
        # Tornado itself is told off for its use of asyncio.
        strict = ["-W", "error::DeprecationWarning"] if self.package == "asynchttp" else []
        return start(
            [sys.executable, *strict, str(path), *map(str, arguments)],
            cwd=self.directory,
            env={"ASYNCHTTP_LOOP": self.loop_name},
        )

    def run(self, name: str, *arguments: object, stderr: str = "") -> str:
        """Run a program to its end, which must be a good one and silent but for ``stderr``; return what it printed."""
        with self.start(name, *arguments) as process:
            ended_well(process, 0, stderr)
            return process.stdout

    async def arun(self, name: str, *arguments: object, stderr: str = "") -> str:
        """The same while the loop of the test goes on."""
        return await asyncio.to_thread(self.run, name, *arguments, stderr=stderr)

    @contextlib.contextmanager
    def server(
        self,
        name: str,
        *arguments: object,
        end: signal.Signals = signal.SIGTERM,
        exit_code: int = -signal.SIGTERM,
        stderr: str = "",
    ) -> Iterator[tuple[Process, int]]:
        """Run a server on a free port, its first argument; at the end a signal, and nothing but ``stderr`` there."""
        port = free_port()
        with self.start(name, port, *arguments) as process:
            assert process.wait_for_port() == port
            yield process, port
            process.send_signal(end)
            ended_well(process, exit_code, stderr)


#: By this record who connects with a callback is told of the failure.
CONNECT_ERROR = r"Connect error on fd \d+: ECONNREFUSED\n"


def ended_well(process: Process, exit_code: int, stderr: str = "") -> None:
    """``stderr``: a regular expression for all that it said there."""
    code = process.wait()
    assert code == exit_code, process.stderr
    assert re.fullmatch(stderr, process.stderr), process.stderr


@pytest.fixture
def programs(tmp_path: pathlib.Path, loop_name: str) -> Programs:
    return Programs(tmp_path, "asynchttp", loop_name)


@pytest.fixture(params=["asyncio", "uvloop", "tornado"])
def programs_6(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Programs:
    """For programs that the installed Tornado runs too."""
    if request.param == "tornado":
        return Programs(tmp_path, "tornado", "")
    request.getfixturevalue("check_" + request.param)
    return Programs(tmp_path, "asynchttp", request.param)


@pytest.fixture
def check_asyncio() -> None:
    pass


@pytest.fixture
def check_uvloop() -> None:
    pytest.importorskip("uvloop")


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_files(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths: certificate chain, private key, the authority's certificate."""
    directory = tmp_path_factory.mktemp("tls")
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    paths = [str(directory / name) for name in ("cert.pem", "key.pem", "ca.pem")]
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(paths[0], append=True)
    certificate.private_key_pem.write_to_path(paths[1])
    ca.cert_pem.write_to_path(paths[2])
    return paths


async def ask(client: RawClient, line: bytes) -> bytes:
    await client.send(line + b"\n")
    return (await client.read_until(b"\n"))[:-1]


# -- the conversion ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_only_the_import_is_changed(name: str, tmp_path: pathlib.Path) -> None:
    converted = Programs(tmp_path, "asynchttp", "").converted(name).read_text().splitlines()
    original = (PROGRAMS / f"{name}.py").read_text().splitlines()
    changed = [(before, after) for before, after in zip(original, converted, strict=True) if before != after]
    assert changed
    for before, after in changed:
        assert re.search(r"(from |import |^.*)\btornado\.?\b", before)
        assert re.sub(r"\btornado\b", "asynchttp", before) == after


# -- echo --------------------------------------------------------------------------------------------------------------


async def test_echo_2(programs: Programs) -> None:
    with programs.server("echo_2") as (process, port), contextlib.ExitStack() as stack:
        one, other = [stack.enter_context(contextlib.closing(await RawClient.connect(port))) for _ in range(2)]
        await one.send(b"half a ")
        assert await ask(other, b"whole line") == b"whole line"
        assert await ask(one, b"line") == b"half a line"
        await one.send(b"next 5\n12345after\n")
        assert await one.read_exactly(11) == b"12345after\n"
        long = b"x" * 300_000
        assert await ask(other, long) == long
        await one.send(b"quit\n")
        assert await one.read_to_end() == b"bye\n"
        process.wait_for_line("gone: 127.0.0.1")
        assert await ask(other, b"still there") == b"still there"


@pytest.mark.parametrize("name", ["echo_2", "accept_2", "both_5"])
async def test_client_that_leaves_behind_its_last_line(programs: Programs, name: str) -> None:
    """``printf … | nc``: the callback for the line may write and begin another read; only then comes the end."""
    arguments = [free_port(), free_port()] if name == "both_5" else []
    with programs.server(name, *arguments) as (_, port):
        for _ in range(3):
            async with await RawClient.connect(port) as client:
                await client.send(b"Last line\n")
                client.shutdown_write()
                assert (await client.read_to_end()).lower().endswith(b"last line\n")


async def test_echo_6(programs_6: Programs) -> None:
    with programs_6.server("echo_6", exit_code=0) as (process, port):
        async with await RawClient.connect(port) as client:
            await client.send(b"one\r\ntwo\nnext 3\r\nabc")
            assert await client.read_exactly(12) == b"one\r\ntwo\nabc"
        process.wait_for_line("gone")
        async with await RawClient.connect(port) as client:
            await client.send(b"x" * 1001)
            assert await client.read_to_end() == b""
        process.wait_for_line("too long")


async def test_accept_handler_2(programs: Programs) -> None:
    port = free_port()
    with programs.start("accept_2", port) as process:
        assert process.wait_for_port() == port
        async with await RawClient.connect(port) as client:
            assert await ask(client, b"loud") == b"LOUD"
            assert await ask(client, b"quit") == b"no more"
        ended_well(process, 0)
        assert process.stdout.endswith("stopped\n")


async def test_both_5(programs: Programs) -> None:
    ports = [free_port() for _ in range(3)]
    with programs.start("both_5", *ports) as process:
        assert process.wait_for_port() == ports[0]
        for port, style in zip(ports, (b"callback", b"generator", b"native"), strict=True):
            async with await RawClient.connect(port) as client:
                assert await ask(client, b"one") == style + b" one"
                assert await ask(client, b"two") == style + b" two"
        process.send_signal(signal.SIGTERM)
        ended_well(process, -signal.SIGTERM)
        assert process.stdout.startswith("['callback hello', 'generator hello', 'native hello']\n")


# -- chat --------------------------------------------------------------------------------------------------------------


async def talk(port: int) -> None:
    async def enter(name: bytes) -> RawClient:
        client = await RawClient.connect(port)
        assert await client.read_until(b"\n") == b"your name?\n"
        assert await ask(client, name) == b"* %b came" % name
        return client

    async with await enter(b"ann") as ann:
        async with await enter(b"bob") as bob:
            assert await ann.read_until(b"\n") == b"* bob came\n"
            await ann.send(b"hi ")
            await bob.send(b"moin\n")
            await ann.send(b"bob\n")
            expected = {b"ann: hi bob\n", b"bob: moin\n"}
            for client in (ann, bob):
                assert {await client.read_until(b"\n") for _ in range(2)} == expected
        assert await ann.read_until(b"\n") == b"* bob left\n"
        async with await RawClient.connect(port) as nameless:
            await nameless.read_until(b"\n")
        assert await ask(ann, b"alone") == b"ann: alone"


async def test_chat_2(programs: Programs) -> None:
    with programs.server("chat_2", end=signal.SIGINT, exit_code=0) as (_, port):
        await talk(port)


async def test_chat_6(programs_6: Programs) -> None:
    with programs_6.server("chat_6") as (_, port):
        await talk(port)


# -- HTTP servers ------------------------------------------------------------------------------------------------------


async def test_hello_2_answers(programs: Programs) -> None:
    with programs.server("hello_2") as (_, port):
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path, text in (
                ("/some?word=w%C3%B6rd&word=b", "GET /some 127.0.0.1: wörd+b\n"),
                ("/later", "at last\n"),
                ("/pieces", "3\n2\n1\n"),
            ):
                async with session.get(path) as response:
                    assert (response.status, await response.text()) == (200, text)
            async with session.post("/form", data={"word": "x y"}) as response:
                assert await response.text() == "POST /form 127.0.0.1: x y\n"


async def test_hello_2_sends_what_it_wrote_and_keeps_the_connection(programs: Programs) -> None:
    with programs.server("hello_2") as (_, port):
        async with await RawClient.connect(port) as client:
            for _ in range(2):
                response = await client.request(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert response.raw == (
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\nGET / 127.0.0.1: \n"
                )


async def test_hello_2_learns_that_a_client_has_gone(programs: Programs) -> None:
    """``request.connection.stream.set_close_callback``: how long polls were ended."""
    with programs.server("hello_2") as (process, port):
        async with await RawClient.connect(port) as client:
            await client.send(b"GET /poll HTTP/1.1\r\nHost: localhost\r\n\r\n")
            process.wait_for_line("polling")
        process.wait_for_line("lost patience")


async def test_hello_2_survives_a_bug(programs: Programs) -> None:
    port = free_port()
    with programs.start("hello_2", port) as process:
        process.wait_for_port()
        async with await RawClient.connect(port) as client:
            response = await client.request(b"GET /bug HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert response.status == 500
        async with await RawClient.connect(port) as client:
            assert (await client.request(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).status == 200
        assert process.stop() == -signal.SIGTERM
        assert process.stderr.count("Traceback") == 1
        assert "KeyError: 'a bug'" in process.stderr


async def test_http_4(programs: Programs) -> None:
    with programs.server("http_4") as (_, port):
        headers = {"X-Forwarded-For": "10.0.0.9", "X-Forwarded-Proto": "https", "Host": "example.com"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path, framing in (("/length", "Content-Length"), ("/chunks", "Transfer-Encoding")):
                async with session.get(path, headers=headers) as response:
                    assert (response.status, response.reason) == (203, "Hearsay")
                    assert framing in response.headers
                    assert await response.text() == f"https://example.com{path}\n10.0.0.9"
            async with session.post("/", data=b"abc") as response:
                assert await response.read() == b"cba"


async def test_http_6(programs_6: Programs) -> None:
    with programs_6.server("http_6", exit_code=0) as (_, port):
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for method in ("GET", "PUT"):
                async with session.request(method, "/some?a=b") as response:
                    assert await response.text() == f"{method} /some {{'a': [b'b']}}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_shutdown_by_a_flag_2(programs: Programs, number: signal.Signals) -> None:
    port = free_port()
    with programs.start("shutdown_2", port) as process:
        process.wait_for_port()
        async with await RawClient.connect(port) as client:
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            assert (await client.request(request)).body == b"still here\n"
            process.send_signal(number)
            process.wait_for_line("no more connections")
            with pytest.raises(ConnectionRefusedError):
                await RawClient.connect(port)
        ended_well(process, 0)
        assert process.stdout.endswith("stopped\n")


# -- HTTP clients by hand ----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def http_peer(*pieces: bytes) -> AsyncIterator[int]:
    """Answers a request with these octets, piece by piece, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def check_fetch(fetch: Callable[..., Awaitable[str]]) -> None:
    async with http_peer(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r\nhel", b"lo and more") as port:
        assert await fetch(port, "/length") == "HTTP/1.1 200 OK\n5 octets: hello\n"
    async with http_peer(b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nuntil", b" the", b" end") as port:
        assert await fetch(port, "/close") == "HTTP/1.0 404 Not Found\n13 octets: until the end\n"
    async with http_peer(b"HTTP/1.0 200 OK\r\n\r\n") as port:
        assert await fetch(port, "/empty") == "HTTP/1.0 200 OK\n0 octets: \n"
    assert await fetch(free_port(), "/nobody") == "error: ConnectionRefusedError\n"


async def test_fetch_2(programs: Programs) -> None:
    async def fetch(port: int, path: str) -> str:
        return await programs.arun("fetch_2", port, path, stderr=CONNECT_ERROR if path == "/nobody" else "")

    await check_fetch(fetch)


async def test_fetch_6(programs_6: Programs) -> None:
    async def fetch(port: int, path: str) -> str:
        return await programs_6.arun("fetch_6", port, path)

    await check_fetch(fetch)


@pytest.mark.parametrize("form", ["position", "keyword", "none", "bytes"])
async def test_streaming_callback_3(programs: Programs, form: str) -> None:
    """More octets than ``max_buffer_size``, which the stream must not keep."""
    size = 3_000_000
    body = b"0123456789abcdef" * (size // 16)
    async with http_peer(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size, body) as port:
        told = await programs.arun("fetch_3", port, form)
    assert told == f"{size} {hashlib.sha256(body).hexdigest()}\n"


# -- proxies -----------------------------------------------------------------------------------------------------------


async def tunnel(port: int) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(10_000):
                writer.write(data.upper())
                await writer.drain()

    server = await asyncio.start_server(upper, "127.0.0.1", 0)
    async with server:
        upstream = server.sockets[0].getsockname()[1]
        async with await RawClient.connect(port, deadline=20) as client:
            # The first octets follow the command at once.
            await client.send(b"CONNECT 127.0.0.1 %d\nhello\n" % upstream)
            assert await client.read_until(b"\n") == b"OK\n"
            assert await client.read_until(b"\n") == b"HELLO\n"
            large = b"abcdefgh" * 100_000

            async with asyncio.TaskGroup() as group:
                group.create_task(client.send(large))
                answer = group.create_task(client.read_exactly(len(large)))
            assert answer.result() == large.upper()
    async with await RawClient.connect(port) as client:
        refused = free_port()
        await client.send(b"CONNECT 127.0.0.1 %d\n" % refused)
        assert re.fullmatch(rb"FAILED \w+\n", await client.read_to_end())


async def farewell(port: int) -> None:
    """What the one side sends last arrives at the other before the end does."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            writer.write(b"welcome and goodbye")

    heard = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            heard.set_result(await reader.read())

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server, await RawClient.connect(port) as client:
        await client.send(b"CONNECT 127.0.0.1 %d\n" % server.sockets[0].getsockname()[1])
        assert await client.read_to_end() == b"OK\nwelcome and goodbye"
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        async with await RawClient.connect(port) as client:
            await client.send(b"CONNECT 127.0.0.1 %d\n" % server.sockets[0].getsockname()[1])
            await client.read_until(b"\n")
            await client.send(b"last words")
        assert await asyncio.wait_for(heard, 5) == b"last words"


@pytest.mark.parametrize(("name", "stderr"), [("proxy_2", CONNECT_ERROR), ("proxy_4", "")])
async def test_proxy(programs: Programs, name: str, stderr: str) -> None:
    with programs.server(name, stderr=stderr) as (_, port):
        await tunnel(port)
        await farewell(port)


async def test_proxy_6(programs_6: Programs) -> None:
    with programs_6.server("proxy_6") as (_, port):
        await tunnel(port)
        await farewell(port)


# -- TLS ---------------------------------------------------------------------------------------------------------------


async def test_tls_echo_3(programs: Programs, ca: trustme.CA, tls_files: list[str]) -> None:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with programs.server("tls_echo_3", *tls_files) as (_, port):
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            with contextlib.closing(writer):
                writer.write(b"hello\n")
                assert await reader.readline() == b"TLS says hello\n"
                writer.write(b"self\n")
                assert await reader.readline() == b"TLS says TLS says hello, self\n"
                long = b"x" * 200_000 + b"\n"
                writer.write(long)
                # StreamReader.readline has a limit of 64 KiB.
                assert await reader.readexactly(9 + len(long)) == b"TLS says " + long


async def test_tls_6(programs_6: Programs, tls_files: list[str]) -> None:
    with programs_6.start("tls_6", *tls_files) as process:
        assert process.wait() == 0, process.stderr
        *answers, refused = process.stdout.splitlines()
        assert answers == [r"b'plain one\n'", r"b'go ahead\n'", r"b'tls two\n'"]
        assert refused.startswith("refused: ")
        # What either side says about the handshake, and nothing else.
        assert [line for line in process.stderr.splitlines() if not line.startswith("SSL Error on ")] == []


# -- processes ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def no_child_left(process: Process) -> Iterator[None]:
    """Kill the children, too, when the test fails: they outlive a parent that is killed."""
    try:
        yield
    except BaseException:
        process.popen.kill()
        for pid in re.findall(r"child \d is (\d+)", process.stdout):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        raise


async def prefork(programs: Programs, name: str) -> None:
    port = free_port()
    with programs.start(name, port) as process, no_child_left(process):
        process.wait_for_port()
        pids = [int(process.wait_for_line(f"child {number} is (\\d+)")[1]) for number in range(2)]
        assert len({*pids, process.pid}) == 3

        async with await RawClient.connect(port) as client:
            assert await ask(client, b"echo") == b"echo"
            number, pid = map(int, (await ask(client, b"who")).split())
            assert pids[number] == pid
            await client.send(b"die\n")
            assert await client.read_to_end() == b""
        # The parent starts it again under the same number.
        process.wait_for_line(f"child {number} is (?!{pid}$)")
        assert (await whose(port)) - {(number, pid)}

        for _ in range(2):
            async with await RawClient.connect(port) as client:
                await client.send(b"quit\n")
                await client.read_to_end()
        assert process.wait() == 0
        # "restarting" is all that there is to say.
        assert "Traceback" not in process.stderr
        [warning] = process.stderr.splitlines()
        assert re.fullmatch(rf".*child {number} \(pid {pid}\) exited with status 3, restarting", warning)


async def whose(port: int) -> set[tuple[int, int]]:
    async with await RawClient.connect(port) as client:
        number, pid = map(int, (await ask(client, b"who")).split())
        return {(number, pid)}


async def test_prefork_4(programs: Programs) -> None:
    await prefork(programs, "prefork_4")


async def test_prefork_6(programs_6: Programs) -> None:
    await prefork(programs_6, "prefork_6")


async def test_listen_before_start_2(programs: Programs) -> None:
    """A mistake, but a frequent one: it must not make a server that accepts and never answers."""
    port = free_port()
    with programs.start("listen_start_2", port) as process, no_child_left(process):
        process.wait_for_port()
        for number in range(2):
            process.wait_for_line(f"child {number} is ")
        seen = set()
        for _ in range(2):
            async with await RawClient.connect(port) as client:
                response = await client.request(b"GET /quit HTTP/1.1\r\nHost: localhost\r\n\r\n")
                seen.add(response.body)
                await client.read_to_end()
        ended_well(process, 0)
        assert len(seen) == 2


async def test_subprocess_3(programs: Programs) -> None:
    assert await programs.arun("subprocess_3") == "7 b'SOME TEXT\\n' b'read 9'\nkilled: -9\n"


async def test_subprocess_6(programs_6: Programs) -> None:
    assert await programs_6.arun("subprocess_6") == "7 b'SOME TEXT\\n' b'read 9'\nkilled: -9\n"


# -- loops, threads, signals -------------------------------------------------------------------------------------------


async def test_loop_2(programs: Programs) -> None:
    told = await programs.arun("loop_2")
    assert told.splitlines() == [
        "first: callback",
        "second: timedelta",
        "third: absolute",
        "stopped once",
        "three ticks",
        "ran although stopped",
        "closed",
        "another loop",
    ]


async def test_handlers_2(programs: Programs) -> None:
    with programs.start("handlers_2") as process:
        address = ("127.0.0.1", process.wait_for_port())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            for _ in range(2):
                sock.sendto(b"abc", address)
                assert sock.recv(100) == b"cba"
            sock.sendto(b"stop", address)
            assert sock.recv(100) == b"pots"
        ended_well(process, 0)
        assert process.stdout.endswith("stopped\n")


async def test_signals_4(programs: Programs) -> None:
    with programs.start("signals_4") as process:
        process.wait_for_line("ready")
        process.send_signal(signal.SIGUSR1)
        process.wait_for_line("usr1")
        process.send_signal(signal.SIGTERM)
        ended_well(process, 0)
        assert process.stdout.endswith("stopped\n")


async def test_threads_2(programs: Programs) -> None:
    port = free_port()
    with programs.start("threads_2", port) as process:
        process.wait_for_port()
        async with await RawClient.connect(port) as one, await RawClient.connect(port) as other:
            answers = await asyncio.gather(ask(one, b"1 2 3"), ask(other, b"40 2"))
            assert answers == [b"6", b"42"]
            assert (await ask(one, b"one")).startswith(b"invalid literal")
            await one.send(b"quit\n")
            ended_well(process, 0)
        assert process.stdout.endswith("stopped\n")


async def test_thread_loop_3(programs: Programs) -> None:
    with programs.server("thread_loop_3", end=signal.SIGINT, exit_code=0) as (_, port):
        for _ in range(2):
            async with await RawClient.connect(port) as client:
                await client.send(b"how many?\n")
                assert await client.read_to_end() == b"loop 3\n"


async def test_server_threads_4(programs: Programs) -> None:
    with programs.start("server_threads_4") as process:
        ports = {
            name: int(process.wait_for_line(f"{name} is listening on 127.0.0.1 port (\\d+)")[1])
            for name in ("tcp", "http")
        }
        async with await RawClient.connect(ports["tcp"]) as tcp, await RawClient.connect(ports["http"]) as http:
            assert await ask(tcp, b"who") == b"tcp on its loop: True"
            for path in (b"/", b"/quit"):
                response = await http.request(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
                assert response.body == b"http on its loop: True\n"
            # The one loop has stopped, the other goes on.
            assert await ask(tcp, b"who") == b"tcp on its loop: True"
            await tcp.send(b"quit\n")
        ended_well(process, 0)
        assert process.stdout.endswith("all threads are over\n")


# -- coroutines of their time ------------------------------------------------------------------------------------------


async def test_engine_2(programs: Programs) -> None:
    with programs.server("engine_2") as (_, port):
        async with await RawClient.connect(port) as client:
            assert await ask(client, b"one") == b"ONE"
            assert await ask(client, b"three at once") == b"THREE AT ONCE"
            assert await ask(client, b"broken") == b"broken key"
            assert await ask(client, b"again") == b"AGAIN"


async def test_contexts_3(programs: Programs) -> None:
    with programs.server("contexts_3") as (_, port):
        async with await RawClient.connect(port) as one:
            assert await one.read_until(b"\n") == b"nobody is outside\n"
            async with await RawClient.connect(port) as two:
                assert await two.read_until(b"\n") == b"nobody is outside\n"
                answers = await asyncio.gather(ask(one, b"hello"), ask(two, b"hi"))
                assert answers == [b"number 1 says hello", b"number 2 says hi"]
                assert await ask(two, b"mistake") == b"number 2 made a KeyError"
                assert await ask(one, b"well") == b"number 1 says well"
                assert await ask(two, b"again") == b"number 2 says again"


async def test_executor_3(programs: Programs) -> None:
    with programs.server("executor_3") as (_, port):
        async with await RawClient.connect(port) as client:
            digest = hashlib.md5(b"abc").hexdigest().encode()
            assert await ask(client, b"abc") == digest + b" later"
            assert await ask(client, b"callback abc") == digest
            assert await ask(client, b"fail") == b"error: no digest of that"
            assert await ask(client, b"abc") == digest + b" later"
