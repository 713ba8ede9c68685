"""Where our reading of ``multipart/form-data`` differs from that of the package ``multipart``, and why.

As :mod:`tests.property.decisions` for requests: each row has the section it rests on and octets that show it.
"""

import dataclasses
import re
from collections.abc import Callable

from asynchttp._h1.errors import HTTPInputError
from tests.support.forms import Form, Refused, read_with_multipart

__all__ = ["CONTENT_TYPE", "DIFFERENT", "LAXER", "STRICTER", "Different", "Laxer", "Stricter", "body", "undecided"]

CONTENT_TYPE = "multipart/form-data; boundary=x"


def body(*lines: bytes, content: bytes = b"1", end: bytes = b"--x--\r\n") -> bytes:
    """A form of one part, with these header lines."""
    return b"\r\n".join([b"--x", *lines, b"", content, end])


def _disposition(parameters: bytes) -> bytes:
    return body(b"Content-Disposition: form-data" + parameters)


FIELD = b'Content-Disposition: form-data; name="a"'


@dataclasses.dataclass(frozen=True)
class Stricter:
    """We refuse, with a message that begins so, what the other accepts."""

    section: str
    message: str
    witnesses: tuple[bytes, ...]
    content_type: str = CONTENT_TYPE


STRICTER = [
    Stricter(
        "2046-5.1.1",
        "Invalid multipart/form-data: the boundary isn't",
        (b"--" + b"x" * 71 + body(FIELD)[3:].replace(b"--x--", b"--" + b"x" * 71 + b"--"),),
        "multipart/form-data; boundary=" + "x" * 71,
    ),
    # What two readers could see in two ways is how uploads are smuggled past a firewall.
    Stricter("2045-5.1", "Invalid multipart/form-data: malformed Content-Type", (body(FIELD),), CONTENT_TYPE + '; a="'),
    Stricter(
        "2045-5.1",
        "Invalid multipart/form-data: a parameter of Content-Type that stands there twice",
        (body(FIELD),),
        "multipart/form-data; boundary=y; boundary=x",
    ),
    Stricter(
        "7578-4.2",
        "Invalid multipart/form-data: malformed Content-Disposition",
        (_disposition(b'; name="a"b'), _disposition(b'; name="a"; filename="c')),
    ),
    Stricter(
        "6266-4.1",
        "Invalid multipart/form-data: a parameter of Content-Disposition that stands there twice",
        (_disposition(b'; name="a"; name="b"'),),
    ),
    Stricter(
        "8187-3.2.1",
        "Invalid multipart/form-data: an encoded parameter of Content-Disposition",
        (_disposition(b"; name=\"a\"; filename*=koi8-r''%c1"),),
    ),
    Stricter(
        "7578-4.2",
        "Invalid multipart/form-data: a part header that stands there twice",
        (body(FIELD, FIELD[:-2] + b'b"'),),
    ),
    Stricter("7578-4.2", "multipart/form-data missing name", (_disposition(b""), _disposition(b'; name=""'))),
    # The lines of a part's header are those of a message: RFC 822 and its heirs.
    Stricter(
        "5322-2.2",
        "Invalid multipart/form-data: malformed part header",
        (body(FIELD, b"A : b"), body(FIELD, b" folded")),
    ),
    Stricter("5322-2.2", "Invalid multipart/form-data: Invalid header value in a part", (body(FIELD, b"A: \0"),)),
    Stricter(
        "2046-5.1.1",
        "multipart/form-data missing headers",
        (
            b"--x\r\n" + FIELD + b"\r\n--x: a\r\n\r\n1\r\n--x--",
            # A part without content whose empty line is the delimiter's: they read on.
            b"--x\r\n" + FIELD + b"\r\n\r\n--x\r\n" + FIELD + b"\r\n\r\n1\r\n--x--",
        ),
    ),
    Stricter("2046-5.1.1", "Invalid multipart/form-data: malformed boundary line", (b"--x--y",)),
    Stricter(
        "8187-3.2.1",
        "Invalid multipart/form-data: an encoded parameter of Content-Type",
        (body(FIELD),),
        CONTENT_TYPE + "; a*=koi8-r''%c1",
    ),
    Stricter("4.1", "multipart/form-data part header too large", (body(*[FIELD] + [b"A: " + b"b" * 5000] * 3),)),
]


@dataclasses.dataclass(frozen=True)
class Laxer:
    """We accept what the other refuses, when this is true of the octets."""

    section: str
    when: Callable[[str, bytes], object]
    witness: bytes


LAXER = [
    # A receiver "MUST" take whitespace behind a delimiter for padding.
    Laxer(
        "2046-5.1.1",
        lambda _, octets: re.search(rb"(--)?[ \t]+(\r\n|\Z)", octets),
        body(FIELD).replace(b"x\r\n", b"x \r\n", 1),
    ),
    # Any token is a field's name.
    Laxer(
        "5322-2.2",
        lambda _, octets: re.search(rb"\n[^:\r\n]*[!#$%&'*+.^`|~][^:\r\n]*:", octets),
        body(FIELD, b"A&B: c"),
    ),
    # Any other field of a part "MUST be ignored".
    Laxer(
        "7578-4.8",
        lambda _, octets: re.search(rb"(?i)\r\ncontent-length[ \t]*:", octets),
        body(FIELD, b"Content-Length: 9"),
    ),
]


@dataclasses.dataclass(frozen=True)
class Different:
    """Both accept, and read something else, when this is true of the octets."""

    section: str
    when: Callable[[str, bytes], object]
    witness: bytes


DIFFERENT = [
    # "The encoding method … MUST NOT be used" by clients, and is, by some; Tornado has it.
    Different(
        "7578-4.2",
        lambda _, octets: re.search(rb"(?i)name[ \t]*\*", octets),
        _disposition(b"; name=a; filename*=utf-8''b"),
    ),
    # They don't take a tab for the whitespace that it is.
    Different("9110-5.6.3", lambda _, octets: re.search(rb";[ \t]*\t", octets), _disposition(b';\tname="a"')),
    # Percent-encoding of a name is told by nothing, so it's the application's; Tornado leaves it.
    Different("7578-4.2", lambda _, octets: b"%" in octets, _disposition(b'; name="%22"')),
    # They end a word without quotes where it has a character that should be in quotes.
    Different(
        "2045-5.1",
        lambda _, octets: re.search(rb"=[ \t]*[^\";\s]*[^!#$%&'*+.^_`|~0-9A-Za-z\-\";\s]", octets),
        _disposition(b"; name=a/b"),
    ),
    # They take the directory off the path of an old Internet Explorer, and a backslash off what isn't escaped.
    Different("7578-4.2", lambda _, octets: b"\\" in octets, _disposition(rb'; name=a; filename="C:\a\b"')),
]


def undecided(content_type: str, octets: bytes, ours: Form | HTTPInputError) -> str | None:
    """How ``ours`` differs from the other reading without standing in one of the tables."""
    try:
        theirs = read_with_multipart(content_type, octets)
    except Refused as error:
        if isinstance(ours, HTTPInputError) or any(row.when(content_type, octets) for row in LAXER):
            return None
        return f"only the other refuses: {error}"
    if isinstance(ours, HTTPInputError):
        if any(str(ours).startswith(row.message) for row in STRICTER):
            return None
        return f"only the other accepts: {ours}"
    if ours != theirs and not any(row.when(content_type, octets) for row in DIFFERENT):
        return f"the other reads {theirs!r}, we {ours!r}"
    return None
