"""Requests, responses and header fields as values: what handlers hold in their hands.

Nothing here does I/O. What the protocol demands of these values is checked in :mod:`asynchttp._h1` before a handler
sees them; what a handler only may ask for (``headers``, ``arguments``, ``cookies`` …) is computed when it is asked for.
"""

import calendar
import datetime
import functools
import http.cookies
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, overload

from asynchttp._h1 import abnf, framing, serializer
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
from asynchttp._interfaces import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate

__all__ = [
    "BodyTooLargeError",
    "ExpectationFailedError",
    "HTTPConnection",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "HeadTooLargeError",
    "RequestStartLine",
    "RequestTimeoutError",
    "ResponseStartLine",
    "URITooLongError",
    "UnsupportedCodingError",
    "UnsupportedVersionError",
    "format_timestamp",
    "parse_request_start_line",
    "parse_response_start_line",
    "responses",
]

#: Reason phrases by status code.
responses = serializer.REASONS

#: Fields of a query or a form above which parsing refuses (Tornado 6.6's bound).
MAX_ARGUMENTS = 1000


#: Characters of a field name that is worth remembering. No registered name is as long.
_NAME_SIZE = 64


def _normalize(name: str) -> str:
    """``content-TYPE`` → ``Content-Type``."""
    return _normalize_short(name) if len(name) <= _NAME_SIZE else _capitalize_words(name)


def _capitalize_words(name: str) -> str:
    return "-".join([word.capitalize() for word in name.split("-")])


#: Forgets the oldest. A peer could fill it, but with no more than a thousand short names.
_normalize_short = functools.lru_cache(1000)(_capitalize_words)


class HTTPHeaders(MutableMapping[str, str]):
    """Header fields: a case-insensitive mapping whose fields may have several values.

    ``headers[name]`` joins the values of a repeated field with ``,`` (RFC 9110 §5.3); :meth:`get_list` keeps them
    apart, which ``Set-Cookie`` needs. Setting an item replaces all its values; :meth:`add` appends one.

    >>> headers = HTTPHeaders({"content-type": "text/plain"})
    >>> headers.add("Set-Cookie", "a=1"); headers.add("Set-Cookie", "b=2")
    >>> headers["Content-Type"], headers["set-cookie"], headers.get_list("SET-COOKIE")
    ('text/plain', 'a=1,b=2', ['a=1', 'b=2'])

    Source: Tornado ``httputil.HTTPHeaders``.
    """

    __slots__ = ("__dict__", "__weakref__", "_lists")

    @overload
    def __init__(self, fields: Mapping[str, str], /) -> None: ...
    @overload
    def __init__(self, fields: Iterable[tuple[str, str]] = ..., /) -> None: ...
    @overload
    def __init__(self, /, **fields: str) -> None: ...

    def __init__(self, /, *args: Any, **kwargs: str) -> None:
        self._lists: dict[str, list[str]] = {}
        if len(args) > 1:
            raise TypeError(f"HTTPHeaders takes one mapping or iterable of pairs, not {len(args)} arguments")
        if args and isinstance(args[0], HTTPHeaders):
            for name, value in args[0].get_all():
                self._append(name, value)
        else:
            self.update(*args, **kwargs)

    @classmethod
    def _of_checked(cls, fields: Iterable[tuple[str, str]]) -> Self:
        """Headers of fields that were validated before."""
        headers = cls()
        for name, value in fields:
            headers._append(name, value)
        return headers

    def _append(self, name: str, value: str) -> None:
        name = _normalize(name)
        values = self._lists.get(name)
        if values is None:
            self._lists[name] = [value]
        else:
            values.append(value)

    def add(self, name: str, value: str) -> None:
        """Append a value.  Raises :exc:`HTTPInputError` for a name or value that can't stand in a message."""
        if abnf.TOKEN_TEXT.fullmatch(name) is None:
            raise HTTPInputError(f"Invalid header name {framing.sample(name)}")
        if abnf.FIELD_VALUE_TEXT.fullmatch(value) is None:
            raise HTTPInputError(f"Invalid header value {framing.sample(value)}")
        self._append(name, value)

    def get_list(self, name: str) -> list[str]:
        """The values of a field, in order; an empty list when there is none."""
        return list(self._lists.get(_normalize(name), ()))

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Every (name, value), repeated names included, in the order in which the names first came."""
        for name, values in self._lists.items():
            for value in values:
                yield name, value

    def parse_line(self, line: str) -> None:
        """Add the field of one header line; its line end is ignored, an empty line too.

        Raises: :exc:`HTTPInputError` for a line that isn't ``name: value``; also for a folded one, which RFC 9112 §5.2
        wants refused.
        """
        line = line.removesuffix("\n").removesuffix("\r")
        if not line:
            return
        if line[0] in " \t":
            raise HTTPInputError("folded header field (obs-fold)")
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPInputError("no colon in header line")
        self.add(name, value.strip(" \t"))

    @classmethod
    def parse(cls, headers: str) -> Self:
        """Headers of a text of lines, ended by CRLF or LF."""
        result = cls()
        for line in headers.split("\n"):
            result.parse_line(line)
        return result

    def __setitem__(self, name: str, value: str) -> None:
        self._lists[_normalize(name)] = [value]

    def __getitem__(self, name: str) -> str:
        values = self._lists[_normalize(name)]
        return values[0] if len(values) == 1 else ",".join(values)

    def __delitem__(self, name: str) -> None:
        del self._lists[_normalize(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _normalize(name) in self._lists

    def __len__(self) -> int:
        return len(self._lists)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def copy(self) -> Self:
        """An independent copy, all values of repeated fields included."""
        return type(self)._of_checked(self.get_all())

    __copy__ = copy

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\n" for name, value in self.get_all())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.get_all())!r})"


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
        files: always empty so far.
        connection: the exchange, with ``write_headers``, ``write``, ``finish`` and ``set_close_callback``.

    Source: Tornado ``httputil.HTTPServerRequest`` (``httpserver.HTTPRequest`` up to 3.x).
    """

    method: str | None
    uri: str | None
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
        self.files = files if files is not None else {}
        self.connection = connection
        self.server_connection = server_connection
        self._start_time = time.time()

    @lazy
    def version(self) -> str:
        return "HTTP/1.0"

    @lazy
    def headers(self) -> HTTPHeaders:
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
    def files(self) -> dict[str, list[Any]]:
        return {}

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
        return _parse_form(self.query)

    @lazy
    def body_arguments(self) -> dict[str, list[bytes]]:
        """The fields of a form in the body, if it is ``application/x-www-form-urlencoded``."""
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            return {}
        return _parse_form(self.body.decode("latin-1"))

    @lazy
    def arguments(self) -> dict[str, list[bytes]]:
        """``query_arguments`` and ``body_arguments`` together."""
        merged = {name: list(values) for name, values in self.query_arguments.items()}
        for name, values in self.body_arguments.items():
            merged.setdefault(name, []).extend(values)
        return merged

    @lazy
    def cookies(self) -> "http.cookies.SimpleCookie":
        """The cookies; a malformed one is left out.  RFC 6265 §4.2, and quoted values as :mod:`http.cookies` writes."""
        cookies = http.cookies.SimpleCookie()
        for value in self.headers.get_list("Cookie"):
            for pair in value.split(";"):
                name, _, text = pair.partition("=")
                try:
                    cookies[name.strip(" \t")] = _unquote_cookie(text.strip(" \t"))
                except http.cookies.CookieError:
                    continue
        return cookies

    def supports_http_1_1(self) -> bool:
        """Whether the client speaks HTTP/1.1.  Source: Tornado up to 5.1."""
        return self.version == "HTTP/1.1"

    def full_url(self) -> str:
        """The URL that the client asked for, put together again."""
        return f"{self.protocol}://{self.host}{self.uri}"

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

    def finish(self) -> None:
        """End the response.  Raises :exc:`HTTPOutputError` the second time.  Source: Tornado up to 5.1."""
        self.connection.finish()

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


_COOKIE_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|(.))")


def _unquote_cookie(text: str) -> str:
    """What stands between double quotes, escapes resolved; other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _COOKIE_ESCAPE.sub(lambda escape: chr(int(escape[1], 8)) if escape[1] else escape[2], text[1:-1])


def _parse_form(text: str) -> dict[str, list[bytes]]:
    """Fields of ``application/x-www-form-urlencoded`` text, empty values included.  WHATWG URL §5.1."""
    if text.count("&") >= MAX_ARGUMENTS:
        raise HTTPInputError(f"more than {MAX_ARGUMENTS} arguments")
    arguments: dict[str, list[bytes]] = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True, encoding="latin-1"):
        arguments.setdefault(name.encode("latin-1").decode("utf-8", "replace"), []).append(value.encode("latin-1"))
    return arguments
