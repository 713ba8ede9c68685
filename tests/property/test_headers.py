"""``HTTPHeaders`` against the simplest model of it: a list of pairs."""

from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1 import serializer
from asynchttp.httputil import HTTPHeaders, HTTPInputError
from tests.property.effort import examples

NAMES = st.sampled_from(["A", "a", "B-c", "b-C", "Set-Cookie", "x_y"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=6).map(
    str.strip
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


def added(fields: list[tuple[str, str]]) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in fields:
        headers.add(name, value)
    return headers


@given(FIELDS)
@examples(300)
def test_values_by_name(fields: list[tuple[str, str]]) -> None:
    headers = added(fields)
    for name, _ in fields:
        expected = [value for other, value in fields if other.lower() == name.lower()]
        assert headers.get_list(name) == expected
        assert headers[name] == ",".join(expected)


@given(FIELDS, st.sampled_from(["\r\n", "\n"]))
@examples(300)
def test_parse_reads_what_str_writes(fields: list[tuple[str, str]], end: str) -> None:
    headers = added([(name, value.strip(" \t")) for name, value in fields])
    assert list(HTTPHeaders.parse(str(headers).replace("\n", end)).get_all()) == list(headers.get_all())


@given(st.text(max_size=8), st.text(max_size=12))
@examples(500)
def test_what_may_be_added_may_be_sent(name: str, value: str) -> None:
    try:
        headers = added([(name, value)])
    except HTTPInputError:
        return
    encoded = serializer.encode_fields(headers.get_all())
    assert encoded.count(b"\n") == encoded.count(b"\r") == 1


@given(st.text(max_size=60))
@examples(500)
def test_parse_raises_nothing_else(text: str) -> None:
    try:
        HTTPHeaders.parse(text)
    except HTTPInputError:
        pass
