"""Instructions per request, counted by callgrind: a figure that two runs agree on to the fourth digit.

A timing of a microsecond drowns in what else a machine does. Instructions of one build of the interpreter are the same
on a busy machine and on an idle one, so they show what one commit changed; of caches and of branches they know nothing.

How this works
==============
The scripts of ``scripts.py`` are played by one process under valgrind, which writes down what it counted whenever
``getppid`` is called: before and behind the requests of each script. A first process, without valgrind, writes the
bytecode that the counted one reads, and shows that all scripts run at all.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.processes import ROOT
from bench.tables import aligned
from bench.work import BenchError

#: Left out of the environment; what is counted must not depend on them.
_DECIDING = ("PYTHON", "ASYNCHTTP")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"}

#: Seconds; a run takes half a minute on a slow machine.
_PATIENCE = 600


def count(names: Sequence[str], requests: int = 1000, commit: str = "") -> dict[str, float]:
    """Instructions per request of each script.

    Args:
        requests: that are counted, of each script.
        commit: of asynchttp; the scripts are those of this checkout. Empty: as it lies here.

    Raises: BenchError: it can't be done.
    """
    if shutil.which("valgrind") is None:
        raise BenchError("no valgrind: instructions can't be counted")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        path = [str(ROOT)]
        if commit:
            path.insert(0, _package_of(commit, directory))
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ASYNCHTTP"))
        }
        environment |= _ENVIRONMENT
        environment["PYTHONPATH"] = os.pathsep.join(path)
        environment["PYTHONPYCACHEPREFIX"] = f"{directory}/bytecode"
        _run([sys.executable, "-m", "bench.scripts", "1", *names], environment, directory)
        counted = f"{directory}/counted"
        valgrind = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counted}", "--dump-before=getppid"]
        _run([*valgrind, sys.executable, "-m", "bench.scripts", str(requests), *names], environment, directory)
        # 1: up to the first call; 2: the first script; 3: up to the second; and so on.
        figures: list[int] = []
        while (file := Path(f"{counted}.{len(figures) + 1}")).exists():
            figures.append(_total(file))
    if len(figures) != 2 * len(names):
        raise BenchError(f"valgrind counted {len(figures)} parts, not {2 * len(names)}")
    return {name: figure / requests for name, figure in zip(names, figures[1::2], strict=True)}


def table(names: Sequence[str], requests: int, before: str) -> str:
    """What ``python -m bench instructions`` prints.

    Args:
        before: a commit to compare with, or nothing.
    """
    then = count(names, requests, before) if before else {}
    now = count(names, requests)
    if not before:
        return "\n".join(aligned([["script", "instructions/request"], *([name, _number(now[name])] for name in names)]))
    lines = [[name, _number(then[name]), _number(now[name]), f"{now[name] / then[name] - 1:+.1%}"] for name in names]
    return "\n".join(aligned([["script", before, "now", "change"], *lines]))


def _number(instructions: float) -> str:
    return f"{instructions:,.0f}"


def _run(command: Sequence[str], environment: dict[str, str], directory: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{command[0]} took more than {_PATIENCE} s") from error
    if done.returncode or done.stderr:
        raise BenchError(f"the scripts failed:\n{done.stderr[-2000:]}")


def _total(file: Path) -> int:
    with file.open() as lines:
        for line in lines:
            if line.startswith("summary:"):
                return int(line.split()[1])
    raise BenchError(f"valgrind wrote no summary into {file.name}")


def _package_of(commit: str, directory: str) -> str:
    """A directory with asynchttp as it was."""
    found = f"{directory}/commit"
    os.mkdir(found)
    with tempfile.TemporaryFile() as archive:
        git = ["git", "-C", str(ROOT), "archive", commit, "asynchttp"]
        done = subprocess.run(git, stdout=archive, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise BenchError(f"no commit {commit!r}: {done.stderr.strip()}")
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(found, filter="data")
    return found
