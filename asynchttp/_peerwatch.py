"""What the kernel knows of a peer that says nothing: how much it has taken, and whether it is still there."""

import socket
import struct
from typing import Any, Final

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["lost", "probe", "unacknowledged", "unread"]

#: Seconds between the questions that the kernel asks a peer which closed its side, and how many it doesn't answer
#: before it counts as lost. A peer that closed both sides says so as soon as its own kernel forgets the connection:
#: on Linux after a minute (``tcp_fin_timeout``).
PROBE_INTERVAL: Final = 10
PROBE_COUNT: Final = 6


def unacknowledged(sock: Any) -> int:
    """Octets that the kernel holds for the peer; 0 where it doesn't tell.

    It may hold megabytes, and asks for more only when a third has gone: hours, for a slow reader that lives.
    """
    return _count(sock, "TIOCOUTQ")


def unread(sock: Any) -> int:
    """Octets of the peer that the kernel holds for us; 0 where it doesn't tell."""
    return _count(sock, "FIONREAD")


def _count(sock: Any, which: str) -> int:
    if fcntl is None or sock is None:
        return 0
    try:
        size: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), getattr(termios, which), b"\0\0\0\0"))[0]
    except OSError:
        return 0
    return size


def probe(sock: Any) -> None:
    """Let the kernel ask a silent peer whether it is still there; :func:`lost` tells the outcome."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", PROBE_INTERVAL),
            ("TCP_KEEPINTVL", PROBE_INTERVAL),
            ("TCP_KEEPCNT", PROBE_COUNT),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:  # it has gone already
        pass


def lost(sock: Any) -> bool:
    """Whether the connection was lost since its peer closed its side: the loops don't look at such a one any more."""
    if sock is None:
        return False
    try:
        code: int = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError:
        return True
    return code != 0
