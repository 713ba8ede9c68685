"""Forms, from the octets of a query or a body to values: RFC 7578, RFC 2183 and the WHATWG URL standard.

Whatever a peer sends costs time linear in its size and stays within the limits of :class:`ParseBodyConfig`. What isn't
a form raises :exc:`HTTPInputError`; nothing is guessed.
"""

import dataclasses
import re
import urllib.parse
from typing import Final

from asynchttp._h1 import abnf
from asynchttp._h1.errors import HTTPInputError
from asynchttp._headers import HTTPHeaders
from asynchttp.util import ObjectDict

__all__ = [
    "HTTPFile",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "parse_body_arguments",
    "parse_header",
    "parse_multipart_form_data",
    "parse_query",
    "set_parse_body_config",
]

Arguments = dict[str, list[bytes]]


class HTTPFile(ObjectDict):
    """A file in a form: ``filename`` (text), ``body`` (octets), ``content_type`` (text).  Source: Tornado."""

    filename: str
    body: bytes
    content_type: str


@dataclasses.dataclass(frozen=True)
class ParseMultipartConfig:
    """Limits of ``multipart/form-data``.  Source: Tornado 6.5.5."""

    enabled: bool = True
    #: parts of one body
    max_parts: int = 100
    #: octets of the header of one part
    max_part_header_size: int = 10 * 1024


@dataclasses.dataclass(frozen=True)
class ParseUrlEncodedConfig:
    """Limits of ``application/x-www-form-urlencoded``, also in a query.  Source: Tornado 6.5.8."""

    #: fields of one form
    max_arguments: int = 1000


@dataclasses.dataclass(frozen=True)
class ParseBodyConfig:
    """Limits of the forms that a server parses.  Source: Tornado 6.5.5."""

    multipart: ParseMultipartConfig = dataclasses.field(default_factory=ParseMultipartConfig)
    urlencoded: ParseUrlEncodedConfig = dataclasses.field(default_factory=ParseUrlEncodedConfig)


_config = ParseBodyConfig()


def set_parse_body_config(config: ParseBodyConfig) -> None:
    """Set the limits for all servers of this process."""
    global _config
    _config = config


def parse_query(text: str, config: ParseUrlEncodedConfig | None = None) -> Arguments:
    """Fields of ``application/x-www-form-urlencoded`` text, empty values included.

    Raises: :exc:`HTTPInputError` above ``max_arguments``.
    """
    limit = (config or _config.urlencoded).max_arguments
    if text.count("&") >= limit:
        raise HTTPInputError(f"Max number of fields exceeded: more than {limit}")
    arguments: Arguments = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True, encoding="latin-1"):
        decoded = name.encode("latin-1").decode("utf-8", "replace")
        arguments.setdefault(decoded, []).append(value.encode("latin-1"))
    return arguments


def parse_body_arguments(
    content_type: str,
    body: bytes,
    arguments: Arguments,
    files: dict[str, list[HTTPFile]],
    headers: HTTPHeaders | None = None,
    *,
    config: ParseBodyConfig | None = None,
) -> None:
    """Add the fields of a form in ``body`` to ``arguments``, and its files to ``files``.

    Args:
        content_type: of the body; one that isn't a form's adds nothing.
        headers: of the request: a ``Content-Encoding`` that wasn't undone makes the body unreadable.

    Raises: :exc:`HTTPInputError` for a form that is malformed or beyond a limit.  Source: Tornado.
    """
    config = config or _config
    media_type, parameters = parse_header(content_type)
    if media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return
    if headers is not None and "Content-Encoding" in headers:
        raise HTTPInputError("Unsupported Content-Encoding of a form")
    if media_type == "multipart/form-data":
        boundary = parameters.get("boundary")
        if not boundary:
            raise HTTPInputError("Invalid multipart/form-data: no boundary in Content-Type")
        parse_multipart_form_data(boundary.encode(), body, arguments, files, config=config.multipart)
        return
    for name, values in parse_query(body.decode("latin-1"), config.urlencoded).items():
        arguments.setdefault(name, []).extend(values)


def parse_multipart_form_data(
    boundary: bytes,
    data: bytes,
    arguments: Arguments,
    files: dict[str, list[HTTPFile]],
    *,
    config: ParseMultipartConfig | None = None,
) -> None:
    """Add the fields of a ``multipart/form-data`` body to ``arguments``, and its files to ``files``.

    Args:
        boundary: without the dashes before it; quotes around it are taken off.

    Raises: :exc:`HTTPInputError` for a body that is malformed or beyond a limit.
    Source: Tornado; RFC 7578, RFC 2046 §5.1.
    """
    config = config or _config.multipart
    if not config.enabled:
        raise HTTPInputError("multipart/form-data parsing is disabled")
    if boundary[:1] == b'"' == boundary[-1:]:
        boundary = boundary[1:-1]
    delimiter = b"--" + boundary
    # A delimiter begins a line; before the first one there is nothing that anybody should see.
    if data.startswith(delimiter):
        position = len(delimiter)
    else:
        found = data.find(b"\r\n" + delimiter)
        if found < 0:
            raise HTTPInputError("Invalid multipart/form-data: no boundary found")
        position = found + 2 + len(delimiter)
    parts = 0
    while not data.startswith(b"--", position):
        line_end = data.find(b"\r\n", position)
        if line_end < 0 or data[position:line_end].strip(b" \t"):
            raise HTTPInputError("Invalid multipart/form-data: malformed boundary line")
        parts += 1
        if parts > config.max_parts:
            raise HTTPInputError("multipart/form-data has too many parts")
        begin = line_end + 2
        end = data.find(b"\r\n" + delimiter, line_end)
        if end < 0:
            raise HTTPInputError("Invalid multipart/form-data: no final boundary found")
        _parse_part(data, begin, max(begin, end), arguments, files, config)
        position = end + 2 + len(delimiter)


def _parse_part(
    data: bytes,
    begin: int,
    end: int,
    arguments: Arguments,
    files: dict[str, list[HTTPFile]],
    config: ParseMultipartConfig,
) -> None:
    # RFC 2046 §5.1.1: a part without octets may share the CRLF of its empty line with the delimiter.
    head_end = data.find(b"\r\n\r\n", begin, end + 2)
    if head_end < 0:
        raise HTTPInputError("multipart/form-data missing headers")
    if head_end - begin > config.max_part_header_size:
        raise HTTPInputError("multipart/form-data part header too large")
    headers = _part_headers(data[begin:head_end])
    disposition, parameters = parse_header(headers.get("Content-Disposition", ""))
    name = parameters.get("name")
    if disposition != "form-data":
        raise HTTPInputError("Invalid multipart/form-data: a part that isn't form-data")
    if not name:
        raise HTTPInputError("multipart/form-data missing name")
    value = data[head_end + 4 : end]
    if "filename" in parameters:
        if parameters["filename"]:
            content_type = headers.get("Content-Type", "application/unknown")
            file = HTTPFile(filename=parameters["filename"], body=value, content_type=content_type)
            files.setdefault(name, []).append(file)
    else:
        arguments.setdefault(name, []).append(value)


def _part_headers(octets: bytes) -> dict[str, str]:
    """The header of a part, names in title case.  Its values are UTF-8, unlike those of a message (RFC 7578 §5.1)."""
    headers: dict[str, str] = {}
    for line in octets.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or abnf.TOKEN.fullmatch(name) is None:
            raise HTTPInputError("Invalid multipart/form-data: malformed part header")
        if abnf.FIELD_VALUE.fullmatch(value) is None:
            raise HTTPInputError("Invalid multipart/form-data: Invalid header value in a part")
        try:
            headers[name.decode("ascii").title()] = value.strip(b" \t").decode("utf-8")
        except UnicodeDecodeError:
            raise HTTPInputError("multipart/form-data part header is not UTF-8") from None
    return headers


#: RFC 9110 §5.6.6 parameters, with the quoted-string of §5.6.4; Possessive: linear in what it looks at.
_PARAMETER: Final = re.compile(
    r';[ \t]*+([!#$%&\'*+\-.^_`|~0-9A-Za-z]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))[^;]*+|;[^;]*+', re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_header(line: str) -> tuple[str, dict[str, str]]:
    """A value with parameters, as of Content-Type or Content-Disposition: (the value in lower case, the parameters).

    A parameter ``name*`` is decoded as RFC 8187 says and takes precedence over ``name``. What isn't a parameter is left
    out.

    >>> parse_header('form-data; name="a"; filename*=utf-8\\'\\'%e2%82%ac.txt')
    ('form-data', {'name': 'a', 'filename': '€.txt'})
    """
    value, semicolon, rest = line.partition(";")
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        if match[1] is None:
            continue
        name = match[1].lower()
        text = _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3].strip(" \t")
        if name.endswith("*"):
            charset, quote, encoded = text.partition("'")
            _, second, encoded = encoded.partition("'")
            if quote and second:
                try:
                    extended[name[:-1]] = urllib.parse.unquote(encoded, charset or "utf-8", "strict")
                except (LookupError, UnicodeDecodeError):
                    continue
        else:
            parameters.setdefault(name, text)
    return value.strip(" \t").lower(), parameters | extended
