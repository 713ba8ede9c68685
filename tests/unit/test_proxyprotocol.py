"""The PROXY protocol, octet by octet."""

import struct

import pytest

from asynchttp._h1.errors import HTTPInputError
from asynchttp._proxyprotocol import MAX_HEADER_SIZE, ProxyHeader, _crc32c_table, header_size, parse_header
from tests.support.proxyheaders import SIGNATURE, binary, tcp_binary, tlv

BOTH, V1, V2 = frozenset([1, 2]), frozenset([1]), frozenset([2])

#: From the specification's own examples, §2.1, and the like.
LINES = [
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", ("255.255.255.255", 65535)),
    (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", ("192.0.2.1", 56324)),
    (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", ("0.0.0.0", 0)),
    (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", ("2001:db8::1", 1)),
    (b"PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 1 2\r\n", ("2001:db8::1", 1)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ("::ffff:c000:201", 1)),
    (b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", (("ffff:" * 8)[:-1], 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", None),
    (b"PROXY UNKNOWN \0 whatever\r\n", None),
]


def read(data: bytes, versions: frozenset[int] = BOTH) -> ProxyHeader:
    """A whole header, that must be all of ``data``."""
    assert header_size(data, versions) == len(data)
    return parse_header(data)


@pytest.mark.parametrize(("line", "source"), LINES)
def test_version_1(line: bytes, source: object) -> None:
    header = read(line)
    assert (header.version, header.tlvs, header.over_tls) == (1, (), False)
    # Python writes a mapped address in one way up to 3.12 and in the other from 3.13 on.
    expected = {source, ("::ffff:192.0.2.1", 1)} if source and source[0].startswith("::ffff") else {source}  # type: ignore[index]
    assert header.source in expected
    assert header_size(line + b"GET / HTTP/1.1\r\n", BOTH) == len(line)


def test_both_ends_are_told() -> None:
    assert read(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n").destination == ("198.51.100.1", 443)
    assert read(tcp_binary(("192.0.2.1", 1), ("198.51.100.1", 443))).destination == ("198.51.100.1", 443)


@pytest.mark.parametrize("line", [line for line, _ in LINES] + [tcp_binary(("::1", 1), ("::2", 2), tlv(1, b"h2"))])
def test_what_is_not_whole_is_waited_for(line: bytes) -> None:
    sizes = {header_size(line[:end], BOTH) for end in range(len(line))}
    assert sizes <= {None, len(line)}
    assert header_size(line[: min(len(line), 16) - 1], BOTH) is None


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n",
        b"PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 -1\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 +443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 0443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 \xb2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 999999\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.1 56324 443\r\n",
        b"PROXY TCP4 192.0.2 198.51.100.1 56324 443\r\n",
        b"PROXY TCP4 3232235521 198.51.100.1 56324 443\r\n",
        b"PROXY TCP4 ::1 ::2 56324 443\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.1 56324 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::2 56324 443\r\n",
        b"PROXY TCP6 [::1] ::2 56324 443\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.1 56324 443\r\n",
        b"PROXY tcp4 192.0.2.1 198.51.100.1 56324 443\r\n",
        b"PROXY UNKNOWN\r\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1\r 56324 443\n",
        b"PROXY TCP4 192.0.2.\xb9 198.51.100.1 56324 443\r\n",
        b"PROXY TCP4 host.example.org 198.51.100.1 56324 443\r\n",
    ],
)
def test_malformed_line_is_refused(line: bytes) -> None:
    with pytest.raises(HTTPInputError, match="PROXY header: "):
        read(line)


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"PO",
        b"proxy TCP4",
        b" PROXY TCP4",
        b"\r\nGET",
        b"\x16\x03\x01",
        SIGNATURE[:-1] + b"\r",
        b"\0",
    ],
)
def test_something_else_is_refused_at_its_first_wrong_octet(data: bytes) -> None:
    with pytest.raises(HTTPInputError, match="missing"):
        header_size(data, BOTH)


def test_line_without_an_end_is_refused_at_its_bound() -> None:
    data = b"PROXY UNKNOWN " + b"x" * 200
    assert header_size(data[:106], BOTH) is None
    with pytest.raises(HTTPInputError, match="within 107 octets"):
        header_size(data[:107], BOTH)
    assert header_size(data[:105] + b"\r\n", BOTH) == 107
    with pytest.raises(HTTPInputError, match="within 107 octets"):
        header_size(data[:106] + b"\r\n", BOTH)


def test_only_the_version_that_was_asked_for() -> None:
    line, octets = LINES[0][0], tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10))
    assert header_size(line, V1) == len(line)
    assert header_size(octets, V2) == len(octets)
    for data, versions in ((line, V2), (octets, V1), (line[:1], V2), (octets[:1], V1)):
        with pytest.raises(HTTPInputError, match="missing"):
            header_size(data, versions)


# Version 2


@pytest.mark.parametrize(
    ("source", "destination"), [(("192.0.2.1", 56324), ("198.51.100.1", 443)), (("2001:db8::1", 0), ("::1", 65535))]
)
def test_version_2(source: tuple[str, int], destination: tuple[str, int]) -> None:
    assert read(tcp_binary(source, destination)) == ProxyHeader(2, source, destination)


@pytest.mark.parametrize(("kind", "size"), [(0x12, 12), (0x22, 36), (0x32, 216)])
def test_client_that_came_by_datagrams(kind: int, size: int) -> None:
    """A proxy that speaks HTTP/3 with it."""
    assert read(binary(0x21, kind, bytes(size))).source is not None


@pytest.mark.parametrize(
    ("path", "expected"),
    [(b"/run/x.sock", b"/run/x.sock"), (b"\0abstract", b"\0abstract"), (b"/run/x\0garbage", b"/run/x"), (b"", b"")],
)
def test_unix_addresses(path: bytes, expected: bytes) -> None:
    header = read(binary(0x21, 0x31, path.ljust(108, b"\0") + b"/to".ljust(108, b"\0")))
    assert (header.source, header.destination) == (expected, b"/to")


def test_unix_address_as_long_as_there_is_room() -> None:
    assert read(binary(0x21, 0x31, b"a" * 108 + b"b" * 108)).source == b"a" * 108


def test_unspecified_family_tells_nothing_but_its_records() -> None:
    header = read(binary(0x21, 0x00, tlv(0x02, b"example.org")))
    assert header == ProxyHeader(2, None, None, ((0x02, b"example.org"),))


@pytest.mark.parametrize("family", [0x00, 0x11, 0x21, 0x31, 0xFF, 0x01])
@pytest.mark.parametrize("rest", [b"", b"\xff", b"x" * 300])
def test_local_command_whatever_follows(family: int, rest: bytes) -> None:
    assert read(binary(0x20, family, rest)) == ProxyHeader(2, None, None)


def test_records() -> None:
    tls = struct.pack("!BI", 0x01, 0) + tlv(0x21, b"TLSv1.3")
    header = read(tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), tlv(0x01, b"h2") + tlv(0x04, b"") + tlv(0x20, tls)))
    assert header.tlvs == ((0x01, b"h2"), (0x04, b""), (0x20, tls))
    assert header.over_tls


def test_client_that_did_not_come_over_tls() -> None:
    assert not read(tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), tlv(0x20, struct.pack("!BI", 0, 1)))).over_tls


def test_checksum() -> None:
    """§2.2.3: over the whole header, with zeros in its own place."""
    data = tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), tlv(0x01, b"h2") + tlv(0x03, bytes(4)))
    crc = 0xFFFFFFFF
    for octet in data:  # bit by bit: not the table that is tested
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    good = data[:-4] + struct.pack("!I", crc ^ 0xFFFFFFFF)
    assert read(good).tlvs[1][0] == 0x03
    for bad in (data, good[:20] + b"\xff" + good[21:]):
        with pytest.raises(HTTPInputError, match="checksum"):
            read(bad)


def test_checksum_of_the_reference_string() -> None:
    """RFC 3720 B.4 has vectors for this polynomial; 32 zeros are the first."""
    crc = 0xFFFFFFFF
    for octet in bytes(32):
        crc = _crc32c_table()[(crc ^ octet) & 0xFF] ^ (crc >> 8)
    assert (crc ^ 0xFFFFFFFF).to_bytes(4, "little") == bytes.fromhex("aa36918a")


@pytest.mark.parametrize(
    "data",
    [
        binary(0x11, 0x11, bytes(12)),  # version 1 in version 2's clothes
        binary(0x31, 0x11, bytes(12)),
        binary(0x22, 0x11, bytes(12)),  # no such command
        binary(0x21, 0x41, bytes(12)),  # no such family
        binary(0x21, 0x13, bytes(12)),  # no such transport
        binary(0x21, 0x10, bytes(12)),  # half unspecified
        binary(0x21, 0x01, bytes(12)),
        binary(0x21, 0x11, bytes(11)),
        binary(0x21, 0x21, bytes(35)),
        binary(0x21, 0x31, bytes(215)),
        binary(0x21, 0x11, b""),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), b"\x01"),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), b"\x01\x00"),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), b"\x01\x00\x01"),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), b"\x01\xff\xff"),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), tlv(0x20, b"\x01\0\0\0")),
        tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10), tlv(0x03, b"\x01\0\0")),
    ],
)
def test_malformed_binary_header_is_refused(data: bytes) -> None:
    with pytest.raises(HTTPInputError, match="PROXY header: "):
        read(data)


def test_length_has_a_bound() -> None:
    assert header_size(SIGNATURE + b"\x21\x11" + struct.pack("!H", MAX_HEADER_SIZE - 16), BOTH) == MAX_HEADER_SIZE
    with pytest.raises(HTTPInputError, match="longer than 8192"):
        header_size(SIGNATURE + b"\x21\x11" + struct.pack("!H", MAX_HEADER_SIZE - 15), BOTH)


def test_error_shows_only_a_little_of_what_was_sent() -> None:
    with pytest.raises(HTTPInputError) as caught:
        header_size(b"PROXY UNKNOWN " + b"\x1b" * 200, BOTH)
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)
