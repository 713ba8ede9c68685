"""The access log on a real server: its lines, its records, and what no peer can do to it."""

import asyncio
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from asynchttp._loghandlers import AccessFileHandler, AccessStreamHandler
from asynchttp.httpserver import AccessLog
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from tests.integration.helpers import all_closed, build_request, run_server, until
from tests.support.processes import start_python
from tests.support.servers import RunningServer

LOGGER = logging.getLogger("asynchttp.access")
COMBINED = re.compile(
    r'(\S+) - (\S+) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)'
    r' "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"'
)


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def records() -> Iterator[Records]:
    handler = Records()
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


@pytest.fixture
def alone() -> Iterator[None]:
    """Nobody but the test's own handlers gets the records."""
    level, propagate = LOGGER.level, LOGGER.propagate
    former, LOGGER.handlers[:] = [*LOGGER.handlers], []
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    yield
    LOGGER.handlers[:] = former
    LOGGER.setLevel(level)
    LOGGER.propagate = propagate


async def ask(running: RunningServer, *requests: bytes) -> None:
    """Send ``requests``, wait for the end of the connection."""
    async with await running.connect() as client:
        await client.send(b"".join(requests))
        client.shutdown_write()
        await client.read_to_end()
    await all_closed(running.server)


def answer(request: Any) -> None:
    """In the framing that the path wants."""
    connection = request.connection
    if request.path == "/raw":
        request.write(b"HTTP/1.1 404 No\r\nContent-Le")
        request.write(b"ngth: 3\r\n\r\nabc")
        request.finish()
    elif request.path == "/chunks":
        connection.write_headers(ResponseStartLine("HTTP/1.1", 202, "OK"), HTTPHeaders({"X-Answer": "42"}))
        connection.write(b"abc")
        connection.finish()
    elif request.path == "/interim":
        connection.write_headers(ResponseStartLine("HTTP/1.1", 103, "Early"), HTTPHeaders())
        request.respond(b"abc", 201)
    else:
        request.respond(b"abc", 200, [("X-Answer", "42")])


pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("target", "method", "status", "body"),
    [
        ("/", "GET", 200, 3),
        ("/", "HEAD", 200, 0),
        ("/raw", "GET", 404, 3),
        ("/chunks", "GET", 202, len(b"3\r\nabc\r\n0\r\n\r\n")),
        ("/interim", "GET", 201, 3),
    ],
)
async def test_status_and_octets_in_each_framing(
    target: str, method: str, status: int, body: int, records: Records
) -> None:
    async with run_server(answer, access_log="%(s)s %(B)s %(B+)s") as running, await running.connect() as client:
        for _ in range(2):
            await client.send(build_request(target, method=method))
            if target == "/interim":
                await client.read_until(b"\r\n\r\n")
            response = await client.read_response(method)
            assert response.status == status
        lines = [line.split() for line in records.lines]
        assert len(lines) == 2
        sent = len(response.raw) + (len(b"HTTP/1.1 103 Early\r\n\r\n") if target == "/interim" else 0)
        for told_status, told_body, told_all in lines:
            assert int(told_status) == status
            assert int(told_all) == sent
            if target not in ("/raw", "/interim"):
                assert int(told_body) == body


async def test_octets_of_each_request_in_a_burst_and_of_late_answers(records: Records) -> None:
    async def late(request: Any) -> None:
        if request.path == "/late":
            await asyncio.sleep(0)
        request.respond(request.path.encode() * 10)

    async with run_server(late, access_log="%(U)s %(B)s %(B+)s") as running, await running.connect() as client:
        paths = ["/a", "/late", "/bb", "/late", "/ccc", "/d"]
        await client.send(b"".join(build_request(path) for path in paths))
        sizes = [len((await client.read_response()).raw) for _ in paths]
    assert records.lines == [f"{path} {10 * len(path)} {size}" for path, size in zip(paths, sizes, strict=True)]


async def test_record_has_what_the_line_is_made_of(records: Records) -> None:
    async with run_server(answer, access_log="combined") as running:
        await ask(running, build_request("/x?y=1", "Referer: r", "User-Agent: u"))
    (record,) = records.records
    attributes = {name: getattr(record, name) for name in AccessLog.ATTRIBUTES}
    assert attributes.pop("duration") >= 0
    assert attributes.pop("bytes_sent") > attributes["body_bytes_sent"]
    assert attributes == {
        "remote_ip": "127.0.0.1",
        "method": "GET",
        "uri": "/x?y=1",
        "version": "HTTP/1.1",
        "status": 200,
        "body_bytes_sent": 3,
        "reason": None,
    }
    assert (record.name, record.levelname) == ("asynchttp.access", "INFO")
    match = COMBINED.fullmatch(record.getMessage())
    assert match is not None
    assert match.groups()[3:] == ("GET /x?y=1 HTTP/1.1", "200", "3", "r", "u")


async def test_atoms_of_gunicorn(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "red")
    atoms = "%(h)s|%(l)s|%(u)s|%(m)s|%(U)s|%(q)s|%(H)s|%(s)s|%(B)s|%(b)s|%(f)s|%(a)s|%(p)s|%({X-Y}i)s|%({x-answer}o)s|"
    times = "%(T)s|%(M)s|%(D)s|%(L)s|%({COLOUR}e)s|100%%"
    async with run_server(answer, access_log=atoms + times) as running:
        await ask(running, build_request("/x?y=1", "Authorization: Basic bWU6c2VjcmV0", "X-Y: 1", "X-Y: 2"))
    (line,) = records.lines
    told = line.split("|")
    assert told[:13] == f"127.0.0.1|-|me|GET|/x|y=1|HTTP/1.1|200|3|3|-|-|<{os.getpid()}>".split("|")
    assert told[13:15] == ["1,2", "42"]
    assert (told[15], told[19:]) == ("0", ["red", "100%"])
    assert int(told[17]) == pytest.approx(float(told[18]) * 1e6, abs=1)
    assert "secret" not in line


async def test_atom_that_does_not_exist() -> None:
    for wrong in ("%(z)s", "100%", "%(__import__('os'))s", "%(h)d", "%({a b}i)s"):
        with pytest.raises(ValueError, match="access log format"):
            AccessLog(wrong)


async def test_tornados_lines_and_levels(records: Records, expect_log: Any) -> None:
    expect_log("asynchttp.access", "^404 GET /404", level=logging.WARNING, count=1)
    expect_log("asynchttp.access", "^500 GET /500", level=logging.ERROR, count=1)

    def handler(request: Any) -> None:
        request.respond(b"", int(request.path[1:]))

    async with run_server(handler, access_log="tornado") as running:
        await ask(running, *(build_request(f"/{status}") for status in (200, 404, 500)))
    assert [record.levelname for record in records.records] == ["INFO", "WARNING", "ERROR"]
    assert re.fullmatch(r"200 GET /200 \(127\.0\.0\.1\) \d+\.\d\dms", records.lines[0])


HOSTILE = [
    build_request('/"\\', 'User-Agent: "\\\t\x85\x9b\xff', "Referer: \xa0%s%n"),
    b"GET / HTTP/1.1\nHost: \x1b[31m\r\n127.0.0.1 - - forged\r\n\r\n",
    b"\x16\x03\x01" + bytes(range(256)) * 2,
    b"GET /\r\n\r\n",
    build_request("/%0d%0aforged"),
]


@pytest.mark.parametrize("octets", HOSTILE)
async def test_nothing_that_a_peer_sends_breaks_a_line(octets: bytes, records: Records) -> None:
    async with run_server(answer, access_log="combined") as running:
        await ask(running, octets)
    (line,) = records.lines
    assert line.isprintable()
    assert COMBINED.fullmatch(line) is not None


@pytest.mark.parametrize("octets", HOSTILE)
async def test_json_is_json_whatever_a_peer_sends(octets: bytes, records: Records) -> None:
    async with run_server(answer, access_log="json") as running:
        await ask(running, octets)
    (line,) = records.lines
    assert line.isprintable()
    fields = json.loads(line)
    assert fields.keys() == {
        "timestamp",
        "client.address",
        "http.request.method",
        "url.path",
        "url.query",
        "network.protocol.version",
        "server.address",
        "user_agent.original",
        "http.response.status_code",
        "duration_s",
        "bytes_sent",
        "error.type",
    }
    assert isinstance(fields["duration_s"], float)
    if fields["error.type"] is None:
        assert fields["user_agent.original"] in (None, '"\\\t\x85\x9b\xff')


async def test_address_is_the_one_that_the_proxy_tells(records: Records) -> None:
    async with run_server(answer, access_log="%(h)s", xheaders=True) as running:
        await ask(running, build_request("/", "X-Real-IP: 10.1.2.3"), build_request("/", "X-Real-IP: evil\t"))
    assert records.lines == ["10.1.2.3", "127.0.0.1"]


async def test_nothing_is_made_while_nobody_wants_it() -> None:
    class Mine(AccessLog):
        made = 0

        def _log(self, level: int, outcome: Any) -> None:
            Mine.made += 1

    logger = logging.getLogger("asynchttp.test_quiet")
    logger.setLevel(logging.WARNING)
    async with run_server(answer, observers=[Mine("combined", logger)]) as running:
        await ask(running, build_request())
    assert Mine.made == 0


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("format", ["combined", "json"])
async def test_line_is_the_same_with_and_without_a_record(format: str) -> None:
    octets = (build_request("/x?y", 'User-Agent: "'), build_request("/"), b"G@T / HTTP/1.1\r\n\r\n")
    direct, recorded = io.StringIO(), io.StringIO()

    class NotOurs(AccessStreamHandler):
        """Takes records, like any other handler."""

    written = []
    for stream, handler in ((direct, AccessStreamHandler(direct)), (recorded, NotOurs(recorded))):
        LOGGER.handlers[:] = [handler]
        async with run_server(answer, access_log=format) as running:
            await ask(running, *octets)
        handler.flush()
        written.append(re.sub(r"\d\d:\d\d:\d\d(\.\d+)?|0\.\d{6}", "T", stream.getvalue()))
    assert written[0] == written[1]
    assert written[0].count("\n") == 3


@pytest.mark.usefixtures("alone")
async def test_line_follows_each_change_of_a_request() -> None:
    """What is kept of the request before is that of an equal one."""
    plain, with_json = io.StringIO(), io.StringIO()
    LOGGER.handlers[:] = [AccessStreamHandler(plain)]
    other = logging.getLogger("asynchttp.test_other")
    other.propagate = False
    other.setLevel(logging.INFO)
    other.handlers[:] = [AccessStreamHandler(with_json)]
    observers = [AccessLog("json", other)]
    requests = [
        ("GET", "/a", "one", 200, 3),
        ("GET", "/a", "one", 200, 3),
        ("GET", "/b?c", "one", 200, 3),
        ("HEAD", "/b?c", "one", 200, 0),
        ("GET", "/b?c", "two", 200, 3),
        ("GET", "/chunks", "two", 202, 13),
        ("GET", "/chunks", "two", 202, 13),
        ("GET", "/a", "two", 200, 3),
    ]
    for one_by_one in (False, True):
        async with (
            run_server(answer, access_log="%(m)s %(uri)s %(a)s %(s)s %(B)s", observers=observers) as running,
            await running.connect() as client,
        ):
            octets = [build_request(target, f"User-Agent: {agent}", method=m) for m, target, agent, _, _ in requests]
            if not one_by_one:
                await client.send(b"".join(octets))
            for (method, *_), each in zip(requests, octets, strict=True):
                if one_by_one:
                    await client.send(each)
                await client.read_response(method)
    for handler in (LOGGER.handlers[0], other.handlers[0]):
        handler.flush()
    assert plain.getvalue().splitlines() == [" ".join(map(str, request)) for request in requests] * 2
    told = [json.loads(line) for line in with_json.getvalue().splitlines()]
    names = ("http.request.method", "url.path", "user_agent.original", "http.response.status_code")
    assert [tuple(line[name] for name in names) for line in told] == [
        (method, target.partition("?")[0], agent, status) for method, target, agent, status, _ in requests
    ] * 2


@pytest.mark.usefixtures("alone")
async def test_handler_that_is_added_gets_the_next_record() -> None:
    LOGGER.handlers[:] = [AccessStreamHandler(io.StringIO())]
    added = Records()
    async with run_server(answer, access_log="%(U)s") as running, await running.connect() as client:
        await client.request(build_request("/before"))
        LOGGER.addHandler(added)
        await client.request(build_request("/behind"))
        LOGGER.removeHandler(added)
        await client.request(build_request("/later"))
    assert added.lines == ["/behind"]


@pytest.mark.usefixtures("alone")
async def test_file_is_opened_again_after_a_rotation(tmp_path: Any) -> None:
    path = tmp_path / "access.log"
    handler = AccessFileHandler(str(path))
    LOGGER.handlers[:] = [handler]
    async with run_server(answer, access_log="%(U)s") as running:
        await ask(running, build_request("/before"))
        handler.flush()
        path.rename(tmp_path / "access.log.1")
        await ask(running, build_request("/still"))
        handler.flush()
        handler.acquire()  # as reopening does it for any FileHandler
        handler.stream.close()
        handler.stream = None  # type: ignore[assignment]
        handler.release()
        await ask(running, build_request("/after"))
    handler.close()
    assert (tmp_path / "access.log.1").read_text() == "/before\n/still\n"
    assert path.read_text() == "/after\n"


@pytest.mark.usefixtures("alone")
async def test_lines_come_soon_without_a_flush(tmp_path: Any) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()
    loop.add_reader(reader, lambda: arrived.done() or arrived.set_result(os.read(reader, 100)))
    with os.fdopen(writer, "w") as stream:
        LOGGER.handlers[:] = [AccessStreamHandler(stream)]
        async with run_server(answer, access_log="%(s)s") as running, await running.connect() as client:
            await client.send(build_request())
            async with asyncio.timeout(5):
                assert await arrived == b"200\n"
    loop.remove_reader(reader)
    os.close(reader)


async def test_lines_of_a_loop_that_has_ended_come_with_those_of_the_next() -> None:
    handler = AccessStreamHandler(io.StringIO())
    handler.write_line("left")  # as if its timer had gone with a loop
    handler.lines.append("waits")
    handler._loop = asyncio.new_event_loop()
    handler._loop.close()
    handler.gather()
    await until(lambda: not handler.lines)
    assert handler.stream.getvalue() == "left\nwaits\n"


ENDS = {
    "exit": "sys.exit(0)",
    "exception": "raise ZeroDivisionError",
    "fork": "os.waitpid(os.fork(), 0); sys.exit(0)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); await asyncio.sleep(60)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT); await asyncio.sleep(60)",
}


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("end", ENDS)
async def test_no_line_is_lost_or_written_twice_at_the_end(end: str, tmp_path: Any) -> None:
    """The timer that would write them doesn't come: the process ends, or forks, before."""
    program = f"""
import asyncio, logging, os, signal, sys
from asynchttp._logging import configure
from asynchttp.httpserver import HTTPServer

async def main():
    configure(access_file={str(tmp_path / "access.log")!r})
    server = HTTPServer(lambda request: request.respond(b""), access_log="%(U)s")
    server.listen(0, "127.0.0.1")
    (sock,) = server.sockets
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    for number in range(3):
        writer.write(b"GET /%d HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % number)
        await reader.readuntil(b"\\r\\n\\r\\n")
    {ENDS[end]}

asyncio.run(main())
"""
    with start_python("-c", program) as process:
        process.wait()
    assert (tmp_path / "access.log").read_text() == "/0\n/1\n/2\n"


async def test_stream_that_takes_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = AccessStreamHandler(Full())
    handler.write_line("lost")
    handler.flush()
    handler.stream = io.StringIO()
    handler.write_line("kept")
    handler.flush()
    assert handler.stream.getvalue() == "kept\n"
