"""The PROXY protocol: what a proxy says of its client before the client's first octet.  Versions 1 and 2, no I/O.

::

    version 1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\\r\\n              at most 107 octets
    version 2   12 octets of signature, version and command, family, length, addresses, TLVs

How this works
==============
What follows a header belongs to somebody else, TLS for one. So it is read piece by piece: :func:`header_size` looks at
what has come, and tells how much of it is the header's own; :func:`parse_header` reads a whole one.

A receiver mustn't guess whether there is a header: one that is missing is an error. Nothing is repaired either.

Source: HAProxy, "The PROXY protocol, versions 1 & 2", whose sections the comments name.
"""

import functools
import ipaddress
import re
import struct
from typing import Final, NamedTuple

from asynchttp._h1.errors import HTTPInputError

__all__ = ["MAX_HEADER_SIZE", "ProxyHeader", "header_size", "parse_header"]

Address = tuple[str, int] | bytes

_SIGNATURE_1: Final = b"PROXY "
_SIGNATURE_2: Final = b"\r\n\r\n\0\r\nQUIT\n"
#: §2.1: the longest line of version 1, with its end.
_MAX_LINE: Final = 107
#: Octets of a header of version 2 that are accepted: 216 for addresses at most, the rest for TLVs, of which a client's
#: certificate is the longest.
MAX_HEADER_SIZE: Final = 8192

_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")

#: Type of a TLV (§2.2).
_CRC32C, _SSL = 0x03, 0x20
#: §2.2.5: the client came over TLS.
_CLIENT_SSL = 0x01


class ProxyHeader(NamedTuple):
    """What a proxy says of a connection.

    Attributes:
        version: 1 or 2.
        source: the client: ``(ip, port)``, or the path of a UNIX socket; ``None`` where the proxy has nothing to say
            of it (``UNKNOWN``, ``UNSPEC``) or speaks for itself (``LOCAL``): then the connection's own counts.
        destination: what the client connected to.
        tlvs: further facts, as (type, value), in the order sent.
    """

    version: int
    source: Address | None
    destination: Address | None
    tlvs: tuple[tuple[int, bytes], ...] = ()

    @property
    def over_tls(self) -> bool:
        """Whether the proxy says that its client came over TLS."""
        return any(kind == _SSL and bool(value[0] & _CLIENT_SSL) for kind, value in self.tlvs)


def header_size(data: bytes, versions: frozenset[int]) -> int | None:
    """How long the header is that ``data`` begins with.

    Returns: octets; ``None``: not known yet, and all of ``data`` belongs to it.
    Raises: :exc:`HTTPInputError` as soon as it can't become a header of one of ``versions``.
    """
    if 1 in versions and data[:6] == _SIGNATURE_1[: len(data)]:
        end = data.find(b"\n", 0, _MAX_LINE)
        if end >= 0:
            return end + 1
        if len(data) >= _MAX_LINE:
            raise _error(f"no end of line within {_MAX_LINE} octets", data)
        return None
    if 2 in versions and data[:12] == _SIGNATURE_2[: len(data)]:
        if len(data) < 16:
            return None
        size = 16 + int.from_bytes(data[14:16])
        if size > MAX_HEADER_SIZE:
            raise _error(f"longer than {MAX_HEADER_SIZE} octets: {size}", data)
        return size
    raise _error("missing", data)


def parse_header(data: bytes) -> ProxyHeader:
    """Read a header that is whole; ``data`` is nothing else.

    Raises: :exc:`HTTPInputError` for any mistake in it.
    """
    return _parse_line(data) if data[:1] == b"P" else _parse_binary(data)


def _error(message: str, data: bytes) -> HTTPInputError:
    return HTTPInputError(f"PROXY header: {message}", data)


# -- version 1 (§2.1) ----------------------------------------------------------------------------------------------


def _parse_line(data: bytes) -> ProxyHeader:
    if not data.endswith(b"\r\n"):
        raise _error("a line that doesn't end with CRLF", data)
    words = data[:-2].split(b" ")
    if words[1] == b"UNKNOWN":  # what follows must be ignored
        return ProxyHeader(1, None, None)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise _error("not of the form 'PROXY TCP4|TCP6|UNKNOWN source destination port port'", data)
    kind = ipaddress.IPv4Address if words[1] == b"TCP4" else ipaddress.IPv6Address
    try:
        addresses = [str(kind(word.decode("ascii"))) for word in words[2:4]]
    except ValueError:
        raise _error(f"not two addresses of {words[1].decode()}", data) from None
    if b"%" in data:  # a scope, which means nothing elsewhere
        raise _error("an address with a scope", data)
    ports = [int(word) if _PORT.fullmatch(word) else 65536 for word in words[4:6]]
    if max(ports) > 65535:
        raise _error("not two ports", data)
    return ProxyHeader(1, (addresses[0], ports[0]), (addresses[1], ports[1]))


# -- version 2 (§2.2) ----------------------------------------------------------------------------------------------

#: Octets of both addresses, by family: unspecified, IPv4, IPv6, UNIX.
_ADDRESSES_SIZE = (0, 12, 36, 216)


def _parse_binary(data: bytes) -> ProxyHeader:
    version, command = divmod(data[12], 16)
    if version != 2 or command > 1:
        raise _error(f"version {version} with command {command}", data)
    if command == 0:  # LOCAL: a health check of the proxy's own. All that follows must be ignored.
        return ProxyHeader(2, None, None)
    family, transport = divmod(data[13], 16)
    # Datagrams are real: a proxy that speaks HTTP/3 with its client says so.
    if family > 3 or transport > 2 or (family == 0) != (transport == 0):
        raise _error(f"family {family} with transport {transport}", data)
    begin = 16 + _ADDRESSES_SIZE[family]
    if begin > len(data):
        raise _error(f"too short for addresses of family {family}", data)
    source, destination = _addresses(family, data[16:begin])
    tlvs = _parse_tlvs(data, begin)
    for kind, value in tlvs:
        if kind == _SSL and len(value) < 5:
            raise _error("a TLS record shorter than 5 octets", data)
        if kind == _CRC32C:
            _check_sum(data, value, begin)
    return ProxyHeader(2, source, destination, tlvs)


def _addresses(family: int, data: bytes) -> tuple[Address | None, Address | None]:
    if family == 0:
        return None, None
    if family == 3:
        # A path ends at NUL; an abstract name begins with it, and its end is unknown.
        paths = [path if path[:1] == b"\0" else path.partition(b"\0")[0] for path in (data[:108], data[108:])]
        return paths[0].rstrip(b"\0"), paths[1].rstrip(b"\0")
    kind = ipaddress.IPv4Address if family == 1 else ipaddress.IPv6Address
    size = (len(data) - 4) // 2
    source_port, destination_port = struct.unpack("!HH", data[-4:])
    return (str(kind(data[:size])), source_port), (str(kind(data[size : 2 * size])), destination_port)


def _parse_tlvs(data: bytes, begin: int) -> tuple[tuple[int, bytes], ...]:
    tlvs = []
    while begin < len(data):
        end = begin + 3 + int.from_bytes(data[begin + 1 : begin + 3])
        if begin + 3 > len(data) or end > len(data):
            raise _error(f"a record of type {data[begin]} that is cut", data)
        tlvs.append((data[begin], data[begin + 3 : end]))
        begin = end
    return tuple(tlvs)


def _check_sum(data: bytes, value: bytes, begin: int) -> None:
    """§2.2.3: the sum is over the whole header, with zeros in its own place."""
    while data[begin] != _CRC32C:
        begin += 3 + int.from_bytes(data[begin + 1 : begin + 3])
    if len(value) != 4:
        raise _error("a checksum that isn't 4 octets long", data)
    crc = 0xFFFFFFFF
    table = _crc32c_table()
    for octet in data[: begin + 3] + bytes(4) + data[begin + 7 :]:
        crc = table[(crc ^ octet) & 0xFF] ^ (crc >> 8)
    if crc ^ 0xFFFFFFFF != int.from_bytes(value):
        raise _error("its checksum doesn't fit", data)


@functools.cache
def _crc32c_table() -> list[int]:
    """Castagnoli's polynomial, reflected; ``zlib`` has only the other one."""
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
        table.append(crc)
    return table
