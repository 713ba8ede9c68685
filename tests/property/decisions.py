"""Where our reading of requests differs from that of two other parsers, each difference with the section it rests on.

What we accept and another accepts must mean the same to both. What one accepts and the other doesn't must be a decision
that stands in one of the three tables below; each is shown by octets of its own.
"""

import dataclasses
import re
from collections.abc import Callable

from asynchttp._h1 import framing
from asynchttp._h1.errors import HTTPInputError
from tests.property.oracles import ORACLES, Refused
from tests.support.h1 import Message

__all__ = ["CHUNKED", "LAXER", "OTHERWISE", "STRICTER", "Laxer", "Otherwise", "Stricter", "differences", "undecided"]

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join([line, host, *fields, b"", b""])


@dataclasses.dataclass(frozen=True)
class Stricter:
    """We refuse, with a message that begins so, what others accept."""

    section: str
    message: str
    laxer: set[str]  #: names of the oracles
    witnesses: tuple[bytes, ...]  #: each is accepted by one of them at least, and each of them accepts one at least


H11, HTTPTOOLS, BOTH = {"h11"}, {"httptools"}, {"h11", "httptools"}

STRICTER = [
    # Line ends. A recipient MAY recognize a single LF; a bare CR MUST be refused or replaced.
    Stricter("9112-2.2", "a line that doesn't end with CRLF", BOTH, (b"GET / HTTP/1.1\nHost: a\n\n", b"\n" + get())),
    Stricter("9112-2.2", "too many empty lines before a request", HTTPTOOLS, (b"\r\n" * 9 + get(),)),
    # Request line. Lenient parsing of whitespace is allowed (MAY) and is how requests are smuggled.
    Stricter("9112-2.3", "unsupported version", HTTPTOOLS, (get(line=b"GET / HTTP/2.0"), get(line=b"GET / HTTP/0.9"))),
    Stricter(
        "9112-3",
        "Malformed HTTP request line: must be method, target and version",
        HTTPTOOLS,
        (get(line=b"GET  / HTTP/1.1"),),
    ),
    Stricter("9112-3", "Malformed HTTP request line: no version", HTTPTOOLS, (b"GET /\r\n\r\n",)),
    Stricter(
        "9112-3.2",
        "Malformed HTTP request line: invalid characters in the request target",
        BOTH,
        (get(line=b"GET /#a HTTP/1.1"),),
    ),
    # Forms of the target: the others leave them to who uses it.
    Stricter(
        "9112-3.2", "the request target is neither a path nor an http URI", BOTH, (get(line=b"GET ftp://a/ HTTP/1.1"),)
    ),
    Stricter(
        "9110-4.2.1", "the request target is an http URI without a host", BOTH, (get(line=b"GET http:///a HTTP/1.1"),)
    ),
    Stricter("9112-3.2.3", "the target of CONNECT must be host:port", BOTH, (get(line=b"CONNECT / HTTP/1.1"),)),
    Stricter("9112-3.2.4", "the target * is for OPTIONS only", BOTH, (get(line=b"GET * HTTP/1.1"),)),
    Stricter(
        "9110-9.3.6", "CONNECT with a body", BOTH, (get(b"Content-Length: 1", line=b"CONNECT a:1 HTTP/1.1") + b"x",)
    ),
    # Host: "A server MUST respond with a 400 …".
    Stricter("9112-3.2", "missing Host", BOTH, (get(host=b"A: b"), get(line=b"GET / HTTP/1.2", host=b"A: b"))),
    Stricter("9112-3.2", "more than one Host", HTTPTOOLS, (get(b"Host: a"),)),
    Stricter("9112-3.2", "Invalid Host header: ", BOTH, (get(host=b"Host: a b"),)),
    # Fields. h11 takes the folding that "MUST … either reject … or replace"; control characters but NUL, CR and LF.
    Stricter("9112-5.2", "folded header field (obs-fold)", H11, (get(b"A: b", b" c"),)),
    Stricter("9110-5.5", "field value with a control character", H11, (get(b"A: \x01"),)),
    Stricter("6585-5", "more than 100 header fields", BOTH, (get(*[b"A: b"] * 100),)),
    Stricter(
        "6585-5", "request line longer than 65536 octets", BOTH, (get(line=b"GET /%b HTTP/1.1" % (b"a" * 65536)),)
    ),
    Stricter("6585-5", "request head larger than 65536 octets", BOTH, (get(b"A: " + b"b" * 65536),)),
    # Framing: "ought to be handled as an error", "MAY reject", and whatever two recipients could read in two ways.
    Stricter(
        "9112-6.1",
        "both Transfer-Encoding and Content-Length",
        H11,
        (get(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",),
    ),
    Stricter(
        "9112-6.1",
        "Transfer-Encoding in an HTTP/1.0 message",
        BOTH,
        (get(b"Transfer-Encoding: chunked", line=b"PUT / HTTP/1.0") + b"0\r\n\r\n",),
    ),
    Stricter(
        "9112-6.1",
        "Transfer-Encoding: chunked must be the last coding",
        HTTPTOOLS,
        (get(b"Transfer-Encoding: chunked\t", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",),
    ),
    Stricter(
        "9112-6.1",
        "unsupported transfer coding: ",
        HTTPTOOLS,
        (get(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",),
    ),
    Stricter("9112-6.3", "more than one Content-Length", H11, (get(b"Content-Length: 0", b"Content-Length: 0"),)),
    Stricter(
        "9112-6.3",
        "Only integer Content-Length is allowed, of at most 19 digits: ",
        BOTH,
        (get(b"Content-Length: 0, 0"), get(b"Content-Length: " + b"0" * 20)),
    ),
    Stricter("9110-10.1.1", "unknown expectation: ", BOTH, (get(b"Expect: x"),)),
    # Chunks: no whitespace behind a size; h11 takes any extension that stays in its line, llhttp some without a name.
    Stricter(
        "9112-7.1.1",
        "invalid chunk size or extension: ",
        BOTH,
        (CHUNKED + b"1;=a\r\nx\r\n0\r\n\r\n", CHUNKED + b"1 \r\nx\r\n0\r\n\r\n"),
    ),
    Stricter(
        "9112-7.1", "chunk size longer than 16 digits: ", BOTH, (CHUNKED + b"00000000000000001\r\nx\r\n0\r\n\r\n",)
    ),
    Stricter(
        "9112-7.1.1", "chunk header longer than 256 octets", BOTH, (CHUNKED + b"1;%b\r\nx\r\n0\r\n\r\n" % (b"a" * 256),)
    ),
    Stricter(
        "9112-7.1.1",
        "more than 4096 octets of chunk extensions",
        BOTH,
        (CHUNKED + b"1;%b\r\nx\r\n" % (b"a" * 240) * 18 + b"0\r\n\r\n",),
    ),
    Stricter("9112-7.1.2", "a trailer line that doesn't end with CRLF", H11, (CHUNKED + b"0\r\n\n",)),
    Stricter("9112-7.1.2", "malformed trailer field", H11, (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n",)),
    Stricter("9110-6.5.1", "a trailer field that belongs in the head", BOTH, (CHUNKED + b"0\r\nHost: a\r\n\r\n",)),
    Stricter("6585-5", "more than 100 trailer fields", BOTH, (CHUNKED + b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n",)),
    Stricter("6585-5", "trailers larger than 65536 octets", BOTH, (CHUNKED + b"0\r\nA: %b\r\n\r\n" % (b"b" * 65536),)),
]


@dataclasses.dataclass(frozen=True)
class Laxer:
    """We accept what another refuses, when this is true of the octets and of what we made of them."""

    section: str
    stricter: str  #: name of the oracle
    when: Callable[[bytes, Message], object]
    witness: bytes


#: Methods in the grammar of every parser. llhttp knows some thirty more, and no others.
METHODS = {b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"M-SEARCH"}
TAB_BEHIND_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked *\t", re.IGNORECASE)

LAXER = [
    # A server SHOULD ignore at least one empty line before the request line.
    Laxer("9112-2.2", "h11", lambda data, _: data.startswith(b"\r\n"), b"\r\n" + get()),
    # The method is any token, and an unknown one is the application's business (501).
    Laxer("9110-9.1", "httptools", lambda _, message: message.method not in METHODS, get(line=b"BREW / HTTP/1.1")),
    # A higher minor version is to be read as 1.1.
    Laxer("9110-2.5", "httptools", lambda _, message: message.minor > 1, get(line=b"GET / HTTP/1.2")),
    # Whitespace behind a value is a space or a tab.
    Laxer(
        "9110-5.6.3",
        "httptools",
        lambda data, _: TAB_BEHIND_CHUNKED.search(data),
        CHUNKED.replace(b"ed\r", b"ed\t\r") + b"0\r\n\r\n",
    ),
    # Bad whitespace around a chunk extension MUST be parsed, and removed.
    Laxer(
        "9110-5.6.3",
        "h11",
        lambda data, _: re.search(rb"\r\n[0-9A-Fa-f]+[ \t]+;", data),
        CHUNKED + b"1 ;a\r\nx\r\n0\r\n\r\n",
    ),
    Laxer(
        "9110-5.6.3",
        "httptools",
        lambda data, _: re.search(rb"\r\n[0-9A-Fa-f]+[^\r]*(?:[ \t][;=]|[;=][ \t])", data),
        CHUNKED + b"1;a = b\r\nx\r\n0\r\n\r\n",
    ),
    # An empty member of a list is ignored.
    Laxer(
        "9110-5.6.1",
        "h11",
        lambda data, _: re.search(rb"(?i:transfer-encoding):[^\r]*,|(?i:transfer-encoding):\s*\r\n", data),
        CHUNKED.replace(b" ch", b" , ch") + b"0\r\n\r\n",
    ),
    Laxer(
        "9110-5.6.1",
        "httptools",
        lambda data, _: re.search(rb"(?i:transfer-encoding):[^\r]*,|(?i:transfer-encoding):\s*\r\n", data),
        CHUNKED.replace(b"ed\r", b"ed,\r") + b"0\r\n\r\n",
    ),
]


def connection_options(message: Message) -> list[bytes]:
    return framing.list_members([value for name, value in message.fields if name == b"connection"])


@dataclasses.dataclass(frozen=True)
class Otherwise:
    """We and another accept, and differ in one thing."""

    section: str
    oracle: str
    attribute: str
    when: Callable[[Message], object]
    witness: bytes


OTHERWISE = [
    # h11 closes after each HTTP/1.0 request.
    Otherwise(
        "9112-9.3",
        "h11",
        "keep_alive",
        lambda ours: ours.minor == 0 and ours.keep_alive,
        get(b"Connection: keep-alive", line=b"GET / HTTP/1.0"),
    ),
    # "If the close connection option is present, the connection will not persist" comes first, in 1.0 too.
    Otherwise(
        "9112-9.3",
        "httptools",
        "keep_alive",
        lambda ours: ours.minor == 0 and not ours.keep_alive and b"close" in connection_options(ours),
        get(b"Connection: close, keep-alive", line=b"GET / HTTP/1.0"),
    ),
    # h11 waits for the answer before it says whether HTTP goes on.
    Otherwise(
        "9110-7.8",
        "h11",
        "keep_alive",
        lambda ours: ours.method == b"CONNECT" or any(name == b"upgrade" for name, _ in ours.fields),
        get(line=b"CONNECT a:1 HTTP/1.1"),
    ),
]


def differences(ours: Message, theirs: Message) -> list[str]:
    """The attributes in which two readings differ. h11 writes transfer codings in lower case."""

    def comparable(message: Message, attribute: str) -> object:
        if attribute != "fields":
            return getattr(message, attribute)
        return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in message.fields]

    names = [field.name for field in dataclasses.fields(Message)]
    return [name for name in names if comparable(ours, name) != comparable(theirs, name)]


def undecided(data: bytes, ours: Message | HTTPInputError | None) -> list[str]:
    """How ``ours``, our reading of ``data``, differs from the others' without standing in one of the tables."""
    found = []
    for name, oracle in ORACLES.items():
        try:
            theirs = oracle(data)
            refusal = "it isn't complete"
        except Refused as error:
            theirs, refusal = None, str(error)
        if isinstance(ours, Message) and theirs is not None:
            for attribute in differences(ours, theirs):
                if not any((row.oracle, row.attribute) == (name, attribute) and row.when(ours) for row in OTHERWISE):
                    found.append(f"{name} reads another {attribute}: {getattr(theirs, attribute)!r}")
        elif isinstance(ours, Message):
            if not any(row.stricter == name and row.when(data, ours) for row in LAXER):
                found.append(f"only {name} refuses: {refusal}")
        elif theirs is not None:
            message = str(ours) if ours is not None else "it isn't complete"
            if not any(name in row.laxer and message.startswith(row.message) for row in STRICTER):
                found.append(f"only {name} accepts: {message}")
    return found
