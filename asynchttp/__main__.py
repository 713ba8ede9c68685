"""``python -m asynchttp``: the command line, see :mod:`asynchttp._cli`."""

import sys

from asynchttp._cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
