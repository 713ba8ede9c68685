"""The listening sockets that the command line is told of: opened, inherited, or passed by systemd."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from asynchttp import _values as values
from asynchttp import netutil
from asynchttp._config import Settings
from asynchttp._failure import FAILED, USAGE, Failure

__all__ = ["UnixFiles", "open_address", "open_sockets", "passes_sockets", "url_of"]

#: The first descriptor that systemd passes.  Source: sd_listen_fds(3).
_FIRST_PASSED = 3
_SOCKET_KEYS = ("bind", "host", "port", "uds", "fd")


class UnixFiles:
    """The files of UNIX sockets that this process made, to be removed at its end."""

    def __init__(self) -> None:
        self._files: list[tuple[str, int, int]] = []

    def add(self, path: str) -> None:
        status = os.stat(path)
        self._files.append((os.path.abspath(path), status.st_dev, status.st_ino))

    def remove(self) -> None:
        """Remove those that are still the ones that were made: a successor may have put its own there."""
        for path, device, inode in self._files:
            with contextlib.suppress(OSError):
                status = os.stat(path)
                if (status.st_dev, status.st_ino) == (device, inode):
                    os.unlink(path)


def open_sockets(settings: Settings, environment: MutableMapping[str, str], files: UnixFiles) -> list[socket.socket]:
    """Listen where ``settings`` say, or on what systemd passes.

    Args:
        environment: loses systemd's variables: they aren't for processes that the application starts.

    Raises: :exc:`Failure`; nothing stays open.
    """
    passed = _passed_descriptors(environment)
    given = [key for key in _SOCKET_KEYS if settings.is_given(key)]
    if passed and given:
        raise Failure(f"two sources of sockets: {settings.origin(given[0])} and LISTEN_FDS", USAGE)
    sources: list[tuple[str, tuple[str, Any]]]
    if passed:
        sources = [("LISTEN_FDS", ("fd", fd)) for fd in passed]
    elif settings.bind:
        sources = [(settings.origin("bind"), each) for each in settings.bind]
    elif settings.uds is not None:
        sources = [(settings.origin("uds"), ("unix", settings.uds))]
    elif settings.fd is not None:
        sources = [(settings.origin("fd"), ("fd", settings.fd))]
    else:
        names = [settings.origin(key) for key in given] or ["--port"]
        sources = [(" and ".join(names), ("tcp", (settings.host, settings.port)))]
    _refuse_repeated(sources, settings)
    sockets: list[socket.socket] = []
    try:
        for origin, address in sources:
            sockets += open_address(address, origin, settings.backlog, settings.uds_permissions, files)
    except Failure:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _refuse_repeated(sources: "list[tuple[str, tuple[str, Any]]]", settings: Settings) -> None:
    """Refuse a descriptor that is to be listened on twice; of what is opened here, the system refuses the second."""
    if settings.admin is not None:
        sources = [*sources, (settings.origin("admin"), settings.admin)]
    seen = set()
    for origin, (kind, value) in sources:
        if kind == "fd":
            if value in seen:
                raise Failure(f"{origin}: descriptor {value} is given twice", USAGE)
            seen.add(value)


def open_address(
    address: tuple[str, Any], origin: str, backlog: int, mode: int, files: UnixFiles
) -> list[socket.socket]:
    """Listen on what :func:`asynchttp._values.address` has read.

    Args:
        origin: who asked for it, for messages.
        mode: permissions of a UNIX socket.
    """
    kind, value = address
    try:
        if kind == "tcp":
            return netutil.bind_sockets(value[1], value[0], backlog=backlog)
        if kind == "unix":
            return [_bind_unix(value, mode, backlog, files)]
        return [_adopt(value, backlog)]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if kind == "unix":
            reason = f"cannot listen on {value}: {reason}"
        elif kind == "fd":
            reason = f"cannot listen on descriptor {value}: {reason}"
        elif isinstance(error, socket.gaierror | UnicodeError):  # the others name the address themselves
            reason = f"cannot listen on {value[0]!r}: {reason}"
        raise Failure(f"{origin}: {reason}", FAILED) from error


def _bind_unix(path: str, mode: int, backlog: int, files: UnixFiles) -> socket.socket:
    if path.startswith("@"):  # Linux's abstract namespace, as it is written everywhere
        return netutil.bind_unix_socket("\0" + path[1:], mode, backlog)
    _refuse_living(path)
    sock = netutil.bind_unix_socket(path, mode, backlog)
    files.add(path)
    return sock


def _refuse_living(path: str) -> None:
    """Raise :exc:`OSError` if somebody listens there: the path would be taken from him without a word."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # he has a full backlog
            pass
        except OSError:
            return
    raise OSError("Address already in use")


def _adopt(fd: int, backlog: int) -> socket.socket:
    """A socket that somebody has opened for us, of whatever family."""
    sock = socket.socket(fileno=fd)
    try:
        if sock.type != socket.SOCK_STREAM:
            raise ValueError("not a stream socket")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            if _is_connected(sock):
                raise ValueError("a connection, not a listening socket")
            sock.listen(backlog)
        sock.setblocking(False)
        sock.set_inheritable(False)
    except BaseException:
        sock.detach()
        raise
    return sock


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def passes_sockets(environment: Mapping[str, str]) -> bool:
    """Whether systemd passes sockets to this process."""
    return bool(environment.get("LISTEN_FDS")) and environment.get("LISTEN_PID") == str(os.getpid())


def _passed_descriptors(environment: MutableMapping[str, str]) -> Iterable[int]:
    """What systemd passes to this process."""
    if not passes_sockets(environment):  # they are for somebody else, if for anybody
        return ()
    number = environment.pop("LISTEN_FDS")
    environment.pop("LISTEN_PID")
    environment.pop("LISTEN_FDNAMES", None)
    try:
        return range(_FIRST_PASSED, _FIRST_PASSED + values.number(0, 1024)(number))
    except ValueError as error:
        raise Failure(f"LISTEN_FDS: {error}", USAGE) from None


def url_of(sock: socket.socket, scheme: str) -> str:
    """Where a socket listens, for people."""
    address = sock.getsockname()
    if isinstance(address, tuple):
        host, port, *_ = address
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    path = os.fsdecode(address)
    return "unix:" + (f"@{path[1:]}" if path.startswith("\0") else path)
