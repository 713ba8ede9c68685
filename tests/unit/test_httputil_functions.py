"""URLs, ranges and what else is a function of its arguments alone."""

from typing import Any

import pytest

from asynchttp import httputil


@pytest.mark.parametrize(
    ("url", "args", "result"),
    [
        ("/a", {"b": "c"}, "/a?b=c"),
        ("/a?b=c", {"d": "e"}, "/a?b=c&d=e"),
        ("/a?b=c&", [("b", "d")], "/a?b=c&b=d"),
        ("/a?b=", (("c", ""),), "/a?b=&c="),
        ("/a#d", {"b": "é /"}, "/a?b=%C3%A9+%2F#d"),
        ("/a?b=%20+%2B", [], "/a?b=++%2B"),
        ("/a?%zz", None, "/a?%zz"),
        ("http://u:p@h:1/a;b?c=d#e", {"f": 1}, "http://u:p@h:1/a;b?c=d&f=1#e"),
    ],
)
def test_url_concat(url: str, args: Any, result: str) -> None:
    assert httputil.url_concat(url, args) == result


@pytest.mark.parametrize(
    ("netloc", "parts"),
    [
        ("a", ("a", None)),
        ("a:80", ("a", 80)),
        ("[::1]:80", ("[::1]", 80)),
        ("[::1]", ("[::1]", None)),
        ("::1", (":", 1)),
        ("a:", ("a:", None)),
        (":80", (":80", None)),
        ("a:x", ("a:x", None)),
        ("", ("", None)),
    ],
)
def test_split_host_and_port(netloc: str, parts: tuple[str, int | None]) -> None:
    assert httputil.split_host_and_port(netloc) == parts


def test_qs_to_qsl() -> None:
    assert list(httputil.qs_to_qsl({"a": ["1", "2"], "b": [], "c": [b"3"]})) == [("a", "1"), ("a", "2"), ("c", b"3")]


@pytest.mark.parametrize(
    ("username", "password", "octets"),
    [("a", "b", b"a:b"), (b"\xff", "é", b"\xff:\xc3\xa9"), ("e\u0301", "", b"\xc3\xa9:"), ("a", "b:c", b"a:b:c")],
)
def test_7617_2_encode_username_password(username: str | bytes, password: str | bytes, octets: bytes) -> None:
    assert httputil.encode_username_password(username, password) == octets


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("bytes=1-2", b"bc"),
        ("bytes=0-", b"abcde"),
        ("bytes=3-", b"de"),
        ("bytes=-2", b"de"),
        ("bytes=-9", b"abcde"),
        ("bytes=-0", b""),
        ("bytes=4-9", b"e"),
        ("bytes=9-", b""),
        (" bytes = 1 - 2\t", b"bc"),
        ("bytes=1-1", b"b"),
        ("bytes=1-0", b""),
    ],
)
def test_9110_14_1_2_range(field: str, content: bytes) -> None:
    found = httputil._parse_request_range(field)
    assert found is not None
    assert b"abcde"[slice(*found)] == content


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1",
        "bytes=1-2,3-4",
        "bytes=a-b",
        "lines=1-2",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1-" + "9" * 19,
        "bytes==1-2",
        "bytes=1-2\n",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-2",
    ],
)
def test_9110_14_2_no_range(field: str) -> None:
    assert httputil._parse_request_range(field) is None


@pytest.mark.parametrize(
    ("start", "end", "value"),
    [(None, 1, "bytes 0-0/4"), (1, 3, "bytes 1-2/4"), (None, None, "bytes 0-3/4"), (3, None, "bytes 3-3/4")],
)
def test_9110_14_4_content_range(start: int | None, end: int | None, value: str) -> None:
    assert httputil._get_content_range(start, end, 4) == value


def test_header_with_parameters_both_ways() -> None:
    text = httputil._encode_header("permessage-deflate", {"server_x": None, "client_y": "15"})
    assert text == "permessage-deflate; client_y=15; server_x"
    assert httputil._parse_header(text) == ("permessage-deflate", {"client_y": "15"})
