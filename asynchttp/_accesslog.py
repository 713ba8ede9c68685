"""The access log: one record for each request, refused and cut ones too.

How this works
==============
A format is text with *atoms*, named as gunicorn and Apache name them: ``%(h)s %(t)s "%(r)s" %(s)s %(D)s``. What of it
depends only on the fields of a request is filled in once for all requests of a connection whose fields are equal (one
:class:`Tail` serves them), what depends on the request line once for those in a row that are equal altogether. What is
left are a few values between pieces of text.

Nothing that a peer sent reaches the log as it is: control characters, ``"`` and ``\\`` are escaped, in JSON as JSON
wants it. So no peer can begin a line of its own or end a quoted value.

The record goes to the logger ``asynchttp.access`` as any other. What the log line is made of are attributes of the
record too (:attr:`AccessLog.ATTRIBUTES`), for formatters that make a line of their own.
"""

import base64
import binascii
import json
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any, Final

from asynchttp._h1 import head as h1_head
from asynchttp._loghandlers import MANY, LineHandler, takes_lines
from asynchttp._observed import Outcome, PartsObserver
from asynchttp.log import access_log

__all__ = ["FORMATS", "AccessLog"]

#: The formats that have a name. Apache's and nginx's readers know the first two.
FORMATS: Final = {
    "common": '%(h)s - %(u)s [%(t)s] "%(r)s" %(s)s %(b)s',
    "combined": '%(h)s - %(u)s [%(t)s] "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
    "tornado": "%(s)s %(m)s %(uri)s (%(h)s) %(ms)sms",
    "json": (
        '{"timestamp":%(iso)s,"client.address":%(h)s,"http.request.method":%(m)s,"url.path":%(U)s,"url.query":%(q)s,'
        '"network.protocol.version":%(version)s,"server.address":%(host)s,"user_agent.original":%(a)s,'
        '"http.response.status_code":%(s)s,"duration_s":%(L)s,"bytes_sent":%(B+)s,"error.type":%(reason)s}'
    ),
}

_ATOM: Final = re.compile(r"%\(([^()]+)\)s")
_FIELD_ATOM: Final = re.compile(r"\{([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\}([ie])")
_RESPONSE_FIELD: Final = re.compile(r"\{([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\}o")
# What can't stand in a line, or in a quoted value: the quote, the backslash, and what isn't visible ASCII or a space.
# What a field has beyond ASCII is in no coding that anybody could know.
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return character.encode("unicode_escape").decode() if character > "\x1f" else f"\\x{ord(character):02x}"


def plain_value(text: str | None) -> str:
    """A value of a plain format: ``-`` where there is none."""
    if not text:
        return "-"
    return _UNSAFE.sub(_escaped, text)


def json_value(text: str | None) -> str:
    """A value of a JSON format, with its quotes: ``null`` where there is none."""
    if text is None:
        return "null"
    quoted: str = json.dumps(text)
    return quoted.replace("\x7f", "\\u007f")  # all else that isn't visible ASCII is escaped by json


class _Clock:
    """Times of the log, each made once.

    Args:
        precision: moments in a second: 1000 for a format with :attr:`iso`, else 1.
    """

    def __init__(self, precision: int) -> None:
        self._precision = precision
        # The present moment: seconds since the epoch.
        self.begin = 0.0
        self.end = 0.0
        self.common = ""
        self.iso = ""
        self._second = -1
        self._iso_second = ""

    def renew(self, now: float) -> None:
        precision = self._precision
        moment = int(now * precision)
        self.begin = moment / precision
        self.end = (moment + 1) / precision
        second, fraction = divmod(moment, precision)
        if second != self._second:
            self._second = second
            local = time.localtime(second)
            # Not strftime("%b"): that follows the locale, and readers of logs don't.
            self.common = time.strftime(f"%d/{_MONTHS[local.tm_mon - 1]}/%Y:%H:%M:%S %z", local)
            self._iso_second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self.iso = f"{self._iso_second}.{fraction:03d}Z"


#: What the atoms are that aren't a matter of the fields only, as expressions of what :data:`_FUNCTION` knows. These are
#: texts, of which none has anything to escape, and a matter of the request:
_REQUEST_TEXTS: Final = {
    "h": "context.remote_ip if not context.believes_proxies else request.remote_ip",
    "r": "f'{request.method} {target} HTTP/1.{tail.minor}'",
    "m": "request.method",
    "uri": "target",
    "U": "target.partition('?')[0] if '?' in target else target",
}
#: And this as it has to stand.
_REQUEST_VALUES: Final = {"q": "value(request.target.decode().partition('?')[2] or None) if '?' in target else nothing"}
#: The same for what isn't the request's.
_TEXTS: Final = {"t": "clock.common", "iso": "clock.iso", "p": "f'<{getpid()}>'"}
_VALUES: Final = {
    "s": "status or nothing",
    # outcome.body_bytes_sent, inlined
    "b": "bytes_sent - head_size if bytes_sent > head_size >= 4 else nothing",
    "B": "bytes_sent - head_size if bytes_sent > head_size >= 4 else 0",
    "B+": "bytes_sent",
    "T": "int(seconds(duration))",
    "M": "int(seconds(duration) * 1000)",
    "D": "int(seconds(duration) * 1000000)",
    "L": "f'{duration if duration > 0.0 else 0.0:.6f}'",
    "ms": "f'{seconds(duration) * 1000:.2f}'",
    "reason": "value(reason.code) if reason is not None else nothing",
}
_ALL_TEXTS: Final = _REQUEST_TEXTS | _TEXTS
_EXPRESSIONS: Final = _ALL_TEXTS | _REQUEST_VALUES | _VALUES
#: Those that are something else without a request.
_WITHOUT_REQUEST: Final = {
    "h": "value(context.remote_ip)",
    "r": "value(received_line(received))",
    **dict.fromkeys(("m", "uri", "U", "q"), "nothing"),
}
#: The function of a format. In one piece, because calls of functions for its parts would cost more than all the rest.
_FUNCTION: Final = """
def line(request, status, bytes_sent, duration, reason, first, head_size):
    # HOT: once per request.
    memo = request.tail.memo
    if memo is None or memo[0] is not this or memo[1] != request.target or memo[2] != request.method:
        memo = renew(request, memo)
    PARTS = memo[3]
    OUTCOME_VALUES
    return f"LINE"


def line_without(outcome):
    # Without a request.
    connection, request, status, bytes_sent, ended_at, duration, reason, first, received, head_size = outcome
    context = connection.context
    return write(segments_of(None), (VALUES_WITHOUT))


def renew(request, memo):
    tail, context = request.tail, request.engine.context
    segments = segments_of(tail) if memo is None or memo[0] is not this else memo[4]
    SEGMENTS = segments
    target = request.target
    # The grammar lets only visible ASCII pass, so there are two characters to look for; what they become is the same
    # in JSON. (With b'"' in target the search would begin with an exception.)
    if 0x22 in target or 0x5C in target:
        target = target.replace(b"\\\\", b"\\\\\\\\").replace(b'"', b'\\\\"')
    target = target.decode()
    REQUEST_VALUES
    tail.memo = this, request.target, request.method, (MADE_PARTS), segments
    return tail.memo
"""

Value = Callable[[str | None], str]


class _Format:
    """A format made into a function of an :class:`Outcome`.

    Args:
        text: the format.
        value: writes a text, or ``None``, as the format wants it.

    Raises: :exc:`ValueError` for an atom that doesn't exist.
    """

    def __init__(self, text: str, value: Value) -> None:
        self._value = value
        # "-", or "null"
        self._nothing = value(None)
        self.clock = _Clock(1000 if "%(iso)s" in text else 1)
        # Atoms that depend on the fields of a request only.
        self._of_fields: dict[str, Callable[[h1_head.Tail], str]] = {
            "f": self._field("referer"),
            "a": self._field("user-agent"),
            "u": self._user,
            "host": lambda tail: value(tail.host or None),
            "H": lambda tail: value(f"HTTP/1.{tail.minor}"),
            "version": lambda tail: value(f"1.{tail.minor}"),
            "l": lambda tail: self._nothing,  # what identd would say: nobody asks it
        }
        known: dict[str, Any] = {
            "this": self,
            "segments_of": self._segments,
            "write": _write,
            "value": value,
            "nothing": self._nothing,
            "clock": self.clock,
            "seconds": _seconds,
            "getpid": os.getpid,
            "received_line": _received_line,
        }
        # What stands around a text; around what is looked for in its own way, value() has put it already.
        self._quote = "" if value("") == "-" else '"'
        # (literal text, atom) in turn; the last atom is "".
        pieces = _ATOM.split(text)
        self._pieces = [*zip(pieces[::2], [*pieces[1::2], ""], strict=True)]
        values_without: list[str] = []
        # Assignments of what is the request's, of what isn't; and pieces of f-strings, joined by what isn't.
        of_request: list[str] = []
        of_outcome: list[str] = []
        parts = ["{segment_0}"]
        line = ["{part_0}"]
        for literal, name in self._pieces:
            if "%" in literal.replace("%%", ""):
                raise ValueError(f"a % that begins no %(atom)s in an access log format: {literal!r}")
            if match := _RESPONSE_FIELD.fullmatch(name):
                function = f"field_{len(known)}"
                known[function] = self._response_field(match[1].lower())
                expression = expression_without = f"{function}(first, head_size)"
            elif name in _EXPRESSIONS:
                expression = _EXPRESSIONS[name]
                expression_without = _WITHOUT_REQUEST.get(
                    name, f"quoted({expression})" if name in _ALL_TEXTS else expression
                )
            else:
                if name and name not in self._of_fields:
                    self._of_fields[name] = self._other(name)
                continue
            values_without.append(f"{expression_without}, ")
            number = len(values_without)
            if name in _REQUEST_TEXTS or name in _REQUEST_VALUES:
                of_request.append(f"value_{number} = {expression}")
                parts[-1] += f"{{value_{number}}}{{segment_{number}}}"
            else:
                of_outcome.append(f"value_{number} = {expression}")
                line.append(f"{{value_{number}}}{{part_{len(parts)}}}")
                parts.append(f"{{segment_{number}}}")
        known["quoted"] = f"{self._quote}{{}}{self._quote}".format
        # Only what stands in the tables above becomes code, nothing of the format's own text.
        source = (
            _FUNCTION.replace("VALUES_WITHOUT", "".join(values_without))
            .replace("SEGMENTS", "".join(f"segment_{number}, " for number in range(len(values_without) + 1)))
            .replace("REQUEST_VALUES", "; ".join(of_request) or "pass")
            .replace("OUTCOME_VALUES", "; ".join(of_outcome) or "pass")
            .replace("MADE_PARTS", "".join(f'f"{part}", ' for part in parts))
            .replace("PARTS", "".join(f"part_{number}, " for number in range(len(parts))))
            .replace("LINE", "".join(line))
        )
        exec(source, known)
        #: makes the line of a request, at the time of :attr:`clock`
        self.line: Callable[..., str] = known["line"]
        #: makes that of an outcome without a request
        self.line_without: Callable[[Outcome], str] = known["line_without"]

    def _segments(self, tail: h1_head.Tail | None) -> tuple[str, ...]:
        """The format with all that the fields decide, cut where something else does."""
        made = [""]
        for literal, name in self._pieces:
            made[-1] += literal.replace("%%", "%")
            if name in self._of_fields:
                made[-1] += self._of_fields[name](tail) if tail is not None else self._nothing
            elif name:
                # The quotes of a text stand around it; without a request it may be something else than a text.
                quote = self._quote if name in _ALL_TEXTS and tail is not None else ""
                made[-1] += quote
                made.append(quote)
        return tuple(made)

    # -- atoms -------------------------------------------------------------------------------------------------------

    def _other(self, name: str) -> Callable[[h1_head.Tail], str]:
        match = _FIELD_ATOM.fullmatch(name)
        if match is None:
            raise ValueError(f"no such atom in an access log format: %({name})s")
        if match[2] == "i":
            return self._field(match[1].lower())
        value = self._value(os.environ.get(match[1]))
        return lambda tail: value

    def _field(self, wanted: str) -> Callable[[h1_head.Tail], str]:
        return lambda tail: self._value(_field_value(tail.octets, wanted))

    def _response_field(self, wanted: str) -> Callable[[bytes, int], str]:
        return lambda first, head_size: self._value(_field_value(first[:head_size], wanted))

    def _user(self, tail: h1_head.Tail) -> str:
        """The name of Basic authentication (RFC 7617); never the password."""
        scheme, _, credentials = (_field_value(tail.octets, "authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return self._nothing
        try:
            user = base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
        except (binascii.Error, ValueError):
            return self._nothing
        # Readers of plain formats take a space for the end of the name.
        return self._value(user.decode("utf-8", "replace").replace(" ", "%20") or None)


def _write(segments: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """The segments of a line with the values between them."""
    return segments[0] + "".join(f"{value}{segment}" for value, segment in zip(values, segments[1:], strict=True))


def _field_value(octets: bytes, wanted: str) -> str | None:
    values = [value for name, value in h1_head.split_fields(octets) if name.lower() == wanted]
    return ",".join(values) or None


def _received_line(received: bytes) -> str | None:
    """The first line of what was no request."""
    line = received.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    return line.decode("latin-1") or None


def _seconds(duration: float) -> float:
    return max(0.0, duration)  # a clock that was set back


class AccessLog(PartsObserver):
    """Writes one record per request to the logger ``asynchttp.access``.

    Args:
        format: the name of one of :data:`FORMATS` (``"combined"``, ``"common"``, ``"tornado"``, ``"json"``), or a text
            with atoms. Those of gunicorn: ``h`` client, ``l`` always ``-``, ``u`` user, ``t`` time, ``r`` request line,
            ``m`` method, ``U`` path, ``q`` query, ``H`` protocol, ``s`` status, ``B`` and ``b`` octets of body sent,
            ``f`` referer, ``a`` user agent, ``T`` ``M`` ``D`` ``L`` duration in s, ms, µs and decimal seconds, ``p``
            process, ``{name}i`` and ``{name}o`` request and response fields, ``{name}e`` environment. And ours:
            ``uri``, ``host``, ``version``, ``iso`` time, ``ms``, ``B+`` octets sent with the head, ``reason``.
        logger: another logger to write to.

    The level is ``INFO``; with ``"tornado"`` it follows the status, as in Tornado: ``WARNING`` from 400, ``ERROR`` from
    500. Nothing is made while the logger doesn't want ``INFO``.

    Raises: :exc:`ValueError` for an atom that doesn't exist.
    """

    #: What a record has beyond the standard attributes. Without a request, ``method``, ``uri`` and ``version`` are
    #: ``None``; so is ``status`` without a response, and ``reason`` when nothing went wrong.
    ATTRIBUTES = (
        "remote_ip",
        "method",
        "uri",
        "version",
        "status",
        "duration",
        "bytes_sent",
        "body_bytes_sent",
        "reason",
    )

    def __init__(self, format: str = "combined", logger: logging.Logger = access_log) -> None:
        self._format = _Format(FORMATS.get(format, format), json_value if format == "json" else plain_value)
        # Kept here, for on_parts().
        self._clock = self._format.clock
        self._line = self._format.line
        self._logger = logger
        self._by_status = format == "tornado"
        # Who takes lines without a record, and the handlers that there were when that was found out.
        self._writer: LineHandler | None = None
        self._handlers: list[logging.Handler] = []

    def on_parts(
        self,
        connection: Any,
        request: Any,
        status: int | None,
        bytes_sent: int,
        ended_at: float,
        duration: float,
        reason: Any,
        first: bytes,
        received: bytes,
        head_size: int,
    ) -> None:
        # HOT: once per request.
        # Inlined: what logger.handle(record) comes to when nobody but a handler of ours gets the record, which only
        # wants the line: a fifth of the time. test_line_is_the_same_with_and_without_a_record keeps the two together.
        # Whether it is so, is looked at when the time of the log changes, and when there is another handler.
        clock, writer = self._clock, self._writer
        if not clock.begin <= ended_at < clock.end or self._logger.handlers != self._handlers:
            clock.renew(ended_at)
            writer = self._writer = self._look()
            if writer is not None and writer.lines:
                writer.gather()  # who should have written them may be gone
        if writer is not None and request is not None:
            # Inlined: writer.write_line.
            lines = writer.lines
            lines.append(self._line(request, status, bytes_sent, duration, reason, first, head_size))
            count = len(lines)
            if count == 1 or count >= MANY:
                writer.gather()
            return
        level = self._level(status or 0) if self._by_status else logging.INFO
        if self._logger.isEnabledFor(level):
            self._log(
                level,
                Outcome(
                    connection, request, status, bytes_sent, ended_at, duration, reason, first, received, head_size
                ),
            )

    def _look(self) -> LineHandler | None:
        """The handler of ours to whose lines comes all that happens to a record: it writes its message."""
        logger = self._logger
        handlers = self._handlers = [*logger.handlers]
        alone = len(handlers) == 1 and not logger.propagate and not logger.filters and not logger.disabled
        if alone and logger.isEnabledFor(logging.INFO):
            return takes_lines(handlers[0], logging.INFO)
        return None

    @staticmethod
    def _level(status: int) -> int:
        if status < 400:
            return logging.INFO
        return logging.WARNING if status < 500 else logging.ERROR

    def _log(self, level: int, outcome: Outcome) -> None:
        request = outcome.request
        attributes = {
            "remote_ip": outcome.remote_ip,
            "method": None if request is None else request.method,
            "uri": None if request is None else request.uri,
            "version": None if request is None else request.version,
            "status": outcome.status,
            "duration": _seconds(outcome.duration),
            "bytes_sent": outcome.bytes_sent,
            "body_bytes_sent": outcome.body_bytes_sent,
            "reason": None if outcome.reason is None else outcome.reason.code,
        }
        line = self.line(outcome)
        logger = self._logger
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, line, (), None, "on_end", attributes))

    def line(self, outcome: Outcome) -> str:
        """What is written of ``outcome``."""
        self._clock.renew(outcome.ended_at)
        if outcome.request is None:
            return self._format.line_without(outcome)
        _, request, status, bytes_sent, _, duration, reason, first, _, head_size = outcome
        return self._line(request, status, bytes_sent, duration, reason, first, head_size)
