"""Header fields, start lines, time stamps and requests as values."""

import copy
import datetime
import doctest
import pickle
import re
import time
import types

import pytest

from asynchttp import _forms, _headers, httputil
from asynchttp.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tests.support.h1 import assert_modest


@pytest.mark.parametrize("module", [httputil, _headers, _forms])
def test_examples_in_docstrings(module: types.ModuleType) -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)


# -- HTTPHeaders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def headers() -> HTTPHeaders:
    headers = HTTPHeaders({"content-type": "text/plain"})
    headers.add("Set-Cookie", "a=1")
    headers.add("SET-COOKIE", "b=2")
    return headers


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        (HTTPHeaders(), []),
        (HTTPHeaders({"a-b": "c"}), [("A-B", "c")]),
        (HTTPHeaders([("A", "b"), ("c", "d")]), [("A", "b"), ("C", "d")]),
        (HTTPHeaders([("A", "b"), ("a", "c")]), [("A", "c")]),
        (HTTPHeaders(A="b"), [("A", "b")]),
        (HTTPHeaders({"A": "b"}, C="d"), [("A", "b"), ("C", "d")]),
        (HTTPHeaders(HTTPHeaders.parse("A: b\r\nA: c\r\n")), [("A", "b"), ("A", "c")]),
    ],
)
def test_made_of(made: HTTPHeaders, fields: list[tuple[str, str]]) -> None:
    assert list(made.get_all()) == fields


def test_made_of_too_much() -> None:
    with pytest.raises(TypeError, match="not 2 arguments"):
        HTTPHeaders({}, {})  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE", "cOnTeNt-TyPe"])
def test_names_in_any_case(headers: HTTPHeaders, name: str) -> None:
    assert (headers[name], headers.get_list(name), name in headers) == ("text/plain", ["text/plain"], True)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("a", "A"),
        ("sec-websocket-key", "Sec-Websocket-Key"),
        ("ETAG", "Etag"),
        ("a--b", "A--B"),
        ("x_y", "X_y"),
        ("-", "-"),
    ],
)
def test_names_are_normalized(name: str, normal: str) -> None:
    headers = HTTPHeaders()
    headers.add(name, "b")
    assert list(headers) == [normal]


def test_long_names_are_normalized_too() -> None:
    headers = HTTPHeaders()
    headers.add("ab-" * 1000 + "c", "d")
    assert list(headers) == ["Ab-" * 1000 + "C"]


def test_long_names_are_not_remembered() -> None:
    headers = HTTPHeaders()
    before = _headers._normalize_short.cache_info().currsize
    for number in range(10):
        headers.add(f"X-{number}-" + "a" * 1000, "b")
    assert _headers._normalize_short.cache_info().currsize == before


def test_repeated_values_are_joined(headers: HTTPHeaders) -> None:
    assert headers["Set-Cookie"] == "a=1,b=2"


def test_repeated_values_are_kept_apart(headers: HTTPHeaders) -> None:
    assert headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_the_list_is_the_callers_own(headers: HTTPHeaders) -> None:
    headers.get_list("Set-Cookie").clear()
    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]


def test_assignment_replaces_all_values(headers: HTTPHeaders) -> None:
    headers["set-cookie"] = "c"
    assert headers.get_list("Set-Cookie") == ["c"]


def test_deletion_in_any_case(headers: HTTPHeaders) -> None:
    del headers["set-COOKIE"]
    assert list(headers.get_all()) == [("Content-Type", "text/plain")]


@pytest.mark.parametrize("missing", ["a", "", "Content"])
def test_missing_field(headers: HTTPHeaders, missing: str) -> None:
    assert (headers.get(missing), headers.get_list(missing), missing in headers) == (None, [], False)
    with pytest.raises(KeyError):
        headers[missing]
    with pytest.raises(KeyError):
        del headers[missing]


@pytest.mark.parametrize("key", [None, 1, b"Content-Type", ("Content-Type",)])
def test_other_types_are_not_in_it(headers: HTTPHeaders, key: object) -> None:
    assert key not in headers


def test_length_counts_names(headers: HTTPHeaders) -> None:
    assert len(headers) == 2


def test_get_all_is_in_the_order_of_first_appearance() -> None:
    headers = HTTPHeaders.parse("B: 1\r\nA: 2\r\nb: 3\r\n")
    assert list(headers.get_all()) == [("B", "1"), ("B", "3"), ("A", "2")]


def test_str_is_a_line_per_value(headers: HTTPHeaders) -> None:
    assert str(headers) == "Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n"


def test_repr_shows_all_values() -> None:
    assert repr(HTTPHeaders.parse("A: b\r\nA: c\r\n")) == "HTTPHeaders([('A', 'b'), ('A', 'c')])"


@pytest.mark.parametrize(
    "copied", [HTTPHeaders.copy, copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
def test_copy_is_equal_and_independent(headers: HTTPHeaders, copied) -> None:
    twin = copied(headers)
    assert list(twin.get_all()) == list(headers.get_all())
    twin.add("Set-Cookie", "c=3")
    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]


def test_copy_of_a_subclass() -> None:
    class Mine(HTTPHeaders):
        pass

    assert type(Mine(A="b").copy()) is Mine


def test_equality_ignores_case() -> None:
    assert HTTPHeaders({"a-b": "c"}) == HTTPHeaders({"A-B": "c"})
    assert HTTPHeaders({"a-b": "c"}) != HTTPHeaders({"A-B": "d"})


@pytest.mark.parametrize("name", ["", "A B", "A:", "A ", " A", "A\r\n", "A\nB", "A\0", "Ä", "(", "\u212aey"])
def test_add_refuses_a_name(name: str) -> None:
    headers = HTTPHeaders()
    with pytest.raises(HTTPInputError, match="Invalid header name"):
        headers.add(name, "b")
    assert len(headers) == 0


@pytest.mark.parametrize("value", ["\r\n", "a\nB: c", "a\r", "\0", "\x1f", "\x7f", "Ā", "\ud800"])
def test_add_refuses_a_value(value: str) -> None:
    headers = HTTPHeaders()
    with pytest.raises(HTTPInputError, match="Invalid header value"):
        headers.add("A", value)
    assert len(headers) == 0


@pytest.mark.parametrize("value", ["", "a", "a\tb", "é", "\xff", "a, b"])
def test_add_takes_a_value(value: str) -> None:
    headers = HTTPHeaders()
    headers.add("A", value)
    assert headers["A"] == value


@pytest.mark.parametrize(("name", "value"), [("A\n" + "b" * 5000, "c"), ("A", "\n" + "b" * 5000)])
def test_add_samples_what_it_refuses(name: str, value: str) -> None:
    with pytest.raises(HTTPInputError) as caught:
        HTTPHeaders().add(name, value)
    assert_modest(caught.value, (name + value).encode())


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("A: b", [("A", "b")]),
        ("A:b\r\n", [("A", "b")]),
        ("a:\t b \t\n", [("A", "b")]),
        ("A:", [("A", "")]),
        ("A: b: c", [("A", "b: c")]),
        ("A: \xa0b\xa0", [("A", "\xa0b\xa0")]),
        ("", []),
        ("\r\n", []),
    ],
)
def test_parse_line(line: str, fields: list[tuple[str, str]]) -> None:
    headers = HTTPHeaders()
    headers.parse_line(line)
    assert list(headers.get_all()) == fields


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A", "no colon"),
        (": b", "Invalid header name"),
        ("A : b", "Invalid header name"),
        (" b", "obs-fold"),
        ("\tb", "obs-fold"),
        ("A: b\rC: d", "Invalid header value"),
        ("A: b\nC: d", "Invalid header value"),
        ("A: b\r\r\n", "Invalid header value"),
        ("A: \x00", "Invalid header value"),
    ],
)
def test_parse_line_refuses(line: str, message: str) -> None:
    with pytest.raises(HTTPInputError, match=message):
        HTTPHeaders().parse_line(line)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_parse(end: str) -> None:
    headers = HTTPHeaders.parse(end.join(["A: b", "C: d", "a: e", "", ""]))
    assert list(headers.get_all()) == [("A", "b"), ("A", "e"), ("C", "d")]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u2028", "\u2029"])
def test_parse_knows_no_other_line_end(separator: str) -> None:
    with pytest.raises(HTTPInputError, match="Invalid header value"):
        HTTPHeaders.parse(f"A: b{separator}C: d")


def test_next_line_of_iso_8859_1_is_obs_text() -> None:
    assert HTTPHeaders.parse("A: b\x85C: d")["A"] == "b\x85C: d"


# -- start lines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("GET /foo HTTP/1.1", ("GET", "/foo", "HTTP/1.1")),
        ("M-SEARCH * HTTP/1.0", ("M-SEARCH", "*", "HTTP/1.0")),
        ("GET http://a/?b HTTP/1.9", ("GET", "http://a/?b", "HTTP/1.9")),
    ],
)
def test_request_start_line(line: str, parts: tuple[str, str, str]) -> None:
    assert httputil.parse_request_start_line(line) == RequestStartLine(*parts)


@pytest.mark.parametrize("line", ["GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0"])
def test_request_start_line_of_another_version(line: str) -> None:
    with pytest.raises(HTTPInputError, match="Unexpected HTTP version"):
        httputil.parse_request_start_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET /é HTTP/1.1",
        "GET /# HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1.",
        "GET / HTTP/1.١",
        "GET /\0 HTTP/1.1",
    ],
)
def test_request_start_line_malformed(line: str) -> None:
    with pytest.raises(HTTPInputError, match="Malformed HTTP request line"):
        httputil.parse_request_start_line(line)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("HTTP/1.1 200 OK", ("HTTP/1.1", 200, "OK")),
        ("HTTP/1.0 404 Not Found", ("HTTP/1.0", 404, "Not Found")),
        ("HTTP/1.1 200 ", ("HTTP/1.1", 200, "")),
        ("HTTP/1.1 599 Ünknown", ("HTTP/1.1", 599, "Ünknown")),
    ],
)
def test_response_start_line(line: str, parts: tuple[str, int, str]) -> None:
    assert httputil.parse_response_start_line(line) == ResponseStartLine(*parts)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HTTP/1.1",
        "HTTP/1.1 200",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 ٢٠٠ OK",
        "HTTP/1.1 200 a\nb",
    ],
)
def test_response_start_line_malformed(line: str) -> None:
    with pytest.raises(HTTPInputError, match="Error parsing response start line"):
        httputil.parse_response_start_line(line)


# -- time ----------------------------------------------------------------------------------------------------------

INSTANT = "Sun, 27 Jan 2013 18:43:20 GMT"
PLUS_TWO = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("ts", "text"),
    [
        (1359312200, INSTANT),
        (1359312200.999, INSTANT),
        ((2013, 1, 27, 18, 43, 20, 6, 27, 0), INSTANT),
        (time.gmtime(1359312200), INSTANT),
        (datetime.datetime(2013, 1, 27, 18, 43, 20), INSTANT),
        (datetime.datetime(2013, 1, 27, 18, 43, 20, tzinfo=datetime.UTC), INSTANT),
        (datetime.datetime(2013, 1, 27, 20, 43, 20, tzinfo=PLUS_TWO), INSTANT),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_9110_5_6_7_format_timestamp(ts: object, text: str) -> None:
    assert httputil.format_timestamp(ts) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("ts", ["now", None, b"", datetime.date(2013, 1, 27)])
def test_format_timestamp_of_something_else(ts: object) -> None:
    with pytest.raises(TypeError, match="unknown timestamp type"):
        httputil.format_timestamp(ts)  # type: ignore[arg-type]


# -- requests ------------------------------------------------------------------------------------------------------


def request(uri: str = "/", **arguments: object) -> HTTPServerRequest:
    return HTTPServerRequest("GET", uri, **arguments)  # type: ignore[arg-type]


def test_request_by_default() -> None:
    made = HTTPServerRequest("GET", "/a?b=c")
    assert (made.method, made.uri, made.path, made.query) == ("GET", "/a?b=c", "/a", "b=c")
    assert (made.version, made.host, made.protocol, made.remote_ip) == ("HTTP/1.0", "127.0.0.1", "http", None)
    assert (made.body, made.files, made.connection, len(made.headers)) == (b"", {}, None, 0)


def test_request_of_a_start_line() -> None:
    made = HTTPServerRequest(start_line=RequestStartLine("PUT", "/a", "HTTP/1.1"))
    assert (made.method, made.uri, made.version) == ("PUT", "/a", "HTTP/1.1")


def test_request_knows_its_peer_from_the_connection() -> None:
    context = types.SimpleNamespace(remote_ip="192.0.2.1", protocol="https")
    made = request(connection=types.SimpleNamespace(context=context))
    assert (made.remote_ip, made.protocol) == ("192.0.2.1", "https")


def test_request_knows_its_peer_from_arguments() -> None:
    made = request(remote_ip="192.0.2.1", protocol="https")
    assert (made.remote_ip, made.protocol) == ("192.0.2.1", "https")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("A.example:80", "a.example"),
        ("a", "a"),
        ("a:", "a"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("127.0.0.1:8", "127.0.0.1"),
    ],
)
def test_host_name(host: str, name: str) -> None:
    assert request(headers=HTTPHeaders(Host=host)).host_name == name


@pytest.mark.parametrize(
    ("uri", "path", "query"),
    [("/a?b?c", "/a", "b?c"), ("/a", "/a", ""), ("/?", "/", ""), ("*", "*", ""), ("http://a/b?c", "http://a/b", "c")],
)
def test_path_and_query(uri: str, path: str, query: str) -> None:
    assert (request(uri).path, request(uri).query) == (path, query)


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("", {}),
        ("a=1", {"a": [b"1"]}),
        ("a=1&a=2&b=3", {"a": [b"1", b"2"], "b": [b"3"]}),
        ("a=&b", {"a": [b""], "b": [b""]}),
        ("&&a=1&", {"a": [b"1"]}),
        ("a=b=c", {"a": [b"b=c"]}),
        ("a=1+2%203", {"a": [b"1 2 3"]}),
        ("a=%C3%A9%ff%00", {"a": [b"\xc3\xa9\xff\x00"]}),
        ("%C3%A9=1", {"é": [b"1"]}),
        ("a=%&b=%zz&c=%4", {"a": [b"%"], "b": [b"%zz"], "c": [b"%4"]}),
        ("a=1;b=2", {"a": [b"1;b=2"]}),
    ],
)
def test_query_arguments(query: str, arguments: dict[str, list[bytes]]) -> None:
    assert request("/?" + query).query_arguments == arguments


def test_as_many_arguments_as_allowed() -> None:
    assert len(request("/?" + "&".join(f"a{i}=1" for i in range(1000))).query_arguments) == 1000


def test_more_arguments_than_allowed() -> None:
    with pytest.raises(HTTPInputError, match="more than 1000"):
        _ = request("/?" + "&".join(["a=1"] * 1001)).arguments


def form(body: bytes, content_type: str = "application/x-www-form-urlencoded", uri: str = "/") -> HTTPServerRequest:
    return request(uri, headers=HTTPHeaders({"Content-Type": content_type}), body=body)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; charset=x"]
)
def test_body_arguments(content_type: str) -> None:
    assert form(b"a=1&b=\xc3\xa9%20", content_type).body_arguments == {"a": [b"1"], "b": [b"\xc3\xa9 "]}


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded2"])
def test_body_of_another_type_has_no_arguments(content_type: str) -> None:
    assert form(b"a=1", content_type).body_arguments == {}


def test_arguments_of_query_and_body() -> None:
    made = form(b"a=2&b=3", uri="/?a=1")
    assert made.arguments == {"a": [b"1", b"2"], "b": [b"3"]}
    assert made.query_arguments == {"a": [b"1"]}


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;;", {"a": "1", "b": "2"}),
        (" a = 1 ", {"a": "1"}),
        ("a=1; a=2", {"a": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ('a="b c"', {"a": "b c"}),
        (r'a="b\"c\\d"', {"a": r"b\"c\d".replace(r"\"", '"')}),
        (r'a="\303\251"', {"a": "Ã©"}),
        ('a="b', {"a": '"b'}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
        (r'a="b\"', {"a": "b\\"}),
        ('a="b;c"', {"a": '"b'}),
        ("a=\xe9", {"a": "\xe9"}),
    ],
)
def test_6265_cookies(field: str, cookies: dict[str, str]) -> None:
    made = request(headers=HTTPHeaders(Cookie=field))
    assert {name: morsel.value for name, morsel in made.cookies.items()} == cookies


@pytest.mark.parametrize("pair", ["", "=", "=b", "a b=c", "path=/", "expires=now", "(=b", "a,b=c", "\xe9=b", '"a"=b'])
def test_6265_malformed_cookie_is_left_out(pair: str) -> None:
    made = request(headers=HTTPHeaders(Cookie=f"before=1; {pair}; after=2"))
    assert {name: morsel.value for name, morsel in made.cookies.items()} == {"before": "1", "after": "2"}


def test_6265_cookies_of_several_fields() -> None:
    headers = HTTPHeaders.parse("Cookie: a=1\r\nCookie: b=2\r\n")
    assert list(request(headers=headers).cookies) == ["a", "b"]


def test_no_cookies() -> None:
    assert len(request().cookies) == 0


@pytest.mark.parametrize(
    "name", ["path", "query", "host_name", "query_arguments", "body_arguments", "arguments", "cookies"]
)
def test_what_was_computed_stays(name: str) -> None:
    made = request("/a?b=c")
    assert getattr(made, name) is getattr(made, name)


@pytest.mark.parametrize(
    "name", ["path", "arguments", "headers", "host", "connection", "cookies", "remote_ip", "files"]
)
def test_what_is_computed_may_be_assigned(name: str) -> None:
    made = request()
    setattr(made, name, mine := object())
    assert getattr(made, name) is mine


def test_lazy_attribute_of_the_class_is_the_descriptor() -> None:
    assert isinstance(HTTPServerRequest.path, httputil.lazy)


@pytest.mark.parametrize(("version", "supports"), [("HTTP/1.1", True), ("HTTP/1.0", False)])
def test_supports_http_1_1(version: str, supports: bool) -> None:
    assert request(version=version).supports_http_1_1() == supports


def test_full_url() -> None:
    assert request("/a?b", host="example.org:8", protocol="https").full_url() == "https://example.org:8/a?b"


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("http://other/a?b", "http://other/a?b"),
        ("HTTPS://other", "HTTPS://other"),
        ("*", "http://a"),
        ("/?b=http://c", "http://a/?b=http://c"),
        ("//b/c", "http://a//b/c"),
        (None, "http://a"),
    ],
)
def test_9112_3_3_full_url_of_other_forms(uri: str | None, url: str) -> None:
    assert HTTPServerRequest("OPTIONS", uri, host="a").full_url() == url


def test_request_of_nobody_has_no_certificate() -> None:
    assert request().get_ssl_certificate() is None


def test_request_time_runs() -> None:
    made = request()
    made._start_time -= 5
    assert made.request_time() >= 5


def test_request_time_stops_at_the_end() -> None:
    made = request()
    made._finish_time = made._start_time + 2  # type: ignore[attr-defined]
    assert made.request_time() == 2


def test_repr_shows_neither_headers_nor_body() -> None:
    made = HTTPServerRequest("POST", "/a", headers=HTTPHeaders(Authorization="secret"), body=b"secret")
    assert "secret" not in repr(made)
    assert re.fullmatch(
        r"HTTPServerRequest\(protocol='http', host='127\.0\.0\.1', method='POST', uri='/a', .*\)", repr(made)
    )


def test_old_name_of_a_request() -> None:
    assert httputil.HTTPRequest is HTTPServerRequest


def test_http_response_by_default() -> None:
    assert httputil.HTTPResponse() == (200, (), b"")
