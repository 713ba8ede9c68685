"""The engine changes its two states only as the tables of ``_h1.states`` say."""

import asyncio
import contextlib
import itertools
import pathlib
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from asynchttp import httpserver
from asynchttp._h1.states import NEXT_READING, NEXT_WRITING, RESTART, Reading, Writing
from asynchttp._response import ResponseWriter
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.httputil import HTTPHeaders, ResponseStartLine
from tests.integration.helpers import build_request, run_server_with_clock, turns
from tests.support.rawclient import RawClient

Pair = tuple[Reading, Writing]

READING_STEPS = {(before, after) for (before, _), after in NEXT_READING.items()}
WRITING_STEPS = {(before, after) for (before, _), after in NEXT_WRITING.items()}
#: What ends a response, and the restart behind it, may be one step.
ENDS = {before for before, after in WRITING_STEPS if after is Writing.DONE}


class Walked(HTTP1ServerConnection):
    """An engine that notes (reading, writing) whenever one of both changes."""

    trails: list[list[Pair]] = []

    _reading = property(
        lambda self: HTTP1ServerConnection._reading.__get__(self),
        lambda self, state: self._note(HTTP1ServerConnection._reading, state),
    )
    _writing = property(
        lambda self: ResponseWriter._writing.__get__(self),
        lambda self, state: self._note(ResponseWriter._writing, state),
    )

    def __init__(self, *args: Any) -> None:
        self.trail: list[Pair] = []
        self.trails.append(self.trail)
        super().__init__(*args)

    def _note(self, slot: Any, state: Any) -> None:
        slot.__set__(self, state)
        try:
            pair = (self._reading, self._writing)
        except AttributeError:  # in the constructor
            return
        if not self.trail or self.trail[-1] != pair:
            self.trail.append(pair)


def check(trail: list[Pair]) -> None:
    assert trail[0] == (Reading.HEAD, Writing.IDLE)
    for (reading, writing), (next_reading, next_writing) in itertools.pairwise(trail):
        if next_reading is not reading:
            assert (reading, next_reading) in READING_STEPS, trail
        elif next_writing is Writing.IDLE:
            # A restart, in two steps: first writing, then reading.
            assert writing in ENDS, trail
            # Or an early answer, whose connection lives on behind the rest of the body.
            assert (reading, Writing.DONE) == RESTART[0] or reading is Reading.BODY, trail
        else:
            assert (writing, next_writing) in WRITING_STEPS, trail
        if next_reading is Reading.HEAD is not reading:
            assert (next_reading, next_writing) == RESTART[1], trail


#: Larger than what is read and written at once.
LARGE_FILE = pathlib.Path(typing.__file__)
LARGE_SIZE = LARGE_FILE.stat().st_size
assert LARGE_SIZE > 65536

START_LINE = ResponseStartLine("HTTP/1.1", 200, "OK")


def head(request: Any, *fields: tuple[str, str]) -> None:
    request.connection.write_headers(START_LINE, HTTPHeaders(list(fields)))


async def answer(request: Any) -> None:
    """Answer as the path wants it."""
    path = request.uri
    if path == "/respond":
        request.respond(b"x")
    elif path == "/later":
        await asyncio.sleep(0)
        request.respond(b"x")
    elif path == "/raw":
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await asyncio.sleep(0)
        request.write(b"hi")
        request.finish()
    elif path == "/unsure":
        request.write(b"HTTP/1.1 200 OK\r\n\r\nx")
        request.finish()
    elif path == "/length":
        head(request, ("Content-Length", "2"))
        await request.write(b"hi")
        request.finish()
    elif path == "/chunked":
        head(request)
        await request.write(b"hi")
        request.finish()
    elif path == "/file":
        head(request)
        await request.send_file(LARGE_FILE)
        request.finish()
    elif path == "/file-length":
        head(request, ("Content-Length", str(LARGE_SIZE)))
        request.send_file(LARGE_FILE)
        request.finish()
    elif path == "/file-raw":
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE_SIZE)
        await request.send_file(LARGE_FILE)
        request.finish()
    elif path == "/interim":
        request.connection.write_headers(ResponseStartLine("", 103, "Early Hints"), HTTPHeaders())
        request.respond(b"x")
    elif path == "/fail":
        raise ZeroDivisionError
    elif path == "/fail-raw":
        request.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        raise ZeroDivisionError
    elif path == "/fail-length":
        head(request, ("Content-Length", "2"))
        raise ZeroDivisionError
    elif path == "/fail-chunked":
        head(request)
        raise ZeroDivisionError
    elif path == "/too-much":
        head(request, ("Content-Length", "2"))
        request.write(b"hi!")
    elif path == "/nothing":
        pass
    elif path == "/detach":
        request.connection.detach().close()
    elif path == "/upgrade":
        request.connection.write_headers(ResponseStartLine("", 101, "Switching Protocols"), HTTPHeaders())
        request.connection.finish()
    elif path == "/upgrade-detach":
        request.connection.write_headers(ResponseStartLine("", 101, "Switching Protocols"), HTTPHeaders())
        request.connection.finish()
        request.connection.detach().close()
    elif path == "/close":
        request.connection.close()
    elif path == "/cancel":
        raise asyncio.CancelledError
    elif path == "/wait":
        await asyncio.get_running_loop().create_future()
    else:
        raise AssertionError(path)


@contextlib.asynccontextmanager
async def walking(
    monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[tuple[Callable[[], Awaitable[RawClient]], Any]]:
    monkeypatch.setattr(httpserver, "HTTP1ServerConnection", Walked)
    Walked.trails.clear()
    options = {"header_timeout": 10, "body_timeout": 10, "max_body_size": 100, **options}
    async with run_server_with_clock(answer, **options) as (running, clock):
        yield running.connect, clock
        await running.server.close_all_connections()  # a handler may wait for ever


#: Octets that are sent on one connection, which then is read to its end; the failures that are logged on the way.
TRAFFIC: dict[str, tuple[bytes, str]] = {
    **{
        name: (build_request(f"/{name}") * 2 + build_request("/respond", "Connection: close"), "")
        for name in ("respond", "later", "raw", "length", "chunked", "interim", "file", "file-length", "file-raw")
    },
    **{
        f"{name}, HTTP/1.0": (build_request(f"/{name}", version="HTTP/1.0"), "")
        for name in ("respond", "later", "raw", "length", "chunked", "interim", "file")
    },
    **{
        name: (build_request("/respond") + build_request(f"/{name}"), "ZeroDivisionError")
        for name in ("fail", "fail-raw", "fail-length", "fail-chunked")
    },
    "fail-until-close": (build_request("/fail-chunked", version="HTTP/1.0"), "ZeroDivisionError"),
    "too-much": (build_request("/too-much"), "HTTPOutputError"),
    "nothing": (build_request("/nothing"), "HTTPOutputError"),
    "unsure": (build_request("/unsure"), ""),
    "detach": (build_request("/respond") + build_request("/detach") + b"rest", ""),
    "upgrade": (build_request("/upgrade", "Upgrade: x"), ""),
    "upgrade-detach": (build_request("/respond") + build_request("/upgrade-detach", "Upgrade: x") + b"rest", ""),
    "close": (build_request("/close"), ""),
    "cancel": (build_request("/cancel"), ""),
    "body": (
        build_request("/respond", method="POST", body=b"abc") * 2
        + build_request("/later", "Connection: close", method="POST", body=b"abc"),
        "",
    ),
    "refused": (build_request("/respond") + b"BROKEN\r\n\r\n", ""),
    "refused body": (build_request("/respond", method="POST", body=b"x" * 101), ""),
    "refused chunk": (build_request("/respond", "Transfer-Encoding: chunked", method="POST") + b"x\r\n", ""),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("octets", "failure"), TRAFFIC.values(), ids=TRAFFIC)
@pytest.mark.parametrize("cut", ["whole", "octets", "half-closed"])
async def test_states_change_as_the_tables_say(
    octets: bytes, failure: str, cut: str, monkeypatch: pytest.MonkeyPatch, expect_log: Any
) -> None:
    if failure:
        expect_log("asynchttp.application", failure, count=1)
    async with (
        walking(monkeypatch) as (connect, _),
        await connect() as client,
    ):
        try:
            if cut == "octets":
                await client.send_pieces(octets[i : i + 1] for i in range(len(octets)))
            else:
                await client.send(octets)
            if cut == "half-closed":
                client.shutdown_write()
        except ConnectionError:  # the handler closed the connection
            pass
        await client.read_to_end()
    (trail,) = Walked.trails
    check(trail)
    assert trail[-1][1] is Writing.CLOSED
    assert trail[-1][0] in (Reading.CLOSED, Reading.TUNNEL)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GET",
        build_request("/respond"),
        build_request("/wait"),
        build_request("/wait") * 2,
        build_request("/respond", "Content-Length: 5", method="POST"),
        build_request("/respond") * 20 + b"GET",
    ],
)
@pytest.mark.parametrize("end", ["reset", "half-close", "timeout"])
async def test_states_change_as_the_tables_say_when_the_client_goes_or_sleeps(
    octets: bytes, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with walking(monkeypatch) as (connect, clock):
        client = await connect()
        await client.send(octets)
        await turns(30)
        if end == "reset":
            client.abort()
        elif end == "half-close":
            client.shutdown_write()
            await turns(20)
            client.abort()
        else:
            clock.advance(200)
            await turns(20)
            clock.advance(200)
            client.abort()
    (trail,) = Walked.trails
    check(trail)
    assert trail[-1] == (Reading.CLOSED, Writing.CLOSED)


@pytest.mark.asyncio
async def test_every_state_is_walked(monkeypatch: pytest.MonkeyPatch, expect_log: Any) -> None:
    """What the tables name and no traffic reaches would be a state that nobody needs."""
    expect_log("asynchttp.application", count=sum(bool(failure) for _, failure in TRAFFIC.values()))
    reading: set[tuple[Reading, Reading]] = set()
    writing: set[tuple[Writing, Writing]] = set()
    async with walking(monkeypatch) as (connect, _):
        for octets, _failure in TRAFFIC.values():
            async with await connect() as client:
                await client.send(octets)
                await client.read_to_end()
    trails = list(Walked.trails)
    async with walking(monkeypatch, stream_request_body=True) as (connect, _), await connect() as client:
        await client.send(build_request("/respond", method="POST", body=b"abc")[:-1])
        assert (await client.read_response()).body == b"x"
        await client.send(b"c" + build_request("/respond", "Connection: close"))
        assert await client.read_to_end()
    for trail in trails + Walked.trails:
        check(trail)
        for before, after in itertools.pairwise(trail):
            reading.add((before[0], after[0]))
            writing.add((before[1], after[1]))
    assert {state for step in reading for state in step} == set(Reading)
    assert {state for step in writing for state in step} == set(Writing)
    begun = (Writing.LENGTH, Writing.CHUNKED, Writing.UNTIL_CLOSE, Writing.RAW)
    assert {after for before, after in writing if before is Writing.HEAD} == set(Writing) - {Writing.FILE}
    assert all((state, Writing.DONE) in writing for state in begun)


def test_tables_are_sound() -> None:
    """From each state the end can be reached, and none but it is a dead end."""
    for states, table, end in ((Reading, NEXT_READING, Reading.CLOSED), (Writing, NEXT_WRITING, Writing.CLOSED)):
        for state in states:
            assert table[state, "close"] is end
            assert {after for (before, _), after in table.items() if before is state} - {end} or state in (
                Reading.TUNNEL,
                Reading.LINGER,
                end,
            )
        first = next(iter(states))
        reached = {first}
        while more := {after for (before, _), after in table.items() if before in reached} - reached:
            reached |= more
        assert reached == set(states)


def test_walk_finds_a_step_that_is_not_in_the_tables() -> None:
    for wrong in (
        [(Reading.HEAD, Writing.IDLE), (Reading.HEAD, Writing.LENGTH)],
        [(Reading.HEAD, Writing.IDLE), (Reading.LINGER, Writing.IDLE), (Reading.HEAD, Writing.IDLE)],
        [(Reading.HEAD, Writing.IDLE), (Reading.DONE, Writing.IDLE), (Reading.HEAD, Writing.HEAD)],
        [(Reading.BODY, Writing.IDLE)],
    ):
        with pytest.raises(AssertionError):
            check(wrong)
