"""Forms, from the octets of a query or a body to values: RFC 7578, RFC 2183 and the WHATWG URL standard.

Whatever a peer sends costs time linear in its size and stays within the limits of :class:`ParseBodyConfig`. What isn't
a form raises :exc:`HTTPInputError`; nothing is guessed.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Iterator
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


@dataclasses.dataclass
class ParseMultipartConfig:
    """Limits of ``multipart/form-data``.  Source: Tornado 6.5.5."""

    enabled: bool = True
    #: parts of one body
    max_parts: int = 100
    #: octets of the header of one part
    max_part_header_size: int = 10 * 1024


@dataclasses.dataclass
class ParseUrlEncodedConfig:
    """Limits of ``application/x-www-form-urlencoded``, also in a query.  Source: Tornado 6.5.8."""

    #: fields of one form
    max_arguments: int = 1000


@dataclasses.dataclass
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

    Raises: :exc:`HTTPInputError` above ``max_arguments``, and for characters that aren't octets.
    """
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        raise HTTPInputError("Invalid form: a character that is no octet") from None
    return _parse_urlencoded(octets, config or _config.urlencoded)


def _parse_urlencoded(octets: bytes, config: ParseUrlEncodedConfig) -> Arguments:
    limit = config.max_arguments
    if octets.count(b"&") >= limit:
        raise HTTPInputError(f"Max number of fields exceeded: more than {limit}")
    arguments: Arguments = {}
    for field in octets.split(b"&"):
        if field:
            name, _, value = field.replace(b"+", b" ").partition(b"=")
            arguments.setdefault(_unescaped(name).decode("utf-8", "replace"), []).append(_unescaped(value))
    return arguments


#: Octets whose escapes are undone at once: of each one the standard library makes objects of two hundred octets.
_SLICE_SIZE: Final = 8192


def _unescaped(octets: bytes) -> bytes:
    """``octets`` without percent-encoding; what isn't an escape stays as it is."""
    if len(octets) <= _SLICE_SIZE:
        return urllib.parse.unquote_to_bytes(octets)
    pieces = []
    position = 0
    while position < len(octets):
        end = position + _SLICE_SIZE
        if end < len(octets) and (escape := octets.find(b"%", end - 2, end)) >= 0:
            end = escape  # not cut in two
        pieces.append(urllib.parse.unquote_to_bytes(octets[position:end]))
        position = end
    return b"".join(pieces)


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
    media_type = content_type.partition(";")[0].strip(" \t").lower()
    if media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return
    if headers is not None and "Content-Encoding" in headers:
        raise HTTPInputError("Unsupported Content-Encoding of a form")
    if media_type == "multipart/form-data":
        boundary = _strict_parameters(content_type, "Content-Type").get("boundary")
        if not boundary:
            raise HTTPInputError("Invalid multipart/form-data: no boundary in Content-Type")
        octets = boundary.encode("utf-8", "surrogatepass")
        parse_multipart_form_data(octets, body, arguments, files, config=config.multipart)
        return
    for name, values in _parse_urlencoded(body, config.urlencoded).items():
        arguments.setdefault(name, []).extend(values)


#: RFC 2046 §5.1.1 boundary: up to 70 characters, the last one no space.
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
#: What stands behind a delimiter: the two dashes of the last one, transport padding, and the end of the line.
_DELIMITER_END: Final = re.compile(rb"(--)?+[ \t]*+(\r\n|\Z)")


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
    if _BOUNDARY.fullmatch(boundary) is None:
        raise HTTPInputError("Invalid multipart/form-data: the boundary isn't 1 to 70 of the characters of RFC 2046")
    delimiter = b"\r\n--" + boundary
    first = data.find(delimiter[2:])
    if first < 0:
        raise HTTPInputError("Invalid multipart/form-data: no boundary found")
    # Before the first delimiter there is nothing that anybody should see, so nobody may see it begin in its line.
    if first and data[first - 2 : first] != b"\r\n":
        raise HTTPInputError("Invalid multipart/form-data: the first boundary doesn't begin a line")
    position = first + len(delimiter) - 2
    parts = 0
    while True:
        # A line that goes on otherwise isn't content (RFC 2046 §5.1.1), though some take it for that.
        line = _DELIMITER_END.match(data, position)
        if line is None:
            raise HTTPInputError("Invalid multipart/form-data: malformed boundary line")
        if line[1]:
            return
        parts += 1
        if parts > config.max_parts:
            raise HTTPInputError("multipart/form-data has too many parts")
        begin = line.end()
        # The delimiter's CRLF may be the boundary line's: a part without header and content, refused as such.
        end = data.find(delimiter, line.start(2))
        if end < 0:
            raise HTTPInputError("Invalid multipart/form-data: no final boundary found")
        _parse_part(data, begin, max(begin, end), arguments, files, config)
        position = end + len(delimiter)


def _parse_part(
    data: bytes,
    begin: int,
    end: int,
    arguments: Arguments,
    files: dict[str, list[HTTPFile]],
    config: ParseMultipartConfig,
) -> None:
    # RFC 2046 §5.1.1 lets a part without octets share the CRLF of its empty line with the delimiter. Nobody writes
    # such, and half of those who read take the delimiter for content.
    head_end = data.find(b"\r\n\r\n", begin, end)
    if head_end < 0:
        raise HTTPInputError("multipart/form-data missing headers")
    if head_end - begin > config.max_part_header_size:
        raise HTTPInputError("multipart/form-data part header too large")
    headers = _part_headers(data[begin:head_end])
    disposition = headers.get("content-disposition", "")
    if disposition.partition(";")[0].strip(" \t").lower() != "form-data":
        raise HTTPInputError("Invalid multipart/form-data: a part that isn't form-data")
    parameters = _strict_parameters(disposition, "Content-Disposition")
    name = parameters.get("name")
    if not name:
        raise HTTPInputError("multipart/form-data missing name")
    value = data[head_end + 4 : end]
    filename = parameters.get("filename")
    if filename:
        content_type = headers.get("content-type", "application/unknown")
        files.setdefault(name, []).append(HTTPFile(filename=filename, body=value, content_type=content_type))
    else:  # also an empty one: a browser whose user chose no file
        arguments.setdefault(name, []).append(value)


def _part_headers(octets: bytes) -> dict[str, str]:
    """The header of a part, names in lower case.  Its values are UTF-8, unlike those of a message (RFC 7578 §5.1)."""
    headers: dict[str, str] = {}
    for line in octets.split(b"\r\n"):
        octets_of_name, colon, value = line.partition(b":")
        if not colon or abnf.TOKEN.fullmatch(octets_of_name) is None:
            raise HTTPInputError("Invalid multipart/form-data: malformed part header")
        if abnf.FIELD_VALUE.fullmatch(value) is None:
            raise HTTPInputError("Invalid multipart/form-data: Invalid header value in a part")
        name = octets_of_name.decode("ascii").lower()
        # Who looks before us, a firewall for one, may have believed the other one.
        if name in headers and name in ("content-disposition", "content-type"):
            raise HTTPInputError("Invalid multipart/form-data: a part header that stands there twice")
        try:
            headers[name] = value.strip(b" \t").decode("utf-8")
        except UnicodeDecodeError:
            raise HTTPInputError("multipart/form-data part header is not UTF-8") from None
    return headers


_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
#: RFC 9110 §5.6.4 quoted-string, without the quotes.
_QUOTED: Final = r'(?:[^"\\]|\\.)*+'
#: RFC 9110 §5.6.6 parameters. Possessive: linear in what it looks at.
_PARAMETER: Final = re.compile(rf';[ \t]*+({_TOKEN})[ \t]*+=[ \t]*+(?:"({_QUOTED})"|([^;]*+))[^;]*+|;[^;]*+', re.DOTALL)
#: A value whose parameters are all well-formed; laxly with any word where a token should stand, as in "boundary=a/b".
_WELL_FORMED: Final = re.compile(
    rf'[^;"]*+(?:;[ \t]*+(?:{_TOKEN}[ \t]*+=[ \t]*+(?:"{_QUOTED}"|[^;,"\\\s\x00-\x20]++)[ \t]*+)?+)*+'
)
#: Browsers don't escape the backslashes of a file's name: one before anything else stands for itself.
_ESCAPED: Final = re.compile(r'\\(["\\])')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def parse_header(line: str) -> tuple[str, dict[str, str]]:
    """A value with parameters, as of Content-Type or Content-Disposition: (the value in lower case, the parameters).

    A parameter ``name*`` is decoded as RFC 8187 says and takes precedence over ``name``. What isn't a parameter is left
    out.

    >>> parse_header("form-data; name=a; filename*=utf-8''%e2%82%ac.txt")
    ('form-data', {'name': 'a', 'filename': '€.txt'})
    """
    value, semicolon, rest = line.partition(";")
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    for name, text in _parameters(semicolon + rest):
        if not name.endswith("*"):
            parameters[name] = text
        elif (decoded := _decode_extended(text)) is not None:
            extended[name[:-1]] = decoded
    return value.strip(" \t").lower(), parameters | extended


def _strict_parameters(value: str, field: str) -> dict[str, str]:
    """The parameters of a value that decides what a form means.

    Raises: :exc:`HTTPInputError` where two readers could see two things: a parameter that is malformed, stands there
    twice, or is encoded for no reason.
    """
    if _WELL_FORMED.fullmatch(value) is None:
        raise HTTPInputError(f"Invalid multipart/form-data: malformed {field}")
    parameters: dict[str, str] = {}
    for name, text in _parameters(value):
        if name in parameters:
            raise HTTPInputError(f"Invalid multipart/form-data: a parameter of {field} that stands there twice")
        parameters[name] = text
    # RFC 7578 §4.2 wants nothing encoded; file names are so all the same.
    for name in [name for name in parameters if name[-1] == "*"]:
        decoded = _decode_extended(parameters.pop(name))
        if decoded is not None and name == "filename*":
            parameters["filename"] = decoded
        elif name != "filename*" or "filename" not in parameters:
            what = "which isn't a file's name in UTF-8 or ISO 8859-1"
            raise HTTPInputError(f"Invalid multipart/form-data: an encoded parameter of {field}, {what}")
    return parameters


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and texts of the parameters in ``text``."""
    for match in _PARAMETER.finditer(text):
        if match[1] is not None:
            quoted = match[2]
            if quoted is None:
                yield match[1].lower(), match[3].strip(" \t")
            else:
                yield match[1].lower(), _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted


def _decode_extended(text: str) -> str | None:
    """RFC 8187 §3.2: ``utf-8'language'percent-encoded``; ``None`` if it isn't that."""
    charset, _, rest = text.partition("'")
    _, quote, encoded = rest.partition("'")
    # Never any codec that a peer names: "idna" costs the square of its input, "zlib" isn't text.
    if not quote or charset.lower() not in ("utf-8", "iso-8859-1"):
        return None
    try:
        decoded = urllib.parse.unquote(encoded, charset, "strict")
    except UnicodeDecodeError:
        return None
    return decoded if _CONTROL.search(decoded) is None else None
