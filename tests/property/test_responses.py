"""Raw responses against a client: whatever a handler writes, a client that stays connected sees where it ends."""

import h11
from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1 import serializer
from asynchttp._h1.errors import HTTPOutputError
from asynchttp._h1.raw import RawResponse
from tests.property.effort import examples
from tests.property.strategies import chunked_bodies, mutated
from tests.support.splits import every_split

NAMES = st.text(st.characters(max_codepoint=0x17F), max_size=8)
VALUES = st.text(st.characters(max_codepoint=0x17F), max_size=12)


@st.composite
def raw_responses(draw: st.DrawFn) -> bytes:
    """A response as a handler might write it, right or nearly so."""
    status = draw(
        st.sampled_from([b"200 OK", b"200 OK", b"404 Not Found", b"204 No Content", b"304 Not Modified", b"200"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    fields = draw(st.lists(st.sampled_from([b"Connection: close", b"Connection: keep-alive", b"A: b"]), max_size=2))
    body = draw(st.binary(max_size=12))
    framing = draw(st.sampled_from(["length", "chunked", "none", "both"]))
    if framing in ("length", "both"):
        fields.append(b"Content-Length: %d" % (len(body) + draw(st.sampled_from([0, 0, 0, -1, 1]))))
    if framing in ("chunked", "both"):
        fields.append(b"Transfer-Encoding: chunked")
        body = draw(chunked_bodies())
    fields = draw(st.permutations(fields))
    octets = b"\r\n".join([version + b" " + status, *fields, b"", b""]) + body
    if draw(st.booleans()):
        octets = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + octets
    for _ in range(draw(st.integers(0, 2))):
        octets = draw(mutated(octets))
    return octets


def client_reads(method: str, octets: bytes) -> bool:
    """Whether a client reads one whole response that ends with the octets, and would go on with the connection."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(octets)
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return False
    return connection.trailing_data[0] == b""


@given(raw_responses(), st.sampled_from(["GET", "HEAD"]))
@examples(600)
def test_kept_connection_is_never_out_of_step(octets: bytes, method: str) -> None:
    response = RawResponse(method)
    try:
        sent = response.feed(octets)
    except HTTPOutputError:
        return
    if response.finish() is None and response.keep_alive:
        assert client_reads(method, sent)


@given(raw_responses(), st.sampled_from(["GET", "HEAD"]))
@examples(300)
def test_pieces_mean_what_the_whole_means(octets: bytes, method: str) -> None:
    outcomes = set()
    for pieces in every_split(octets):
        response = RawResponse(method)
        try:
            sent = b"".join(response.feed(piece) for piece in pieces)
        except HTTPOutputError:
            outcomes.add(None)
        else:
            outcomes.add((sent, response.finish(), response.keep_alive))
    assert len(outcomes) == 1


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
@examples(300)
def test_fields_never_split_a_response(fields: list[tuple[str, str]]) -> None:
    """A client finds the very fields that were given, or they were refused."""
    try:
        encoded = serializer.encode_fields(fields)
    except ValueError:
        return
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(b"HTTP/1.1 204 No Content\r\n" + encoded + b"\r\n")
    event = connection.next_event()
    assert isinstance(event, h11.Response)
    expected = [(name.lower().encode(), value.strip(" \t").encode("latin-1")) for name, value in fields]
    assert [(name, value.strip(b" \t")) for name, value in event.headers] == expected
