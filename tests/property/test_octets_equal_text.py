"""``respond_octets`` is ``respond`` for fields that are octets: the same message, the same fate, the same refusals."""

import asyncio
import re
import socket
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from asynchttp._dispatch import Style
from asynchttp._sweep import Sweep
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream
from tests.property.effort import examples

NAMES = st.sampled_from(
    [
        b"a",
        b"X-Y",
        b"content-type",
        b"Connection",
        b"date",
        b"Date",
        b"Server",
        b"set-cookie",
        b"",
        b"a b",
        b"a\r\nb",
        b"\xe9",
        b"a:",
    ]
) | st.binary(max_size=4)
VALUES = st.sampled_from(
    [
        b"b",
        b"",
        b" b",
        b"b ",
        b"close",
        b"keep-alive",
        b"b\r\nc: d",
        b"b\r\n",
        b"b\nc",
        b"\0",
        b"\xff",
        b"b\tc",
        b"\x7f",
    ]
) | st.binary(max_size=6)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=3)
STATUSES = st.sampled_from([200, 200, 201, 204, 304, 404, 500, 299, 599, 100, 101, 199, 600, 0, -1])
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
REQUESTS = st.sampled_from(
    [
        GET,
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ]
)


class Sent:
    """What a connection wrote, in the place of its socket's other end, and what became of it."""

    def __init__(self, runner: asyncio.Runner, respond: Any, octets: bytes) -> None:
        self.error: tuple[type, str] | None = None
        mine, other = socket.socketpair()
        with mine, other:
            runner.run(self._exchange(mine, respond, octets))

    async def _exchange(self, mine: socket.socket, respond: Any, octets: bytes) -> None:
        stream = IOStream(mine)
        sent: list[bytes] = []
        stream.send = sent.append  # type: ignore[method-assign,assignment]

        def start(request: Any) -> None:
            try:
                respond(request)
            except Exception as error:
                self.error = (type(error), str(error))
            self.finished = request.finished()

        connection = HTTP1ServerConnection(stream)
        connection.serve(
            Style(start, False), Sweep(IOLoop.current().asyncio_loop, 60, b"Server: a\r\n"), lambda _: None
        )
        connection.data_received(octets)
        self.all = re.sub(rb"Date: .* GMT", b"Date: now", b"".join(sent))
        head, _, self.body = self.all.partition(b"\r\n\r\n")
        # The order of fields of different names means nothing, and the time may go on.
        self.lines = sorted(head.split(b"\r\n"))
        self.kept = connection._keep_alive
        stream.close()


def without_order(sent: Sent) -> dict[str, Any]:
    return {name: value for name, value in vars(sent).items() if name != "all"}


def test_octets_equal_text() -> None:
    with asyncio.Runner(debug=False) as runner:

        @given(REQUESTS, st.binary(max_size=5), STATUSES, FIELDS)
        @example(GET, b"x", 200, [(b"a", b"b\r\nc: d")])
        @example(GET, b"x", 200, [(b"a: b\r\nc", b"d")])
        @examples(300)
        def equal(octets: bytes, body: bytes, status: int, fields: list[tuple[bytes, bytes]]) -> None:
            text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
            plain = Sent(runner, lambda request: request.respond(body, status, text), octets)
            inlined = Sent(runner, lambda request: request.engine.respond_octets(request, body, status, fields), octets)
            assert without_order(inlined) == without_order(plain)
            told = [*fields, (b"Content-Length", b"%d" % len(body)), (b"transfer-encoding", b"chunked")]
            framed = Sent(runner, lambda request: request.engine.respond_octets(request, body, status, told), octets)
            assert without_order(framed) == without_order(plain)

        equal()


def test_response_does_not_depend_on_those_before_it() -> None:
    pool = st.sampled_from(
        [
            [],
            [(b"a", b"b")],
            [(b"a", b"c")],
            [(b"content-length", b"1")],
            [(b"a", b"b"), (b"Content-Length", b"2")],
            [(b"transfer-encoding", b"chunked")],
            [(b"a", b"b\r\nc: d")],
            [(b"a", b"x" * 2000)],
        ]
    )
    answer = st.tuples(pool, st.sampled_from([200, 404, 204, 599]), st.sampled_from([b"", b"1", b"22"]))
    with asyncio.Runner(debug=False) as runner:

        @given(st.lists(answer, min_size=1, max_size=5), st.booleans())
        @examples(200)
        def equal(answers: list[tuple[list[tuple[bytes, bytes]], int, bytes]], same_list: bool) -> None:
            alone = []
            for fields, status, body in answers:
                sent = Sent(
                    runner,
                    lambda request, fields=fields, status=status, body=body: request.engine.respond_octets(
                        request, body, status, fields
                    ),
                    GET,
                )
                alone.append((sent.lines, sent.body, sent.error))
                if sent.error is not None:
                    break
            left = iter(answers)
            list_of_all: list[tuple[bytes, bytes]] = []
            errors: list[Any] = []

            def respond(request: Any) -> None:
                fields, status, body = next(left)
                if same_list:  # of an application that has one list and changes it
                    list_of_all[:] = fields
                    fields = list_of_all
                try:
                    request.engine.respond_octets(request, body, status, fields)
                except Exception as error:
                    errors.append((type(error), str(error)))
                    raise

            together = Sent(runner, respond, GET * len(alone))
            assert errors == [error for _, _, error in alone if error is not None]
            octets = together.all
            for lines, body, error in alone:
                if error is None:
                    head, _, octets = octets.partition(b"\r\n\r\n")
                    assert sorted(head.split(b"\r\n")) == lines
                    assert octets.startswith(body)
                    octets = octets[len(body) :]
            assert octets == b""

        equal()


def test_wrong_length_writes_nothing() -> None:
    told = [(b"Content-Length", b"2")]
    with asyncio.Runner(debug=False) as runner:
        sent = Sent(runner, lambda request: request.engine.respond_octets(request, b"x", 200, told), GET)
    assert (sent.lines, sent.finished) == ([b""], False)
    assert sent.error is not None
    assert sent.error[1] == "Content-Length is b'2', and the body has 1 octets"
