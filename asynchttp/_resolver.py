"""Names to addresses: Tornado's ``Resolver`` and its implementations; `asynchttp.netutil` re-exports them.

All but `OverrideResolver` end in the C library's ``getaddrinfo``, which blocks. They differ in who waits for
it:

=========================  ==============================================
`DefaultLoopResolver`      the loop's own way; the default
`DefaultExecutorResolver`  the loop's executor
`ExecutorResolver`         an executor of your own
`ThreadedResolver`         a pool of threads that all of them share
`BlockingResolver`         you do, and the loop with you
=========================  ==============================================

Source: Tornado ``tornado.netutil``.
"""

import asyncio
import concurrent.futures

# getaddrinfo encodes host names with this codec. Its import must not happen for the first time in a
# resolver's thread while the main thread, in the middle of an import, waits for that thread.
import encodings.idna  # noqa: F401 - for its effect
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, TypeAlias

from asynchttp._legacy.arguments import accepts_io_loop
from asynchttp._legacy.resolve import accepts_callback
from asynchttp.util import Configurable

__all__ = [
    "BlockingResolver",
    "DefaultExecutorResolver",
    "DefaultLoopResolver",
    "ExecutorResolver",
    "OverrideResolver",
    "Resolver",
    "ThreadedResolver",
    "is_valid_ip",
]

#: ``(family, sockaddr)`` for each address, best first.
Addresses: TypeAlias = list[tuple[int, Any]]


def is_valid_ip(ip: str) -> bool:
    """Whether ``ip`` is an IPv4 or IPv6 address as text, and nothing else.

    Stricter than Tornado, which takes what ``getaddrinfo`` does: ``"1"`` or ``"127.1"`` or ``"0x7f000001"``
    are no addresses here, since proxies and access lists read them in more than one way. An IPv6 zone must be
    one of this machine's (``"fe80::1%eth0"``).
    """
    return _numeric_family(ip) is not None


def _numeric_family(text: str) -> socket.AddressFamily | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return family
        except (OSError, ValueError):  # ValueError: NUL, lone surrogates
            pass
    if ":" in text and "%" in text:
        try:
            socket.getaddrinfo(text, 0, socket.AF_INET6, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
            return socket.AF_INET6
        except (OSError, ValueError):
            pass
    return None


class Resolver(Configurable):
    """Looks up host names.

    ``Resolver()`` makes a `DefaultLoopResolver` unless ``Resolver.configure`` said otherwise. The constructors take
    Tornado 4's ``io_loop`` and have no use for it. Source: Tornado ``netutil.Resolver``.
    """

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return Resolver

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return DefaultLoopResolver

    # Those of subclasses take other arguments. `Configurable` hands each class what was meant for it.
    def initialize(self, io_loop: Any = None) -> None:
        pass

    def resolve(
        self,
        host: str,
        port: int,
        family: int = socket.AF_UNSPEC,
        callback: Callable[[Addresses], object] | None = None,
    ) -> Awaitable[Addresses]:
        """Look up ``host``.

        Args:
            host: a name or an address as text.
            port: goes into the result as it is.
            family: ``AF_INET`` or ``AF_INET6`` to have only that.
            callback: Tornado 3-5: called by the loop with the result, instead of returning an awaitable. A
                failure is then logged as ``Exception in callback``.

        Returns: an awaitable of ``[(family, sockaddr), ...]``, not empty, for ``socket.connect``.
        Raises: OSError, by the awaitable: there is no such host or the lookup failed.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Release what the resolver owns. It can't be used afterwards."""


class DefaultLoopResolver(Resolver):
    """Asks ``loop.getaddrinfo``; addresses as text are answered at once."""

    @accepts_callback
    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Addresses:
        if type(port) is int and _numeric_family(host) is not None:
            # Needs no lookup, so it needs no thread. Nor does it block: that is what AI_NUMERICHOST promises.
            return _getaddrinfo(host, port, family, socket.AI_NUMERICHOST)
        loop = asyncio.get_running_loop()
        try:
            return _addresses(await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
        except ValueError as error:
            raise _no_such_name(host) from error


class BlockingResolver(Resolver):
    """Blocks the loop until the answer is there. For programs that connect before they serve."""

    @accepts_callback
    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Addresses:
        return _getaddrinfo(host, port, family)


class DefaultExecutorResolver(Resolver):
    """Uses the loop's default executor, see ``IOLoop.set_default_executor``."""

    @accepts_callback
    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Addresses:
        return await asyncio.get_running_loop().run_in_executor(None, _getaddrinfo, host, port, family)


class ExecutorResolver(Resolver):
    """Uses a ``concurrent.futures.Executor``."""

    @accepts_io_loop(at=0)
    def initialize(  # type: ignore[override]  # see Resolver.initialize
        self, executor: concurrent.futures.Executor | None = None, close_executor: bool = True, *, io_loop: Any = None
    ) -> None:
        """Set the executor.

        Args:
            executor: ``None``: block, as `BlockingResolver`.
            close_executor: whether `close` shuts it down.
        """
        self.executor = executor
        self.close_executor = close_executor and executor is not None

    def close(self) -> None:
        if self.close_executor and self.executor is not None:
            self.executor.shutdown()
        self.executor = None

    @accepts_callback
    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Addresses:
        if self.executor is None:
            return _getaddrinfo(host, port, family)
        return await asyncio.get_running_loop().run_in_executor(self.executor, _getaddrinfo, host, port, family)


class ThreadedResolver(Resolver):
    """Uses threads that all objects of this class share and that nobody shuts down.

    The first lookup of a process makes them, with the ``num_threads`` of the object that asks. A forked child
    has no threads of its parent's, so it makes its own.
    """

    _threadpool: ClassVar[concurrent.futures.ThreadPoolExecutor | None] = None
    _threadpool_pid: ClassVar[int | None] = None

    @accepts_io_loop(at=0)
    def initialize(self, num_threads: int = 10, *, io_loop: Any = None) -> None:  # type: ignore[override]
        self.num_threads = num_threads

    @accepts_callback
    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Addresses:
        pool = self._create_threadpool(self.num_threads)
        return await asyncio.get_running_loop().run_in_executor(pool, _getaddrinfo, host, port, family)

    @classmethod
    def _create_threadpool(cls, num_threads: int) -> concurrent.futures.ThreadPoolExecutor:
        pid = os.getpid()
        if ThreadedResolver._threadpool is None or ThreadedResolver._threadpool_pid != pid:
            ThreadedResolver._threadpool = concurrent.futures.ThreadPoolExecutor(num_threads, "resolver")
            ThreadedResolver._threadpool_pid = pid
        return ThreadedResolver._threadpool


class OverrideResolver(Resolver):
    """Answers some names itself, like an ``/etc/hosts`` of the program, and passes the others on.

    ``mapping`` holds any of these; where several fit, the most specific wins::

        {
            "example.com": "127.0.1.1",                                     # host -> host
            ("login.example.com", 443): ("localhost", 1443),                # host, port -> host, port
            ("login.example.com", 443, socket.AF_INET6): ("::1", 1443),     # only when asked for this family
        }
    """

    def initialize(self, resolver: Resolver, mapping: Mapping[Any, Any]) -> None:  # type: ignore[override]
        self.resolver = resolver
        self.mapping = mapping

    def close(self) -> None:
        self.resolver.close()

    def resolve(
        self,
        host: str,
        port: int,
        family: int = socket.AF_UNSPEC,
        callback: Callable[[Addresses], object] | None = None,
    ) -> Awaitable[Addresses]:
        if (host, port, family) in self.mapping:
            host, port = self.mapping[host, port, family]
        elif (host, port) in self.mapping:
            host, port = self.mapping[host, port]
        elif host in self.mapping:
            host = self.mapping[host]
        # Resolvers written for Tornado 6 take three arguments.
        return self.resolver.resolve(host, port, family, *([callback] if callback is not None else []))


def _getaddrinfo(host: str, port: int, family: int, flags: int = 0) -> Addresses:
    try:
        # Positional and short, as Tornado calls it: people's tests put their own functions there.
        extra = (0, flags) if flags else ()
        return _addresses(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, *extra))
    except ValueError as error:
        raise _no_such_name(host) from error


def _addresses(found: list[Any]) -> Addresses:
    return [(family, address) for family, _, _, _, address in found]


def _no_such_name(host: str) -> OSError:
    # The codec's complaint about an empty or overlong label is a UnicodeError, a NUL is a ValueError. Callers
    # were promised an OSError for a name that can't be resolved.
    return socket.gaierror(socket.EAI_NONAME, f"not a host name: {host[:80]!r}")
