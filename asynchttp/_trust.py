"""Which addresses are believed."""

import ipaddress
from collections.abc import Iterable, Iterator

__all__ = ["AddressList"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressList:
    """Addresses and networks: ``"10.0.0.7"``, ``"10.0.0.0/8"``, ``"fd00::/8"``, and ``"*"`` for all.

    A string that is none of these stands for itself only, as in Tornado; :meth:`checked` refuses it.
    """

    __slots__ = ("_all", "_entries", "_networks")

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = frozenset(entries)
        self._all = "*" in self._entries
        networks = [_network(entry) for entry in self._entries]
        # Those of one address too: it may be written in several ways.
        self._networks = tuple(network for network in networks if network is not None)

    @classmethod
    def checked(cls, entries: Iterable[str]) -> "AddressList":
        """Raises: :exc:`ValueError` for an entry that is neither address nor network nor ``*``."""
        entries = list(entries)
        for entry in entries:
            if entry != "*" and _network(entry) is None:
                raise ValueError(f"{entry!r} is not an address, a network, or '*'")
        return cls(entries)

    def __contains__(self, ip: object) -> bool:
        if self._all or ip in self._entries:
            return True
        if not self._networks or not isinstance(ip, str):
            return False
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        # A socket of both families has its IPv4 peers as ::ffff:192.0.2.1.
        mapped = getattr(address, "ipv4_mapped", None)
        return any(address in network or (mapped is not None and mapped in network) for network in self._networks)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return self._entries == (other._entries if isinstance(other, AddressList) else other)

    def __hash__(self) -> int:
        return hash(self._entries)


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None
