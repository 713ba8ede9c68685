"""What becomes of a program's uses of Tornado when it runs on asynchttp:

::

    python -m asynchttp.check PATH …            for people
    python -m asynchttp.check --json PATH …     for programs

Files are read, never imported. Each use of Tornado's API is one line of the report::

    app.py:12: works             tornado.web.RequestHandler
    app.py:30: works by a shim   tornado.web.asynchronous
    app.py:3: rename             import tornado.web  →  import asynchttp.web
    app.py:44: not supported     tornado.wsgi.WSGIAdapter: …and what to do

Exit codes: 0: all works; 1: something isn't supported, or can't be read; 2: usage error.
"""

import argparse
import ast
import dataclasses
import importlib
import io
import json
import os
import pathlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Final

from asynchttp._migration import METHODS, PRIVATE, REMOVED, SHIMMED_KEYWORDS

#: Octets of one file: no one wrote more by hand, and the syntax tree takes a hundred times as much.
_MAX_FILE_SIZE: Final = 8 << 20

__all__ = ["Use", "check_paths", "check_source", "main"]

WORKS, SHIM, RENAME, NOT_SUPPORTED = STATUSES = ("works", "works by a shim", "rename", "not supported")


@dataclasses.dataclass(frozen=True, order=True)
class Use:
    """One use of Tornado's API in a source file."""

    path: str
    line: int
    name: str
    status: str
    #: what to do, or how it works; may be empty
    advice: str = ""


def check_source(source: str | bytes, path: str = "<source>") -> list[Use]:
    """The uses of Tornado's API in one source file, in the order of its lines."""
    reader = _Reader(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the program's string escapes
            tree = ast.parse(source)
        reader.visit(tree)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        advice = f"Python 3 can't read the file ({getattr(error, 'msg', error)}): for Python 2 begin with 2to3"
        return [Use(path, line, "syntax", NOT_SUPPORTED, advice)]
    except (RecursionError, MemoryError):
        # Python's parser says MemoryError where its own stack is too small.
        reader.uses.append(Use(path, 1, "syntax", NOT_SUPPORTED, "an expression is nested too deeply to be read"))
    return sorted(set(reader.uses), key=lambda use: (use.line, use.name))


def check_paths(paths: Iterable[pathlib.Path]) -> Iterator[Use]:
    """The uses in files, and in all ``*.py`` below directories.

    Of those that stand in a directory of Python's own environments (``pyvenv.cfg``) or in a hidden one nothing is said,
    and symbolic links to directories aren't followed. What can't be read is a use that isn't supported.
    """
    for path in paths:
        if path.is_dir():
            yield from _check_directory(path)
        else:
            yield from _check_file(path)


def _check_directory(top: pathlib.Path) -> Iterator[Use]:
    failed: list[OSError] = []
    for directory, directories, files in os.walk(top, onerror=failed.append):
        directories[:] = sorted(
            each
            for each in directories
            if not each.startswith(".") and not os.path.exists(os.path.join(directory, each, "pyvenv.cfg"))
        )
        for name in sorted(files):
            path = pathlib.Path(directory, name)
            # What is no file may make its reader wait for ever; a link that leads nowhere is told of.
            if path.suffix == ".py" and (path.is_file() or path.is_symlink()):
                yield from _check_file(path)
    for error in failed:
        yield _unreadable(pathlib.Path(error.filename), error)


def _check_file(path: pathlib.Path) -> list[Use]:
    try:
        with path.open("rb") as file:
            source = file.read(_MAX_FILE_SIZE + 1)
    except OSError as error:
        return [_unreadable(path, error)]
    if len(source) > _MAX_FILE_SIZE:
        return [_unreadable(path, f"larger than {_MAX_FILE_SIZE >> 20} MiB")]
    return check_source(source, str(path))


def _unreadable(path: pathlib.Path, why: "OSError | str") -> Use:
    reason = why.strerror if isinstance(why, OSError) else why
    return Use(str(path), 1, "file", NOT_SUPPORTED, f"can't be read: {reason}")


class _Reader(ast.NodeVisitor):
    """Follows the names that stand for Tornado's modules and what is in them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.uses: list[Use] = []
        # Name in the file → what it stands for, as "tornado.web.RequestHandler".
        self._names: dict[str, str] = {}
        self._made: set[str] = set()
        #: What the class around is derived from, of Tornado's.
        self._class = ""

    def _add(self, node: ast.AST, name: str, status: str, advice: str = "") -> None:
        self.uses.append(Use(self._path, getattr(node, "lineno", 1), name, status, advice))

    # -- imports -----------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if not _is_tornados(alias.name):
                continue
            self._names[alias.asname or "tornado"] = alias.name if alias.asname else "tornado"
            self._add_import(node, alias.name, f"import {_ours(alias.name)}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None or not _is_tornados(node.module):
            return
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if alias.name == "*":
                self._add_all(node, node.module)
                continue
            self._names[alias.asname or alias.name] = full
            self._add_import(node, full, f"from {_ours(node.module)} import {alias.name}")

    def _add_all(self, node: ast.ImportFrom, module: str) -> None:
        status, advice = _judge(module)
        if status is NOT_SUPPORTED:
            self._add(node, f"{module}.*", status, advice)
            return
        found: object = sys.modules[_ours(module)]
        self._names.update((name, f"{module}.{name}") for name in getattr(found, "__all__", vars(found)))
        self._add(node, f"{module}.*", RENAME, f"from {_ours(module)} import *, which has only its own public names")

    def _add_import(self, node: ast.stmt, name: str, renamed: str) -> None:
        status, advice = _judge(name)
        if status is NOT_SUPPORTED:
            self._add(node, name, status, advice)
        else:
            self._add(node, name, RENAME, renamed)

    # -- scopes ------------------------------------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._class
        self._class = " ".join(meaning for base in node.bases if (meaning := self._meaning(base)))
        self.generic_visit(node)
        self._class = outer

    def _visit_function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda") -> None:
        """Inside, a parameter or a variable of the function's own stands for nothing of Tornado's."""
        outer = self._names
        self._names = {name: meaning for name, meaning in outer.items() if name not in _own_names(node)}
        self.generic_visit(node)
        self._names = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node)

    # -- uses --------------------------------------------------------------------------------------------------------

    def _meaning(self, node: ast.expr) -> str | None:
        """What an expression like ``a.b.c`` stands for, if it is Tornado's."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self._meaning(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            meaning = self._names.get(node.id)
            if meaning is not None and meaning.count(".") > 1:
                self._add(node, meaning, *_judge(meaning))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        meaning = self._meaning(node)
        if meaning is not None:
            status, advice = _judge(meaning)
            if status is NOT_SUPPORTED and isinstance(node.ctx, ast.Store):
                self._made.add(meaning)  # a name that the program puts there itself
            elif not any(meaning == made or meaning.startswith(made + ".") for made in self._made):
                self._add(node, meaning, status, advice)
            return
        if node.attr in PRIVATE and self._names:
            word, advice = PRIVATE[node.attr]
            owner = ast.unparse(node.value)
            if owner == "self":
                owner = self._class
            if word in owner.lower():
                self._add(node, f".{node.attr}", NOT_SUPPORTED, advice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._names:
            function = node.func
            method = function.attr if isinstance(function, ast.Attribute) else ""
            for keyword in node.keywords:
                if (keyword.arg or "") in SHIMMED_KEYWORDS and (method in METHODS or keyword.arg == "io_loop"):
                    self._add(node, f"{keyword.arg}=", SHIM, SHIMMED_KEYWORDS[keyword.arg or ""])
        self.generic_visit(node)


def _own_names(function: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda") -> set[str]:
    """The names of parameters and variables in a function; not those of its imports."""
    own: set[str] = set()
    shared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            shared.update(node.names)
    return own - shared


def _is_tornados(name: str) -> bool:
    return name == "tornado" or name.startswith("tornado.")


def _ours(name: str) -> str:
    return "asynchttp" + name.removeprefix("tornado")


def _judge(name: str) -> tuple[str, str]:
    """Status and advice for a dotted name of Tornado's.

    What exists is looked at, rather than listed: here only what doesn't needs words.
    """
    for removed, advice in REMOVED.items():
        if name == removed or name.startswith(removed + "."):
            return NOT_SUPPORTED, advice
    found: object = importlib.import_module("asynchttp")
    path = "asynchttp"
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        try:
            found = getattr(found, part, None) or importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name == "tornado":
                return WORKS, "with the extra 'tornado'"
            if error.name is not None and not error.name.startswith("asynchttp"):
                return WORKS, f"where {error.name} is installed"
            return NOT_SUPPORTED, "there is no such name in Tornado 6 or here" + _private(part)
        if not isinstance(found, ModuleType):
            break  # its attributes are the concern of whoever made the object
    if str(getattr(found, "__module__", None)).startswith("asynchttp._legacy"):
        return SHIM, ""
    return WORKS, ""


def _private(name: str) -> str:
    return ": names with an underscore are private" if name.startswith("_") else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.  Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m asynchttp.check", description="What becomes of a program's uses of Tornado on asynchttp."
    )
    parser.add_argument("paths", nargs="+", type=pathlib.Path, metavar="PATH", help="source files, or directories")
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of lines")
    parser.add_argument("--all", action="store_true", help="print what works as well, not only what needs attention")
    options = parser.parse_args(arguments)
    for path in options.paths:
        if not path.exists():
            parser.error(f"no such file or directory: {path}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be anything
    uses = list(check_paths(options.paths))
    if options.json:
        json.dump([dataclasses.asdict(use) for use in uses], sys.stdout, indent=2)
        print()
    else:
        _print(uses, options.all)
    return 1 if any(use.status == NOT_SUPPORTED for use in uses) else 0


_WIDTH: Final = max(map(len, STATUSES))


def _print(uses: "list[Use]", everything: bool) -> None:
    for use in uses:
        if everything or use.status != WORKS:
            advice = f"{'  →  ' if use.status == RENAME else ': '}{use.advice}" if use.advice else ""
            print(f"{use.path}:{use.line}: {use.status:{_WIDTH}}  {use.name}{advice}")
    counts = Counter(use.status for use in uses)
    print(", ".join(f"{counts[status]} {status}" for status in STATUSES))


if __name__ == "__main__":
    sys.exit(main())
