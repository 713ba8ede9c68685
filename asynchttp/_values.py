"""What the values of options look like: each function reads one, and raises ``ValueError`` with what is wrong."""

import ipaddress
import math
import re
import string
from collections.abc import Callable
from typing import Any

__all__ = [
    "address",
    "choice",
    "duration",
    "field_value",
    "file_mode",
    "name",
    "networks",
    "number",
    "path",
    "port",
    "size",
    "sni",
    "switch",
    "target",
]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]+)([KMG]?)", re.IGNORECASE)
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
#: Enough for what is counted here, and far from what a system call refuses with an error of its own.
_MOST = 2**31 - 1


def switch(text: str) -> bool:
    """``1 true yes on`` or ``0 false no off``."""
    if text.lower() in _ON + _OFF:
        return text.lower() in _ON
    raise ValueError(f"{text!r} is neither of {', '.join(_ON)} nor of {', '.join(_OFF)}")


def number(least: int = 0, most: int = _MOST) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most:
            return int(text)
        raise ValueError(f"{text!r} is not a whole number: {least} to {most}")

    return parse


def port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
        return int(text)
    raise ValueError(f"{text!r} is not a port: 0 to 65535")


def size(least: int = 1) -> Callable[[str], int]:
    """Octets: ``65536``, ``64K``, ``10M``, ``1G``, in powers of 1024 as nginx counts."""

    def parse(text: str) -> int:
        match = _SIZE.fullmatch(text)
        if match and len(match[1]) <= 15 and least <= (octets := int(match[1]) * _UNITS[match[2].upper()]) < 1 << 50:
            return octets
        raise ValueError(f"{text!r} is not a size such as 65536, 64K, 10M: {least} octets to 1048575G")

    return parse


def duration(least: float = 0.0) -> Callable[[str], float]:
    """Seconds, whole or not."""

    def parse(text: str) -> float:
        try:
            seconds = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < least or seconds > 1e9:
            raise ValueError(f"{text!r} is not a number of seconds: {least:g} to 1000000000")
        return seconds

    return parse


def choice(*words: str, **also: str) -> Callable[[str], str]:
    """One of ``words``; ``also`` maps other spellings to one of them."""

    def parse(text: str) -> str:
        word = also.get("_" + text, text)
        if word in words:
            return word
        raise ValueError(f"{text!r} is not one of {', '.join(words)}")

    return parse


def file_mode(text: str) -> int:
    """Permissions in octal."""
    if re.fullmatch(r"(0o?)?[0-7]{3,4}", text):
        return int(text.removeprefix("0o"), 8)
    raise ValueError(f"{text!r} is not a file mode in octal, such as 660")


def name(text: str) -> str:
    """Anything that isn't empty and has no control characters."""
    if text.strip() and text.isprintable():
        return text
    raise ValueError(f"{text!r} is empty or not printable")


def path(text: str) -> str:
    """The path of a request."""
    if re.fullmatch(r"/[!-~]*", text) and not set(text) & set('?#"'):
        return text
    raise ValueError(f"{text!r} is not a path, such as /healthz")


def target(text: str) -> tuple[str, str]:
    """``module:attribute``."""
    module, colon, attribute = text.partition(":")
    if colon and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        return module, attribute
    raise ValueError(f"{text!r} is not of the form module:handler")


def address(text: str) -> tuple[str, Any]:
    """``host:port``, ``[ipv6]:port``, ``unix:path``, ``fd://number``: as (kind, value)."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or "\0" in path:
            raise ValueError(f"{text!r} names no path")
        return "unix", path
    if text.startswith("fd://"):
        return "fd", number(0, 1 << 20)(text.removeprefix("fd://"))
    host, colon, port_text = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} is not of the form host:port, unix:path or fd://number")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        ipaddress.IPv6Address(host)
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets")
    return "tcp", (host, port(port_text))


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks, separated by commas; ``*`` is all."""
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        if entry != "*":
            try:
                ipaddress.ip_network(entry)
            except ValueError:
                raise ValueError(f"{entry!r} is not an address, a network such as 10.0.0.0/8, or '*'") from None
    return entries


def sni(text: str) -> tuple[str, str, str | None]:
    """``name=certificate`` or ``name=certificate:key``, as (name, certificate, key)."""
    host, equals, files = text.partition("=")
    certificate, _, key = files.partition(":")
    if not equals or not certificate or not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", host, re.IGNORECASE):
        raise ValueError(f"{text!r} is not of the form name=certificate:key")
    return host.lower(), certificate, key or None


def field_value(text: str) -> str:
    """The value of a header field."""
    if text and set(text) <= set(string.printable[:95]) and text == text.strip():
        return text
    raise ValueError(f"{text!r} can't be the value of a header field")
