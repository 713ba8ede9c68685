"""Our reading of responses, as a client, against h11's, however the octets arrive.

As in :mod:`.test_requests`: what both accept must mean the same, and every difference is a decision that stands in one
of the tables below, with its section, and is shown by octets of its own.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1 import chunked, framing
from asynchttp._h1.errors import HTTPInputError
from asynchttp._h1.response import ResponseHeadReader
from tests.property import strategies as known
from tests.property.effort import examples
from tests.property.oracles import Refused
from tests.support.h1 import assert_modest
from tests.support.hostile import CHUNKED_BODIES
from tests.support.splits import every_split

METHODS = st.sampled_from(["GET", "GET", "HEAD", "POST"])


@dataclasses.dataclass(frozen=True)
class Answer:
    """One final response as a parser understood it."""

    interim: list[int]  #: statuses of what came before it
    minor: int
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]  #: names in lower case
    body: bytes
    rest: bytes  #: what follows it
    keep_alive: bool


# -- readers -------------------------------------------------------------------------------------------------------


def read_answer(pieces: Iterable[bytes], method: str) -> Answer | None:
    """Ours, as ``_client.py`` puts the rules together; ``None`` when the connection ends before the response does."""
    source = iter(pieces)
    data: bytes | None = b""
    interim: list[int] = []
    while True:
        reader = ResponseHeadReader()
        while (found := reader.feed(data or b"")) is None:
            data = next(source, None)
            if data is None:
                return None
        head, end = found
        data = (data or b"")[end:]
        length = head.body_length(method)
        if head.status >= 200:
            break
        if head.status == 101:
            raise HTTPInputError("the protocol was switched")
        interim.append(head.status)
        if len(interim) > 10:
            raise HTTPInputError("Too many 1xx responses")
    body = b""
    if length == framing.CHUNKED:
        decoder = chunked.ChunkedDecoder()
        while True:
            piece, end = decoder.feed(data or b"")
            body += piece
            if end >= 0:
                break
            data = next(source, None)
            if data is None:
                return None
        rest = (data or b"")[end:] + b"".join(source)
    elif length is None:
        body, rest = data + b"".join(source), b""
    else:
        body = data + b"".join(source)
        if len(body) < length:
            return None
        body, rest = body[:length], body[length:]
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in head.fields()]
    keep_alive = head.keep_alive and length is not None
    return Answer(interim, head.minor, head.status, head.reason.encode("latin-1"), fields, body, rest, keep_alive)


def read_with_h11(data: bytes, method: str) -> Answer | None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    interim: list[int] = []
    response = None
    body = b""
    keep_alive = False
    try:
        connection.receive_data(data)
        for last in (False, True):
            if last:
                connection.receive_data(b"")
            while True:
                event = connection.next_event()
                if isinstance(event, h11.InformationalResponse):
                    interim.append(event.status_code)
                elif isinstance(event, h11.Response):
                    response = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    assert response is not None
                    major, _, minor = response.http_version.partition(b".")
                    if major != b"1":
                        raise Refused(f"version {response.http_version!r}")
                    fields = [(name, value.strip(b" \t")) for name, value in response.headers]
                    keep_alive = connection.their_state is h11.DONE and not last
                    rest = b"" if last else connection.trailing_data[0]
                    reason = bytes(response.reason)
                    status = response.status_code
                    return Answer(interim, int(minor), status, reason, fields, bytes(body), rest, keep_alive)
                else:
                    break
    except h11.RemoteProtocolError as error:
        if response is not None and "peer closed connection" in str(error):
            return None
        if "unexpectedly closed" in str(error) or "peer unexpectedly" in str(error):
            return None
        raise Refused(str(error)) from error
    return None


# -- messages ------------------------------------------------------------------------------------------------------

_STATUSES = [
    b"200 OK",
    b"200 OK",
    b"404 Not Found",
    b"204 No Content",
    b"304 Not Modified",
    b"200",
    b"200 ",
    b"599 \xe9",
]


@st.composite
def valid_responses(draw: st.DrawFn) -> bytes:
    """One response that keeps all the rules; with some interim ones before it, perhaps."""
    minor = draw(st.sampled_from([b"1", b"1", b"1", b"0"]))
    status = draw(st.sampled_from(_STATUSES))
    pairs = st.lists(st.tuples(known._names, known._values), max_size=3)
    lines = [draw(known._field(name, value)) for name, value in draw(pairs)]
    if draw(st.booleans()):
        lines.append(draw(known._field(b"Connection", draw(known._connection))))
    kind = draw(st.sampled_from(["length", "length", "chunked" if minor == b"1" else "none", "none"]))
    body = draw(st.binary(max_size=20))
    bodiless = status[:3] in (b"204", b"304")
    if kind == "length":
        value = b"%d" % len(body)
        lines.append(
            draw(known._field(b"Content-Length", draw(st.sampled_from([value, value, value + b", " + value]))))
        )
    elif kind == "chunked":
        body = draw(known.chunked_bodies())
        lines.append(draw(known._field(b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"CHUNKED"])))))
    lines = draw(st.permutations(lines))
    before = draw(
        st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"])
    )
    return before + b"\r\n".join([b"HTTP/1." + minor + b" " + status, *lines, b"", b""]) + (b"" if bodiless else body)


@st.composite
def nearly_valid_responses(draw: st.DrawFn) -> bytes:
    message = draw(valid_responses())
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.integers(0, 4)):
            message = draw(known.mutated(message))
        else:
            old = draw(st.sampled_from([b"HTTP/1.1", b"200", b"HTTP/", b" ", b"OK"]))
            new = draw(
                st.sampled_from([b"HTTP/1.0", b"20", b"2000", b"+20", b"099", b"  ", b"", b"101", b"\t", b"O\0"])
            )
            message = known._replace_once(draw, message, old, new)
    return message + draw(st.sampled_from([b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\r\n", b"x"]))


# -- the decisions -------------------------------------------------------------------------------------------------


def response(*fields: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join([line, *fields, b"", b""]) + body


CODED = b"Transfer-Encoding: chunked"


def coded(body: bytes) -> bytes:
    return response(CODED, body=body)


@dataclasses.dataclass(frozen=True)
class Stricter:
    """We refuse, with a message that begins so, what h11 accepts."""

    section: str
    message: str
    witness: bytes


STRICTER = [
    Stricter("9112-2.2", "a line that doesn't end with CRLF", b"HTTP/1.1 200 OK\nA: b\n\n"),
    # A reason phrase has no control characters.
    Stricter("9112-4", "Malformed HTTP status line: ", b"HTTP/1.1 200 \x1cOK\r\n\r\n"),
    # §5.2 tells a user agent to unfold it.
    Stricter("9112-5.2", "obsolete line folding in a response", response(b"A: b", b" c")),
    Stricter("9110-5.5", "field value with a control character", response(b"A: \x01")),
    Stricter("6585-5", "more than 100 header fields", response(*[b"A: b"] * 101)),
    Stricter("6585-5", "response head larger than 65536 octets", response(b"A: " + b"b" * 65536)),
    # A client could read on, as nothing can follow. A server that sends it doesn't know where its messages end.
    Stricter("9112-6.1", "Response code 1", response(CODED, line=b"HTTP/1.1 103 A") + response(body=b"b")),
    Stricter("9110-15.2", "Too many 1xx responses", response(line=b"HTTP/1.1 103 A") * 11 + response()),
    Stricter(
        "9112-6.1",
        "both Transfer-Encoding and Content-Length",
        response(CODED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    ),
    Stricter(
        "9112-6.1",
        "Transfer-Encoding in an HTTP/1.0 message",
        response(CODED, line=b"HTTP/1.0 200 OK", body=b"0\r\n\r\n"),
    ),
    Stricter(
        "9112-6.3",
        "Only integer Content-Length is allowed, of at most 19 digits: ",
        response(b"Content-Length: " + b"0" * 20),
    ),
    Stricter("9112-7.1.1", "invalid chunk size or extension: ", coded(b"1 \r\nx\r\n0\r\n\r\n")),
    Stricter("9112-7.1", "chunk size longer than 16 digits: ", coded(b"00000000000000001\r\nx\r\n0\r\n\r\n")),
    Stricter("9112-7.1.1", "chunk header longer than 256 octets", coded(b"1;%b\r\nx\r\n0\r\n\r\n" % (b"a" * 256))),
    Stricter(
        "9112-7.1.1",
        "more than 4096 octets of chunk extensions",
        coded(b"1;%b\r\nx\r\n" % (b"a" * 240) * 18 + b"0\r\n\r\n"),
    ),
    Stricter("9112-7.1.2", "a trailer line that doesn't end with CRLF", coded(b"0\r\n\n")),
    Stricter("9112-7.1.2", "malformed trailer field", coded(b"0\r\nA: b\r\n c\r\n\r\n")),
    Stricter("9110-6.5.1", "a trailer field that belongs in the head", coded(b"0\r\nHost: a\r\n\r\n")),
    Stricter("6585-5", "more than 100 trailer fields", coded(b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n")),
    Stricter("6585-5", "trailers larger than 65536 octets", coded(b"0\r\nA: %b\r\n\r\n" % (b"b" * 65536))),
]


@dataclasses.dataclass(frozen=True)
class Laxer:
    """We accept what h11 refuses, when this is true of the octets, the method and what we made of them."""

    section: str
    when: Callable[[bytes, str, Answer], object]
    witness: bytes
    method: str = "GET"


FRAMED = re.compile(rb"\r\n(?i:transfer-encoding|content-length)[:]")

LAXER = [
    # What has no body has no framing that could be wrong.
    Laxer(
        "9112-6.3",
        lambda data, method, ours: (method == "HEAD" or ours.status in (204, 304)) and FRAMED.search(data),
        response(b"Content-Length: 5, 6", line=b"HTTP/1.1 304 A"),
    ),
    # An empty member of a list is ignored.
    Laxer(
        "9110-5.6.1",
        lambda data, method, ours: re.search(rb"\r\n(?i:transfer-encoding):(?:[^\r]*,|[ \t]*\r\n)", data),
        response(b"Transfer-Encoding: , chunked", body=b"0\r\n\r\n"),
    ),
    # Bad whitespace around a chunk extension MUST be parsed, and removed.
    Laxer(
        "9110-5.6.3",
        lambda data, method, ours: re.search(rb"\r\n[0-9A-Fa-f]+[ \t]+;", data),
        coded(b"1 ;a\r\nx\r\n0\r\n\r\n"),
    ),
]


@dataclasses.dataclass(frozen=True)
class Otherwise:
    """Both accept, and differ in one thing."""

    section: str
    attribute: str
    when: Callable[[Answer], object]
    witness: bytes


OTHERWISE = [
    # h11 closes behind each HTTP/1.0 response.
    Otherwise(
        "9112-9.3",
        "keep_alive",
        lambda ours: ours.minor == 0 and ours.keep_alive,
        response(b"Connection: keep-alive", b"Content-Length: 0", line=b"HTTP/1.0 200 OK"),
    ),
]


# -- the comparison ------------------------------------------------------------------------------------------------


def read(data: bytes, method: str) -> Answer | HTTPInputError | None:
    """Our reading, the same at every split."""
    outcomes: list[Answer | None] = []
    errors: list[HTTPInputError] = []
    for pieces in every_split(data):
        try:
            outcomes.append(read_answer(pieces, method))
        except HTTPInputError as error:
            assert_modest(error, data)
            errors.append(error)
    assert not (outcomes and errors), "refused at some splits only"
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return errors[0] if errors else outcomes[0]


def differences(ours: Answer, theirs: Answer) -> list[str]:
    """The attributes in which two readings differ. h11 writes codings in lower case and lists of lengths as one."""

    def comparable(answer: Answer, attribute: str) -> object:
        if attribute != "fields":
            return getattr(answer, attribute)
        fields = []
        for name, value in answer.fields:
            if name == b"content-length":
                if any(other == name for other, _ in fields):
                    continue
                value = value.partition(b",")[0].strip(b" \t")
            fields.append((name, value.lower() if name == b"transfer-encoding" else value))
        return fields

    names = [field.name for field in dataclasses.fields(Answer)]
    return [name for name in names if comparable(ours, name) != comparable(theirs, name)]


def undecided(data: bytes, method: str) -> list[str]:
    """How our reading differs from h11's without standing in one of the tables."""
    ours = read(data, method)
    try:
        theirs, refusal = read_with_h11(data, method), "it isn't complete"
    except Refused as error:
        theirs, refusal = None, str(error)
    if isinstance(ours, Answer) and theirs is not None:
        return [
            f"another {attribute}: {getattr(theirs, attribute)!r}"
            for attribute in differences(ours, theirs)
            if not any(row.attribute == attribute and row.when(ours) for row in OTHERWISE)
        ]
    if isinstance(ours, Answer):
        return [] if any(row.when(data, method, ours) for row in LAXER) else [f"only h11 refuses: {refusal}"]
    if theirs is not None:
        message = str(ours) if ours is not None else "it isn't complete"
        return [] if any(message.startswith(row.message) for row in STRICTER) else [f"only h11 accepts: {message}"]
    return []


@given(valid_responses(), METHODS)
@examples(150)
def test_valid_responses_are_read_as_h11_does(data: bytes, method: str) -> None:
    assert isinstance(read(data, method), Answer)
    assert undecided(data, method) == []


@given(nearly_valid_responses(), METHODS)
@examples(300)
def test_nearly_valid_responses_are_read_as_h11_does(data: bytes, method: str) -> None:
    assert undecided(data, method) == []


@given(known.nearly_valid_bodies())
@examples(150)
def test_nearly_valid_chunked_bodies_are_read_as_h11_does(body: bytes) -> None:
    assert undecided(coded(body), "GET") == []


SHORT = [hostile for hostile in CHUNKED_BODIES if len(hostile.octets) < 2000]


@pytest.mark.parametrize("hostile", SHORT, ids=[hostile.id for hostile in SHORT])
def test_hostile_bodies_are_others_mistakes(hostile: object) -> None:
    assert undecided(coded(hostile.octets), "GET") == []  # type: ignore[attr-defined]


# -- each decision is real -----------------------------------------------------------------------------------------


def h11_accepts(data: bytes, method: str = "GET") -> bool:
    try:
        return read_with_h11(data, method) is not None
    except Refused:
        return False


@pytest.mark.parametrize("row", STRICTER, ids=[f"{row.section}-{row.message}" for row in STRICTER])
def test_we_are_stricter(row: Stricter) -> None:
    with pytest.raises(HTTPInputError) as caught:
        read_answer([row.witness], "GET")
    assert str(caught.value).startswith(row.message)
    assert h11_accepts(row.witness)


@pytest.mark.parametrize("row", LAXER, ids=[row.section for row in LAXER])
def test_we_are_laxer(row: Laxer) -> None:
    answer = read_answer([row.witness], row.method)
    assert answer is not None
    assert row.when(row.witness, row.method, answer)
    assert not h11_accepts(row.witness, row.method)


@pytest.mark.parametrize("row", OTHERWISE, ids=[row.section for row in OTHERWISE])
def test_we_read_it_otherwise(row: Otherwise) -> None:
    ours, theirs = read_answer([row.witness], "GET"), read_with_h11(row.witness, "GET")
    assert ours is not None
    assert theirs is not None
    assert row.when(ours)
    assert differences(ours, theirs) == [row.attribute]
