"""What an operator may write, or have written by a machine: settings come of it, or one error that names its place."""

import json
import os
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import _config, _sockets
from asynchttp._failure import USAGE, Failure
from asynchttp._notify import Notifier
from asynchttp._options import OPTIONS
from tests.property.effort import examples

#: A number that Python reads and can't write.
HUGE = "0x" + "f" * 5000

words = st.sampled_from(["0", "1", "-1", "1e9", "nan", "\u00b2", "\u0663", "10M", "::1", "unix:", "fd://9", "/", ","])
texts = st.one_of(words, st.text(max_size=30), st.lists(words, max_size=4).map("".join))
values: Any = st.recursive(
    st.one_of(texts, st.booleans(), st.integers(), st.just(HUGE)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """All examples write over it."""
    return tmp_path_factory.mktemp("settings") / "x.toml"


def read(*flags: str, env: dict[str, str] | None = None) -> None:
    try:
        _config.read(["app:hello", *flags], env or {})
    except Failure as failure:
        assert failure.code == USAGE
        assert str(failure)


@given(st.sampled_from(OPTIONS), texts)
@examples(1500)
def test_variable(option: Any, text: str) -> None:
    read(env={option.variable: text})


@given(st.sampled_from(OPTIONS), texts)
@examples(1500)
def test_flag(option: Any, text: str) -> None:
    if not option.is_switch:
        read(f"--{option.name}={text}")


@given(st.sampled_from(OPTIONS), values)
@examples(1500)
def test_key(file: pathlib.Path, option: Any, value: Any) -> None:
    file.write_text(f"{option.name} = {_toml(value)}\n", encoding="utf-8")
    read("--config", str(file))


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return value if value == HUGE else json.dumps(value)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))))
@examples(1500)
def test_file(file: pathlib.Path, octets: bytes) -> None:
    file.write_bytes(octets)
    read("--config", str(file))


@given(texts)
@examples(1500)
def test_what_a_service_manager_passes(text: str) -> None:
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": text, "NOTIFY_SOCKET": "/none", "WATCHDOG_USEC": text}
    period = Notifier(environment).period
    assert period is None or 0 < period < 1e10
    try:
        passed = list(_sockets._passed_descriptors(environment))
    except Failure as failure:
        assert str(failure).startswith("LISTEN_FDS: ")
    else:
        assert passed == list(range(3, 3 + len(passed)))
        assert len(passed) <= 1024
