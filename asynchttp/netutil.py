"""Sockets before they become streams: listening, accepting, names, TLS contexts.

How accepting works
===================

A listener is a readable descriptor on the loop. Each turn takes at most ``_ACCEPTS_PER_TURN`` connections, so
that a burst starves neither the connections that are open nor the other processes that share the listener.

======================================  ========================================================
what ``accept`` says                    what happens
======================================  ========================================================
a connection                            ``callback(connection, address)``
nothing there                           the turn ends
the connection died in the queue        the next one, without a word
no descriptors, no memory, the unknown  polling rests 0.1 s, 0.2 s ... 1 s; one WARNING a second
======================================  ========================================================

The last line must never become a busy loop: the descriptor stays readable for as long as somebody waits in
the queue, so the only way not to spin is not to poll. The registration itself stays while polling rests. That
is how ``io_loop.remove_handler(listener)``, which programs of all generations write, can be seen and obeyed.

Name resolution lives in ``_resolver.py`` and is re-exported here.

Source: Tornado ``tornado.netutil``.
"""

import errno
import functools
import importlib
import os
import socket
import ssl
import stat
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from asynchttp._resolver import (
    BlockingResolver,
    DefaultExecutorResolver,
    DefaultLoopResolver,
    ExecutorResolver,
    OverrideResolver,
    Resolver,
    ThreadedResolver,
    is_valid_ip,
)
from asynchttp.ioloop import IOLoop
from asynchttp.log import gen_log

__all__ = [
    "BlockingResolver",
    "DefaultExecutorResolver",
    "DefaultLoopResolver",
    "ExecutorResolver",
    "OverrideResolver",
    "Resolver",
    "ThreadedResolver",
    "add_accept_handler",
    "bind_sockets",
    "bind_unix_socket",
    "is_valid_ip",
    "set_close_exec",
    "ssl_options_to_context",
    "ssl_wrap_socket",
]

SSLOptions: TypeAlias = dict[str, Any] | ssl.SSLContext
AcceptCallback: TypeAlias = Callable[[socket.socket, Any], object]

#: Connections that the kernel may hold for a listener; it clamps this, on Linux to ``net.core.somaxconn``.
_DEFAULT_BACKLOG = 128

#: Connections taken in one turn of the loop: some 16 x 10 us with an ordinary callback.
_ACCEPTS_PER_TURN = 16

#: Seconds without polling after a failed ``accept``: the first time, and the bound of the doubling.
_PAUSE_FIRST, _PAUSE_LONGEST = 0.1, 1.0

#: Seconds between two records about failing ``accept`` calls, counted over all listeners of the process.
_WARNING_INTERVAL = 1.0

# accept(2) hands over what has befallen the *new* connection while it was queued. It says nothing about the
# listener. EPERM and EOPNOTSUPP, which the manual puts in the same list, can be lasting: they pause.
_CONNECTION_IS_GONE = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EPROTO,
        getattr(errno, "ENONET", errno.EPROTO),
    }
)

#: Port 0 and several families: another family may have our port already. So many ports are tried.
_PORT_0_TRIES = 8


# Names that Tornado 2 had in ``netutil``. Their modules stand above this one: looked up on demand (PEP 562).
_MOVED = {
    "TCPServer": "asynchttp.tcpserver",
    "IOStream": "asynchttp.iostream",
    "SSLIOStream": "asynchttp.iostream",
}


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        return getattr(importlib.import_module(_MOVED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# ---- listening -----------------------------------------------------------------------------------


def bind_sockets(
    port: int,
    address: str | None = None,
    family: int = socket.AF_UNSPEC,
    backlog: int = _DEFAULT_BACKLOG,
    flags: int | None = None,
    reuse_port: bool = False,
) -> list[socket.socket]:
    """Listen on ``port``, on each address that ``address`` stands for.

    Args:
        port: 0 lets the kernel choose; all the sockets get the same number.
        address: an IP address, or a name with one or several; ``""`` and ``None`` are all interfaces.
        family: ``AF_INET`` or ``AF_INET6`` to have only that.
        backlog: connections that may wait to be accepted, for each socket.
        flags: ``AI_*`` flags for ``getaddrinfo``; ``None``: ``AI_PASSIVE``.
        reuse_port: let other processes listen on the same port (``SO_REUSEPORT``).

    Returns: non-blocking, non-inheritable sockets, IPv4 before IPv6; the caller owns them. An IPv6 socket
        never takes IPv4 connections.
    Raises:
        OSError: an address can't be bound (the message names it), or there is none. Nothing stays open.
        ValueError: ``reuse_port`` where the platform has none.
    Source: Tornado ``netutil.bind_sockets``.
    """
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port: this platform has no SO_REUSEPORT")
    if family == socket.AF_UNSPEC and not socket.has_ipv6:
        family = socket.AF_INET
    found = socket.getaddrinfo(
        address or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE if flags is None else flags
    )
    # getaddrinfo repeats addresses that /etc/hosts repeats. Sorting is stable: AF_INET is the smaller number.
    unique = dict.fromkeys((af, proto, where) for af, _, proto, _, where in found)
    endpoints = sorted(unique, key=lambda endpoint: endpoint[0])

    for tries_left in reversed(range(_PORT_0_TRIES)):
        sockets: list[socket.socket] = []
        port_of_first = 0
        try:
            for af, proto, where in endpoints:
                if where[1] == 0 and port_of_first:
                    where = (where[0], port_of_first, *where[2:])
                if (sock := _bind(address, af, proto, where, reuse_port)) is not None:
                    sockets.append(sock)
                    port_of_first = sock.getsockname()[1]
            for sock in sockets:
                sock.listen(backlog)
        except OSError as error:
            for sock in sockets:
                sock.close()
            # The kernel gave a port that is free for the first family only: nobody's fault, ask again.
            if not (error.errno == errno.EADDRINUSE and endpoints[0][2][1] == 0 and sockets and tries_left):
                raise
        else:
            break
    if not sockets:
        # Without this a server would start, listen nowhere, and say nothing.
        raise OSError(errno.EADDRNOTAVAIL, f"no address to listen on for {address!r}, port {port}")
    return sockets


def _bind(address: str | None, af: int, proto: int, where: Any, reuse_port: bool) -> socket.socket | None:
    """A bound socket, or ``None`` where the machine has this address on paper only."""
    if sys.platform == "darwin" and address == "localhost" and af == socket.AF_INET6 and where[3] != 0:
        return None  # fe80::1%lo0, which macOS lists under localhost and won't let anybody bind
    try:
        sock = socket.socket(af, socket.SOCK_STREAM, proto)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None  # getaddrinfo knows IPv6, the kernel was built or booted without
        raise
    try:
        sock.setblocking(False)
        if os.name != "nt":  # on Windows SO_REUSEADDR lets two processes take the same port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if af == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
            # Otherwise [::]:80 takes 0.0.0.0:80 as well and the socket of the other family can't be bound.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRNOTAVAIL and address == "localhost" and where[0] == "::1":
            return None  # containers whose /etc/hosts has ::1 and whose loopback interface hasn't
        if error.errno is None:
            raise
        raise OSError(error.errno, f"cannot listen on {where[0]} port {where[1]}: {error.strerror}") from error
    return sock


def bind_unix_socket(
    file: str | bytes | os.PathLike[str], mode: int = 0o600, backlog: int = _DEFAULT_BACKLOG
) -> socket.socket:
    """Listen on a UNIX socket.

    Args:
        file: a path; a socket that an earlier process left there is removed. A name that begins with NUL is
            in Linux's abstract namespace: there is no file, no ``mode``, and nothing to remove.
        mode: permissions of the file, in force before the first connection can be made.
        backlog: connections that may wait to be accepted.

    Returns: a non-blocking, non-inheritable socket. Nobody removes the file when it is closed.
    Raises:
        ValueError: something that is no socket is in the way.
        OSError: the path can't be bound.
    Source: Tornado ``netutil.bind_unix_socket``.
    """
    path = os.fspath(file)
    is_abstract = path[:1] in ("\0", b"\0")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if not is_abstract:
            _remove_stale_socket(path)
        sock.bind(path)
        if not is_abstract:
            os.chmod(path, mode)  # before listen(): until then every connect() is refused
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale_socket(path: str | bytes) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ValueError(f"file {os.fsdecode(path)!r} exists and is not a socket")
        os.unlink(path)
    except FileNotFoundError:
        pass


def set_close_exec(fd: int) -> None:
    """Keep ``fd`` from programs that this process starts. Source: Tornado 2 ``netutil.set_close_exec``."""
    os.set_inheritable(fd, False)


# ---- accepting -----------------------------------------------------------------------------------


def add_accept_handler(
    sock: socket.socket, callback: AcceptCallback, io_loop: IOLoop | None = None
) -> Callable[[], None]:
    """Call ``callback(connection, address)`` for each connection that arrives on the listener ``sock``.

    ``connection`` is a non-blocking, non-inheritable socket that the callback owns; ``address`` is as from
    ``socket.accept``. What the callback raises goes to ``io_loop.handle_callback_exception``, and accepting
    goes on.

    Args:
        sock: a listening socket, made non-blocking here. The caller goes on owning it.
        io_loop: Tornado 2-4; ``None``: the current one.

    Returns: a function that ends accepting, at once even when called by ``callback``; more calls do nothing.
        ``io_loop.remove_handler(sock)`` and ``io_loop.remove_handler(sock.fileno())`` do the same.
    Source: Tornado ``netutil.add_accept_handler``.
    """
    return _Acceptor(sock, callback, io_loop or IOLoop.current()).remove


_TCP_INFO = getattr(socket, "TCP_INFO", 0) if sys.platform == "linux" else 0


def accept_pauses() -> int:
    """How often this process stopped accepting for a while because the system refused (no descriptors, no memory)."""
    return _Acceptor.pauses


def accept_queue_length(sock: socket.socket) -> int | None:
    """Connections that wait on the listener ``sock`` to be accepted; ``None`` where that can't be known.

    It can for TCP on Linux.
    """
    if not _TCP_INFO or sock.family == getattr(socket, "AF_UNIX", None):
        return None
    try:
        # struct tcp_info: eight octets, then 32-bit numbers; of a listener tcpi_unacked, the fifth, is the queue.
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 28)
    except OSError:  # closed meanwhile
        return None
    return int.from_bytes(info[24:28], sys.byteorder)


class _Acceptor:
    """One listener on one loop. "How accepting works" at the top of the module is about this class."""

    __slots__ = ("_callback", "_fd", "_io_loop", "_pause", "_registration", "_resting", "_resume_timer", "_sock")

    _last_warning = float("-inf")  # of the process, on the monotonic clock
    pauses = 0  # of the process, too: what is short is short for all of its listeners

    def __init__(self, sock: socket.socket, callback: AcceptCallback, io_loop: IOLoop) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self._callback = callback
        self._io_loop = io_loop
        self._pause = 0.0
        self._resume_timer: object | None = None
        # The server wants no more for now.
        self._resting = False
        sock.setblocking(False)
        io_loop.add_handler(sock, self._on_readable, IOLoop.READ)
        self._registration = io_loop._handlers[self._fd]

    def remove(self) -> None:
        if self._resume_timer is not None:
            self._io_loop.remove_timeout(self._resume_timer)
            self._resume_timer = None
        if self._is_registered():
            self._io_loop.remove_handler(self._fd)

    def rest(self, rest: bool) -> None:
        """Accept nothing for now, also not in this turn; or go on.  The kernel queues meanwhile."""
        self._resting = rest
        if self._is_registered() and self._resume_timer is None:
            self._io_loop.update_handler(self._fd, 0 if rest else IOLoop.READ)

    def _is_registered(self) -> bool:
        # By identity: the number, and even the socket, may have been registered anew by somebody else.
        return self._io_loop._handlers.get(self._fd) is self._registration

    def _on_readable(self, sock: socket.socket, events: int) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                connection, address = sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _CONNECTION_IS_GONE:
                    continue
                self._rest(error)
                return
            self._pause = 0.0
            connection.setblocking(False)
            try:
                self._callback(connection, address)
            except Exception:
                # `connection` isn't closed here: the callback may have given it to a stream, and closing a
                # descriptor under a transport is worse. If nobody kept it, it goes with its last reference.
                self._io_loop.handle_callback_exception(self._callback)
            del connection, address
            if self._resting or not self._is_registered():
                return

    def _rest(self, error: OSError) -> None:
        """Stop polling for a while because ``accept`` failed with ``error``."""
        if self._sock.fileno() == -1:
            self.remove()  # closed under our feet: an end, not a failure
            return
        _Acceptor.pauses += 1
        self._pause = min(self._pause * 2 or _PAUSE_FIRST, _PAUSE_LONGEST)
        self._io_loop.update_handler(self._fd, 0)
        self._resume_timer = self._io_loop.call_later(self._pause, self._resume)
        now = time.monotonic()
        if now - _Acceptor._last_warning >= _WARNING_INTERVAL:
            _Acceptor._last_warning = now
            gen_log.warning(
                "Cannot accept connections on %r: %s; trying again in %.1f s",
                self._sock.getsockname(),
                error,
                self._pause,
            )

    def _resume(self) -> None:
        self._resume_timer = None
        if self._is_registered():
            if self._sock.fileno() == -1:
                self.remove()
            elif not self._resting:
                self._io_loop.update_handler(self._fd, IOLoop.READ)


# ---- TLS -----------------------------------------------------------------------------------------

_SSL_OPTIONS = frozenset(["ssl_version", "certfile", "keyfile", "password", "cert_reqs", "ca_certs", "ciphers"])


# The two default contexts are made when first wanted, never at import: loading the system's certificates
# takes some 20 ms, and nothing that a forked worker shall not share may exist before the fork.


@functools.cache
def _client_ssl_defaults() -> ssl.SSLContext:
    """The context of a client that said nothing about TLS: verifies certificate and host name."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.options |= ssl.OP_NO_COMPRESSION
    return context


@functools.cache
def _server_ssl_defaults() -> ssl.SSLContext:
    """The context of a server that said nothing about TLS: has no certificate, asks for none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.options |= ssl.OP_NO_COMPRESSION
    return context


def ssl_options_to_context(ssl_options: SSLOptions, server_side: bool | None = None) -> ssl.SSLContext:
    """Make a context of Tornado's ``ssl_options``; one that is a context already comes back as it is.

    Args:
        ssl_options: a dict with any of ``ssl_version``, ``certfile``, ``keyfile``, ``cert_reqs``,
            ``ca_certs`` and ``ciphers``, which mean what ``ssl.wrap_socket`` meant by them, and ``password``, of the
            key; without it OpenSSL asks at the terminal.
        server_side: the side that the context is for. Without it the context serves both and verifies nothing
            unless ``cert_reqs`` says so, as in Tornado 3-6.1. A client verifies unless ``cert_reqs`` is
            ``CERT_NONE``; against the system's authorities where ``ca_certs`` names no others.

    Raises:
        AssertionError: another key, or neither a dict nor a context.
        OSError, ssl.SSLError: a file is missing or not what it should be.
    Source: Tornado ``netutil.ssl_options_to_context``.
    """
    if isinstance(ssl_options, ssl.SSLContext):
        return ssl_options
    # Tornado's type of error, without `assert`: -O must not let a misspelt "cert_reqs" through.
    if not isinstance(ssl_options, dict):
        raise AssertionError(f"ssl_options is neither dict nor SSLContext: {type(ssl_options).__name__}")
    if unknown := ssl_options.keys() - _SSL_OPTIONS:
        raise AssertionError(f"ssl_options has unknown keys: {', '.join(sorted(map(repr, unknown)))}")

    given = {key: value for key, value in ssl_options.items() if value is not None}
    context = _new_context(given.get("ssl_version"), server_side)
    context.options |= ssl.OP_NO_COMPRESSION
    if "certfile" in given:
        context.load_cert_chain(given["certfile"], given.get("keyfile"), given.get("password"))
    if "cert_reqs" in given:
        if given["cert_reqs"] == ssl.CERT_NONE:
            context.check_hostname = False  # ssl refuses CERT_NONE while this is on
        context.verify_mode = given["cert_reqs"]
    if "ca_certs" in given:
        context.load_verify_locations(given["ca_certs"])
    elif server_side is False and context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)  # to verify against nothing fails for each peer
    if "ciphers" in given:
        context.set_ciphers(given["ciphers"])
    return context


def _new_context(version: int | None, server_side: bool | None) -> ssl.SSLContext:
    if version is None and server_side is not None:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        # PROTOCOL_TLS is deprecated since Python 3.10 without a successor that serves both sides, which is
        # what callers of Tornado's one-argument form and `ssl_version=PROTOCOL_SSLv23` of old programs ask
        # for.
        warnings.simplefilter("ignore", DeprecationWarning)
        return ssl.SSLContext(ssl.PROTOCOL_TLS if version is None else version)


def ssl_wrap_socket(
    socket: socket.socket,
    ssl_options: SSLOptions,
    server_hostname: str | None = None,
    server_side: bool | None = None,
    **kwargs: Any,
) -> ssl.SSLSocket:
    """Wrap a socket in TLS.

    Args:
        socket: becomes part of the result and must not be used any more.
        ssl_options: as for `ssl_options_to_context`.
        server_hostname: the name to send and verify, on the client's side.
        server_side: ``None`` is the client's side, without verification unless ``cert_reqs`` asks for it.
        kwargs: for ``SSLContext.wrap_socket``; a non-blocking socket wants ``do_handshake_on_connect=False``.

    Source: Tornado ``netutil.ssl_wrap_socket``.
    """
    context = ssl_options_to_context(ssl_options, server_side=server_side)
    return context.wrap_socket(socket, server_hostname=server_hostname, server_side=bool(server_side), **kwargs)
