"""The tree in the docstring is the tree of the classes."""

import re

import pytest

from asynchttp import httputil
from asynchttp._h1 import errors


def drawn_tree() -> dict[str, tuple[str, int | None]]:
    """Name → (name of its parent, status), as the docstring draws it."""
    assert errors.__doc__ is not None
    tree: dict[str, tuple[str, int | None]] = {}
    path: list[str] = []
    for indent, name, status in re.findall(r"^    ([│├└─ ]*)(\w+Error)\b *([0-9]{3})?", errors.__doc__, re.MULTILINE):
        depth = len(indent) // 4
        path[depth - 1 :] = [name]
        tree[name] = (path[depth - 2] if depth > 1 else "Exception", int(status) if status else None)
    return tree


TREE = drawn_tree()


def test_every_class_is_drawn() -> None:
    assert set(TREE) == set(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_parent(name: str) -> None:
    assert getattr(errors, name).__base__.__name__ == TREE[name][0]


@pytest.mark.parametrize("name", errors.__all__)
def test_status(name: str) -> None:
    assert getattr(getattr(errors, name), "status", None) == TREE[name][1]


@pytest.mark.parametrize("name", errors.__all__)
def test_is_exported_where_tornado_has_it(name: str) -> None:
    assert getattr(httputil, name) is getattr(errors, name)
    assert name in httputil.__all__


@pytest.mark.parametrize("name", errors.__all__)
def test_says_why(name: str) -> None:
    assert getattr(errors, name).__doc__
