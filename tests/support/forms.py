"""Bodies in ``multipart/form-data``, written by hand; and an independent reading of them."""

from typing import Any, NamedTuple

import multipart

from asynchttp._forms import ParseBodyConfig, ParseMultipartConfig, parse_body_arguments, parse_header

__all__ = ["Form", "Part", "Refused", "encode", "form_of", "parts_of", "read", "read_with_multipart"]


class Part(NamedTuple):
    """A field, or a file if it has a name for one."""

    name: str
    value: bytes
    filename: str = ""
    content_type: str = "application/unknown"


#: The parts by name, fields and files apart, each in order: the order between two names is lost.
Form = tuple[dict[str, list[bytes]], dict[str, list[tuple[str, bytes, str]]]]


class Refused(Exception):
    """The oracle doesn't accept the form."""


def encode(parts: list[Part], boundary: str) -> bytes:
    """A body as the strictest reader wants it."""
    lines = []
    for part in parts:
        disposition = f'form-data; name="{_escaped(part.name)}"'
        if part.filename:
            disposition += f'; filename="{_escaped(part.filename)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if part.filename:
            head += f"Content-Type: {part.content_type}\r\n"
        lines.append(head.encode() + b"\r\n" + part.value + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def form_of(parts: list[Part]) -> Form:
    """What a reader must make of ``parts``."""
    fields: dict[str, list[bytes]] = {}
    files: dict[str, list[tuple[str, bytes, str]]] = {}
    for part in parts:
        if part.filename:
            files.setdefault(part.name, []).append((part.filename, part.value, part.content_type))
        else:
            fields.setdefault(part.name, []).append(part.value)
    return fields, files


def parts_of(form: Form) -> list[Part]:
    """Parts that make up ``form``."""
    fields, files = form
    return [Part(name, value) for name, values in fields.items() for value in values] + [
        Part(name, value, filename, content_type)
        for name, values in files.items()
        for filename, value, content_type in values
    ]


def read(content_type: str, body: bytes, **limits: Any) -> Form:
    """Our reading."""
    fields: dict[str, list[bytes]] = {}
    files: dict[str, Any] = {}
    config = ParseBodyConfig(multipart=ParseMultipartConfig(**limits))
    parse_body_arguments(content_type, body, fields, files, config=config)
    return fields, {
        name: [(file.filename, file.body, file.content_type) for file in values] for name, values in files.items()
    }


def read_with_multipart(content_type: str, body: bytes) -> Form:
    """The reading of the package ``multipart``, with the boundary that we see."""
    _, parameters = parse_header(content_type)
    parts: list[Part] = []
    value = b""
    segment: Any = None
    try:
        with multipart.PushMultipartParser(
            parameters.get("boundary", ""), max_header_size=10240, max_header_count=100, max_segment_count=100
        ) as parser:
            for event in parser.parse(body):
                if event is None:
                    assert segment is not None
                    headers = dict(segment.headerlist)
                    content_type = headers.get("Content-Type", "application/unknown").strip(" \t")
                    parts.append(Part(segment.name, value, segment.filename or "", content_type))
                elif isinstance(event, bytes):
                    value += event
                else:
                    segment, value = event, b""
    except multipart.MultipartError as error:
        raise Refused(str(error)) from error
    return form_of(parts)
