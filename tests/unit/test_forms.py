"""Forms: what is read of them, and what is refused, with a word about what was wrong."""

import dataclasses
import tracemalloc
import urllib.parse
from collections.abc import Iterator

import pytest

from asynchttp import httputil
from asynchttp._forms import parse_header
from asynchttp.httputil import (
    HTTPHeaders,
    HTTPInputError,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    parse_body_arguments,
    parse_multipart_form_data,
    set_parse_body_config,
)
from tests.property.form_decisions import FIELD, body
from tests.support.forms import Form, Part, encode, form_of, read
from tests.support.h1 import assert_modest

MULTIPART = "multipart/form-data; boundary=x"
ENCODED = "which isn't a file's name in UTF-8 or ISO 8859-1"
FILE = b'Content-Disposition: form-data; name="a"; filename="b"'


def named(*parameters: bytes) -> bytes:
    """A form of one part whose Content-Disposition has these parameters."""
    return body(b"; ".join([b"Content-Disposition: form-data", *parameters]))


def refusal(octets: bytes, content_type: str = MULTIPART, **limits: int) -> str:
    """Why a form is refused; nothing of it was seen before."""
    with pytest.raises(HTTPInputError) as caught:
        read(content_type, octets, **limits)
    assert caught.value.status == 400
    assert_modest(caught.value, octets)
    return str(caught.value)


# -- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part("a", b"1")],
        [Part("a", b"")],
        [Part("a", b"1"), Part("a", b"2"), Part("b", b"\r\n")],
        [Part("a", b"1", "b.txt", "text/plain")],
        [Part("a", b"", "b"), Part("a", b"\r\n--", "c")],
        [Part("a", bytes(range(256)), "b")],
        [Part("a", b" --x"), Part("b", b"x\n--x\r--x--"), Part("c", b"\n--x--\n")],
        [Part("ä", b"\xff", "€ 𝄞.txt")],
        [Part('a";b\\', b"1", 'c";filename="d\\')],
    ],
    ids=["none", "field", "empty", "repeated", "file", "files", "octets", "almost delimiters", "UTF-8", "escaped"],
)
def test_7578_parts(parts: list[Part]) -> None:
    assert read(MULTIPART, encode(parts, "x")) == form_of(parts)


def test_2046_5_1_1_form_within_a_form() -> None:
    inner = encode([Part("b", b"2")], "y")
    assert read(MULTIPART, encode([Part("a", inner)], "x")) == ({"a": [inner]}, {})


def test_7578_4_2_empty_file_name_is_a_field() -> None:
    assert read(MULTIPART, named(b'name="a"', b'filename=""')) == ({"a": [b"1"]}, {})


def test_7578_4_4_file_without_a_type() -> None:
    assert read(MULTIPART, body(FILE)) == ({}, {"a": [("b", b"1", "application/unknown")]})


def test_7578_4_4_type_as_it_was_sent() -> None:
    type_ = b"Content-Type: Text/Plain; charset=utf-8"
    assert read(MULTIPART, body(FILE, type_))[1]["a"][0][2] == "Text/Plain; charset=utf-8"


def test_http_file_is_an_object_and_a_mapping() -> None:
    files: dict[str, list[httputil.HTTPFile]] = {}
    parse_multipart_form_data(b"x", body(FILE), {}, files)
    (file,) = files["a"]
    assert (file.filename, file["body"], file.content_type) == ("b", b"1", "application/unknown")


def test_adds_to_what_is_there() -> None:
    arguments = {"a": [b"0"]}
    parse_body_arguments(MULTIPART, body(FIELD), arguments, {})
    parse_body_arguments("application/x-www-form-urlencoded", b"a=2", arguments, {})
    assert arguments == {"a": [b"0", b"1", b"2"]}


@pytest.mark.parametrize(
    ("octets", "form"),
    [
        (b"preamble\r\n" + body(FIELD), ({"a": [b"1"]}, {})),
        (b"\r\n" + body(FIELD), ({"a": [b"1"]}, {})),
        (body(FIELD) + b"epilogue\r\n" + body(FIELD), ({"a": [b"1"]}, {})),
        (body(FIELD, end=b"--x--"), ({"a": [b"1"]}, {})),
        (body(FIELD, end=b"--x-- \t"), ({"a": [b"1"]}, {})),
        (body(FIELD).replace(b"--x\r\n", b"--x \t\r\n"), ({"a": [b"1"]}, {})),
        (body(FIELD, content=b""), ({"a": [b""]}, {})),
        (b"--x--\r\n", ({}, {})),
        (body(FIELD, b"Content-Length: 9", b"X:", b"x: \t"), ({"a": [b"1"]}, {})),
        (body(FIELD.swapcase().replace(b"A", b"a")), ({"a": [b"1"]}, {})),
    ],
    ids=[
        "preamble",
        "empty line before",
        "epilogue",
        "no last line end",
        "padding at the end",
        "padding",
        "no content",
        "no parts",
        "other fields",
        "any case",
    ],
)
def test_2046_5_1_1_what_may_stand_around_parts(octets: bytes, form: Form) -> None:
    assert read(MULTIPART, octets) == form


@pytest.mark.parametrize("boundary", ["x", "x" * 70, "a b", "'()+_,-./:=?", "----=_Part_1_2.3", "0"])
def test_2046_5_1_1_boundary(boundary: str) -> None:
    parts = [Part("a", b"1"), Part("b", b"2", "c")]
    assert read(f'multipart/form-data; boundary="{boundary}"', encode(parts, boundary)) == form_of(parts)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data;boundary=x",
        'Multipart/Form-Data ; charset=utf-8; BOUNDARY="x"',
        "multipart/form-data; boundary = x ;",
        'multipart/form-data; a="; boundary=y"; boundary=x',
    ],
)
def test_7578_4_1_content_type(content_type: str) -> None:
    assert read(content_type, body(FIELD)) == ({"a": [b"1"]}, {})


def test_quotes_of_a_boundary_come_off() -> None:
    arguments: dict[str, list[bytes]] = {}
    parse_multipart_form_data(b'"x"', body(FIELD), arguments, {})
    assert arguments == {"a": [b"1"]}


# -- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b'filename="c.txt"', "c.txt"),
        (b"filename=c.txt", "c.txt"),
        (b'FILENAME = "c"', "c"),
        (b'filename="c d"; x=y;', "c d"),
        (rb'filename="C:\dir\c"', r"C:\dir\c"),
        (rb'filename="\"c\\d\""', '"c\\d"'),
        ('filename="ä€"'.encode(), "ä€"),
        (b'filename="%22c%0D"', "%22c%0D"),
        (b"filename*=utf-8''%e2%82%ac%20c", "€ c"),
        (b"filename*=UTF-8'en'c", "c"),
        (b"filename*=ISO-8859-1'en'%A3", "£"),
        (b"filename*=\"utf-8''c\"", "c"),
        (b"filename=c; filename*=utf-8''d", "d"),
        (b"filename*=utf-8''d; filename=c", "d"),
        (b"filename=c; filename*=koi8-r''%c1", "c"),
    ],
)
def test_7578_4_2_file_name(parameters: bytes, name: str) -> None:
    (file,) = read(MULTIPART, named(b'name="a"', parameters))[1]["a"]
    assert file[0] == name


@pytest.mark.parametrize(
    "extended",
    [
        b"",
        b"c",
        b"utf-8'c",
        b"koi8-r''%c1",
        b"idna''xn--a",
        b"utf-8''%ff",
        b"utf-8''a%00b",
        b"utf-8''a%0d%0ab",
        b"iso-8859-1''%7f",
        b"utf-16''%00a",
    ],
)
def test_8187_3_2_1_file_name_that_cannot_be_decoded(extended: bytes) -> None:
    message = "malformed Content-Disposition" if not extended else ENCODED
    assert refusal(named(b'name="a"', b"filename*=" + extended)).endswith(message)


@pytest.mark.parametrize(
    ("line", "value", "parameters"),
    [
        ("Text/Plain", "text/plain", {}),
        (" form-data ; a=b", "form-data", {"a": "b"}),
        ('x; a="b;c"; d=e f ;g', "x", {"a": "b;c", "d": "e f"}),
        ("x; a=1; A=2", "x", {"a": "2"}),
        (r'x; a="\"\\\c"', "x", {"a": '"\\\\c'}),
        ('x; a="b', "x", {"a": '"b'}),
        ('x; a="b"c; d=e', "x", {"a": "b", "d": "e"}),
        ("x; a*=utf-8''%41; b*=idna''c", "x", {"a": "A"}),
        ("x; a*0=b; a*1=c", "x", {"a*0": "b", "a*1": "c"}),
        ("", "", {}),
        (";;; =a; b=", "", {"b": ""}),
        ("x; a=b\nc", "x", {"a": "b\nc"}),
    ],
)
def test_9110_5_6_6_header_with_parameters(line: str, value: str, parameters: dict[str, str]) -> None:
    assert parse_header(line) == (value, parameters)


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "no boundary found"),
        (b"1", "no boundary found"),
        (body(FIELD).replace(b"\r\n", b"\n"), "malformed boundary line"),
        (body(FIELD).replace(b"--x", b"--y"), "no boundary found"),
        (body(FIELD, end=b""), "no final boundary found"),
        (body(FIELD, end=b"--x"), "no final boundary found"),
        (body(FIELD, end=b"--x-"), "malformed boundary line"),
        (body(FIELD, end=b"--x\r"), "malformed boundary line"),
        (body(FIELD, end=b"--x--y"), "malformed boundary line"),
        (body(FIELD, end=b"--x--\n"), "malformed boundary line"),
        (body(FIELD, content=b"\r\n--xy\r\n"), "malformed boundary line"),
        (body(FIELD, end=b"--x\r\n--x--"), "missing headers"),
        (b"y" + body(FIELD), "the first boundary doesn't begin a line"),
        (b"\n" + body(FIELD), "the first boundary doesn't begin a line"),
        (b"--x\r\n" + FIELD + b"\r\n--x--", "missing headers"),
        # Two readers, two forms: is the second delimiter one, or content?
        (b"--x\r\n" + FIELD + b"\r\n\r\n--x--", "missing headers"),
        (b"--x\r\n" + FIELD + b"\r\n\r\n--x\r\n" + FIELD + b"\r\n\r\n1\r\n--x--", "missing headers"),
        (b"--x\r\n\r\n1\r\n--x--", "missing headers"),
        (body(b""), "malformed part header"),
        (body(b"A"), "malformed part header"),
        (body(b": a"), "malformed part header"),
        (body(FIELD, b"A : b"), "malformed part header"),
        (body(FIELD, b" folded"), "malformed part header"),
        (body(FIELD + b"\nA: b"), "Invalid header value in a part"),
        (body(FIELD, b"A: \0"), "Invalid header value in a part"),
        (body(FIELD.replace(b'"a"', b'"a\0"')), "Invalid header value in a part"),
        (body(FIELD.replace(b'"a"', b'"\xff"')), "part header is not UTF-8"),
        (body(b"A: b"), "a part that isn't form-data"),
        (body(b"Content-Disposition: attachment; name=a"), "a part that isn't form-data"),
        (body(FIELD, FIELD), "a part header that stands there twice"),
        (body(FIELD, b"Content-Type: a/b", b"CONTENT-TYPE: c/d"), "a part header that stands there twice"),
        (named(), "missing name"),
        (named(b'name=""'), "missing name"),
        (named(b"name=a", b"name=b"), "a parameter of Content-Disposition that stands there twice"),
        (named(b"name=a", b"filename=b", b"FileName=c"), "a parameter of Content-Disposition that stands there twice"),
        (named(b'name="a'), "malformed Content-Disposition"),
        (named(b'name="a"b'), "malformed Content-Disposition"),
        (named(b'name=a"b"'), "malformed Content-Disposition"),
        (named(b"name=a b"), "malformed Content-Disposition"),
        (named(b"name="), "malformed Content-Disposition"),
        (named(b"name"), "malformed Content-Disposition"),
        (named(rb'name="a\"'), "malformed Content-Disposition"),
        (named(b"name=a", b"filename*=c"), f"an encoded parameter of Content-Disposition, {ENCODED}"),
        (named(b"name=a", b"name*=utf-8''a"), f"an encoded parameter of Content-Disposition, {ENCODED}"),
        (named(b"name*=utf-8''a"), f"an encoded parameter of Content-Disposition, {ENCODED}"),
    ],
)
def test_7578_malformed(octets: bytes, message: str) -> None:
    assert refusal(octets).endswith(message)


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("multipart/form-data", "no boundary in Content-Type"),
        ("multipart/form-data; boundary", "malformed Content-Type"),
        ("multipart/form-data; boundary=", "malformed Content-Type"),
        ('multipart/form-data; boundary=""', "no boundary in Content-Type"),
        ('multipart/form-data; boundary="x', "malformed Content-Type"),
        ("multipart/form-data; boundary=x y", "malformed Content-Type"),
        ("multipart/form-data; boundary=x, multipart/form-data; boundary=y", "malformed Content-Type"),
        ("multipart/form-data; boundary=x; Boundary=x", "stands there twice"),
        ("multipart/form-data; boundary=x; boundary*=utf-8''x", "an encoded parameter of Content-Type"),
        ("multipart/form-data; boundary*=utf-8''x", "an encoded parameter of Content-Type"),
        ("multipart/form-data; boundary=" + "x" * 71, "the boundary isn't 1 to 70 of the characters of RFC 2046"),
        ("multipart/form-data; boundary=" + "x" * 100_000, "the boundary isn't 1 to 70"),
        ('multipart/form-data; boundary="x "', "the boundary isn't 1 to 70"),
        ('multipart/form-data; boundary="x\0"', "the boundary isn't 1 to 70"),
        ("multipart/form-data; boundary=ä", "the boundary isn't 1 to 70"),
        ("multipart/form-data; boundary=\ud800", "the boundary isn't 1 to 70"),
        ("multipart/form-data; boundary=x@", "the boundary isn't 1 to 70"),
    ],
)
def test_7578_4_1_malformed_content_type(content_type: str, message: str) -> None:
    assert message in refusal(body(FIELD), content_type)


def test_2046_5_1_1_empty_boundary() -> None:
    for boundary in (b"", b'""', b'"'):
        with pytest.raises(HTTPInputError, match="the boundary isn't"):
            parse_multipart_form_data(boundary, body(FIELD), {}, {})


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", MULTIPART])
def test_content_coding_that_was_not_undone(content_type: str) -> None:
    with pytest.raises(HTTPInputError, match="Unsupported Content-Encoding"):
        parse_body_arguments(content_type, b"a=b", {}, {}, HTTPHeaders({"Content-Encoding": "br"}))


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/mixed; boundary=x", "multipart/form-data2", "multipart", ";", "a\0"]
)
def test_other_types_are_no_forms(content_type: str) -> None:
    headers = HTTPHeaders({"Content-Encoding": "br"})
    arguments: dict[str, list[bytes]] = {}
    parse_body_arguments(content_type, body(FIELD), arguments, {}, headers)
    assert arguments == {}


@pytest.mark.parametrize("text", ["a=€", "€=a", "a=\ud800", "a=%41€"])
def test_query_of_more_than_octets(text: str) -> None:
    with pytest.raises(HTTPInputError, match="a character that is no octet"):
        httputil.HTTPServerRequest("GET", "/?" + text)


# -- limits --------------------------------------------------------------------------------------------------------


def test_as_many_parts_as_allowed() -> None:
    parts = [Part("a", b"1")] * 100
    assert read(MULTIPART, encode(parts, "x"), max_parts=100) == form_of(parts)


def test_more_parts_than_allowed() -> None:
    assert refusal(encode([Part("a", b"1")] * 101, "x")) == "multipart/form-data has too many parts"


def test_more_parts_than_allowed_without_an_end() -> None:
    octets = encode([Part("a", b"1")] * 4, "x").removesuffix(b"--x--\r\n")
    assert refusal(octets, max_parts=3) == "multipart/form-data has too many parts"


@pytest.mark.parametrize("size", [len(FIELD), len(FIELD) + 7])
def test_largest_header_of_a_part(size: int) -> None:
    lines = [FIELD] if size == len(FIELD) else [FIELD, b"A:" + b"b" * 3]
    assert read(MULTIPART, body(*lines), max_part_header_size=size) == ({"a": [b"1"]}, {})
    assert refusal(body(*lines), max_part_header_size=size - 1) == "multipart/form-data part header too large"


def test_header_of_a_part_without_end() -> None:
    assert refusal(b"--x\r\n" + b"A: b\r\n" * 10_000 + b"--x--") == "multipart/form-data missing headers"


def test_multipart_switched_off() -> None:
    config = ParseBodyConfig(multipart=ParseMultipartConfig(enabled=False))
    with pytest.raises(HTTPInputError, match="multipart/form-data parsing is disabled"):
        parse_body_arguments(MULTIPART, body(FIELD), {}, {}, config=config)


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, False)])
def test_fields_of_a_form(count: int, fits: bool) -> None:
    config = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=3))
    arguments: dict[str, list[bytes]] = {}
    try:
        octets = b"&".join([b"a=1"] * count)
        parse_body_arguments("application/x-www-form-urlencoded", octets, arguments, {}, config=config)
    except HTTPInputError as error:
        assert str(error) == "Max number of fields exceeded: more than 3"
    assert arguments == ({"a": [b"1"] * 3} if fits else {})


def unescaped(value: bytes) -> bytes:
    arguments: dict[str, list[bytes]] = {}
    parse_body_arguments("application/x-www-form-urlencoded", b"a=" + value, arguments, {})
    return arguments["a"][0]


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("text", [b"%41%4a", b"%%41%4", b"%%%41", b"%zz%41", b"x%41y"])
def test_escapes_of_a_long_value(text: bytes, before: int) -> None:
    """Wherever they are cut."""
    value = b"x" * before + text * 8000
    assert unescaped(value) == urllib.parse.unquote_to_bytes(value)


BOMBS: dict[str, tuple[str, bytes]] = {
    "escapes": ("application/x-www-form-urlencoded", b"a=" + b"%41" * 700_000),
    "percents": ("application/x-www-form-urlencoded", b"a=" + b"%" * 2_000_000),
    "half-escapes": ("application/x-www-form-urlencoded", b"a=" + b"%4" * 1_000_000),
    "escapes-of-a-name": ("application/x-www-form-urlencoded", b"%41" * 700_000 + b"=b"),
    "plus": ("application/x-www-form-urlencoded", b"a=" + b"+" * 2_000_000),
    "ampersands": ("application/x-www-form-urlencoded", b"&" * 2_000_000),
    "parts": (MULTIPART, body(FIELD)[:-7] * 40_000),
    "almost-delimiters": (MULTIPART, body(FIELD, content=b"\r\n--" * 500_000)),
    "part-headers": (MULTIPART, b"--x\r\n" + b"A: b\r\n" * 300_000 + body(FIELD)[5:]),
}


@pytest.mark.parametrize(("content_type", "octets"), BOMBS.values(), ids=BOMBS.keys())
def test_form_takes_little_more_memory_than_its_octets(content_type: str, octets: bytes) -> None:
    tracemalloc.start()
    try:
        parse_body_arguments(content_type, octets, {}, {})
    except HTTPInputError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # The field, its value, and that without its escapes; and one slice of those.
    assert peak < 4 * len(octets) + 4_000_000


@pytest.fixture
def restored_config() -> Iterator[None]:
    yield
    set_parse_body_config(ParseBodyConfig())


@pytest.mark.usefixtures("restored_config")
def test_limits_of_the_process() -> None:
    config = ParseBodyConfig()
    config.multipart.max_parts = 1
    config.urlencoded.max_arguments = 2
    set_parse_body_config(config)
    with pytest.raises(HTTPInputError, match="too many parts"):
        parse_body_arguments(MULTIPART, encode([Part("a", b"1")] * 2, "x"), {}, {})
    with pytest.raises(HTTPInputError, match="more than 2"):
        _ = httputil.HTTPServerRequest("GET", "/?a&b&c").arguments


def test_limits_by_default() -> None:
    assert dataclasses.asdict(ParseBodyConfig()) == {
        "multipart": {"enabled": True, "max_parts": 100, "max_part_header_size": 10240},
        "urlencoded": {"max_arguments": 1000},
    }


def test_nothing_is_shared_by_two_configurations() -> None:
    assert ParseBodyConfig().multipart is not ParseBodyConfig().multipart
