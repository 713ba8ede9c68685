"""Connect to a name: resolve it, try its addresses in parallel, start TLS.

How connecting works
====================

"Happy eyeballs" (RFC 8305) in Tornado's shape. The addresses fall into two lines by family: that of the first
address, and all others. Each line tries one address at a time and takes the next when that one fails.

* The first line starts at once, the second after ``_SECOND_LINE_DELAY`` or at the first failure.
* The first connection wins. All the rest are closed, also one that is made in the very turn in which another won.
* When nothing is left to try, the last error is the result.

What must never happen: a socket that outlives the call without belonging to the caller. Every stream is in
`_Connector.streams` from its creation until it fails, wins or is closed, and every way out closes that set;
so does `TCPClient.connect` for a winner that arrives while its caller is being cancelled.

Source: Tornado ``tornado.tcpclient``.
"""

import asyncio
import datetime
import functools
import numbers
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias, TypeVar

from asynchttp.ioloop import IOLoop
from asynchttp.iostream import IOStream
from asynchttp.netutil import Resolver

__all__ = ["TCPClient"]

_T = TypeVar("_T")

#: Seconds that the second line waits for the first. Tornado's figure; RFC 8305 §8 recommends 0.25 for each
#: attempt.
_SECOND_LINE_DELAY = 0.3

#: ``(family, sockaddr)``
_Address: TypeAlias = tuple[int, Any]
_Attempt: TypeAlias = "tuple[IOStream, asyncio.Future[IOStream]]"


class TCPClient:
    """Makes connected streams.

    Args:
        resolver: looks up the hosts; ``None``: ``Resolver()``, which `close` closes.
        io_loop: Tornado 4's, without effect.

    Source: Tornado ``tcpclient.TCPClient``.
    """

    def __init__(self, resolver: Resolver | None = None, io_loop: Any = None) -> None:
        self._own_resolver = resolver is None
        self.resolver: Resolver = Resolver() if resolver is None else resolver

    def close(self) -> None:
        """Close the resolver if this object made it. Streams live on."""
        if self._own_resolver:
            self.resolver.close()

    async def connect(
        self,
        host: str,
        port: int,
        af: int = socket.AF_UNSPEC,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        max_buffer_size: int | None = None,
        source_ip: str | None = None,
        source_port: int | None = None,
        timeout: float | datetime.timedelta | None = None,
    ) -> IOStream:
        """Connect to ``host`` and ``port``.

        Args:
            host: a name or an address as text; with TLS also the name that the certificate must be for.
            af: ``AF_INET`` or ``AF_INET6`` to try only those addresses.
            ssl_options: dict or context for TLS; ``None``: plain TCP.
            max_buffer_size: octets, for the stream's read buffer.
            source_ip: local address to connect from. Addresses of the other family fail and are passed over.
            source_port: local port to connect from; on all local addresses unless ``source_ip`` chooses one.
            timeout: seconds from now, or a ``timedelta``, for all of it.

        Returns: a connected `IOStream`; with TLS an `SSLIOStream` after its handshake. The caller closes it.
        Raises:
            TimeoutError: the message tells what took too long: resolving, connecting to which addresses, or TLS.
            OSError: the name can't be resolved, or of the last attempt.
            TypeError: ``timeout`` is something else.

        Cancelling it, or running out of time, closes everything that was under way.
        Source: Tornado ``TCPClient.connect``.
        """
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + _seconds(timeout)

        addresses = await _by_deadline(
            self.resolver.resolve(host, port, af), deadline, lambda: f"Timeout while resolving {host}"
        )
        if not addresses:
            raise OSError(f"no addresses for {host!r}")

        connector = _Connector(
            addresses, functools.partial(self._create_stream, max_buffer_size, source_ip, source_port)
        )
        time_left = None if deadline is None else datetime.timedelta(seconds=max(0.0, deadline - clock()))
        stream: IOStream
        try:
            _, address, stream = await connector.start(connect_timeout=time_left)
        except BaseException:
            connector.abandon()
            raise
        if ssl_options is None:
            return stream

        handshake = stream.start_tls(False, ssl_options=ssl_options, server_hostname=host.removesuffix("."))
        try:
            return await _by_deadline(
                handshake, deadline, lambda: f"Timeout during TLS handshake with {_format_addr(address)}"
            )
        except BaseException:
            _close_result(handshake)
            stream.close()
            raise

    def _create_stream(
        self,
        max_buffer_size: int | None,
        source_ip: str | None,
        source_port: int | None,
        af: int,
        address: Any,
    ) -> _Attempt:
        sock = socket.socket(af)
        try:
            if source_ip or source_port:
                sock.bind((source_ip or ("::" if af == socket.AF_INET6 else ""), source_port or 0))
            stream = IOStream(sock, max_buffer_size=max_buffer_size)
        except BaseException:
            sock.close()
            raise
        return stream, stream.connect(address)


class _Connector:
    """One race between the addresses of a host; "How connecting works" at the top is about this class.

    Args:
        addrinfo: ``[(family, sockaddr), ...]``, not empty, best first.
        connect: starts an attempt; returns its stream and the future of the same stream, or raises
            ``OSError``.

    Tornado's tests know the names here.
    """

    def __init__(self, addrinfo: list[_Address], connect: Callable[[int, Any], _Attempt]) -> None:
        self.io_loop = IOLoop.current()
        self.connect = connect
        #: Of ``(family, sockaddr, stream)``.
        self.future: asyncio.Future[tuple[int, Any, IOStream]] = self.io_loop.asyncio_loop.create_future()
        #: The timer that starts the second line; ``None`` once it has started.
        self.timeout: object | None = None
        self.connect_timeout: object | None = None
        self.last_error: BaseException | None = None
        #: Addresses whose outcome is open, not yet tried ones included.
        self.remaining = len(addrinfo)
        self.primary_addrs, self.secondary_addrs = self.split(addrinfo)
        #: All streams but the winner.
        self.streams: set[IOStream] = set()
        self._pending: dict[IOStream, Any] = {}

    @staticmethod
    def split(addrinfo: list[_Address]) -> tuple[list[_Address], list[_Address]]:
        """The addresses of the first one's family, and the others."""
        first_family = addrinfo[0][0]
        return (
            [address for address in addrinfo if address[0] == first_family],
            [address for address in addrinfo if address[0] != first_family],
        )

    def start(
        self,
        timeout: float = _SECOND_LINE_DELAY,
        connect_timeout: float | datetime.timedelta | None = None,
    ) -> "asyncio.Future[tuple[int, Any, IOStream]]":
        """Start the race.

        Args:
            timeout: seconds until the second line starts.
            connect_timeout: a deadline for ``IOLoop.add_timeout``: then the race ends in ``TimeoutError``.

        Returns: a future of the winner; cancelling it ends the race.
        """
        self.timeout = self.io_loop.call_later(timeout, self.on_timeout)
        if connect_timeout is not None:
            self.connect_timeout = self.io_loop.add_timeout(connect_timeout, self.on_connect_timeout)
        self.future.add_done_callback(lambda future: self.abandon() if future.cancelled() else None)
        self.try_connect(iter(self.primary_addrs))
        return self.future

    def try_connect(self, addrs: Iterator[_Address]) -> None:
        """Start the next attempt of a line, the first one that doesn't fail on the spot."""
        failed = False
        for address in addrs:
            try:
                stream, attempt = self.connect(*address)
            except Exception as error:
                self._count_failure(error)
                failed = True
            else:
                self.streams.add(stream)
                self._pending[stream] = address[1]
                attempt.add_done_callback(functools.partial(self._on_connect_done, addrs, address, stream))
                break
        if failed:
            self._hurry_second_line()
        if self.remaining == 0 and not self.future.done():
            self.future.set_exception(self.last_error or OSError("connection failed"))
            self._end()

    def _on_connect_done(
        self,
        addrs: Iterator[_Address],
        address: _Address,
        stream: IOStream,
        attempt: "asyncio.Future[IOStream]",
    ) -> None:
        self._pending.pop(stream, None)
        if attempt.cancelled() or attempt.exception() is not None:
            stream.close()
            self._count_failure(None if attempt.cancelled() else attempt.exception())
            if not self.future.done():
                self.try_connect(addrs)
                self._hurry_second_line()
        elif self.future.done():
            stream.close()
        else:
            self.streams.discard(stream)
            self.future.set_result((*address, stream))
            self._end()

    def _count_failure(self, error: BaseException | None) -> None:
        self.remaining -= 1
        self.last_error = error or self.last_error

    def _hurry_second_line(self) -> None:
        if self.timeout is not None:
            self.io_loop.remove_timeout(self.timeout)
            self.on_timeout()

    def on_timeout(self) -> None:
        """Start the second line."""
        self.timeout = None
        if not self.future.done():
            self.try_connect(iter(self.secondary_addrs))

    def on_connect_timeout(self) -> None:
        if not self.future.done():
            where = ", ".join(sorted(map(_format_addr, self._pending.values())))
            message = "Timeout while connecting" + (f" to {where}" if where else "")
            self.future.set_exception(TimeoutError(message))
        self._end()

    def abandon(self) -> None:
        """End the race without a winner, and close the one that won unseen."""
        self._end()
        _close_result(self.future)

    def _end(self) -> None:
        for timer in (self.timeout, self.connect_timeout):
            if timer is not None:
                self.io_loop.remove_timeout(timer)
        self.close_streams()

    def close_streams(self) -> None:
        for stream in self.streams:
            stream.close()


def _close_result(future: "asyncio.Future[Any]") -> None:
    """Give up ``future``: cancel it, or close the stream that it has brought and that nobody took."""
    if not future.cancel() and not future.cancelled() and future.exception() is None:
        result = future.result()
        (result[-1] if isinstance(result, tuple) else result).close()


async def _by_deadline(awaitable: Awaitable[_T], deadline: float | None, message: Callable[[], str]) -> _T:
    """Wait for ``awaitable``. At ``deadline``, on the loop's clock, it is cancelled: ``TimeoutError``."""
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await awaitable
    except TimeoutError:
        if not limit.expired():  # ETIMEDOUT of the operating system, which is a TimeoutError too
            raise
        raise TimeoutError(message()) from None


def _seconds(timeout: float | datetime.timedelta) -> float:
    if isinstance(timeout, datetime.timedelta):
        return timeout.total_seconds()
    if isinstance(timeout, numbers.Real):
        return float(timeout)
    raise TypeError(f"timeout is neither a number of seconds nor a timedelta: {timeout!r}")


def _format_addr(addr: Any) -> str:
    """A socket address for messages: ``1.2.3.4:443``, ``[::1]:443``, ``/run/socket``."""
    if not isinstance(addr, tuple) or len(addr) < 2:
        return str(addr)
    host, port = addr[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
