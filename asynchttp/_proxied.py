"""A connection before its first octet of HTTP or TLS: what the proxy says of it is read from the bare socket.

How this works
==============
::

    accept ─► ProxiedConnection ─► header whole ─► a stream is made, as for any other connection
                    └► a bad header, silence for header_timeout, the peer's end: closed

The socket has no transport yet, because what follows the header may be TLS and a transport reads as much as there is.
So the octets are looked at first (``MSG_PEEK``), and only those taken that belong to the header: each look takes
something, or a level-triggered loop would spin.
"""

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from asynchttp import _proxyprotocol
from asynchttp._h1.errors import HTTPInputError
from asynchttp._proxyprotocol import ProxyHeader
from asynchttp._reasons import LEFT_IN_PROXY_HEADER, PROXY_HEADER, PROXY_HEADER_TIMEOUT, Reason
from asynchttp._sweep import Sweep
from asynchttp.log import gen_log

__all__ = ["PROXY_PROTOCOLS", "ProxiedAddress", "ProxiedConnection"]

#: ``proxy_protocol=`` → the versions that are read. ``auto`` is either, never none.
PROXY_PROTOCOLS: Final = {
    "off": frozenset[int](),
    "v1": frozenset([1]),
    "v2": frozenset([2]),
    "auto": frozenset([1, 2]),
}


class ProxiedAddress(tuple[Any, ...]):
    """The address of a client as its proxy tells it, ``(ip, port)`` or ``(path,)``.

    Attributes:
        header: all that the proxy told, a :class:`~asynchttp._proxyprotocol.ProxyHeader`.
        own: the proxy's address, as :meth:`socket.socket.accept` gave it.
    """

    header: ProxyHeader
    own: Any

    @classmethod
    def of(cls, header: ProxyHeader, own: Any) -> Any:
        """The address that counts: the proxy's own where it speaks for itself or knows nothing."""
        if header.source is None:
            return own
        address = cls(header.source if isinstance(header.source, tuple) else (header.source,))
        address.header = header
        address.own = own
        return address


class ProxiedConnection:
    """Reads the header of one connection.

    Args:
        versions: of the PROXY protocol.
        sweep: the server's clock, which watches ``timeout`` seconds from now.
        refusals: counts, by :attr:`Reason.code`.
        on_header: is called with the header; the socket is then the caller's again.
        on_end: is called once, before ``on_header`` or when the socket has been closed instead.
    """

    __slots__ = (
        "_address",
        "_data",
        "_loop",
        "_on_end",
        "_on_header",
        "_refusals",
        "_sweep",
        "_timeout",
        "_versions",
        "since",
        "sock",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        address: Any,
        versions: frozenset[int],
        sweep: Sweep,
        timeout: float,
        refusals: Counter[str],
        on_header: Callable[[socket.socket, Any, ProxyHeader], object],
        on_end: Callable[["ProxiedConnection"], object],
    ) -> None:
        self.sock = sock
        self._loop = loop
        self._address = address
        self._versions = versions
        self._data = b""
        self._on_header = on_header
        self._on_end = on_end
        self._sweep = sweep
        self._timeout = timeout
        self._refusals = refusals
        sweep.add(self)  # first: it may have to set the clock
        self.since = sweep.now
        loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        try:
            header = None
            # Until there is no more, or the end of the header: uvloop (0.23) stops to poll a socket that was reset, and
            # says so only once, together with the last octets.
            while header is None:
                header = self._take()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            if self._data:
                self._refuse(LEFT_IN_PROXY_HEADER, "it ended in the PROXY header")
            else:
                self.close()
            return
        except HTTPInputError as error:
            self._refuse(PROXY_HEADER, str(error))
            return
        self._leave()
        self._on_header(self.sock, self._address, header)

    def _take(self) -> ProxyHeader | None:
        """Take what has come of the header; return it when it is whole."""
        data = self._data + self.sock.recv(_proxyprotocol.MAX_HEADER_SIZE, socket.MSG_PEEK)
        if len(data) == len(self._data):
            raise ConnectionResetError(errno.ECONNRESET, "the proxy has gone")
        size = _proxyprotocol.header_size(data, self._versions)
        ours = len(data) if size is None else min(size, len(data))
        # At least one octet: what is in _data is the beginning of a header that isn't whole.
        self._data += self.sock.recv(ours - len(self._data))
        return _proxyprotocol.parse_header(self._data) if len(self._data) == size else None

    def check_time(self, now: float) -> float:
        """Called by the sweep: has the deadline passed?"""
        left = self.since + self._timeout + self._sweep.period - now
        if left < 0:
            self._refuse(PROXY_HEADER_TIMEOUT, f"no PROXY header within {self._timeout:g} s")
        return left

    def _refuse(self, reason: Reason, why: str) -> None:
        peer = self._address or "a UNIX socket"
        values = (peer, why, reason.code, reason.section)
        gen_log.log(reason.level, "Refused the connection of %s: %s [%s, %s]", *values, extra=reason.attributes)
        self._refusals[reason.code] += 1
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self.sock.fileno() != -1:
            self._leave()
            self.sock.close()

    def _leave(self) -> None:
        self._loop.remove_reader(self.sock.fileno())
        self._sweep.discard(self)
        self._on_end(self)
