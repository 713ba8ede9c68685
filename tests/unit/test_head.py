"""Request heads: what is read, what is refused, and that it is the same however the octets arrive."""

import pytest

from asynchttp._h1 import framing, head
from asynchttp._h1.errors import HeadTooLargeError, HTTPInputError, URITooLongError
from tests.support.h1 import assert_modest, read_head
from tests.support.hostile import HEADS, Hostile
from tests.support.splits import every_split


def parse(octets: bytes, max_header_size: int = 65536, max_header_count: int = 100) -> head.RequestHead:
    found = head.parse_request_head(octets, 0, max_header_size, max_header_count)
    assert found is not None
    assert found[1] == len(octets)
    return found[0]


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a") -> head.RequestHead:
    return parse(b"\r\n".join([line, host, *fields, b"", b""]))


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hostile", HEADS, ids=[hostile.id for hostile in HEADS])
def test_refused_with_its_status_at_every_split(hostile: Hostile) -> None:
    for pieces in every_split(hostile.octets):
        with pytest.raises(HTTPInputError) as caught:
            read_head(pieces)
        assert caught.value.status == hostile.status


@pytest.mark.parametrize("hostile", HEADS, ids=[hostile.id for hostile in HEADS])
def test_refusal_is_one_line_without_the_hostile_octets(hostile: Hostile) -> None:
    for pieces in every_split(hostile.octets):
        with pytest.raises(HTTPInputError) as caught:
            read_head(pieces)
        assert_modest(caught.value, hostile.octets)


@pytest.mark.parametrize("hostile", HEADS, ids=[hostile.id for hostile in HEADS])
def test_refused_behind_another_request(hostile: Hostile) -> None:
    first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with pytest.raises(HTTPInputError):
        head.parse_request_head(first + hostile.octets, len(first), 65536, 100)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"GET /\r\n", "HTTP/0.9 is not supported"),
        (b"PRI * HTTP/2.0\r\n", "unsupported version"),
        (b"\x16\x03\x01", "TLS client"),
        (b"GET / HTTP/1.1\n", "doesn't end with CRLF"),
        (b"GET / HTTP/1.1\r\nA: b\n", "doesn't end with CRLF"),
        (b"GET / HTTP/1.1\rA", "doesn't end with CRLF"),
        (b"\x00", "not a token"),
        (b" ", "not a token"),
        (b"GET / HTTP/1.2.3\r\n", "invalid version"),
        (b"GET  / HTTP/1.1\r\n", "one space between"),
        (b"\r\n" * 9, "too many empty lines"),
    ],
)
def test_refused_before_the_head_ends(octets: bytes, message: str) -> None:
    with pytest.raises(HTTPInputError, match=message):
        head.parse_request_head(octets, 0, 65536, 100)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"G",
        b"\r",
        b"\r\n",
        b"\r\n\r",
        b"\r\n" * 8,
        b"GET / HTTP/1.1\r",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n\r",
    ],
)
def test_waits_for_what_may_still_come(octets: bytes) -> None:
    assert head.parse_request_head(octets, 0, 65536, 100) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([b"A : b"], "whitespace between field name and colon"),
        ([b"A: b", b" c"], "obs-fold"),
        ([b"A"], "no colon"),
        ([b"A(: b"], "field name is not a token"),
        ([b"A: \x00"], "control character"),
        ([b"A: b\nC: d"], "doesn't end with CRLF"),
        ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], "both Transfer-Encoding and Content-Length"),
        ([b"Content-Length: +5"], r"of at most 19 digits: b'\+5'"),
        ([b"Content-Length: 5", b"Content-Length: 5"], "more than one Content-Length"),
        ([b"Host: b"], "more than one Host"),
        ([b"Transfer-Encoding: chunked, chunked"], "must be the last coding"),
        ([b"Transfer-Encoding: br, chunked"], "unsupported transfer coding: b'br, chunked'"),
        ([b"Expect: b"], "unknown expectation: b'b'"),
    ],
)
def test_message_names_the_rule(fields: list[bytes], message: str) -> None:
    with pytest.raises(HTTPInputError, match=message):
        get(*fields)


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Transfer-Encoding", b"Expect"])
def test_message_samples_a_long_value(name: bytes) -> None:
    octets = b"GET / HTTP/1.1\r\n" + name + b": " + b"\xff" * 60000 + b"\r\n\r\n"
    if name != b"Host":
        octets = octets.replace(b"\r\n", b"\r\nHost: a\r\n", 1)
    with pytest.raises(HTTPInputError) as caught:
        parse(octets)
    assert_modest(caught.value, octets)


# -- limits -------------------------------------------------------------------------------------------------------

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nA: bcdefgh\r\n\r\n"
LINE = b"GET /aaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n"


@pytest.mark.parametrize("before", [b"", b"\r\n"], ids=["", "with-empty-line"])
def test_6585_5_head_of_the_largest_size(before: bytes) -> None:
    octets = before + HEAD
    assert all(read_head(pieces, max_header_size=len(octets)) for pieces in every_split(octets))


@pytest.mark.parametrize("before", [b"", b"\r\n"], ids=["", "with-empty-line"])
def test_6585_5_head_larger_than_the_limit(before: bytes) -> None:
    octets = before + HEAD
    for pieces in every_split(octets):
        with pytest.raises(HeadTooLargeError, match="larger than"):
            read_head(pieces, max_header_size=len(octets) - 1)


@pytest.mark.parametrize("size", [20, len(LINE) - 2, len(LINE) - 1])
def test_9110_15_5_15_request_line_longer_than_the_limit(size: int) -> None:
    for pieces in every_split(LINE + b"Host: a\r\n\r\n"):
        with pytest.raises(URITooLongError):
            read_head(pieces, max_header_size=size)


def test_9110_15_5_15_request_line_of_the_limit_is_no_uri_too_long() -> None:
    for pieces in every_split(LINE + b"Host: a\r\n\r\n"):
        with pytest.raises(HeadTooLargeError):
            read_head(pieces, max_header_size=len(LINE))


def test_6585_5_head_without_end() -> None:
    with pytest.raises(HeadTooLargeError):
        head.refuse_early(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100, 600)


def test_9110_15_5_15_request_line_without_end() -> None:
    with pytest.raises(URITooLongError):
        head.refuse_early(b"GET /" + b"a" * 100, 100)


@pytest.mark.parametrize("count", [1, 99, 100])
def test_6585_5_as_many_fields_as_allowed(count: int) -> None:
    assert len(head.split_fields(get(*[b"A: b"] * (count - 1)).tail.octets)) == count


@pytest.mark.parametrize("count", [101, 1000])
def test_6585_5_more_fields_than_allowed(count: int) -> None:
    with pytest.raises(HeadTooLargeError, match="more than 100 header fields"):
        get(*[b"A: b"] * (count - 1))


# -- what is read -------------------------------------------------------------------------------------------------


def test_method_and_target() -> None:
    request = get(line=b"M-SEARCH /a/b?c=d HTTP/1.1")
    assert (request.method, request.target) == ("M-SEARCH", "/a/b?c=d")


@pytest.mark.parametrize("line", [b"GET /%b HTTP/1.1" % bytes([octet]) for octet in range(0x21, 0x7F) if octet != 0x23])
def test_9112_3_2_visible_ascii_in_a_target_is_kept(line: bytes) -> None:
    assert get(line=line).target.encode() == line[4:6]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", b"/"),
        (b"GET", b"//a"),
        (b"GET", b"/a?b?c"),
        (b"GET", b"/http://a/"),
        (b"GET", b"http://a"),
        (b"GET", b"HTTP://a:80/b?c"),
        (b"GET", b"https://[::1]:80?b/c"),
        (b"OPTIONS", b"*"),
        (b"OPTIONS", b"/"),
        (b"OPTIONS", b"http://a"),
        (b"CONNECT", b"a:80"),
        (b"CONNECT", b"[::1]:443"),
        (b"connect", b"/"),  # another method: they are case-sensitive (RFC 9110 §9.1)
    ],
)
def test_9112_3_2_target_forms(method: bytes, target: bytes) -> None:
    assert get(line=method + b" " + target + b" HTTP/1.1").target.encode() == target


@pytest.mark.parametrize("minor", range(10))
def test_9112_2_3_any_minor_version(minor: int) -> None:
    assert get(line=b"GET / HTTP/1.%d" % minor).tail.minor == minor


@pytest.mark.parametrize("lines", range(9))
def test_9112_2_2_empty_lines_before_a_request_are_skipped(lines: int) -> None:
    octets = b"\r\n" * lines + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for pieces in every_split(octets):
        found = read_head(pieces)
        assert found is not None
        assert found[1] == len(octets)


def test_begins_where_told_and_ends_behind_the_head() -> None:
    request = b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n"
    data = b"POST /a HTTP/1.1\r\nHost: a\r\n\r\n" + request + b"body"
    found = head.parse_request_head(data, len(data) - len(request) - 4, 65536, 100)
    assert found is not None
    assert (found[0].target, data[found[1] :]) == ("/b", b"body")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"Host:a", "a"),
        (b"Host: a", "a"),
        (b"Host:\t a \t", "a"),
        (b"hOST: A:80", "A:80"),
        (b"Host:", ""),
        (b"Host: ", ""),
        (b"Host: [::1]:80", "[::1]:80"),
    ],
)
def test_9112_3_2_host(line: bytes, value: str) -> None:
    assert get(host=line).tail.host == value


def test_9112_3_2_host_may_be_missing_in_1_0() -> None:
    assert parse(b"GET / HTTP/1.0\r\n\r\n").tail.host == ""


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ([], 0),
        ([b"Content-Length: 0"], 0),
        ([b"Content-Length: 5"], 5),
        ([b"content-length:\t5 "], 5),
        ([b"CONTENT-LENGTH: 0005"], 5),
        ([b"Content-Length: 9999999999999999999"], 9999999999999999999),
        ([b"Transfer-Encoding: chunked"], framing.CHUNKED),
        ([b"transfer-encoding:\tCHUNKED "], framing.CHUNKED),
        ([b"Transfer-Encoding: , chunked,"], framing.CHUNKED),
        ([b"X-Content-Length: 5", b"Content-Lengths: 5"], 0),
        ([b"X-Transfer-Encoding: chunked", b"TE: chunked"], 0),
    ],
)
def test_9112_6_3_body_length(fields: list[bytes], length: int) -> None:
    assert get(*fields).tail.body_length == length


@pytest.mark.parametrize(
    ("line", "fields", "keep_alive"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"GET / HTTP/1.1", [b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"connection: CLOSE"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive, close"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"Connection: x"], True),
        (b"GET / HTTP/1.1", [b"Connection: closed"], True),
        (b"GET / HTTP/1.1", [b"Connection:"], True),
        (b"GET / HTTP/1.1", [b"X: close"], True),
        (b"GET / HTTP/1.0", [], False),
        (b"GET / HTTP/1.0", [b"Connection: Keep-Alive"], True),
        (b"GET / HTTP/1.0", [b"Connection: keep-alive, close"], False),
        (b"GET / HTTP/1.0", [b"Connection: x"], False),
        (b"GET / HTTP/1.2", [], True),
    ],
)
def test_9112_9_3_keep_alive(line: bytes, fields: list[bytes], keep_alive: bool) -> None:
    assert get(*fields, line=line).tail.keep_alive == keep_alive


@pytest.mark.parametrize(
    ("line", "fields", "expects"),
    [
        (b"PUT / HTTP/1.1", [], False),
        (b"PUT / HTTP/1.1", [b"Expect: 100-continue"], True),
        (b"PUT / HTTP/1.1", [b"expect: 100-CONTINUE"], True),
        (b"PUT / HTTP/1.1", [b"Expect: 100-continue", b"Expect: 100-continue"], True),
        (b"PUT / HTTP/1.1", [b"Expect:"], False),
        (b"PUT / HTTP/1.0", [b"Expect: 100-continue"], False),
        (b"PUT / HTTP/1.0", [b"Expect: x"], False),
    ],
)
def test_9110_10_1_1_expect(line: bytes, fields: list[bytes], expects: bool) -> None:
    assert get(*fields, line=line).tail.expect_continue == expects


def test_fields_in_the_order_sent() -> None:
    request = get(b"B: c", b"a:d", b"B:\t e\tf \t", b"C:", b"D: \xe9")
    assert head.split_fields(request.tail.octets) == [
        ("Host", "a"),
        ("B", "c"),
        ("a", "d"),
        ("B", "e\tf"),
        ("C", ""),
        ("D", "é"),
    ]


def test_fields_of_a_section_without_any() -> None:
    assert head.split_fields(b"0\r\n\r\n") == []


def test_9110_5_5_no_break_space_is_no_whitespace() -> None:
    assert head.split_fields(b"1\r\nA: \xa0b\xa0\r\n\r\n") == [("A", "\xa0b\xa0")]


@pytest.mark.parametrize(
    "fields",
    [
        [b"Host: a"],
        [b"host: a:8888", b"User-Agent: wrk"],
        [b"Host: a", b"Connection: keep-alive", b"User-Agent: Mozilla/5.0", b"Accept: */*", b"Cookie: b=c; d=e"],
        [b"User-Agent: x", b"Accept: */*", b"Host: [::1]:80", b"Connection: Keep-Alive"],
        [b"Host: a", b"Accept: */*", b"Content-Type: text/plain", b"Content-Length: 5"],
        [b"Host: a", b"Connection: keep-alive", b"Content-Length: 5", b"Content-Type: text/plain"],
    ],
)
def test_ordinary_tail_is_read_at_one_glance(fields: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """What common clients send takes the fast form; that it equals the plain one is a property test's business."""
    monkeypatch.delattr(head, "_plain_tail")
    tail = head.parse_tail(b"\r\n".join([b"1", *fields, b"", b""]), 100)
    assert (tail.minor, tail.keep_alive, tail.body_length) == (1, True, 5 if b"Content-Length: 5" in fields else 0)
