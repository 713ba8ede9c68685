"""What is known of the peer of a connection."""

import copy
import socket
from collections.abc import Iterable
from typing import Any, Self

from asynchttp import httputil, netutil
from asynchttp._exchange import Context
from asynchttp._proxied import ProxiedAddress
from asynchttp._trust import AddressList
from asynchttp.iostream import IOStream, SSLIOStream

__all__ = ["PeerContext", "context_of"]


class PeerContext:
    """The peer of a connection; ``str()`` of it stands in log records.

    Attributes:
        address: as :meth:`socket.socket.accept` gave it, or a :class:`~asynchttp._proxied.ProxiedAddress`.
        address_family: of the socket.
        remote_ip: of the peer; ``"0.0.0.0"`` for a UNIX socket, which has no address that could be taken for one.
        protocol: ``"http"`` or ``"https"``.

    Args:
        protocol: what a proxy before us speaks, if it doesn't say; default: what the stream does.
        xheaders: believe what a proxy says in X-Real-Ip, X-Forwarded-For, X-Scheme and X-Forwarded-Proto.
        trusted_downstream: addresses and networks of proxies to skip in X-Forwarded-For.
        trusted_proxies: peers whose ``xheaders`` are believed, and which are skipped likewise; ``None``: all, none.
            UNIX sockets are always believed.
    """

    __slots__ = (
        "_local_address",
        "_proxies",
        "_socket",
        "_trusted",
        "address",
        "address_family",
        "believes_proxies",
        "protocol",
        "remote_ip",
    )

    def __init__(
        self,
        stream: IOStream,
        address: Any = None,
        protocol: str | None = None,
        xheaders: bool = False,
        trusted_downstream: Iterable[str] = (),
        trusted_proxies: AddressList | None = None,
    ) -> None:
        sock = self._socket = stream.socket
        self._local_address: tuple[str, int | None] | None = None
        if address is None and sock is not None:
            try:
                address = sock.getpeername()
            except OSError:
                address = None
        self.address = address
        self.address_family = sock.family if sock is not None else None
        told = address.header if isinstance(address, ProxiedAddress) else None
        if told is not None:
            self.address_family = _family(told.source)
        has_ip = self.address_family in (socket.AF_INET, socket.AF_INET6) and bool(address)
        self.remote_ip = str(address[0]) if has_ip else "0.0.0.0"
        is_secure = isinstance(stream, SSLIOStream) or (told is not None and told.over_tls)
        self.protocol = protocol or ("https" if is_secure else "http")
        believed = trusted_proxies is None or not has_ip or self.remote_ip in trusted_proxies
        #: whether :meth:`forwarded` has to be asked
        self.believes_proxies = xheaders and believed
        self._trusted = (
            trusted_downstream if isinstance(trusted_downstream, AddressList) else AddressList(trusted_downstream)
        )
        self._proxies = trusted_proxies or _NOBODY

    def local_address(self) -> "tuple[str, int | None] | None":
        """Host and port at which the connection arrived; a path and ``None`` for a UNIX socket."""
        if self._local_address is None and self._socket is not None:
            try:
                name = self._socket.getsockname()
            except OSError:
                return None
            self._local_address = (name[0], name[1]) if isinstance(name, tuple) else (name, None)
        return self._local_address

    def forwarded(self, headers: httputil.HTTPHeaders) -> Self:
        """The peer of one request, with what the proxy says of it; this very object where no proxy is believed."""
        if not self.believes_proxies:
            return self
        ip = self.remote_ip
        for candidate in reversed(headers.get("X-Forwarded-For", ip).split(",")):
            ip = candidate.strip()
            if ip not in self._trusted and ip not in self._proxies:
                break
        ip = headers.get("X-Real-Ip", ip)
        protocol = headers.get("X-Scheme", headers.get("X-Forwarded-Proto", self.protocol))
        protocol = protocol.split(",")[-1].strip()
        told = copy.copy(self)
        told.remote_ip = ip if netutil.is_valid_ip(ip) else self.remote_ip
        told.protocol = protocol if protocol in ("http", "https") else self.protocol
        return told

    def __str__(self) -> str:
        if self.address_family in (socket.AF_INET, socket.AF_INET6):
            return self.remote_ip
        address = self.address[0] if isinstance(self.address, ProxiedAddress) else self.address
        if isinstance(address, bytes):  # of a UNIX socket, as a proxy told it: it mustn't break a line of a log
            return ascii(address)[2:-1]
        return str(address)


class _ForeignContext:
    """A program's own object in the place of a :class:`PeerContext`: it need have nothing of one."""

    believes_proxies = False

    def __init__(self, context: Any, peer: PeerContext) -> None:
        self._context = context
        self.address = getattr(context, "address", peer.address)
        self.remote_ip = getattr(context, "remote_ip", "0.0.0.0")
        self.protocol = getattr(context, "protocol", "http")
        self.local_address = peer.local_address

    def forwarded(self, headers: httputil.HTTPHeaders) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __str__(self) -> str:
        return str(self._context)


def context_of(stream: IOStream, context: Any = None) -> Context:
    """What stands for the peer of ``stream``: ``context`` if there is one, whatever it is."""
    if context is None:
        return PeerContext(stream)
    return context if isinstance(context, PeerContext) else _ForeignContext(context, PeerContext(stream))


_NOBODY = AddressList()


def _family(source: Any) -> int | None:
    """The family of what a proxy told."""
    if isinstance(source, tuple):
        return socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    return getattr(socket, "AF_UNIX", None)
