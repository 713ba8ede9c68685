"""The command line of the fuzz targets."""

import argparse
import hashlib
import importlib
import pathlib
import sys
import types
from collections.abc import Sequence

__all__ = ["SEEDS", "TARGETS", "main"]

TARGETS = ("head", "chunked", "multipart")

#: Inputs that were found, and some to begin with: one directory per target.
SEEDS = pathlib.Path(__file__).parent.parent / "conformance" / "corpus"

#: What is watched for new ways through the code: ours, and the parsers that it is compared with.
_INSTRUMENTED = ["asynchttp", "h11", "multipart"]


def main(target: str, arguments: Sequence[str] | None = None) -> int:
    """Fuzz ``target`` as the arguments say; returns the exit code unless the fuzzer ends the process itself."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.fuzz.{target}",
        description="Look for octets that break a promise. What isn't listed here is passed on to libFuzzer.",
    )
    parser.add_argument("--time", type=int, default=0, metavar="SECONDS", help="stop after that; default: never")
    parser.add_argument(
        "--corpus",
        type=pathlib.Path,
        default=pathlib.Path(".fuzz") / target,
        metavar="DIRECTORY",
        help="where inputs that lead somewhere new are kept from run to run; default: %(default)s",
    )
    options, rest = parser.parse_known_args(arguments)
    atheris = _atheris()
    if atheris is None:
        return 2
    options.corpus.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=_INSTRUMENTED):
        check = importlib.import_module(f"tests.fuzz.targets.{target}")
    for seed in check.SEEDS:
        (options.corpus / f"seed-{hashlib.sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    dictionary = options.corpus.parent / f"{target}.dict"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in check.WORDS))
    argv = [
        sys.argv[0],
        str(options.corpus),
        str(SEEDS / target),
        f"-dict={dictionary}",
        f"-artifact_prefix={options.corpus.parent}/{target}-",
        f"-max_total_time={options.time}",
        "-timeout=20",
        *rest,
    ]
    atheris.Setup(argv, check.check)
    atheris.Fuzz()
    return 0


def _atheris() -> types.ModuleType | None:
    try:
        return importlib.import_module("atheris")
    except ImportError as error:
        version = ".".join(map(str, sys.version_info[:3]))
        print(
            f"fuzzing needs atheris, and Python {version} has none here ({error}): pip install 'asynchttpd[fuzz]', "
            "with an interpreter and on a platform that it has a wheel for",
            file=sys.stderr,
        )
        return None


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)
