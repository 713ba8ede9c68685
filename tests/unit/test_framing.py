"""Where a message ends: each rule by itself. Whole heads are in test_head.py."""

import pytest

from asynchttp._h1 import errors, framing
from asynchttp._h1.errors import ExpectationFailedError, HTTPInputError, UnsupportedCodingError
from tests.support.h1 import assert_modest, hostile_sizes


@pytest.mark.parametrize(
    ("values", "members"),
    [
        ([], []),
        ([b""], []),
        ([b"a"], [b"a"]),
        ([b"A"], [b"a"]),
        ([b"a,b"], [b"a", b"b"]),
        ([b" a\t, b "], [b"a", b"b"]),
        ([b"a", b"b"], [b"a", b"b"]),
        ([b"a,", b",b,,"], [b"a", b"b"]),
        ([b",", b" , "], []),
        ([b"a b"], [b"a b"]),
        ([b"\xa0a"], [b"\xa0a"]),
        ([b"\x0ba"], [b"\x0ba"]),
    ],
)
def test_9110_5_6_1_list_members(values: list[bytes], members: list[bytes]) -> None:
    assert framing.list_members(values) == members


def test_framing_fields_by_name_in_order() -> None:
    section = b"1\r\nHost: a\r\nX: y\r\nconnection: b \r\nCONNECTION:c\r\n\r\n"
    assert framing.framing_fields(section) == {b"host": [b"a"], b"connection": [b"b", b"c"]}


@pytest.mark.parametrize("minor", [0, 1, 9])
@pytest.mark.parametrize(
    ("values", "length"), [([], 0), ([b"0"], 0), ([b"5"], 5), ([b"007"], 7), ([b"9" * 19], 10**19 - 1)]
)
def test_9112_6_3_content_length(minor: int, values: list[bytes], length: int) -> None:
    assert framing.body_length(minor, values, []) == length


@pytest.mark.parametrize("size", hostile_sizes(), ids=repr)
def test_9112_6_3_content_length_is_digits(size: bytes) -> None:
    with pytest.raises(HTTPInputError, match="Only integer Content-Length is allowed") as caught:
        framing.body_length(1, [size], [])
    assert_modest(caught.value, size)


@pytest.mark.parametrize("values", [[b"5", b"6"], [b"5", b"5"], [b"5", b""], [b"0"] * 100])
def test_9112_6_3_one_content_length(values: list[bytes]) -> None:
    with pytest.raises(HTTPInputError, match="more than one Content-Length"):
        framing.body_length(1, values, [])


@pytest.mark.parametrize("values", [[b"chunked"], [b"CHUNKED"], [b",chunked"], [b"", b"chunked"], [b"chunked", b" ,"]])
def test_9112_7_1_chunked(values: list[bytes]) -> None:
    assert framing.body_length(1, [], values) == framing.CHUNKED


@pytest.mark.parametrize(
    "values",
    [
        [b""],
        [b", ,"],
        [b"chunked, chunked"],
        [b"chunked", b"gzip"],
        [b"chunked,x,chunked"],
        [b"gzip"],
        [b"identity"],
        [b"xchunked"],
        [b"\xa0chunked"],
        [b"x" * 10000],
    ],
)
def test_9112_6_3_chunked_last_and_once(values: list[bytes]) -> None:
    with pytest.raises(HTTPInputError, match="must be the last coding") as caught:
        framing.body_length(1, [], values)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "values", [[b"gzip, chunked"], [b"gzip", b"chunked"], [b"chunked;q=1"], [b"chunked;"], [b"x" * 10000 + b",chunked"]]
)
def test_9112_6_1_unknown_coding(values: list[bytes]) -> None:
    with pytest.raises(UnsupportedCodingError) as caught:
        framing.body_length(1, [], values)
    assert_modest(caught.value, b", ".join(values))


@pytest.mark.parametrize("codings", [[b"chunked"], [b""], [b"gzip"]])
@pytest.mark.parametrize("lengths", [[b"0"], [b"5"], [b""], [b"x"]])
def test_9112_6_1_never_both(lengths: list[bytes], codings: list[bytes]) -> None:
    with pytest.raises(HTTPInputError, match="both") as caught:
        framing.body_length(1, lengths, codings)
    assert caught.value.status == 400


@pytest.mark.parametrize("lengths", [[], [b"5"]])
@pytest.mark.parametrize("codings", [[b"chunked"], [b"identity"], [b""]])
def test_9112_6_1_no_coding_in_1_0(lengths: list[bytes], codings: list[bytes]) -> None:
    with pytest.raises(HTTPInputError, match=r"HTTP/1\.0") as caught:
        framing.body_length(0, lengths, codings)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("minor", "connection", "lives"),
    [
        (1, [], True),
        (1, [b"close"], False),
        (1, [b"x", b"y, CLOSE"], False),
        (1, [b"keep-alive"], True),
        (1, [b"close-not"], True),
        (1, [b'"close"'], True),
        (0, [], False),
        (0, [b"keep-alive"], True),
        (0, [b"KEEP-ALIVE, x"], True),
        (0, [b"keep-alive", b"close"], False),
        (0, [b"keepalive"], False),
    ],
)
def test_9112_9_3_keep_alive(minor: int, connection: list[bytes], lives: bool) -> None:
    assert framing.keep_alive(minor, connection) == lives


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("host", [b"", b"a", b"a:80", b"[::1]"])
def test_9112_3_2_host(minor: int, host: bytes) -> None:
    assert framing.request_host(minor, [host]) == host.decode()


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("hosts", [[b"a", b"a"], [b"", b""], [b"a", b"b"]])
def test_9112_3_2_one_host(minor: int, hosts: list[bytes]) -> None:
    with pytest.raises(HTTPInputError, match="more than one Host"):
        framing.request_host(minor, hosts)


@pytest.mark.parametrize("minor", [0, 1])
def test_9112_3_2_invalid_host(minor: int) -> None:
    host = b"a b" * 1000
    with pytest.raises(HTTPInputError, match="Invalid Host header: b'a ba ba b") as caught:
        framing.request_host(minor, [host])
    assert_modest(caught.value, host)


def test_9112_3_2_missing_host_in_1_1() -> None:
    with pytest.raises(HTTPInputError, match="missing Host"):
        framing.request_host(1, [])


def test_9112_3_2_missing_host_in_1_0() -> None:
    assert framing.request_host(0, []) == ""


@pytest.mark.parametrize(
    ("minor", "expectations", "expects"),
    [
        (1, [], False),
        (1, [b""], False),
        (1, [b"100-continue"], True),
        (1, [b"100-Continue", b"100-continue"], True),
        (0, [b"100-continue"], False),
        (0, [b"x"], False),
    ],
)
def test_9110_10_1_1_expect(minor: int, expectations: list[bytes], expects: bool) -> None:
    assert framing.expects_continue(minor, expectations) == expects


@pytest.mark.parametrize("expectations", [[b"x"], [b"100-continue, x"], [b"100"], [b"100-continue;a=b"]])
def test_9110_10_1_1_unknown_expectation(expectations: list[bytes]) -> None:
    with pytest.raises(ExpectationFailedError):
        framing.expects_continue(1, expectations)


@pytest.mark.parametrize(
    ("octets", "sample"),
    [
        (b"abc", "b'abc'"),
        (b"a\r\nb", r"b'a\r\nb'"),
        (b"\x1b[31m\xff", r"b'\x1b[31m\xff'"),
        (b"x" * 40, "b'" + "x" * 40 + "'"),
        (b"x" * 41, "b'" + "x" * 40 + "'…"),
        ("a\u2028b\x85", r"'a\u2028b\x85'"),
        ("x" * 41, "'" + "x" * 40 + "'…"),
    ],
)
def test_sample_is_short_and_escaped(octets: bytes | str, sample: str) -> None:
    assert errors.sample(octets) == sample
