"""PROXY headers as a proxy would write them."""

import ipaddress
import socket
import struct

__all__ = ["SIGNATURE", "binary", "tcp_binary", "tlv"]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(version_command: int, family_transport: int, rest: bytes) -> bytes:
    """A header of version 2."""
    return SIGNATURE + struct.pack("!BBH", version_command, family_transport, len(rest)) + rest


def tcp_binary(source: tuple[str, int], destination: tuple[str, int], tlvs: bytes = b"") -> bytes:
    """A header of version 2 for TCP over IPv4 or IPv6."""
    address = ipaddress.ip_address(source[0])
    packed = address.packed + ipaddress.ip_address(destination[0]).packed
    family = 0x21 if address.version == 6 else 0x11
    return binary(0x21, family, packed + struct.pack("!HH", source[1], destination[1]) + tlvs)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


# Both say the same or the helper is wrong.
assert tcp_binary(("1.2.3.4", 5), ("6.7.8.9", 10))[16:24] == socket.inet_aton("1.2.3.4") + socket.inet_aton("6.7.8.9")
