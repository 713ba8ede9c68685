"""What the echo and the bulk programs do alike: their options and the sizes."""

import argparse

from bench.servers._start import option_parser, parsed

#: Octets of a piece of a bulk transfer: the figures are MiB because this is one.
PIECE = 1 << 20

#: Longest line taken, in octets: well above the largest ``--size``, and above the 64 KiB that asyncio's streams allow
#: if nothing is said.
LONGEST_LINE = 1 << 20


def echo_options(about: str | None, **choices: tuple[str, ...]) -> argparse.Namespace:
    """The command line of an echo server.

    ``.size`` is the number of octets to read at once, ``None`` for a line; ``.context`` the TLS context or ``None``.
    """
    parser = option_parser(about, **choices)
    parser.add_argument("--read", dest="size", type=_size, default=None, metavar="until|OCTETS", help="default: until")
    return parsed(parser)


def bulk_options(about: str | None, **choices: tuple[str, ...]) -> argparse.Namespace:
    """The command line of a bulk server; ``.pause`` is in seconds, ``.context`` the TLS context or ``None``."""
    parser = option_parser(about, **choices)
    parser.add_argument("--max-buffer-size", type=int, default=4 * PIECE, metavar="OCTETS")
    parser.add_argument("--pause", type=_milliseconds, default=0.0, metavar="MS", help="after each piece")
    return parsed(parser)


def _size(text: str) -> int | None:
    return None if text == "until" else int(text)


def _milliseconds(text: str) -> float:
    return int(text) / 1000
