"""Ports for servers that can't be told to take port 0."""

import itertools
import os
import socket

__all__ = ["free_port"]

#: Below what the kernel gives out for port 0 (from 32768 on Linux, from 49152 elsewhere), so that no socket that some
#: test binds meanwhile gets a port that was handed out here and isn't bound yet.
_FIRST, _SIZE = 20000, 12000

#: Each process goes through the range from a place of its own: those of one test run don't meet.
_offsets = itertools.count(os.getpid() * 617 % _SIZE)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free, and that neither this function nor the kernel gives to anybody else for a good while."""
    for offset in itertools.islice(_offsets, _SIZE):
        port = _FIRST + offset % _SIZE
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            try:
                sock.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {_FIRST} to {_FIRST + _SIZE - 1} on {host}")
