"""What holds for every test of streams: no descriptor, task, or unseen exception is left; states change as drawn."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio

from asynchttp._basestream import BaseIOStream
from asynchttp._streamtypes import LINK_CHANGES, UP
from tests.stream.kit import KINDS, MODES, Certificates, Pair, open_pair

OpenPair = Callable[..., AbstractAsyncContextManager[Pair]]


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="package", autouse=True)
def collect_only_what_is_new() -> Iterator[None]:
    """What earlier tests left is frozen by ``nothing_is_left``: its collections take 1 ms then, and not 30."""
    yield
    gc.unfreeze()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def connect(kind: str, mode: str, certificates: Certificates) -> OpenPair:
    """``async with connect(**options) as pair``, for each kind and mode."""

    def connect(**options: Any) -> AbstractAsyncContextManager[Pair]:
        return open_pair(kind, certificates, mode, **options)

    return connect


@pytest.fixture(autouse=True)
def states_change_as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of ``_link`` that isn't in the table is an error, wherever it happens."""

    def checked(self: Any, name: str, value: Any) -> None:
        if name == "_link" and (old := self.__dict__.get("_link")) is not None:
            assert (old, value) in LINK_CHANGES, f"{old!r} to {value!r}"
        if name == "_transport" and value is not None:
            assert self._link is UP
        object.__setattr__(self, name, value)

    monkeypatch.setattr(BaseIOStream, "__setattr__", checked, raising=False)


def descriptors() -> int:
    """How many are open; libuv keeps one of ``/dev/null`` for each loop, which it opens for the first stream."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}") != "/dev/null"
        except FileNotFoundError:  # that of the listing
            pass
    return count


@pytest_asyncio.fixture
async def nothing_is_left() -> AsyncIterator[None]:
    """Descriptors and tasks are as many as before, and every exception was seen (asyncio logs the others)."""
    tasks = asyncio.all_tasks()
    gc.collect()
    gc.freeze()
    before = descriptors()
    yield
    for _ in range(50):
        await asyncio.sleep(0)
        if descriptors() == before and not (asyncio.all_tasks() - tasks - {asyncio.current_task()}):
            break
    assert descriptors() == before
    left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
    assert not left
    gc.collect()
