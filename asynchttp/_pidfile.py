"""A file with the id of this process, for as long as it runs."""

import contextlib
import os
from collections.abc import Iterator

__all__ = ["pid_file"]


@contextlib.contextmanager
def pid_file(path: str | None) -> Iterator[None]:
    """Keep the file at ``path`` while the block runs; ``None``: no file.

    A process that was forked meanwhile doesn't remove it, nor is it removed when somebody else's id stands in it.

    Raises: :exc:`FileExistsError` if it has the id of a process that lives; :exc:`OSError` if it can't be written.
    """
    if path is None:
        yield
        return
    path = os.path.abspath(path)
    own = os.getpid()
    other = _read(path)
    if other is not None and other != own and _lives(other):
        raise FileExistsError(f"process {other} runs")
    temporary = f"{path}.{own}"
    try:
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{own}\n")
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    try:
        yield
    finally:
        if os.getpid() == own and _read(path) == own:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _read(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(32).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() and len(text) < 11 else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return pid > 0
