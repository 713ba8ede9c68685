"""Header fields as a mapping."""

import functools
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self, overload

from asynchttp._h1 import abnf
from asynchttp._h1.errors import HTTPInputError

__all__ = ["HTTPHeaders"]

#: Characters of a field name that is worth remembering. No registered name is as long.
_NAME_SIZE = 64


def _normalize(name: str) -> str:
    """``content-TYPE`` → ``Content-Type``."""
    return _normalize_short(name) if len(name) <= _NAME_SIZE else _capitalize_words(name)


def _capitalize_words(name: str) -> str:
    return "-".join([word.capitalize() for word in name.split("-")])


#: Forgets the oldest. A peer could fill it, but with no more than a thousand short names.
_normalize_short = functools.lru_cache(1000)(_capitalize_words)


class HTTPHeaders(MutableMapping[str, str]):
    """Header fields: a case-insensitive mapping whose fields may have several values.

    ``headers[name]`` joins the values of a repeated field with ``,`` (RFC 9110 §5.3); :meth:`get_list` keeps them
    apart, which ``Set-Cookie`` needs. Setting an item replaces all its values; :meth:`add` appends one.

    >>> headers = HTTPHeaders({"content-type": "text/plain"})
    >>> headers.add("Set-Cookie", "a=1"); headers.add("Set-Cookie", "b=2")
    >>> headers["Content-Type"], headers["set-cookie"], headers.get_list("SET-COOKIE")
    ('text/plain', 'a=1,b=2', ['a=1', 'b=2'])

    Source: Tornado ``httputil.HTTPHeaders``.
    """

    __slots__ = ("__dict__", "__weakref__", "_lists")

    @overload
    def __init__(self, fields: Mapping[str, str], /) -> None: ...
    @overload
    def __init__(self, fields: Iterable[tuple[str, str]] = ..., /) -> None: ...
    @overload
    def __init__(self, /, **fields: str) -> None: ...

    def __init__(self, /, *args: Any, **kwargs: str) -> None:
        self._lists: dict[str, list[str]] = {}
        if len(args) > 1:
            raise TypeError(f"HTTPHeaders takes one mapping or iterable of pairs, not {len(args)} arguments")
        if args and isinstance(args[0], HTTPHeaders):
            for name, value in args[0].get_all():
                self._append(name, value)
        else:
            self.update(*args, **kwargs)

    @classmethod
    def _of_checked(cls, fields: Iterable[tuple[str, str]]) -> Self:
        """Headers of fields that were validated before."""
        headers = cls()
        for name, value in fields:
            headers._append(name, value)
        return headers

    def _append(self, name: str, value: str) -> None:
        name = _normalize(name)
        values = self._lists.get(name)
        if values is None:
            self._lists[name] = [value]
        else:
            values.append(value)

    def add(self, name: str, value: str) -> None:
        """Append a value.  Raises :exc:`HTTPInputError` for a name or value that can't stand in a message."""
        if abnf.TOKEN_TEXT.fullmatch(name) is None:
            raise HTTPInputError("Invalid header name", name)
        if abnf.FIELD_VALUE_TEXT.fullmatch(value) is None:
            raise HTTPInputError("Invalid header value", value)
        self._append(name, value)

    def get_list(self, name: str) -> list[str]:
        """The values of a field, in order; an empty list when there is none."""
        return list(self._lists.get(_normalize(name), ()))

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Every (name, value), repeated names included, in the order in which the names first came."""
        for name, values in self._lists.items():
            for value in values:
                yield name, value

    def parse_line(self, line: str) -> None:
        """Add the field of one header line; its line end is ignored, an empty line too.

        Raises: :exc:`HTTPInputError` for a line that isn't ``name: value``; also for a folded one, which RFC 9112 §5.2
        wants refused.
        """
        if line[-1:] == "\n":
            line = line[:-1].removesuffix("\r")
        if not line:
            return
        if line[0] in " \t":
            raise HTTPInputError("folded header field (obs-fold)")
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPInputError("no colon in header line")
        self.add(name, value.strip(" \t"))

    @classmethod
    def parse(cls, headers: str) -> Self:
        """Headers of a text of lines, ended by CRLF or LF."""
        result = cls()
        *lines, last = headers.split("\n")
        for line in lines:
            result.parse_line(line.removesuffix("\r"))
        result.parse_line(last)
        return result

    def __setitem__(self, name: str, value: str) -> None:
        self._lists[_normalize(name)] = [value]

    def __getitem__(self, name: str) -> str:
        values = self._lists[_normalize(name)]
        return values[0] if len(values) == 1 else ",".join(values)

    def __delitem__(self, name: str) -> None:
        del self._lists[_normalize(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _normalize(name) in self._lists

    def __len__(self) -> int:
        return len(self._lists)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def copy(self) -> Self:
        """An independent copy, all values of repeated fields included."""
        return type(self)._of_checked(self.get_all())

    __copy__ = copy

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\n" for name, value in self.get_all())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.get_all())!r})"
