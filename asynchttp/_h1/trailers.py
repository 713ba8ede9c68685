"""Trailer fields: which may stand behind a body, both ways.  RFC 9110 §6.5.

A trailer comes when the head has been acted upon. So a field that says how to frame, route, authorize, change or read
the message has no business there: whoever merges it into the head would believe it too late, and whoever doesn't reads
another message than the one who does.
"""

from collections.abc import Iterable
from typing import Final

from asynchttp._h1 import serializer

__all__ = ["FORBIDDEN", "encode_section", "without_forbidden"]

#: RFC 9110 §6.5.1, by the kinds that it names; lower case.
FORBIDDEN: Final = frozenset(
    (
        # message framing, and the connection
        *("content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "upgrade"),
        # routing
        "host",
        # request modifiers
        *("cache-control", "expect", "max-forwards", "pragma", "range"),
        *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
        # authentication, cookies among them
        *("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "cookie", "set-cookie"),
        # response control data
        *("age", "date", "expires", "location", "retry-after", "vary", "warning"),
        # content format
        *("content-encoding", "content-range", "content-type", "trailer"),
    )
)


def without_forbidden(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields that a receiver may use."""
    return [(name, value) for name, value in fields if name.lower() not in FORBIDDEN]


def encode_section(fields: Iterable[tuple[str, str]]) -> bytes:
    """A trailer section as octets, its empty line included.  RFC 9112 §7.1.2.

    Raises: :exc:`ValueError` that names a field which is forbidden, or would split the message.
    """
    fields = list(fields)
    for name, _ in fields:
        if name.lower() in FORBIDDEN:
            raise ValueError(f"{name} can't be sent as a trailer field")
    return serializer.encode_fields(fields) + b"\r\n"
