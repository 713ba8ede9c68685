"""The patterns, octet by octet where the RFC defines a set of octets, and by example where it defines a form."""

import re

import pytest

from asynchttp._h1 import abnf

PATTERNS = {name: value for name, value in vars(abnf).items() if isinstance(value, re.Pattern)}
OCTETS = [bytes([octet]) for octet in range(256)]


def matching(pattern: str, template: bytes = b"%b") -> bytes:
    """The octets that make ``template`` match."""
    return b"".join(octet for octet in OCTETS if PATTERNS[pattern].fullmatch(template.replace(b"%b", octet)))


def octets_between(first: int, last: int, without: bytes = b"") -> bytes:
    return bytes(octet for octet in range(first, last + 1) if octet not in without)


def test_9110_5_6_2_tchar() -> None:
    expected = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert sorted(matching("TOKEN")) == sorted(expected)


def test_9110_5_5_octets_of_a_field_value() -> None:
    assert matching("FIELD_LINES", b"a:%b\r\n\r\n") == b"\t" + octets_between(0x20, 0xFF, without=b"\x7f")


def test_9112_3_2_octets_of_a_target() -> None:
    octets = b"".join(octet for octet in OCTETS if abnf.REQUEST_LINE.match(b"GET /" + octet + b" HTTP/1.1\r\n"))
    assert octets == octets_between(0x21, 0x7E, without=b"#")


def characters_matching(pattern: str) -> bytes:
    return b"".join(octet for octet in OCTETS if PATTERNS[pattern].fullmatch(octet.decode("latin-1")))


def test_token_as_text() -> None:
    assert characters_matching("TOKEN_TEXT") == matching("TOKEN")


def test_field_value_as_text() -> None:
    assert characters_matching("FIELD_VALUE_TEXT") == matching("FIELD_LINES", b"a:%b\r\n\r\n")


@pytest.mark.parametrize("pattern", ["TOKEN_TEXT", "FIELD_VALUE_TEXT"])
@pytest.mark.parametrize("text", ["Ā", "ı", "\u212a", "€", "\u2028", "\ud800", "𝐀"])
def test_text_refuses_what_is_no_octet(pattern: str, text: str) -> None:
    assert PATTERNS[pattern].fullmatch(text) is None


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a",
        b"example.org",
        b"example.org.",
        b"EXAMPLE.org:8080",
        b"example.org:",
        b"example.org:00080",
        b"a_b-c~d",
        b"xn--bcher-kva.example",
        b"a%20b",
        b"%C3%A9",
        b"!$&'()*+;=",
        b"127.0.0.1",
        b"127.0.0.1:65535",
        b"999.999.999.999",  # a reg-name, by the grammar
        b"[::]",
        b"[::1]",
        b"[::1]:80",
        b"[::1]:",
        b"[2001:db8::ff00:42:8329]",
        b"[2001:DB8:0:0:0:FF00:42:8329]",
        b"[1:2:3:4:5:6:7::]",
        b"[::2:3:4:5:6:7:8]",
        b"[::ffff:192.0.2.128]",
        b"[1:2:3:4:5:6:192.0.2.128]",
        b"[v1.a:b]",
        b"[vF.a]",
    ],
)
def test_9110_7_2_host(host: bytes) -> None:
    assert abnf.HOST.fullmatch(host)


# What isn't a host is listed in tests/support/hostile.py, and refused in test_head.py.


@pytest.mark.parametrize(
    "extension", [b"", b";a", b";a=b", b";a;b=c;d", b';a=""', b';a="b c"', b';a="\\"\\\\"', b";a=1"]
)
@pytest.mark.parametrize("size", [b"0", b"5", b"a", b"FF", b"0000000000000005", b"FFFFFFFFFFFFFFFF"])
def test_9112_7_1_chunk_header(size: bytes, extension: bytes) -> None:
    match = abnf.CHUNK_HEADER.fullmatch(size + extension + b"\r\n")
    assert match is not None
    assert match.groups() == (size, extension)


@pytest.mark.parametrize("lines", range(9))
def test_9112_2_2_empty_lines_up_to_eight(lines: int) -> None:
    match = abnf.EMPTY_LINES.match(b"\r\n" * lines + b"GET")
    assert match is not None
    assert match.end() == 2 * lines


def test_9112_2_2_empty_lines_no_more_than_eight() -> None:
    match = abnf.EMPTY_LINES.match(b"\r\n" * 100)
    assert match is not None
    assert match.end() == 16


@pytest.mark.parametrize(
    ("octets", "bare"),
    [
        (b"", False),
        (b"\r\n", False),
        (b"a\r\n\r\nb", False),
        (b"a\r", False),  # its LF may still come
        (b"\n", True),
        (b"a\nb", True),
        (b"a\r\n\nb", True),
        (b"a\rb", True),
        (b"a\r\r\n", True),
        (b"\r\r", True),
    ],
)
def test_9112_2_2_bare_line_end(octets: bytes, bare: bool) -> None:
    assert (abnf.BARE_LINE_END.search(octets) is not None) == bare


@pytest.mark.parametrize(
    "name", [b"Host", b"host", b"HOST", b"Content-Length", b"tRANSFER-eNCODING", b"Connection", b"Expect"]
)
def test_framing_field_is_found_in_any_case(name: bytes) -> None:
    assert abnf.FRAMING_FIELDS.findall(b"1\r\nA: b\r\n" + name + b": \t5 \r\n\r\n") == [(name, b"5 ")]


@pytest.mark.parametrize(
    "name",
    [
        b"Hos",
        b"Hosts",
        b"X-Host",
        b"Cost",
        b"Eost",
        b"Content-Lengt",
        b"Content-Length-",
        b"Transfer_Encoding",
        b"TE",
        b"Xpect",
    ],
)
def test_framing_field_is_not_mistaken(name: bytes) -> None:
    assert abnf.FRAMING_FIELDS.findall(b"1\r\n" + name + b": 5\r\n\r\n") == []


def test_framing_field_is_not_seen_in_a_value() -> None:
    assert abnf.FRAMING_FIELDS.findall(b"1\r\nA: Host: a\r\n\r\n") == []


@pytest.mark.parametrize("name", PATTERNS)
def test_no_unbounded_repetition_can_backtrack(name: str) -> None:
    pattern = PATTERNS[name].pattern
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", text, flags=re.DOTALL)  # without escapes and character classes
    assert re.findall(r"(?<![*+?}])[*+](?!\+)|\{[0-9]*,\}", bare) == []
