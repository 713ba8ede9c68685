"""Run a program that imports ``tornado``, untouched, on asynchttp:

::

    python -m asynchttp.run_as_tornado script.py --port=8888
    python -m asynchttp.run_as_tornado -m package.server --port=8888

It is :func:`asynchttp.install_as_tornado`, then the program. Exit codes: the program's own; 2 for a usage error.
"""

import os
import runpy
import sys

import asynchttp

__all__ = ["main"]

_USAGE = "usage: python -m asynchttp.run_as_tornado (SCRIPT | -m MODULE) [ARGUMENTS …]"


def main() -> None:
    """Run what the command line names.  Raises :exc:`SystemExit` with a message and code 2 for a usage error."""
    arguments = sys.argv[1:]
    is_module = arguments[:1] == ["-m"]
    if is_module:
        del arguments[0]
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
        return
    if not arguments or arguments[0].startswith("-"):
        _fail(_USAGE)
    if not is_module and not os.path.exists(arguments[0]):
        _fail(f"asynchttp.run_as_tornado: error: no such file: {arguments[0]}")
    try:
        asynchttp.install_as_tornado()
    except (ImportError, RuntimeError) as error:
        _fail(f"asynchttp.run_as_tornado: error: {error}")
    sys.argv[:] = arguments
    if is_module:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        # As `python script.py` has it; `python -m` has the working directory there.
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


def _fail(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
