"""Requests, responses and header fields as values: what handlers hold in their hands.

Nothing here does I/O. What the protocol demands of these values is checked in :mod:`asynchttp._h1` before a handler
sees them; what a handler only may ask for (``headers``, ``arguments``, ``cookies`` …) is computed when it is asked for.
"""

import calendar
import datetime
import http.cookies
import re
import time
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, overload

from asynchttp._forms import (
    HTTPFile,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    parse_body_arguments,
    parse_header,
    parse_multipart_form_data,
    parse_query,
    set_parse_body_config,
)
from asynchttp._h1 import abnf, serializer
from asynchttp._h1.errors import (
    BodyTooLargeError,
    ExpectationFailedError,
    HeadTooLargeError,
    HTTPInputError,
    HTTPOutputError,
    RequestTimeoutError,
    UnsupportedCodingError,
    UnsupportedVersionError,
    URITooLongError,
)
from asynchttp._headers import HTTPHeaders
from asynchttp._interfaces import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate

__all__ = [
    "HTTP_WHITESPACE",
    "BodyTooLargeError",
    "ExpectationFailedError",
    "HTTPConnection",
    "HTTPFile",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "HeadTooLargeError",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "RequestStartLine",
    "RequestTimeoutError",
    "ResponseStartLine",
    "URITooLongError",
    "UnsupportedCodingError",
    "UnsupportedVersionError",
    "encode_username_password",
    "format_timestamp",
    "parse_body_arguments",
    "parse_cookie",
    "parse_multipart_form_data",
    "parse_request_start_line",
    "parse_response_start_line",
    "qs_to_qsl",
    "responses",
    "set_parse_body_config",
    "split_host_and_port",
    "url_concat",
]

#: Reason phrases by status code.
responses = serializer.REASONS


class RequestStartLine(NamedTuple):
    """``GET /path HTTP/1.1`` in three parts."""

    method: str
    path: str
    version: str


class ResponseStartLine(NamedTuple):
    """``HTTP/1.1 200 OK`` in three parts."""

    version: str
    code: int
    reason: str


_REQUEST_START_LINE = re.compile(
    rf"({abnf.token.decode('latin-1')}) ({abnf.request_target.decode('latin-1')}) (HTTP/1\.[0-9])"
)
_RESPONSE_START_LINE = re.compile(rf"(HTTP/1\.[0-9]) ([0-9]{{3}}) ({abnf.field_value.decode('latin-1')})")


def parse_request_start_line(line: str) -> RequestStartLine:
    """The parts of a request line.

    >>> parse_request_start_line("GET /foo HTTP/1.1")
    RequestStartLine(method='GET', path='/foo', version='HTTP/1.1')

    Raises: :exc:`HTTPInputError` when it isn't one.  Source: Tornado; RFC 9112 §3.
    """
    match = _REQUEST_START_LINE.fullmatch(line)
    if match is None:
        if re.search(r" HTTP/[02-9]\.[0-9]$", line):
            raise HTTPInputError("Unexpected HTTP version")
        raise HTTPInputError("Malformed HTTP request line")
    return RequestStartLine(*match.groups())


def parse_response_start_line(line: str) -> ResponseStartLine:
    """The parts of a status line.

    >>> parse_response_start_line("HTTP/1.1 200 OK")
    ResponseStartLine(version='HTTP/1.1', code=200, reason='OK')

    Raises: :exc:`HTTPInputError` when it isn't one.  Source: Tornado; RFC 9112 §4.
    """
    match = _RESPONSE_START_LINE.fullmatch(line)
    if match is None:
        raise HTTPInputError("Error parsing response start line")
    return ResponseStartLine(match[1], int(match[2]), match[3])


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_timestamp(ts: float | tuple[int, ...] | time.struct_time | datetime.datetime) -> str:
    """An instant as HTTP writes it (RFC 9110 §5.6.7).

    Args:
        ts: seconds since the epoch, a UTC time tuple, or a datetime; a naive one counts as UTC.

    >>> format_timestamp(1359312200)
    'Sun, 27 Jan 2013 18:43:20 GMT'
    """
    if isinstance(ts, int | float):
        seconds = ts
    elif isinstance(ts, tuple | time.struct_time):
        seconds = calendar.timegm(ts)
    elif isinstance(ts, datetime.datetime):
        seconds = calendar.timegm(ts.utctimetuple())
    else:
        raise TypeError(f"unknown timestamp type: {ts!r}")
    # By hand: strftime follows the locale, and email.utils imports socket.
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


class HTTPResponse(NamedTuple):
    """What a coroutine handler may return: a whole response.

    >>> HTTPResponse(404, {"Content-Type": "text/plain"}, "no such page").status
    404
    """

    status: int = 200
    #: (name, value) pairs or a mapping. ``Content-Length``, ``Date`` and ``Connection`` are the server's business.
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    #: ``str`` is sent as UTF-8
    body: bytes | bytearray | memoryview | str = b""


_T = TypeVar("_T")


class lazy(Generic[_T]):
    """A value that is computed when it is first asked for, and from then on is a plain attribute.

    Assigning the attribute before replaces the computation: the descriptor has no ``__set__``.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | _T:
        if instance is None:
            return self
        value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value

    if TYPE_CHECKING:  # assignment is plain attribute assignment; a type checker has to be told

        def __set__(self, instance: object, value: _T) -> None: ...


class HTTPServerRequest:
    """One request, and the way to answer it.

    Attributes:
        method: as sent, for example ``"GET"``.
        uri: the request target as sent, query included.
        path, query: the two halves of ``uri``.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
        headers: :class:`HTTPHeaders`.
        body: ``bytes``, the whole body; ``b""`` when there is none.
        remote_ip: address of the client; behind a trusted proxy what the proxy says (``xheaders``).
        protocol: ``"http"`` or ``"https"``, found likewise.
        host: value of ``Host``; ``"127.0.0.1"`` for an HTTP/1.0 request without one.
        arguments, query_arguments, body_arguments: lists of ``bytes`` by name.
        cookies: :class:`http.cookies.SimpleCookie`.
        files: lists of :class:`HTTPFile` by name, of a ``multipart/form-data`` body.
        trailers: :class:`HTTPHeaders` that came behind a chunked body (RFC 9110 §6.5), bounded as those of a head;
            never merged into ``headers``, and without those that belong there. Empty until the body is complete.
        connection: the exchange, with ``write_headers``, ``write``, ``finish`` and ``set_close_callback``.

    Source: Tornado ``httputil.HTTPServerRequest`` (``httpserver.HTTPRequest`` up to 3.x).
    """

    method: str | None
    body: bytes
    _start_time: float

    def __init__(
        self,
        method: str | None = None,
        uri: str | None = None,
        version: str = "HTTP/1.0",
        headers: HTTPHeaders | None = None,
        body: bytes | None = None,
        host: str | None = None,
        files: dict[str, list[Any]] | None = None,
        connection: Any = None,
        start_line: RequestStartLine | None = None,
        server_connection: Any = None,
        *,
        remote_ip: str | None = None,
        protocol: str | None = None,
    ) -> None:
        if start_line is not None:
            method, uri, version = start_line
        context = getattr(connection, "context", None)
        self.method = method
        self.uri = uri
        self.version = version
        self.headers = headers if headers is not None else HTTPHeaders()
        self.body = body or b""
        self.remote_ip = remote_ip if remote_ip is not None else getattr(context, "remote_ip", None)
        self.protocol = protocol if protocol is not None else getattr(context, "protocol", "http")
        self.host = host or self.headers.get("Host") or "127.0.0.1"
        if files is not None:
            self.files = files
        self.connection = connection
        self.server_connection = server_connection
        self._start_time = time.time()
        self.query_arguments  # noqa: B018  # computed here, so that too many of them are refused here, as in Tornado

    @lazy
    def uri(self) -> str | None:
        return None

    @lazy
    def version(self) -> str:
        return "HTTP/1.0"

    @lazy
    def headers(self) -> HTTPHeaders:
        return HTTPHeaders()

    @lazy
    def trailers(self) -> HTTPHeaders:
        return HTTPHeaders()

    @lazy
    def remote_ip(self) -> str | None:
        return None

    @lazy
    def protocol(self) -> str:
        return "http"

    @lazy
    def host(self) -> str:
        return "127.0.0.1"

    @lazy
    def connection(self) -> Any:
        return None

    @lazy
    def files(self) -> "dict[str, list[HTTPFile]]":
        return self._form[1]

    @lazy
    def path(self) -> str:
        return (self.uri or "").partition("?")[0]

    @lazy
    def query(self) -> str:
        return (self.uri or "").partition("?")[2]

    @lazy
    def host_name(self) -> str:
        """``host`` without its port, lower case."""
        return re.sub(r":[0-9]*$", "", self.host).lower()

    @lazy
    def query_arguments(self) -> dict[str, list[bytes]]:
        """The fields of the query.  Raises :exc:`HTTPInputError` above 1,000 of them."""
        return parse_query(self.query)

    @lazy
    def _form(self) -> "tuple[dict[str, list[bytes]], dict[str, list[HTTPFile]]]":
        arguments: dict[str, list[bytes]] = {}
        files: dict[str, list[HTTPFile]] = {}
        content_type = self.headers.get("Content-Type", "")
        if content_type and self.body:
            parse_body_arguments(content_type, self.body, arguments, files, self.headers)
        return arguments, files

    @lazy
    def body_arguments(self) -> dict[str, list[bytes]]:
        """The fields of a form in the body.  Raises :exc:`HTTPInputError` for one that is malformed or too large."""
        return self._form[0]

    @lazy
    def arguments(self) -> dict[str, list[bytes]]:
        """``query_arguments`` and ``body_arguments`` together."""
        merged = {name: list(values) for name, values in self.query_arguments.items()}
        for name, values in self.body_arguments.items():
            merged.setdefault(name, []).extend(values)
        return merged

    def _parse_body(self) -> None:
        """Read the form in ``body`` now.  ``tornado.web`` calls it, when it has put a body together itself."""
        for name in ("_form", "body_arguments", "files", "arguments"):
            self.__dict__.pop(name, None)
        self.arguments  # noqa: B018  # computed here, so that what is wrong with it is raised here
        self.files  # noqa: B018

    @lazy
    def cookies(self) -> "http.cookies.SimpleCookie":
        """The cookies; a malformed one is left out.  RFC 6265 §4.2, and quoted values as :mod:`http.cookies` writes."""
        cookies = http.cookies.SimpleCookie()
        for value in self.headers.get_list("Cookie"):
            for name, text in parse_cookie(value).items():
                try:
                    cookies[name] = text
                except http.cookies.CookieError:
                    continue
        return cookies

    def get_ssl_certificate(self, binary_form: bool = False) -> Any:
        """The client's certificate, as :meth:`ssl.SSLSocket.getpeercert` gives it; ``None`` without TLS or without one.

        The server's context must ask for one (``verify_mode``).
        """
        stream = getattr(self.connection, "stream", None)
        getpeercert = getattr(getattr(stream, "socket", None), "getpeercert", None)
        return None if getpeercert is None else getpeercert(binary_form=binary_form)

    def supports_http_1_1(self) -> bool:
        """Whether the client speaks HTTP/1.1.  Source: Tornado up to 5.1."""
        return self.version == "HTTP/1.1"

    def full_url(self) -> str:
        """The URL that the client asked for, put together again.  RFC 9112 §3.3."""
        uri = self.uri or ""
        if uri[:1] != "/" and "://" in uri:  # absolute-form: it's whole
            return uri
        return f"{self.protocol}://{self.host}{uri if uri != '*' else ''}"

    def request_time(self) -> float:
        """Seconds from the request's arrival until it was finished, or until now."""
        finish_time: float | None = getattr(self, "_finish_time", None)
        return (time.time() if finish_time is None else finish_time) - self._start_time

    def write(self, chunk: Any, callback: Callable[[], Any] | None = None) -> Any:
        """Send octets as they are: with the first call the handler writes the head of its response itself.

        Args:
            chunk: octets; a ``str`` is taken as UTF-8.
            callback: called in a later turn of the loop, when the octets have been handed to the kernel.

        Returns: a future that is done when the octets have been handed to the kernel (``None`` with a callback).
        Raises: :exc:`HTTPOutputError` after :meth:`finish`.
        Source: Tornado up to 5.1.
        """
        return self.connection.write(chunk, callback)

    def send_file(self, file: Any, offset: int = 0, count: int | None = None) -> Any:
        """Write octets of a file into the body, behind the head: ``request.connection.send_file``."""
        return self.connection.send_file(file, offset, count)

    def finish(self, trailers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        """End the response.  Raises :exc:`HTTPOutputError` the second time.  Source: Tornado up to 5.1.

        Args:
            trailers: fields to send behind a body in chunked coding (RFC 9110 §6.5). The head should announce their
                names in ``Trailer``. Left out for HEAD and for HTTP/1.0.
        """
        self.connection.finish(trailers) if trailers else self.connection.finish()

    def respond(
        self,
        body: bytes | bytearray | memoryview | str = b"",
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Any:
        """Send a whole response, with ``Content-Length`` and ``Date``, and end it.

        Args:
            body: a ``str`` is sent as UTF-8.
            status: a final status code (200–599).
            headers: a mapping or pairs.

        Returns: a future that is done when the octets have been handed to the kernel.
        Raises:
            HTTPOutputError: the response has begun already.
            ValueError: a field that would split the response; nothing was sent.
        """
        return self.connection.respond(body, status, headers)

    def __repr__(self) -> str:
        names = ("protocol", "host", "method", "uri", "version", "remote_ip")
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({values})"


#: Tornado 2's and 3's name.
HTTPRequest = HTTPServerRequest


#: Octets that HTTP counts as whitespace.
HTTP_WHITESPACE = " \t"

_COOKIE_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|(.))")


def parse_cookie(cookie: str) -> dict[str, str]:
    """The pairs of a ``Cookie`` field; of a repeated name the last.  RFC 6265 §4.2, and browsers' habits.

    >>> parse_cookie('a=1; b="x y"; c')
    {'a': '1', 'b': 'x y', '': 'c'}

    Source: Tornado.
    """
    cookies = {}
    for pair in cookie.split(";"):
        name, equals, value = pair.partition("=")
        if not equals:  # browsers take such a cookie for a value without name
            name, value = "", name
        name, value = name.strip(" \t"), value.strip(" \t")
        if name or value:
            cookies[name] = _unquote_cookie(value)
    return cookies


def _unquote_cookie(text: str) -> str:
    """What stands between double quotes, escapes resolved; other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _COOKIE_ESCAPE.sub(lambda escape: chr(int(escape[1], 8)) if escape[1] else escape[2], text[1:-1])


def url_concat(url: str, args: "Mapping[str, Any] | Sequence[tuple[str, Any]] | None") -> str:
    """``url`` with arguments added to its query.

    >>> url_concat("http://example.com/foo?a=b#top", [("c", "d e")])
    'http://example.com/foo?a=b&c=d+e#top'

    Raises: :exc:`TypeError` unless ``args`` is a mapping, a list or tuple of pairs, or ``None``.  Source: Tornado.
    """
    if args is None:
        return url
    if isinstance(args, Mapping):
        pairs = list(args.items())
    elif isinstance(args, list | tuple):
        pairs = list(args)
    else:
        raise TypeError(f"'args' parameter should be dict, list or tuple. Not {type(args)}")
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True) + pairs
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))


def split_host_and_port(netloc: str) -> tuple[str, int | None]:
    """A host and its port, ``None`` without one.

    >>> split_host_and_port("[::1]:8888"), split_host_and_port("example.com")
    (('[::1]', 8888), ('example.com', None))

    Source: Tornado.
    """
    match = re.fullmatch(r"(.+):([0-9]+)", netloc)
    return (match[1], int(match[2])) if match else (netloc, None)


def qs_to_qsl(qs: "Mapping[str, Sequence[Any]]") -> "Iterator[tuple[str, Any]]":
    """The pairs of a mapping of lists.  Source: Tornado."""
    for name, values in qs.items():
        for value in values:
            yield name, value


def encode_username_password(username: str | bytes, password: str | bytes) -> bytes:
    """``user:password`` for Basic authentication, as UTF-8 in normal form C (RFC 7617 §2).  Source: Tornado."""
    parts = [
        unicodedata.normalize("NFC", part).encode() if isinstance(part, str) else part for part in (username, password)
    ]
    return b":".join(parts)


def _parse_request_range(range_header: str) -> tuple[int | None, int | None] | None:
    """Start and end, as of a slice, of a single byte range; ``None`` for what isn't one.  RFC 9110 §14.1.2."""
    unit, _, value = range_header.partition("=")
    match = re.fullmatch(r"[ \t]*+([0-9]{0,18})[ \t]*+-[ \t]*+([0-9]{0,18})[ \t]*+", value)
    if unit.strip() != "bytes" or match is None or not (match[1] or match[2]):
        return None
    start = int(match[1]) if match[1] else None
    end = int(match[2]) if match[2] else None
    if end is not None:
        if start is not None:
            end += 1
        elif end:
            start, end = -end, None
    return start, end


def _get_content_range(start: int | None, end: int | None, total: int) -> str:
    """Value of ``Content-Range`` for a slice of ``total`` octets.  RFC 9110 §14.4."""
    return f"bytes {start or 0}-{(end or total) - 1}/{total}"


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    return parse_header(line)


def _encode_header(key: str, pdict: Mapping[str, str | None]) -> str:
    """A value with parameters, by name, quoted by the one who gave them.  ``None`` is a parameter without value."""
    return "; ".join([key, *(name if value is None else f"{name}={value}" for name, value in sorted(pdict.items()))])


_DEFAULT_PARSE_BODY_CONFIG = ParseBodyConfig()
_FORBIDDEN_HEADER_CHARS_RE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class _ABNF:
    """Patterns of RFC 9110 and RFC 9112 for text, under the names by which ``tornado.web`` asks for them."""

    token = abnf.TOKEN_TEXT
    field_name = token
    method = token
    field_value = abnf.FIELD_VALUE_TEXT
    reason_phrase = re.compile(r"[\t \x21-\x7e\x80-\xff]+")
    host = re.compile(abnf.host.decode("latin-1"))
