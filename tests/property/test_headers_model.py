"""``HTTPHeaders`` step by step beside the simplest model of it: a list of pairs."""

import copy
import pickle
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from asynchttp.httputil import HTTPHeaders, HTTPInputError
from tests.property.effort import EXPLORE

NAMES = st.sampled_from(["A", "a", "b-C", "B-c", "set-COOKIE", "x_y", "1-2", "X-" + "y" * 80])
VALUES = st.sampled_from(["", "b", "b, c", " b ", "é", "\xff", "x\ty"])
BAD_NAMES = st.sampled_from(["", " ", "A ", "A:", "A\n", "é", "\u212a", "a\0", "(", "\ud800", '"'])
BAD_VALUES = st.sampled_from(["\n", "a\r\nB: c", "\0", "\x7f", "Ā", "\ud800", "\x0b"])


def normal(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))


class Model:
    """Pairs of normalised names and values; a name's values stay together where it came first."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.pairs = list(pairs)

    def values(self, name: str) -> list[str]:
        return [value for other, value in self.pairs if other.lower() == name.lower()]

    def remove(self, name: str) -> None:
        self.pairs = [pair for pair in self.pairs if pair[0].lower() != name.lower()]

    def add(self, name: str, value: str) -> None:
        places = [index for index, (other, _) in enumerate(self.pairs) if other.lower() == name.lower()]
        self.pairs.insert(places[-1] + 1 if places else len(self.pairs), (normal(name), value))

    def put(self, name: str, value: str) -> None:
        places = [index for index, (other, _) in enumerate(self.pairs) if other.lower() == name.lower()]
        self.remove(name)
        self.pairs.insert(places[0] if places else len(self.pairs), (normal(name), value))


class Headers(RuleBasedStateMachine):
    @initialize(fields=st.dictionaries(NAMES, VALUES, max_size=3))
    def make(self, fields: dict[str, str]) -> None:
        self.headers = HTTPHeaders(fields)
        self.model = Model()
        for name, value in fields.items():
            self.model.put(name, value)

    @rule(name=NAMES, value=VALUES)
    def add(self, name: str, value: str) -> None:
        self.headers.add(name, value)
        self.model.add(name, value)

    @rule(name=NAMES, value=VALUES, end=st.sampled_from(["", "\n", "\r\n"]))
    def parse_line(self, name: str, value: str, end: str) -> None:
        self.headers.parse_line(f"{name}:\t{value} {end}")
        self.model.add(name, value.strip(" \t"))

    @rule(name=NAMES, value=VALUES)
    def put(self, name: str, value: str) -> None:
        self.headers[name] = value
        self.model.put(name, value)

    @rule(fields=st.dictionaries(NAMES, VALUES, max_size=3))
    def update(self, fields: dict[str, str]) -> None:
        self.headers.update(fields)
        for name, value in fields.items():
            self.model.put(name, value)

    @rule(name=NAMES, value=VALUES)
    def setdefault(self, name: str, value: str) -> None:
        values = self.model.values(name)
        assert self.headers.setdefault(name, value) == (",".join(values) if values else value)
        if not values:
            self.model.put(name, value)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if self.model.values(name):
            del self.headers[name]
        else:
            with pytest.raises(KeyError):
                del self.headers[name]
        self.model.remove(name)

    @rule(name=NAMES)
    def pop(self, name: str) -> None:
        values = self.model.values(name)
        assert self.headers.pop(name, None) == (",".join(values) if values else None)
        self.model.remove(name)

    @rule(name=BAD_NAMES, value=VALUES)
    def add_a_bad_name(self, name: str, value: str) -> None:
        with pytest.raises(HTTPInputError, match="Invalid header name"):
            self.headers.add(name, value)

    @rule(name=NAMES, value=BAD_VALUES)
    def add_a_bad_value(self, name: str, value: str) -> None:
        with pytest.raises(HTTPInputError, match="Invalid header value"):
            self.headers.add(name, value)

    @rule(name=NAMES, value=VALUES)
    def change_a_copy(self, name: str, value: str) -> None:
        for twin in self.twins():
            assert type(twin) is HTTPHeaders
            assert twin == self.headers
            assert list(twin.get_all()) == self.model.pairs
            twin.add(name, value)
            twin.get_list(name).append("z")

    @rule()
    def clear(self) -> None:
        self.headers.clear()
        self.model = Model()

    @rule()
    def write_and_parse(self) -> None:
        self.headers = HTTPHeaders.parse(str(self.headers))
        self.model = Model([(name, value.strip(" \t")) for name, value in self.model.pairs])

    def twins(self) -> Iterator[HTTPHeaders]:
        yield self.headers.copy()
        yield copy.copy(self.headers)
        yield copy.deepcopy(self.headers)
        yield HTTPHeaders(self.headers)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            yield pickle.loads(pickle.dumps(self.headers, protocol))

    @invariant()
    def same(self) -> None:
        names = list(dict.fromkeys(name for name, _ in self.model.pairs))
        assert list(self.headers.get_all()) == self.model.pairs
        assert list(self.headers) == list(self.headers.keys()) == names
        assert len(self.headers) == len(names)
        assert bool(self.headers) == bool(names)
        assert str(self.headers) == "".join(f"{name}: {value}\n" for name, value in self.model.pairs)
        assert repr(self.headers) == f"HTTPHeaders({self.model.pairs!r})"
        for name in ("A", "a", "B-C", "b-c", "Set-Cookie", "X_Y", "1-2", "absent"):
            values = self.model.values(name)
            assert self.headers.get_list(name) == values
            assert (name in self.headers) == bool(values)
            assert self.headers.get(name) == (",".join(values) if values else None)
        for other in (None, b"A", 1, ("A",)):
            assert other not in self.headers


Headers.TestCase.settings = settings(
    max_examples=2000 if EXPLORE else 60, stateful_step_count=25, derandomize=not EXPLORE, database=None, deadline=None
)
TestHeaders = Headers.TestCase
