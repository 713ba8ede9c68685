"""PROXY headers: whatever comes, it is a header, not yet one, or refused; and never more than its own octets."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1.errors import HTTPInputError
from asynchttp._proxyprotocol import MAX_HEADER_SIZE, header_size, parse_header
from tests.property.effort import examples
from tests.support.proxyheaders import SIGNATURE, binary, tcp_binary, tlv

BOTH = frozenset([1, 2])

ports = st.integers(0, 65535)
pairs = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
)
tlvs = st.lists(
    st.tuples(st.integers(0, 255).filter(lambda kind: kind not in (0x03, 0x20)), st.binary(max_size=40)), max_size=4
)
garbage = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=150).map(lambda rest: b"PROXY " + rest + b"\r\n"),
    st.text("TCP46 .:0123456789abcdefUNKNOW%", max_size=120).map(lambda rest: b"PROXY " + rest.encode() + b"\r\n"),
    st.builds(binary, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=300)),
    st.builds(binary, st.just(0x21), st.sampled_from([0, 0x11, 0x21, 0x31]), st.binary(max_size=300)),
    st.binary(max_size=60).map(lambda rest: SIGNATURE + rest),
)


@given(garbage, st.sampled_from([frozenset([1]), frozenset([2]), BOTH]))
@examples(1500)
def test_nothing_raises_anything_else(data: bytes, versions: frozenset[int]) -> None:
    try:
        size = header_size(data, versions)
        if size is not None and size <= len(data):
            assert 0 < size <= MAX_HEADER_SIZE
            parse_header(data[:size])
    except HTTPInputError:
        pass


@given(garbage)
@examples(400)
def test_verdict_of_a_part_is_never_taken_back(data: bytes) -> None:
    """Refused stays refused, and a size stays the size, whatever comes behind."""
    known: object = None
    for end in range(len(data) + 1):
        try:
            verdict: object = header_size(data[:end], BOTH)
        except HTTPInputError:
            verdict = "refused"
        assert known is None or verdict == known
        known = verdict


@given(pairs, ports, ports, tlvs, st.binary(max_size=20))
@examples(400)
def test_what_was_written_is_read(
    addresses: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address],
    source_port: int,
    destination_port: int,
    records: list[tuple[int, bytes]],
    behind: bytes,
) -> None:
    source, destination = (str(addresses[0]), source_port), (str(addresses[1]), destination_port)
    data = tcp_binary(source, destination, b"".join(tlv(*record) for record in records))
    assert header_size(data + behind, BOTH) == len(data)
    assert parse_header(data) == (2, source, destination, tuple(records))
    line = f"PROXY TCP{addresses[0].version} {source[0]} {destination[0]} {source_port} {destination_port}\r\n".encode()
    assert header_size(line + behind, BOTH) == len(line)
    assert parse_header(line) == (1, source, destination, ())
