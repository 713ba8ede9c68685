"""Forms: ours against what clients write, and against the reading of an independent parser."""

import email.mime.application
import email.mime.multipart
import email.mime.text
import urllib.parse

import aiohttp
import pytest
import urllib3.filepost
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import httputil
from asynchttp._h1.errors import HTTPInputError
from tests.property.effort import examples
from tests.property.form_decisions import (
    CONTENT_TYPE,
    DIFFERENT,
    FIELD,
    LAXER,
    STRICTER,
    Different,
    Laxer,
    Stricter,
    body,
    undecided,
)
from tests.property.strategies import mutated
from tests.support.forms import Part, Refused, encode, form_of, read, read_with_multipart
from tests.support.h1 import assert_modest

#: Characters of a name that is written without escapes, so that each client writes it the same way.
PLAIN = st.characters(
    min_codepoint=0x20, max_codepoint=0x24FF, exclude_categories=("Cc", "Cs"), exclude_characters='"\\%'
)
NAMES = st.text(PLAIN, min_size=1, max_size=8).filter(lambda text: text == text.strip())
ANY_NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
TYPES = st.sampled_from(["text/plain", "application/octet-stream", "image/png; a=b"])
VALUES = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from([b"\r\n", b"--", b"x", b"\r", b"\n", b"--x", b" "]), max_size=6).map(b"".join),
)


def parts(names: st.SearchStrategy[str], values: st.SearchStrategy[bytes] = VALUES) -> st.SearchStrategy[list[Part]]:
    fields = st.tuples(names, values)
    files = st.tuples(names, values, names, TYPES)
    return st.lists(st.one_of(fields, files).map(lambda part: Part(*part)), max_size=5)


@given(parts(ANY_NAMES))
@examples(400)
def test_what_is_written_is_read(form: list[Part]) -> None:
    boundary = "b0undary"
    assert read(f"multipart/form-data; boundary={boundary}", encode(form, boundary)) == form_of(form)


# -- what clients write ----------------------------------------------------------------------------------------------


@given(parts(NAMES))
@examples(200)
def test_urllib3_and_requests(form: list[Part]) -> None:
    octets, content_type = urllib3.filepost.encode_multipart_formdata(
        [(part.name, (part.filename, part.value, part.content_type) if part.filename else part.value) for part in form]
    )
    assert read(content_type, octets) == form_of(form)


class _Writer:
    """What aiohttp writes to."""

    def __init__(self) -> None:
        self.octets = b""

    async def write(self, data: bytes) -> None:
        self.octets += data


def _written_by_aiohttp(form: list[Part]) -> tuple[str, bytes]:
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for part in form:
        if part.filename:
            value = aiohttp.BytesPayload(part.value, content_type=part.content_type)
            data.add_field(part.name, value, filename=part.filename)
        else:
            data.add_field(part.name, aiohttp.BytesPayload(part.value))
    payload = data()
    writer = _Writer()
    coroutine = payload.write(writer)  # type: ignore[arg-type]  # it waits for nothing else
    with pytest.raises(StopIteration):
        coroutine.send(None)
    return payload.headers["Content-Type"], writer.octets


@given(parts(NAMES))
@examples(200)
def test_aiohttp(form: list[Part]) -> None:
    content_type, octets = _written_by_aiohttp(form)
    assert read(content_type, octets) == form_of(form)


@given(
    parts(st.text("abc;= /", min_size=1, max_size=8).filter(lambda text: text == text.strip()), st.binary(max_size=30))
)
@examples(200)
def test_package_email(form: list[Part]) -> None:
    message = email.mime.multipart.MIMEMultipart("form-data")
    for part in form:
        entity = email.mime.application.MIMEApplication(part.value, _encoder=lambda _: None)
        if part.filename:
            entity.replace_header("Content-Type", part.content_type)
            entity.add_header("Content-Disposition", "form-data", name=part.name, filename=part.filename)
        else:
            entity.add_header("Content-Disposition", "form-data", name=part.name)
        message.attach(entity)
    _, _, octets = message.as_bytes().partition(b"\n\n")
    boundary = message.get_boundary()
    assert boundary is not None
    # Its lines end with LF; what HTTP carries has CRLF. (A part of its own has no empty line at its end.)
    lines = b"\r\n".join(octets.split(b"\n"))
    if any(b"\n" in part.value or b"\r" in part.value for part in form) or not form:
        return
    assert read(f'multipart/form-data; boundary="{boundary}"', lines) == form_of(form)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=8)), max_size=8))
@examples(300)
def test_urlencoded(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode()) for name, value in pairs
    ]
    expected: dict[str, list[bytes]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value.encode())
    text = urllib.parse.urlencode(pairs)
    assert read("application/x-www-form-urlencoded", text.encode()) == (expected, {})
    assert httputil.HTTPServerRequest("GET", "/?" + text).arguments == expected


# -- an independent reading --------------------------------------------------------------------------------------------


@st.composite
def nearly_valid_forms(draw: st.DrawFn) -> bytes:
    octets = encode(draw(parts(st.text('abc"\\;= é', min_size=1, max_size=5))), "x")
    for _ in range(draw(st.integers(0, 3))):
        octets = draw(mutated(octets))
    return octets


@given(nearly_valid_forms())
@examples(400)
def test_nearly_valid_forms_are_read_as_another_does(octets: bytes) -> None:
    try:
        ours = read(CONTENT_TYPE, octets)
    except HTTPInputError as error:
        assert_modest(error, octets)
        assert undecided(CONTENT_TYPE, octets, error) is None
    else:
        assert undecided(CONTENT_TYPE, octets, ours) is None


@given(st.text(max_size=60), st.binary(max_size=60))
@examples(400)
def test_nothing_else_is_raised(content_type: str, octets: bytes) -> None:
    for type_ in (content_type, "multipart/form-data; boundary=x;" + content_type, CONTENT_TYPE):
        try:
            read(type_, octets)
        except HTTPInputError as error:
            assert_modest(error, octets)


@pytest.mark.parametrize("row", STRICTER, ids=[f"{row.section}-{row.message}" for row in STRICTER])
def test_we_are_stricter(row: Stricter) -> None:
    for witness in row.witnesses:
        with pytest.raises(HTTPInputError) as caught:
            read(row.content_type, witness)
        assert str(caught.value).startswith(row.message)
        read_with_multipart(row.content_type, witness)


@pytest.mark.parametrize("row", LAXER, ids=[f"{row.section}-{number}" for number, row in enumerate(LAXER)])
def test_we_are_laxer(row: Laxer) -> None:
    read(CONTENT_TYPE, row.witness)
    assert row.when(CONTENT_TYPE, row.witness)
    with pytest.raises(Refused):
        read_with_multipart(CONTENT_TYPE, row.witness)


@pytest.mark.parametrize("row", DIFFERENT, ids=[f"{row.section}-{number}" for number, row in enumerate(DIFFERENT)])
def test_we_read_it_otherwise(row: Different) -> None:
    assert row.when(CONTENT_TYPE, row.witness)
    assert read(CONTENT_TYPE, row.witness) != read_with_multipart(CONTENT_TYPE, row.witness)


def test_both_read_an_ordinary_form() -> None:
    assert read(CONTENT_TYPE, body(FIELD)) == read_with_multipart(CONTENT_TYPE, body(FIELD)) == ({"a": [b"1"]}, {})
