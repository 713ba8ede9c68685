"""``httputil`` against Tornado's, whose place it takes: the same values, but for the listed differences."""

import datetime
import math
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tornado import httputil as tornado

from asynchttp import httputil as ours
from asynchttp._forms import _WELL_FORMED, parse_header
from tests.property.effort import examples
from tests.property.test_forms import ANY_NAMES, parts
from tests.support.forms import Form, encode, read

REFUSED = "refused"
Refusals = tuple[type[Exception], ...]


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, or that it takes its argument for a peer's mistake."""
    try:
        return function(*arguments)
    except (ours.HTTPInputError, tornado.HTTPInputError):
        return REFUSED


# -- URLs and names ------------------------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("abé &=+%#?/:,[]@\t\xa0"), max_size=6)
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=4)


@given(
    st.sampled_from(["", "/", "http://a/b", "//a", "http://[::1]:80/c;d", "a:b", "mailto:a@b"]),
    WORDS,
    st.one_of(PAIRS, PAIRS.map(tuple), PAIRS.map(dict), st.none()),
)
@examples(400)
def test_url_concat(base: str, rest: str, arguments: Any) -> None:
    assert same_or_both_fail(ours.url_concat, tornado.url_concat, base + rest, arguments)


def test_url_concat_keeps_an_empty_parameter() -> None:
    assert ours.url_concat("/a;", [("b", "c")]) == "/a;?b=c"
    assert tornado.url_concat("/a;", [("b", "c")]) == "/a?b=c"


@pytest.mark.parametrize("arguments", ["a=b", {("a", "b")}, 5, iter([("a", "b")])])
def test_url_concat_of_something_else(arguments: Any) -> None:
    for module in (ours, tornado):
        with pytest.raises(TypeError, match="'args' parameter should be dict, list or tuple"):
            module.url_concat("/", arguments)


def same_or_both_fail(one: Callable[..., Any], other: Callable[..., Any], *arguments: Any) -> bool:
    outcomes = []
    for function in (one, other):
        try:
            outcomes.append(function(*arguments))
        except Exception as error:
            outcomes.append(type(error))
    return bool(outcomes[0] == outcomes[1])


@given(st.text(st.sampled_from("ab:019[]. é"), max_size=10))
@examples(400)
def test_split_host_and_port(netloc: str) -> None:
    assert ours.split_host_and_port(netloc) == tornado.split_host_and_port(netloc)


@pytest.mark.parametrize("netloc", ["a:1\n", "a:١"])
def test_split_host_and_port_of_ascii_digits_only(netloc: str) -> None:
    assert ours.split_host_and_port(netloc) == (netloc, None)
    assert tornado.split_host_and_port(netloc) == ("a", 1)


@given(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=3))
@examples(100)
def test_qs_to_qsl(arguments: Any) -> None:
    assert list(ours.qs_to_qsl(arguments)) == list(tornado.qs_to_qsl(arguments))


NAMES = st.one_of(st.text(max_size=5), st.binary(max_size=5), st.sampled_from(["Å", "A\u030a", "\u212b"]))


@given(NAMES, NAMES)
@examples(200)
def test_encode_username_password(username: Any, password: Any) -> None:
    function = ours.encode_username_password
    assert same_or_both_fail(function, tornado.encode_username_password, username, password)


# -- time ----------------------------------------------------------------------------------------------------------

ZONES = st.one_of(st.none(), st.timezones(), st.just(datetime.UTC))
YEARS = {"min_value": datetime.datetime(1, 1, 3), "max_value": datetime.datetime(9999, 12, 29)}


@given(
    st.one_of(
        st.integers(-(10**10), 10**11),
        st.floats(-1e10, 1e11).map(lambda ts: round(ts, 3)),  # Tornado rounds up the last half of a microsecond
        st.datetimes(timezones=ZONES, **YEARS),  # type: ignore[arg-type]
        st.datetimes(**YEARS).map(datetime.datetime.timetuple),  # type: ignore[arg-type]
        st.datetimes(**YEARS).map(lambda when: tuple(when.timetuple())),  # type: ignore[arg-type]
    )
)
@examples(300)
def test_format_timestamp(ts: Any) -> None:
    assert ours.format_timestamp(ts) == tornado.format_timestamp(ts)


@pytest.mark.parametrize("ts", [math.nan, math.inf, 1e300, 10**400])
def test_format_timestamp_of_no_instant(ts: Any) -> None:
    assert same_or_both_fail(ours.format_timestamp, tornado.format_timestamp, ts)


# -- start lines -----------------------------------------------------------------------------------------------------


def nearly(lines: list[str], words: Iterable[str]) -> st.SearchStrategy[str]:
    """One of ``lines`` with a character put into it, or taken out of it, or as it is."""

    @st.composite
    def build(draw: st.DrawFn) -> str:
        line = draw(st.sampled_from(lines))
        place = draw(st.integers(0, len(line)))
        return line[:place] + draw(st.sampled_from(["", *words])) + line[place + draw(st.integers(0, 1)) :]

    return build()


@given(nearly(["GET / HTTP/1.1", "a /b?c HTTP/1.0", "GET * HTTP/1.9", "GET / HTTP/2.0"], " \t\r\n\0\x7f\x80é#/1.HTa:@"))
@examples(300)
def test_parse_request_start_line(line: str) -> None:
    mine, theirs = outcome(ours.parse_request_start_line, line), outcome(tornado.parse_request_start_line, line)
    if mine != theirs:
        # Octets beyond ASCII and a fragment aren't part of a target (RFC 9112 §3.2, RFC 9110 §7.1).
        assert mine == REFUSED
        assert re.search(r"[\x80-\xff#]", line)


@given(nearly(["HTTP/1.1 200 OK", "HTTP/1.0 404 ", "HTTP/1.1 999 a b", "HTTP/2.0 200 OK"], " \t\r\n\0\x7f\x80é1/."))
@examples(300)
def test_parse_response_start_line(line: str) -> None:
    mine, theirs = outcome(ours.parse_response_start_line, line), outcome(tornado.parse_response_start_line, line)
    if mine != theirs:
        assert (mine.reason, theirs.reason) == ("", None)  # behind "404 " there is no phrase


# -- header fields ---------------------------------------------------------------------------------------------------

FIELD_NAMES = st.sampled_from(["a", "A", "b-C", "B-c", "set-cookie", "x_Y", "", "é", "a b", "-", "a-", "1a", "ß-ß"])
#: Whitespace around a value is another matter: see test_whitespace_around_a_value.
FIELD_VALUES = st.text(st.sampled_from("ab, \té\xa0\r\n\0\x7fĀ"), max_size=4).map(lambda text: text.strip(" \t"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), FIELD_NAMES, FIELD_VALUES),
        st.tuples(st.just("__setitem__"), FIELD_NAMES, FIELD_VALUES),
        st.tuples(st.just("__delitem__"), FIELD_NAMES),
        st.tuples(st.just("parse_line"), st.tuples(FIELD_NAMES, FIELD_VALUES).map(": ".join)),
        st.tuples(st.just("parse_line"), st.sampled_from(["", "\r\n", " a: b", "a", "a: b\r\n", "a: b\n", "a: b\r"])),
        st.tuples(st.just("setdefault"), FIELD_NAMES, FIELD_VALUES),
        st.tuples(st.just("pop"), FIELD_NAMES, st.none()),
        st.tuples(st.just("update"), st.dictionaries(FIELD_NAMES, FIELD_VALUES, max_size=2)),
        st.tuples(st.just("get"), FIELD_NAMES),
        st.tuples(st.just("__getitem__"), FIELD_NAMES),
        st.tuples(st.just("__contains__"), st.one_of(FIELD_NAMES, st.none(), st.binary(max_size=1))),
        st.tuples(st.just("get_list"), FIELD_NAMES),
        st.tuples(st.just("popitem")),
        st.tuples(st.just("clear")),
    ),
    max_size=8,
)


def seen(headers: Any) -> list[Any]:
    return [list(headers.get_all()), list(headers), list(headers.items()), len(headers), str(headers)]


@given(STEPS)
@examples(300)
def test_http_headers(steps: list[tuple[Any, ...]]) -> None:
    mine, theirs = ours.HTTPHeaders(), tornado.HTTPHeaders()
    for name, *arguments in steps:
        results = []
        for headers in (mine, theirs):
            try:
                results.append(outcome(getattr(headers, name), *arguments))
            except KeyError:
                results.append(KeyError)
        assert results[0] == results[1], (name, arguments)
        assert seen(mine) == seen(theirs), (name, arguments)
    assert seen(mine.copy()) == seen(mine)
    assert mine == ours.HTTPHeaders(theirs)


@pytest.mark.parametrize("value", [" ", " a", "a\t"])
def test_whitespace_around_a_value(value: str) -> None:
    """It is no part of it (RFC 9110 §5.5), so it does no harm, and programs for Tornado before 6.5 write it."""
    headers = ours.HTTPHeaders()
    headers.add("A", value)
    assert ours.HTTPHeaders.parse(str(headers))["A"] == value.strip(" \t")
    assert outcome(tornado.HTTPHeaders().add, "A", value) == REFUSED


def test_copy_takes_what_was_set_unchecked() -> None:
    """Assignment checks nothing, here and there; what would split a message is refused when it is written."""
    mine, theirs = ours.HTTPHeaders(), tornado.HTTPHeaders()
    mine["a b"] = theirs["a b"] = "c\n"
    assert seen(mine.copy()) == seen(mine) == seen(theirs)
    assert outcome(theirs.copy) == REFUSED


@given(st.text(st.sampled_from("aB-: \t\r\né\0"), max_size=14))
@examples(300)
def test_http_headers_of_a_text(text: str) -> None:
    def parse(module: Any) -> Any:
        return seen(module.HTTPHeaders.parse(text))

    assert outcome(parse, ours) == outcome(parse, tornado)


def test_http_headers_are_not_told_their_list() -> None:
    """Tornado hands out its own list; who appends to it passes by all checks."""
    headers = ours.HTTPHeaders(A="b")
    headers.get_list("A").append("c\r\nd")
    assert headers.get_list("A") == ["b"]


# -- what a request tells --------------------------------------------------------------------------------------------


def requests(uri: str, headers: list[tuple[str, str]]) -> tuple[Any, Any]:
    made = []
    for module in (ours, tornado):
        fields = module.HTTPHeaders()
        for name, value in headers:
            fields.add(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            start_line = module.RequestStartLine("GET", uri, "HTTP/1.0")
            made.append(module.HTTPServerRequest(headers=fields, start_line=start_line))
    return made[0], made[1]


@given(st.sampled_from(["a", "A.b:80", "[::1]:8", "1.2.3.4", "a_b:1"]), st.text("ab/?&=+;.", max_size=12))
@examples(400)
def test_requests(host: str, target: str) -> None:
    mine, theirs = requests("/" + target, [("Host", host)])
    for name in ("method", "uri", "path", "query", "version", "host", "host_name", "protocol", "remote_ip", "body"):
        assert getattr(mine, name) == getattr(theirs, name), name
    for name in ("arguments", "query_arguments", "body_arguments", "files"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.full_url() == theirs.full_url()
    assert repr(mine) == repr(theirs)


@given(st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=4)), max_size=4))
@examples(300)
def test_arguments(pairs: list[tuple[bytes, bytes]]) -> None:
    def encoded(octets: bytes) -> str:
        return "".join(f"%{octet:02x}" for octet in octets)

    mine, theirs = requests("/?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs), [])
    # A name is UTF-8 here, as what stands in an application's source; Tornado's is ISO 8859-1 as it comes.
    expected: dict[str, list[bytes]] = {}
    for name, values in theirs.arguments.items():
        expected.setdefault(name.encode("latin-1").decode("utf-8", "replace"), []).extend(values)
    assert {name: sorted(values) for name, values in mine.arguments.items()} == {
        name: sorted(values) for name, values in expected.items()
    }


COOKIES = st.text(st.sampled_from('ab= ;,"\\012\t\xa0é'), max_size=16)


@given(COOKIES)
@examples(400)
def test_parse_cookie(text: str) -> None:
    # Whitespace is space and tab; Tornado takes off any that Unicode knows.
    assume("\xa0" not in text)
    assert ours.parse_cookie(text) == tornado.parse_cookie(text)


def test_no_break_space_belongs_to_a_cookie() -> None:
    assert ours.parse_cookie("a=b\xa0") == {"a": "b\xa0"}
    assert tornado.parse_cookie("a=b\xa0") == {"a": "b"}


@given(COOKIES)
@examples(300)
def test_cookies_of_a_request(text: str) -> None:
    assume("\xa0" not in text)
    mine, theirs = requests("/", [("Cookie", text.strip(" \t"))])
    assert mine.cookies == theirs.cookies
    assert mine.cookies.output() == theirs.cookies.output()


def test_cookies_of_two_fields() -> None:
    """Tornado joins them with a comma, which then belongs to a value; RFC 9113 §8.2.3 says how they come about."""
    mine, theirs = requests("/", [("Cookie", "a=1"), ("Cookie", "b=2")])
    assert {name: cookie.value for name, cookie in mine.cookies.items()} == {"a": "1", "b": "2"}
    assert {name: cookie.value for name, cookie in theirs.cookies.items()} == {"a": "1,b=2"}


# -- ranges --------------------------------------------------------------------------------------------------------


@given(st.one_of(st.text("bytes=0123-, ", max_size=14), st.text("0123- ", max_size=8).map("bytes=".__add__)))
@examples(400)
def test_parse_request_range(text: str) -> None:
    mine, theirs = ours._parse_request_range(text), tornado._parse_request_range(text)
    if mine != theirs:
        # No number at all, no dash, or a number with a sign: as if there were no field (RFC 9110 §14.2).
        assert mine is None
        assert theirs == (None, None) or "-" not in text or re.search(r"-[^-]*-", text)


@pytest.mark.parametrize(
    "text", ["bytes=1_0-2", "bytes=+1-2", "bytes=١-2", "bytes=\xa01-2", "bytes=1--2", "bytes=-", "bytes=", "bytes=1"]
)
def test_9110_14_1_2_not_a_range(text: str) -> None:
    assert ours._parse_request_range(text) is None
    assert tornado._parse_request_range(text) is not None


@given(st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 9))
@examples(200)
def test_get_content_range(start: int | None, end: int | None, total: int) -> None:
    assert ours._get_content_range(start, end, total) == tornado._get_content_range(start, end, total)


# -- forms ---------------------------------------------------------------------------------------------------------


def read_with_tornado(content_type: str, body: bytes) -> Form:
    fields: dict[str, list[bytes]] = {}
    files: dict[str, Any] = {}
    tornado.parse_body_arguments(content_type, body, fields, files)
    return fields, {
        name: [(file.filename, file.body, file.content_type) for file in values] for name, values in files.items()
    }


@given(parts(ANY_NAMES.filter(lambda text: "%" not in text)))
@examples(300)
def test_multipart(form: Any) -> None:
    octets = encode(form, "b0undary")
    content_type = "multipart/form-data; boundary=b0undary"
    assert read(content_type, octets) == read_with_tornado(content_type, octets)


@given(st.text(st.sampled_from("ab=;&%+4 1é"), max_size=12))
@examples(400)
def test_urlencoded(text: str) -> None:
    content_type = "application/x-www-form-urlencoded"
    theirs = read_with_tornado(content_type, text.encode())
    names = {name.encode("latin-1").decode("utf-8", "replace"): values for name, values in theirs[0].items()}
    assume(len(names) == len(theirs[0]))
    assert read(content_type, text.encode()) == (names, {})


@given(
    nearly(
        ['form-data; name="a"; filename="b c"', 'x;a=b;c="d;e"', r'x; a="b\"c\\d"', "x"],
        ['"', ";", "=", "\\", "%", "'", "a"],
    )
)
@examples(300)
def test_parse_header(line: str) -> None:
    # What is malformed means one thing here and another there; a form with such a header is refused.
    assume(_WELL_FORMED.fullmatch(line))
    # RFC 2231's pieces of a parameter, "name*0", aren't put together (RFC 8187 §3.1).
    assume("*" not in line)
    assert parse_header(line) == tornado._parse_header(line)
