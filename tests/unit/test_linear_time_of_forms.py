"""Forms, ranges and content codings: the work grows with the octets, as in ``test_linear_time``."""

import gzip
from collections.abc import Callable

import pytest

from asynchttp import httputil
from asynchttp._decompress import Decompressor
from asynchttp._forms import (
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    parse_body_arguments,
    parse_header,
)
from asynchttp._h1.errors import HTTPInputError
from tests.unit.test_linear_time import assert_linear, seconds

UNBOUNDED = ParseBodyConfig(
    multipart=ParseMultipartConfig(max_parts=10**9, max_part_header_size=10**9),
    urlencoded=ParseUrlEncodedConfig(max_arguments=10**9),
)


def parsing(content_type: str, body: bytes) -> Callable[[], object]:
    def run() -> None:
        try:
            parse_body_arguments(content_type, body, {}, {}, config=UNBOUNDED)
        except HTTPInputError:
            pass

    return run


FIELD = b'Content-Disposition: form-data; name="a"'
PART = b"--x\r\n" + FIELD + b"\r\n\r\n1\r\n"
END = b"--x--\r\n"


def disposition(value: bytes) -> bytes:
    return b"--x\r\nContent-Disposition: form-data" + value + b"\r\n\r\n1\r\n" + END


MULTIPART: dict[str, Callable[[int], bytes]] = {
    "parts": lambda n: PART * (n // 50) + END,
    "parts-of-different-names": lambda n: (
        b"".join(PART.replace(b'"a"', b'"%d"' % index) for index in range(n // 50)) + END
    ),
    "parts-without-end": lambda n: PART * (n // 50),
    "files": lambda n: PART.replace(b'"a"', b'"a"; filename="b"') * (n // 60) + END,
    "empty-parts": lambda n: b"--x\r\n" * (n // 5) + END,
    "long-value": lambda n: PART.replace(b"1", b"1" * n) + END,
    "value-of-almost-delimiters": lambda n: PART.replace(b"1", b"\r\n--" * (n // 4)) + END,
    "value-of-line-ends": lambda n: PART.replace(b"1", b"\r\n" * (n // 2)) + END,
    "value-of-dashes": lambda n: PART.replace(b"1", b"-" * n) + END,
    "preamble": lambda n: b"\r\n" * (n // 2) + PART + END,
    "no-delimiter": lambda n: b"\r\n--y" * (n // 5),
    "epilogue": lambda n: PART + END + b"\r\n--x" * (n // 5),
    "padding": lambda n: b"--x" + b" " * n + b"\r\n" + PART[5:] + END,
    "padding-then-something": lambda n: b"--x" + b" " * n + b"y\r\n" + PART[5:] + END,
    "padding-of-many-lines": lambda n: PART.replace(b"x\r\n", b"x" + b" " * 50 + b"\r\n") * (n // 100) + END,
    "header-without-end": lambda n: b"--x\r\n" + b"A: b\r\n" * (n // 6) + END,
    "many-headers": lambda n: b"--x\r\n" + b"A: b\r\n" * (n // 6) + FIELD + b"\r\n\r\n1\r\n" + END,
    "different-headers": lambda n: (
        b"--x\r\n" + b"".join(b"A%d: b\r\n" % index for index in range(n // 10)) + FIELD + b"\r\n\r\n1\r\n" + END
    ),
    "long-name-of-a-header": lambda n: b"--x\r\n" + b"a" * n + b": b\r\n\r\n1\r\n" + END,
    "spaces-in-a-header": lambda n: b"--x\r\nA:" + b" " * n + b"\0\r\n\r\n1\r\n" + END,
}


@pytest.mark.parametrize("make", MULTIPART.values(), ids=MULTIPART.keys())
def test_multipart(make: Callable[[int], bytes]) -> None:
    assert_linear(lambda size: parsing("multipart/form-data; boundary=x", make(size)), 400_000)


def test_hundred_thousand_parts() -> None:
    assert_linear(lambda count: parsing("multipart/form-data; boundary=x", PART * count + END), 100_000)


@pytest.mark.parametrize("octets", [b"\r\n--" + b"x" * 69 + b"y", b"\r\n--" + b"x" * 60, b"xy"])
def test_longest_boundary(octets: bytes) -> None:
    content_type = "multipart/form-data; boundary=" + "x" * 70
    assert_linear(lambda size: parsing(content_type, octets * (size // len(octets))), 2_000_000)


PARAMETERS: dict[str, Callable[[int], bytes]] = {
    "parameters": lambda n: b"; a=b" * n,
    "different-parameters": lambda n: b"".join(b"; a%d=b" % index for index in range(n)),
    "semicolons": lambda n: b";" * n,
    "semicolons-in-quotes": lambda n: b'; name="' + b";" * n + b'"',
    "semicolons-in-half-a-quote": lambda n: b'; name="' + b";" * n,
    "quotes": lambda n: b"; a=" + b'"' * n,
    "quoted-parameters": lambda n: b'; a="b"' * n,
    "half-quotes": lambda n: b'; a="' * n,
    "backslashes": lambda n: b'; name="' + b"\\" * n + b'"',
    "backslashes-and-half-a-quote": lambda n: b'; name="' + b"\\" * n,
    "escaped-quotes": lambda n: b'; name="' + b'\\"' * n + b'"',
    "escaped-half-quotes": lambda n: b'; a="\\' * n,
    "spaces": lambda n: b";" + b" " * n + b"a" + b" " * n + b"=" + b" " * n + b"b",
    "spaces-and-nothing": lambda n: b"; a=" + b" " * n + b"\t;",
    "spaces-everywhere": lambda n: b"; a = b " * n,
    "equals": lambda n: b"; a" + b"=" * n,
    "long-name": lambda n: b"; " + b"a" * n,
    "long-value": lambda n: b"; name=" + b"a" * n,
    "value-then-a-quote": lambda n: b"; name=" + b"a" * n + b'"',
    "encoded": lambda n: b"; name=a; filename*=utf-8''" + b"%41" * n,
    "encoded-halves": lambda n: b"; name=a; filename*=utf-8''" + b"%4" * n,
    "encoded-quotes": lambda n: b"; name=a; filename*=" + b"'" * n,
    "encoded-parameters": lambda n: b"; a*=utf-8''%41" * n,
    "codec": lambda n: b"; name=a; filename*=idna''" + b"xn--" + b"a" * n,
    "name-of-a-codec": lambda n: b"; name=a; filename*=" + b"a" * n + b"''",
}


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_content_disposition(make: Callable[[int], bytes]) -> None:
    assert_linear(lambda size: parsing("multipart/form-data; boundary=x", disposition(make(size))), 40_000)


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_content_type(make: Callable[[int], bytes]) -> None:
    content_type = "multipart/form-data; boundary=x"
    assert_linear(lambda size: parsing(content_type + make(size).decode(), PART + END), 40_000)


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parse_header(make: Callable[[int], bytes]) -> None:
    def work(size: int) -> Callable[[], object]:
        line = "a" + make(size).decode()
        return lambda: parse_header(line)

    assert_linear(work, 40_000)


URLENCODED: dict[str, Callable[[int], bytes]] = {
    "fields": lambda n: b"a=b&" * n,
    "different-fields": lambda n: b"&".join(b"a%d=b" % index for index in range(n)),
    "ampersands": lambda n: b"&" * n,
    "equals": lambda n: b"=" * n,
    "encoded": lambda n: b"a=" + b"%41" * n,
    "percents": lambda n: b"a=" + b"%" * n,
    "plus": lambda n: b"+" * n,
    "octets": lambda n: b"\xff" * n + b"=" + b"\xff" * n,
    "encoded-octets": lambda n: b"%ff" * n + b"=",
}


@pytest.mark.parametrize("make", URLENCODED.values(), ids=URLENCODED.keys())
def test_urlencoded(make: Callable[[int], bytes]) -> None:
    assert_linear(lambda size: parsing("application/x-www-form-urlencoded", make(size)), 100_000)


@pytest.mark.parametrize("text", ["bytes={}-", "bytes=1-{}", "bytes= {}", "bytes{}", "bytes={}"])
@pytest.mark.parametrize("filler", ["1", "-", " ", ",1-2", "="])
def test_range(text: str, filler: str) -> None:
    def work(size: int) -> Callable[[], object]:
        field = text.format(filler * size)
        return lambda: httputil._parse_request_range(field)

    assert_linear(work, 100_000)


@pytest.mark.parametrize("netloc", ["a", ":", ":1", "1", "a:"])
def test_split_host_and_port(netloc: str) -> None:
    assert_linear(lambda size: lambda: httputil.split_host_and_port(netloc * size + "x"), 100_000)


def undoing(octets: bytes, size: int) -> Callable[[], object]:
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]

    def run() -> None:
        decompressor = Decompressor("gzip", lambda: 10**9, 4096)
        try:
            for piece in pieces:
                for _ in decompressor.feed(piece):
                    pass
        except HTTPInputError:
            pass

    return run


@pytest.mark.parametrize(("size", "length"), [(1, 200_000), (1000, 4_000_000), (1 << 30, 16_000_000)])
def test_gzip(size: int, length: int) -> None:
    assert_linear(lambda length: undoing(gzip.compress(bytes(range(256)) * (length // 256), 0), size), length)


#: The smallest that may come in any number.
MEMBER = gzip.compress(b"", 0) + gzip.compress(bytes(256), 0)


@pytest.mark.parametrize(("size", "count"), [(1, 1000), (1000, 20_000), (1 << 30, 40_000)])
def test_gzip_members(size: int, count: int) -> None:
    assert_linear(lambda count: undoing(MEMBER * count, size), count)


def test_gzip_members_of_nothing() -> None:
    """Refused before they cost more than their octets are worth: less than as many octets of one member."""
    nothing = gzip.compress(b"") * 200_000
    one = gzip.compress(bytes(range(256)) * (len(nothing) // 256), 0)
    assert min(seconds(undoing(nothing, 65536)) for _ in range(3)) < max(seconds(undoing(one, 65536)) for _ in range(3))
