"""Functions of Tornado's ``http1connection`` beside its classes, for programs that read messages themselves."""

import re
from typing import Final

from asynchttp import httputil
from asynchttp._h1 import framing

__all__ = ["DIGITS", "HEXDIGITS", "is_transfer_encoding_chunked", "parse_hex_int", "parse_int"]

DIGITS: Final = re.compile(r"[0-9]+")
HEXDIGITS: Final = re.compile(r"[0-9a-fA-F]+")


def parse_int(s: str) -> int:
    """A number of nothing but ASCII digits, where ``int()`` takes a sign, spaces, underscores and other scripts.

    Raises: :exc:`ValueError`.  Source: Tornado 6.3.
    """
    if DIGITS.fullmatch(s) is None:
        raise ValueError(f"not an integer: {s!r}")
    return int(s)


def parse_hex_int(s: str) -> int:
    """A number of nothing but hexadecimal digits.  Raises: :exc:`ValueError`.  Source: Tornado 6.3."""
    if HEXDIGITS.fullmatch(s) is None:
        raise ValueError(f"not a hexadecimal integer: {s!r}")
    return int(s, 16)


def is_transfer_encoding_chunked(headers: httputil.HTTPHeaders) -> bool:
    """Whether a body comes in chunked coding.

    Raises: :exc:`HTTPInputError` for any other coding, and for one beside ``Content-Length``.  Source: Tornado 6.3.
    """
    lengths, codings = (
        [value.encode("latin-1").strip(b" \t") for value in headers.get_list(name)]
        for name in ("Content-Length", "Transfer-Encoding")
    )
    return bool(codings) and framing.body_length(1, lengths, codings) == framing.CHUNKED
