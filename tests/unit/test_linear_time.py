"""Whatever a peer sends, the work grows with the octets and not with their square.

Each test does the same with ``n`` and with ``8 n`` and compares the time that this thread computed. Twenty-four times
as much is a generous eight, and far from sixty-four; a measurement that went wrong is repeated.
"""

import functools
import gc
import re
import time
import types
from collections.abc import Callable

import pytest

from asynchttp._dispatch import Style
from asynchttp._h1 import abnf, chunked, framing, head, raw
from asynchttp._h1.errors import HTTPInputError
from asynchttp._parameters import HTTP1ConnectionParameters
from asynchttp._readbuffer import ReadBuffer
from asynchttp._reads import Until
from asynchttp.http1connection import HTTP1ServerConnection
from asynchttp.httputil import HTTPHeaders, HTTPServerRequest, parse_request_start_line, parse_response_start_line

#: What is timed is made before, from its size.
Work = Callable[[int], Callable[[], object]]


def seconds(run: Callable[[], object]) -> float:
    begin = time.thread_time()
    run()
    return time.thread_time() - begin


def assert_linear(work: Work, size: int) -> None:
    """Time ``work(size // 8)`` and ``work(size)``."""
    ratios = []
    gc.disable()
    try:
        for _ in range(6):
            small = min(seconds(work(size // 8)) for _ in range(3))
            large = min(seconds(work(size)) for _ in range(2))
            # Below 20 µs for each doubling nothing can be said, and nothing has to be.
            ratios.append(large / max(small, 20e-6))
            if ratios[-1] < 24:
                return
    finally:
        gc.enable()
    pytest.fail(f"eight times the size took {', '.join(f'{ratio:.0f}' for ratio in ratios)} times as long")


def test_a_square_is_found_out() -> None:
    def work(size: int) -> Callable[[], object]:
        def run() -> None:
            for _ in range(size):
                for _ in range(size):
                    pass

        return run

    with pytest.raises(pytest.fail.Exception, match="times as long"):
        assert_linear(work, 1600)


# -- heads ---------------------------------------------------------------------------------------------------------


def refused_or_not(parse: Callable[[bytes], object], octets: bytes) -> Callable[[], object]:
    def run() -> None:
        try:
            parse(octets)
        except HTTPInputError:
            pass

    return run


def tail(*lines: bytes) -> bytes:
    return b"\r\n".join([b"1", b"Host: a", *lines, b"", b""])


TAILS: dict[str, Callable[[int], bytes]] = {
    "fields": lambda n: tail(*[b"A: b"] * n),
    "fields-then-a-bad-one": lambda n: tail(*[b"A: b"] * n, b"A"),
    "fields-then-a-framing-one": lambda n: tail(*[b"A: b"] * n, b"Connection: close"),
    "empty-fields": lambda n: tail(*[b"A:"] * n),
    "different-fields": lambda n: tail(*[b"A%d: b" % i for i in range(n)]),
    "hosts": lambda n: tail(*[b"Host: a"] * n),
    "lengths": lambda n: tail(*[b"Content-Length: 1"] * n),
    "almost-framing": lambda n: tail(*[b"Content-Lengt: 1"] * n),
    "long-name": lambda n: tail(b"a" * n + b": b"),
    "long-name-without-colon": lambda n: tail(b"a" * n),
    "long-value": lambda n: tail(b"A: " + b"b" * n),
    "long-value-then-nul": lambda n: tail(b"A: " + b"b" * n + b"\0"),
    "spaces": lambda n: tail(b"A:" + b" " * n),
    "spaces-around-length": lambda n: tail(b"Content-Length:" + b" " * n + b"5" + b" " * n),
    "spaces-in-length": lambda n: tail(b"Content-Length: 5" + b" " * n + b"x"),
    "spaces-around-host": lambda n: b"1\r\nHost:" + b" " * n + b"a" + b" " * n + b"\r\n\r\n",
    "long-host": lambda n: b"1\r\nHost: " + b"a" * n + b"\r\n\r\n",
    "long-host-then-bad": lambda n: b"1\r\nHost: " + b"a." * n + b"@\r\n\r\n",
    "encoded-host": lambda n: b"1\r\nHost: " + b"%41" * n + b"%\r\n\r\n",
    "colons-in-host": lambda n: b"1\r\nHost: [" + b"1:" * n + b"]\r\n\r\n",
    "future-host": lambda n: b"1\r\nHost: [v" + b"1" * n + b"." + b"a" * n + b"\r\n\r\n",
    "connection-options": lambda n: tail(b"Connection: " + b"a, " * n),
    "connection-commas": lambda n: tail(b"Connection: " + b"," * n),
    "codings": lambda n: tail(b"Transfer-Encoding: " + b"chunked," * n),
    "expectations": lambda n: tail(b"Expect: " + b"100-continue," * n),
}


@pytest.mark.parametrize("make", TAILS.values(), ids=TAILS.keys())
def test_tail(make: Callable[[int], bytes]) -> None:
    assert_linear(lambda size: refused_or_not(lambda octets: head.parse_tail(octets, 10**9), make(size)), 100_000)


@pytest.mark.parametrize("make", TAILS.values(), ids=TAILS.keys())
def test_whole_head(make: Callable[[int], bytes]) -> None:
    def work(size: int) -> Callable[[], object]:
        octets = b"GET / HTTP/1." + make(size)
        return refused_or_not(lambda octets: head.parse_request_head(octets, 0, 10**9, 10**9), octets)

    assert_linear(work, 100_000)


LINES: dict[str, Callable[[int], bytes]] = {
    "long-method": lambda n: b"G" * n + b" / HTTP/1.1",
    "long-target": lambda n: b"GET /" + b"a" * n + b" HTTP/1.1",
    "long-absolute-target": lambda n: b"GET http://" + b"a" * n + b"/" + b"b" * n + b" HTTP/1.1",
    "long-connect": lambda n: b"CONNECT " + b"a:" * n + b"80 HTTP/1.1",
    "long-version": lambda n: b"GET / HTTP/1." + b"1" * n,
    "spaces": lambda n: b"GET / HTTP/1.1" + b" " * n,
    "words": lambda n: b"GET /" + b" a" * n + b" HTTP/1.1",
    "colons": lambda n: b"GET " + b"://" * n + b" HTTP/1.1",
}


@pytest.mark.parametrize("make", LINES.values(), ids=LINES.keys())
def test_request_line(make: Callable[[int], bytes]) -> None:
    def work(size: int) -> Callable[[], object]:
        octets = make(size) + b"\r\nHost: a\r\n\r\n"
        return refused_or_not(lambda octets: head.parse_request_head(octets, 0, 10**9, 100), octets)

    assert_linear(work, 400_000)


@pytest.mark.parametrize("make", LINES.values(), ids=LINES.keys())
def test_start_line_of_httputil(make: Callable[[int], bytes]) -> None:
    assert_linear(
        lambda size: refused_or_not(lambda octets: parse_request_start_line(octets.decode()), make(size)), 400_000
    )


def test_response_start_line_of_httputil() -> None:
    line = "HTTP/1.1 200 "
    assert_linear(lambda size: lambda: parse_response_start_line(line + "a" * size), 400_000)


def test_split_fields() -> None:
    def work(size: int) -> Callable[[], object]:
        octets = tail(*[b"A: b"] * size)
        return lambda: head.split_fields(octets)

    assert_linear(work, 100_000)


def test_framing_fields() -> None:
    def work(size: int) -> Callable[[], object]:
        octets = tail(*[b"Connection: close"] * size)
        return lambda: framing.framing_fields(octets)

    assert_linear(work, 50_000)


# -- a head that is dripped into the engine ------------------------------------------------------------------------


class Stream:
    """The little of a stream that a connection asks for while it reads a head."""

    io_loop = types.SimpleNamespace(asyncio_loop=None, done_future=None)
    socket = None

    def set_consumer(self, consumer: object) -> None:
        pass


def connection(*, allow_bare_lf: bool = False) -> HTTP1ServerConnection:
    def ignore(member: object) -> None:
        pass

    sweep = types.SimpleNamespace(now=0.0, period=1.0, add=ignore, hurry=ignore, discard=ignore)
    engine = HTTP1ServerConnection(
        Stream(),  # type: ignore[arg-type]
        HTTP1ConnectionParameters(max_header_size=10**9, allow_bare_lf=allow_bare_lf),
        object(),  # type: ignore[arg-type]
    )
    engine.serve(Style(lambda request: None, False), sweep, lambda connection: None)  # type: ignore[arg-type]
    return engine


DRIPS: dict[str, Callable[[int], bytes]] = {
    "one-long-field": lambda n: b"GET / HTTP/1.1\r\nA: " + b"b" * n,
    "many-short-fields": lambda n: b"GET / HTTP/1.1\r\n" + b"A:b\r\n" * (n // 5),
    "one-long-target": lambda n: b"GET /" + b"a" * n,
    "one-long-method": lambda n: b"G" * n,
    "behind-a-long-target": lambda n: b"GET /" + b"a" * (n // 2) + b" HTTP/1.1\r\n" + b"A:b\r\n" * (n // 10),
    "bare-line-feeds": lambda n: b"GET / HTTP/1.1\n" + b"A:b\n" * (n // 4),
    "bare-line-feed-and-a-long-field": lambda n: b"GET / HTTP/1.1\nA: " + b"b" * n,
}


@pytest.mark.parametrize("make", DRIPS.values(), ids=DRIPS.keys())
@pytest.mark.parametrize("size", [1, 7])
def test_head_dripped(make: Callable[[int], bytes], size: int) -> None:
    def work(total: int) -> Callable[[], object]:
        octets = make(total)
        pieces = [octets[i : i + size] for i in range(0, len(octets), size)]
        engine = connection(allow_bare_lf=b"\r" not in octets[:100])

        def run() -> None:
            for piece in pieces:
                engine.data_received(piece)

        return run

    assert_linear(work, 65_536)


# -- chunked bodies ------------------------------------------------------------------------------------------------


def decoding(octets: bytes, size: int = 1 << 30) -> Callable[[], object]:
    pieces = [octets[i : i + size] for i in range(0, len(octets), size)]

    def run() -> None:
        decoder = chunked.ChunkedDecoder(10**9, 10**9)
        for piece in pieces:
            decoder.feed(piece)

    return run


@pytest.mark.parametrize(("size", "chunks"), [(1 << 30, 200_000), (65536, 200_000), (7, 40_000), (1, 20_000)])
def test_one_octet_chunks(size: int, chunks: int) -> None:
    assert_linear(lambda chunks: decoding(b"1\r\nx\r\n" * chunks + b"0\r\n\r\n", size), chunks)


@pytest.mark.parametrize("size", [1 << 30, 100])
def test_one_large_chunk(size: int) -> None:
    assert_linear(lambda length: decoding(b"%x\r\n%b\r\n0\r\n\r\n" % (length, b"x" * length), size), 4_000_000)


@pytest.mark.parametrize("size", [1 << 30, 7, 1])
def test_trailers(size: int) -> None:
    assert_linear(lambda count: decoding(b"0\r\n" + b"A: b\r\n" * count + b"\r\n", size), 20_000)


@pytest.mark.parametrize("size", [1 << 30, 1])
def test_one_long_trailer(size: int) -> None:
    assert_linear(lambda length: decoding(b"0\r\nA: " + b"b" * length, size), 65_536)


@pytest.mark.parametrize(
    "extension",
    [b";a", b";a=b", b';a=""', b";", b"a", b" ", b" ;a", b" ; a = b ", b";a ="],
    ids=["names", "values", "quoted", "semicolons", "one-name", "spaces", "spaced-names", "spaced", "no-values"],
)
def test_extensions(extension: bytes) -> None:
    """Beyond the bound of the decoder: the pattern itself."""
    assert_linear(lambda size: functools.partial(abnf.CHUNK_HEADER.match, b"5;a" + extension * size), 400_000)


@pytest.mark.parametrize("content", [b"a", b"\\\\", b'\\"', b"\\"], ids=["text", "backslashes", "quotes", "half"])
def test_quoted_extension(content: bytes) -> None:
    assert_linear(lambda size: functools.partial(abnf.CHUNK_HEADER.match, b'5;a="' + content * size), 400_000)


def test_headers_without_end() -> None:
    def work(count: int) -> Callable[[], object]:
        body = (b"5;" + b"a" * 200 + b"\r\nhello\r\n") * 10

        def run() -> None:
            for _ in range(count):
                decoding(body)()

        return run

    assert_linear(work, 400)


# -- header fields, cookies, forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "A: b\r\n" * n,
        lambda n: "".join(f"A{i}: b\r\n" for i in range(n)),
        lambda n: "A: " + "b" * n,
        lambda n: "-" * n + ": b",
        lambda n: "a-" * n + ": b",
        lambda n: "A:" + " " * n + "b" + " " * n,
        lambda n: "\r\n" * n,
        lambda n: "A" * n,
    ],
    ids=["same-name", "names", "long-value", "dashes", "words", "spaces", "empty-lines", "no-colon"],
)
def test_headers_parse(make: Callable[[int], str]) -> None:
    def work(size: int) -> Callable[[], object]:
        text = make(size)

        def run() -> None:
            try:
                headers = HTTPHeaders.parse(text)
            except HTTPInputError:
                return
            _ = headers.get("A"), str(headers), headers.copy()

        return run

    assert_linear(work, 50_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: 'a="' + "\\" * n + '"',
        lambda n: 'a="' + '\\"' * n,
        lambda n: 'a="' + "\\012" * n + '"',
        lambda n: 'a="' + "\\0" * n + '"',
        lambda n: "a=" + "\\" * n,
        lambda n: "a=" + '"' * n,
        lambda n: "a=b; " * n,
        lambda n: "; ".join(f"a{i}=b" for i in range(n)),
        lambda n: ";" * n,
        lambda n: "=" * n,
        lambda n: " " * n + "a=b" + " " * n,
        lambda n: "a" * n,
    ],
    ids=[
        "backslashes",
        "quotes",
        "octal",
        "half-octal",
        "bare-backslashes",
        "bare-quotes",
        "same",
        "many",
        "semicolons",
        "equals",
        "spaces",
        "name",
    ],
)
def test_cookies(make: Callable[[int], str]) -> None:
    def work(size: int) -> Callable[[], object]:
        request = HTTPServerRequest("GET", "/")
        request.headers["Cookie"] = make(size)
        return lambda: request.cookies

    assert_linear(work, 30_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "a=" + "%41" * n,
        lambda n: "a=" + "%" * n,
        lambda n: "a=" + "%4" * n,
        lambda n: "a=" + "+" * n,
        lambda n: "%C3%A9" * n + "=b",
        lambda n: "=" * n,
        lambda n: "&".join(f"a{i}=b" for i in range(min(n, 999))),
        lambda n: "&" * n,
    ],
    ids=["encoded", "percents", "half-encoded", "plus", "name", "equals", "arguments", "ampersands"],
)
def test_arguments(make: Callable[[int], str]) -> None:
    def work(size: int) -> Callable[[], object]:
        uri = "/?" + make(size)

        def run() -> None:
            try:
                _ = HTTPServerRequest("GET", uri).arguments
            except HTTPInputError:
                pass

        return run

    assert_linear(work, 100_000)


@pytest.mark.parametrize("host", [":", "1", ":1", "a", "a:"])
def test_host_name(host: str) -> None:
    def work(size: int) -> Callable[[], object]:
        request = HTTPServerRequest("GET", "/", host=host * size + "x")
        return lambda: request.host_name

    assert_linear(work, 100_000)


# -- buffers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [b"\n", b"\r\n\r\n", b"aaaaaaab"])
def test_read_until_dripped(delimiter: bytes) -> None:
    def work(size: int) -> Callable[[], object]:
        buffer, read = ReadBuffer(), Until(delimiter, None)

        def run() -> None:
            for _ in range(size):
                buffer.append(b"a")
                read.size(buffer)

        return run

    assert_linear(work, 65_536)


def test_buffer_read_octet_by_octet() -> None:
    def work(size: int) -> Callable[[], object]:
        buffer = ReadBuffer()
        buffer.append(b"a" * (size // 2))
        buffer.append(b"a" * (size // 2))

        def run() -> None:
            for _ in range(size):
                buffer.take(1)

        return run

    assert_linear(work, 400_000)


def test_raw_response_head_dripped() -> None:
    def work(size: int) -> Callable[[], object]:
        octets = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (size // 6)
        response = raw.RawResponse("GET")

        def run() -> None:
            for index in range(len(octets)):
                response.feed(octets[index : index + 1])

        return run

    assert_linear(work, 65_536)


@pytest.mark.parametrize("text", ["a", "\r\n", "\n", "\r"])
def test_bare_line_ends_are_searched_once(text: str) -> None:
    pattern: re.Pattern[bytes] = abnf.BARE_LINE_END
    assert_linear(lambda size: lambda: pattern.findall(text.encode() * size), 400_000)
