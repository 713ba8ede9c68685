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
import json
import pathlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from asynchttp._migration import METHODS, PRIVATE, REMOVED, SHIMMED_KEYWORDS, UNSUPPORTED_KEYWORDS

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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the program's string escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        advice = f"Python 3 can't read the file ({getattr(error, 'msg', error)}): for Python 2 begin with 2to3"
        return [Use(path, line, "syntax", NOT_SUPPORTED, advice)]
    reader = _Reader(path)
    reader.visit(tree)
    return sorted(set(reader.uses), key=lambda use: (use.line, use.name))


def check_paths(paths: Iterable[pathlib.Path]) -> Iterator[Use]:
    """The uses in files, and in all ``*.py`` below directories."""
    for path in paths:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            yield from check_source(file.read_bytes(), str(file))


class _Reader(ast.NodeVisitor):
    """Follows the names that stand for Tornado's modules and what is in them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.uses: list[Use] = []
        # Name in the file → what it stands for, as "tornado.web.RequestHandler".
        self._names: dict[str, str] = {}

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
                self._add(node, full, NOT_SUPPORTED, "name what is imported, so that it can be looked up")
                continue
            self._names[alias.asname or alias.name] = full
            self._add_import(node, full, f"from {_ours(node.module)} import {alias.name}")

    def _add_import(self, node: ast.stmt, name: str, renamed: str) -> None:
        status, advice = _judge(name)
        if status is NOT_SUPPORTED:
            self._add(node, name, status, advice)
        else:
            self._add(node, name, RENAME, renamed)

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
            self._add(node, meaning, *_judge(meaning))
            return
        if node.attr in PRIVATE and self._names:
            self._add(node, f".{node.attr}", NOT_SUPPORTED, PRIVATE[node.attr])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._names:
            function = node.func
            method = function.attr if isinstance(function, ast.Attribute) else ""
            for keyword in node.keywords:
                rule = (method, keyword.arg or "")
                if rule in UNSUPPORTED_KEYWORDS:
                    self._add(node, f".{method}({keyword.arg}=)", NOT_SUPPORTED, UNSUPPORTED_KEYWORDS[rule])
                elif (keyword.arg or "") in SHIMMED_KEYWORDS and (method in METHODS or keyword.arg == "io_loop"):
                    self._add(node, f"{keyword.arg}=", SHIM, SHIMMED_KEYWORDS[keyword.arg or ""])
        self.generic_visit(node)


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
        if isinstance(found, type):
            break  # its attributes are the concern of whoever made the object
    if getattr(found, "__module__", "").startswith("asynchttp._legacy"):
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
