"""Whatever a client sends as a form: the first line is the value of its Content-Type, the rest the body.

* Only ``HTTPInputError`` is raised, in one short line.
* What was read, written again in the strictest way, is read as the same.
* The package ``multipart`` reads the same, but for the listed decisions.
"""

import itertools

from asynchttp._h1.errors import HTTPInputError
from tests.property.form_decisions import CONTENT_TYPE, DIFFERENT, LAXER, STRICTER, undecided
from tests.support.forms import Form, encode, parts_of, read
from tests.support.h1 import assert_modest

__all__ = ["SEEDS", "WORDS", "check"]

WORDS = [
    b"multipart/form-data; boundary=x\r\n",
    b"application/x-www-form-urlencoded\r\n",
    b'boundary="x"',
    b"--x",
    b"--x\r\n",
    b"\r\n--x\r\n",
    b"\r\n--x--\r\n",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; ",
    b"Content-Type: text/plain\r\n",
    b'name="a"',
    b'; filename="b"',
    b"; filename*=utf-8''%e2%82%ac",
    b"; filename*=iso-8859-1'en'%a3",
    b'\\"',
    b"\\\\",
    b"%22",
    b'"',
    b";",
    b"\x00",
    b"\xc3\xa9",
]

SEEDS = [
    *(row.content_type.encode() + b"\r\n" + witness for row in STRICTER for witness in row.witnesses),
    *(CONTENT_TYPE.encode() + b"\r\n" + row.witness for row in [*LAXER, *DIFFERENT]),
]


def check(data: bytes) -> None:
    first, _, body = data.partition(b"\r\n")
    content_type = first.decode("latin-1")
    ours: Form | HTTPInputError
    try:
        ours = read(content_type, body)
    except HTTPInputError as error:
        assert_modest(error, data)
        ours = error
    if not isinstance(ours, HTTPInputError):
        parts = parts_of(ours)
        values = b"".join(part.value for part in parts)
        boundary = next(text for text in map(str, itertools.count()) if text.encode() not in values)
        if "multipart" in content_type.lower():
            assert read(f"multipart/form-data; boundary={boundary}", encode(parts, boundary)) == ours
    if content_type.partition(";")[0].strip(" \t").lower() == "multipart/form-data":
        assert (found := undecided(content_type, body, ours)) is None, found
